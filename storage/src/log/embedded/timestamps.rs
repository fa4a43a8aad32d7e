//! Finding records by their timestamps, exactly.

use std::io;
use std::sync::Arc;

use crate::error::{Result, StorageError};
use crate::ids::Offset;
use crate::log::PartitionOffsets;
use crate::log::checks::first_record_matching;
use crate::log::embedded::partition::Partition;
use crate::log::embedded::scan::{Scanner, Step};
use crate::log::embedded::segment::Segment;
use crate::log::embedded::segment_index::{INTERVAL_BYTES, NO_DATA};
use crate::log::embedded::shared::Shared;
use crate::record::BatchHeader;

impl Partition {
    /// The first visible record with at least this timestamp.
    pub(super) fn offset_for_timestamp(
        &self,
        shared: &Shared,
        timestamp_ms: i64,
    ) -> Result<Option<(Offset, i64)>> {
        let (segments, offsets) = self.visible_segments();
        for segment in segments {
            let start = {
                let index = segment.index(&*shared.disk)?;
                if index.max_timestamp() == NO_DATA || index.max_timestamp() < timestamp_ms {
                    continue;
                }
                index.before_timestamp(timestamp_ms).map(|entry| (u64::from(entry.position), entry.offset))
            };
            let found = self.walk(shared, &segment, start, &offsets, |header, batch| {
                if header.max_timestamp < timestamp_ms {
                    return Ok(None);
                }
                first_record_matching(batch, offsets.log_start, |timestamp| timestamp >= timestamp_ms)
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first of the visible records with the largest timestamp.
    pub(super) fn offset_of_max_timestamp(&self, shared: &Shared) -> Result<Option<(Offset, i64)>> {
        let (segments, offsets) = self.visible_segments();
        let mut best: Option<(Offset, i64)> = None;
        for segment in segments {
            // What the index says is an upper bound: part of the segment may be trimmed or not visible.
            if segment.index(&*shared.disk)?.max_timestamp() <= best.map_or(NO_DATA, |(_, time)| time) {
                continue;
            }
            let start = self.before_maximum(shared, &segment, &offsets)?;
            self.walk(shared, &segment, start, &offsets, |header, batch| -> Result<Option<()>> {
                if best.is_none_or(|(_, time)| header.max_timestamp > time) {
                    let above = best.map_or(NO_DATA, |(_, time)| time);
                    let mut maximum = NO_DATA;
                    first_record_matching(batch, offsets.log_start, |timestamp| {
                        maximum = maximum.max(timestamp);
                        false
                    })?;
                    if maximum > above {
                        best = first_record_matching(batch, offsets.log_start, |t| t == maximum)?;
                    }
                }
                Ok(None)
            })?;
        }
        Ok(best)
    }

    /// Where a walk for the maximum of a segment may begin: before the first batch that has it, where
    /// the whole segment is visible; else at the front.
    fn before_maximum(
        &self,
        shared: &Shared,
        segment: &Segment,
        offsets: &PartitionOffsets,
    ) -> Result<Option<(u64, Offset)>> {
        let whole = segment.base() >= offsets.log_start && offsets.high_watermark == offsets.end;
        if !whole {
            return Ok(None);
        }
        let index = segment.index(&*shared.disk)?;
        let entry = index.before_timestamp(index.max_timestamp());
        Ok(entry.map(|entry| (u64::from(entry.position), entry.offset)))
    }

    fn visible_segments(&self) -> (Vec<Arc<Segment>>, PartitionOffsets) {
        let view = self.view.lock();
        let offsets = view.offsets();
        let segments = view.segments().iter().filter(|s| s.base() < offsets.high_watermark);
        (segments.cloned().collect(), offsets)
    }

    /// Shows the visible batches of data from `start` on to `look` until it answers something.
    fn walk<T>(
        &self,
        shared: &Shared,
        segment: &Arc<Segment>,
        start: Option<(u64, Offset)>,
        offsets: &PartitionOffsets,
        mut look: impl FnMut(&BatchHeader, &[u8]) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let failed = |error: io::Error| StorageError::io("read", segment.path(), &error);
        let (position, offset) = start.unwrap_or((0, segment.base()));
        let file = segment.file(&*shared.disk).map_err(failed)?;
        let mut scanner = Scanner::new(&*file, position, offset, segment.bytes(), INTERVAL_BYTES as usize);
        while scanner.expected() < offsets.high_watermark {
            match scanner.step().map_err(failed)? {
                Step::Batch(_, header) => {
                    if header.attributes.is_control() || header.last_offset() < offsets.log_start {
                        continue;
                    }
                    let found = look(&header, scanner.batch_bytes())?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Step::Damaged(damage) => return Err(self.damaged(segment, &damage)),
                Step::End => break,
            }
        }
        Ok(None)
    }
}
