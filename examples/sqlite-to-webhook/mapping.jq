# A customer of the shop, as the receiver wants to see one.
{
  id: .id,
  name: .name,
  email: .email,
  plan: (.plan // "free"),
  balance: .balance,
  greeting: "Hello \(.name)!"
}
