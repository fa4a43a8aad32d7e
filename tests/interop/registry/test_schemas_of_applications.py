"""What serializers of applications do besides the plain way: schemas that build on others, other subjects, the
newest schema instead of their own, and keys. The serializers are unmodified; SQL reads what they write, and they
read what SQL writes.
"""

import json
import uuid

import psycopg
import pytest
from clients import take
from confluent_kafka import Producer
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from harness import PATIENCE_S

CUSTOMER = {
    "type": "record", "name": "Customer", "namespace": "com.example",
    "fields": [{"name": "name", "type": "string"}, {"name": "since", "type": ["null", "int"], "default": None}],
}

VISIT = {
    "type": "record", "name": "Visit", "namespace": "com.example",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "customer", "type": "com.example.Customer"},
        {"name": "others", "type": {"type": "array", "items": "com.example.Customer"}},
        {"name": "source", "type": ["null", "string", "long"]},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["SHOP", "WEB"], "default": "SHOP"}},
        {"name": "token", "type": {"type": "fixed", "name": "Token", "size": 4}},
    ],
}

PERSON = {
    "type": "object", "title": "Person",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}

# The descriptors a compiler of .proto files would generate classes from.
PARTS = """
name: "tide/parts.proto" package: "tide.parts" syntax: "proto3"
message_type {
  name: "Part"
  field { name: "code" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  nested_type { name: "Size" field { name: "mm" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL } }
  field { name: "size" number: 2 type: TYPE_MESSAGE type_name: ".tide.parts.Part.Size" label: LABEL_OPTIONAL }
}
"""

STOCK = """
name: "tide/stock.proto" package: "tide.stock" syntax: "proto3" dependency: "tide/parts.proto"
message_type {
  name: "Stock"
  field { name: "part" number: 1 type: TYPE_MESSAGE type_name: ".tide.parts.Part" label: LABEL_OPTIONAL }
  field { name: "spare" number: 2 type: TYPE_MESSAGE type_name: ".tide.parts.Part" label: LABEL_REPEATED }
  nested_type { name: "Empty" }
  nested_type {
    name: "Count"
    field { name: "number" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
  }
}
message_type {
  name: "Shelf"
  field { name: "number" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
}
"""


def _classes(*files):
    pool = descriptor_pool.Default()
    for text in files:
        pool.AddSerializedFile(text_format.Parse(text, descriptor_pb2.FileDescriptorProto()).SerializeToString())

    def find(name):
        return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    return find


CLASS = _classes(PARTS, STOCK)


@pytest.fixture
def name():
    """A name for a topic and, in upper case, for what SQL makes of it."""
    return "t" + uuid.uuid4().hex[:12]


def send(server, topic, rows, value, key=None):
    """Writes keys and values through serializers."""
    producer = Producer({"bootstrap.servers": server.kafka})
    for row_key, row in rows:
        producer.produce(
            topic,
            value=value(row, SerializationContext(topic, MessageField.VALUE)),
            key=key and key(row_key, SerializationContext(topic, MessageField.KEY)),
            partition=0,
        )
    assert producer.flush(PATIENCE_S) == 0


def reference(client, name, subject, schema, schema_type):
    client.register_schema(subject, Schema(json.dumps(schema), schema_type))
    return SchemaReference(name, subject, client.get_latest_version(subject).version)


