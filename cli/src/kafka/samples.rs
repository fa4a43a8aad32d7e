//! A filled request of every call in every version, for tests.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Request, StrBytes};
use uuid::Uuid;

use crate::kafka::versions::lookup;

/// A sample's body in each advertised version.
pub(crate) struct Sample {
    /// The call.
    pub(crate) api: ApiKey,
    /// Its version.
    pub(crate) version: i16,
    /// The request, without its header.
    pub(crate) body: Bytes,
    /// Decodes a request; false where the codec refuses it.
    pub(crate) decode: fn(Bytes, i16) -> bool,
    /// Decodes an answer; gives the number of bytes behind its end.
    pub(crate) decode_answer: fn(Bytes, i16) -> Result<usize, String>,
}

fn sample<T: Request>(samples: &mut Vec<Sample>, fill: impl Fn(i16) -> T) {
    let supported = lookup(T::KEY).unwrap();
    for version in supported.min.max(T::VERSIONS.min)..=supported.max {
        let mut body = BytesMut::new();
        fill(version).encode(&mut body, version).unwrap();
        let decode = |mut body: Bytes, version| <T as Decodable>::decode(&mut body, version).is_ok();
        let decode_answer = |mut body: Bytes, version| {
            let decoded = <T::Response as Decodable>::decode(&mut body, version);
            decoded.map(|_| body.len()).map_err(|error| error.to_string())
        };
        samples.push(Sample { api: supported.api, version, body: body.freeze(), decode, decode_answer });
    }
}

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

fn tag() -> Bytes {
    Bytes::from_static(b"tagged")
}

fn id() -> Uuid {
    Uuid::from_u128(7)
}

/// Requests with something in every field that the version has.
pub(crate) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    records(&mut samples);
    groups(&mut samples);
    transactions(&mut samples);
    administration(&mut samples);
    samples
}

fn records(samples: &mut Vec<Sample>) {
    sample(samples, |version| {
        let request = ApiVersionsRequest::default();
        if version < 3 {
            return request;
        }
        request
            .with_client_software_name(text("test"))
            .with_client_software_version(text("1"))
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |version| {
        let topic = |id| {
            metadata_request::MetadataRequestTopic::default()
                .with_topic_id(id)
                .with_name(Some(text("topic").into()))
                .with_unknown_tagged_field(9, tag())
        };
        let request = MetadataRequest::default()
            .with_topics(Some(vec![
                topic(if version >= 10 { id() } else { Uuid::nil() }),
                topic(Uuid::nil()),
            ]))
            .with_unknown_tagged_field(9, tag());
        let request = if version >= 4 { request.with_allow_auto_topic_creation(false) } else { request };
        let request =
            if version >= 8 { request.with_include_topic_authorized_operations(true) } else { request };
        if (8..=10).contains(&version) {
            request.with_include_cluster_authorized_operations(true)
        } else {
            request
        }
    });
    sample(samples, |_| {
        let partition = produce_request::PartitionProduceData::default()
            .with_index(3)
            .with_records(Some(Bytes::from_static(b"records")))
            .with_unknown_tagged_field(9, tag());
        let topic = produce_request::TopicProduceData::default()
            .with_name(text("topic").into())
            .with_partition_data(vec![partition.clone(), partition])
            .with_unknown_tagged_field(9, tag());
        ProduceRequest::default()
            .with_transactional_id(Some(text("transaction").into()))
            .with_acks(-1)
            .with_topic_data(vec![topic])
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, fetch);
    sample(samples, |version| {
        let partition = list_offsets_request::ListOffsetsPartition::default()
            .with_partition_index(1)
            .with_timestamp(5)
            .with_unknown_tagged_field(9, tag());
        let topic = list_offsets_request::ListOffsetsTopic::default()
            .with_name(text("topic").into())
            .with_partitions(vec![partition.clone(), partition])
            .with_unknown_tagged_field(9, tag());
        let request =
            ListOffsetsRequest::default().with_topics(vec![topic]).with_unknown_tagged_field(9, tag());
        if version >= 2 { request.with_isolation_level(1) } else { request }
    });
    sample(samples, |_| {
        let partition = offset_for_leader_epoch_request::OffsetForLeaderPartition::default()
            .with_partition(1)
            .with_unknown_tagged_field(9, tag());
        let topic = offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
            .with_topic(text("topic").into())
            .with_partitions(vec![partition])
            .with_unknown_tagged_field(9, tag());
        OffsetForLeaderEpochRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic])
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |version| {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(text("transaction").into()))
            .with_unknown_tagged_field(9, tag());
        let given = || request.clone().with_producer_id(4.into()).with_producer_epoch(2);
        if version >= 3 { given() } else { request }
    });
}

