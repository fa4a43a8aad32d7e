"""What the tests of the REPL talk about."""

ORDERS = """CREATE STREAM orders (customer STRING KEY, item STRING, amount DOUBLE)
  WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 1);"""
INSERT = "INSERT INTO orders VALUES ('ann', 'lamp', 40.0), ('bartholomew', 'desk', 250.0);"