def test_avro_schemas_that_build_on_others_are_read(shared_server, client, name):
    customer = reference(client, "com.example.Customer", f"{name}-customer", CUSTOMER, "AVRO")
    serializer = AvroSerializer(client, Schema(json.dumps(VISIT), "AVRO", [customer]))
    ann, bob = {"name": "ann", "since": 1999}, {"name": "bob", "since": None}
    send(shared_server, name, [
        (None, {"id": 1, "customer": ann, "others": [bob], "source": "ad", "kind": "WEB", "token": b"abcd"}),
        (None, {"id": 2, "customer": bob, "others": [], "source": 7, "kind": "SHOP", "token": b"\0\1\2\3"}),
        (None, {"id": 3, "customer": bob, "others": [ann, ann], "source": None, "kind": "SHOP", "token": b"    "}),
    ], serializer)
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    rows = shared_server.sql(
        f"SELECT id, customer->name, customer->since, ARRAY_LENGTH(others), source->string, source->`LONG`, kind,"
        f" FROM_BYTES(token, 'hex') FROM {name} ORDER BY id")
    assert rows == [
        (1, "ann", 1999, 1, "ad", None, "WEB", "61626364"),
        (2, "bob", None, 0, None, 7, "SHOP", "00010203"),
        (3, "bob", None, 2, None, None, "SHOP", "20202020"),
    ]


def test_json_schemas_that_build_on_others_are_read(shared_server, client, name):
    person = reference(client, "person.json", f"{name}-person", PERSON, "JSON")
    team = {
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Team", "type": "object",
        "properties": {
            "lead": {"$ref": "person.json"},
            "members": {"type": "array", "items": {"$ref": "person.json"}},
            "budget": {"oneOf": [{"type": "null"}, {"type": "number"}]},
        },
    }
    serializer = JSONSerializer(Schema(json.dumps(team), "JSON", [person]), client)
    send(shared_server, name, [
        (None, {"lead": {"name": "ann", "age": 41}, "members": [{"name": "bob"}], "budget": 10.5}),
        (None, {"lead": {"name": "eve"}, "members": [], "budget": None}),
    ], serializer)
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'JSON_SR')")
    rows = shared_server.sql(
        f"SELECT lead->name AS lead, lead->age, ARRAY_LENGTH(members), budget FROM {name} ORDER BY lead")
    assert rows == [("ann", 41, 1, 10.5), ("eve", None, 0, None)]


def test_a_row_that_a_schema_refuses_is_told_with_its_place_and_what_it_leaves_out(shared_server, client, name):
    number = client.register_schema(f"{name}-order", Schema(json.dumps({
        "type": "record", "name": "Order", "fields": [
            {"name": "AMOUNT", "type": "int"}, {"name": "NOTE", "type": ["null", "string"], "default": None}],
    }), "AVRO"))
    shared_server.sql(f"CREATE STREAM {name} (id INT KEY) WITH (KAFKA_TOPIC = '{name}', PARTITIONS = 1,"
                      f" KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO', VALUE_SCHEMA_ID = {number})")
    with pytest.raises(psycopg.Error) as error:
        shared_server.sql(f"INSERT INTO {name} (id) VALUES (1)")
    told = error.value.diag
    assert "column `AMOUNT`: it is NULL" in told.message_primary
    assert (told.statement_position, told.message_hint) == ("13", "columns without a value are NULL: AMOUNT, NOTE")


def test_what_sql_writes_with_a_schema_of_an_application_is_valid_by_it(shared_server, client, name):
    task = json.dumps({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Task", "type": "object",
        "properties": {
            "number": {"type": "integer"},
            "state": {"type": "string", "enum": ["new", "done"], "default": "new"},
            "note": {"type": "string"},
            "owner": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}},
            "origin": {"type": "string", "default": "web"},
        },
        "required": ["number", "state", "origin"],
    })
    number = client.register_schema(f"{name}-out-value", Schema(task, "JSON"))
    shared_server.sql(f"CREATE STREAM {name} (`number` BIGINT, `state` STRING, `note` STRING,"
                      f" `owner` STRUCT<`name` STRING, `age` BIGINT>)"
                      f" WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'JSON', PARTITIONS = 1)")
    shared_server.sql(f"CREATE STREAM {name}_out WITH (KAFKA_TOPIC = '{name}-out', VALUE_FORMAT = 'JSON_SR',"
                      f" VALUE_SCHEMA_ID = {number}) AS SELECT * FROM {name}")
    shared_server.sql(f"INSERT INTO {name} VALUES (1, 'done', 'x', STRUCT(`name` := 'ann', `age` := 41))")
    shared_server.sql(f"INSERT INTO {name} (`number`, `owner`)"
                      f" VALUES (2, STRUCT(`name` := 'bob', `age` := CAST(NULL AS BIGINT)))")
    shared_server.sql(f"INSERT INTO {name} (`number`) VALUES (3)")
    read = JSONDeserializer(task)
    assert [read(value, SerializationContext(f"{name}-out", MessageField.VALUE))
            for _, value in take(shared_server, f"{name}-out", 3)] == [
        {"number": 1, "state": "done", "note": "x", "owner": {"name": "ann", "age": 41}, "origin": "web"},
        {"number": 2, "state": "new", "owner": {"name": "bob"}, "origin": "web"},
        {"number": 3, "state": "new", "origin": "web"},
    ]


