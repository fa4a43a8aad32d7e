//! Reading the records a reader may see out of what the log returned.
//!
//! [`RecordReader`] goes batch by batch: it drops control batches, batches of aborted transactions
//! and batches below the offset asked for, and decompresses into one buffer that it keeps. Within a
//! batch [`ReadBatch::records`] iterates without allocating.

use bytes::Bytes;
use hashbrown::HashSet;

use crate::error::Result;
use crate::ids::{Offset, ProducerId};
use crate::record::batches::Batches;
use crate::record::compression::{self, Codec, DECOMPRESSED_BYTES_MAX};
use crate::record::control::{self, Marker};
use crate::record::header::BatchHeader;
use crate::record::records::Records;

/// A transaction whose records a read_committed reader skips.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AbortedTransaction {
    /// Who wrote it.
    pub producer_id: ProducerId,
    /// Offset of its first record.
    pub first_offset: Offset,
}

/// Iterates over the batches of one read.
#[derive(Debug)]
pub struct RecordReader {
    batches: Batches,
    from: Offset,
    next_offset: Offset,
    /// Aborted transactions not begun yet, the first one last.
    pending_aborts: Vec<AbortedTransaction>,
    /// Producers within an aborted transaction at the place of the walk.
    aborting: HashSet<ProducerId>,
    decompressed: Vec<u8>,
    current: Bytes,
}

/// A batch with data for the reader.
#[derive(Clone, Copy, Debug)]
pub struct ReadBatch<'a> {
    /// Its header.
    pub header: BatchHeader,
    records: &'a [u8],
    from: Offset,
}

impl<'a> ReadBatch<'a> {
    /// The records from the offset asked for, in order.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        Records::new(&self.header, self.records).from_offset(self.from)
    }
}

impl RecordReader {
    /// Reads `batches`, back to back, from the record at `from`, without the `aborted` transactions.
    #[must_use]
    pub fn new(batches: Bytes, from: Offset, aborted: &[AbortedTransaction]) -> RecordReader {
        let mut reader = RecordReader {
            batches: Batches::new(Bytes::new()),
            from,
            next_offset: from,
            pending_aborts: Vec::new(),
            aborting: HashSet::new(),
            decompressed: Vec::new(),
            current: Bytes::new(),
        };
        reader.reset(batches, from, aborted);
        reader
    }

    /// Begins another read, keeping the buffers.
    pub fn reset(&mut self, batches: Bytes, from: Offset, aborted: &[AbortedTransaction]) {
        self.batches = Batches::new(batches);
        self.from = from;
        self.next_offset = from;
        self.pending_aborts.clear();
        self.pending_aborts.extend_from_slice(aborted);
        self.pending_aborts.sort_unstable_by_key(|a| std::cmp::Reverse(a.first_offset));
        self.aborting.clear();
    }

    /// Offset behind the last batch walked over, skipped ones included: where the next read begins.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The next batch with data, or `None` at the end of the read.
    ///
    /// After an error about one batch (its compression, its control record) the walk can go on behind
    /// it; after an error of framing the next call answers `None`.
    ///
    /// # Errors
    /// `CorruptBatch`, `TooLarge`.
    pub fn next_batch(&mut self) -> Result<Option<ReadBatch<'_>>> {
        while let Some(batch) = self.batches.next() {
            let batch = batch?;
            let header = batch.header;
            self.next_offset = self.next_offset.max(header.next_offset());
            if self.skips(&header, &batch.bytes)? || header.last_offset() < self.from {
                continue;
            }
            let records = match header.attributes.codec()? {
                Codec::None => {
                    self.current = batch.bytes;
                    self.current.get(crate::record::HEADER_BYTES..).unwrap_or_default()
                }
                codec => {
                    self.decompressed.clear();
                    compression::decompress(
                        codec,
                        batch.records(),
                        DECOMPRESSED_BYTES_MAX,
                        &mut self.decompressed,
                    )?;
                    self.decompressed.as_slice()
                }
            };
            return Ok(Some(ReadBatch { header, records, from: self.from }));
        }
        Ok(None)
    }

    /// Whether a batch carries nothing for the reader; keeps account of aborted transactions.
    fn skips(&mut self, header: &BatchHeader, batch: &[u8]) -> Result<bool> {
        if header.attributes.is_control() {
            if control::read(header, batch)? == Marker::Abort {
                self.aborting.remove(&header.producer_id);
            }
            return Ok(true);
        }
        if !header.attributes.is_transactional() {
            return Ok(false);
        }
        while let Some(next) = self.pending_aborts.last()
            && next.first_offset <= header.last_offset()
        {
            self.aborting.insert(next.producer_id);
            self.pending_aborts.pop();
        }
        Ok(self.aborting.contains(&header.producer_id))
    }
}
