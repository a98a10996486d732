# A customer as a Salesforce contact. Members that end with __c are fields of our
# own; Customer_No__c is the external id.
{
  Customer_No__c: "\(.id)",
  Email: .email,
  FirstName: .first_name,
  LastName: (.last_name // "(unknown)"),
  Plan__c: .plan,
  Orders__c: .orders,
  Lifetime_Value__c: .lifetime_value,
  Last_Order__c: .last_order_at
}