def test_protobuf_schemas_that_import_others_are_read(shared_server, client, name):
    stock = CLASS("tide.stock.Stock")()
    stock.part.code = "p1"
    stock.part.size.mm = 12
    stock.spare.add().code = "p2"
    send(shared_server, name, [(None, stock)],
         ProtobufSerializer(type(stock), client, {"use.deprecated.format": False}))
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'PROTOBUF')")
    rows = shared_server.sql(f"SELECT part->code AS code, part->size->mm AS mm, spare[1]->code AS spare FROM {name}")
    assert rows == [("p1", 12, "p2")]


def test_a_message_inside_another_is_read_by_its_full_name(shared_server, client, name):
    count = CLASS("tide.stock.Stock.Count")(number=5)
    send(shared_server, name, [(None, count)],
         ProtobufSerializer(type(count), client, {"use.deprecated.format": False}))
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'PROTOBUF',"
                      f" VALUE_SCHEMA_FULL_NAME = 'tide.stock.Stock.Count')")
    assert shared_server.sql(f"SELECT number FROM {name}") == [(5,)]


def test_serializers_write_with_the_schema_that_a_statement_declares(shared_server, client, name):
    latest = {"auto.register.schemas": False, "use.latest.version": True}
    shared_server.sql(f"CREATE STREAM {name} (k STRING KEY, n BIGINT, tags ARRAY<STRING>, s STRUCT<x DOUBLE>)"
                      f" WITH (KAFKA_TOPIC = '{name}', KEY_FORMAT = 'KAFKA', VALUE_FORMAT = 'AVRO', PARTITIONS = 1)")
    avro = AvroSerializer(client, None, conf=latest)
    full, empty = {"N": 1, "TAGS": ["x", None], "S": {"X": 0.5}}, {"N": None, "TAGS": None, "S": None}
    send(shared_server, name, [("a", full), ("b", empty)], avro, lambda key, _: key.encode())
    assert shared_server.sql(f"SELECT k, n, tags, s->x FROM {name} ORDER BY k") == [
        ("a", 1, ["x", None], 0.5), ("b", None, None, None)]

    shared_server.sql(f"CREATE STREAM {name}_j (n BIGINT, tags ARRAY<STRING>)"
                      f" WITH (KAFKA_TOPIC = '{name}-j', VALUE_FORMAT = 'JSON_SR', PARTITIONS = 1)")
    written = client.get_latest_version(f"{name}-j-value").schema.schema_str
    send(shared_server, f"{name}-j", [(None, {"N": 3, "TAGS": ["y", None]}), (None, {"N": None})],
         JSONSerializer(written, client, conf=latest))
    assert shared_server.sql(f"SELECT n, tags FROM {name}_j") == [(3, ["y", None]), (None, None)]


def test_normalized_schemas_are_found_again(shared_server, client, name):
    first = {"type": "record", "name": "R", "fields": [{"name": "A", "type": {"type": "int"}}]}
    second = {"name": "R", "doc": "", "type": "record", "fields": [{"type": "int", "name": "A"}]}
    for schema in (first, second):
        send(shared_server, name, [(None, {"A": 1})],
             AvroSerializer(client, json.dumps(schema), conf={"normalize.schemas": True}))
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    assert shared_server.sql(f"SELECT a FROM {name}") == [(1,), (1,)]


