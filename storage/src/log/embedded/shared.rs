//! What all partitions of one log share: the disk, the clock, the topics, and whether the log failed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use hashbrown::HashSet;
use parking_lot::{Mutex, RwLock};

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{TopicName, TopicPartition};
use crate::io::{Clock, Disk, Random};
use crate::log::checks::{unknown_partition, unknown_topic};
use crate::log::embedded::format::Layout;
use crate::log::embedded::partition::Partition;
use crate::log::embedded::producer_ids::ProducerIds;
use crate::log::embedded::segment::OpenSegments;
use crate::log::embedded::sync_queue::SyncQueue;
use crate::log::embedded::topic::Topic;

/// The shared part of an embedded log.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) layout: Layout,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    /// In the order of names, so that what is done to all of them is done in the same order in every run.
    pub(super) topics: RwLock<BTreeMap<TopicName, Arc<Topic>>>,
    /// Held while topics are created, changed or deleted.
    pub(super) admin: Mutex<()>,
    /// Names whose topic file is damaged: their directories are in the way of a new topic.
    pub(super) damaged_topics: HashSet<TopicName>,
    pub(super) producer_ids: ProducerIds,
    pub(super) open_segments: OpenSegments,
    pub(super) sync_queue: SyncQueue,
    pub(super) failure: OnceLock<StorageError>,
}

impl Shared {
    /// Refuses everything once the log has failed.
    pub(super) fn check(&self) -> Result<()> {
        self.failure.get().map_or(Ok(()), |failure| Err(failure.clone()))
    }

    /// Judges a failed write, sync or change of names. A full disk refuses the call and no more, where
    /// nothing was done; everything else is the end until a restart has read the device again.
    pub(super) fn failed(&self, action: &str, path: &Path, error: &io::Error) -> StorageError {
        let error = StorageError::io(action, path, error);
        if error.kind() == ErrorKind::DiskFull { error } else { self.poison(&error) }
    }

    /// Ends the log: every later call is refused, everyone who waits is told.
    pub(super) fn poison(&self, cause: &StorageError) -> StorageError {
        let failure = StorageError::new(
            ErrorKind::Poisoned,
            format!("the log takes nothing any more until a restart: {cause}"),
        );
        if self.failure.set(failure).is_ok() {
            tracing::error!("{cause}; the log takes nothing any more until a restart");
            for topic in self.topics.read().values() {
                for partition in topic.partitions() {
                    partition.announce_failure(self);
                }
            }
        }
        self.failure.get().cloned().unwrap_or_else(|| cause.clone())
    }

    /// The topic of a name.
    pub(super) fn topic(&self, name: &TopicName) -> Result<Arc<Topic>> {
        self.topics.read().get(name).cloned().ok_or_else(|| unknown_topic(name))
    }

    /// A partition and its topic.
    pub(super) fn partition(&self, target: &TopicPartition) -> Result<(Arc<Topic>, Arc<Partition>)> {
        self.check()?;
        let topic = self.topic(&target.topic)?;
        match topic.partitions().get(target.partition.0 as usize) {
            Some(partition) => {
                let partition = Arc::clone(partition);
                Ok((topic, partition))
            }
            None => Err(unknown_partition(target)),
        }
    }

    /// Milliseconds of the monotonic clock.
    pub(super) fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.clock.monotonic().as_millis()).unwrap_or(i64::MAX)
    }
}
