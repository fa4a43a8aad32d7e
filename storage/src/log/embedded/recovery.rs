//! What is found at start.
//!
//! Everything below the recovery point of a partition's checkpoint was durable and decided: it is not
//! scanned, and nothing there is ever cut. Behind it the batches are read one by one. The log ends
//!
//! - before the first batch that is not intact: a power cut tore it. Where intact batches stand behind
//!   it, it may as well be damage of what was acknowledged; going on behind it could take a producer's
//!   repetition of the lost batch for a duplicate, so the log ends there all the same, but what is cut
//!   off is set aside in a file beside the segment, and told as an error;
//! - before the first batch of a staged epoch that was not decided: nothing behind it was
//!   acknowledged either.
//!
//! Where the checkpoint itself is damaged, everything is tail and damage is skipped. Decisions of queries
//! that ended long ago are forgotten by then, so only an epoch at the very end is cut off, and only
//! where its query's decisions are known.
//!
//! What is kept of the tail is written to the device anew before anyone sees it. It may stand in the
//! page cache only, in pages that count as clean because a sync of the process before failed.
//!
//! Where files that the checkpoint knows are missing or too short, the partition says so; it takes no
//! appends if its end is affected, as an offset that was served must never be given out again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Result, StorageError};
use crate::ids::{Offset, PartitionId, TopicPartition};
use crate::io::{Clock, Disk, DiskFile, OpenMode, read_file};
use crate::log::checks::damaged_error;
use crate::log::embedded::checkpoint::LastCheckpoint;
use crate::log::embedded::format::{
    self, Checkpoint, LogPosition, SMALL_FILE_BYTES_MAX, SegmentExtent, decode_checkpoint,
};
use crate::log::embedded::partition::{Found, Partition};
use crate::log::embedded::report::{Cut, CutReason, FoundDamage, RecoveryReport};
use crate::log::embedded::scan::{Damage, Scanner, Step};
use crate::log::embedded::segment::Segment;
use crate::log::producer_state::Producers;
use crate::log::transactions::{Transactions, TransactionsSnapshot};
use crate::log::{Decisions, TopicDescription};
use crate::record::{BatchHeader, control};

/// Bytes read at once while scanning and rewriting a tail.
const CHUNK_BYTES: usize = 1 << 20;

/// What recovering partitions needs to know.
pub(super) struct Recovery<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) clock: &'a dyn Clock,
    pub(super) decisions: &'a Decisions,
}

impl Recovery<'_> {
    /// Recovers one partition of a topic, and says what was found.
    pub(super) fn partition(
        &self,
        topic: &TopicDescription,
        topic_directory: &Path,
        number: PartitionId,
    ) -> Result<(Arc<Partition>, RecoveryReport)> {
        let target = TopicPartition::new(topic.name.clone(), number);
        let directory = format::partition_directory(topic_directory, number);
        let mut work = PartitionWork {
            recovery: self,
            target: &target,
            directory: &directory,
            report: RecoveryReport { partitions: 1, ..RecoveryReport::default() },
            producers: Producers::default(),
            transactions: Transactions::default(),
            undecided_from: None,
        };
        let found = work.find(topic)?;
        let report = work.report;
        Ok((Partition::new(target, topic.id, directory, found), report))
    }
}

struct PartitionWork<'a> {
    recovery: &'a Recovery<'a>,
    target: &'a TopicPartition,
    directory: &'a Path,
    report: RecoveryReport,
    producers: Producers,
    transactions: Transactions,
    /// Where the checkpoint is damaged: the offset at which an undecided epoch begins that ends the log.
    undecided_from: Option<Offset>,
}

/// What the checkpoint file says.
enum Known {
    /// The state at the last checkpoint.
    Checkpoint(Box<Checkpoint>),
    /// There never was one: everything is tail.
    Nothing,
    /// It is damaged: how far the log was durable is not known.
    Unknown,
}

/// How a scan of the tail ended.
struct TailEnd {
    end: LogPosition,
    cut: Option<CutReason>,
}

