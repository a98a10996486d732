# A purchase, as Google's Data Manager wants to hear of it.
{
  transaction_id: .id,
  event_time: .ordered_at,
  event_source: "WEB",
  email,
  phone,
  given_name: .first_name,
  family_name: .last_name,
  region: .country,
  postal_code: .postal_code,
  gclid,
  value: .total,
  currency
}
