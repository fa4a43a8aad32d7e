"""Messages through librdkafka: sent until acknowledged, polled until there."""

import time

from harness import PATIENCE_S


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
