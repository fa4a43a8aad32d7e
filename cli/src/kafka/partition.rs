//! Topics and partitions as clients name them, checked.

use kafka_protocol::ResponseError;
use tidemill_engine::{PartitionId, TopicName, TopicPartition};

/// A legal topic name.
pub(crate) fn topic(name: &str) -> Result<TopicName, ResponseError> {
    TopicName::new(name).map_err(|_| ResponseError::InvalidTopicException)
}

/// A partition of a topic; that it exists is for the log to say.
pub(crate) fn target(topic: &TopicName, partition: i32) -> Result<TopicPartition, ResponseError> {
    match u32::try_from(partition) {
        Ok(partition) => Ok(TopicPartition::new(topic.clone(), PartitionId(partition))),
        Err(_) => Err(ResponseError::UnknownTopicOrPartition),
    }
}

/// A partition's number on the wire.
pub(crate) fn index(partition: PartitionId) -> i32 {
    i32::try_from(partition.0).unwrap_or(i32::MAX)
}

/// The one leader epoch there is: no partition ever changes its leader here.
pub(crate) const LEADER_EPOCH: i32 = 0;

/// Checks the leader epoch a client believes in; -1 where it has no opinion (KIP-320).
pub(crate) fn check_leader_epoch(epoch: i32) -> Result<(), ResponseError> {
    if epoch > LEADER_EPOCH { Err(ResponseError::UnknownLeaderEpoch) } else { Ok(()) }
}
