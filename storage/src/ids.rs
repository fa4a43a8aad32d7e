//! The names and numbers of the log, as types that cannot be mixed up.

use std::fmt;
use std::sync::Arc;

use crate::error::{Result, StorageError};

/// Position of a record in one partition. Offsets are dense from 0 as they are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Offset(pub i64);

impl Offset {
    /// Of the first record ever written.
    pub const ZERO: Offset = Offset(0);

    /// The offset `count` records further on.
    #[must_use]
    pub fn plus(self, count: i64) -> Offset {
        Offset(self.0.saturating_add(count))
    }

    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Offset {
        self.plus(1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of a partition within its topic, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PartitionId(pub u32);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A legal Kafka topic name.
///
/// Invariant: 1 to 249 characters of `[a-zA-Z0-9._-]`, and neither `.` nor `..` (Kafka's
/// `Topic.validate`), so it is also a safe directory name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Longest legal name, from Kafka's `Topic.MAX_NAME_LENGTH`.
    pub const LENGTH_MAX: usize = 249;

    /// Checks and wraps a name.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] where the name is not legal.
    pub fn new(name: &str) -> Result<TopicName> {
        let legal = !name.is_empty()
            && name.len() <= Self::LENGTH_MAX
            && name != "."
            && name != ".."
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if legal {
            Ok(TopicName(name.into()))
        } else {
            Err(StorageError::invalid(format!(
                "'{name}' is not a legal topic name: use 1 to 249 letters, digits, '.', '_' and '-'"
            )))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Identity of a topic: a topic that is deleted and created again has a new one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TopicId(pub uuid::Uuid);

/// One partition of one topic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionId,
}

impl TopicPartition {
    /// Joins the two.
    #[must_use]
    pub fn new(topic: TopicName, partition: PartitionId) -> TopicPartition {
        TopicPartition { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Identity of a producer, as `InitProducerId` hands it out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerId(pub i64);

impl ProducerId {
    /// What a producer without idempotence sends.
    pub const NONE: ProducerId = ProducerId(-1);
    /// Ids from here up belong to the engine's own queries and are never handed to clients. A batch
    /// that carries one is part of a staged epoch.
    pub const ENGINE_FIRST: ProducerId = ProducerId(1 << 48);

    /// Whether the id belongs to one of the engine's queries.
    #[must_use]
    pub fn is_engine(self) -> bool {
        self >= Self::ENGINE_FIRST
    }
}

/// Incarnation of a producer; a higher one fences the lower ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerEpoch(pub i16);
