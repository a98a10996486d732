SELECT c.id, c.email, c.first_name, c.last_name, c.plan,
       count(o.id) AS orders, coalesce(sum(o.total), 0) AS lifetime_value,
       max(o.ordered_at) AS last_order_at
FROM customer c LEFT JOIN purchase o ON o.customer_id = c.id
GROUP BY c.id, c.email, c.first_name, c.last_name, c.plan
