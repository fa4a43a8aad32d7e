//! What is stored of a transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidemill_storage::log::TransactionEnd;
use tidemill_storage::{Offset, PartitionId, ProducerEpoch, ProducerId, TopicName, TopicPartition};

use crate::error::{Error, ErrorKind, Result};
use crate::group_offsets::GroupOffset;
use crate::topics::ProducerIdentity;

/// Where a transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Phase {
    /// There was none yet.
    #[default]
    Empty,
    /// It is open.
    Ongoing,
    /// How it ends is decided; its markers are being written.
    Decided(TransactionEnd),
    /// It has ended.
    Ended(TransactionEnd),
}

/// A transactional id with its last transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) producer: ProducerIdentity,
    pub(super) timeout: Duration,
    pub(super) phase: Phase,
    pub(super) partitions: BTreeSet<TopicPartition>,
    /// Offsets that a commit moves, by group.
    pub(super) offsets: BTreeMap<String, BTreeMap<TopicPartition, GroupOffset>>,
}

impl Default for Record {
    fn default() -> Record {
        Record {
            producer: ProducerIdentity { id: ProducerId::NONE, epoch: ProducerEpoch(-1) },
            timeout: Duration::ZERO,
            phase: Phase::Empty,
            partitions: BTreeSet::new(),
            offsets: BTreeMap::new(),
        }
    }
}

/// Stored form of [`Record`].
#[derive(Serialize, Deserialize)]
struct Stored {
    producer_id: i64,
    epoch: i16,
    timeout_ms: u64,
    phase: StoredPhase,
    partitions: Vec<(String, u32)>,
    offsets: Vec<StoredOffset>,
}

#[derive(Serialize, Deserialize)]
enum StoredPhase {
    Empty,
    Ongoing,
    Committing,
    Aborting,
    Committed,
    Aborted,
}

#[derive(Serialize, Deserialize)]
struct StoredOffset {
    group: String,
    topic: String,
    partition: u32,
    offset: i64,
    leader_epoch: i32,
    metadata: String,
    committed_ms: i64,
}

impl Record {
    /// Whether a commit would move the group's offset.
    pub(super) fn would_move(&self, group: &str, target: &TopicPartition) -> bool {
        matches!(self.phase, Phase::Ongoing | Phase::Decided(TransactionEnd::Commit))
            && self.offsets.get(group).is_some_and(|offsets| offsets.contains_key(target))
    }

    /// To bytes.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let offsets = self.offsets.iter().flat_map(|(group, offsets)| {
            offsets.iter().map(move |(target, offset)| StoredOffset {
                group: group.clone(),
                topic: target.topic.as_str().to_owned(),
                partition: target.partition.0,
                offset: offset.offset.0,
                leader_epoch: offset.leader_epoch,
                metadata: offset.metadata.clone(),
                committed_ms: offset.committed_ms,
            })
        });
        let partitions = self.partitions.iter();
        let stored = Stored {
            producer_id: self.producer.id.0,
            epoch: self.producer.epoch.0,
            timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            phase: self.phase.into(),
            partitions: partitions.map(|p| (p.topic.as_str().to_owned(), p.partition.0)).collect(),
            offsets: offsets.collect(),
        };
        serde_json::to_vec(&stored).map_err(|error| Error::internal(error.to_string()))
    }

    /// From bytes.
    pub(super) fn decode(id: &str, bytes: &[u8]) -> Result<Record> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorKind::Corrupt, format!("stored transactional id '{id}' is damaged: {error}"))
        })?;
        let target = |topic: &str, partition: u32| -> Result<TopicPartition> {
            Ok(TopicPartition::new(TopicName::new(topic)?, PartitionId(partition)))
        };
        let partitions = stored.partitions.iter().map(|(topic, partition)| target(topic, *partition));
        let mut offsets: BTreeMap<String, BTreeMap<TopicPartition, GroupOffset>> = BTreeMap::new();
        for found in stored.offsets {
            let target = target(&found.topic, found.partition)?;
            let offset = GroupOffset {
                offset: Offset(found.offset),
                leader_epoch: found.leader_epoch,
                metadata: found.metadata,
                committed_ms: found.committed_ms,
            };
            offsets.entry(found.group).or_default().insert(target, offset);
        }
        Ok(Record {
            producer: ProducerIdentity {
                id: ProducerId(stored.producer_id),
                epoch: ProducerEpoch(stored.epoch),
            },
            timeout: Duration::from_millis(stored.timeout_ms),
            phase: stored.phase.into(),
            partitions: partitions.collect::<Result<_>>()?,
            offsets,
        })
    }
}

impl From<Phase> for StoredPhase {
    fn from(phase: Phase) -> StoredPhase {
        match phase {
            Phase::Empty => StoredPhase::Empty,
            Phase::Ongoing => StoredPhase::Ongoing,
            Phase::Decided(TransactionEnd::Commit) => StoredPhase::Committing,
            Phase::Decided(TransactionEnd::Abort) => StoredPhase::Aborting,
            Phase::Ended(TransactionEnd::Commit) => StoredPhase::Committed,
            Phase::Ended(TransactionEnd::Abort) => StoredPhase::Aborted,
        }
    }
}

impl From<StoredPhase> for Phase {
    fn from(phase: StoredPhase) -> Phase {
        match phase {
            StoredPhase::Empty => Phase::Empty,
            StoredPhase::Ongoing => Phase::Ongoing,
            StoredPhase::Committing => Phase::Decided(TransactionEnd::Commit),
            StoredPhase::Aborting => Phase::Decided(TransactionEnd::Abort),
            StoredPhase::Committed => Phase::Ended(TransactionEnd::Commit),
            StoredPhase::Aborted => Phase::Ended(TransactionEnd::Abort),
        }
    }
}
