"""Kafka clients against a running server.

Every test uses topics and groups of its own, so tests can run in any order, side by side, and against a
server that is used: TIDEMILL_KAFKA (host:port) names one; without it the tests' own server is taken.
"""

import os
import uuid

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from messages import take

from harness import PATIENCE_S


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
