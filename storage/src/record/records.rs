//! The records of one batch, read where they lie.
//!
//! ```text
//! length varint | attributes i8 | timestamp delta varlong | offset delta varint
//! | key length varint (−1 null), key | value length varint (−1 null), value
//! | header count varint | per header: key length varint, key, value length varint (−1 null), value
//! ```

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::Offset;
use crate::record::header::BatchHeader;
use crate::record::varint::{take_varint, take_varlong};

/// A record, borrowed from the (decompressed) bytes of its batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its position in the partition.
    pub offset: Offset,
    /// Its timestamp in milliseconds since 1970, or −1.
    pub timestamp_ms: i64,
    /// Its key; `None` is null, which differs from empty.
    pub key: Option<&'a [u8]>,
    /// Its value; `None` is null, a tombstone in a table's topic.
    pub value: Option<&'a [u8]>,
    /// Its headers, not yet decoded.
    pub headers: Headers<'a>,
}

/// The headers of a record; iterating decodes them.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    left: u32,
    bytes: &'a [u8],
}

/// A header of a record. The same key may occur more than once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    /// Its key: UTF-8 by convention, not checked here.
    pub key: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

impl Headers<'_> {
    /// Number of headers left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left as usize
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Result<Header<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let header = take_header(&mut self.bytes);
        if header.is_none() {
            self.left = 0;
        }
        Some(header.ok_or_else(|| malformed("a record's header runs past the end of its record")))
    }
}

/// How far a walk over a batch's records has come: see [`Records::place`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordsPlace {
    /// Records not walked over.
    pub(super) left: i32,
    /// Bytes of those.
    pub(super) bytes_left: usize,
}

impl RecordsPlace {
    /// Bytes of the (decompressed) records behind the place.
    #[must_use]
    pub fn bytes_left(self) -> usize {
        self.bytes_left
    }
}

/// Iterates over the records of a batch. The first malformed record ends it with an error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    left: i32,
    base_offset: Offset,
    base_timestamp: i64,
    /// All records have this timestamp where the broker's clock gave it.
    append_time: Option<i64>,
    skip_below: Offset,
}

impl<'a> Records<'a> {
    /// Iterates over `bytes`, the decompressed records of the batch with this header.
    #[must_use]
    pub fn new(header: &BatchHeader, bytes: &'a [u8]) -> Records<'a> {
        Records {
            bytes,
            left: header.record_count,
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            append_time: header.attributes.is_log_append_time().then_some(header.max_timestamp),
            skip_below: Offset(i64::MIN),
        }
    }

    /// The same without the records below `offset`.
    #[must_use]
    pub fn from_offset(mut self, offset: Offset) -> Records<'a> {
        self.skip_below = offset;
        self
    }

    /// The records from a place on that an earlier walk over the same batch has come to.
    #[must_use]
    pub(super) fn starting_at(mut self, place: RecordsPlace) -> Records<'a> {
        let walked = self.bytes.len().saturating_sub(place.bytes_left);
        self.bytes = self.bytes.get(walked..).unwrap_or_default();
        self.left = place.left;
        self
    }

    /// How far the walk has come.
    #[must_use]
    pub fn place(&self) -> RecordsPlace {
        RecordsPlace { left: self.left, bytes_left: self.bytes.len() }
    }

    #[inline]
    fn take_record(&mut self) -> Option<Record<'a>> {
        let length = usize::try_from(take_varint(&mut self.bytes)?).ok()?;
        let (body, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        let fields = RecordFields::read(body)?;
        Some(Record {
            offset: self.base_offset.plus(i64::from(fields.offset_delta)),
            timestamp_ms: match self.append_time {
                Some(time) => time,
                None => self.base_timestamp.checked_add(fields.timestamp_delta)?,
            },
            key: fields.key,
            value: fields.value,
            headers: fields.headers,
        })
    }
}

/// The fields of a record as they stand in its bytes.
pub(super) struct RecordFields<'a> {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Headers<'a>,
}

impl<'a> RecordFields<'a> {
    /// Reads the bytes behind a record's length; `None` where they end early.
    #[inline]
    pub(super) fn read(body: &'a [u8]) -> Option<RecordFields<'a>> {
        let (_attributes, mut body) = body.split_first()?;
        let timestamp_delta = take_varlong(&mut body)?;
        let offset_delta = take_varint(&mut body)?;
        let key = take_nullable(&mut body)?;
        let value = take_nullable(&mut body)?;
        let headers = u32::try_from(take_varint(&mut body)?).ok()?;
        Some(RecordFields {
            timestamp_delta,
            offset_delta,
            key,
            value,
            headers: Headers { left: headers, bytes: body },
        })
    }
}

impl<'a> Headers<'a> {
    /// Whether every header is well formed and nothing stands behind the last.
    pub(super) fn fill_the_record(self) -> bool {
        let Headers { left, mut bytes } = self;
        (0..left).all(|_| take_header(&mut bytes).is_some()) && bytes.is_empty()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            self.left -= 1;
            let Some(record) = self.take_record() else {
                self.left = 0;
                return Some(Err(malformed(format!(
                    "a record of the batch at offset {} is malformed",
                    self.base_offset
                ))));
            };
            if record.offset >= self.skip_below {
                return Some(Ok(record));
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.left).ok())
    }
}

#[inline]
fn take_nullable<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = take_varint(bytes)?;
    if length == -1 {
        return Some(None);
    }
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(taken))
}

fn take_header<'a>(bytes: &mut &'a [u8]) -> Option<Header<'a>> {
    let key = take_nullable(bytes)??;
    let value = take_nullable(bytes)?;
    Some(Header { key, value })
}

fn malformed(message: impl Into<String>) -> StorageError {
    StorageError::new(ErrorKind::CorruptBatch, message)
}
