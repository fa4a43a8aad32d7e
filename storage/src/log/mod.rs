//! The partitioned log: the seam [`Log`] and its two implementations.
//!
//! ```text
//!            log start      last stable      high watermark        end
//!                |               |                 |                |
//!   …trimmed…    [===============|=================|................]
//!                 visible to     visible to         appended, not yet
//!                 read_committed read_uncommitted    visible to anyone
//! ```
//!
//! Invariant: `log start ≤ last stable ≤ high watermark ≤ end`, and none of the last three ever goes
//! back while the process lives. The high watermark passes a batch only when the batch is durable
//! *and* no undecided staged epoch stands before it; so what was served once is there after a crash.

mod checks;
#[cfg(test)]
mod conformance;
mod embedded;
mod memory;
mod producer_state;
mod transactions;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

pub use checks::PARTITIONS_MAX;
pub use embedded::{Cut, CutReason, EmbeddedLog, FoundDamage, Options, RecoveryReport};
pub use memory::MemoryLog;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, PartitionId, ProducerEpoch, ProducerId, TopicId, TopicName, TopicPartition};
pub use crate::record::AbortedTransaction;
use crate::record::RecordReader;

/// How long and how much a topic keeps, and what it accepts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicSettings {
    /// Number of partitions, at least 1.
    pub partitions: u32,
    /// Age in milliseconds after which a segment is dropped; `None` keeps for ever. Default 7 days.
    pub retention_ms: Option<i64>,
    /// Bytes per partition above which the oldest segments are dropped; `None` is no bound.
    pub retention_bytes: Option<u64>,
    /// Bytes at which a segment is closed and a new one begun. Default 1 GiB.
    pub segment_bytes: u64,
    /// Largest record batch in bytes. Default 1 MiB + 12, as Kafka's.
    pub max_message_bytes: u32,
    /// The newest record of each key is kept (`cleanup.policy=compact`). Age and size drop segments here
    /// too where they are set (`compact,delete`).
    pub compact: bool,
    /// Settings a client gave that the log only remembers (reported by DescribeConfigs).
    pub other: Vec<(String, String)>,
}

impl Default for TopicSettings {
    fn default() -> Self {
        TopicSettings {
            partitions: 1,
            retention_ms: Some(7 * 24 * 60 * 60 * 1000),
            retention_bytes: None,
            segment_bytes: 1 << 30,
            max_message_bytes: (1 << 20) + 12,
            compact: false,
            other: Vec::new(),
        }
    }
}

/// A topic that exists.
#[derive(Clone, Debug)]
pub struct TopicDescription {
    /// Its name.
    pub name: TopicName,
    /// Its identity.
    pub id: TopicId,
    /// Its settings.
    pub settings: TopicSettings,
}

/// The four offsets of a partition; see the drawing above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartitionOffsets {
    /// First offset that is still there.
    pub log_start: Offset,
    /// First offset of the oldest open client transaction, else the high watermark.
    pub last_stable: Offset,
    /// First offset that is not visible yet.
    pub high_watermark: Offset,
    /// Offset the next appended record gets.
    pub end: Offset,
}

/// Which records a reader may see (KIP-98).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Isolation {
    /// Everything below the high watermark.
    ReadUncommitted,
    /// Everything below the last stable offset; the reader skips the aborted transactions named.
    ReadCommitted,
}

/// What a read found.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Whole record batches, back to back. The first one may begin before the offset asked for (the
    /// reader drops those records); empty where there is nothing to read.
    pub batches: Bytes,
    /// The partition's offsets at the time of the read.
    pub offsets: PartitionOffsets,
    /// With [`Isolation::ReadCommitted`]: aborted transactions that overlap the batches.
    pub aborted: Vec<AbortedTransaction>,
}

impl Slice {
    /// Reads the records from `from` on, without control batches and the aborted transactions.
    #[must_use]
    pub fn reader(&self, from: Offset) -> RecordReader {
        RecordReader::new(self.batches.clone(), from, &self.aborted)
    }
}

/// Who appends, and so which checks apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A client's batch: every check of Kafka's `LogValidator`, idempotence, transactions.
    Client,
    /// A batch of this server outside any epoch (INSERT … VALUES, processing log): framing and size only.
    Server,
}

/// An append that has its offset. It is acknowledged only after [`Appended::durable`].
#[derive(Debug)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The idempotent producer had sent this batch before; the offsets are those of then.
    pub duplicate: bool,
    /// First offset still there, for the answer.
    pub log_start: Offset,
    watermark: watch::Receiver<Watermark>,
}

