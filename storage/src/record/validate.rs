//! What a batch must fulfil before it is appended.
//!
//! A client's batch is read to its last record, because one malformed record on disk would stop every
//! reader behind it. The records stream through small buffers: a batch that grows without end when
//! decompressed costs time up to the limit, not memory.

use std::io::{self, BufRead};

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{ProducerEpoch, ProducerId};
use crate::record::compression::{self, Codec, DECOMPRESSED_BYTES_MAX};
use crate::record::header::{BatchHeader, HEADER_BYTES, NO_TIMESTAMP};
use crate::record::records::RecordFields;
use crate::record::varint::{take_varint, unzigzag_32, unzigzag_64};

/// Rules of a topic that a batch must keep.
#[derive(Clone, Copy, Debug)]
pub struct BatchRules {
    /// Most bytes of a batch.
    pub bytes_max: u32,
    /// Every record must have a key, as in a compacted topic.
    pub keys_required: bool,
}

/// Checks a client's batch. Answers its header, with the max timestamp that its records have: a
/// header that says otherwise would mislead every search by time.
///
/// # Errors
/// `CorruptBatch`, `TooLarge`, `Invalid`.
pub fn client_batch(batch: &[u8], rules: BatchRules) -> Result<BatchHeader> {
    let mut header = framed_batch(batch, rules.bytes_max)?;
    header.verify_crc(batch)?;
    if header.attributes.is_control() {
        return Err(StorageError::invalid("a client may not write control batches"));
    }
    if header.attributes.is_log_append_time() {
        return Err(StorageError::invalid(
            "a client may not set the timestamp type of a batch to log append time",
        ));
    }
    check_producer(&header)?;
    let codec = header.attributes.codec()?;
    let records = batch.get(HEADER_BYTES..).unwrap_or_default();
    let max_timestamp = check_records(&header, codec, records, rules.keys_required)?;
    header.max_timestamp = max_timestamp;
    Ok(header)
}

/// Checks a batch that this server made: framing and size. Its checksum is left to whoever reads it.
///
/// # Errors
/// `CorruptBatch`, `TooLarge`, `Invalid`.
pub fn framed_batch(batch: &[u8], bytes_max: u32) -> Result<BatchHeader> {
    if batch.len() > bytes_max as usize {
        return Err(StorageError::new(
            ErrorKind::TooLarge,
            format!(
                "the record batch has {} bytes, the topic takes {bytes_max} (max.message.bytes)",
                batch.len()
            ),
        ));
    }
    let header = BatchHeader::parse(batch)?;
    if header.total_bytes() != batch.len() {
        return Err(StorageError::new(
            ErrorKind::CorruptBatch,
            format!(
                "exactly one record batch is expected: its header says {} bytes, {} are there",
                header.total_bytes(),
                batch.len()
            ),
        ));
    }
    if header.record_count == 0 || header.record_count - 1 != header.last_offset_delta {
        return Err(StorageError::invalid(format!(
            "a batch of {} records ends at offset delta {}; its offsets must be dense from 0",
            header.record_count, header.last_offset_delta
        )));
    }
    Ok(header)
}

fn check_producer(header: &BatchHeader) -> Result<()> {
    if header.producer_id == ProducerId::NONE {
        if header.attributes.is_transactional() {
            return Err(StorageError::invalid("a transactional batch needs a producer id"));
        }
        return Ok(());
    }
    if header.producer_id < ProducerId::NONE || header.producer_id.is_engine() {
        return Err(StorageError::invalid(format!(
            "producer id {} was not given out; ask for one by InitProducerId",
            header.producer_id.0
        )));
    }
    if header.producer_epoch < ProducerEpoch(0) || header.base_sequence < 0 {
        return Err(StorageError::invalid(format!(
            "a batch with a producer id needs an epoch and a sequence, not {} and {}",
            header.producer_epoch.0, header.base_sequence
        )));
    }
    Ok(())
}

/// Reads every record without keeping any; answers the largest timestamp.
fn check_records(header: &BatchHeader, codec: Codec, records: &[u8], keys_required: bool) -> Result<i64> {
    let mut stream = Skim {
        reader: compression::open(codec, records)?,
        codec,
        left_max: DECOMPRESSED_BYTES_MAX,
        record_left: usize::MAX,
    };
    let mut max_timestamp = NO_TIMESTAMP;
    for index in 0..header.record_count {
        let (timestamp, has_key) = check_record(&mut stream, header.base_timestamp, index)?;
        if keys_required && !has_key {
            return Err(StorageError::invalid(format!(
                "record {index} of the batch has no key, but the topic is compacted: give every record a key"
            )));
        }
        max_timestamp = if index == 0 { timestamp } else { max_timestamp.max(timestamp) };
    }
    stream.record_left = usize::MAX;
    if !stream.at_end()? {
        return Err(StorageError::invalid(format!(
            "the batch has bytes behind its {} records",
            header.record_count
        )));
    }
    Ok(max_timestamp)
}

/// What the checks need to know of a record.
struct CheckedRecord {
    timestamp_delta: i64,
    offset_delta: i32,
    has_key: bool,
}

