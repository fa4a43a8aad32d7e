//! Reading topics as consumers do.

use tidemill_storage::log::Isolation;
use tidemill_storage::{Offset, PartitionId, TopicName, TopicPartition};

use crate::machine::{Machine, Outcome};

/// A record that was read.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    pub(crate) key: Vec<u8>,
    /// `Null` for a record without a value.
    pub(crate) value: serde_json::Value,
    pub(crate) time_ms: i64,
}

/// Everything a consumer sees of a topic, partition by partition. A topic that is not there is empty.
pub(crate) fn read(machine: &Machine, topic: &str, isolation: Isolation) -> Outcome<Vec<Found>> {
    let topics = machine.engine().topics();
    let name = TopicName::new(topic).unwrap();
    let partitions = topics.get(&name).map_or(0, |topic| topic.settings.partitions);
    let mut found = Vec::new();
    for partition in (0..partitions).map(PartitionId) {
        let target = TopicPartition::new(name.clone(), partition);
        let mut at = Offset::ZERO;
        loop {
            let slice = topics.read(&target, at, 1 << 20, isolation).map_err(|error| error.to_string())?;
            let mut reader = slice.reader(at);
            while let Some(batch) = reader.next_batch().unwrap() {
                for record in batch.records() {
                    let record = record.unwrap();
                    found.push(Found {
                        key: record.key.unwrap_or_default().to_vec(),
                        value: record
                            .value
                            .map_or(serde_json::Value::Null, |value| serde_json::from_slice(value).unwrap()),
                        time_ms: record.timestamp_ms,
                    });
                }
            }
            if reader.next_offset() == at {
                break;
            }
            at = reader.next_offset();
        }
    }
    Ok(found)
}

/// A number in the value of each record.
pub(crate) fn numbers(records: &[Found], field: &str) -> Vec<u64> {
    records.iter().map(|record| record.value[field].as_u64().unwrap()).collect()
}