/// High watermark of a partition as it is announced to those who wait for it.
#[derive(Clone, Debug)]
pub enum Watermark {
    /// Everything below is durable and visible.
    At(Offset),
    /// The log failed; nothing more will become durable.
    Failed(StorageError),
    /// The topic was deleted.
    Deleted,
}

impl Appended {
    /// Joins an append with the announcement to wait for.
    #[must_use]
    pub fn new(
        base_offset: Offset,
        last_offset: Offset,
        duplicate: bool,
        log_start: Offset,
        watermark: watch::Receiver<Watermark>,
    ) -> Appended {
        Appended { base_offset, last_offset, duplicate, log_start, watermark }
    }

    /// Waits until the records are durable and visible.
    ///
    /// # Errors
    /// The failure of the log; the records may or may not be there after a restart.
    pub async fn durable(mut self) -> Result<()> {
        let last = self.last_offset;
        let reached = self.watermark.wait_for(|w| match w {
            Watermark::At(offset) => *offset > last,
            Watermark::Failed(_) | Watermark::Deleted => true,
        });
        match reached.await.as_deref() {
            Ok(Watermark::At(_)) => Ok(()),
            Ok(Watermark::Failed(error)) => Err(error.clone()),
            Ok(Watermark::Deleted) | Err(_) => {
                Err(StorageError::new(ErrorKind::NotFound, "the topic was deleted"))
            }
        }
    }
}

/// The output of one epoch for one partition.
#[derive(Clone, Debug)]
pub struct StagedOutput {
    /// Where it goes.
    pub target: TopicPartition,
    /// Record batches (v2) with producer id, sequence and base offset still to be set by the log.
    pub batches: Vec<Bytes>,
}

/// An epoch's output: appended and durable, visible to no one, waiting for its decision.
///
/// Dropping it without a decision aborts it. While it is undecided, appends to its partitions wait, so
/// the thread that holds it must not append there itself.
pub trait Staged: Send {
    /// For each partition the offset after the last staged record: the engine stores it as the
    /// decision, in the same write batch as the state.
    fn ends(&self) -> &[(TopicPartition, Offset)];
    /// The decision is durable: the output becomes visible.
    fn publish(self: Box<Self>);
    /// The epoch did not happen: the output is cut off again.
    fn abort(self: Box<Self>);
    /// Whether the decision became durable is not known, because writing it failed as `cause` says. Only
    /// the next start can tell, so the output stays on disk as it is, unseen, and a log that outlives
    /// its process takes nothing more.
    fn abandon(self: Box<Self>, cause: &StorageError);
}

/// Tells at start which staged epochs were decided: the end offset that [`Staged::ends`] gave for the
/// producer and partition in the last epoch whose decision is durable, if any.
///
/// A decision MUST be kept until a [`Log::checkpoint`] after its publication has returned, also where the
/// query that made it is dropped: without it the next start takes the epoch for undecided.
pub type Decisions = Arc<dyn Fn(ProducerId, &TopicPartition) -> Option<Offset> + Send + Sync>;

/// How a client's transaction ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransactionEnd {
    /// Its records become stable.
    Commit,
    /// Its records are skipped by read_committed readers.
    Abort,
}

