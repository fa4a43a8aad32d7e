//! [`Scan`]: the entries of a range, copied out of RocksDB's blocks a buffer at a time.
//!
//! An entry handed out must own its bytes, since the iterator's own are gone with its next step. Two
//! allocations for every entry would cost more than reading it, so entries are copied into a buffer
//! they share. The buffer starts small, for the many scans that want a few entries, and doubles.

use std::ops::Range;
use std::path::Path;

use ::rocksdb::{DB, DBRawIteratorWithThreadMode, ReadOptions, Snapshot};
use bytes::{Bytes, BytesMut};

use super::error::storage_error;
use crate::error::Result;

/// The first buffer's size: a handful of small entries.
const BUFFER_BYTES_MIN: usize = 1 << 10;

/// The largest buffer's size, unless one entry alone is larger. By then the allocation costs nothing
/// against the copying, and an entry kept by the caller does not hold much more than itself.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// An iterator over the entries of a range of a snapshot.
pub(super) struct Scan<'snapshot> {
    source: DBRawIteratorWithThreadMode<'snapshot, DB>,
    directory: &'snapshot Path,
    /// What has been copied and not yet handed out, one entry after the other, and their lengths.
    buffer: Bytes,
    lengths: std::vec::IntoIter<(usize, usize)>,
    buffer_bytes: usize,
    ended: bool,
}

impl<'snapshot> Scan<'snapshot> {
    /// Starts at the beginning of a range.
    pub(super) fn new(
        snapshot: &'snapshot Snapshot<'_>,
        range: &Range<Bytes>,
        directory: &'snapshot Path,
    ) -> Scan<'snapshot> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(range.start.to_vec()..range.end.to_vec());
        let mut source = snapshot.raw_iterator_opt(options);
        source.seek_to_first();
        Scan {
            source,
            directory,
            buffer: Bytes::new(),
            lengths: Vec::new().into_iter(),
            buffer_bytes: BUFFER_BYTES_MIN,
            ended: false,
        }
    }

    /// Copies the next entries. Ends the scan where there are none.
    fn refill(&mut self) -> Result<()> {
        // An iterator that is not valid has come to its end, or has failed. What was copied before a
        // failure has been handed out by then.
        if !self.source.valid() {
            self.ended = true;
            return self.source.status().map_err(|error| storage_error("read", self.directory, &error));
        }
        let mut buffer = BytesMut::with_capacity(self.buffer_bytes);
        let mut lengths = Vec::new();
        while let Some((key, value)) = self.source.item() {
            let bytes = key.len() + value.len();
            if !lengths.is_empty() && buffer.len() + bytes > self.buffer_bytes {
                break;
            }
            buffer.extend_from_slice(key);
            buffer.extend_from_slice(value);
            lengths.push((key.len(), value.len()));
            self.source.next();
        }
        self.buffer = buffer.freeze();
        self.lengths = lengths.into_iter();
        self.buffer_bytes = (self.buffer_bytes * 2).min(BUFFER_BYTES_MAX);
        Ok(())
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(Bytes, Bytes)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.lengths.len() == 0
            && !self.ended
            && let Err(error) = self.refill()
        {
            return Some(Err(error));
        }
        let (key_bytes, value_bytes) = self.lengths.next()?;
        let key = self.buffer.split_to(key_bytes);
        let value = self.buffer.split_to(value_bytes);
        Some(Ok((key, value)))
    }
}
