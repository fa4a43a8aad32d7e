-- Orders worth a second look.
CREATE STREAM orders (customer STRING KEY, item STRING, amount DOUBLE)
  WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 1);

CREATE STREAM large_orders AS
  SELECT customer, item, amount FROM orders WHERE amount >= 100 EMIT CHANGES;