@pytest.mark.parametrize("strategy", [record_subject_name_strategy, topic_record_subject_name_strategy])
def test_records_of_several_schemas_are_read_by_the_columns_they_share(shared_server, client, name, strategy):
    conf = {"subject.name.strategy": strategy}
    number, by, reason = ({"name": column, "type": kind} for column, kind in
                          [("id", "int"), ("by", "string"), ("reason", "string")])
    opened = {"type": "record", "name": f"Opened_{name}", "fields": [number, by]}
    closed = {"type": "record", "name": f"Closed_{name}", "fields": [reason, number]}
    for schema, row in [(opened, {"id": 1, "by": "ann"}), (closed, {"reason": "done", "id": 2})]:
        send(shared_server, name, [(None, row)], AvroSerializer(client, json.dumps(schema), conf=conf))
    with pytest.raises(Exception, match="does not exist in the Schema Registry"):
        shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    shared_server.sql(f"CREATE STREAM {name} (id INT, `by` STRING, reason STRING)"
                      f" WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'AVRO')")
    rows = shared_server.sql(f"SELECT id, `by`, reason FROM {name} ORDER BY id")
    assert rows == [(1, "ann", None), (2, None, "done")]


def test_keys_are_read_and_written_in_every_format_with_schemas(shared_server, client, name):
    fields = [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]
    key = AvroSerializer(client, json.dumps({"type": "record", "name": "Key", "fields": fields}))
    fields = [{"name": "v", "type": "double"}]
    value = AvroSerializer(client, json.dumps({"type": "record", "name": "V", "fields": fields}))
    send(shared_server, name, [({"a": 1, "b": "x"}, {"v": 0.5})], value, key)
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', FORMAT = 'AVRO')")
    assert shared_server.sql(f"SELECT rowkey->a, rowkey->b, v FROM {name}") == [(1, "x", 0.5)]

    for number, (format_name, read) in enumerate([
        ("AVRO", AvroDeserializer(client)),
        ("JSON_SR", JSONDeserializer(None, schema_registry_client=client)),
    ]):
        topic = f"{name}-{number}"
        shared_server.sql(f"CREATE STREAM {name}_{number} WITH (KAFKA_TOPIC = '{topic}', PARTITIONS = 1,"
                          f" KEY_FORMAT = '{format_name}') AS"
                          f" SELECT rowkey->b AS b, rowkey->a AS a, v FROM {name} PARTITION BY rowkey->b, rowkey->a")
        [(key, _)] = take(shared_server, topic, 1)
        assert read(key, SerializationContext(topic, MessageField.KEY)) == {"B": "x", "A": 1}, format_name


def test_a_message_of_protobuf_is_a_key(shared_server, client, name):
    key = CLASS("tide.stock.Shelf")
    send(shared_server, name, [(key(number=4), {"A": 1})],
         AvroSerializer(client, json.dumps({"type": "record", "name": "V", "fields": [{"name": "A", "type": "int"}]})),
         ProtobufSerializer(key, client, {"use.deprecated.format": False}))
    shared_server.sql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC = '{name}', KEY_FORMAT = 'PROTOBUF',"
                      f" KEY_SCHEMA_FULL_NAME = 'tide.stock.Shelf', VALUE_FORMAT = 'AVRO')")
    assert shared_server.sql(f"SELECT number, a FROM {name}") == [(4, 1)]
    shared_server.sql(f"CREATE STREAM {name}_out WITH (KAFKA_TOPIC = '{name}-out') AS SELECT * FROM {name}")
    [(written, _)] = take(shared_server, f"{name}-out", 1)
    read = ProtobufDeserializer(key, {"use.deprecated.format": False})(
        written, SerializationContext(f"{name}-out", MessageField.KEY))
    assert read.number == 4
