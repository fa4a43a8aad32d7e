//! Control batches: the marker that ends a client's transaction on a partition.
//!
//! The batch has the control and the transactional bit and one record: key `version i16, type i16`
//! (0 abort, 1 commit), value `version i16, coordinator epoch i32`.

use bytes::Bytes;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{ProducerEpoch, ProducerId};
use crate::record::builder::{BatchBuilder, BatchProducer};
use crate::record::compression::Codec;
use crate::record::header::NO_SEQUENCE;
use crate::record::records::Records;
use crate::record::{BatchHeader, HEADER_BYTES};

/// How a transaction ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Marker {
    /// Its records are skipped by read_committed readers.
    Abort,
    /// Its records are stable.
    Commit,
}

const KEY_VERSION: i16 = 0;
const VALUE_VERSION: i16 = 0;
/// One coordinator, which never moves.
const COORDINATOR_EPOCH: i32 = 0;

/// Makes the batch that ends a transaction.
///
/// # Errors
/// None in practice: the record is far below every limit.
pub fn build(
    marker: Marker,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    timestamp_ms: i64,
) -> Result<Bytes> {
    let kind: i16 = match marker {
        Marker::Abort => 0,
        Marker::Commit => 1,
    };
    let mut key = [0; 4];
    key[..2].copy_from_slice(&KEY_VERSION.to_be_bytes());
    key[2..].copy_from_slice(&kind.to_be_bytes());
    let mut value = [0; 6];
    value[..2].copy_from_slice(&VALUE_VERSION.to_be_bytes());
    value[2..].copy_from_slice(&COORDINATOR_EPOCH.to_be_bytes());
    let mut builder = BatchBuilder::new(Codec::None);
    builder.set_producer(BatchProducer {
        id: producer_id,
        epoch: producer_epoch,
        base_sequence: NO_SEQUENCE,
        transactional: true,
    });
    builder.set_control();
    builder.append(timestamp_ms, Some(&key), Some(&value), &[])?;
    builder.build()
}

/// Reads what a control batch says.
///
/// # Errors
/// `CorruptBatch` where it is neither of the two markers.
pub fn read(header: &BatchHeader, batch: &[u8]) -> Result<Marker> {
    let records = batch.get(HEADER_BYTES..).unwrap_or_default();
    let key = match Records::new(header, records).next() {
        Some(record) => record?.key,
        None => None,
    };
    match key {
        Some([_, _, 0, 0, ..]) => Ok(Marker::Abort),
        Some([_, _, 0, 1, ..]) => Ok(Marker::Commit),
        other => Err(StorageError::new(
            ErrorKind::CorruptBatch,
            format!("the control batch at offset {} has the unknown key {other:?}", header.base_offset),
        )),
    }
}
