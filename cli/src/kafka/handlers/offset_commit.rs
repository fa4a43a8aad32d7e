//! OffsetCommit: durable before it is answered.

use std::time::{SystemTime, UNIX_EPOCH};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use tidemill_engine::group_offsets::GroupOffset;
use tidemill_engine::log::TopicDescription;
use tidemill_engine::{Offset, TopicPartition};
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_coordination};
use crate::kafka::groups::Identity;
use crate::kafka::partition::{target, topic};

/// Commits what is in order; each partition has an answer of its own.
pub(crate) async fn answer(client: &Client, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let identity = Identity {
        member: request.member_id.to_string(),
        instance: request.group_instance_id.as_ref().map(ToString::to_string),
    };
    let group = request.group_id.to_string();
    let allowed = client.server.groups.check_commit(&group, &identity, request.generation_id_or_member_epoch);
    let committing = Committing::now(client);
    let mut commits = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let found = topic(&wanted.name)
            .and_then(|name| client.server.topics.get(&name).ok_or(ResponseError::UnknownTopicOrPartition));
        let partitions = wanted.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let checked = allowed.and_then(|()| {
                let found = found.as_ref().map_err(|error| *error)?;
                let OffsetCommitRequestPartition {
                    committed_offset,
                    committed_leader_epoch,
                    committed_metadata,
                    ..
                } = partition;
                let note = committed_metadata.map(|text| text.to_string());
                check(&committing, found, index, committed_offset, committed_leader_epoch, note)
            });
            let code = match checked {
                Ok(commit) => {
                    commits.push(commit);
                    NONE
                }
                Err(error) => error.code(),
            };
            OffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code)
        });
        let partitions = partitions.collect();
        topics.push(OffsetCommitResponseTopic::default().with_name(wanted.name).with_partitions(partitions));
    }
    if !commits.is_empty() {
        let offsets = client.server.topics.groups().clone();
        let stored = blocking(move || offsets.commit(&group, &commits)).await;
        if let Err(error) = stored {
            warn!(peer = %client.peer, group = %*request.group_id, %error, "offsets were not committed");
            let code = of_coordination(&error).code();
            let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.filter(|partition| partition.error_code == NONE).for_each(|p| p.error_code = code);
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// What all offsets of a commit have in common.
pub(super) struct Committing {
    at_ms: i64,
    note_bytes_max: usize,
}

impl Committing {
    /// A commit that comes in now.
    pub(super) fn now(client: &Client) -> Committing {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Committing {
            at_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
            note_bytes_max: client.server.groups.limits().offset_metadata_bytes_max,
        }
    }
}

/// Makes one offset of a commit, if the partition exists and the note is not too long.
pub(super) fn check(
    committing: &Committing,
    topic: &TopicDescription,
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    note: Option<String>,
) -> Result<(TopicPartition, GroupOffset), ResponseError> {
    let target = target(&topic.name, partition)?;
    if target.partition.0 >= topic.settings.partitions {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    let metadata = note.unwrap_or_default();
    if metadata.len() > committing.note_bytes_max {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    let committed_ms = committing.at_ms;
    Ok((target, GroupOffset { offset: Offset(offset), leader_epoch, metadata, committed_ms }))
}
