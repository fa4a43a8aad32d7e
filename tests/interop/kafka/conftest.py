"""Kafka clients against a running server.

Every test uses topics and groups of its own, so tests can run in any order, side by side, and against a
server that is used: TIDEMILL_KAFKA (host:port) names one; without it the tests' own server is taken.
"""

import os
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

# Until something that should happen must have happened. Generous: a slow machine is no failure.
PATIENCE_S = 30


@pytest.fixture(scope="session")
def bootstrap(request):
    return os.environ.get("TIDEMILL_KAFKA") or request.getfixturevalue("shared_server").kafka


@pytest.fixture
def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap})


@pytest.fixture
def name():
    """A name that nobody else uses, for a topic or a group."""
    return f"interop-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def create_topic(admin, name):
    """Creates the test's topic."""

    def create(partitions=1, config=None):
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config or {})
        admin.create_topics([topic])[name].result(PATIENCE_S)
        return name

    return create


@pytest.fixture
def topic(create_topic):
    """A topic with one partition."""
    return create_topic()


@pytest.fixture
def producer(bootstrap):
    return Producer({"bootstrap.servers": bootstrap, "acks": "all"})


@pytest.fixture
def read(bootstrap):
    """Reads `count` messages of a topic from its start, by partition and offset."""

    def read(topic, count, partitions=1, **settings):
        consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, **settings}
        )
        try:
            consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
            messages = take(consumer, count)
        finally:
            consumer.close()
        return sorted(messages, key=lambda message: (message.partition(), message.offset()))

    return read


def take(consumer, count):
    """Polls until `count` messages have come."""
    messages = []
    deadline = time.monotonic() + PATIENCE_S
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} messages came"
        message = consumer.poll(0.2)
        if message is None:
            continue
        assert message.error() is None, message.error()
        messages.append(message)
    return messages


def until(condition, *consumers):
    """Polls the consumers until the condition holds; gives the messages that came meanwhile."""
    messages = []
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        for consumer in consumers:
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                messages.append(message)
    return messages


def send(producer, topic, values, **details):
    """Produces values and waits until all are acknowledged; gives the delivered messages."""
    delivered = []

    def on_delivery(error, message):
        assert error is None, error
        delivered.append(message)

    for value in values:
        producer.produce(topic, value=value, on_delivery=on_delivery, **details)
    assert producer.flush(PATIENCE_S) == 0
    assert len(delivered) == len(values)
    return delivered
