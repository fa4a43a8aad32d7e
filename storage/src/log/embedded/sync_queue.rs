//! Group commit: a few threads that sync the partitions that have something to sync.
//!
//! A partition that gets bytes is put into the queue once; a thread takes it, syncs it, and announces
//! the new high watermark. What is appended while a sync runs is covered by the next one, so under load
//! one sync carries many appends, and several partitions' syncs run side by side. Threads wait on a
//! condition: an idle log costs nothing.
//!
//! Without threads the queue is worked off by whoever needs its outcome, which makes a run repeatable.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use crate::error::{ErrorKind, Result, StorageError};
use crate::log::embedded::partition::Partition;
use crate::log::embedded::shared::Shared;
use crate::log::embedded::view::SyncState;

/// Partitions that wait for a sync. Each is in the queue at most once, which bounds it.
#[derive(Debug)]
pub(super) struct SyncQueue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    threads: usize,
}

#[derive(Default, Debug)]
struct Waiting {
    partitions: VecDeque<Arc<Partition>>,
    closed: bool,
}

impl SyncQueue {
    /// A queue worked off by `threads` threads.
    pub(super) fn new(threads: usize) -> SyncQueue {
        SyncQueue { waiting: Mutex::new(Waiting::default()), changed: Condvar::new(), threads }
    }

    /// Whether no thread works the queue off.
    pub(super) fn is_manual(&self) -> bool {
        self.threads == 0
    }

    /// Starts the threads.
    pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Vec<JoinHandle<()>>> {
        (0..shared.sync_queue.threads)
            .map(|number| {
                let shared = Arc::clone(shared);
                std::thread::Builder::new().name(format!("log-sync-{number}")).spawn(move || {
                    while let Some(partition) = shared.sync_queue.next() {
                        let synced = catch_unwind(AssertUnwindSafe(|| partition.sync(&shared)));
                        if synced.is_err() {
                            // Whoever waits for this partition must be told; the panic has told why.
                            shared.poison(&StorageError::new(
                                ErrorKind::Io,
                                format!("the sync of '{}' panicked", partition.target()),
                            ));
                        }
                    }
                })
            })
            .collect()
    }

    /// Lets the threads end once the queue is empty.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_all();
    }

    /// Asks for a sync of a partition.
    pub(super) fn request(&self, partition: &Arc<Partition>) {
        let was_idle = {
            let state = &mut partition.view.lock().sync_state;
            let before = *state;
            *state = match before {
                SyncState::Idle | SyncState::Queued => SyncState::Queued,
                SyncState::Running | SyncState::RunningAndWanted => SyncState::RunningAndWanted,
            };
            before == SyncState::Idle
        };
        if was_idle {
            self.push(Arc::clone(partition));
        }
    }

    /// Works the queue off in this thread where no other does.
    pub(super) fn drain_if_manual(&self, shared: &Shared) {
        while self.is_manual() {
            let Some(partition) = self.waiting.lock().partitions.pop_front() else { break };
            partition.sync(shared);
        }
    }

    fn push(&self, partition: Arc<Partition>) {
        self.waiting.lock().partitions.push_back(partition);
        self.changed.notify_one();
    }

    fn next(&self) -> Option<Arc<Partition>> {
        let mut waiting = self.waiting.lock();
        loop {
            if let Some(partition) = waiting.partitions.pop_front() {
                return Some(partition);
            }
            if waiting.closed {
                return None;
            }
            self.changed.wait(&mut waiting);
        }
    }
}

/// Bytes appended to a partition after which it is checkpointed although nobody asked. A start after a
/// kill scans, and writes anew, at most about this much per partition.
const CHECKPOINT_BYTES: u64 = 64 << 20;

impl Partition {
    /// Makes what was appended so far durable and announces it.
    pub(super) fn sync(self: &Arc<Self>, shared: &Shared) {
        let work = {
            let mut view = self.view.lock();
            view.sync_state = SyncState::Running;
            view.begin_sync()
        };
        let mut path = self.directory();
        let synced = work.segments.iter().try_for_each(|segment| {
            path = segment.path();
            segment.file(&*shared.disk)?.sync_data()
        });
        let synced = synced.and_then(|()| {
            path = self.directory();
            if work.names { shared.disk.sync_dir(path) } else { Ok(()) }
        });
        let mut view = self.view.lock();
        let again = view.sync_state == SyncState::RunningAndWanted;
        view.sync_state = if again { SyncState::Queued } else { SyncState::Idle };
        let deleted = view.deleted;
        let mut checkpoint_due = false;
        if synced.is_ok() && !deleted && shared.check().is_ok() {
            if view.finish_sync() {
                self.announce(&view);
            }
            checkpoint_due = view.bytes_since_checkpoint >= CHECKPOINT_BYTES;
        }
        drop(view);
        if let Err(error) = &synced
            && !deleted
        {
            // Even a full disk is the end here: the bytes were written, and are not durable.
            shared.poison(&StorageError::io("sync", path, error));
        }
        self.synced.notify_all();
        if checkpoint_due && let Err(error) = self.checkpoint(shared) {
            tracing::warn!("no checkpoint of {}: {error}", self.target());
        }
        if again {
            shared.sync_queue.push(Arc::clone(self));
        }
    }

    /// Waits until what was appended so far is durable.
    pub(super) fn wait_durable(self: &Arc<Self>, shared: &Shared) -> Result<()> {
        let end = {
            let view = self.view.lock();
            if !view.is_unsynced() {
                return shared.check();
            }
            view.offsets().end
        };
        shared.sync_queue.request(self);
        shared.sync_queue.drain_if_manual(shared);
        let mut view = self.view.lock();
        while view.durable() < end && !view.deleted {
            shared.check()?;
            self.synced.wait(&mut view);
        }
        drop(view);
        shared.check()
    }
}
