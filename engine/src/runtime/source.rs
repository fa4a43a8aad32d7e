//! From a partition's bytes to change batches.
//!
//! A [`PartitionReader`] drains what its partition has, up to a bound of rows and bytes, and decodes
//! just the columns its query needs. Where partitions have to keep in step it reads ahead and gives
//! what may pass (see [`crate::runtime::read_ahead`]). A record that does not decode is counted and
//! reported with its offset, when the position passes it; the others go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidemill_storage::log::Log;
use tidemill_storage::{Offset, TopicPartition};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::{Dropped, Ledger, Report};
use crate::physical::scan::ScanSpec;
use crate::registry::SchemaRegistry;
use crate::runtime::dropped_ahead::{DroppedAhead, Passed};
use crate::runtime::gathered::Gathered;
use crate::runtime::read_ahead::ReadAhead;
use crate::runtime::record_feed::{Portion, RecordFeed};
use crate::runtime::row_decoder::{DecodedRows, RowDecoder};

/// Rows a partition gives in one round. Large enough that the cost of a round is shared by many rows,
/// small enough that a round stays in the processor's cache and takes milliseconds.
const ROUND_ROWS_MAX: usize = 16_384;

/// Bytes of records a partition gives in one round, as they are decompressed.
const ROUND_BYTES_MAX: usize = 8 << 20;

/// What one read found.
pub struct Read {
    /// Number of records taken from the partition, those included that retention took first.
    pub records: u64,
    /// The rows that decoded, if any.
    pub rows: Option<ChangeBatch>,
}

/// A round's portion of a partition.
struct Portioned {
    /// Number of records.
    records: u64,
    /// Records before them that retention took first: offset of the first, and how many.
    lost: Option<(Offset, u64)>,
    /// The rows of those that decode, with which of them each is.
    decoded: Option<DecodedRows>,
}

/// Reads one partition for one query.
pub struct PartitionReader {
    feed: RecordFeed,
    gathered: Gathered,
    rows: RowDecoder,
    ahead: ReadAhead,
    dropped: DroppedAhead,
    /// Whether the last read left records behind.
    more: bool,
}

impl PartitionReader {
    /// A reader that begins at `position`.
    ///
    /// # Errors
    /// A format that cannot have the source's columns.
    pub fn new(
        log: Arc<dyn Log>,
        schemas: &SchemaRegistry,
        scan: &ScanSpec,
        target: TopicPartition,
        position: Offset,
    ) -> Result<PartitionReader> {
        Ok(PartitionReader {
            rows: RowDecoder::new(scan, target.clone(), schemas)?,
            feed: RecordFeed::new(log, target, position),
            gathered: Gathered::default(),
            ahead: ReadAhead::default(),
            dropped: DroppedAhead::default(),
            more: false,
        })
    }

    /// The partition.
    #[must_use]
    pub fn target(&self) -> &TopicPartition {
        self.feed.target()
    }

