//! The 61-byte header of a record batch.
//!
//! ```text
//!  0 base offset i64            23 last offset delta i32     51 producer epoch i16
//!  8 batch length i32 (− 12)    27 base timestamp i64        53 base sequence i32
//! 12 partition leader epoch i32 35 max timestamp i64         57 record count i32
//! 16 magic i8 (2)               43 producer id i64           61 records
//! 17 CRC-32C u32 of 21..end     21 attributes i16
//! ```
//!
//! All numbers are big-endian. Base offset and leader epoch stand before the checksummed part, so the
//! log sets them without touching the checksum.

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::record::compression::Codec;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 61;
/// The only format of batches there is here; 0 and 1 are gone from Kafka itself.
pub const MAGIC: i8 = 2;
/// Bytes before the counted part of a batch: the base offset and the length itself.
pub const LENGTH_OVERHEAD: usize = 12;
/// Leader epoch of every stored batch: a single node never has a second leader.
pub const LEADER_EPOCH: i32 = 0;
/// Base sequence of a batch without one.
pub const NO_SEQUENCE: i32 = -1;
/// Producer epoch of a batch without a producer.
pub const NO_EPOCH: ProducerEpoch = ProducerEpoch(-1);
/// Timestamp of a record without one.
pub const NO_TIMESTAMP: i64 = -1;

const BASE_OFFSET: usize = 0;
const BATCH_LENGTH: usize = 8;
const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC: usize = 17;
/// Where the checksummed part begins.
const ATTRIBUTES: usize = 21;
const LAST_OFFSET_DELTA: usize = 23;
const BASE_TIMESTAMP: usize = 27;
const MAX_TIMESTAMP: usize = 35;
const PRODUCER_ID: usize = 43;
const PRODUCER_EPOCH: usize = 51;
const BASE_SEQUENCE: usize = 53;
const RECORD_COUNT: usize = 57;

/// The attribute bits of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    const CODEC_MASK: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;

    /// The attributes of a batch that only says how it is compressed.
    #[must_use]
    pub fn of_codec(codec: Codec) -> Attributes {
        Attributes(codec.number())
    }

    /// The same with the transactional bit set.
    #[must_use]
    pub fn transactional(self) -> Attributes {
        Attributes(self.0 | Self::TRANSACTIONAL)
    }

    /// The same with the control bit set.
    #[must_use]
    pub fn control(self) -> Attributes {
        Attributes(self.0 | Self::CONTROL)
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// `CorruptBatch` where the number names no codec.
    pub fn codec(self) -> Result<Codec> {
        Codec::from_number(self.0 & Self::CODEC_MASK)
    }

    /// Whether all records carry the batch's max timestamp, as a broker's clock gave it.
    #[must_use]
    pub fn is_log_append_time(self) -> bool {
        self.0 & Self::LOG_APPEND_TIME != 0
    }

    /// Whether the batch is part of a client's transaction.
    #[must_use]
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch ends a transaction instead of carrying data.
    #[must_use]
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }
}

