//! One partition: its two halves and who may touch them.
//!
//! The *writer* half is locked for the length of an append, the write to the page cache included. The
//! *view* half is locked only to look or to move offsets; readers, syncs and waiting producers use it
//! and never wait for input or output. Who needs both takes the writer first.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::watch;

use crate::error::{Result, StorageError};
use crate::ids::{Offset, TopicId, TopicPartition};
use crate::log::checks::unknown_partition;
use crate::log::embedded::checkpoint::LastCheckpoint;
use crate::log::embedded::fetch::ReadHints;
use crate::log::embedded::format::LogPosition;
use crate::log::embedded::segment::Segment;
use crate::log::embedded::shared::Shared;
use crate::log::embedded::view::View;
use crate::log::producer_state::Producers;
use crate::log::transactions::Transactions;
use crate::log::{PartitionOffsets, Watermark};

/// A partition of an embedded log.
#[derive(Debug)]
pub(super) struct Partition {
    target: TopicPartition,
    topic: TopicId,
    directory: PathBuf,
    pub(super) writer: Mutex<Writer>,
    /// Signalled when an epoch was decided or the partition deleted.
    pub(super) decided: Condvar,
    pub(super) view: Mutex<View>,
    /// Signalled when a sync ended.
    pub(super) synced: Condvar,
    watermark: watch::Sender<Watermark>,
    /// Held while a checkpoint is written; says what the last one holds.
    pub(super) last_checkpoint: Mutex<LastCheckpoint>,
    pub(super) read_hints: ReadHints,
    /// Segments below the log's start whose files are still to be removed, oldest first. The lock is
    /// held while they are.
    pub(super) doomed: Mutex<VecDeque<Arc<Segment>>>,
}

/// The half of a partition that appends.
#[derive(Debug)]
pub(super) struct Writer {
    /// Takes the appends; none before the first.
    pub(super) active: Option<Arc<Segment>>,
    pub(super) end: LogPosition,
    pub(super) producers: Producers,
    /// Whether an epoch is undecided. Appends wait until it is decided: on abort the offsets behind it
    /// would have to change.
    pub(super) epoch_undecided: bool,
    /// Why the partition takes no appends: it was deleted, or its end is not known.
    pub(super) refusal: Option<StorageError>,
}

/// A partition as it was found at start.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) log_start: Offset,
    pub(super) end: LogPosition,
    pub(super) producers: Producers,
    pub(super) transactions: Transactions,
    pub(super) refusal: Option<StorageError>,
    pub(super) last_checkpoint: LastCheckpoint,
}

impl Partition {
    /// A partition as it was found.
    pub(super) fn new(
        target: TopicPartition,
        topic: TopicId,
        directory: PathBuf,
        found: Found,
    ) -> Arc<Partition> {
        let (watermark, _) = watch::channel(Watermark::At(found.end.offset));
        Arc::new(Partition {
            target,
            topic,
            directory,
            writer: Mutex::new(Writer {
                active: found.segments.last().cloned(),
                end: found.end,
                producers: found.producers,
                epoch_undecided: false,
                refusal: found.refusal,
            }),
            decided: Condvar::new(),
            view: Mutex::new(View::new(found.segments, found.log_start, found.end, found.transactions)),
            synced: Condvar::new(),
            watermark,
            last_checkpoint: Mutex::new(found.last_checkpoint),
            read_hints: ReadHints::default(),
            doomed: Mutex::default(),
        })
    }

    /// A partition that never had a record.
    pub(super) fn empty(target: TopicPartition, topic: TopicId, directory: PathBuf) -> Arc<Partition> {
        let start = LogPosition { offset: Offset::ZERO, segment: Offset::ZERO, byte: 0 };
        let found = Found {
            segments: Vec::new(),
            log_start: Offset::ZERO,
            end: start,
            producers: Producers::default(),
            transactions: Transactions::default(),
            refusal: None,
            last_checkpoint: LastCheckpoint::default(),
        };
        Partition::new(target, topic, directory, found)
    }

    pub(super) fn target(&self) -> &TopicPartition {
        &self.target
    }

    pub(super) fn topic_id(&self) -> TopicId {
        self.topic
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn offsets(&self) -> PartitionOffsets {
        self.view.lock().offsets()
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.view.lock().segments().iter().map(|segment| segment.bytes()).sum()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Watermark> {
        self.watermark.subscribe()
    }

    /// The writer, once no epoch is undecided.
    pub(super) fn lock_writer(&self, shared: &Shared) -> Result<MutexGuard<'_, Writer>> {
        let mut writer = self.writer.lock();
        while writer.epoch_undecided && writer.refusal.is_none() {
            self.decided.wait(&mut writer);
        }
        shared.check()?;
        match &writer.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(writer),
        }
    }

    /// Whether who asks for the writer now would wait.
    pub(super) fn append_waits(&self) -> bool {
        self.writer.try_lock().is_none_or(|writer| writer.epoch_undecided && writer.refusal.is_none())
    }

    /// Tells the high watermark to those who wait for it, unless they were told of an end.
    pub(super) fn announce(&self, view: &View) {
        self.watermark.send_if_modified(|watermark| {
            let lives = matches!(watermark, Watermark::At(_));
            if lives {
                *watermark = Watermark::At(view.high_watermark().offset);
            }
            lives
        });
    }

    /// Tells everyone who waits that the log failed.
    pub(super) fn announce_failure(&self, shared: &Shared) {
        let _view = self.view.lock();
        if let Some(failure) = shared.failure.get() {
            self.watermark.send_replace(Watermark::Failed(failure.clone()));
        }
        self.synced.notify_all();
    }

    /// The topic is deleted: nothing is taken any more, everyone who waits is told.
    pub(super) fn announce_deletion(&self) {
        self.writer.lock().refusal = Some(unknown_partition(&self.target));
        let mut view = self.view.lock();
        view.deleted = true;
        self.watermark.send_replace(Watermark::Deleted);
        drop(view);
        self.decided.notify_all();
        self.synced.notify_all();
    }
}
