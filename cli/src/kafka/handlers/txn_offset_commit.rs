//! TxnOffsetCommit: offsets of a group that move when a transaction is committed.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use tidemill_engine::topics::ProducerIdentity;
use tracing::debug;

use super::committing::{Commit, Committing, Wanted};
use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_coordination, of_transaction};
use crate::kafka::groups::Identity;
use crate::kafka::producer;

/// Makes the offsets part of the transaction; each partition has an answer of its own.
pub(crate) async fn answer(client: &Client, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let allowed = check_member(client, &request);
    let mut committing = Committing::now(client, allowed);
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in request.topics {
        let topic = committing.topic(&asked.name);
        let partitions = asked.partitions.into_iter().map(|asked| {
            let wanted = Wanted {
                partition: asked.partition_index,
                offset: asked.committed_offset,
                leader_epoch: asked.committed_leader_epoch,
                note: asked.committed_metadata,
            };
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(committing.take(&topic, wanted))
        });
        let partitions = partitions.collect();
        topics
            .push(TxnOffsetCommitResponseTopic::default().with_name(asked.name).with_partitions(partitions));
    }
    let commits = committing.into_commits();
    let producer = producer::identity(request.producer_id, request.producer_epoch);
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
    let identity = Identity::new(&request.member_id, request.group_instance_id.as_deref());
    client.server.groups.check_commit(&request.group_id, &identity, request.generation_id)
}

async fn commit(
    client: &Client,
    id: String,
    producer: ProducerIdentity,
    group: String,
    commits: Vec<Commit>,
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
