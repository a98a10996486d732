-- What happens in the shop between two runs.
INSERT INTO customer VALUES
	(9007199254740995, 'Grace Hopper', 'grace@example.com', 'pro', '5.00');
UPDATE customer SET balance = '2.20' WHERE id = 9007199254740993;
DELETE FROM customer WHERE id = 2;
