# A customer as a member of a Meta audience. retl-hash brings each value into the
# form that Meta hashes, and hashes it.
{
  extern_id: .id,
  email,
  phone,
  fn: .first_name,
  ln: .last_name,
  zip: .postal_code,
  country
}
