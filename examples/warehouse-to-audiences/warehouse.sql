-- A warehouse of one table, to try the connection with.
CREATE TABLE customer (
  id INTEGER PRIMARY KEY, email TEXT, phone TEXT, first_name TEXT,
  last_name TEXT, country TEXT, postal_code TEXT,
  may_advertise INTEGER, last_order_at TEXT);
INSERT INTO customer VALUES
  (1, ' John_Smith@gmail.com', '+1 650-555-1212', 'John', 'Smith', 'US', '94105-1234', 1, '2026-11-01'),
  (2, 'Person@Example.com', NULL, 'Valéry', 'Ng', 'France', '75001', 1, '2026-10-01'),
  (3, 'grace@example.com', NULL, 'Grace', 'Hopper', 'US', '10001', 1, '2026-09-01'),
  (4, 'no@example.com', NULL, 'No', 'Thanks', 'US', '10002', 0, '2026-11-01'),
  (5, 'ada@example.com', NULL, 'Ada', 'Lovelace', 'GB', 'W1', 1, '2026-11-01'),
  (6, 'zoe@example.com', NULL, 'Zoë', 'Müller', 'DE', '10115', 1, '2026-11-01'),
  (7, 'nina@example.com', NULL, 'Nina', 'O''Connor', 'IE', 'D01', 1, '2026-11-01');
