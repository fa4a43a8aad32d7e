"""Records of the unmodified Avro and JSON serializers, read by SQL; and what SQL writes, read by their deserializers."""

import datetime
import decimal
import json
import re
import urllib.request
import uuid

import pytest
from clients import take
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from harness import PATIENCE_S, eventually

SALE = json.dumps({
    "type": "record", "name": "Sale", "namespace": "com.example",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "customer", "type": ["null", "string"], "default": None},
        {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}},
        {"name": "place", "type": ["null", {"type": "record", "name": "Place", "fields": [
            {"name": "town", "type": "string"}, {"name": "zip", "type": ["null", "int"]}]}]},
    ],
})

PERSON = json.dumps({
    "$schema": "http://json-schema.org/draft-07/schema#", "title": "Person", "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "friends": {"type": "array", "items": {"type": "string"}},
    },
})


@pytest.fixture
def registry(shared_server):
    return SchemaRegistryClient({"url": f"http://127.0.0.1:{shared_server.ports['http']}"})


@pytest.fixture
def name():
    """A name for a topic and, in upper case, for what SQL makes of it."""
    return "t" + uuid.uuid4().hex[:12]


def send(server, topic, serializer, values, keys=None):
    producer = Producer({"bootstrap.servers": server.kafka})
    failures = []
    for number, value in enumerate(values):
        payload = serializer(value, SerializationContext(topic, MessageField.VALUE))
        key = keys[number] if keys else None
        producer.produce(topic, value=payload, key=key, on_delivery=lambda error, _: error and failures.append(error))
    assert producer.flush(PATIENCE_S) == 0 and not failures, failures


def test_avro_records_are_read_without_declaring_a_column(shared_server, registry, name):
    serializer = AvroSerializer(registry, SALE)
    sales = [
        {"id": 1, "customer": "ann", "amount": decimal.Decimal("12.50"), "day": datetime.date(2024, 2, 29),
         "tags": ["a", "b"], "state": "PAID", "place": {"town": "Ulm", "zip": 89073}},
        {"id": 2, "customer": None, "amount": decimal.Decimal("-0.01"), "day": datetime.date(1970, 1, 1),
         "tags": [], "state": "OPEN", "place": None},
    ]
    send(shared_server, name, serializer, sales)
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    rows = shared_server.sql(
        f"SELECT id, customer, amount, day, tags, state, (place->town) AS town FROM {name} ORDER BY id")
    assert rows == [
        (1, "ann", decimal.Decimal("12.50"), datetime.date(2024, 2, 29), ["a", "b"], "PAID", "Ulm"),
        (2, None, decimal.Decimal("-0.01"), datetime.date(1970, 1, 1), [], "OPEN", None),
    ]


def test_a_schema_that_grows_is_read_with_the_records_before_it(shared_server, registry, name):
    first = {"type": "record", "name": "R", "fields": [{"name": "A", "type": "int"}]}
    send(shared_server, name, AvroSerializer(registry, json.dumps(first)), [{"A": 1}])
    first["fields"].insert(0, {"name": "b", "type": ["null", "string"], "default": None})
    send(shared_server, name, AvroSerializer(registry, json.dumps(first)), [{"A": 2, "b": "x"}])
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    assert sorted(shared_server.sql(f"SELECT a, b FROM {name}")) == [(1, None), (2, "x")]


def test_what_a_query_writes_as_avro_is_read_by_the_deserializer(shared_server, registry, name):
    shared_server.sql(f"CREATE STREAM {name} (k STRING KEY, n BIGINT, price DECIMAL(6, 2), seen TIMESTAMP,"
                      f" m MAP<STRING, INT>, s STRUCT<x DOUBLE, y ARRAY<STRING>>)"
                      f" WITH (KAFKA_TOPIC = '{name}', FORMAT = 'AVRO', PARTITIONS = 1)")
    shared_server.sql(f"CREATE STREAM {name}_out WITH (KAFKA_TOPIC = '{name}-out') AS SELECT * FROM {name}")
    shared_server.sql(f"INSERT INTO {name} VALUES ('key', 7, 1.50, '2024-01-02T03:04:05', MAP('a' := 1),"
                      f" STRUCT(x := 0.5, y := ARRAY['p', NULL]))")
    shared_server.sql(f"INSERT INTO {name} (k) VALUES ('empty')")
    deserializer = AvroDeserializer(registry)
    (key, value), (_, empty) = take(shared_server, f"{name}-out", 2)
    assert deserializer(key, SerializationContext(f"{name}-out", MessageField.KEY)) == "key"
    assert deserializer(value, SerializationContext(f"{name}-out", MessageField.VALUE)) == {
        "N": 7,
        "PRICE": decimal.Decimal("1.50"),
        "SEEN": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        "M": [{"key": "a", "value": 1}],
        "S": {"X": 0.5, "Y": ["p", None]},
    }
    assert deserializer(empty, SerializationContext(f"{name}-out", MessageField.VALUE)) == {
        "N": None, "PRICE": None, "SEEN": None, "M": None, "S": None}
    schema = json.loads(registry.get_latest_version(f"{name}-out-value").schema.schema_str)
    assert schema["name"] == "KsqlDataSourceSchema"


