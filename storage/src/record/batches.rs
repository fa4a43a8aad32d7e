//! Walking over batches that stand back to back, as a read or a produce request has them.

use bytes::Bytes;

use crate::error::{ErrorKind, Result, StorageError};
use crate::record::header::{BatchHeader, HEADER_BYTES};

/// One whole batch: its header and its bytes.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The header.
    pub header: BatchHeader,
    /// All bytes, header included; a slice of what was walked over.
    pub bytes: Bytes,
}

impl Batch {
    /// The bytes behind the header, compressed as the header says.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        self.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }
}

/// Iterates over batches. Framing is checked, checksums are not; an error ends it.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
}

impl Batches {
    /// Walks over `bytes`.
    #[must_use]
    pub fn new(bytes: Bytes) -> Batches {
        Batches { rest: bytes }
    }

    /// Bytes that have not been walked over.
    #[must_use]
    pub fn rest_bytes(&self) -> usize {
        self.rest.len()
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let batch = BatchHeader::parse(&self.rest).and_then(|header| {
            if header.total_bytes() > self.rest.len() {
                return Err(StorageError::new(
                    ErrorKind::CorruptBatch,
                    format!(
                        "the batch at offset {} has {} bytes, but only {} are there",
                        header.base_offset,
                        header.total_bytes(),
                        self.rest.len()
                    ),
                ));
            }
            Ok(Batch { header, bytes: self.rest.split_to(header.total_bytes()) })
        });
        if batch.is_err() {
            self.rest.clear();
        }
        Some(batch)
    }
}
