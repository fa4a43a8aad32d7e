"""Clients' transactions: all or nothing, across partitions and committed offsets, for readers of either kind."""

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic
from messages import send, take, until
from kafka import KafkaConsumer, KafkaProducer
from kafka import TopicPartition as KafkaTopicPartition
from kafka.structs import OffsetAndMetadata

from harness import PATIENCE_S

COMMITTED = {"isolation.level": "read_committed"}
UNCOMMITTED = {"isolation.level": "read_uncommitted"}


@pytest.fixture
def transactional(bootstrap, name):
    """Makes producers with the test's transactional id, ready for transactions."""

    def transactional(**settings):
        producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, **settings})
        producer.init_transactions(PATIENCE_S)
        return producer

    return transactional


def values(messages):
    return [message.value() for message in messages]


def test_what_is_committed_is_read_and_what_is_aborted_is_not(topic, transactional, read):
    producer = transactional()
    for number, ending in enumerate([producer.commit_transaction, producer.abort_transaction] * 2):
        producer.begin_transaction()
        producer.produce(topic, str(number))
        producer.flush(PATIENCE_S)
        ending(PATIENCE_S)
    assert values(read(topic, 2, **COMMITTED)) == [b"0", b"2"]
    assert values(read(topic, 4, **UNCOMMITTED)) == [b"0", b"1", b"2", b"3"]


def test_a_transaction_is_one_over_all_its_partitions(create_topic, transactional, read):
    topic = create_topic(partitions=3)
    producer = transactional()
    for ending in (producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for partition in range(3):
            producer.produce(topic, ending.__name__, partition=partition)
        ending(PATIENCE_S)
    messages = read(topic, 3, partitions=3, **COMMITTED)
    assert values(messages) == [b"commit_transaction"] * 3
    assert [message.partition() for message in messages] == [0, 1, 2]


def test_an_open_transaction_holds_readers_of_committed_records_back(bootstrap, topic, producer, transactional):
    send(producer, topic, [b"before"])
    open_producer = transactional()
    open_producer.begin_transaction()
    open_producer.produce(topic, b"open")
    assert open_producer.flush(PATIENCE_S) == 0
    send(producer, topic, [b"behind"])
    readers = {}
    for isolation in (COMMITTED, UNCOMMITTED):
        reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, **isolation})
        reader.assign([TopicPartition(topic, 0, 0)])
        readers[isolation["isolation.level"]] = reader
    assert values(take(readers["read_uncommitted"], 3)) == [b"before", b"open", b"behind"]
    assert values(take(readers["read_committed"], 1)) == [b"before"]
    assert readers["read_committed"].poll(0.3) is None
    open_producer.commit_transaction(PATIENCE_S)
    assert values(take(readers["read_committed"], 2)) == [b"open", b"behind"]
    for reader in readers.values():
        reader.close()


def test_offsets_move_with_the_transaction_that_carries_them(bootstrap, admin, topic, producer, transactional, name, read):
    source, sink = topic, name + "-sink"
    admin.create_topics([NewTopic(sink, num_partitions=1)])[sink].result(PATIENCE_S)
    send(producer, source, [str(number) for number in range(10)])
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": name, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([source])
    messages = take(consumer, 10)
    worker = transactional()

    def carry(part, end):
        worker.begin_transaction()
        for message in part:
            worker.produce(sink, b"doubled " + message.value())
        position = [TopicPartition(source, 0, part[-1].offset() + 1)]
        worker.send_offsets_to_transaction(position, consumer.consumer_group_metadata(), PATIENCE_S)
        end(PATIENCE_S)

    def committed():
        return consumer.committed([TopicPartition(source, 0)], PATIENCE_S)[0].offset

    carry(messages[:4], worker.commit_transaction)
    assert committed() == 4
    carry(messages[4:8], worker.abort_transaction)
    assert committed() == 4
    carry(messages[4:], worker.commit_transaction)
    assert committed() == 10
    consumer.close()
    assert values(read(sink, 10, **COMMITTED)) == [f"doubled {number}".encode() for number in range(10)]


def test_a_second_producer_of_the_same_id_fences_the_first_and_ends_its_transaction(topic, transactional, read):
    first = transactional()
    first.begin_transaction()
    first.produce(topic, b"of the first")
    assert first.flush(PATIENCE_S) == 0
    second = transactional()
    with pytest.raises(KafkaException) as error:
        first.commit_transaction(PATIENCE_S)
    assert error.value.args[0].fatal()
    assert error.value.args[0].code() in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED)
    second.begin_transaction()
    second.produce(topic, b"of the second")
    second.commit_transaction(PATIENCE_S)
    assert values(read(topic, 1, **COMMITTED)) == [b"of the second"]


def test_a_transaction_left_open_is_aborted_in_time(bootstrap, topic, producer, transactional):
    silent = transactional(**{"transaction.timeout.ms": 1000})
    silent.begin_transaction()
    silent.produce(topic, b"never ended")
    assert silent.flush(PATIENCE_S) == 0
    send(producer, topic, [b"behind"])
    reader = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False, **COMMITTED})
    reader.assign([TopicPartition(topic, 0, 0)])
    assert values(take(reader, 1)) == [b"behind"]
    reader.close()


def test_transactions_are_there_after_a_restart(server, name):
    producer = Producer({"bootstrap.servers": server.kafka, "transactional.id": name})
    producer.init_transactions(PATIENCE_S)
    for number in range(2):
        producer.begin_transaction()
        producer.produce(name, f"{number}", partition=0)
        producer.flush(PATIENCE_S)
        if number == 0:
            producer.commit_transaction(PATIENCE_S)
    server.kill()
    server.start(server.ports)
    # The one that was open when the server ended can still be committed: it was on disk.
    producer.commit_transaction(PATIENCE_S)
    reader = Consumer({"bootstrap.servers": server.kafka, "group.id": "unused", "enable.auto.commit": False, **COMMITTED})
    reader.assign([TopicPartition(name, 0, 0)])
    assert values(take(reader, 2)) == [b"0", b"1"]
    reader.close()


def test_kafka_pythons_transactions(bootstrap, topic, name):
    producer = KafkaProducer(bootstrap_servers=bootstrap, transactional_id=name)
    producer.init_transactions()
    for number, ending in enumerate([producer.commit_transaction, producer.abort_transaction] * 2):
        producer.begin_transaction()
        producer.send(topic, str(number).encode(), partition=0)
        ending()
    partition = KafkaTopicPartition(topic, 0)
    producer.begin_transaction()
    producer.send_offsets_to_transaction({partition: OffsetAndMetadata(3, "", -1)}, name)
    producer.commit_transaction()
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=name,
        isolation_level="read_committed",
        enable_auto_commit=False,
        consumer_timeout_ms=PATIENCE_S * 1000,
    )
    consumer.assign([partition])
    assert consumer.committed(partition) == 3
    consumer.seek_to_beginning(partition)
    assert [next(consumer).value for _ in range(2)] == [b"0", b"2"]
    consumer.close()
