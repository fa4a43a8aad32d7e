//! Reading: find the segment, find the position, read and check, with no lock held meanwhile.
//!
//! Every batch handed out has been checked against its checksum. A damaged one is reported with its
//! file, position and offset, to whoever asks for just that offset; what lies on either side stays
//! readable, and nothing is cut off.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::Offset;
use crate::log::checks::{out_of_range, unknown_partition};
use crate::log::embedded::partition::Partition;
use crate::log::embedded::scan::{Damage, Scanner, Step};
use crate::log::embedded::segment::Segment;
use crate::log::embedded::segment_index::INTERVAL_BYTES;
use crate::log::embedded::shared::Shared;
use crate::log::{Isolation, Slice};
use crate::record::HEADER_BYTES;

/// Where batches begin at which recent reads ended: a reader that follows the log finds its next batch
/// without walking over the log from the last entry of the index.
#[derive(Default, Debug)]
pub(super) struct ReadHints {
    recent: Mutex<RecentReads>,
}

/// As many readers per partition as may follow the log at once without disturbing each other.
const HINTS: usize = 16;

#[derive(Default, Debug)]
struct RecentReads {
    hints: [Option<Hint>; HINTS],
    oldest: usize,
}

#[derive(Clone, Copy, Debug)]
struct Hint {
    offset: Offset,
    segment: Offset,
    position: u64,
}

impl ReadHints {
    fn find(&self, offset: Offset, segment: Offset) -> Option<u64> {
        let recent = self.recent.lock();
        let hint = recent.hints.iter().flatten().find(|h| h.offset == offset && h.segment == segment);
        hint.map(|hint| hint.position)
    }

    /// A read of the batches from one offset on ended before another: the hint of the reader moves on.
    fn note(&self, from: Offset, hint: Hint) {
        let recent = &mut *self.recent.lock();
        let own = recent.hints.iter().position(|h| h.is_some_and(|h| h.offset == from));
        let slot = own.unwrap_or_else(|| {
            recent.oldest = (recent.oldest + 1) % HINTS;
            recent.oldest
        });
        recent.hints[slot] = Some(hint);
    }
}

/// How far a search believes what it has not checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trust {
    /// It ends at the header that claims the offset; the read checks the batch.
    Headers,
    /// It reads and checks every batch.
    Nothing,
}

