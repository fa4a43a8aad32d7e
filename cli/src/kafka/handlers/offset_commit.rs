//! OffsetCommit: durable before it is answered.

use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use tracing::warn;

use super::committing::{Committing, Wanted};
use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_coordination};
use crate::kafka::groups::Identity;

/// Commits what is in order; each partition has an answer of its own.
pub(crate) async fn answer(client: &Client, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let identity = Identity::new(&request.member_id, request.group_instance_id.as_deref());
    let group = request.group_id.to_string();
    let allowed = client.server.groups.check_commit(&group, &identity, request.generation_id_or_member_epoch);
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
            OffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(committing.take(&topic, wanted))
        });
        let partitions = partitions.collect();
        topics.push(OffsetCommitResponseTopic::default().with_name(asked.name).with_partitions(partitions));
    }
    let commits = committing.into_commits();
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
