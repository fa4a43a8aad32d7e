//! Topics for front ends: existence and limits are checked here, record bytes go straight to the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_sql::lookup::SourceKind;
use tidemill_storage::log::{
    Appended, Isolation, Log, MemoryLog, PartitionOffsets, Slice, TopicDescription, TopicSettings, Watermark,
};
use tidemill_storage::state::StateStore;
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::{Offset, ProducerEpoch, ProducerId, TopicName, TopicPartition};
use tokio::sync::watch;

use crate::catalog::{Catalog, CatalogSource};
use crate::error::{Error, ErrorKind, Result};
use crate::group_offsets::{GroupOffset, GroupOffsets};
use crate::processing_log;
use crate::runtime::decisions;
use crate::transactions::Transactions;

/// Limits and defaults of topics.
#[derive(Clone, Debug)]
pub struct TopicLimits {
    /// Partitions of a topic that is created without saying how many.
    pub partitions_default: u32,
    /// Most partitions of one topic.
    pub partitions_max: u32,
    /// Most partitions of all topics together: each costs two open files and some memory.
    pub partitions_total_max: u32,
    /// Whether asking for a topic's metadata creates it.
    pub auto_create: bool,
}

impl Default for TopicLimits {
    fn default() -> Self {
        TopicLimits {
            partitions_default: 4,
            partitions_max: 1_000,
            partitions_total_max: 20_000,
            auto_create: true,
        }
    }
}

/// What `InitProducerId` hands out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerIdentity {
    /// The id.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
}

/// The topics of one data directory. Cheap to clone.
#[derive(Clone)]
pub struct Topics {
    log: Arc<dyn Log>,
    groups: GroupOffsets,
    transactions: Transactions,
    limits: TopicLimits,
    store: Arc<dyn StateStore>,
    /// What is declared over the topics; none where topics stand alone.
    catalog: Option<Arc<Catalog>>,
    changes: Arc<watch::Sender<()>>,
}

