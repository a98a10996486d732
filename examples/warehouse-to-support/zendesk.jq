# An account as a Zendesk organization; plan and health are organization fields.
{
  external_id: .id,
  name,
  domain_names: [.domain],
  fields: {plan, health}
}
