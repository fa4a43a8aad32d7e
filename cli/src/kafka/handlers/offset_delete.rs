//! OffsetDelete: forgets committed offsets of topics that the group does not read any more.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, code_of, of_coordination};
use crate::kafka::partition::{target, topic};

/// Forgets them.
pub(crate) async fn answer(client: &Client, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let group = request.group_id.to_string();
    if let Err(error) = super::delete_groups::check_exists(client, &group).await {
        return OffsetDeleteResponse::default().with_error_code(error.code());
    }
    let mut targets = Vec::new();
    let topics = request.topics.into_iter().map(|wanted| {
        let name = if client.server.groups.is_subscribed(&group, &wanted.name) {
            Err(ResponseError::GroupSubscribedToTopic)
        } else {
            topic(&wanted.name)
        };
        let partitions = wanted.partitions.iter().map(|partition| {
            let found = name.clone().and_then(|name| target(&name, partition.partition_index));
            let code = code_of(&found);
            targets.extend(found);
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        let partitions = partitions.collect();
        OffsetDeleteResponseTopic::default().with_name(wanted.name).with_partitions(partitions)
    });
    let topics: Vec<_> = topics.collect();
    let offsets = client.server.topics.groups().clone();
    let code = match blocking(move || offsets.delete(&group, Some(&targets))).await {
        Ok(()) => NONE,
        Err(error) => {
            warn!(peer = %client.peer, %error, "committed offsets could not be deleted");
            of_coordination(&error).code()
        }
    };
    OffsetDeleteResponse::default().with_error_code(code).with_topics(topics)
}
