"""Topics, settings, groups: made, described, changed, deleted."""

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from messages import send, take, until
from kafka import KafkaAdminClient

from harness import PATIENCE_S


def settings_of(admin, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return admin.describe_configs([resource])[resource].result(PATIENCE_S)


def test_a_topic_is_created_described_and_deleted(admin, create_topic):
    topic = create_topic(partitions=3)
    described = admin.list_topics(topic, PATIENCE_S).topics[topic]
    assert sorted(described.partitions) == [0, 1, 2]
    assert all(len(partition.replicas) == 1 for partition in described.partitions.values())
    admin.delete_topics([topic])[topic].result(PATIENCE_S)
    assert topic not in admin.list_topics(timeout=PATIENCE_S).topics


def test_asking_for_a_topic_creates_it(producer, name, admin):
    send(producer, name, [b"v"])
    assert name in admin.list_topics(timeout=PATIENCE_S).topics


def failure(future):
    with pytest.raises(KafkaException) as error:
        future.result(PATIENCE_S)
    return error.value.args[0].name()


def test_what_cannot_be_created_is_refused(admin, topic, name):
    def create(topic, partitions=1, replicas=1, **config):
        new = NewTopic(topic, num_partitions=partitions, replication_factor=replicas, config=config)
        return admin.create_topics([new])[topic]

    other = name + "-other"
    assert failure(create(topic)) == "TOPIC_ALREADY_EXISTS"
    assert failure(create("not a name")) == "TOPIC_EXCEPTION"
    assert failure(create(other, partitions=100_000)) == "INVALID_PARTITIONS"
    assert failure(create(other, replicas=3)) == "INVALID_REPLICATION_FACTOR"
    assert failure(create(other, **{"retention.ms": "soon"})) == "INVALID_CONFIG"
    assert failure(create(other, **{"no.such.setting": "1"})) == "INVALID_CONFIG"
    assert other not in admin.list_topics(timeout=PATIENCE_S).topics


def test_validation_creates_nothing(admin, name):
    admin.create_topics([NewTopic(name, 1)], validate_only=True)[name].result(PATIENCE_S)
    assert name not in admin.list_topics(timeout=PATIENCE_S).topics


def test_partitions_are_added_and_never_taken_away(admin, topic, producer, read):
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(PATIENCE_S)
    assert len(admin.list_topics(topic, PATIENCE_S).topics[topic].partitions) == 3
    assert failure(admin.create_partitions([NewPartitions(topic, 2)])[topic]) == "INVALID_PARTITIONS"


def test_settings_of_a_topic_are_all_shown(admin, create_topic):
    settings = settings_of(admin, create_topic(config={"retention.ms": "5000"}))
    assert settings["retention.ms"].value == "5000"
    assert not settings["retention.ms"].is_default
    assert settings["cleanup.policy"].value == "delete"
    assert settings["cleanup.policy"].is_default
    assert settings["max.message.bytes"].value == "1048588"
    assert "log.cleanup.policy" in settings["cleanup.policy"].synonyms
    assert len(settings) >= 30


def test_settings_are_changed_one_by_one(admin, topic):
    def change(name, operation, value=None):
        entry = ConfigEntry(name, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        return admin.incremental_alter_configs([resource])[resource]

    change("retention.ms", AlterConfigOpType.SET, "7000").result(PATIENCE_S)
    change("cleanup.policy", AlterConfigOpType.APPEND, "compact").result(PATIENCE_S)
    settings = settings_of(admin, topic)
    assert settings["retention.ms"].value == "7000"
    assert settings["cleanup.policy"].value == "delete,compact"
    change("retention.ms", AlterConfigOpType.DELETE).result(PATIENCE_S)
    assert settings_of(admin, topic)["retention.ms"].value == "604800000"
    assert failure(change("retention.ms", AlterConfigOpType.SET, "soon")) == "INVALID_CONFIG"


def test_settings_of_the_server_are_shown(admin):
    [broker] = admin.list_topics(timeout=PATIENCE_S).brokers.values()
    resource = ConfigResource(ResourceType.BROKER, str(broker.id))
    settings = admin.describe_configs([resource])[resource].result(PATIENCE_S)
    assert settings["auto.create.topics.enable"].value == "true"
    assert settings["socket.request.max.bytes"].value == "104857600"


def test_records_are_deleted_up_to_an_offset(admin, topic, producer, bootstrap):
    send(producer, topic, [str(number) for number in range(10)])
    partition = TopicPartition(topic, 0, 6)
    deleted = admin.delete_records([partition])[partition].result(PATIENCE_S)
    assert deleted.low_watermark == 6
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), PATIENCE_S) == (6, 10)
    consumer.assign([TopicPartition(topic, 0, 6)])
    assert [int(message.value()) for message in take(consumer, 4)] == [6, 7, 8, 9]
    consumer.close()