fn check_record(stream: &mut Skim<'_>, base_timestamp: i64, index: i32) -> Result<(i64, bool)> {
    let record = match whole_record(stream)? {
        Some(record) => record,
        None => piecewise_record(stream)?,
    };
    if record.offset_delta != index {
        return Err(StorageError::invalid(format!(
            "record {index} of the batch has offset delta {}; its offsets must be dense from 0",
            record.offset_delta
        )));
    }
    let timestamp = base_timestamp
        .checked_add(record.timestamp_delta)
        .ok_or_else(|| StorageError::invalid(format!("record {index} has a timestamp out of range")))?;
    Ok((timestamp, record.has_key))
}

/// Reads a record that lies wholly in the stream's buffer, as nearly every one does.
fn whole_record(stream: &mut Skim<'_>) -> Result<Option<CheckedRecord>> {
    let buffer = stream.fill()?;
    let mut rest = buffer;
    let Some(length) = take_varint(&mut rest).and_then(|length| usize::try_from(length).ok()) else {
        return Ok(None);
    };
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let total = buffer.len() - rest.len() + length;
    let Some(fields) = RecordFields::read(body) else { return Err(ends_early()) };
    let record = CheckedRecord {
        timestamp_delta: fields.timestamp_delta,
        offset_delta: fields.offset_delta,
        has_key: fields.key.is_some(),
    };
    if !fields.headers.fill_the_record() {
        return Err(StorageError::invalid("a record's headers do not fill the rest of the record"));
    }
    stream.record_left = usize::MAX;
    stream.spend(total)?;
    stream.reader.consume(total);
    Ok(Some(record))
}

/// Reads a record that goes over the end of the stream's buffer, field by field.
fn piecewise_record(stream: &mut Skim<'_>) -> Result<CheckedRecord> {
    stream.record_left = usize::MAX;
    stream.record_left = stream.length("length")?;
    stream.skip(1)?;
    let timestamp_delta = stream.varlong()?;
    let offset_delta = stream.varint()?;
    let has_key = stream.skip_nullable()?;
    stream.skip_nullable()?;
    for _ in 0..stream.length("header count")? {
        let key = stream.length("header key length")?;
        stream.skip(key)?;
        stream.skip_nullable()?;
    }
    if stream.record_left != 0 {
        return Err(StorageError::invalid("a record's headers do not fill the rest of the record"));
    }
    Ok(CheckedRecord { timestamp_delta, offset_delta, has_key })
}

/// Reads over a stream of records within two bounds: the end of the record and the limit of the batch.
struct Skim<'a> {
    reader: Box<dyn BufRead + 'a>,
    codec: Codec,
    left_max: usize,
    record_left: usize,
}

impl Skim<'_> {
    fn fill(&mut self) -> Result<&[u8]> {
        let codec = self.codec;
        // A decoder may answer an interrupted read; in memory it does not happen twice.
        match self.reader.fill_buf() {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(ends_early()),
            Err(error) => Err(compression::undecodable(codec, &error)),
        }
    }

    fn at_end(&mut self) -> Result<bool> {
        Ok(self.fill()?.is_empty())
    }

    fn spend(&mut self, count: usize) -> Result<()> {
        self.left_max = self
            .left_max
            .checked_sub(count)
            .ok_or_else(|| compression::too_large(self.codec, DECOMPRESSED_BYTES_MAX))?;
        if self.record_left != usize::MAX {
            self.record_left = self.record_left.checked_sub(count).ok_or_else(ends_early)?;
        }
        Ok(())
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        let byte = *self.fill()?.first().ok_or_else(ends_early)?;
        self.spend(1)?;
        self.reader.consume(1);
        Ok(byte)
    }

    fn skip(&mut self, count: usize) -> Result<()> {
        self.spend(count)?;
        let mut left = count;
        while left > 0 {
            let there = self.fill()?.len().min(left);
            if there == 0 {
                return Err(ends_early());
            }
            self.reader.consume(there);
            left -= there;
        }
        Ok(())
    }

    fn unsigned(&mut self, bytes_max: u32) -> Result<u64> {
        let mut value = 0_u64;
        for index in 0..bytes_max {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if index == 9 && bits > 1 {
                break;
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(StorageError::invalid("a number in a record is longer than its type allows"))
    }

    fn varint(&mut self) -> Result<i32> {
        let value = self.unsigned(5)?;
        u32::try_from(value)
            .map(unzigzag_32)
            .map_err(|_| StorageError::invalid("a number in a record is longer than its type allows"))
    }

    fn varlong(&mut self) -> Result<i64> {
        self.unsigned(10).map(unzigzag_64)
    }

    fn length(&mut self, what: &str) -> Result<usize> {
        let length = self.varint()?;
        usize::try_from(length)
            .map_err(|_| StorageError::invalid(format!("a record has a {what} of {length}")))
    }

    /// Skips bytes with a length in front; answers whether they are there.
    fn skip_nullable(&mut self) -> Result<bool> {
        match self.varint()? {
            -1 => Ok(false),
            length => {
                let length = usize::try_from(length)
                    .map_err(|_| StorageError::invalid(format!("a record has a field of length {length}")))?;
                self.skip(length)?;
                Ok(true)
            }
        }
    }
}

fn ends_early() -> StorageError {
    StorageError::invalid("a record of the batch ends before its fields do")
}
