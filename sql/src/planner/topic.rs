//! What a statement says about the topic behind a source.

use super::properties::Properties;
use crate::error::SqlError;
use crate::parser::ast::WithProperties;

/// Properties of a topic, as far as they are written out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TopicOptions {
    /// Number of partitions.
    pub partitions: Option<u32>,
    /// Number of replicas.
    pub replicas: Option<i16>,
    /// How long records stay, in milliseconds; negative for ever.
    pub retention_ms: Option<i64>,
    /// What becomes of old records.
    pub cleanup_policy: Option<CleanupPolicy>,
}

/// Which records of a topic go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CleanupPolicy {
    /// The old ones.
    Delete,
    /// All but the newest of each key.
    Compact,
}

impl CleanupPolicy {
    /// Kafka's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CleanupPolicy::Delete => "delete",
            CleanupPolicy::Compact => "compact",
        }
    }
}

impl TopicOptions {
    /// What a WITH clause says, of a statement that was planned before; `declared` says that it declares
    /// columns rather than a query.
    ///
    /// # Errors
    /// It says nothing that could be planned now.
    pub fn written(properties: &WithProperties, declared: bool) -> Result<TopicOptions, SqlError> {
        TopicOptions::new(&Properties::new(properties, declared)?)
    }

    pub(super) fn new(properties: &Properties<'_>) -> Result<TopicOptions, SqlError> {
        Ok(TopicOptions {
            partitions: properties.partitions()?,
            replicas: properties.replicas()?,
            retention_ms: properties.retention_ms()?,
            cleanup_policy: properties.cleanup_policy()?,
        })
    }
}