fn fetch(version: i16) -> FetchRequest {
    let partition = fetch_request::FetchPartition::default()
        .with_partition(1)
        .with_fetch_offset(7)
        .with_partition_max_bytes(100)
        .with_replica_directory_id(id())
        .with_unknown_tagged_field(9, tag());
    let topic = fetch_request::FetchTopic::default()
        .with_topic(text("topic").into())
        .with_topic_id(id())
        .with_partitions(vec![partition.clone(), partition])
        .with_unknown_tagged_field(9, tag());
    let request = FetchRequest::default()
        .with_topics(vec![topic])
        .with_rack_id(text("rack"))
        .with_cluster_id(Some(text("cluster")))
        .with_unknown_tagged_field(9, tag());
    let request = match version {
        ..=14 => request.with_replica_id((-1).into()),
        _ => request.with_replica_state(
            fetch_request::ReplicaState::default()
                .with_replica_id(1.into())
                .with_replica_epoch(2)
                .with_unknown_tagged_field(9, tag()),
        ),
    };
    if version < 7 {
        return request;
    }
    let forgotten = fetch_request::ForgottenTopic::default()
        .with_topic(text("topic").into())
        .with_topic_id(id())
        .with_partitions(vec![1, 2, 3])
        .with_unknown_tagged_field(9, tag());
    request.with_session_id(1).with_session_epoch(2).with_forgotten_topics_data(vec![forgotten])
}