impl Topics {
    /// Joins the log and the store.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, store: Arc<dyn StateStore>, limits: TopicLimits) -> Topics {
        let groups = GroupOffsets::new(store.clone());
        let transactions = Transactions::new(log.clone(), store.clone(), groups.clone());
        Topics { log, groups, transactions, limits, store, catalog: None, changes: Arc::default() }
    }

    /// The same topics under what a catalog declares over them.
    #[must_use]
    pub fn under(self, catalog: Arc<Catalog>) -> Topics {
        Topics { catalog: Some(catalog), ..self }
    }

    /// Tells when topics are made, changed or deleted.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Topics that last as long as the process, for tests and throwaway sessions.
    #[must_use]
    pub fn in_memory(limits: TopicLimits) -> Topics {
        Topics::new(Arc::new(MemoryLog::default()), Arc::new(MemoryStateStore::new()), limits)
    }

    /// The limits and defaults in force.
    #[must_use]
    pub fn limits(&self) -> &TopicLimits {
        &self.limits
    }

    /// Committed offsets of consumer groups.
    #[must_use]
    pub fn groups(&self) -> &GroupOffsets {
        &self.groups
    }

    /// Transactions of clients.
    #[must_use]
    pub fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// All topics, by name.
    #[must_use]
    pub fn list(&self) -> Vec<TopicDescription> {
        self.log.topics()
    }

    /// One topic.
    #[must_use]
    pub fn get(&self, name: &TopicName) -> Option<TopicDescription> {
        self.log.topic(name)
    }

    /// Creates a topic; `settings.partitions` of 0 takes the default number.
    ///
    /// # Errors
    /// `AlreadyExists`, `Invalid`, `LimitExceeded`, and those of the disk.
    pub fn create(&self, name: &TopicName, mut settings: TopicSettings) -> Result<TopicDescription> {
        if settings.partitions == 0 {
            settings.partitions = self.limits.partitions_default;
        }
        self.check_partitions(name, settings.partitions, 0)?;
        if self.log.topic(name).is_none() {
            // What was decided about an earlier topic of this name would pass for decided about this one.
            decisions::forget_topic(self.store.as_ref(), name)?;
            // A server that ended between the two steps of a deletion left what was committed for it.
            self.groups.forget_topic(name)?;
        }
        let created = self.log.create_topic(name, settings)?;
        self.changes.send_replace(());
        Ok(created)
    }

    /// Changes a topic's settings; the number of partitions may only grow, and not under a table.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `InUse`, `LimitExceeded`, and those of the disk.
    pub fn alter(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription> {
        check_not_own(name)?;
        let current = self.log.topic(name).map_or(0, |topic| topic.settings.partitions);
        self.check_partitions(name, settings.partitions, current)?;
        if settings.partitions > current {
            self.check_no_table(name)?;
        }
        let altered = self.log.alter_topic(name, settings)?;
        self.changes.send_replace(());
        Ok(altered)
    }

    /// A key of a table has one row because all its records are in one partition, and another number of
    /// partitions would send the later ones elsewhere.
    fn check_no_table(&self, topic: &TopicName) -> Result<()> {
        let Some(catalog) = self.catalog.as_ref().map(|catalog| catalog.state()) else { return Ok(()) };
        let is_table = |found: &&Arc<CatalogSource>| {
            found.source.kind == SourceKind::Table && found.source.topic == topic.as_str()
        };
        let Some(table) = catalog.sources.values().find(is_table) else { return Ok(()) };
        let message = format!(
            "topic '{topic}' is that of table {}: more partitions would part the records of its keys",
            table.source.name
        );
        Err(Error::new(ErrorKind::InUse, message)
            .with_hint("make a topic with more partitions, and the table anew from it"))
    }

    fn check_partitions(&self, name: &TopicName, wanted: u32, current: u32) -> Result<()> {
        if wanted > self.limits.partitions_max {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!(
                    "topic '{name}': {wanted} partitions are over the limit of {}",
                    self.limits.partitions_max
                ),
            ));
        }
        let total: u64 = self.log.topics().iter().map(|topic| u64::from(topic.settings.partitions)).sum();
        if total + u64::from(wanted.saturating_sub(current)) > u64::from(self.limits.partitions_total_max) {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("the server's limit of {} partitions is reached", self.limits.partitions_total_max),
            )
            .with_hint("delete topics that are no longer used"));
        }
        Ok(())
    }

    /// Deletes a topic with its records, and with what consumer groups have committed for it: a topic
    /// of the same name later would otherwise be read from the middle.
    ///
    /// # Errors
    /// `NotFound`, `InUse` (the server's own), and those of the disk.
    pub fn delete(&self, name: &TopicName) -> Result<()> {
        check_not_own(name)?;
        self.log.delete_topic(name)?;
        self.changes.send_replace(());
        self.groups.forget_topic(name)
    }

    /// Appends a client's record batch as it came; acknowledged after [`Appended::durable`].
    /// `transactional_id` is the producer's, if it has one.
    ///
    /// # Errors
    /// The log's own, so that a door can tell the kinds of its protocol apart.
    pub fn append(
        &self,
        target: &TopicPartition,
        batch: Bytes,
        transactional_id: Option<&str>,
    ) -> std::result::Result<Appended, tidemill_storage::StorageError> {
        if let Err(error) = check_not_own(&target.topic) {
            return Err(tidemill_storage::StorageError::invalid(error.message));
        }
        self.transactions.append(transactional_id, target, batch)
    }

    /// Whether an append would wait now; see [`Log::append_waits`].
    #[must_use]
    pub fn append_waits(&self, target: &TopicPartition) -> bool {
        self.log.append_waits(target)
    }

    /// Reads whole batches; see [`Log::read`].
    ///
    /// # Errors
    /// The log's own.
    pub fn read(
        &self,
        target: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> std::result::Result<Slice, tidemill_storage::StorageError> {
        self.log.read(target, from, bytes_max, isolation)
    }

    /// A partition's offsets.
    ///
    /// # Errors
    /// The log's own.
    pub fn offsets(
        &self,
        target: &TopicPartition,
    ) -> std::result::Result<PartitionOffsets, tidemill_storage::StorageError> {
        self.log.offsets(target)
    }

    /// The first record at or after a time; see [`Log::offset_for_timestamp`].
    ///
    /// # Errors
    /// The log's own.
    pub fn offset_for_timestamp(
        &self,
        target: &TopicPartition,
        timestamp_ms: i64,
    ) -> std::result::Result<Option<(Offset, i64)>, tidemill_storage::StorageError> {
        self.log.offset_for_timestamp(target, timestamp_ms)
    }

    /// The record with the largest timestamp.
    ///
    /// # Errors
    /// The log's own.
    pub fn offset_of_max_timestamp(
        &self,
        target: &TopicPartition,
    ) -> std::result::Result<Option<(Offset, i64)>, tidemill_storage::StorageError> {
        self.log.offset_of_max_timestamp(target)
    }

    /// Announces a partition's high watermark, for long polls.
    ///
    /// # Errors
    /// The log's own.
    pub fn watch(
        &self,
        target: &TopicPartition,
    ) -> std::result::Result<watch::Receiver<Watermark>, tidemill_storage::StorageError> {
        self.log.watch(target)
    }

    /// Drops everything below an offset.
    ///
    /// # Errors
    /// The log's own.
    pub fn trim(
        &self,
        target: &TopicPartition,
        offset: Offset,
    ) -> std::result::Result<(), tidemill_storage::StorageError> {
        self.log.trim(target, offset)
    }

    /// Bytes of a partition on disk.
    ///
    /// # Errors
    /// The log's own.
    pub fn size_bytes(
        &self,
        target: &TopicPartition,
    ) -> std::result::Result<u64, tidemill_storage::StorageError> {
        self.log.size_bytes(target)
    }

    /// Hands out an identity for an idempotent producer. One that belongs to a transactional id comes
    /// from [`Transactions::init`].
    ///
    /// # Errors
    /// Those of the disk.
    pub fn init_producer(&self) -> Result<ProducerIdentity> {
        Ok(ProducerIdentity { id: self.log.allocate_producer_id()?, epoch: ProducerEpoch(0) })
    }

    /// Committed offsets of one group, as the door answers them.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn group(&self, group: &str) -> Result<BTreeMap<TopicPartition, GroupOffset>> {
        self.groups.fetch(group)
    }
}

