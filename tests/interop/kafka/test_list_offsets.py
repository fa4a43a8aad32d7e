"""Offsets by position and by time."""

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import OffsetSpec
from kafka import KafkaConsumer
from kafka import TopicPartition as KafkaTopicPartition

from harness import PATIENCE_S


def with_times(producer, topic, times):
    for time_ms in times:
        producer.produce(topic, value=b"v", timestamp=time_ms, partition=0)
    assert producer.flush(PATIENCE_S) == 0


def test_first_and_last(bootstrap, topic, producer):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE_S) == (0, 0)
    with_times(producer, topic, [1000, 2000, 3000])
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE_S) == (0, 3)
    consumer.close()


def test_by_time_is_exact_within_a_batch(bootstrap, topic, producer):
    with_times(producer, topic, [1000, 2000, 2000, 3000])
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    for time_ms, offset in [(0, 0), (1000, 0), (1001, 1), (2000, 1), (2001, 3), (3000, 3)]:
        [found] = consumer.offsets_for_times([TopicPartition(topic, 0, time_ms)], PATIENCE_S)
        assert found.offset == offset, time_ms
    [found] = consumer.offsets_for_times([TopicPartition(topic, 0, 3001)], PATIENCE_S)
    assert found.offset == -1, "librdkafka's word for the end"
    consumer.close()


def test_by_time_with_the_records_time(bootstrap, topic, producer):
    with_times(producer, topic, [1000, 5000])
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    partition = KafkaTopicPartition(topic, 0)
    found = consumer.offsets_for_times({partition: 1001})[partition]
    assert (found.offset, found.timestamp) == (1, 5000)
    assert consumer.offsets_for_times({partition: 5001})[partition] is None
    assert consumer.beginning_offsets([partition]) == {partition: 0}
    assert consumer.end_offsets([partition]) == {partition: 2}
    consumer.close()


def test_the_largest_timestamp(admin, topic, producer):
    with_times(producer, topic, [1000, 9000, 3000])
    partition = TopicPartition(topic, 0)
    found = admin.list_offsets({partition: OffsetSpec.max_timestamp()})[partition].result(PATIENCE_S)
    assert (found.offset, found.timestamp) == (1, 9000)


def test_an_offset_outside_the_partition_starts_over(bootstrap, topic, producer):
    with_times(producer, topic, [1000, 2000])
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "unused", "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition(topic, 0, 1_000_000)])
    message = consumer.poll(PATIENCE_S)
    assert message.error() is None and message.offset() == 0
    consumer.close()