/// The header of a batch as numbers.
///
/// Invariant: `batch_length`, `record_count` and `last_offset_delta` are sane in themselves (a length
/// that covers the header, no negative counts). Nothing is said about the bytes behind the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Bytes after the length field.
    pub batch_length: u32,
    /// Epoch of the partition's leader at the time of the append.
    pub leader_epoch: i32,
    /// Checksum of everything from the attributes on.
    pub crc: u32,
    /// The attribute bits.
    pub attributes: Attributes,
    /// Offset of the last record less the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamps are relative to.
    pub base_timestamp: i64,
    /// Largest timestamp of the records.
    pub max_timestamp: i64,
    /// Who wrote the batch, or [`ProducerId::NONE`].
    pub producer_id: ProducerId,
    /// The producer's incarnation.
    pub producer_epoch: ProducerEpoch,
    /// Sequence number of the first record.
    pub base_sequence: i32,
    /// Number of records.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// `CorruptBatch` where the bytes are too few, the magic is not 2, or a count is absurd.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader> {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(corrupt(format!(
                "a record batch has a header of {HEADER_BYTES} bytes, but only {} bytes are there",
                bytes.len()
            )));
        };
        let magic = i8::from_be_bytes(field(header, MAGIC_AT));
        if magic != MAGIC {
            return Err(corrupt(format!("record batch format (magic) {magic} is not known; send format 2")));
        }
        let batch_length = i32::from_be_bytes(field(header, BATCH_LENGTH));
        let last_offset_delta = i32::from_be_bytes(field(header, LAST_OFFSET_DELTA));
        let record_count = i32::from_be_bytes(field(header, RECORD_COUNT));
        if last_offset_delta < 0 || record_count < 0 {
            return Err(corrupt(format!(
                "a record batch cannot have {record_count} records up to offset delta {last_offset_delta}"
            )));
        }
        let batch_length = match u32::try_from(batch_length) {
            Ok(length) if length as usize >= HEADER_BYTES - LENGTH_OVERHEAD => length,
            _ => return Err(corrupt(format!("a record batch cannot have a length of {batch_length}"))),
        };
        Ok(BatchHeader {
            base_offset: Offset(i64::from_be_bytes(field(header, BASE_OFFSET))),
            batch_length,
            leader_epoch: i32::from_be_bytes(field(header, LEADER_EPOCH_AT)),
            crc: u32::from_be_bytes(field(header, CRC)),
            attributes: Attributes(i16::from_be_bytes(field(header, ATTRIBUTES))),
            last_offset_delta,
            base_timestamp: i64::from_be_bytes(field(header, BASE_TIMESTAMP)),
            max_timestamp: i64::from_be_bytes(field(header, MAX_TIMESTAMP)),
            producer_id: ProducerId(i64::from_be_bytes(field(header, PRODUCER_ID))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(field(header, PRODUCER_EPOCH))),
            base_sequence: i32::from_be_bytes(field(header, BASE_SEQUENCE)),
            record_count,
        })
    }

    /// Bytes of the whole batch.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.batch_length as usize + LENGTH_OVERHEAD
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// Offset of the record behind the batch.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// Sequence number of the last record; sequences wrap from `i32::MAX` to 0.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        sequence_plus(self.base_sequence, self.last_offset_delta)
    }

    /// Compares the checksum with the bytes of the whole batch.
    ///
    /// # Errors
    /// `CorruptBatch` where they differ.
    pub fn verify_crc(&self, batch: &[u8]) -> Result<()> {
        let computed = crc32c::crc32c(batch.get(ATTRIBUTES..).unwrap_or_default());
        if computed == self.crc {
            return Ok(());
        }
        Err(corrupt(format!(
            "record batch is damaged: its bytes have CRC-32C {computed:08x}, its header says {:08x}",
            self.crc
        )))
    }
}

/// `count` sequence numbers after `sequence`, wrapping as Kafka's producers do.
#[must_use]
pub fn sequence_plus(sequence: i32, count: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(count);
    let wrapped = if sum > i64::from(i32::MAX) { sum - i64::from(i32::MAX) - 1 } else { sum };
    i32::try_from(wrapped).unwrap_or(NO_SEQUENCE)
}

/// A copy of a batch's header whose fields can be set. The records stay where they are: an append
/// writes this copy and then the records behind it.
#[derive(Clone, Copy, Debug)]
pub struct HeaderBytes([u8; HEADER_BYTES]);

impl HeaderBytes {
    /// Copies the header of a batch.
    ///
    /// # Errors
    /// `CorruptBatch` where the batch is shorter than a header.
    pub fn of(batch: &[u8]) -> Result<HeaderBytes> {
        match batch.first_chunk::<HEADER_BYTES>() {
            Some(header) => Ok(HeaderBytes(*header)),
            None => Err(corrupt("a record batch is shorter than its header")),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; HEADER_BYTES] {
        &self.0
    }

    /// Sets base offset and leader epoch; the checksum stays right.
    pub fn set_base_offset(&mut self, base_offset: Offset) {
        self.0[BASE_OFFSET..BATCH_LENGTH].copy_from_slice(&base_offset.0.to_be_bytes());
        self.0[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&LEADER_EPOCH.to_be_bytes());
    }

    /// Sets who wrote the batch, whose records have `records_bytes` bytes.
    pub fn set_producer(
        &mut self,
        id: ProducerId,
        epoch: ProducerEpoch,
        base_sequence: i32,
        records_bytes: usize,
    ) {
        self.amend(records_bytes, |header| {
            header[PRODUCER_ID..PRODUCER_EPOCH].copy_from_slice(&id.0.to_be_bytes());
            header[PRODUCER_EPOCH..BASE_SEQUENCE].copy_from_slice(&epoch.0.to_be_bytes());
            header[BASE_SEQUENCE..RECORD_COUNT].copy_from_slice(&base_sequence.to_be_bytes());
        });
    }

    /// The largest timestamp, as the header says.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(field(&self.0, MAX_TIMESTAMP))
    }

