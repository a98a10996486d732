# A purchase, as Meta wants to hear of it. The id is the one that the pixel
# sends from the page of thanks: Meta counts the two once.
{
  event_name: "Purchase",
  event_time: .ordered_at,
  event_id: "purchase-\(.id)",
  action_source: "website",
  event_source_url: "https://shop.example/thanks",
  client_user_agent: .user_agent,
  email,
  phone,
  first_name,
  last_name,
  country,
  zip: .postal_code,
  value: .total,
  currency,
  order_id: .id
}