    /// Offset of the first record whose row has not passed: where to go on after a restart.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.ahead.first_offset().unwrap_or(self.feed.position())
    }

    /// Rows that are read and have not passed.
    #[must_use]
    pub fn ahead(&self) -> &ReadAhead {
        &self.ahead
    }

    /// Whether a round is to read ahead: what is there may not be a round's worth.
    #[must_use]
    pub fn wants_ahead(&self) -> bool {
        self.ahead.rows() < ROUND_ROWS_MAX && self.ahead.bytes() < ROUND_BYTES_MAX
    }

    /// Reads ahead what there is, up to the round's bound.
    ///
    /// # Errors
    /// As [`PartitionReader::read`].
    pub fn read_ahead(&mut self) -> Result<()> {
        let (mut dropped, mut reports) = (Ledger::default(), Vec::new());
        let Portioned { lost, decoded, .. } = self.take_portion(&mut dropped, &mut reports)?;
        if dropped.total() > 0 {
            let rows = decoded.as_ref().map_or(&[] as &[u32], |(_, rows)| rows.as_slice());
            self.note_dropped(lost, rows, reports);
        }
        if let Some((batch, rows)) = decoded {
            let offset = |row: &u32| Offset(self.gathered.offsets[*row as usize]);
            self.ahead.push(batch, rows.iter().map(offset).collect());
        }
        self.free_portion();
        Ok(())
    }

    /// Notes the records of a portion that became no rows. Those that were rejected are told; what is not
    /// told was filtered.
    fn note_dropped(&mut self, lost: Option<(Offset, u64)>, rows: &[u32], reports: Vec<Report>) {
        let told: BTreeSet<Offset> =
            reports.iter().filter_map(|report| report.origin.as_ref().map(|(_, offset)| *offset)).collect();
        let mut row_before = self.ahead.last_offset();
        if let Some((first, records)) = lost {
            let counts = Ledger { rejected: records, ..Ledger::default() };
            self.dropped.push(first, counts, row_before);
        }
        let mut rows = rows.iter().copied().peekable();
        for (index, offset) in self.gathered.offsets.iter().map(|offset| Offset(*offset)).enumerate() {
            if rows.next_if(|row| *row as usize == index).is_some() {
                row_before = Some(offset);
                continue;
            }
            let counts = match told.contains(&offset) {
                true => Ledger { rejected: 1, ..Ledger::default() },
                false => Ledger { filtered: 1, ..Ledger::default() },
            };
            self.dropped.push(offset, counts, row_before);
        }
        for report in reports {
            self.dropped.report(report);
        }
    }

    /// Takes the records that were dropped while reading ahead and that the position has passed.
    pub fn take_dropped(&mut self) -> Passed {
        self.dropped.take(self.position())
    }

    /// Whether rows of other partitions wait for what this one has not read yet: where its last read
    /// left records behind, or it has no room to read and there are some. What came after a read to the
    /// end holds nobody back.
    ///
    /// # Errors
    /// As [`PartitionReader::has_input`].
    pub fn holds_back(&self) -> Result<bool> {
        if self.wants_ahead() { Ok(self.more) } else { self.has_input() }
    }

    /// Takes the rows read ahead that pass.
    pub fn take_ahead(&mut self, through_ms: i64) -> Vec<ChangeBatch> {
        self.ahead.take(through_ms)
    }

    /// Bytes of records that were read and have not passed yet, and of the room for them.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.feed.buffered_bytes() + self.gathered.room_bytes() + self.ahead.bytes() + self.dropped.bytes()
    }

    /// Whether there is a record to read.
    ///
    /// # Errors
    /// `NotFound` where the topic was deleted, `Corrupt` where it lost records that were read.
    pub fn has_input(&self) -> Result<bool> {
        self.feed.has_more()
    }

    /// Reads what there is, up to the round's bound.
    ///
    /// # Errors
    /// What the log cannot give: `Corrupt`, `Io`, `NotFound`.
    pub fn read(&mut self, ledger: &mut Ledger, reports: &mut Vec<Report>) -> Result<Read> {
        let Portioned { records, lost, decoded } = self.take_portion(ledger, reports)?;
        self.free_portion();
        let records = records + lost.map_or(0, |(_, records)| records);
        Ok(Read { records, rows: decoded.map(|(batch, _)| batch) })
    }

    /// Takes a round's portion of records.
    fn take_portion(&mut self, ledger: &mut Ledger, reports: &mut Vec<Report>) -> Result<Portioned> {
        self.gathered.clear();
        let portion = Portion { records_max: ROUND_ROWS_MAX, bytes_max: ROUND_BYTES_MAX };
        let gathered = &mut self.gathered;
        let taken = self.feed.take(portion, |record| gathered.push(record))?;
        self.more = taken.more;
        let mut lost = None;
        if let Some(gap) = taken.gap {
            // Retention was faster than the query: the gap is told and counted, not hidden.
            let records = u64::try_from(gap.end.0.saturating_sub(gap.start.0)).unwrap_or(0);
            lost = Some((gap.start, records));
            ledger.rejected += records;
            reports.push(Report {
                dropped: Dropped::Rejected,
                time_ms: 0,
                reason: format!(
                    "records from offset {} to {} were dropped by retention before they were read",
                    gap.start, gap.end
                ),
                origin: Some((self.feed.target().clone(), gap.start)),
            });
        }
        let records = self.gathered.rows() as u64;
        let decoded =
            if records == 0 { None } else { self.rows.decode_rows(&self.gathered, ledger, reports)? };
        Ok(Portioned { records, lost, decoded })
    }

    /// A partition that is read to its end needs no large room for records.
    fn free_portion(&mut self) {
        if !self.more {
            self.gathered.give_back();
        }
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
