"""Ways to talk to a server's schema registry."""

import json
import urllib.error
import urllib.request

from confluent_kafka.schema_registry import SchemaRegistryClient

from harness import PATIENCE_S


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
