//! What a statement says about the topic behind a source.

use super::properties::Properties;
use crate::error::SqlError;
use crate::lookup::Lookup;

/// Partitions of a topic that nobody said anything about, as in Kafka.
const DEFAULT_PARTITIONS: u32 = 1;

/// Properties of a topic, as far as they were written out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TopicOptions {
    /// Number of partitions.
    pub partitions: Option<u32>,
    /// Number of replicas.
    pub replicas: Option<i16>,
    /// How long records stay, in milliseconds; negative for ever.
    pub retention_ms: Option<i64>,
}

impl TopicOptions {
    pub(super) fn new(properties: &Properties<'_>) -> Result<TopicOptions, SqlError> {
        Ok(TopicOptions {
            partitions: properties.partitions()?,
            replicas: properties.replicas()?,
            retention_ms: properties.retention_ms()?,
        })
    }
}

/// The number of partitions of a declared source's topic: a topic that exists has its own.
pub(super) fn declared_partitions(options: &TopicOptions, topic: &str, lookup: &dyn Lookup) -> u32 {
    lookup.topic_partitions(topic).or(options.partitions).unwrap_or(DEFAULT_PARTITIONS)
}