def test_json_records_of_a_schema_are_read_and_written(shared_server, registry, name):
    serializer = JSONSerializer(PERSON, registry)
    send(shared_server, name, serializer, [{"name": "ann", "age": 41, "friends": ["bob"]}, {"name": "bob", "age": 7}])
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'JSON_SR')")
    assert shared_server.sql(f"SELECT name, age, friends FROM {name} ORDER BY age DESC") == [
        ("ann", 41, ["bob"]), ("bob", 7, None)]
    shared_server.sql(f"CREATE STREAM {name}_out WITH (KAFKA_TOPIC = '{name}-out') AS"
                      f" SELECT name, age FROM {name} WHERE age > 10")
    [(_, value)] = take(shared_server, f"{name}-out", 1)
    deserializer = JSONDeserializer(None, schema_registry_client=registry)
    read = deserializer(value, SerializationContext(f"{name}-out", MessageField.VALUE))
    assert read == {"NAME": "ann", "AGE": 41}


def test_records_without_a_schema_are_told_and_the_others_go_on(shared_server, registry, name):
    serializer = AvroSerializer(registry, json.dumps(
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}))
    send(shared_server, name, serializer, [{"a": 1}])
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    shared_server.sql(f"CREATE STREAM {name}_out WITH (VALUE_FORMAT = 'JSON', KAFKA_TOPIC = '{name}-out') AS"
                      f" SELECT a FROM {name}")
    send(shared_server, name, lambda value, _: value, [b"{\"a\": 1}", b"\0\0\0\xff\xff\2"])
    send(shared_server, name, serializer, [{"a": 2}])
    # Without keys they may be in several partitions, whose order among each other says nothing.
    assert sorted(json.loads(value)["A"] for _, value in take(shared_server, f"{name}-out", 2)) == [1, 2]
    reasons = eventually(lambda: (lambda found: found if len(found) == 2 else None)(
        shared_server.sql(f"SELECT reason FROM processing_log WHERE topic = '{name}'")))
    reasons = sorted(reason for (reason,) in reasons)
    assert reasons[0].startswith("not written with a schema registry"), reasons
    assert reasons[1] == "the schema registry has no schema 65535", reasons


def test_a_query_that_readers_could_not_follow_is_refused(shared_server, registry, name):
    serializer = AvroSerializer(registry, json.dumps(
        {"type": "record", "name": "KsqlDataSourceSchema", "namespace": "io.confluent.ksql.avro_schemas",
         "fields": [{"name": "A", "type": "int"}]}))
    send(shared_server, f"{name}-out", serializer, [{"A": 1}])
    shared_server.sql(f"CREATE STREAM {name} (a STRING) WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'JSON', PARTITIONS = 1)")
    with pytest.raises(Exception, match="Could not register schema for topic") as refused:
        shared_server.sql(f"CREATE STREAM {name}_out WITH (KAFKA_TOPIC = '{name}-out', VALUE_FORMAT = 'AVRO') AS"
                          f" SELECT * FROM {name}")
    assert re.search(r"the source says VALUE_SCHEMA_ID = \d+$", refused.value.diag.message_hint)
    assert urllib.request.urlopen(f"http://127.0.0.1:{shared_server.ports['http']}/subjects/{name}-out-value/versions",
                                  timeout=PATIENCE_S).read() == b"[1]"


def test_print_reads_what_was_written_with_a_schema_and_shows_windows(shared_server, registry, name):
    schema = {"type": "record", "name": "R", "fields": [{"name": "A", "type": "int"}, {"name": "B", "type": "string"}]}
    send(shared_server, name, AvroSerializer(registry, json.dumps(schema)), [{"A": 1, "B": "x"}])
    printed = shared_server.sql(f"PRINT '{name}' FROM BEGINNING LIMIT 1")
    assert json.loads(printed[0][4]) == {"A": 1, "B": "x"}
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    # Another declaration, which knows less and comes first by its name, takes nothing away.
    shared_server.sql(f"CREATE STREAM a_{name} (v STRING) WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'KAFKA')")
    printed = shared_server.sql(f"PRINT '{name}' FROM BEGINNING LIMIT 1")
    assert json.loads(printed[0][4]) == {"A": 1, "B": "x"}
    shared_server.sql(f"CREATE TABLE {name}_counts WITH (KAFKA_TOPIC = '{name}-counts', KEY_FORMAT = 'KAFKA') AS"
                      f" SELECT b, COUNT(*) AS n FROM {name} WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY b")
    printed = shared_server.sql(f"PRINT '{name}-counts' FROM BEGINNING LIMIT 1")
    assert re.fullmatch(r"\[x@(\d+)/(\d+)\]", printed[0][3]), printed
    assert json.loads(printed[0][4]) == {"N": 1}
