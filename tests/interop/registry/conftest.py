"""The schema registry, as Confluent's own clients use it.

Every test uses subjects and topics of its own, so tests can run in any order and side by side; those that set
something for the whole registry have a server of their own.
"""

import uuid

import pytest
from clients import client_of, rest_of
from confluent_kafka import Consumer, Producer, TopicPartition

from harness import PATIENCE_S


@pytest.fixture
def client(shared_server):
    """A client that has seen nothing yet."""
    return client_of(shared_server)


@pytest.fixture
def subject():
    """A subject that nobody else uses."""
    return f"subject-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic():
    """A topic that nobody else uses; the first record makes it."""
    return f"topic-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def rest(shared_server):
    """Sends one request; gives status, media type and body."""
    return rest_of(shared_server)


@pytest.fixture
def records(shared_server):
    """Writes values to a topic and reads all of its values back, as bytes."""

    def write_and_read(topic, values):
        producer = Producer({"bootstrap.servers": shared_server.kafka})
        for value in values:
            producer.produce(topic, value=value, partition=0)
        assert producer.flush(PATIENCE_S) == 0
        consumer = Consumer({"bootstrap.servers": shared_server.kafka, "group.id": "unused"})
        try:
            consumer.assign([TopicPartition(topic, 0, 0)])
            messages = consumer.consume(len(values), PATIENCE_S)
        finally:
            consumer.close()
        return [message.value() for message in messages]

    return write_and_read
