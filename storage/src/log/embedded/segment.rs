//! One segment of a partition: a file of batches and its index.
//!
//! Files are opened and indexes read when first needed. Segments that are closed give both back when
//! too many are open ([`OpenSegments`]); a read that is under way keeps its own handle.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};

use crate::error::{Result, StorageError};
use crate::ids::Offset;
use crate::io::{Disk, DiskFile, OpenMode};
use crate::log::embedded::format::{self, SMALL_FILE_BYTES_MAX};
use crate::log::embedded::scan::{Scanner, Step};
use crate::log::embedded::segment_index::{INTERVAL_BYTES, IndexMark, SegmentIndex};
use crate::record::BatchHeader;

/// A segment.
#[derive(Debug)]
pub(super) struct Segment {
    base: Offset,
    path: PathBuf,
    index_path: PathBuf,
    /// Bytes of whole batches in the file.
    bytes: AtomicU64,
    /// Time of the last append, in milliseconds of the monotonic clock (negative: before the start).
    appended_ms: AtomicI64,
    file: Mutex<Option<Arc<dyn DiskFile>>>,
    index: RwLock<Option<SegmentIndex>>,
}

impl Segment {
    /// Makes the file of a new segment.
    pub(super) fn create(
        disk: &dyn Disk,
        directory: &Path,
        base: Offset,
        now_ms: i64,
    ) -> io::Result<Arc<Segment>> {
        let segment = Segment::existing(directory, base, 0, now_ms);
        let file = disk.open(&segment.path, OpenMode::Create)?;
        *segment.file.lock() = Some(file);
        *segment.index.write() = Some(SegmentIndex::empty(base));
        Ok(Arc::new(segment))
    }

    /// A segment whose file is there.
    pub(super) fn existing(directory: &Path, base: Offset, bytes: u64, appended_ms: i64) -> Segment {
        Segment {
            base,
            path: format::segment_file(directory, base),
            index_path: format::index_file(directory, base),
            bytes: AtomicU64::new(bytes),
            appended_ms: AtomicI64::new(appended_ms),
            file: Mutex::new(None),
            index: RwLock::new(None),
        }
    }

