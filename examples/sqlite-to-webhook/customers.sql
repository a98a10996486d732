SELECT id, name, email, plan, balance FROM customer
