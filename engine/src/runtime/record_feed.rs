//! The records of a partition in portions: so many, or so many bytes, whichever comes first.
//!
//! What a read of the log brings and a portion has no room for waits for the next portion, also inside
//! a batch. So nothing is read, checked or decompressed twice, and the memory a portion takes does not
//! depend on how well a producer's batches compress.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_storage::log::{Isolation, Log};
use tidemill_storage::record::{Record, RecordReader};
use tidemill_storage::{ErrorKind as StorageErrorKind, Offset, TopicPartition};

use crate::error::{Error, ErrorKind, Result};

/// Bytes read at a time: they may have to wait for the next portion, for each partition of each query,
/// and yet the cost of a read is shared by many records.
const READ_BYTES: usize = 1 << 20;

/// Bounds of a portion. The record that reaches one of them is the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Portion {
    /// Most records.
    pub records_max: usize,
    /// Most bytes, both of records as they are decompressed and of batches as they are read.
    pub bytes_max: usize,
}

/// What became of a portion.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// Offsets that retention had dropped before they were read.
    pub gap: Option<Range<Offset>>,
    /// Whether the partition has more.
    pub more: bool,
}

/// Gives the records of one partition.
pub struct RecordFeed {
    log: Arc<dyn Log>,
    target: TopicPartition,
    position: Offset,
    last_stable: Offset,
    records: RecordReader,
}

impl RecordFeed {
    /// A feed that begins at `position`.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, target: TopicPartition, position: Offset) -> RecordFeed {
        let records = RecordReader::new(Bytes::new(), position, &[]);
        RecordFeed { log, target, position, last_stable: position, records }
    }

    /// The partition.
    #[must_use]
    pub fn target(&self) -> &TopicPartition {
        &self.target
    }

    /// Offset of the next record.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.position
    }

    /// Bytes that were read, or decompressed of that, and not taken yet.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.records.buffered_bytes()
    }

    /// Whether there is a record to take.
    ///
    /// # Errors
    /// `NotFound` where the topic was deleted, `Corrupt` where it lost records that were taken.
    pub fn has_more(&self) -> Result<bool> {
        let offsets = self.log.offsets(&self.target)?;
        if self.position > offsets.end {
            // Waiting would skip as many records as are missing, without a word.
            let message = format!(
                "{} ends at offset {}, before offset {} up to which the query has read it",
                self.target, offsets.end, self.position
            );
            return Err(Error::new(ErrorKind::Corrupt, message)
                .with_hint("TERMINATE the query and make it again to read the topic from its beginning"));
        }
        Ok(offsets.last_stable > self.position)
    }

    /// Hands the next records to `visit`.
    ///
    /// # Errors
    /// What the log cannot give: `Corrupt`, `Io`, `NotFound`; those of `visit`.
    pub fn take(
        &mut self,
        portion: Portion,
        mut visit: impl FnMut(&Record<'_>) -> Result<()>,
    ) -> Result<Taken> {
        let Portion { records_max: mut records_left, bytes_max: mut bytes_left } = portion;
        let mut unread_bytes = portion.bytes_max;
        let mut taken = Taken::default();
        let mut has_read = false;
        loop {
            while records_left > 0
                && bytes_left > 0
                && let Some(batch) = self.records.next_batch()?
            {
                let mut records = batch.records();
                let mut next = batch.header.next_offset();
                while records_left > 0 && bytes_left > 0 {
                    let before = records.place().bytes_left();
                    let Some(record) = records.next() else { break };
                    let record = record?;
                    visit(&record)?;
                    next = record.offset.plus(1);
                    records_left -= 1;
                    bytes_left = bytes_left.saturating_sub(before - records.place().bytes_left());
                }
                let place = records.place();
                self.records.stop_at(place, next);
            }
            self.position = self.records.next_offset();
            let is_full = records_left == 0 || bytes_left == 0 || unread_bytes == 0;
            if is_full || (has_read && self.position >= self.last_stable) {
                break;
            }
            let read = self.read(unread_bytes.min(READ_BYTES), &mut taken)?;
            if read == 0 {
                break;
            }
            unread_bytes = unread_bytes.saturating_sub(read);
            has_read = true;
        }
        taken.more = self.position < self.last_stable;
        Ok(taken)
    }

    /// Reads what comes next; gives how many bytes.
    fn read(&mut self, bytes_max: usize, taken: &mut Taken) -> Result<usize> {
        let slice = loop {
            let log_start = self.log.offsets(&self.target)?.log_start;
            if self.position < log_start {
                let from = taken.gap.as_ref().map_or(self.position, |gap| gap.start);
                taken.gap = Some(from..log_start);
                self.position = log_start;
            }
            match self.log.read(&self.target, self.position, bytes_max, Isolation::ReadCommitted) {
                // Retention came in between: then there is a new start.
                Err(error)
                    if error.kind() == StorageErrorKind::OffsetOutOfRange
                        && self.log.offsets(&self.target)?.log_start > self.position => {}
                read => break read?,
            }
        };
        let bytes = slice.batches.len();
        self.last_stable = slice.offsets.last_stable;
        self.records.reset(slice.batches, self.position, &slice.aborted);
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "record_feed_tests.rs"]
mod tests;
