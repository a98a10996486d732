# An account as an Intercom company; health is a custom attribute.
{
  company_id: .id,
  name,
  website: "https://\(.domain)",
  plan,
  monthly_spend,
  custom_attributes: {health}
}