fn groups(samples: &mut Vec<Sample>) {
    sample(samples, |version| {
        let request = FindCoordinatorRequest::default().with_unknown_tagged_field(9, tag());
        let request = if version >= 1 { request.with_key_type(1) } else { request };
        if version >= 4 {
            request.with_coordinator_keys(vec![text("a"), text("b")])
        } else {
            request.with_key(text("a"))
        }
    });
    sample(samples, |version| {
        let protocol = join_group_request::JoinGroupRequestProtocol::default()
            .with_name(text("range"))
            .with_metadata(Bytes::from_static(b"metadata"))
            .with_unknown_tagged_field(9, tag());
        let request = JoinGroupRequest::default()
            .with_group_id(text("group").into())
            .with_member_id(text("member"))
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![protocol.clone(), protocol])
            .with_reason(Some(text("because")))
            .with_unknown_tagged_field(9, tag());
        if version >= 5 { request.with_group_instance_id(Some(text("instance"))) } else { request }
    });
    sample(samples, |version| {
        let share = sync_group_request::SyncGroupRequestAssignment::default()
            .with_member_id(text("member"))
            .with_assignment(Bytes::from_static(b"assignment"))
            .with_unknown_tagged_field(9, tag());
        let request = SyncGroupRequest::default()
            .with_group_id(text("group").into())
            .with_member_id(text("member"))
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range")))
            .with_assignments(vec![share.clone(), share])
            .with_unknown_tagged_field(9, tag());
        if version >= 3 { request.with_group_instance_id(Some(text("instance"))) } else { request }
    });
    sample(samples, |version| {
        let request = HeartbeatRequest::default()
            .with_group_id(text("group").into())
            .with_member_id(text("member"))
            .with_unknown_tagged_field(9, tag());
        if version >= 3 { request.with_group_instance_id(Some(text("instance"))) } else { request }
    });
    sample(samples, |version| {
        let request = LeaveGroupRequest::default()
            .with_group_id(text("group").into())
            .with_unknown_tagged_field(9, tag());
        if version < 3 {
            return request.with_member_id(text("member"));
        }
        let member = leave_group_request::MemberIdentity::default()
            .with_member_id(text("member"))
            .with_group_instance_id(Some(text("instance")))
            .with_reason(Some(text("because")))
            .with_unknown_tagged_field(9, tag());
        request.with_members(vec![member.clone(), member])
    });
    sample(samples, |version| {
        let partition = offset_commit_request::OffsetCommitRequestPartition::default()
            .with_partition_index(1)
            .with_committed_metadata(Some(text("note")))
            .with_unknown_tagged_field(9, tag());
        let topic = offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(text("topic").into())
            .with_partitions(vec![partition.clone(), partition])
            .with_unknown_tagged_field(9, tag());
        let request = OffsetCommitRequest::default()
            .with_group_id(text("group").into())
            .with_member_id(text("member"))
            .with_topics(vec![topic])
            .with_unknown_tagged_field(9, tag());
        if version >= 7 { request.with_group_instance_id(Some(text("instance"))) } else { request }
    });
    sample(samples, |version| {
        let request = OffsetFetchRequest::default().with_unknown_tagged_field(9, tag());
        let request = if version >= 7 { request.with_require_stable(true) } else { request };
        if version < 8 {
            let topic = offset_fetch_request::OffsetFetchRequestTopic::default()
                .with_name(text("topic").into())
                .with_partition_indexes(vec![1, 2])
                .with_unknown_tagged_field(9, tag());
            return request.with_group_id(text("group").into()).with_topics(Some(vec![topic]));
        }
        let topic = offset_fetch_request::OffsetFetchRequestTopics::default()
            .with_name(text("topic").into())
            .with_partition_indexes(vec![1, 2])
            .with_unknown_tagged_field(9, tag());
        let group = offset_fetch_request::OffsetFetchRequestGroup::default()
            .with_group_id(text("group").into())
            .with_member_id(Some(text("member")))
            .with_topics(Some(vec![topic]))
            .with_unknown_tagged_field(9, tag());
        request.with_groups(vec![group])
    });
    sample(samples, |_| {
        let topic = offset_delete_request::OffsetDeleteRequestTopic::default()
            .with_name(text("topic").into())
            .with_partitions(vec![offset_delete_request::OffsetDeleteRequestPartition::default()]);
        OffsetDeleteRequest::default().with_group_id(text("group").into()).with_topics(vec![topic])
    });
    sample(samples, |version| {
        let request = ListGroupsRequest::default().with_unknown_tagged_field(9, tag());
        let request = if version >= 4 { request.with_states_filter(vec![text("Stable")]) } else { request };
        if version >= 5 { request.with_types_filter(vec![text("Classic")]) } else { request }
    });
    sample(samples, |version| {
        DescribeGroupsRequest::default()
            .with_groups(vec![text("a").into(), text("b").into()])
            .with_include_authorized_operations(version >= 3)
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |_| {
        DeleteGroupsRequest::default()
            .with_groups_names(vec![text("a").into(), text("b").into()])
            .with_unknown_tagged_field(9, tag())
    });
}

