//! State whose writes can be held back or refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tidemill_engine::engine::Storage;
use tidemill_storage::log::MemoryLog;
use tidemill_storage::state::memory::{MemoryStateStore, WriteFault};
use tidemill_storage::state::{Change, Durability, KeyKind, StateSnapshot, StateStore, WriteBatch};
use tidemill_storage::{ErrorKind, Result, StorageError};

/// The store and its switches.
#[derive(Clone)]
pub(crate) struct HeldStore {
    store: Arc<MemoryStateStore>,
    full: Arc<AtomicBool>,
    commits: Arc<Commits>,
}

/// Epochs of queries that write results.
#[derive(Default)]
struct Commits {
    state: Mutex<CommitState>,
    changed: Condvar,
}

#[derive(Default)]
struct CommitState {
    held: bool,
    waiting: usize,
}

impl HeldStore {
    pub(crate) fn new() -> HeldStore {
        let full = Arc::new(AtomicBool::new(false));
        let is_full = full.clone();
        let store = MemoryStateStore::with_faults(Box::new(move |_, _| {
            let error = || StorageError::new(ErrorKind::DiskFull, "no space left on device");
            is_full.load(Ordering::SeqCst).then(|| WriteFault::Fail(error()))
        }));
        HeldStore { store: Arc::new(store), full, commits: Arc::default() }
    }

    /// This state beside a log in memory.
    pub(crate) fn storage(&self) -> Storage {
        Storage { log: Arc::new(MemoryLog::default()), store: Arc::new(self.clone()) }
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// From now on commits of results wait.
    pub(crate) fn hold_commits(&self) {
        self.commits.state.lock().held = true;
    }

    /// Waits until one of them does.
    pub(crate) fn await_held_commit(&self) {
        let mut state = self.commits.state.lock();
        while state.waiting == 0 {
            self.commits.changed.wait(&mut state);
        }
    }

    pub(crate) fn release_commits(&self) {
        self.commits.state.lock().held = false;
        self.commits.changed.notify_all();
    }

    /// What the next process finds after this one is killed now.
    pub(crate) fn after_a_power_cut(&self) -> Arc<MemoryStateStore> {
        Arc::new(self.store.restarted(None))
    }
}

impl StateStore for HeldStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.store.get(key)
    }

    fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>> {
        self.store.multi_get(keys)
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<()> {
        let decides = |change: &Change| match change {
            Change::Put(key, _) => key.first() == Some(&(KeyKind::EpochDecision as u8)),
            _ => false,
        };
        if batch.changes.iter().any(decides) {
            let mut state = self.commits.state.lock();
            state.waiting += 1;
            self.commits.changed.notify_all();
            while state.held {
                self.commits.changed.wait(&mut state);
            }
            state.waiting -= 1;
        }
        self.store.write(batch, durability)
    }

    fn snapshot(&self) -> Arc<dyn StateSnapshot> {
        self.store.snapshot()
    }

    fn memory_bytes(&self) -> u64 {
        self.store.memory_bytes()
    }

    fn failure(&self) -> Option<StorageError> {
        self.store.failure()
    }
}
