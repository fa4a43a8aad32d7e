"""Killed at random moments under load: nothing acknowledged is lost, nothing derived is doubled or missing.

TIDEMILL_KILLS is the number of kills (default 5), TIDEMILL_KILL_SEED the seed of their moments.
"""

import json
import os
import random
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from harness import PATIENCE_S, eventually

KILLS = int(os.environ.get("TIDEMILL_KILLS", "5"))
SEED = int(os.environ.get("TIDEMILL_KILL_SEED", "20240229"))
PARTITIONS = 4
WINDOW_MS = 10_000

# Event time is made from the numbers of the records, so that windows do not depend on the clock.
START_MS = 1_700_000_000_000
STEP_MS = 5

KEYS = 17
# The last keys have no row in the table.
NAMES = {f"k{key}": f"name of k{key}" for key in range(KEYS - 3)}

STATEMENTS = [
    f"CREATE STREAM events (id STRING KEY, n BIGINT, k STRING, amount BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = {PARTITIONS})",
    "CREATE TABLE names (k STRING PRIMARY KEY, name STRING) WITH (KAFKA_TOPIC = 'names', VALUE_FORMAT = 'JSON', PARTITIONS = 2)",
    "CREATE STREAM passed AS SELECT id, n, amount FROM events WHERE amount < 90 EMIT CHANGES",
    "CREATE TABLE totals AS SELECT k, COUNT(*) AS records, SUM(amount) AS total FROM events WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY k EMIT CHANGES",
    "CREATE STREAM named AS SELECT events.k AS k, n, name FROM events JOIN names ON events.k = names.k EMIT CHANGES",
    # Two readers of one topic in one query: each record meets itself once.
    "CREATE STREAM again (id STRING KEY, amount BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON')",
    "CREATE STREAM pairs AS SELECT events.id AS id, n, again.amount AS amount FROM events JOIN again WITHIN 1 SECOND ON events.id = again.id EMIT CHANGES",
]


class Load:
    """An idempotent producer that numbers its records and remembers which were acknowledged."""

    def __init__(self, server):
        self.acknowledged = []
        self.producer = Producer({
            "bootstrap.servers": server.kafka,
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": 120_000,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 200,
            "linger.ms": 2,
        })
        self.running = True
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        number = 0
        while self.running:
            value = json.dumps({"n": number, "k": f"k{number % KEYS}", "amount": number % 100})
            try:
                self.producer.produce("events", key=f"{number}", value=value, timestamp=START_MS + number * STEP_MS, on_delivery=self.delivered(number))
                number += 1
            except BufferError:
                pass
            self.producer.poll(0)
            if number % 20 == 0:
                time.sleep(0.005)

    def delivered(self, number):
        def on_delivery(error, _):
            if error is None:
                self.acknowledged.append(number)

        return on_delivery

    def stop(self):
        self.running = False
        self.thread.join()
        assert self.producer.flush(120) == 0


def read_all(server, topic, **settings):
    """Every record from the start to the end of a topic: key, value, timestamp."""
    consumer = Consumer({"bootstrap.servers": server.kafka, "group.id": "check", "enable.auto.commit": False} | settings)
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in partitions}
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    positions = {p: 0 for p in ends}
    records = []

    deadline = time.monotonic() + PATIENCE_S
    while any(positions[p] < ends[p] for p in ends):
        assert time.monotonic() < deadline, f"{topic}: read up to {positions}, the ends are {ends}"
        for message in consumer.consume(1_000, timeout=0.2):
            assert message.error() is None, message.error()
            positions[message.partition()] = message.offset() + 1
            records.append((message.key(), json.loads(message.value()), message.timestamp()[1]))
    consumer.close()
    return records


def kill_at_random(server, ports, chance):
    """Kills the server once: while it runs, or while it starts. It runs again afterwards."""
    if chance.random() < 0.3:
        server.kill()
        server.launch(ports)
        time.sleep(chance.uniform(0.0, 0.15))
    else:
        time.sleep(chance.uniform(0.05, 1.0))
    server.kill()
    server.start(ports)


def test_nothing_is_lost_or_doubled_across_kills(server):
    chance = random.Random(SEED)
    for statement in STATEMENTS[:2]:
        server.sql(statement)
    rows = ", ".join(f"('{key}', '{name}')" for key, name in NAMES.items())
    server.sql(f"INSERT INTO names (k, name) VALUES {rows}")
    for statement in STATEMENTS[2:]:
        server.sql(statement)
    # The join has the whole table before the first event: what it gives then depends on the events alone.
    eventually(lambda: server.metric("tidemill_query_records_in_total", "NAMED") >= len(NAMES))

    ports = dict(server.ports)
    load = Load(server)
    for _ in range(KILLS):
        kill_at_random(server, ports, chance)
    time.sleep(0.5)
    load.stop()

    records = read_all(server, "events")
    numbers = [record["n"] for _, record, _ in records]
    assert len(numbers) == len(set(numbers)), "an idempotent producer's record is there once"
    missing = set(load.acknowledged) - set(numbers)
    assert not missing, f"{len(missing)} acknowledged records are lost"
    assert all(time_ms == START_MS + record["n"] * STEP_MS for _, record, time_ms in records)

    passed = sorted(record["n"] for _, record, _ in records if record["amount"] < 90)
    named = sorted((record["n"], NAMES[record["k"]]) for _, record, _ in records if record["k"] in NAMES)
    totals = {}
    for _, record, time_ms in records:
        window = (record["k"], time_ms - time_ms % WINDOW_MS)
        count, total = totals.get(window, (0, 0))
        totals[window] = (count + 1, total + record["amount"])

    recomputed = sorted((*window, *value) for window, value in totals.items())
    eventually(lambda: sorted(server.sql("SELECT k, windowstart, records, total FROM totals")) == recomputed)
    eventually(lambda: server.sql("SELECT count(*) FROM passed")[0][0] >= len(passed))
    eventually(lambda: server.sql("SELECT count(*) FROM named")[0][0] >= len(named))
    eventually(lambda: server.sql("SELECT count(*) FROM pairs")[0][0] >= len(numbers))
    # A read_committed consumer, and one with the defaults of the protocol, which sees everything.
    for isolation in ("read_committed", "read_uncommitted"):
        level = {"isolation.level": isolation}
        found = sorted(record["N"] for _, record, _ in read_all(server, "PASSED", **level))
        assert found == passed, f"{isolation}: {len(found)} records passed, {len(passed)} expected"
        found = sorted((record["N"], record["NAME"]) for _, record, _ in read_all(server, "NAMED", **level))
        assert found == named, f"{isolation}: {len(found)} records joined, {len(named)} expected"
        found = sorted(record["N"] for _, record, _ in read_all(server, "PAIRS", **level))
        assert found == sorted(numbers), f"{isolation}: {len(found)} records met themselves, {len(numbers)} expected"
        changelog = {}
        for key, value, _ in read_all(server, "TOTALS", **level):
            window = (key[:-8].decode(), int.from_bytes(key[-8:], "big"))
            # Each change counts more than the one before: none is given twice.
            assert window not in changelog or changelog[window][0] < value["RECORDS"], f"{isolation}: {window}"
            changelog[window] = (value["RECORDS"], value["TOTAL"])
        assert changelog == totals, f"{isolation}: the changelog's last values"
