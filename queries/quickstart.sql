-- Quickstart: a stream of orders, a filter that runs for ever, and a table that counts.
--
-- Run it with `tidemill sql -f queries/quickstart.sql`: against the server on this machine, or in memory
-- where there is none.

CREATE STREAM orders (
  customer STRING KEY, item STRING, amount DOUBLE
) WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

-- Every large order, as a stream and as the topic LARGE_ORDERS that any Kafka client can read.
CREATE STREAM large_orders AS
  SELECT customer, item, amount FROM orders WHERE amount >= 100.0 EMIT CHANGES;

-- What each customer has bought so far.
CREATE TABLE totals AS
  SELECT customer, COUNT(*) AS orders_count, SUM(amount) AS total
  FROM orders GROUP BY customer EMIT CHANGES;

INSERT INTO orders (customer, item, amount) VALUES
  ('ann', 'lamp', 40.0),
  ('bob', 'desk', 250.0),
  ('ann', 'chair', 120.0),
  ('cem', 'pen', 2.5);

SELECT customer, item, amount FROM large_orders ORDER BY amount;
-- expect: ann chair 120, bob desk 250

SELECT customer, orders_count, total FROM totals ORDER BY customer;
-- expect: ann 2 160, bob 1 250, cem 1 2.5
