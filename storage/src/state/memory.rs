//! [`MemoryStateStore`]: keyed state that is gone with the process.
//!
//! It serves throwaway sessions, and tests: a [`FaultPlan`] makes chosen writes fail or cuts the
//! power around them, and [`MemoryStateStore::restarted`] then opens what a disk would have kept.
//! It forgets all it may: every buffered batch that no synced one followed.
//!
//! The map is a persistent one, so that a snapshot, and the remembered durable state, cost nothing
//! but the nodes written since.

use std::fmt;
use std::ops::{Bound, Range};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use rpds::RedBlackTreeMapSync;

use super::poison::Poison;
use super::{Change, Durability, Entries, StateSnapshot, StateStore, WriteBatch};
use crate::error::{ErrorKind, Result, StorageError};

type Map = RedBlackTreeMapSync<Bytes, Bytes>;

/// Memory of an entry beside its key's and value's bytes: a tree node with two pointers and a colour,
/// the entry's own allocation with two `Bytes`, their shared headers.
const ENTRY_OVERHEAD_BYTES: u64 = 160;

/// What goes wrong at a write.
#[derive(Clone, Debug)]
pub enum WriteFault {
    /// The write fails and nothing of the batch is kept.
    Fail(StorageError),
    /// The power goes before the batch is on disk.
    PowerCutBefore,
    /// The power goes when the batch is on disk, before the writer is told. The batch and all before
    /// it survive, whatever durability was asked for.
    PowerCutAfter,
}

/// Asked before every write, with how many came before it, what is to go wrong.
pub type FaultPlan = Box<dyn Fn(u64, Durability) -> Option<WriteFault> + Send + Sync>;

/// An ordered map in memory, as keyed state.
pub struct MemoryStateStore {
    contents: RwLock<Contents>,
    poison: Poison,
    faults: Option<FaultPlan>,
}

struct Contents {
    current: Map,
    /// What a power cut leaves.
    durable: Map,
    bytes: u64,
    writes: u64,
    is_alive: bool,
}

impl MemoryStateStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> MemoryStateStore {
        MemoryStateStore::holding(Map::new_sync(), None)
    }

    /// An empty store whose writes may go wrong.
    #[must_use]
    pub fn with_faults(faults: FaultPlan) -> MemoryStateStore {
        MemoryStateStore::holding(Map::new_sync(), Some(faults))
    }

    /// Cuts the power: whatever is not durable is lost, and every later call fails.
    pub fn power_cut(&self) {
        self.contents.write().is_alive = false;
    }

    /// Kills the process: what was written has reached the system and stays, buffered or not, and
    /// every later call fails.
    pub fn kill_process(&self) {
        let mut contents = self.contents.write();
        contents.durable = contents.current.clone();
        contents.is_alive = false;
    }

    /// What the next process finds: what survived, in a store of its own. This one is left as it is.
    #[must_use]
    pub fn restarted(&self, faults: Option<FaultPlan>) -> MemoryStateStore {
        MemoryStateStore::holding(self.contents.read().durable.clone(), faults)
    }

    /// How many batches have been written or were to be written.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.contents.read().writes
    }

    fn holding(map: Map, faults: Option<FaultPlan>) -> MemoryStateStore {
        let bytes = map.iter().map(|(key, value)| entry_bytes(key, value)).sum();
        let contents = Contents { current: map.clone(), durable: map, bytes, writes: 0, is_alive: true };
        MemoryStateStore { contents: RwLock::new(contents), poison: Poison::default(), faults }
    }
}

impl Default for MemoryStateStore {
    fn default() -> MemoryStateStore {
        MemoryStateStore::new()
    }
}

impl fmt::Debug for MemoryStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStateStore").field("entries", &self.contents.read().current.size()).finish()
    }
}

impl StateStore for MemoryStateStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let contents = self.contents.read();
        contents.check_alive()?;
        Ok(contents.current.get(key).cloned())
    }

    fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>> {
        let contents = self.contents.read();
        contents.check_alive()?;
        Ok(keys.iter().map(|key| contents.current.get(key).cloned()).collect())
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<()> {
        let mut contents = self.contents.write();
        contents.check_alive()?;
        self.poison.check()?;
        let fault = self.faults.as_ref().and_then(|plan| plan(contents.writes, durability));
        contents.writes += 1;
        match fault {
            None => {
                contents.apply(batch);
                if durability == Durability::Synced {
                    contents.durable = contents.current.clone();
                }
                Ok(())
            }
            Some(WriteFault::Fail(error)) => Err(self.poison.after(error)),
            Some(WriteFault::PowerCutBefore) => {
                contents.is_alive = false;
                Err(not_alive())
            }
            Some(WriteFault::PowerCutAfter) => {
                contents.apply(batch);
                contents.durable = contents.current.clone();
                contents.is_alive = false;
                Err(not_alive())
            }
        }
    }

    fn snapshot(&self) -> Arc<dyn StateSnapshot> {
        Arc::new(MemorySnapshot { map: self.contents.read().current.clone() })
    }

    fn memory_bytes(&self) -> u64 {
        self.contents.read().bytes
    }

    fn failure(&self) -> Option<StorageError> {
        let gone = || (!self.contents.read().is_alive).then(not_alive);
        self.poison.cause().or_else(gone)
    }
}

impl Contents {
    fn check_alive(&self) -> Result<()> {
        if self.is_alive { Ok(()) } else { Err(not_alive()) }
    }

    fn apply(&mut self, batch: &WriteBatch) {
        for change in &batch.changes {
            match change {
                Change::Put(key, value) => {
                    self.remove(key);
                    self.bytes += entry_bytes(key, value);
                    self.current.insert_mut(key.clone(), value.clone());
                }
                Change::Delete(key) => self.remove(key),
                Change::DeleteRange(range) => {
                    let keys: Vec<Bytes> =
                        entries_in(&self.current, range).map(|(key, _)| key.clone()).collect();
                    for key in keys {
                        self.remove(&key);
                    }
                }
            }
        }
    }

    fn remove(&mut self, key: &Bytes) {
        if let Some(value) = self.current.get(key) {
            self.bytes -= entry_bytes(key, value);
            self.current.remove_mut(key);
        }
    }
}

struct MemorySnapshot {
    map: Map,
}

impl StateSnapshot for MemorySnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.map.get(key).cloned())
    }

    fn scan(&self, range: Range<Bytes>) -> Entries<'_> {
        Box::new(entries_in(&self.map, &range).map(|(key, value)| Ok((key.clone(), value.clone()))))
    }
}

/// The entries of a range that may be the wrong way round, which the map itself would panic at.
fn entries_in<'map>(
    map: &'map Map,
    range: &Range<Bytes>,
) -> impl Iterator<Item = (&'map Bytes, &'map Bytes)> + use<'map> {
    let bounds = (!range.is_empty())
        .then(|| (Bound::Included(range.start.clone()), Bound::Excluded(range.end.clone())));
    bounds.into_iter().flat_map(|bounds| map.range::<Bytes, _>(bounds))
}

fn entry_bytes(key: &Bytes, value: &Bytes) -> u64 {
    (key.len() + value.len()) as u64 + ENTRY_OVERHEAD_BYTES
}

fn not_alive() -> StorageError {
    StorageError::new(ErrorKind::Io, "the process the state store belonged to is gone")
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