impl Partition {
    /// Reads whole batches from the one that holds `from`.
    pub(super) fn read(
        &self,
        shared: &Shared,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<Slice> {
        let view = self.view.lock();
        let offsets = view.offsets();
        if from < offsets.log_start || from > offsets.end {
            return Err(out_of_range(self.target(), from, &offsets));
        }
        let limit = match isolation {
            Isolation::ReadUncommitted => offsets.high_watermark,
            Isolation::ReadCommitted => offsets.last_stable,
        };
        if from >= limit {
            return Ok(Slice { batches: Bytes::new(), offsets, aborted: Vec::new() });
        }
        let found = view.segment_of(from);
        drop(view);
        let (segment, next) = found.ok_or_else(|| self.missing(from, None))?;
        let read = self.read_segment(shared, &segment, next, from..limit, bytes_max);
        let (batches, extent) = match read {
            Ok(read) => read,
            Err(error) => {
                // A deletion or retention may have taken the file in the meantime.
                let view = self.view.lock();
                let offsets = view.offsets();
                return Err(if view.deleted {
                    unknown_partition(self.target())
                } else if from < offsets.log_start {
                    out_of_range(self.target(), from, &offsets)
                } else {
                    error
                });
            }
        };
        let aborted = match isolation {
            Isolation::ReadUncommitted => Vec::new(),
            Isolation::ReadCommitted => self.view.lock().transactions.aborted_within(&extent),
        };
        Ok(Slice { batches, offsets, aborted })
    }

    fn read_segment(
        &self,
        shared: &Shared,
        segment: &Arc<Segment>,
        next: Option<Offset>,
        range: std::ops::Range<Offset>,
        bytes_max: usize,
    ) -> Result<(Bytes, std::ops::Range<Offset>)> {
        let from = range.start;
        if next.is_some() {
            shared.open_segments.note_read(segment);
        }
        let failed = |error: io::Error| StorageError::io("read", segment.path(), &error);
        let file = segment.file(&*shared.disk).map_err(failed)?;
        let (position, mut base) = match self.read_hints.find(from, segment.base()) {
            Some(position) => (position, from),
            None => self.locate(shared, segment, next, from, Trust::Headers)?,
        };
        let chunk = bytes_max.max(HEADER_BYTES);
        let mut scanner = Scanner::new(&*file, position, base, segment.bytes(), chunk);
        let mut first = scanner.step().map_err(failed)?;
        if matches!(first, Step::Damaged(_)) {
            // A damaged header may have led here: the batch asked for may be another, and intact.
            let (position, base) = self.locate(shared, segment, next, from, Trust::Nothing)?;
            scanner = Scanner::new(&*file, position, base, segment.bytes(), chunk);
            first = scanner.step().map_err(failed)?;
        }
        match first {
            Step::Batch(_, header) => base = header.base_offset,
            Step::Damaged(damage) => return Err(self.damaged(segment, &damage)),
            Step::End => return Err(self.missing(from, Some(segment))),
        }
        // What follows is handed out as far as it is intact and was read along.
        while scanner.expected() < range.end && scanner.next_was_read() {
            if !matches!(scanner.step().map_err(failed)?, Step::Batch(..)) {
                break;
            }
        }
        let end = scanner.expected();
        let hint = Hint { offset: end, segment: segment.base(), position: scanner.position() };
        self.read_hints.note(from, hint);
        Ok((scanner.into_bytes(), base..end))
    }

    /// Position and base offset of the batch that holds an offset.
    fn locate(
        &self,
        shared: &Shared,
        segment: &Arc<Segment>,
        next: Option<Offset>,
        offset: Offset,
        trust: Trust,
    ) -> Result<(u64, Offset)> {
        let failed = |error: io::Error| StorageError::io("read", segment.path(), &error);
        let (start, end) = {
            let index = segment.index(&*shared.disk)?;
            (index.floor(offset), index.above(offset))
        };
        let (position, base) =
            start.map_or((0, segment.base()), |entry| (u64::from(entry.position), entry.offset));
        let end = end.map_or_else(|| segment.bytes(), |entry| u64::from(entry.position));
        let file = segment.file(&*shared.disk).map_err(failed)?;
        let mut scanner = Scanner::new(&*file, position, base, end, INTERVAL_BYTES as usize);
        loop {
            if trust == Trust::Headers
                && let Some(header) = scanner.peek().map_err(failed)?
                && offset < header.next_offset()
            {
                return Ok((scanner.position(), header.base_offset));
            }
            match scanner.step().map_err(failed)? {
                Step::Batch(at, header) if offset < header.next_offset() => {
                    return Ok((at, header.base_offset));
                }
                Step::Batch(..) => {}
                Step::Damaged(damage) => {
                    let behind = next.unwrap_or(Offset(i64::MAX)).min(offset.next());
                    if scanner.skip_damage(behind).map_err(failed)?.is_none() {
                        return Err(self.damaged(segment, &damage));
                    }
                }
                Step::End => return Err(self.missing(offset, Some(segment))),
            }
        }
    }

    pub(super) fn damaged(&self, segment: &Segment, damage: &Damage) -> StorageError {
        StorageError::new(
            ErrorKind::Corrupt,
            format!(
                "{} is damaged at byte {}, offset {} of {}: {}; nothing was cut off",
                segment.path().display(),
                damage.position,
                damage.offset,
                self.target(),
                damage.message
            ),
        )
    }

    /// The records at an offset below the high watermark are not on disk.
    pub(super) fn missing(&self, offset: Offset, segment: Option<&Segment>) -> StorageError {
        let place = segment.map_or_else(|| self.directory(), Segment::path);
        StorageError::new(
            ErrorKind::Corrupt,
            format!("offset {offset} of {} is missing in {}", self.target(), place.display()),
        )
    }
}
