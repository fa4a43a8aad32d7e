//! TxnOffsetCommit: offsets of a group that move when a transaction is committed.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequestPartition;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use tidemill_engine::group_offsets::GroupOffset;
use tidemill_engine::topics::ProducerIdentity;
use tidemill_engine::{ProducerEpoch, ProducerId, TopicPartition};
use tracing::debug;

use super::offset_commit::{Committing, check};
use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_coordination, of_transaction};
use crate::kafka::groups::Identity;
use crate::kafka::partition::topic;

/// Makes the offsets part of the transaction; each partition has an answer of its own.
pub(crate) async fn answer(client: &Client, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let allowed = check_member(client, &request);
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
                let TxnOffsetCommitRequestPartition {
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
            TxnOffsetCommitResponsePartition::default().with_partition_index(index).with_error_code(code)
        });
        let partitions = partitions.collect();
        topics
            .push(TxnOffsetCommitResponseTopic::default().with_name(wanted.name).with_partitions(partitions));
    }
    let producer = ProducerIdentity {
        id: ProducerId(request.producer_id.0),
        epoch: ProducerEpoch(request.producer_epoch),
    };
    let (id, group) = (request.transactional_id.to_string(), request.group_id.to_string());
    if let Err(error) = commit(client, id, producer, group, commits).await {
        let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        partitions
            .filter(|partition| partition.error_code == NONE)
            .for_each(|partition| partition.error_code = error.code());
    }
    TxnOffsetCommitResponse::default().with_topics(topics)
}

/// Producers that say which member they speak for are fenced with it (KIP-447); older ones do not.
fn check_member(client: &Client, request: &TxnOffsetCommitRequest) -> Result<(), ResponseError> {
    if request.generation_id < 0 && request.member_id.is_empty() && request.group_instance_id.is_none() {
        return Ok(());
    }
    let identity = Identity {
        member: request.member_id.to_string(),
        instance: request.group_instance_id.as_ref().map(ToString::to_string),
    };
    client.server.groups.check_commit(&request.group_id, &identity, request.generation_id)
}

async fn commit(
    client: &Client,
    id: String,
    producer: ProducerIdentity,
    group: String,
    commits: Vec<(TopicPartition, GroupOffset)>,
) -> Result<(), ResponseError> {
    if commits.is_empty() {
        return Ok(());
    }
    let transactions = client.server.topics.transactions().clone();
    let stored = blocking(move || Ok(transactions.commit_offsets(&id, producer, &group, &commits))).await;
    let stored = stored.map_err(|error| of_coordination(&error))?;
    stored.map_err(|error| {
        debug!(peer = %client.peer, ?error, "offsets were not committed in a transaction");
        of_transaction(&error, false)
    })
}
