//! Making record batches.

use bytes::Bytes;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::record::compression::{self, Codec};
use crate::record::header::{
    Attributes, BatchHeader, HEADER_BYTES, LEADER_EPOCH, LENGTH_OVERHEAD, NO_EPOCH, NO_SEQUENCE,
    NO_TIMESTAMP, write_header,
};
use crate::record::varint::{put_varint, put_varlong, varint_bytes, varlong_bytes};

/// Who writes a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchProducer {
    /// The producer's id.
    pub id: ProducerId,
    /// Its incarnation.
    pub epoch: ProducerEpoch,
    /// Sequence number of the batch's first record.
    pub base_sequence: i32,
    /// Whether the batch is part of a transaction.
    pub transactional: bool,
}

/// Builds one batch after the other, keeping its buffer.
///
/// Offsets count from 0; the log sets the base offset when it appends.
#[derive(Debug)]
pub struct BatchBuilder {
    codec: Codec,
    attributes: Attributes,
    producer: Option<BatchProducer>,
    /// Room for the header, then the records uncompressed.
    buffer: Vec<u8>,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// A builder of batches compressed by `codec`.
    #[must_use]
    pub fn new(codec: Codec) -> BatchBuilder {
        BatchBuilder {
            codec,
            attributes: Attributes::of_codec(codec),
            producer: None,
            buffer: vec![0; HEADER_BYTES],
            count: 0,
            base_timestamp: 0,
            max_timestamp: NO_TIMESTAMP,
        }
    }

    /// Says who writes the next batches. The base sequence moves on by itself from batch to batch.
    pub fn set_producer(&mut self, producer: BatchProducer) {
        let plain = Attributes::of_codec(self.codec);
        self.attributes = if producer.transactional { plain.transactional() } else { plain };
        self.producer = Some(producer);
    }

    /// Makes the next batches control batches.
    pub(crate) fn set_control(&mut self) {
        self.attributes = self.attributes.control();
    }

