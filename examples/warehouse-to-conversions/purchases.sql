SELECT o.id, o.ordered_at, o.total, o.currency, o.gclid, o.user_agent,
       c.email, c.phone, c.first_name, c.last_name, c.country, c.postal_code
FROM purchase o JOIN customer c ON c.id = o.customer_id
WHERE o.ordered_at >= :cursor
