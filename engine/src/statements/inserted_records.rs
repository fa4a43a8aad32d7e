//! The records of one INSERT, on their way into a topic: all of them are known to fit before the first is
//! appended.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidemill_storage::log::{Appended, Log, Origin, TopicDescription};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::{PartitionId, TopicPartition};

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::stable_hash;

/// Records by partition, in batches that the topic takes.
pub(super) struct InsertedRecords {
    topic: TopicDescription,
    builders: BTreeMap<u32, BatchBuilder>,
    closed: Vec<Batch>,
}

struct Batch {
    partition: u32,
    records: usize,
    bytes: Bytes,
}

impl InsertedRecords {
    /// None yet, for a topic.
    pub(super) fn new(topic: TopicDescription) -> InsertedRecords {
        InsertedRecords { topic, builders: BTreeMap::new(), closed: Vec::new() }
    }

    /// Adds the record of a row, which is told by its number.
    ///
    /// # Errors
    /// `LimitExceeded` for a record that the topic does not take.
    pub(super) fn add(
        &mut self,
        row: usize,
        time_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<()> {
        let partitions = self.topic.settings.partitions;
        let bytes_max = self.topic.settings.max_message_bytes as usize;
        let keyless = row as u32 % partitions.max(1);
        let partition = key.map_or(keyless, |key| stable_hash::kafka_partition(key, partitions));
        let builder = self.builders.entry(partition).or_insert_with(|| BatchBuilder::new(Codec::None));
        let mut over = builder.append_within(bytes_max, time_ms, key, value, &[])?;
        if over.is_some() && !builder.is_empty() {
            self.closed.push(Batch { partition, records: builder.record_count(), bytes: builder.build()? });
            over = builder.append_within(bytes_max, time_ms, key, value, &[])?;
        }
        let Some(bytes) = over else { return Ok(()) };
        let message = format!(
            "row {} makes a record of {bytes} bytes; topic '{}' takes {bytes_max}",
            row + 1,
            self.topic.name
        );
        Err(Error::new(ErrorKind::LimitExceeded, message)
            .with_hint("nothing was inserted; max.message.bytes of the topic can be raised"))
    }

    /// Appends them all (blocking): an append may have to wait for a query's epoch in the same partition, and
    /// so for the disk.
    ///
    /// # Errors
    /// Those of the log; where some rows are in the topic by then, it is said how many.
    pub(super) fn append(mut self, log: &dyn Log) -> Result<Vec<(TopicPartition, Appended)>> {
        for (partition, mut builder) in self.builders {
            if !builder.is_empty() {
                let (records, bytes) = (builder.record_count(), builder.build()?);
                self.closed.push(Batch { partition, records, bytes });
            }
        }
        let mut appended = Vec::with_capacity(self.closed.len());
        let mut written = 0;
        for Batch { partition, records, bytes } in self.closed {
            let target = TopicPartition::new(self.topic.name.clone(), PartitionId(partition));
            let batch = log.append(&target, bytes, Origin::Server).map_err(|error| {
                let error = Error::from(error);
                match written {
                    0 => error,
                    _ => error.with_detail(format!("{written} of the rows were written before")),
                }
            })?;
            written += records;
            appended.push((target, batch));
        }
        Ok(appended)
    }
}

#[cfg(test)]
mod tests {
    use tidemill_storage::TopicName;
    use tidemill_storage::log::{MemoryLog, TopicSettings, partitions_of};

    use super::*;

    fn topic(log: &dyn Log, partitions: u32, max_message_bytes: u32) -> TopicDescription {
        let settings = TopicSettings { partitions, max_message_bytes, ..TopicSettings::default() };
        log.create_topic(&TopicName::new("t").expect("a name"), settings).expect("a topic")
    }

    fn ends(log: &dyn Log, topic: &TopicDescription) -> Vec<i64> {
        partitions_of(topic).iter().map(|target| log.offsets(target).expect("offsets").end.0).collect()
    }

    #[test]
    fn records_that_do_not_fit_into_one_batch_take_several() {
        let log = MemoryLog::default();
        let topic = topic(&log, 1, 1_000);
        let mut records = InsertedRecords::new(topic.clone());
        for row in 0..100 {
            records.add(row, 0, Some(b"k"), Some(&[b'v'; 100])).expect("fits");
        }
        assert!(records.append(&log).expect("is appended").len() > 10);
        assert_eq!(ends(&log, &topic), [100]);
    }

    #[test]
    fn a_record_that_is_too_large_lets_none_be_written() {
        let log = MemoryLog::default();
        let topic = topic(&log, 2, 1_000);
        let mut records = InsertedRecords::new(topic.clone());
        records.add(0, 0, None, Some(b"small")).expect("fits");
        let error = records.add(1, 0, None, Some(&[0; 1_000])).expect_err("is too large");
        assert!(error.message.starts_with("row 2 makes a record of"), "{error}");
        assert_eq!(ends(&log, &topic), [0, 0]);
    }
}