    /// Number of records since the last batch.
    #[must_use]
    pub fn record_count(&self) -> usize {
        usize::try_from(self.count).unwrap_or(0)
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes the batch would have now without compression.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes of a record behind its length.
    #[inline]
    fn record_length(
        &self,
        timestamp_delta: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) -> usize {
        let fields = 1
            + varlong_bytes(timestamp_delta)
            + varint_bytes(self.count)
            + nullable_bytes(key)
            + nullable_bytes(value)
            + varlong_bytes(headers.len() as i64);
        let headers =
            headers.iter().map(|(name, content)| nullable_bytes(Some(name)) + nullable_bytes(*content));
        fields + headers.sum::<usize>()
    }

    /// Appends a record.
    ///
    /// # Errors
    /// `TooLarge` where the batch would pass what its 32-bit lengths can say.
    #[inline]
    pub fn append(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) -> Result<()> {
        self.append_within(usize::MAX, timestamp_ms, key, value, headers).map(drop)
    }

    /// Appends a record, unless the batch would then have more than `bytes_max` without compression: then
    /// it is left as it is, and the bytes it would have are given.
    ///
    /// # Errors
    /// `TooLarge` where the batch would pass what its 32-bit lengths can say.
    #[inline]
    pub fn append_within(
        &mut self,
        bytes_max: usize,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&[u8], Option<&[u8]>)],
    ) -> Result<Option<usize>> {
        if self.count == 0 {
            self.base_timestamp = timestamp_ms;
            self.max_timestamp = timestamp_ms;
        }
        // Wrapping is undone by the reader's addition, whatever the distance of two timestamps is.
        let timestamp_delta = timestamp_ms.wrapping_sub(self.base_timestamp);
        let header_count = i32::try_from(headers.len()).map_err(|_| too_large())?;
        let length = self.record_length(timestamp_delta, key, value, headers);
        let batch_bytes = self.buffer.len() + varlong_bytes(length as i64) + length;
        if batch_bytes > bytes_max {
            return Ok(Some(batch_bytes));
        }
        if batch_bytes > i32::MAX as usize || self.count == i32::MAX {
            return Err(too_large());
        }
        self.buffer.reserve(length + LENGTH_VARINT_BYTES_MAX);
        put_varint(&mut self.buffer, length as i32);
        self.buffer.push(0);
        put_varlong(&mut self.buffer, timestamp_delta);
        put_varint(&mut self.buffer, self.count);
        put_nullable(&mut self.buffer, key);
        put_nullable(&mut self.buffer, value);
        put_varint(&mut self.buffer, header_count);
        for (name, content) in headers {
            put_nullable(&mut self.buffer, Some(name));
            put_nullable(&mut self.buffer, *content);
        }
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp_ms);
        Ok(None)
    }

    /// Finishes the batch: bytes of just its size. The builder is empty again afterwards.
    ///
    /// # Errors
    /// `Invalid` where there is no record; `Io` where a codec fails.
    pub fn build(&mut self) -> Result<Bytes> {
        if self.count == 0 {
            return Err(StorageError::invalid("a record batch needs at least one record"));
        }
        let bytes = match self.codec {
            Codec::None => {
                self.finish_header()?;
                Bytes::copy_from_slice(&self.buffer)
            }
            codec => {
                let mut compressed = Vec::with_capacity(self.buffer.len() / 2 + HEADER_BYTES);
                compressed.resize(HEADER_BYTES, 0);
                compression::compress(codec, &self.buffer[HEADER_BYTES..], &mut compressed)?;
                std::mem::swap(&mut self.buffer, &mut compressed);
                let finished = self.finish_header();
                std::mem::swap(&mut self.buffer, &mut compressed);
                finished?;
                compressed.shrink_to_fit();
                Bytes::from(compressed)
            }
        };
        if let Some(producer) = &mut self.producer
            && producer.base_sequence != NO_SEQUENCE
        {
            producer.base_sequence = crate::record::header::sequence_plus(producer.base_sequence, self.count);
        }
        self.buffer.truncate(HEADER_BYTES);
        self.count = 0;
        Ok(bytes)
    }

    /// Writes the header into the room before the record bytes of the buffer.
    fn finish_header(&mut self) -> Result<()> {
        let batch_length = u32::try_from(self.buffer.len() - LENGTH_OVERHEAD).map_err(|_| too_large())?;
        let header = BatchHeader {
            base_offset: Offset::ZERO,
            batch_length,
            leader_epoch: LEADER_EPOCH,
            crc: 0,
            attributes: self.attributes,
            last_offset_delta: self.count - 1,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: self.producer.map_or(ProducerId::NONE, |p| p.id),
            producer_epoch: self.producer.map_or(NO_EPOCH, |p| p.epoch),
            base_sequence: self.producer.map_or(NO_SEQUENCE, |p| p.base_sequence),
            record_count: self.count,
        };
        let (room, records) = self
            .buffer
            .split_first_chunk_mut::<HEADER_BYTES>()
            .expect("the buffer begins with the header's room");
        write_header(room, &header, records);
        Ok(())
    }
}

/// Longest form of a record's length.
const LENGTH_VARINT_BYTES_MAX: usize = 5;

#[inline]
fn nullable_bytes(bytes: Option<&[u8]>) -> usize {
    match bytes {
        None => 1,
        // A length beyond 32 bits is refused by the check of the whole batch.
        Some(bytes) => varlong_bytes(bytes.len() as i64) + bytes.len(),
    }
}

#[inline]
fn put_nullable(into: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(into, -1),
        Some(bytes) => {
            put_varint(into, bytes.len() as i32);
            into.extend_from_slice(bytes);
        }
    }
}

fn too_large() -> StorageError {
    StorageError::new(
        ErrorKind::TooLarge,
        "a record batch holds at most 2 GiB; begin a new batch before that",
    )
}
