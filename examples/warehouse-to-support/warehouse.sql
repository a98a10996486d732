-- A warehouse of two tables, to try the connection with.
CREATE TABLE account (
  id INTEGER PRIMARY KEY, name TEXT, domain TEXT, plan TEXT, monthly_spend NUMERIC);
INSERT INTO account VALUES
  (9007199254740993, 'Acme', 'acme.example', 'enterprise', 499.5),
  (9007199254740995, 'Bühler & Söhne', 'buehler.example', 'team', 49);
CREATE TABLE usage (account_id INTEGER, days_idle INTEGER);
INSERT INTO usage VALUES (9007199254740993, 1), (9007199254740995, 12);
