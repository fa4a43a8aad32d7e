"""Ways to talk to a server's schema registry and to its topics."""

import json
import urllib.error
import urllib.request
import uuid

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient

from harness import PATIENCE_S, eventually


def client_of(server):
    return SchemaRegistryClient({"url": f"http://127.0.0.1:{server.ports['http']}"})


def rest_of(server):
    def send(method, path, body=None, **headers):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.ports['http']}{path}",
            data=data,
            method=method,
            headers=headers,
        )
        try:
            answer = urllib.request.urlopen(request, timeout=PATIENCE_S)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers["Content-Type"], json.loads(answer.read())

    return send


def take(server, topic, count):
    """So many keys and values of a topic."""
    consumer = Consumer({"bootstrap.servers": server.kafka, "group.id": uuid.uuid4().hex,
                         "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
    consumer.subscribe([topic])
    try:
        taken = []

        def all_taken():
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                taken.append((message.key(), message.value()))
            return len(taken) >= count

        eventually(all_taken)
        return taken
    finally:
        consumer.close()