    /// Sets the largest timestamp of a batch whose records have `records_bytes` bytes.
    pub fn set_max_timestamp(&mut self, max_timestamp: i64, records_bytes: usize) {
        self.amend(records_bytes, |header| {
            header[MAX_TIMESTAMP..PRODUCER_ID].copy_from_slice(&max_timestamp.to_be_bytes());
        });
    }

    /// Changes checksummed fields. The new checksum follows from the old one, without a look at the
    /// records: a batch that was damaged before stays recognisable as damaged.
    fn amend(&mut self, records_bytes: usize, change: impl FnOnce(&mut [u8; HEADER_BYTES])) {
        let old = u32::from_be_bytes(field(&self.0, CRC));
        let before = crc32c::crc32c(&self.0[ATTRIBUTES..]);
        change(&mut self.0);
        let after = crc32c::crc32c(&self.0[ATTRIBUTES..]);
        // Combining is an exclusive or with the shifted first part, so doing it with the old first
        // part takes that out again and leaves the checksum of the records alone.
        let of_records = crc32c::crc32c_combine(before, old, records_bytes);
        let new = crc32c::crc32c_combine(after, of_records, records_bytes);
        self.0[CRC..ATTRIBUTES].copy_from_slice(&new.to_be_bytes());
    }

    /// Computes the checksum anew for the header as it is and the record bytes behind it.
    #[cfg(test)]
    pub(crate) fn seal(&mut self, records: &[u8]) {
        let crc = crc32c::crc32c_append(crc32c::crc32c(&self.0[ATTRIBUTES..]), records);
        self.0[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
    }
}

/// Writes a whole header: length, count and checksum follow from `records`, the bytes behind it.
pub(crate) fn write_header(into: &mut [u8; HEADER_BYTES], header: &BatchHeader, records: &[u8]) {
    into[BASE_OFFSET..BATCH_LENGTH].copy_from_slice(&header.base_offset.0.to_be_bytes());
    into[BATCH_LENGTH..LEADER_EPOCH_AT].copy_from_slice(&header.batch_length.to_be_bytes());
    into[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&header.leader_epoch.to_be_bytes());
    into[MAGIC_AT..CRC].copy_from_slice(&MAGIC.to_be_bytes());
    into[ATTRIBUTES..LAST_OFFSET_DELTA].copy_from_slice(&header.attributes.0.to_be_bytes());
    into[LAST_OFFSET_DELTA..BASE_TIMESTAMP].copy_from_slice(&header.last_offset_delta.to_be_bytes());
    into[BASE_TIMESTAMP..MAX_TIMESTAMP].copy_from_slice(&header.base_timestamp.to_be_bytes());
    into[MAX_TIMESTAMP..PRODUCER_ID].copy_from_slice(&header.max_timestamp.to_be_bytes());
    into[PRODUCER_ID..PRODUCER_EPOCH].copy_from_slice(&header.producer_id.0.to_be_bytes());
    into[PRODUCER_EPOCH..BASE_SEQUENCE].copy_from_slice(&header.producer_epoch.0.to_be_bytes());
    into[BASE_SEQUENCE..RECORD_COUNT].copy_from_slice(&header.base_sequence.to_be_bytes());
    into[RECORD_COUNT..].copy_from_slice(&header.record_count.to_be_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&into[ATTRIBUTES..]), records);
    into[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
}

fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&header[at..at + N]);
    bytes
}

fn corrupt(message: impl Into<String>) -> StorageError {
    StorageError::new(ErrorKind::CorruptBatch, message)
}
