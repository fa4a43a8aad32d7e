"""Records with given keys, times and partitions: into a topic, and all that a topic has."""

import json

from confluent_kafka import Consumer, Producer, TopicPartition

# An event time to count from: a minute, an hour and a day begin there.
START_MS = 1_700_006_400_000
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def produce(server, topic, records, partition=None):
    """Sends (key, value, milliseconds since START_MS) and waits until they are acknowledged."""
    producer = Producer({"bootstrap.servers": server.kafka, "acks": "all", "enable.idempotence": True})
    failures = []
    extra = {} if partition is None else {"partition": partition}
    for number, (key, value, time_ms) in enumerate(records):
        payload = None if value is None else json.dumps(value)
        producer.produce(topic, key=key, value=payload, timestamp=START_MS + time_ms,
                         on_delivery=lambda error, _: error and failures.append(error), **extra)
        if number % 10_000 == 9_999:
            producer.flush(30)
    assert producer.flush(30) == 0 and not failures, failures


def read(server, topic):
    """All visible records of a topic as (key, value, milliseconds since START_MS), a partition after the other."""
    consumer = Consumer({"bootstrap.servers": server.kafka, "group.id": "reader", "enable.auto.commit": False})
    partitions = sorted(consumer.list_topics(topic, 10).topics[topic].partitions)
    records = []
    for partition in partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), 10)
        consumer.assign([TopicPartition(topic, partition, low)])
        position = low
        while position < high:
            message = consumer.poll(10)
            assert message is not None and message.error() is None, f"{topic} ended at {position} before {high}"
            position = message.offset() + 1
            value = None if message.value() is None else json.loads(message.value())
            key = None if message.key() is None else message.key().decode()
            records.append((key, value, message.timestamp()[1] - START_MS))
    consumer.close()
    return records


def of_key(records, key):
    """The values and times of one key, in order."""
    return [(value, time_ms) for record_key, value, time_ms in records if record_key == key]
