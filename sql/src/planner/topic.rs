//! What a statement says about the topic behind a source.

use super::properties::Properties;
use crate::error::SqlError;

/// Properties of a topic, as far as they are written out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
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