fn transactions(samples: &mut Vec<Sample>) {
    sample(samples, |_| {
        let topic = add_partitions_to_txn_request::AddPartitionsToTxnTopic::default()
            .with_name(text("topic").into())
            .with_partitions(vec![1, 2])
            .with_unknown_tagged_field(9, tag());
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(text("transaction").into())
            .with_v3_and_below_topics(vec![topic.clone(), topic])
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |_| {
        AddOffsetsToTxnRequest::default()
            .with_transactional_id(text("transaction").into())
            .with_group_id(text("group").into())
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |_| {
        EndTxnRequest::default()
            .with_transactional_id(text("transaction").into())
            .with_committed(true)
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |version| {
        let partition = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
            .with_committed_metadata(Some(text("note")))
            .with_unknown_tagged_field(9, tag());
        let topic = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
            .with_name(text("topic").into())
            .with_partitions(vec![partition.clone(), partition])
            .with_unknown_tagged_field(9, tag());
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(text("transaction").into())
            .with_group_id(text("group").into())
            .with_topics(vec![topic])
            .with_unknown_tagged_field(9, tag());
        if version < 3 {
            return request;
        }
        request
            .with_generation_id(3)
            .with_member_id(text("member"))
            .with_group_instance_id(Some(text("instance")))
    });
}

fn administration(samples: &mut Vec<Sample>) {
    sample(samples, |_| {
        let assignment = create_topics_request::CreatableReplicaAssignment::default()
            .with_broker_ids(vec![1.into(), 2.into()])
            .with_unknown_tagged_field(9, tag());
        let config = create_topics_request::CreatableTopicConfig::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("1")))
            .with_unknown_tagged_field(9, tag());
        let topic = create_topics_request::CreatableTopic::default()
            .with_name(text("topic").into())
            .with_assignments(vec![assignment])
            .with_configs(vec![config.clone(), config])
            .with_unknown_tagged_field(9, tag());
        CreateTopicsRequest::default().with_topics(vec![topic]).with_unknown_tagged_field(9, tag())
    });
    sample(samples, |version| {
        let request = DeleteTopicsRequest::default().with_unknown_tagged_field(9, tag());
        if version < 6 {
            return request.with_topic_names(vec![text("a").into(), text("b").into()]);
        }
        let topic = delete_topics_request::DeleteTopicState::default()
            .with_name(Some(text("topic").into()))
            .with_topic_id(id())
            .with_unknown_tagged_field(9, tag());
        request.with_topics(vec![topic])
    });
    sample(samples, |_| {
        let partition =
            delete_records_request::DeleteRecordsPartition::default().with_unknown_tagged_field(9, tag());
        let topic = delete_records_request::DeleteRecordsTopic::default()
            .with_name(text("topic").into())
            .with_partitions(vec![partition])
            .with_unknown_tagged_field(9, tag());
        DeleteRecordsRequest::default().with_topics(vec![topic]).with_unknown_tagged_field(9, tag())
    });
    sample(samples, |_| {
        let assignment = create_partitions_request::CreatePartitionsAssignment::default()
            .with_broker_ids(vec![1.into()])
            .with_unknown_tagged_field(9, tag());
        let topic = create_partitions_request::CreatePartitionsTopic::default()
            .with_name(text("topic").into())
            .with_assignments(Some(vec![assignment]))
            .with_unknown_tagged_field(9, tag());
        CreatePartitionsRequest::default().with_topics(vec![topic]).with_unknown_tagged_field(9, tag())
    });
    sample(samples, |version| {
        let resource = describe_configs_request::DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("topic"))
            .with_configuration_keys(Some(vec![text("retention.ms"), text("x")]))
            .with_unknown_tagged_field(9, tag());
        DescribeConfigsRequest::default()
            .with_resources(vec![resource])
            .with_include_documentation(version >= 3)
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |_| {
        let config = alter_configs_request::AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("1")))
            .with_unknown_tagged_field(9, tag());
        let resource = alter_configs_request::AlterConfigsResource::default()
            .with_resource_name(text("topic"))
            .with_configs(vec![config])
            .with_unknown_tagged_field(9, tag());
        AlterConfigsRequest::default().with_resources(vec![resource]).with_unknown_tagged_field(9, tag())
    });
    sample(samples, |_| {
        let config = incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text("retention.ms"))
            .with_value(Some(text("1")))
            .with_unknown_tagged_field(9, tag());
        let resource = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_name(text("topic"))
            .with_configs(vec![config])
            .with_unknown_tagged_field(9, tag());
        IncrementalAlterConfigsRequest::default()
            .with_resources(vec![resource])
            .with_unknown_tagged_field(9, tag())
    });
    sample(samples, |version| {
        DescribeClusterRequest::default()
            .with_include_fenced_brokers(version >= 2)
            .with_unknown_tagged_field(9, tag())
    });
}
