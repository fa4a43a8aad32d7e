"""PROTOBUF between SQL and the Protobuf serializer and deserializer of confluent-kafka, unmodified."""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf import timestamp_pb2, wrappers_pb2  # noqa: F401  they declare what the schemas import

from harness import eventually

# The descriptors a compiler of .proto files would generate classes from.
ORDERS = """
name: "shop/orders.proto" package: "shop" syntax: "proto3"
dependency: "google/protobuf/timestamp.proto" dependency: "google/protobuf/wrappers.proto"
message_type {
  name: "Order"
  field { name: "id" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
  field { name: "customer" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "amount" number: 3 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "tags" number: 4 type: TYPE_STRING label: LABEL_REPEATED }
  field { name: "counts" number: 5 type: TYPE_MESSAGE type_name: ".shop.Order.CountsEntry" label: LABEL_REPEATED }
  field { name: "placed" number: 6 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL }
  field { name: "note" number: 7 type: TYPE_MESSAGE type_name: ".google.protobuf.StringValue" label: LABEL_OPTIONAL }
  field { name: "state" number: 8 type: TYPE_ENUM type_name: ".shop.Order.State" label: LABEL_OPTIONAL }
  field { name: "address" number: 9 type: TYPE_MESSAGE type_name: ".shop.Order.Address" label: LABEL_OPTIONAL }
  nested_type {
    name: "CountsEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL }
  }
  nested_type {
    name: "Address"
    field { name: "city" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  }
  enum_type { name: "State" value { name: "NEW" number: 0 } value { name: "PAID" number: 1 } }
}
message_type {
  name: "Cancellation"
  field { name: "id" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
}
"""

SUMMARY = """
name: "shop/summary.proto" package: "shop" syntax: "proto3" dependency: "google/protobuf/timestamp.proto"
message_type {
  name: "Summary"
  field { name: "CUSTOMER" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
  field { name: "TOTAL" number: 2 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "TAGS" number: 3 type: TYPE_STRING label: LABEL_REPEATED }
  field { name: "PLACED" number: 4 type: TYPE_MESSAGE type_name: ".google.protobuf.Timestamp" label: LABEL_OPTIONAL }
}
"""


def classes(*files):
    """The message classes of descriptor files, by full name."""
    pool = descriptor_pool.Default()
    found = {}
    for text in files:
        file = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
        pool.AddSerializedFile(file.SerializeToString())
        for message in file.message_type:
            name = f"{file.package}.{message.name}"
            found[name] = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return found


CLASSES = classes(ORDERS, SUMMARY)


def registry(server):
    return SchemaRegistryClient({"url": f"http://127.0.0.1:{server.ports['http']}"})


def produce(server, topic, messages):
    """Writes messages as the serializer writes them, which registers their schema."""
    client = registry(server)
    serializers = {}
    producer = Producer({"bootstrap.servers": server.kafka, "acks": "all"})
    for message in messages:
        kind = type(message)
        serializer = serializers.setdefault(kind, ProtobufSerializer(kind, client, {"use.deprecated.format": False}))
        producer.produce(topic, value=serializer(message, SerializationContext(topic, MessageField.VALUE)))
    assert producer.flush(30) == 0


def order(number, **fields):
    message = CLASSES["shop.Order"](id=number, customer=f"c{number}", amount=number * 1.5, tags=["a", "b"], state=number % 2)
    message.counts["x"] = number
    message.placed.FromMilliseconds(1_700_000_000_000 + number)
    message.address.city = "Ulm"
    for name, value in fields.items():
        getattr(message, name).value = value
    return message


def test_what_the_serializer_writes_is_read_by_sql_without_a_column_list(server):
    produce(server, "orders", [order(1, note=""), order(2)])
    server.sql("CREATE STREAM orders WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'PROTOBUF')")
    found = eventually(
        lambda: server.sql(
            "SELECT id, customer, amount, tags[2], counts['x'], note IS NULL, state, address->city FROM orders"
        )
    )
    assert sorted(found) == [
        (1, "c1", 1.5, "b", 1, False, "PAID", "Ulm"),
        (2, "c2", 3.0, "b", 2, True, "NEW", "Ulm"),
    ]


def test_other_messages_of_the_same_schema_are_told_by_their_indexes(server):
    produce(server, "mixed", [order(1), CLASSES["shop.Cancellation"](id=7)])
    server.sql("CREATE STREAM mixed (id BIGINT, customer STRING) WITH (KAFKA_TOPIC = 'mixed', VALUE_FORMAT = 'PROTOBUF')")
    found = eventually(lambda: sorted(server.sql("SELECT id, customer IS NULL FROM mixed")))
    assert found == [(1, False), (7, True)]


def test_what_sql_writes_is_read_by_the_deserializer(server):
    produce(server, "sold", [order(number) for number in range(1, 4)])
    with server.connect() as connection:
        connection.execute("SET \"auto.offset.reset\" = 'earliest'")
        connection.execute("CREATE STREAM sold WITH (KAFKA_TOPIC = 'sold', VALUE_FORMAT = 'PROTOBUF')")
        connection.execute(
            "CREATE STREAM summaries WITH (VALUE_FORMAT = 'PROTOBUF', VALUE_SCHEMA_FULL_NAME = 'shop.Summary', "
            "PARTITIONS = 1) AS SELECT customer, amount * 2 AS total, tags, placed FROM sold EMIT CHANGES"
        )
    schema = registry(server).get_latest_version("SUMMARIES-value").schema
    assert schema.schema_type == "PROTOBUF" and "message Summary {" in schema.schema_str
    deserializer = ProtobufDeserializer(CLASSES["shop.Summary"], {"use.deprecated.format": False}, registry(server))
    consumer = Consumer({"bootstrap.servers": server.kafka, "group.id": "reader", "enable.auto.commit": False})
    consumer.assign([TopicPartition("SUMMARIES", 0, 0)])
    found = []

    def poll():
        record = consumer.poll(0.2)
        if record is not None and record.error() is None:
            found.append(deserializer(record.value(), SerializationContext("SUMMARIES", MessageField.VALUE)))
        return len(found) == 3

    eventually(poll)
    consumer.close()
    assert sorted((m.CUSTOMER, m.TOTAL, list(m.TAGS), m.PLACED.ToMilliseconds()) for m in found) == [
        (f"c{number}", number * 3.0, ["a", "b"], 1_700_000_000_000 + number) for number in range(1, 4)
    ]
