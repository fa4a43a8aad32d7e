-- A web shop's similar products: what was bought by the same customer within an hour, counted for each pair.

CREATE STREAM purchases (
  customer STRING KEY, product STRING, bought_at TIMESTAMP
) WITH (KAFKA_TOPIC = 'purchases', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'bought_at');

-- The same topic a second time: a join takes two sources.
CREATE STREAM other_purchases (
  customer STRING KEY, product STRING, bought_at TIMESTAMP
) WITH (KAFKA_TOPIC = 'purchases', VALUE_FORMAT = 'JSON', TIMESTAMP = 'bought_at');

-- Each pair once for each of its two products.
CREATE STREAM bought_together AS
  SELECT a.customer AS customer, a.product AS product, b.product AS similar_product
  FROM purchases a JOIN other_purchases b WITHIN 1 HOUR GRACE PERIOD 10 MINUTES ON a.customer = b.customer
  WHERE a.product <> b.product EMIT CHANGES;

CREATE TABLE similar_products WITH (KEY_FORMAT = 'JSON') AS
  SELECT product, similar_product, COUNT(*) AS times, COUNT_DISTINCT(customer) AS customers_count
  FROM bought_together GROUP BY product, similar_product EMIT CHANGES;

INSERT INTO purchases (customer, product, bought_at) VALUES
  ('ann', 'tent', '2026-03-01T10:00:00.000'), ('ann', 'stove', '2026-03-01T10:05:00.000'),
  ('bob', 'tent', '2026-03-01T10:10:00.000'), ('bob', 'stove', '2026-03-01T10:20:00.000'),
  ('bob', 'lamp', '2026-03-01T10:30:00.000'), ('cid', 'tent', '2026-03-01T11:00:00.000'),
  ('cid', 'novel', '2026-03-01T13:30:00.000');

-- Customers who bought a tent also bought …
SELECT similar_product, times FROM similar_products WHERE product = 'tent' ORDER BY times DESC, similar_product;
-- expect: stove 2, lamp 1

SELECT product, similar_product FROM similar_products WHERE product = 'novel';
-- expect:
