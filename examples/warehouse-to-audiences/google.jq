# A customer as a member of a Google list: addresses and phones are lists there.
{
  id,
  emails: [.email],
  phones: (if .phone then [.phone] else null end)
}