/// Refuses changes of the topic that the server itself writes: what it tells must stay, and be its own.
fn check_not_own(topic: &TopicName) -> Result<()> {
    if topic.as_str() != processing_log::TOPIC {
        return Ok(());
    }
    let message = format!("topic '{topic}' is the server's own: it can be read, and nothing else");
    Err(Error::new(ErrorKind::InUse, message))
}

#[cfg(test)]
mod tests {
    use tidemill_storage::PartitionId;
    use tidemill_storage::state::{Durability, WriteBatch};

    use super::*;

    #[test]
    fn a_topic_that_is_made_again_inherits_no_decision() {
        let store = Arc::new(MemoryStateStore::new());
        let topics = Topics::new(Arc::new(MemoryLog::default()), store.clone(), TopicLimits::default());
        let [again, other] = ["again", "other"].map(|name| TopicName::new(name).unwrap());
        let producer = ProducerId(ProducerId::ENGINE_FIRST.0 + 1);
        let mut changes = WriteBatch::default();
        for topic in [&again, &other] {
            topics.create(topic, TopicSettings::default()).unwrap();
            let target = TopicPartition::new(topic.clone(), PartitionId(0));
            decisions::record(&mut changes, producer, &target, Offset(5_000));
        }
        store.write(&changes, Durability::Synced).unwrap();
        topics.delete(&again).unwrap();
        topics.create(&again, TopicSettings::default()).unwrap();
        let decided = decisions::lookup(store.as_ref()).unwrap();
        let decided =
            |topic: &TopicName| decided(producer, &TopicPartition::new(topic.clone(), PartitionId(0)));
        assert_eq!(decided(&again), None, "an epoch that was never decided would pass for decided");
        assert_eq!(decided(&other), Some(Offset(5_000)));
    }
}
