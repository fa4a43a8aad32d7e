"""Streams and tables for tests, under names of their own."""

import contextlib
import uuid


@contextlib.contextmanager
def created(connection, kind, columns):
    """A stream or table under a name of its own."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    connection.execute(
        f"CREATE {kind} {name} ({columns}) WITH (kafka_topic = '{name}', value_format = 'JSON', partitions = 1)"
    )
    try:
        yield name
    finally:
        connection.execute(f"DROP {kind} {name} DELETE TOPIC")


def insert(connection, name, *ids):
    """Adds rows to a stream of orders."""
    for number in ids:
        connection.execute(f"INSERT INTO {name} (id, customer, amount) VALUES ({number}, 'c{number}', {number}.00)")
