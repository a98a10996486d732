# A customer as a HubSpot contact; customer_no, lifetime_value and orders are
# properties of our own. customer_no is unique there: contacts are known by it.
{
  customer_no: .id,
  email,
  firstname: .first_name,
  lastname: .last_name,
  plan: (.plan // "none"),
  orders,
  lifetime_value,
  last_order_at
}
