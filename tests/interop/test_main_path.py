"""The whole path: a Kafka producer, continuous SQL, and results in Postgres clients and Kafka consumers."""

import json
import subprocess
import threading
import uuid

from confluent_kafka import Consumer, Producer, TopicPartition

from harness import eventually

ORDERS = """
CREATE STREAM orders (id BIGINT KEY, customer STRING, amount DOUBLE, quantity INT)
WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON', PARTITIONS = 4)
"""


def produce(server, topic, records):
    producer = Producer({"bootstrap.servers": server.kafka, "acks": "all", "enable.idempotence": True})
    failures = []
    for key, value in records:
        payload = None if value is None else json.dumps(value)
        producer.produce(topic, key=key, value=payload, on_delivery=lambda error, _: error and failures.append(error))
    producer.flush(30)
    assert not failures


def consume(server, topic, partitions, count, **settings):
    consumer = Consumer({"bootstrap.servers": server.kafka, "group.id": "reader", "enable.auto.commit": False} | settings)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    messages = []

    def poll():
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            messages.append(message)
        return len(messages) >= count

    eventually(poll)
    consumer.close()
    return messages


def order(number, amount):
    return number.to_bytes(8, "big"), {"customer": f"c{number % 3}", "amount": amount, "quantity": number}


def test_records_come_in_over_kafka_and_results_go_out_over_postgres_and_kafka(server):
    server.sql(ORDERS)
    server.sql("CREATE STREAM large AS SELECT id, customer, amount FROM orders WHERE amount >= 50 EMIT CHANGES")
    server.sql("CREATE TABLE per_customer AS SELECT customer, COUNT(*) AS n, SUM(amount) AS total FROM orders GROUP BY customer EMIT CHANGES")
    produce(server, "orders", [order(number, float(number)) for number in range(100)])
    eventually(lambda: server.sql("SELECT count(*) FROM large") == [(50,)])
    expected = [(f"c{c}", len(range(c, 100, 3)), float(sum(range(c, 100, 3)))) for c in range(3)]
    eventually(lambda: server.sql("SELECT customer, n, total FROM per_customer ORDER BY customer") == expected)
    assert server.sql("SELECT n FROM per_customer WHERE customer = 'c1'") == [(33,)]
    messages = consume(server, "LARGE", 4, 50)
    assert sorted(int.from_bytes(message.key(), "big") for message in messages) == list(range(50, 100))
    assert all(set(json.loads(message.value())) == {"CUSTOMER", "AMOUNT"} for message in messages)


def test_changes_come_row_by_row_while_records_arrive(server):
    server.sql(ORDERS)
    with server.connect() as connection:
        cursor = connection.cursor()
        rows = cursor.stream("SELECT id, amount FROM orders WHERE amount > 10 EMIT CHANGES LIMIT 3")
        # The query begins behind the last record, so the records come when it runs.
        produce_when_a_query_runs(server)
        amounts = [row[1] for row in rows]
        assert amounts[:2] == [11.0, 12.0] and amounts[2] in (13.0, 14.0)


def produce_when_a_query_runs(server):
    def run():
        eventually(lambda: server.metric("tidemill_push_queries_running"))
        produce(server, "orders", [order(number, float(number)) for number in (5, 11)])
        produce(server, "orders", [order(number, float(number)) for number in (12,)])
        produce(server, "orders", [order(number, float(number)) for number in (13, 14)])

    threading.Thread(target=run).start()


def test_windows_count_by_event_time(server):
    server.sql("CREATE STREAM visits (page STRING, visited BIGINT) WITH (KAFKA_TOPIC = 'visits', VALUE_FORMAT = 'JSON', PARTITIONS = 1, TIMESTAMP = 'visited')")
    server.sql("CREATE TABLE per_minute AS SELECT page, COUNT(*) AS n FROM visits WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY page EMIT CHANGES")
    minute = 60_000
    produce(server, "visits", [(None, {"page": page, "visited": at}) for page, at in
                               [("a", 0), ("a", 59_999), ("b", 10), ("a", minute), ("a", 30_000)]])
    query = "SELECT page, windowstart, n FROM per_minute ORDER BY page, windowstart"
    eventually(lambda: server.sql(query) == [("a", 0, 3), ("a", minute, 1), ("b", 0, 1)])


def test_inserted_values_and_cast_expressions(server):
    server.sql(ORDERS)
    server.sql("INSERT INTO orders (id, customer, amount, quantity) VALUES (1, 'ann', 2.5, 7)")
    server.sql("CREATE STREAM computed AS SELECT id, CAST(amount AS STRING) AS text, quantity / 2 AS half, quantity / 0 AS none FROM orders EMIT CHANGES")
    eventually(lambda: server.sql("SELECT id, text, half, none FROM computed") == [(1, "2.5", 3, None)])


def test_a_record_that_does_not_decode_is_told_and_the_query_goes_on(server):
    server.sql(ORDERS)
    server.sql("CREATE STREAM copy AS SELECT * FROM orders EMIT CHANGES")
    producer = Producer({"bootstrap.servers": server.kafka})
    places = []

    def note(_, message):
        places.append((message.topic(), message.partition(), message.offset()))

    for key, value in [((1).to_bytes(8, "big"), b'{"customer": "x", "amount": {}}'), (b"short", b"{}")]:
        producer.produce("orders", key=key, value=value, on_delivery=note)
        producer.flush(30)
    produce(server, "orders", [order(7, 1.0)])
    eventually(lambda: server.sql("SELECT count(*) FROM copy") == [(1,)])
    query = "SELECT topic, record_partition, record_offset, reason FROM processing_log WHERE kind = 'rejected'"
    rejected = eventually(lambda: (rows := server.sql(query)) and len(rows) == 2 and rows)
    told = {(topic, partition, offset): reason for topic, partition, offset, reason in rejected}
    assert set(told) == set(places)
    assert "AMOUNT" in told[places[0]].upper()


def test_psql_shows_streams_and_answers_errors_with_a_hint(server):
    server.sql(ORDERS)

    def psql(*arguments):
        command = ["psql", "-h", "127.0.0.1", "-p", str(server.ports["postgres"]), "-U", "tester", "-d", "tidemill", "-X", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    listed = psql("-c", r"\d")
    assert "orders" in listed.stdout, listed
    described = psql("-c", r"\d orders")
    assert "amount" in described.stdout and "double precision" in described.stdout, described
    wrong = psql("-c", "SELECT amont FROM orders EMIT CHANGES")
    assert "amont" in wrong.stderr.lower(), wrong


def test_everything_is_there_after_a_restart(server):
    server.sql(ORDERS)
    server.sql("CREATE TABLE per_customer AS SELECT customer, COUNT(*) AS n FROM orders GROUP BY customer EMIT CHANGES")
    produce(server, "orders", [order(number, 1.0) for number in range(30)])
    eventually(lambda: server.sql("SELECT sum(n) FROM per_customer") == [(30,)])
    assert server.stop() == 0
    server.start()
    assert server.sql("SELECT sum(n) FROM per_customer") == [(30,)]
    produce(server, "orders", [order(number, 1.0) for number in range(30)])
    eventually(lambda: server.sql("SELECT sum(n) FROM per_customer") == [(60,)])
