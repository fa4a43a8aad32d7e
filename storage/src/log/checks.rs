//! What every log checks before it acts, and how it refuses.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, ProducerEpoch, ProducerId, TopicName, TopicPartition};
use crate::log::{Origin, PartitionOffsets, StagedOutput, TopicSettings};
use crate::record::header::HEADER_BYTES;
use crate::record::validate::{self, BatchRules};
use crate::record::{BatchHeader, RecordReader};

/// Most partitions of a topic: more than one machine serves well, few enough that a slip of the keyboard
/// does no harm.
pub const PARTITIONS_MAX: u32 = 10_000;

/// Checks a batch before its append; answers its header, with the largest timestamp that its records
/// have.
pub(crate) fn check_batch(batch: &[u8], settings: &TopicSettings, origin: Origin) -> Result<BatchHeader> {
    match origin {
        Origin::Client => {
            let rules = BatchRules { bytes_max: settings.max_message_bytes, keys_required: settings.compact };
            validate::client_batch(batch, rules)
        }
        Origin::Server => {
            let header = validate::framed_batch(batch, settings.max_message_bytes)?;
            if header.producer_id != ProducerId::NONE || header.attributes.is_control() {
                return Err(StorageError::invalid(
                    "a batch of the server has neither a producer id nor the control bit before it is appended",
                ));
            }
            Ok(header)
        }
    }
}

pub(crate) fn check_settings(settings: &TopicSettings) -> Result<()> {
    let max = i32::MAX.unsigned_abs();
    let problem = if settings.partitions == 0 || settings.partitions > PARTITIONS_MAX {
        format!("a topic has 1 to {PARTITIONS_MAX} partitions, not {}", settings.partitions)
    } else if settings.segment_bytes == 0 || settings.segment_bytes > u64::from(max) {
        format!("segment.bytes is 1 to {max}, not {}", settings.segment_bytes)
    } else if (settings.max_message_bytes as usize) < HEADER_BYTES || settings.max_message_bytes > max {
        format!("max.message.bytes is {HEADER_BYTES} to {max}, not {}", settings.max_message_bytes)
    } else if settings.retention_ms.is_some_and(|ms| ms < 0) {
        "retention.ms is not negative; leave it out to keep for ever".to_owned()
    } else {
        return Ok(());
    };
    Err(StorageError::invalid(problem))
}

/// The batches of an epoch by partition, in the order in which partitions are taken: two epochs that
/// share some never wait for each other.
pub(crate) fn batches_by_partition(outputs: Vec<StagedOutput>) -> BTreeMap<TopicPartition, Vec<Bytes>> {
    let mut grouped: BTreeMap<TopicPartition, Vec<Bytes>> = BTreeMap::new();
    for output in outputs {
        grouped.entry(output.target).or_default().extend(output.batches);
    }
    grouped
}

pub(crate) fn check_engine_producer(producer: ProducerId) -> Result<()> {
    if producer.is_engine() {
        return Ok(());
    }
    Err(StorageError::invalid(format!("producer id {} is not one of the engine's", producer.0)))
}

pub(crate) fn check_client_producer(producer: ProducerId, epoch: ProducerEpoch) -> Result<()> {
    if producer.0 >= 0 && !producer.is_engine() && epoch.0 >= 0 {
        return Ok(());
    }
    Err(StorageError::invalid(format!(
        "producer id {} with epoch {} is not one of a client",
        producer.0, epoch.0
    )))
}

pub(crate) fn unknown_topic(name: &TopicName) -> StorageError {
    StorageError::new(ErrorKind::NotFound, format!("topic '{name}' does not exist"))
}

pub(crate) fn unknown_partition(target: &TopicPartition) -> StorageError {
    StorageError::new(
        ErrorKind::NotFound,
        format!("topic '{}' has no partition {}", target.topic, target.partition),
    )
}

pub(crate) fn out_of_range(
    target: &TopicPartition,
    offset: Offset,
    there: &PartitionOffsets,
) -> StorageError {
    StorageError::new(
        ErrorKind::OffsetOutOfRange,
        format!("'{target}' has offsets {} to {}, not {offset}", there.log_start, there.end),
    )
}

pub(crate) fn no_open_transaction(producer: ProducerId, target: &TopicPartition) -> StorageError {
    StorageError::new(
        ErrorKind::InvalidTransactionState,
        format!("producer {} has no open transaction on '{target}'", producer.0),
    )
}

pub(crate) fn damaged_error(path: &Path, message: impl std::fmt::Display) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, format!("{} is damaged: {message}", path.display()))
}

/// The first record of a batch from an offset on whose timestamp matches: its offset and timestamp.
pub(crate) fn first_record_matching(
    batch: &[u8],
    from: Offset,
    mut matches: impl FnMut(i64) -> bool,
) -> Result<Option<(Offset, i64)>> {
    let mut reader = RecordReader::new(Bytes::copy_from_slice(batch), from, &[]);
    if let Some(batch) = reader.next_batch()? {
        for record in batch.records() {
            let record = record?;
            if matches(record.timestamp_ms) {
                return Ok(Some((record.offset, record.timestamp_ms)));
            }
        }
    }
    Ok(None)
}