/// A partitioned log. Every method may be called from many threads at once.
///
/// Implementations MUST keep the invariants in the module's header; MUST hand back a batch with the
/// bytes it came with except base offset and partition leader epoch (both outside its CRC) and the
/// correction that [`Log::append`] names; MUST NOT
/// acknowledge ([`Appended::durable`]) anything a power cut can take; MUST refuse everything after a
/// failed write or sync ([`crate::ErrorKind::Poisoned`]).
pub trait Log: Send + Sync + 'static {
    /// Creates a topic, durably.
    ///
    /// # Errors
    /// `AlreadyExists`, `Invalid` (settings), `DiskFull`, `Io`, `Poisoned`.
    fn create_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription>;

    /// Deletes a topic with all its records. Waiting appends fail with `NotFound`.
    ///
    /// # Errors
    /// `NotFound`, `Io`, `Poisoned`.
    fn delete_topic(&self, name: &TopicName) -> Result<()>;

    /// Changes the settings of a topic; the number of partitions may only grow.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `Io`, `Poisoned`.
    fn alter_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription>;

    /// One topic, if it exists.
    fn topic(&self, name: &TopicName) -> Option<TopicDescription>;

    /// All topics, by name.
    fn topics(&self) -> Vec<TopicDescription>;

    /// Appends one record batch (v2). Does not wait for the disk: see [`Appended::durable`]. It does
    /// wait while an epoch staged on the partition is undecided.
    ///
    /// A client's header whose largest timestamp is not that of its records is corrected, as Kafka does.
    ///
    /// # Errors
    /// `NotFound`, `CorruptBatch`, `TooLarge`, `Invalid`, the producer kinds, `DiskFull`, `Poisoned`.
    fn append(&self, target: &TopicPartition, batch: Bytes, origin: Origin) -> Result<Appended>;

    /// Whether an append to the partition would wait now: for an epoch that is staged and not decided, or
    /// for another append. Who must not wait asks before; the answer may be old by the time it is used.
    fn append_waits(&self, target: &TopicPartition) -> bool;

    /// Reads whole batches from the one that holds `from`, up to `bytes_max` (at least one batch).
    /// `from` may be the end of what is visible: then the slice is empty.
    ///
    /// # Errors
    /// `NotFound`, `OffsetOutOfRange`, `Corrupt` (that range only; others stay readable), `Io`.
    fn read(
        &self,
        target: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<Slice>;

    /// The partition's offsets.
    ///
    /// # Errors
    /// `NotFound`.
    fn offsets(&self, target: &TopicPartition) -> Result<PartitionOffsets>;

    /// The earliest visible record whose timestamp is at least `timestamp_ms`: its offset and
    /// timestamp, exactly (not the batch's).
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Io`.
    fn offset_for_timestamp(
        &self,
        target: &TopicPartition,
        timestamp_ms: i64,
    ) -> Result<Option<(Offset, i64)>>;

    /// The visible record with the largest timestamp: its offset and timestamp.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `Io`.
    fn offset_of_max_timestamp(&self, target: &TopicPartition) -> Result<Option<(Offset, i64)>>;

    /// Announces the high watermark.
    ///
    /// # Errors
    /// `NotFound`.
    fn watch(&self, target: &TopicPartition) -> Result<watch::Receiver<Watermark>>;

    /// Drops everything below `offset` (`DeleteRecords`); it becomes the log start.
    ///
    /// # Errors
    /// `NotFound`, `OffsetOutOfRange`, `Io`.
    fn trim(&self, target: &TopicPartition, offset: Offset) -> Result<()>;

    /// Bytes of a partition on disk.
    ///
    /// # Errors
    /// `NotFound`.
    fn size_bytes(&self, target: &TopicPartition) -> Result<u64>;

    /// Hands out a producer id that was never handed out before, also across restarts.
    ///
    /// # Errors
    /// `Io`, `Poisoned`.
    fn allocate_producer_id(&self) -> Result<ProducerId>;

    /// Ends a client's transaction on one partition by appending its control batch.
    ///
    /// # Errors
    /// `NotFound`, `ProducerFenced`, `InvalidTransactionState`, `Poisoned`.
    fn end_transaction(
        &self,
        target: &TopicPartition,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        end: TransactionEnd,
    ) -> Result<Appended>;

    /// Appends an epoch's outputs and syncs all partitions together (blocking). `producer` is the
    /// query's id, [`ProducerId::is_engine`]. Until the decision, later appends to these partitions
    /// and a second `stage` on one of them wait (blocking the thread).
    ///
    /// # Errors
    /// `NotFound`, `TooLarge`, `DiskFull`, `Poisoned`; nothing stays appended.
    fn stage(&self, producer: ProducerId, outputs: Vec<StagedOutput>) -> Result<Box<dyn Staged>>;

    /// Drops what retention no longer keeps; returns the number of segments dropped. Called by a
    /// timer of the engine.
    ///
    /// # Errors
    /// `Io`, `Poisoned`.
    fn enforce_retention(&self) -> Result<usize>;

    /// Writes checkpoints so that the next start scans little. Called at intervals and at shutdown.
    ///
    /// # Errors
    /// `Io`, `Poisoned`.
    fn checkpoint(&self) -> Result<()>;

    /// Why the log refuses writes, if it does.
    fn failure(&self) -> Option<StorageError>;
}

/// The partitions of a topic, in order.
#[must_use]
pub fn partitions_of(topic: &TopicDescription) -> Vec<TopicPartition> {
    (0..topic.settings.partitions).map(|p| TopicPartition::new(topic.name.clone(), PartitionId(p))).collect()
}