def test_a_group_is_listed_described_and_deleted(admin, bootstrap, topic, producer, name):
    send(producer, topic, [b"v"])
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": name, "auto.offset.reset": "earliest", "client.id": "me"}
    )
    consumer.subscribe([topic])
    take(consumer, 1)
    consumer.commit(asynchronous=False)

    def describe():
        return admin.describe_consumer_groups([name])[name].result(PATIENCE_S)

    described = describe()
    assert described.state == ConsumerGroupState.STABLE
    [member] = described.members
    assert member.client_id == "me"
    assert [assigned.topic for assigned in member.assignment.topic_partitions] == [topic]
    listed = admin.list_consumer_groups().result(PATIENCE_S)
    assert name in [group.group_id for group in listed.valid]
    assert failure(admin.delete_consumer_groups([name])[name]) == "NON_EMPTY_GROUP"
    consumer.close()
    until(lambda: describe().state == ConsumerGroupState.EMPTY)

    wanted = ConsumerGroupTopicPartitions(name)
    offsets = admin.list_consumer_group_offsets([wanted])[name].result(PATIENCE_S)
    assert [(found.topic, found.offset) for found in offsets.topic_partitions] == [(topic, 1)]
    moved = ConsumerGroupTopicPartitions(name, [TopicPartition(topic, 0, 0)])
    admin.alter_consumer_group_offsets([moved])[name].result(PATIENCE_S)
    offsets = admin.list_consumer_group_offsets([wanted])[name].result(PATIENCE_S)
    assert [found.offset for found in offsets.topic_partitions] == [0]

    admin.delete_consumer_groups([name])[name].result(PATIENCE_S)
    listed = admin.list_consumer_groups().result(PATIENCE_S)
    assert name not in [group.group_id for group in listed.valid]


def test_a_deleted_topic_takes_its_committed_offsets_along(admin, bootstrap, topic, name):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    consumer.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)
    admin.delete_topics([topic])[topic].result(PATIENCE_S)
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name]
    found = offsets.result(PATIENCE_S).topic_partitions
    assert [partition.topic for partition in found] == []
    consumer.close()


def test_the_cluster_is_described(admin):
    cluster = admin.describe_cluster().result(PATIENCE_S)
    assert cluster.cluster_id
    [broker] = cluster.nodes
    assert cluster.controller.id == broker.id


def test_kafka_pythons_administration_is_answered(bootstrap, topic):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    assert topic in admin.list_topics()
    assert admin.describe_cluster()["cluster_id"]
    [described] = admin.describe_topics([topic])
    assert len(described["partitions"]) == 1
    admin.delete_topics([topic])
    assert topic not in admin.list_topics()
    admin.close()


def test_the_servers_own_topic_can_only_be_read(admin, producer):
    topic = "tidemill_processing_log"
    with pytest.raises(KafkaException, match="POLICY_VIOLATION"):
        admin.delete_topics([topic])[topic].result(PATIENCE_S)
    outcomes = []
    producer.produce(topic, b"forged", on_delivery=lambda error, _: outcomes.append(error))
    assert producer.flush(PATIENCE_S) == 0
    assert outcomes[0] is not None
    assert topic in admin.list_topics(timeout=PATIENCE_S).topics
