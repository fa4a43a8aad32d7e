"""Consumer groups: shared work, committed positions, rebalances, static members."""

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from messages import send, take, until
from kafka import KafkaConsumer

from harness import PATIENCE_S


@pytest.fixture
def member(bootstrap, name):
    """Makes members of the test's group."""
    made = []

    def member(**settings):
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": name,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 500,
                **settings,
            }
        )
        made.append(consumer)
        return consumer

    yield member
    for consumer in made:
        consumer.close()


def partitions(consumer):
    return sorted(assigned.partition for assigned in consumer.assignment())


def test_one_member_reads_everything(create_topic, producer, member):
    topic = create_topic(partitions=3)
    send(producer, topic, [str(number) for number in range(300)])
    consumer = member()
    consumer.subscribe([topic])
    values = {message.value() for message in take(consumer, 300)}
    assert len(values) == 300


def test_committed_offsets_are_where_the_next_member_starts(topic, producer, member):
    send(producer, topic, [str(number) for number in range(10)])
    first = member()
    first.subscribe([topic])
    messages = take(first, 4)
    first.commit(message=messages[-1], asynchronous=False)
    first.close()
    second = member()
    second.subscribe([topic])
    assert [int(message.value()) for message in take(second, 6)] == [4, 5, 6, 7, 8, 9]


def test_offset_and_note_of_a_commit_come_back(topic, member):
    consumer = member()
    consumer.commit(offsets=[TopicPartition(topic, 0, 7, "a note")], asynchronous=False)
    [committed] = consumer.committed([TopicPartition(topic, 0)], PATIENCE_S)
    assert (committed.offset, committed.metadata) == (7, "a note")


def test_nothing_committed_is_told_as_such(topic, member):
    [committed] = member().committed([TopicPartition(topic, 0)], PATIENCE_S)
    assert committed.offset < 0


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_members_share_and_take_over(create_topic, producer, member, strategy):
    topic = create_topic(partitions=4)
    settings = {"partition.assignment.strategy": strategy}
    first, second = member(**settings), member(**settings)
    first.subscribe([topic])
    until(lambda: partitions(first) == [0, 1, 2, 3], first)
    second.subscribe([topic])
    until(lambda: len(partitions(first)) == 2 and len(partitions(second)) == 2, first, second)
    assert sorted(partitions(first) + partitions(second)) == [0, 1, 2, 3]
    send(producer, topic, [str(number) for number in range(200)])
    read = set()

    def all_read():
        for consumer in (first, second):
            message = consumer.poll(0.05)
            if message is not None and message.error() is None:
                read.add(message.value())
        return len(read) == 200

    until(all_read)
    first.close()
    until(lambda: partitions(second) == [0, 1, 2, 3], second)


def test_members_of_different_clients_share_a_group(bootstrap, create_topic, member, name):
    topic = create_topic(partitions=4)
    settings = {"partition.assignment.strategy": "roundrobin"}
    first = member(**settings)
    first.subscribe([topic])
    until(lambda: len(partitions(first)) == 4, first)
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

    second = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=name,
        session_timeout_ms=6000,
        heartbeat_interval_ms=500,
        partition_assignment_strategy=[RoundRobinPartitionAssignor],
    )

    def shared():
        second.poll(timeout_ms=50)
        return len(partitions(first)) == 2 and len(second.assignment()) == 2

    until(shared, first)
    second.close()
    until(lambda: len(partitions(first)) == 4, first)


def test_a_member_that_falls_silent_loses_its_partitions(create_topic, member):
    topic = create_topic(partitions=2)
    first, second = member(), member(**{"max.poll.interval.ms": 6000})
    first.subscribe([topic])
    second.subscribe([topic])
    until(lambda: partitions(first) != [] and partitions(second) != [], first, second)
    # Only the first one is polled from here on.
    until(lambda: partitions(first) == [0, 1], first)


def test_a_static_member_keeps_its_partitions_across_a_restart(create_topic, bootstrap, name):
    topic = create_topic(partitions=4)

    def static(instance):
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": name,
                "group.instance.id": instance,
                "session.timeout.ms": 30000,
                "heartbeat.interval.ms": 500,
                "partition.assignment.strategy": "range",
            }
        )
        consumer.subscribe([topic])
        return consumer

    first, second = static("one"), static("two")
    until(lambda: len(partitions(first)) == 2 and len(partitions(second)) == 2, first, second)
    before = partitions(second)
    second.close()
    second = static("two")
    until(lambda: partitions(second) == before, second)
    assert len(partitions(first)) == 2
    first.close()
    second.close()


def test_a_commit_of_an_old_generation_is_refused(create_topic, member):
    topic = create_topic(partitions=2)
    stale = member(**{"max.poll.interval.ms": 6000})
    stale.subscribe([topic])
    until(lambda: partitions(stale) == [0, 1], stale)
    other = member()
    other.subscribe([topic])
    until(lambda: partitions(other) == [0, 1], other)
    with pytest.raises(KafkaException):
        stale.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)


def test_kafka_python_consumes_in_a_group_and_commits(bootstrap, topic, producer, name):
    send(producer, topic, [str(number) for number in range(10)])

    def consumer():
        return KafkaConsumer(
            topic,
            bootstrap_servers=bootstrap,
            group_id=name,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            consumer_timeout_ms=PATIENCE_S * 1000,
            max_poll_records=5,
        )

    first = consumer()
    assert [int(next(first).value) for _ in range(5)] == [0, 1, 2, 3, 4]
    first.commit()
    first.close()
    second = consumer()
    assert int(next(second).value) == 5
    second.close()
