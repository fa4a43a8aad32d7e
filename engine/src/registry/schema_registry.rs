//! [`SchemaRegistry`]: the registry as the rest of the server holds it, and how it changes.
//!
//! What is known is one immutable snapshot in memory; readers take it without waiting. Changes come one
//! after the other, and each is one synced write, so after a crash it is there wholly or not at all.
//!
//! Its operations stand by what they are for: `registration`, `lookup`, `deletion`, `administration`.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tidemill_storage::state::{Durability, StateStore};

use crate::registry::error::RegistryResult;
use crate::registry::snapshot::{Change, Snapshot};

/// The schema registry. Cheap to clone.
#[derive(Clone)]
pub struct SchemaRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn StateStore>,
    snapshot: RwLock<Arc<Snapshot>>,
    changing: Mutex<()>,
}

impl SchemaRegistry {
    /// Reads what is stored (blocking).
    ///
    /// # Errors
    /// `Store` with a kind of `Corrupt` or `Io`.
    pub fn open(store: Arc<dyn StateStore>) -> RegistryResult<SchemaRegistry> {
        let snapshot = RwLock::new(Arc::new(Snapshot::read(store.as_ref())?));
        Ok(SchemaRegistry { inner: Arc::new(Inner { store, snapshot, changing: Mutex::new(()) }) })
    }

    /// What is known now.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.read().clone()
    }

    /// Makes a change durable, then visible. Nothing happens if it fails.
    pub(super) fn change<T>(&self, make: impl FnOnce(&mut Change) -> RegistryResult<T>) -> RegistryResult<T> {
        let _one_at_a_time = self.inner.changing.lock();
        let mut change = Change::new(Snapshot::clone(&self.snapshot()));
        let result = make(&mut change)?;
        if !change.batch.is_empty() {
            self.inner.store.write(&change.batch, Durability::Synced)?;
            *self.inner.snapshot.write() = Arc::new(change.snapshot);
        }
        Ok(result)
    }
}

#[cfg(test)]
impl SchemaRegistry {
    /// An empty registry that keeps its schemas in memory.
    pub(crate) fn in_memory() -> SchemaRegistry {
        let store = Arc::new(tidemill_storage::state::memory::MemoryStateStore::new());
        SchemaRegistry::open(store).expect("an empty store is read")
    }
}
