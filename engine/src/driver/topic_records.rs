//! What topics hold, and what has come to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidemill_storage::log::{Isolation, Log, Origin, partitions_of};
use tidemill_storage::{Offset, PartitionId, TopicName, TopicPartition};

use super::record::Record;
use crate::error::Result;
use crate::processing_log;
use crate::runtime::stable_hash;
use crate::runtime::stages::partition_count;

/// Bytes read of a partition at a time.
const READ_BYTES: usize = 1 << 20;

/// Which partition of a topic a record goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placement {
    /// The first one, whatever its key.
    First,
    /// The one where Kafka's producers put its key.
    ByKey,
}

/// Appends a record to a topic.
///
/// # Errors
/// `NotFound`, and those of the log.
pub fn append(log: &dyn Log, topic: &str, record: &Record, placement: Placement) -> Result<()> {
    let topic = TopicName::new(topic)?;
    let partition = match (&record.key, placement) {
        (Some(key), Placement::ByKey) => stable_hash::kafka_partition(key, partition_count(log, &topic)?),
        _ => 0,
    };
    let target = TopicPartition::new(topic, PartitionId(partition));
    log.append(&target, record.to_batch()?, Origin::Server)?;
    Ok(())
}

/// Tells which records have come to which topics.
pub struct Arrivals {
    log: Arc<dyn Log>,
    /// Offset of the next record to tell of, by partition.
    positions: BTreeMap<TopicPartition, Offset>,
}

impl Arrivals {
    /// Tells of records that come from now on, to topics that are made later too.
    ///
    /// # Errors
    /// Those of the log.
    pub(super) fn new(log: Arc<dyn Log>) -> Result<Arrivals> {
        let mut arrivals = Arrivals { log, positions: BTreeMap::new() };
        for target in arrivals.partitions() {
            let end = arrivals.log.offsets(&target)?.high_watermark;
            arrivals.positions.insert(target, end);
        }
        Ok(arrivals)
    }

    /// The records that have come since the last call, with their topics: those of a partition in their
    /// order.
    ///
    /// # Errors
    /// Those of the log.
    pub fn take(&mut self) -> Result<Vec<(String, Record)>> {
        let mut taken = Vec::new();
        for target in self.partitions() {
            let position = self.positions.entry(target.clone()).or_insert(Offset::ZERO);
            while self.log.offsets(&target)?.high_watermark > *position {
                let slice = self.log.read(&target, *position, READ_BYTES, Isolation::ReadUncommitted)?;
                let mut reader = slice.reader(*position);
                let records = Record::read_all(&mut reader)?;
                if reader.next_offset() <= *position {
                    break;
                }
                *position = reader.next_offset();
                let topic = target.topic.as_str();
                taken.extend(records.into_iter().map(|record| (topic.to_owned(), record)));
            }
        }
        Ok(taken)
    }

    /// All partitions but those of the server's own topic.
    fn partitions(&self) -> Vec<TopicPartition> {
        let topics = self.log.topics();
        let others = topics.iter().filter(|topic| topic.name.as_str() != processing_log::TOPIC);
        others.flat_map(partitions_of).collect()
    }
}
