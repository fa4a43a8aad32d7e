"""The Avro, JSON and Protobuf serializers of confluent-kafka, unmodified: what one writes, another reads."""

import base64

import pytest
from clients import client_of
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

AVRO = """{"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "id", "type": "long"},
    {"name": "note", "type": ["null", "string"], "default": null},
    {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}, "default": ""}
]}"""

JSON = """{"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object", "properties": {
    "id": {"type": "integer"}, "note": {"type": ["null", "string"]}}, "required": ["id"]}"""

# Descriptors as a compiler of .proto files would generate classes from. Their names are of one pool with those of
# other tests.
PROTOBUF = [
    """name: "parts/line.proto" package: "parts" syntax: "proto3"
    message_type {
      name: "Line"
      field { name: "amount" number: 1 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
    }""",
    """name: "trade/order.proto" package: "trade" syntax: "proto3"
    dependency: "parts/line.proto" dependency: "google/protobuf/timestamp.proto"
    message_type {
      name: "Unused"
    }
    message_type {
      name: "Order"
      field { name: "id" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
      field { name: "note" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL proto3_optional: true oneof_index: 1 }
      field { name: "lines" number: 3 type: TYPE_MESSAGE type_name: ".parts.Line" label: LABEL_REPEATED }
      field { name: "counts" number: 4 type: TYPE_MESSAGE type_name: ".trade.Order.CountsEntry" label: LABEL_REPEATED }
      field { name: "at" number: 5 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL }
      field { name: "name" number: 6 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0 }
      field { name: "number" number: 7 type: TYPE_SINT32 label: LABEL_OPTIONAL oneof_index: 0 }
      nested_type {
        name: "CountsEntry" options { map_entry: true }
        field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
        field { name: "value" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL }
      }
      oneof_decl { name: "who" }
      oneof_decl { name: "_note" }
    }""",
]


@pytest.fixture(scope="module")
def order_class():
    """The class of a message with fields of every kind, in a file that imports others."""
    pool = descriptor_pool.Default()
    for text in PROTOBUF:
        pool.Add(text_format.Parse(text, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("trade.Order"))


def framed(value):
    """The id in front of a record."""
    assert value[0] == 0
    return int.from_bytes(value[1:5], "big")


def test_avro(shared_server, client, records, topic):
    context = SerializationContext(topic, MessageField.VALUE)
    serialize = AvroSerializer(client, AVRO)
    orders = [{"id": 1, "note": None, "price": b"\x01"}, {"id": 2, "note": "ü", "price": b""}]
    written = [serialize(order, context) for order in orders]
    read = records(topic, written)
    assert read == written
    assert framed(read[0]) == client.get_latest_version(f"{topic}-value").schema_id
    deserialize = AvroDeserializer(client_of(shared_server))
    assert [deserialize(value, context)["note"] for value in read] == [None, "ü"]
    assert deserialize(read[0], context)["id"] == 1


def test_json(shared_server, client, records, topic):
    context = SerializationContext(topic, MessageField.VALUE)
    serialize = JSONSerializer(JSON, client)
    orders = [{"id": 1, "note": None}, {"id": 2, "note": "ü"}]
    read = records(topic, [serialize(order, context) for order in orders])
    assert framed(read[0]) == client.get_latest_version(f"{topic}-value").schema_id
    deserialize = JSONDeserializer(None, schema_registry_client=client_of(shared_server))
    assert [deserialize(value, context) for value in read] == orders


def test_protobuf(shared_server, client, records, topic, order_class):
    context = SerializationContext(topic, MessageField.VALUE)
    serialize = ProtobufSerializer(order_class, client, {"use.deprecated.format": False})
    order = order_class(id=1, note="ü", counts={"a": 1}, number=-3)
    order.lines.add(amount=1.5)
    order.at.FromSeconds(1_700_000_000)
    read = records(topic, [serialize(order, context), serialize(order_class(), context)])
    latest = client.get_latest_version(f"{topic}-value")
    assert framed(read[0]) == latest.schema_id
    assert 'import "parts/line.proto";' in latest.schema.schema_str
    assert "map<string, int32> counts = 4;" in latest.schema.schema_str
    assert [reference.name for reference in latest.schema.references] == ["parts/line.proto"]
    deserialize = ProtobufDeserializer(
        order_class, {"use.deprecated.format": False}, schema_registry_client=client_of(shared_server)
    )
    assert [deserialize(value, context) for value in read] == [order, order_class()]


def test_a_serialized_descriptor_is_what_the_classes_were_made_from(client, topic, order_class):
    context = SerializationContext(topic, MessageField.VALUE)
    ProtobufSerializer(order_class, client, {"use.deprecated.format": False})(order_class(), context)
    client.clear_caches()
    latest = client.get_latest_version(f"{topic}-value", fmt="serialized")
    given = descriptor_pb2.FileDescriptorProto()
    given.ParseFromString(base64.b64decode(latest.schema.schema_str))
    own = descriptor_pb2.FileDescriptorProto()
    order_class.DESCRIPTOR.file.CopyToProto(own)
    given.name = own.name
    for file in (given, own):
        for message in file.message_type:
            # Fields are known by their numbers, and their names in JSON follow from their own.
            fields = sorted(message.field, key=lambda field: field.number)
            for nested in message.nested_type:
                for field in nested.field:
                    field.ClearField("json_name")
            for field in fields:
                field.ClearField("json_name")
                if not field.HasField("type"):
                    field.type = field.TYPE_MESSAGE
            del message.field[:]
            message.field.extend(fields)
    assert given == own


def test_a_schema_that_breaks_the_rule_is_not_written_with(client, topic):
    context = SerializationContext(topic, MessageField.VALUE)
    AvroSerializer(client, AVRO)({"id": 1, "note": None, "price": b""}, context)
    other = AVRO.replace('"name": "note", "type": ["null", "string"], "default": null', '"name": "other", "type": "int"')
    with pytest.raises(Exception, match="READER_FIELD_MISSING_DEFAULT_VALUE"):
        AvroSerializer(client, other)({"id": 1, "other": 1, "price": b""}, context)


def test_a_reader_takes_its_own_newest_schema(shared_server, client, records, topic):
    context = SerializationContext(topic, MessageField.VALUE)
    written = AvroSerializer(client, AVRO)({"id": 1, "note": None, "price": b""}, context)
    added = AVRO.replace('{"name": "note"', '{"name": "more", "type": "int", "default": 7}, {"name": "note"')
    reader = AvroDeserializer(client_of(shared_server), added)
    assert reader(records(topic, [written])[0], context)["more"] == 7
