//! Reading the records a reader may see out of what the log returned.
//!
//! [`RecordReader`] goes batch by batch: it drops control batches, batches of aborted transactions
//! and batches below the offset asked for, and decompresses into one buffer that it keeps. Within a
//! batch [`ReadBatch::records`] iterates without allocating. Who wants no more for now says where it
//! stopped ([`RecordReader::stop_at`]) and goes on there later, however large the batch is.

use bytes::Bytes;
use hashbrown::HashSet;

use crate::error::Result;
use crate::ids::{Offset, ProducerId};
use crate::record::batches::Batches;
use crate::record::compression::{self, Codec, DECOMPRESSED_BYTES_MAX};
use crate::record::control::{self, Marker};
use crate::record::header::BatchHeader;
use crate::record::records::{Records, RecordsPlace};

/// Room for decompressed records that is kept from one read to the next. A batch may need a hundred
/// times as much; a reader that waits for its next one does not hold that.
const DECOMPRESSED_BYTES_KEPT: usize = 1 << 20;

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
    /// The batch given last, and where its reader stopped.
    stopped: Option<(BatchHeader, RecordsPlace)>,
    last: Option<BatchHeader>,
}

/// A batch with data for the reader.
#[derive(Clone, Copy, Debug)]
pub struct ReadBatch<'a> {
    /// Its header.
    pub header: BatchHeader,
    records: &'a [u8],
    from: Offset,
    place: RecordsPlace,
}

impl<'a> ReadBatch<'a> {
    fn whole(header: BatchHeader, records: &'a [u8], from: Offset) -> ReadBatch<'a> {
        let place = RecordsPlace { left: header.record_count, bytes_left: records.len() };
        ReadBatch { header, records, from, place }
    }

    /// The records from the offset asked for, or from where the reader stopped before, in order.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        Records::new(&self.header, self.records).starting_at(self.place).from_offset(self.from)
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
            stopped: None,
            last: None,
        };
        reader.reset(batches, from, aborted);
        reader
    }

    /// Begins another read, keeping the buffers unless they are large.
    pub fn reset(&mut self, batches: Bytes, from: Offset, aborted: &[AbortedTransaction]) {
        self.batches = Batches::new(batches);
        self.from = from;
        self.next_offset = from;
        self.pending_aborts.clear();
        self.pending_aborts.extend_from_slice(aborted);
        self.pending_aborts.sort_unstable_by_key(|a| std::cmp::Reverse(a.first_offset));
        self.aborting.clear();
        self.stopped = None;
        self.last = None;
        self.current = Bytes::new();
        if self.decompressed.capacity() > DECOMPRESSED_BYTES_KEPT {
            self.decompressed = Vec::new();
        }
    }

    /// Offset behind the last batch walked over, skipped ones included, or the one at which the reader
    /// stopped: where the next read begins.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// Bytes of memory that the reader holds: what it has not walked over, and its buffers.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.batches.rest_bytes() + self.current.len() + self.decompressed.capacity()
    }

    /// Stops inside the batch that was given last: the next call gives the rest of it, from `place` of
    /// its records on, of which `next` is the first. A place at the end of the batch changes nothing.
    pub fn stop_at(&mut self, place: RecordsPlace, next: Offset) {
        if let Some(last) = self.last.filter(|_| place.left > 0) {
            self.stopped = Some((last, place));
            self.next_offset = next;
        }
    }

    /// The next batch with data, or `None` at the end of the read.
    ///
    /// After an error about one batch (its compression, its control record) the walk can go on behind
    /// it; after an error of framing the next call answers `None`.
    ///
    /// # Errors
    /// `CorruptBatch`, `TooLarge`.
    pub fn next_batch(&mut self) -> Result<Option<ReadBatch<'_>>> {
        if let Some((header, place)) = self.stopped.take() {
            self.next_offset = self.next_offset.max(header.next_offset());
            let records = match header.attributes.codec()? {
                Codec::None => self.current.get(crate::record::HEADER_BYTES..).unwrap_or_default(),
                _ => self.decompressed.as_slice(),
            };
            return Ok(Some(ReadBatch { header, records, from: self.from, place }));
        }
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
            self.last = Some(header);
            return Ok(Some(ReadBatch::whole(header, records, self.from)));
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