    /// Offset of its first record.
    pub(super) fn base(&self) -> Offset {
        self.base
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of whole batches.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Says how many bytes are known to be whole batches, while the segment is scanned.
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Release);
    }

    /// Time of the last append, in milliseconds of the monotonic clock.
    pub(super) fn appended_ms(&self) -> i64 {
        self.appended_ms.load(Ordering::Relaxed)
    }

    /// The open file.
    pub(super) fn file(&self, disk: &dyn Disk) -> io::Result<Arc<dyn DiskFile>> {
        let mut file = self.file.lock();
        if let Some(file) = &*file {
            return Ok(Arc::clone(file));
        }
        let opened = disk.open(&self.path, OpenMode::Write)?;
        *file = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// The index, read or made where it is not in memory.
    pub(super) fn index(&self, disk: &dyn Disk) -> Result<MappedRwLockReadGuard<'_, SegmentIndex>> {
        loop {
            if let Ok(index) = RwLockReadGuard::try_map(self.index.read(), Option::as_ref) {
                return Ok(index);
            }
            self.load_index(disk)?;
        }
    }

    /// Takes note of a batch that was written at the end of the file.
    pub(super) fn note_append(
        &self,
        disk: &dyn Disk,
        header: &BatchHeader,
        bytes: u64,
        now_ms: i64,
    ) -> Result<()> {
        self.load_index(disk)?;
        let position = self.bytes();
        if let Some(index) = &mut *self.index.write() {
            index.note_batch(header, position);
        }
        self.bytes.store(position + bytes, Ordering::Release);
        self.appended_ms.store(now_ms, Ordering::Relaxed);
        Ok(())
    }

    /// The segment gets no more batches.
    pub(super) fn close(&self) {
        if let Some(index) = &mut *self.index.write() {
            index.close();
        }
    }

    /// State of the index to wind back to; reads the index where it is not in memory.
    pub(super) fn mark(&self, disk: &dyn Disk) -> Result<IndexMark> {
        Ok(self.index(disk)?.mark())
    }

    /// Cuts the file and winds the index back. Not durable before the next sync.
    pub(super) fn cut_back(&self, disk: &dyn Disk, bytes: u64, mark: IndexMark) -> io::Result<()> {
        if let Some(index) = &mut *self.index.write() {
            index.wind_back(mark);
        }
        self.bytes.store(bytes, Ordering::Release);
        self.file(disk)?.truncate(bytes)
    }

    /// Cuts the file behind its last good batch, at a start. The index is made anew from what stands
    /// on disk of it below the cut.
    pub(super) fn cut_at_start(&self, disk: &dyn Disk, bytes: u64) -> io::Result<()> {
        self.bytes.store(bytes, Ordering::Release);
        *self.index.write() = None;
        self.file(disk)?.truncate(bytes)
    }

    /// Writes the entries of the index below `offset_max` that are not on disk yet.
    pub(super) fn persist_index(&self, disk: &dyn Disk, offset_max: Offset) -> io::Result<()> {
        let (position, entries) = match &*self.index.read() {
            Some(index) => index.unpersisted(offset_max),
            None => return Ok(()),
        };
        if entries.is_empty() {
            return Ok(());
        }
        let mode = if position == 0 { OpenMode::Create } else { OpenMode::Write };
        let file = disk.open(&self.index_path, mode)?;
        file.write_all_at(position, &[&entries])?;
        // What an earlier, longer file has behind the new entries must not be taken for entries.
        let end = position + entries.len() as u64;
        if file.length()? > end {
            file.truncate(end)?;
        }
        file.sync_data()?;
        if let Some(index) = &mut *self.index.write() {
            index.note_persisted(entries.len());
        }
        Ok(())
    }

    /// Removes the files, as far as they are there: an attempt before may have stopped half way.
    pub(super) fn remove(&self, disk: &dyn Disk) -> io::Result<()> {
        [&self.path, &self.index_path].into_iter().try_for_each(|path| match disk.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
    }

    /// Reads the index from its file and walks over what it does not cover.
    fn load_index(&self, disk: &dyn Disk) -> Result<()> {
        if self.index.read().is_some() {
            return Ok(());
        }
        let mut slot = self.index.write();
        if slot.is_some() {
            return Ok(());
        }
        let end = self.bytes();
        // An index that cannot be read is made anew like one that is missing.
        let stored = crate::io::read_file(disk, &self.index_path, SMALL_FILE_BYTES_MAX).unwrap_or_default();
        let mut index = SegmentIndex::decode(self.base, &stored, end);
        let failed = |error: io::Error| StorageError::io("read", &self.path, &error);
        let file = self.file(disk).map_err(failed)?;
        let (position, offset) =
            index.last().map_or((0, self.base), |entry| (u64::from(entry.position), entry.offset));
        let mut scanner = Scanner::new(&*file, position, offset, end, INTERVAL_BYTES as usize);
        loop {
            match scanner.step().map_err(failed)? {
                Step::Batch(at, header) => {
                    if index.last().is_none_or(|last| header.base_offset > last.offset) {
                        index.note_batch(&header, at);
                    }
                }
                // The reader of the damaged batch reports it; behind it the index goes on.
                Step::Damaged(_) => {
                    scanner.skip_damage(Offset(i64::MAX)).map_err(failed)?;
                }
                Step::End => break,
            }
        }
        *slot = Some(index);
        Ok(())
    }

    /// Gives back the file handle and the index, which come back by themselves; `false` where the segment
    /// is in use.
    fn release(&self) -> bool {
        let Some(mut index) = self.index.try_write() else { return false };
        if index.as_ref().is_some_and(SegmentIndex::is_persisted) {
            *index = None;
        }
        *self.file.lock() = None;
        true
    }
}

/// Segments closed for appends whose files are open, the one opened first in front.
///
/// Invariant: at most [`OpenSegments::COUNT_MAX`] and those in use; beyond, the first ones are released.
#[derive(Default, Debug)]
pub(super) struct OpenSegments {
    queue: Mutex<VecDeque<Weak<Segment>>>,
}

impl OpenSegments {
    /// With one file handle and at most 320 KiB of index each, 256 keep both within a fraction of what
    /// a process may have.
    const COUNT_MAX: usize = 256;

    /// Takes note that a closed segment is about to be read.
    pub(super) fn note_read(&self, segment: &Arc<Segment>) {
        if segment.file.lock().is_none() {
            self.note_closed(segment);
        }
    }

    /// Takes note of a segment that is open and was just closed for appends.
    pub(super) fn note_closed(&self, segment: &Arc<Segment>) {
        let first = {
            let mut queue = self.queue.lock();
            queue.push_back(Arc::downgrade(segment));
            if queue.len() > Self::COUNT_MAX { queue.pop_front() } else { None }
        };
        // Not under the lock, which every roll of every partition takes.
        if let Some(first) = first.and_then(|weak| weak.upgrade())
            && !first.release()
        {
            self.queue.lock().push_back(Arc::downgrade(&first));
        }
    }
}
