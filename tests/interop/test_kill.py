"""Killed at random moments under load: nothing acknowledged is lost, nothing derived is doubled or missing."""

import json
import random
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from harness import PATIENCE_S, eventually

KILLS = 5
PARTITIONS = 4


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
            value = json.dumps({"n": number, "k": f"k{number % 17}", "amount": number % 100})
            try:
                self.producer.produce("events", key=f"{number}", value=value, on_delivery=self.delivered(number))
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
    """Every record from the start to the end of a topic."""
    consumer = Consumer({"bootstrap.servers": server.kafka, "group.id": "check", "enable.auto.commit": False} | settings)
    ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in range(PARTITIONS)}
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    positions = {p: 0 for p in ends}
    values = []

    deadline = time.monotonic() + PATIENCE_S
    while any(positions[p] < ends[p] for p in ends):
        assert time.monotonic() < deadline, f"{topic}: read up to {positions}, the ends are {ends}"
        for message in consumer.consume(1_000, timeout=0.2):
            assert message.error() is None, message.error()
            positions[message.partition()] = message.offset() + 1
            values.append(json.loads(message.value()))
    consumer.close()
    return values


def test_nothing_is_lost_or_doubled_across_kills(server):
    chance = random.Random(20240229)
    server.sql(f"CREATE STREAM events (id STRING KEY, n BIGINT, k STRING, amount BIGINT) WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = {PARTITIONS})")
    server.sql("CREATE STREAM passed AS SELECT id, n, amount FROM events WHERE amount < 90 EMIT CHANGES")
    server.sql("CREATE TABLE totals AS SELECT k, COUNT(*) AS records, SUM(amount) AS total FROM events GROUP BY k EMIT CHANGES")
    ports = dict(server.ports)
    load = Load(server)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.3, 1.2))
        server.kill()
        server.start(ports)
    time.sleep(0.5)
    load.stop()

    records = read_all(server, "events")
    numbers = [record["n"] for record in records]
    assert len(numbers) == len(set(numbers)), "an idempotent producer's record is there once"
    missing = set(load.acknowledged) - set(numbers)
    assert not missing, f"{len(missing)} acknowledged records are lost"

    expected = sorted(record["n"] for record in records if record["amount"] < 90)
    eventually(lambda: server.sql("SELECT count(*) FROM passed")[0][0] >= len(expected))
    for isolation in ("read_committed", "read_uncommitted"):
        passed = sorted(record["N"] for record in read_all(server, "PASSED", **{"isolation.level": isolation}))
        assert passed == expected, f"{isolation}: {len(passed)} derived records, {len(expected)} expected"

    totals = {}
    for record in records:
        count, total = totals.get(record["k"], (0, 0))
        totals[record["k"]] = (count + 1, total + record["amount"])
    recomputed = sorted((key, *value) for key, value in totals.items())
    eventually(lambda: sorted(server.sql("SELECT k, records, total FROM totals")) == recomputed)
