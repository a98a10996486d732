-- Who bought in the last year and has agreed to be advertised to.
SELECT c.id, c.email, c.phone, c.first_name, c.last_name, c.country, c.postal_code
FROM customer c
WHERE c.may_advertise AND c.last_order_at >= '2025-11-25'