impl PartitionWork<'_> {
    fn find(&mut self, topic: &TopicDescription) -> Result<Found> {
        let mut segments = self.list_segments()?;
        let known = self.read_checkpoint(topic, segments.first().map(|segment| segment.base()))?;
        let (mut log_start, recovery, last_checkpoint) = match &known {
            Known::Checkpoint(checkpoint) => {
                self.remove_dropped(&mut segments, checkpoint.log_start)?;
                self.producers = Producers::restore(checkpoint.producers.clone());
                for (producer, first_offset) in &checkpoint.transactions.open {
                    self.producers.note_open_transaction(*producer, *first_offset);
                }
                self.transactions = Transactions::restore(checkpoint.transactions.clone());
                let last =
                    LastCheckpoint { recovery: checkpoint.recovery.offset, log_start: checkpoint.log_start };
                (checkpoint.log_start, checkpoint.recovery, last)
            }
            Known::Nothing => {
                let start = LogPosition { offset: Offset::ZERO, segment: Offset::ZERO, byte: 0 };
                (Offset::ZERO, start, LastCheckpoint::default())
            }
            Known::Unknown => {
                let base = segments.first().map_or(Offset::ZERO, |segment| segment.base());
                let start = LogPosition { offset: base, segment: base, byte: 0 };
                self.transactions = Transactions::restore(TransactionsSnapshot::default());
                // No offset is −1, so the next checkpoint is written whatever it holds.
                (base, start, LastCheckpoint { recovery: Offset(-1), log_start: Offset(-1) })
            }
        };
        let extents: &[SegmentExtent] = match &known {
            Known::Checkpoint(checkpoint) => &checkpoint.segments,
            Known::Nothing | Known::Unknown => &[],
        };
        let refusal = self.check_extents(extents, &segments, recovery, log_start);
        if let Some(first) = segments.first()
            && first.base() > log_start
        {
            self.note_damage(self.directory, format!("offsets {log_start} to {} are missing", first.base()));
            log_start = first.base();
        }
        let end = if refusal.is_some() {
            recovery
        } else {
            let is_listed = extents.iter().any(|extent| extent.base == recovery.segment);
            let is_whole = segments
                .iter()
                .any(|segment| segment.base() == recovery.segment && segment.bytes() >= recovery.byte);
            let keep_going = matches!(known, Known::Unknown);
            if keep_going {
                self.undecided_from = self.undecided_at_the_end(&segments)?;
            }
            self.recover_tail(&mut segments, recovery, is_listed && !is_whole, keep_going)?
        };
        Ok(Found {
            segments,
            log_start,
            end,
            producers: std::mem::take(&mut self.producers),
            transactions: std::mem::take(&mut self.transactions),
            refusal,
            last_checkpoint,
        })
    }

    fn read_checkpoint(&mut self, topic: &TopicDescription, first: Option<Offset>) -> Result<Known> {
        let path = format::checkpoint_file(self.directory);
        let bytes = match read_file(self.recovery.disk, &path, SMALL_FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if first.is_none_or(|first| first == Offset::ZERO) {
                    return Ok(Known::Nothing);
                }
                // Whatever dropped the beginning of the log wrote a checkpoint before.
                self.note_damage(&path, "it is missing".to_owned());
                return Ok(Known::Unknown);
            }
            Err(error) => return Err(StorageError::io("read", path, &error)),
        };
        let problem = match decode_checkpoint(&bytes) {
            Ok(checkpoint)
                if checkpoint.topic == topic.id && checkpoint.partition == self.target.partition =>
            {
                return Ok(Known::Checkpoint(Box::new(checkpoint)));
            }
            Ok(_) => "it belongs to another partition".to_owned(),
            Err(error) => error.to_string(),
        };
        self.note_damage(&path, problem);
        Ok(Known::Unknown)
    }

    /// The segments there are, oldest first.
    fn list_segments(&self) -> Result<Vec<Arc<Segment>>> {
        let disk = self.recovery.disk;
        let now_ms = i64::try_from(self.recovery.clock.monotonic().as_millis()).unwrap_or(i64::MAX);
        let wall_ms = self.recovery.clock.wall_ms();
        let entries =
            disk.list(self.directory).map_err(|error| StorageError::io("list", self.directory, &error))?;
        let mut segments = Vec::new();
        for base in entries.iter().filter_map(|entry| format::segment_base(&entry.name)) {
            let path = format::segment_file(self.directory, base);
            let status = disk.status(&path).map_err(|error| StorageError::io("look at", path, &error))?;
            let age_ms = wall_ms.saturating_sub(status.modified_ms).max(0);
            let appended_ms = now_ms.saturating_sub(age_ms);
            segments.push(Arc::new(Segment::existing(self.directory, base, status.length, appended_ms)));
        }
        segments.sort_unstable_by_key(|segment| segment.base());
        Ok(segments)
    }

    /// Finishes a removal of segments that a crash interrupted.
    fn remove_dropped(&self, segments: &mut Vec<Arc<Segment>>, log_start: Offset) -> Result<()> {
        let dropped = segments.partition_point(|segment| segment.base() <= log_start).saturating_sub(1);
        if dropped > 0 {
            // The checkpoint that tells so may not be durable yet, and the one before misses nothing.
            let failed = |error: io::Error| StorageError::io("sync", self.directory, &error);
            self.recovery.disk.sync_dir(self.directory).map_err(failed)?;
        }
        for segment in segments.drain(..dropped) {
            segment
                .remove(self.recovery.disk)
                .map_err(|error| StorageError::io("remove", segment.path(), &error))?;
        }
        Ok(())
    }

    /// Compares the segments with what the checkpoint knows. Answers why the partition cannot take
    /// appends, where the end of the log is affected.
    fn check_extents(
        &mut self,
        extents: &[SegmentExtent],
        segments: &[Arc<Segment>],
        recovery: LogPosition,
        log_start: Offset,
    ) -> Option<StorageError> {
        let mut refusal = None;
        for (index, extent) in extents.iter().enumerate() {
            let next = extents.get(index + 1).map(|next| next.base);
            if next.is_some_and(|next| next <= log_start) {
                continue;
            }
            let there = segments.iter().find(|segment| segment.base() == extent.base);
            let bytes = there.map_or(0, |segment| segment.bytes());
            if there.is_some() && bytes >= extent.bytes {
                continue;
            }
            let path = format::segment_file(self.directory, extent.base);
            let message = match there {
                Some(_) => format!("it has {bytes} bytes, at the last checkpoint it had {}", extent.bytes),
                None => format!("it is missing, with {} bytes from offset {}", extent.bytes, extent.base),
            };
            self.note_damage(&path, message.clone());
            // With a later segment the end is known all the same, and no offset is given out twice.
            if extent.base == recovery.segment
                && segments.last().is_none_or(|last| last.base() <= extent.base)
            {
                refusal = Some(damaged_error(
                    &path,
                    format!("{message}; '{}' takes no appends, because its end is not known", self.target),
                ));
            }
        }
        refusal
    }

    /// Scans what lies behind the recovery point; answers where the log ends.
    fn recover_tail(
        &mut self,
        segments: &mut Vec<Arc<Segment>>,
        recovery: LogPosition,
        is_recovery_damaged: bool,
        keep_going: bool,
    ) -> Result<LogPosition> {
        let mut end = recovery;
        let mut first = segments.partition_point(|segment| segment.base() < recovery.segment);
        if is_recovery_damaged {
            // What stands behind the damage, which was reported, is the tail.
            first = segments.partition_point(|segment| segment.base() <= recovery.segment);
            end.offset = segments.get(first).map_or(end.offset, |segment| segment.base());
        }
        let mut scanned: Vec<(Arc<Segment>, u64)> = Vec::new();
        let mut names_changed = false;
        let mut index = first;
        while index < segments.len() {
            let segment = Arc::clone(&segments[index]);
            let from = if segment.base() == recovery.segment { recovery.byte } else { 0 };
            let follows = from > 0 || segment.base() == end.offset;
            if !follows && keep_going {
                self.note_damage(
                    self.directory,
                    format!("offsets {} to {} are missing", end.offset, segment.base()),
                );
                end.offset = segment.base();
            } else if !follows {
                names_changed |= self.remove_behind(segments, index, end.offset, true)?;
                break;
            }
            let length = segment.bytes();
            if length > from || segment.base() != recovery.segment {
                // The process before may have made the file without getting to sync its name.
                names_changed = true;
                let tail = self.scan(&segment, from, length, end.offset, keep_going)?;
                end = tail.end;
                scanned.push((segment, from));
                if let Some(cut) = tail.cut {
                    let is_torn = matches!(cut, CutReason::Torn(_));
                    names_changed |= self.remove_behind(segments, index + 1, end.offset, is_torn)?;
                    break;
                }
            }
            index += 1;
        }
        for (segment, from) in &scanned {
            self.write_anew(segment, *from)?;
        }
        if names_changed {
            let failed = |error: io::Error| StorageError::io("sync", self.directory, &error);
            self.recovery.disk.sync_dir(self.directory).map_err(failed)?;
        }
        for closed in segments.iter().rev().skip(1) {
            if scanned.iter().any(|(segment, _)| Arc::ptr_eq(segment, closed)) {
                closed.close();
            }
        }
        Ok(end)
    }

    /// Scans one segment from `from` on, where the record at `offset` begins.
    fn scan(
        &mut self,
        segment: &Arc<Segment>,
        from: u64,
        length: u64,
        offset: Offset,
        keep_going: bool,
    ) -> Result<TailEnd> {
        let disk = self.recovery.disk;
        let failed = |error: io::Error| StorageError::io("read", segment.path(), &error);
        segment.set_bytes(from);
        let file = segment.file(disk).map_err(failed)?;
        let mut scanner = Scanner::new(&*file, from, offset, length, CHUNK_BYTES);
        let mut intact_behind = false;
        let cut = loop {
            let step = scanner.step().map_err(failed)?;
            match step {
                Step::Batch(position, header) => {
                    if self.is_undecided(&header, keep_going) {
                        break Some((position, header.base_offset, CutReason::Undecided));
                    }
                    self.apply(&header, scanner.batch_bytes());
                    segment.set_bytes(position);
                    segment.note_append(disk, &header, header.total_bytes() as u64, segment.appended_ms())?;
                }
                Step::End => break None,
                Step::Damaged(damage) => {
                    let behind = scanner.skip_damage(Offset(i64::MAX)).map_err(failed)?;
                    match behind {
                        Some(offset) if keep_going => self.note_skipped(segment, &damage, offset),
                        _ => {
                            intact_behind = behind.is_some();
                            break Some((damage.position, damage.offset, CutReason::Torn(damage.message)));
                        }
                    }
                }
            }
        };
        let (position, offset) = match &cut {
            Some((position, offset, _)) => (*position, *offset),
            None => (scanner.position(), scanner.expected()),
        };
        self.report.scanned_bytes += position - from;
        let end = LogPosition { offset, segment: segment.base(), byte: position };
        let Some((_, _, reason)) = cut else { return Ok(TailEnd { end, cut: None }) };
        let aside = format::set_aside_file(segment.path(), position);
        let set_aside = if intact_behind {
            self.copy(&*file, position, length, &aside)
                .map_err(|error| StorageError::io("set a damaged tail aside in", &aside, &error))?;
            Some(aside)
        } else {
            None
        };
        segment
            .cut_at_start(disk, position)
            .map_err(|error| StorageError::io("truncate", segment.path(), &error))?;
        let bytes = length - position;
        self.note_cut(segment.path(), position, offset, bytes, reason.clone(), set_aside);
        Ok(TailEnd { end, cut: Some(reason) })
    }

    /// Whether a batch belongs to a staged epoch without a durable decision.
    fn is_undecided(&self, header: &BatchHeader, keep_going: bool) -> bool {
        if keep_going {
            return self.undecided_from.is_some_and(|from| header.base_offset >= from);
        }
        header.producer_id.is_engine()
            && (self.recovery.decisions)(header.producer_id, self.target)
                .is_none_or(|decided| header.next_offset() > decided)
    }

    /// Where the epoch begins that ends the log and lies beyond its query's decision. A partition takes
    /// nothing else while an epoch is staged, so whatever something else stands behind was decided.
    fn undecided_at_the_end(&self, segments: &[Arc<Segment>]) -> Result<Option<Offset>> {
        let mut from = None;
        for segment in segments {
            let failed = |error: io::Error| StorageError::io("read", segment.path(), &error);
            let file = segment.file(self.recovery.disk).map_err(failed)?;
            let mut scanner = Scanner::new(&*file, 0, segment.base(), segment.bytes(), CHUNK_BYTES);
            loop {
                match scanner.step().map_err(failed)? {
                    Step::Batch(_, header) => {
                        let beyond = header.producer_id.is_engine()
                            && (self.recovery.decisions)(header.producer_id, self.target)
                                .is_some_and(|decided| header.next_offset() > decided);
                        from = if beyond { from.or(Some(header.base_offset)) } else { None };
                    }
                    Step::Damaged(_) if scanner.skip_damage(Offset(i64::MAX)).map_err(failed)?.is_some() => {}
                    Step::Damaged(_) | Step::End => break,
                }
            }
        }
        Ok(from)
    }

    /// Takes note of a batch in the producers and transactions, as its append did.
    fn apply(&mut self, header: &BatchHeader, batch: &[u8]) {
        if header.attributes.is_control() {
            let open = self.producers.open_transaction(header.producer_id);
            if let (Some(first_offset), Ok(marker)) = (open, control::read(header, batch)) {
                self.transactions.end(first_offset, header.base_offset, marker);
            }
            self.producers.note_end(header.producer_id, header.producer_epoch);
        } else if header.producer_id != crate::ids::ProducerId::NONE {
            let begins = header.attributes.is_transactional()
                && self.producers.open_transaction(header.producer_id).is_none();
            if begins {
                self.transactions.begin(header.producer_id, header.base_offset);
            }
            self.producers.note_batch(header);
        }
    }

    /// Takes away the segments from `index` on. Nothing in them can have been acknowledged, unless what
    /// ended the log before them is damage (`set_aside`): then those with batches stay under another name.
    fn remove_behind(
        &mut self,
        segments: &mut Vec<Arc<Segment>>,
        index: usize,
        offset: Offset,
        set_aside: bool,
    ) -> Result<bool> {
        let gone = segments.split_off(index);
        for segment in gone.iter().rev() {
            let aside = if set_aside && self.begins_intact(segment)? {
                let aside = format::set_aside_file(segment.path(), 0);
                self.recovery
                    .disk
                    .rename(segment.path(), &aside)
                    .map_err(|error| StorageError::io("set aside", segment.path(), &error))?;
                Some(aside)
            } else {
                None
            };
            segment
                .remove(self.recovery.disk)
                .map_err(|error| StorageError::io("remove", segment.path(), &error))?;
            let reason = CutReason::Torn("it stands behind the end of the log".to_owned());
            self.note_cut(segment.path(), 0, offset, segment.bytes(), reason, aside);
        }
        Ok(!gone.is_empty())
    }

    /// Whether a segment begins with an intact batch.
    fn begins_intact(&self, segment: &Segment) -> Result<bool> {
        let failed = |error: io::Error| StorageError::io("read", segment.path(), &error);
        let file = segment.file(self.recovery.disk).map_err(failed)?;
        let mut scanner = Scanner::new(&*file, 0, segment.base(), segment.bytes(), CHUNK_BYTES);
        Ok(matches!(scanner.step().map_err(failed)?, Step::Batch(..)))
    }

    /// Copies a part of a segment into a file of its own, durably.
    fn copy(&self, from: &dyn DiskFile, position: u64, end: u64, to: &Path) -> io::Result<()> {
        let file = self.recovery.disk.open(to, OpenMode::Create)?;
        let mut written = 0;
        walk_bytes(from, position, end, |_, chunk| {
            file.write_all_at(written, &[chunk])?;
            written += chunk.len() as u64;
            Ok(())
        })?;
        file.sync_data()?;
        self.recovery.disk.sync_dir(self.directory)
    }

    /// Writes the bytes from `from` on over themselves and syncs them.
    fn write_anew(&self, segment: &Segment, from: u64) -> Result<()> {
        let failed = |error: io::Error| StorageError::io("rewrite", segment.path(), &error);
        let file = segment.file(self.recovery.disk).map_err(failed)?;
        rewrite(&*file, from, segment.bytes()).map_err(failed)
    }

    fn note_cut(
        &mut self,
        path: &Path,
        position: u64,
        offset: Offset,
        bytes: u64,
        reason: CutReason,
        set_aside: Option<PathBuf>,
    ) {
        let (target, path) = (self.target.clone(), path.to_owned());
        let cut = Cut { target, path, position, offset, bytes, reason, set_aside };
        if cut.set_aside.is_some() {
            tracing::error!("{cut}");
        } else {
            tracing::info!("{cut}");
        }
        self.report.cuts.push(cut);
    }

    fn note_skipped(&mut self, segment: &Segment, damage: &Damage, behind: Offset) {
        let message = format!(
            "damaged at byte {}, offsets {} to {behind} are not readable: {}",
            damage.position, damage.offset, damage.message
        );
        self.note_damage(segment.path(), message);
    }

    fn note_damage(&mut self, path: &Path, message: String) {
        let damage = FoundDamage { path: PathBuf::from(path), message };
        tracing::error!("{damage}");
        self.report.damages.push(damage);
    }
}

fn rewrite(file: &dyn DiskFile, from: u64, end: u64) -> io::Result<()> {
    walk_bytes(file, from, end, |position, chunk| file.write_all_at(position, &[chunk]))?;
    file.sync_data()
}

/// Reads a part of a file chunk by chunk.
fn walk_bytes(
    file: &dyn DiskFile,
    from: u64,
    end: u64,
    mut take: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut position = from;
    let mut chunk = Vec::new();
    while position < end {
        chunk.clear();
        let wanted = usize::try_from(end - position).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let read = file.read_at(position, wanted, &mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        take(position, &chunk)?;
        position += read as u64;
    }
    Ok(())
}
