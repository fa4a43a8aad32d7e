"""What goes in comes out: values, keys, headers, timestamps, in every codec."""

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Producer
from messages import send
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KafkaTopicPartition

from harness import PATIENCE_S

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("acks", ["all", "1"])
def test_librdkafka_reads_back_what_it_wrote(bootstrap, topic, read, codec, acks):
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": codec, "acks": acks, "linger.ms": 50}
    )
    values = [f"value {number} ".encode() * 20 for number in range(500)]
    send(producer, topic, values)
    messages = read(topic, len(values))
    assert [message.value() for message in messages] == values
    assert [message.offset() for message in messages] == list(range(len(values)))


@pytest.mark.parametrize("codec", CODECS)
def test_kafka_python_reads_back_what_it_wrote(bootstrap, topic, codec):
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type=None if codec == "none" else codec,
        linger_ms=50,
        acks="all",
    )
    values = [f"value {number} ".encode() * 20 for number in range(300)]
    sent = [producer.send(topic, value=value, partition=0) for value in values]
    assert [future.get(PATIENCE_S).offset for future in sent] == list(range(len(values)))
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, consumer_timeout_ms=PATIENCE_S * 1000
    )
    partition = KafkaTopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    assert [next(consumer).value for _ in values] == values
    consumer.close()


def test_each_client_reads_the_other(bootstrap, topic, producer, read):
    send(producer, topic, [b"from librdkafka"])
    other = KafkaProducer(bootstrap_servers=bootstrap)
    other.send(topic, b"from kafka-python", partition=0).get(PATIENCE_S)
    other.close()
    assert [message.value() for message in read(topic, 2)] == [b"from librdkafka", b"from kafka-python"]


def test_keys_and_values_may_be_null(topic, producer, read):
    for key, value in [(b"key", None), (None, b"value"), (None, None), (b"", b"")]:
        producer.produce(topic, key=key, value=value)
    assert producer.flush(PATIENCE_S) == 0
    found = [(message.key(), message.value()) for message in read(topic, 4)]
    assert found == [(b"key", None), (None, b"value"), (None, None), (b"", b"")]


def test_headers_keep_their_order_and_duplicates(topic, producer, read):
    headers = [("trace", b"1"), ("other", b""), ("trace", b"2"), ("nothing", None)]
    producer.produce(topic, value=b"v", headers=headers)
    assert producer.flush(PATIENCE_S) == 0
    assert read(topic, 1)[0].headers() == headers


def test_the_producers_timestamp_is_kept(topic, producer, read):
    producer.produce(topic, value=b"v", timestamp=1_234_567_890_123)
    assert producer.flush(PATIENCE_S) == 0
    assert read(topic, 1)[0].timestamp() == (TIMESTAMP_CREATE_TIME, 1_234_567_890_123)


def test_records_of_one_key_stay_in_one_partition_in_order(create_topic, producer, read):
    topic = create_topic(partitions=4)
    for number in range(400):
        producer.produce(topic, key=f"key {number % 10}", value=str(number))
    assert producer.flush(PATIENCE_S) == 0
    last = {}
    partition_of = {}
    for message in read(topic, 400, partitions=4):
        number = int(message.value())
        assert last.get(message.key(), -1) < number
        assert partition_of.setdefault(message.key(), message.partition()) == message.partition()
        last[message.key()] = number
    assert len(last) == 10


def test_a_message_over_the_limit_is_refused(create_topic, bootstrap):
    topic = create_topic(config={"max.message.bytes": "1000"})
    producer = Producer({"bootstrap.servers": bootstrap})
    errors = []
    producer.produce(topic, value=b"x" * 5000, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(PATIENCE_S) == 0
    assert [error.name() for error in errors] == ["MSG_SIZE_TOO_LARGE"]


def test_large_messages_pass(create_topic, bootstrap, read):
    topic = create_topic(config={"max.message.bytes": "20000000"})
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 20_000_000})
    value = bytes(range(256)) * 40_000
    send(producer, topic, [value, b"small"])
    # A reader that wants less gets the large batch all the same, and gets on.
    messages = read(topic, 2, **{"fetch.message.max.bytes": 1000, "fetch.max.bytes": 1_000_000, "receive.message.max.bytes": 30_000_000})
    assert [message.value() for message in messages] == [value, b"small"]


def test_producing_without_acknowledgement_loses_nothing_here(bootstrap, topic, read):
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "0"})
    values = [str(number).encode() for number in range(200)]
    send(producer, topic, values)
    assert [message.value() for message in read(topic, 200)] == values


def test_an_idempotent_producer_writes_everything_once_in_order(bootstrap, topic, read):
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 1, "batch.num.messages": 50}
    )
    values = [str(number).encode() for number in range(5000)]
    send(producer, topic, values)
    assert [message.value() for message in read(topic, 5000)] == values


def test_idempotent_producers_of_kafka_python_are_answered(bootstrap, topic, read):
    producer = KafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
    sent = [producer.send(topic, str(number).encode(), partition=0) for number in range(200)]
    assert [future.get(PATIENCE_S).offset for future in sent] == list(range(200))
    producer.close()
    assert len(read(topic, 200)) == 200


def test_a_waiting_reader_is_woken_by_the_next_record(bootstrap, topic, producer, read):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, fetch_max_wait_ms=20_000, enable_auto_commit=False)
    partition = KafkaTopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    assert not consumer.poll(timeout_ms=200), "there is nothing yet, and the fetch waits on"
    send(producer, topic, [b"now"])
    # Well before the 20 s that the fetch may wait.
    records = consumer.poll(timeout_ms=5_000)
    assert [record.value for record in records[partition]] == [b"now"]
    consumer.close()
