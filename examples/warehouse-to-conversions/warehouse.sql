-- A warehouse of two tables, to try the connection with.
CREATE TABLE customer (
  id INTEGER PRIMARY KEY, email TEXT, phone TEXT, first_name TEXT,
  last_name TEXT, country TEXT, postal_code TEXT);
INSERT INTO customer VALUES
  (1, ' John_Smith@gmail.com', '+1 650-555-1212', 'John', 'Smith', 'US', '94105-1234'),
  (2, 'valery@example.com', NULL, 'Valéry', 'Ng', 'France', '75001'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE purchase (
  id INTEGER PRIMARY KEY, customer_id INTEGER, ordered_at TEXT, total NUMERIC,
  currency TEXT, gclid TEXT, user_agent TEXT);
INSERT INTO purchase VALUES
  (9007199254740993, 1, '2026-11-24T10:00:00Z', 19.90, 'USD', NULL, 'Mozilla/5.0'),
  (9007199254740995, 2, '2026-11-24T11:30:00Z', 7.5, 'EUR', 'Cj0KEQ', 'Mozilla/5.0'),
  (9007199254740997, 3, '2026-11-24T12:00:00Z', 3, 'EUR', NULL, NULL);
