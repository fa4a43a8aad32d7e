//! Checkpoints of a partition: from where a restart scans, and what it knows before.
//!
//! A checkpoint speaks of the partition up to the high watermark, where everything is durable and
//! decided. It is written beside the log, never in its way: the state is copied under the locks, the
//! files are written without them.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use crate::error::Result;
use crate::ids::Offset;
use crate::io::replace_file;
use crate::log::embedded::format::{self, Checkpoint, SegmentExtent, encode_checkpoint};
use crate::log::embedded::partition::Partition;
use crate::log::embedded::shared::Shared;

/// What the last checkpoint of a partition holds; a partition that has not moved since needs none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct LastCheckpoint {
    pub(super) recovery: Offset,
    pub(super) log_start: Offset,
}

/// Partitions checkpointed side by side: like syncs, they wait for the device.
const LANES: usize = 8;

/// Writes the checkpoints of all partitions that have moved.
pub(super) fn write_all(shared: &Shared, partitions: &[Arc<Partition>]) -> Result<()> {
    let moved: Vec<_> = partitions.iter().filter(|partition| partition.is_checkpoint_due()).collect();
    // One after the other where a run must be repeatable, and where threads would cost more.
    let lanes = if shared.sync_queue.is_manual() { 1 } else { LANES.min(moved.len()) };
    // What fails for one partition is done for the others all the same; the first failure is told.
    let checkpoint = |done: Result<()>, partition: &&Arc<Partition>| done.and(partition.checkpoint(shared));
    if lanes <= 1 {
        return moved.iter().fold(Ok(()), checkpoint);
    }
    thread::scope(|scope| {
        let moved = &moved;
        let lane = |number| moved.iter().skip(number).step_by(lanes).fold(Ok(()), checkpoint);
        let others: Vec<_> = (1..lanes).map(|number| scope.spawn(move || lane(number))).collect();
        let first = lane(0);
        others.into_iter().fold(first, |done, other| {
            done.and(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    })
}

impl Partition {
    /// Whether the partition has moved since its last checkpoint.
    fn is_checkpoint_due(&self) -> bool {
        let last = *self.last_checkpoint.lock();
        let offsets = self.offsets();
        last != LastCheckpoint { recovery: offsets.high_watermark, log_start: offsets.log_start }
    }

    /// Writes a checkpoint, unless nothing has moved since the last one.
    pub(super) fn checkpoint(&self, shared: &Shared) -> Result<()> {
        let mut last = self.last_checkpoint.lock();
        let (checkpoint, segments) = {
            let writer = self.writer.lock();
            let mut view = self.view.lock();
            if view.deleted || writer.refusal.is_some() {
                return Ok(());
            }
            view.bytes_since_checkpoint = 0;
            let recovery = view.high_watermark();
            let log_start = view.offsets().log_start;
            if *last == (LastCheckpoint { recovery: recovery.offset, log_start }) {
                return Ok(());
            }
            let segments: Vec<_> = view
                .segments()
                .iter()
                .filter(|segment| segment.base() <= recovery.segment)
                .cloned()
                .collect();
            let extents = segments.iter().map(|segment| SegmentExtent {
                base: segment.base(),
                bytes: if segment.base() == recovery.segment { recovery.byte } else { segment.bytes() },
            });
            let checkpoint = Checkpoint {
                topic: self.topic_id(),
                partition: self.target().partition,
                log_start,
                recovery,
                segments: extents.collect(),
                producers: writer.producers.snapshot_at(recovery.offset),
                transactions: view.transactions.snapshot_at(recovery.offset),
            };
            (checkpoint, segments)
        };
        let mut path: PathBuf = self.directory().to_owned();
        let written = segments
            .iter()
            .try_for_each(|segment| {
                path = segment.path().with_extension("index");
                segment.persist_index(&*shared.disk, checkpoint.recovery.offset)
            })
            .and_then(|()| {
                path = format::checkpoint_file(self.directory());
                replace_file(&*shared.disk, &path, &encode_checkpoint(&checkpoint))
            });
        match written {
            Ok(()) => {
                *last =
                    LastCheckpoint { recovery: checkpoint.recovery.offset, log_start: checkpoint.log_start };
                Ok(())
            }
            // The topic was deleted in the meantime, and its directory with it.
            Err(_) if self.view.lock().deleted => Ok(()),
            Err(error) => Err(shared.failed("write", &path, &error)),
        }
    }
}
