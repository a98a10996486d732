-- A small shop. SQLite has no decimals, so prices are text: 1.10 stays 1.10.
CREATE TABLE customer (
	id INTEGER PRIMARY KEY, -- 64 bits: some are beyond 2^53
	name TEXT NOT NULL,
	email TEXT,
	plan TEXT,
	balance TEXT NOT NULL
);
INSERT INTO customer VALUES
	(1, 'Ada Lovelace', 'ada@example.com', 'pro', '12.50'),
	(2, 'Zoë Müller', 'zoe@example.com', NULL, '0.00'),
	(3, '王小明', 'xiaoming@example.com', 'pro', '100.00'),
	(4, 'José' || char(10) || 'García', NULL, NULL, '7.00'),
	(9007199254740993, 'Anaïs "Nina" O''Connor', 'nina@example.com', 'pro', '1.10'),
	(9223372036854775807, 'Олена 🌻', 'olena@example.com', NULL, '0.30');
