//! Records of one round, on their way from batches to columns.

use std::sync::Arc;

use bytes::Bytes;
use tidemill_storage::record::{Header, Record};

use crate::batch::Headers;
use crate::error::{Error, ErrorKind, Result};

/// Room for records that is kept between rounds. A partition that has caught up needs no more, and a
/// server may have thousands of them.
const BYTES_KEPT: usize = 64 << 10;

/// Records of one round, copied out of their batches: keys and values in one buffer.
#[derive(Default)]
pub struct Gathered {
    bytes: Vec<u8>,
    pub(super) keys: Vec<Option<(u32, u32)>>,
    pub(super) values: Vec<Option<(u32, u32)>>,
    pub(super) offsets: Vec<i64>,
    pub(super) times_ms: Vec<i64>,
    pub(super) headers: Vec<(usize, Headers)>,
}

impl Gathered {
    /// Number of records.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes of the records' keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of the room for keys and values.
    #[must_use]
    pub fn room_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Forgets the records, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.keys.clear();
        self.values.clear();
        self.offsets.clear();
        self.times_ms.clear();
        self.headers.clear();
    }

    /// Forgets the records, and gives a large buffer back.
    pub fn give_back(&mut self) {
        self.clear();
        if self.bytes.capacity() > BYTES_KEPT {
            *self = Gathered::default();
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// Malformed headers.
    pub fn push(&mut self, record: &Record<'_>) -> Result<()> {
        let key = self.copy(record.key)?;
        let value = self.copy(record.value)?;
        self.keys.push(key);
        self.values.push(value);
        if let Some(headers) = headers_of(record)? {
            self.headers.push((self.offsets.len(), headers));
        }
        self.offsets.push(record.offset.0);
        self.times_ms.push(record.timestamp_ms);
        Ok(())
    }

    /// Takes a row that stands in no record: key, value, time (a table's stored row), and headers where it
    /// has some.
    ///
    /// # Errors
    /// `LimitExceeded` for more than 4 GiB.
    pub fn push_row(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        time_ms: i64,
        headers: Option<Headers>,
    ) -> Result<()> {
        let key = self.copy(key)?;
        let value = self.copy(value)?;
        self.headers.extend(headers.map(|headers| (self.offsets.len(), headers)));
        self.keys.push(key);
        self.values.push(value);
        self.offsets.push(0);
        self.times_ms.push(time_ms);
        Ok(())
    }

    fn copy(&mut self, bytes: Option<&[u8]>) -> Result<Option<(u32, u32)>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        match (u32::try_from(start), u32::try_from(self.bytes.len())) {
            (Ok(start), Ok(end)) => Ok(Some((start, end))),
            _ => Err(Error::new(ErrorKind::LimitExceeded, "more than 4 GiB of records in one round")),
        }
    }

    /// The bytes of keys or values.
    pub(super) fn payloads(&self, spans: &[Option<(u32, u32)>]) -> Vec<Option<&[u8]>> {
        spans.iter().map(|span| span.map(|(start, end)| &self.bytes[start as usize..end as usize])).collect()
    }
}

/// The headers of a record, where it has some.
///
/// # Errors
/// Malformed headers.
pub fn headers_of(record: &Record<'_>) -> Result<Option<Headers>> {
    if record.headers.is_empty() {
        return Ok(None);
    }
    let header = |header: tidemill_storage::Result<Header<'_>>| {
        let header = header?;
        let name: Arc<str> = String::from_utf8_lossy(header.key).into();
        Ok((name, header.value.map(Bytes::copy_from_slice)))
    };
    record.headers.map(header).collect::<Result<Headers>>().map(Some)
}
