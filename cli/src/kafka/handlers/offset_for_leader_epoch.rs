//! OffsetForLeaderEpoch: where an epoch of a partition ends, so that consumers can tell whether the log
//! was cut behind their back. It never is; there is one epoch, and it ends where the partition ends.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use tidemill_engine::TopicName;

use crate::kafka::connection::Client;
use crate::kafka::error_code::of_storage;
use crate::kafka::partition::{LEADER_EPOCH, check_leader_epoch, target, topic};

/// Answers each partition.
pub(crate) fn answer(client: &Client, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|wanted| {
        let name = topic(&wanted.topic);
        let partitions = wanted.partitions.iter().map(|partition| {
            let response = EpochEndOffset::default().with_partition(partition.partition);
            match name.clone().and_then(|name| end(client, &name, partition)) {
                Ok(Some(end)) => response.with_leader_epoch(LEADER_EPOCH).with_end_offset(end),
                Ok(None) => response.with_leader_epoch(-1).with_end_offset(-1),
                Err(error) => {
                    response.with_error_code(error.code()).with_leader_epoch(-1).with_end_offset(-1)
                }
            }
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult::default().with_topic(wanted.topic).with_partitions(partitions)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn end(
    client: &Client,
    name: &TopicName,
    wanted: &OffsetForLeaderPartition,
) -> Result<Option<i64>, ResponseError> {
    check_leader_epoch(wanted.current_leader_epoch)?;
    let target = target(name, wanted.partition)?;
    let offsets = client.server.topics.offsets(&target).map_err(|error| of_storage(&error))?;
    Ok((wanted.leader_epoch == LEADER_EPOCH).then_some(offsets.high_watermark.0))
}
