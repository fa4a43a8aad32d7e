//! Our own log on disk.
//!
//! ```text
//! append ─▶ partition/append ─▶ segment (page cache) ─▶ sync_queue ─▶ high watermark ─▶ durable
//! stage  ─▶ staging ─────────────┘ (held back until publish)
//! read   ─▶ fetch ─▶ segment_index ─▶ scan ─▶ bytes as they were appended
//! open   ─▶ recovery: checkpoint, then the tail behind it
//! ```
//!
//! [`format`] alone knows the bytes and names on disk. [`view`] alone moves offsets. [`shared`] says
//! when a failure is the end.

mod append;
mod checkpoint;
mod fetch;
mod format;
mod open;
mod partition;
mod producer_ids;
mod recovery;
mod report;
mod retention;
mod scan;
mod segment;
mod segment_index;
mod shared;
mod staging;
mod sync_queue;
mod timestamps;
mod topic;
mod view;

use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::watch;

use crate::error::{Result, StorageError};
use crate::ids::{Offset, ProducerEpoch, ProducerId, TopicName, TopicPartition};
use crate::io::DiskLock;
use crate::log::checks::check_client_producer;
use crate::log::embedded::shared::Shared;
use crate::log::{
    Appended, Decisions, Isolation, Log, Origin, PartitionOffsets, Slice, Staged, StagedOutput,
    TopicDescription, TopicSettings, TransactionEnd, Watermark,
};

pub use open::Options;
pub use report::{Cut, CutReason, FoundDamage, RecoveryReport};

/// The log of one directory, open in this process alone.
///
/// Dropping it waits for the syncs under way. It writes no checkpoint: call [`Log::checkpoint`] before,
/// so that the next start scans nothing.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    sync_threads: Vec<JoinHandle<()>>,
    _lock: DiskLock,
}

impl EmbeddedLog {
    /// Opens the log of a directory, making it where it is empty.
    ///
    /// `decisions` tells which staged epochs count; the others are cut off.
    ///
    /// # Errors
    /// `Unusable` where another process holds the directory or it is of another format; nothing is
    /// touched then. `Corrupt`, `Io`, `DiskFull` where the directory cannot be read or repaired.
    pub fn open(options: Options, decisions: &Decisions) -> Result<(EmbeddedLog, RecoveryReport)> {
        let root = options.directory.clone();
        let (shared, lock, report) = open::open(options, decisions)?;
        let shared = Arc::new(shared);
        let sync_threads = sync_queue::SyncQueue::start(&shared)
            .map_err(|error| StorageError::io("start the sync threads of", root, &error))?;
        Ok((EmbeddedLog { shared, sync_threads, _lock: lock }, report))
    }

    /// Makes everything appended so far durable, in this thread. Only a log without sync threads needs
    /// it.
    pub fn sync(&self) {
        self.shared.sync_queue.drain_if_manual(&self.shared);
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.shared.sync_queue.close();
        for thread in self.sync_threads.drain(..) {
            // A panic was reported when it happened; here is nobody to tell.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLog").field("directory", &self.shared.layout.root).finish_non_exhaustive()
    }
}

impl Log for EmbeddedLog {
    fn create_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription> {
        self.shared.create_topic(name, settings)
    }

    fn delete_topic(&self, name: &TopicName) -> Result<()> {
        self.shared.delete_topic(name)
    }

    fn alter_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription> {
        self.shared.alter_topic(name, settings)
    }

    fn topic(&self, name: &TopicName) -> Option<TopicDescription> {
        self.shared.topics.read().get(name).map(|topic| topic.description().clone())
    }

    fn topics(&self) -> Vec<TopicDescription> {
        self.shared.topics.read().values().map(|topic| topic.description().clone()).collect()
    }

    fn append(&self, target: &TopicPartition, batch: Bytes, origin: Origin) -> Result<Appended> {
        let (topic, partition) = self.shared.partition(target)?;
        partition.append(&self.shared, topic.settings(), &batch, origin)
    }

    fn append_waits(&self, target: &TopicPartition) -> bool {
        self.shared.partition(target).is_ok_and(|(_, partition)| partition.append_waits())
    }

    fn read(
        &self,
        target: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<Slice> {
        let (_, partition) = self.shared.partition(target)?;
        partition.read(&self.shared, from, bytes_max, isolation)
    }

    fn offsets(&self, target: &TopicPartition) -> Result<PartitionOffsets> {
        Ok(self.shared.partition(target)?.1.offsets())
    }

    fn offset_for_timestamp(
        &self,
        target: &TopicPartition,
        timestamp_ms: i64,
    ) -> Result<Option<(Offset, i64)>> {
        let (_, partition) = self.shared.partition(target)?;
        partition.offset_for_timestamp(&self.shared, timestamp_ms)
    }

    fn offset_of_max_timestamp(&self, target: &TopicPartition) -> Result<Option<(Offset, i64)>> {
        let (_, partition) = self.shared.partition(target)?;
        partition.offset_of_max_timestamp(&self.shared)
    }

    fn watch(&self, target: &TopicPartition) -> Result<watch::Receiver<Watermark>> {
        Ok(self.shared.partition(target)?.1.watch())
    }

    fn trim(&self, target: &TopicPartition, offset: Offset) -> Result<()> {
        let (_, partition) = self.shared.partition(target)?;
        partition.trim(&self.shared, offset)
    }

    fn size_bytes(&self, target: &TopicPartition) -> Result<u64> {
        Ok(self.shared.partition(target)?.1.size_bytes())
    }

    fn allocate_producer_id(&self) -> Result<ProducerId> {
        self.shared.producer_ids.allocate(&self.shared)
    }

    fn end_transaction(
        &self,
        target: &TopicPartition,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        end: TransactionEnd,
    ) -> Result<Appended> {
        check_client_producer(producer_id, epoch)?;
        let (topic, partition) = self.shared.partition(target)?;
        partition.end_transaction(&self.shared, topic.settings(), producer_id, epoch, end)
    }

    fn stage(&self, producer: ProducerId, outputs: Vec<StagedOutput>) -> Result<Box<dyn Staged>> {
        staging::stage(&self.shared, producer, outputs)
    }

    fn enforce_retention(&self) -> Result<usize> {
        self.shared.check()?;
        let topics: Vec<_> = self.shared.topics.read().values().cloned().collect();
        let (mut dropped, mut failed) = (0, None);
        for topic in topics {
            for partition in topic.partitions() {
                // One partition that cannot forget must not let all others grow.
                match partition.enforce_retention(&self.shared, topic.settings()) {
                    Ok(segments) => dropped += segments,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        failed.map_or(Ok(dropped), Err)
    }

    fn checkpoint(&self) -> Result<()> {
        self.shared.check()?;
        let partitions: Vec<_> = {
            let topics = self.shared.topics.read();
            topics.values().flat_map(|topic| topic.partitions()).cloned().collect()
        };
        checkpoint::write_all(&self.shared, &partitions)
    }

    fn failure(&self) -> Option<StorageError> {
        self.shared.failure.get().cloned()
    }
}
