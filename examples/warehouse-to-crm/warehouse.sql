-- A warehouse of two tables, to try the connection with.
CREATE TABLE customer (
  id INTEGER PRIMARY KEY, email TEXT, first_name TEXT, last_name TEXT, plan TEXT);
INSERT INTO customer VALUES
  (9007199254740993, ' Ada@Example.com', 'Ada', 'Lovelace', 'pro'),
  (9007199254740995, 'grace@example.com', 'Grace', 'Hopper', 'free'),
  (9007199254740997, 'zoe@example.com', 'Zoë', NULL, NULL);
CREATE TABLE purchase (
  id INTEGER PRIMARY KEY, customer_id INTEGER, ordered_at TEXT, total NUMERIC);
INSERT INTO purchase VALUES
  (1, 9007199254740993, '2026-11-24T10:00:00Z', 19.5),
  (2, 9007199254740993, '2026-11-24T11:00:00Z', 0.5);
