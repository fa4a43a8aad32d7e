//! OffsetFetch: what groups have committed. Since version 8 for several groups at once; the older form
//! is answered from the same look-up.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName as WireTopicName,
};
use kafka_protocol::protocol::StrBytes;
use tidemill_engine::TopicPartition;
use tidemill_engine::group_offsets::GroupOffset;
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_coordination};
use crate::kafka::partition::{index, target, topic};

/// A topic and the partitions asked for.
type Wanted = (WireTopicName, Vec<i32>);

/// A topic and its committed offsets.
type Found = (WireTopicName, Vec<(i32, Committed)>);

/// A committed offset, if there is one, unless a transaction is about to move it.
type Committed = Result<Option<GroupOffset>, ResponseError>;

/// Looks up each group.
pub(crate) async fn answer(
    client: &Client,
    request: OffsetFetchRequest,
    version: i16,
) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if version < 8 {
        let wanted = request
            .topics
            .map(|topics| topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect());
        return match look_up(client, &request.group_id, wanted.clone(), stable).await {
            Ok(found) => OffsetFetchResponse::default().with_topics(found.into_iter().map(single).collect()),
            Err(error) => failed(error, wanted.unwrap_or_default(), version),
        };
    }
    let mut groups: Vec<OffsetFetchResponseGroup> = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        // Naming a group many times does not make the answer longer.
        if groups.iter().any(|answered| answered.group_id == group.group_id) {
            continue;
        }
        let wanted = group
            .topics
            .map(|topics| topics.into_iter().map(|topic| (topic.name, topic.partition_indexes)).collect());
        let response = match look_up(client, &group.group_id, wanted, stable).await {
            Ok(found) => {
                OffsetFetchResponseGroup::default().with_topics(found.into_iter().map(grouped).collect())
            }
            Err(error) => OffsetFetchResponseGroup::default().with_error_code(error.code()),
        };
        groups.push(response.with_group_id(group.group_id));
    }
    OffsetFetchResponse::default().with_groups(groups)
}

/// A partition without a committed offset is there with `None`.
async fn look_up(
    client: &Client,
    group: &GroupId,
    wanted: Option<Vec<Wanted>>,
    stable: bool,
) -> Result<Vec<Found>, ResponseError> {
    if group.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    let topics = client.server.topics.clone();
    let name = group.to_string();
    let committed = blocking(move || topics.group(&name)).await.map_err(|error| {
        warn!(peer = %client.peer, group = %**group, %error, "committed offsets could not be read");
        of_coordination(&error)
    })?;
    let mut found = match wanted {
        None => all(committed),
        Some(wanted) => wanted.into_iter().map(|wanted| some(&committed, wanted)).collect(),
    };
    if stable {
        hold_back_undecided(client, group, &mut found);
    }
    Ok(found)
}

/// A reader of stable offsets waits for transactions that would move them (KIP-447).
fn hold_back_undecided(client: &Client, group: &GroupId, found: &mut [Found]) {
    let transactions = client.server.topics.transactions();
    for (name, partitions) in found {
        let Ok(name) = topic(name) else { continue };
        for (index, committed) in partitions {
            let undecided =
                target(&name, *index).is_ok_and(|target| transactions.has_undecided_offset(group, &target));
            if undecided {
                *committed = Err(ResponseError::UnstableOffsetCommit);
            }
        }
    }
}

fn all(committed: BTreeMap<TopicPartition, GroupOffset>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (target, offset) in committed {
        let partition = (index(target.partition), Ok(Some(offset)));
        match found.last_mut() {
            Some((topic, partitions)) if ***topic == *target.topic.as_str() => partitions.push(partition),
            _ => {
                let name = StrBytes::from_string(target.topic.as_str().to_owned());
                found.push((WireTopicName(name), vec![partition]));
            }
        }
    }
    found
}

fn some(committed: &BTreeMap<TopicPartition, GroupOffset>, (name, partitions): Wanted) -> Found {
    let known = topic(&name);
    let offset = |partition: i32| {
        let target = target(known.as_ref().ok()?, partition).ok()?;
        committed.get(&target).cloned()
    };
    let offsets = partitions.into_iter().map(|partition| (partition, Ok(offset(partition)))).collect();
    (name, offsets)
}

fn single((name, partitions): Found) -> OffsetFetchResponseTopic {
    let partitions = partitions.into_iter().map(|(index, committed)| {
        let Fields { offset, leader_epoch, metadata, error_code } = Fields::of(committed);
        OffsetFetchResponsePartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(leader_epoch)
            .with_metadata(Some(metadata))
            .with_error_code(error_code)
    });
    OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions.collect())
}

fn grouped((name, partitions): Found) -> OffsetFetchResponseTopics {
    let partitions = partitions.into_iter().map(|(index, committed)| {
        let Fields { offset, leader_epoch, metadata, error_code } = Fields::of(committed);
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_leader_epoch(leader_epoch)
            .with_metadata(Some(metadata))
            .with_error_code(error_code)
    });
    OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions.collect())
}

/// What both forms of the answer say of a partition.
struct Fields {
    offset: i64,
    leader_epoch: i32,
    metadata: StrBytes,
    error_code: i16,
}

impl Fields {
    fn of(committed: Committed) -> Fields {
        let none =
            |error_code| Fields { offset: -1, leader_epoch: -1, metadata: StrBytes::new(), error_code };
        match committed {
            Ok(Some(GroupOffset { offset, leader_epoch, metadata, .. })) => Fields {
                offset: offset.0,
                leader_epoch,
                metadata: StrBytes::from_string(metadata),
                error_code: NONE,
            },
            Ok(None) => none(NONE),
            Err(error) => none(error.code()),
        }
    }
}

/// Version 1 has no place for an error but at each partition.
fn failed(error: ResponseError, wanted: Vec<Wanted>, version: i16) -> OffsetFetchResponse {
    if version >= 2 {
        return OffsetFetchResponse::default().with_error_code(error.code());
    }
    let topics = wanted.into_iter().map(|(name, partitions)| {
        single((name, partitions.into_iter().map(|index| (index, Err(error))).collect()))
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}
