//! Keyed state: the seam [`StateStore`] and its implementations.
//!
//! Keys are ordered bytes; what the bytes mean is decided by the engine, except for the first byte,
//! which is a [`KeyKind`] so that no two owners can meet. [`KeyBuilder`] and [`KeyReader`] make and
//! take apart keys whose order as bytes is the order of their parts.
//!
//! - [`memory`]: gone with the process; can be made to fail and to lose power where a test says so.
//! - [`rocksdb`]: on disk.
//!
//! Both pass one suite, `conformance`. This folder knows no other part of the crate but its errors.

pub mod key_encoding;
pub mod key_kind;
pub mod memory;
mod poison;
pub mod rocksdb;

#[cfg(test)]
mod conformance;

pub use key_encoding::{KeyBuilder, KeyReader, prefix_range};
pub use key_kind::KeyKind;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Result, StorageError};

/// One change of a write batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Sets a key.
    Put(Bytes, Bytes),
    /// Removes a key; a missing one is no error.
    Delete(Bytes),
    /// Removes every key of a half-open range, as it is when the batch is applied. A range whose end
    /// is not above its start holds nothing.
    ///
    /// It costs one entry however much it removes, but every later read near it pays a little until
    /// compaction has dropped it: meant for whole stores, partitions and windows, not for a handful
    /// of keys the caller could name.
    DeleteRange(Range<Bytes>),
}

/// Changes that become visible and durable together, in order.
#[derive(Clone, Default, Debug)]
pub struct WriteBatch {
    /// The changes.
    pub changes: Vec<Change>,
}

impl WriteBatch {
    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.changes.push(Change::Put(key.into(), value.into()));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: impl Into<Bytes>) {
        self.changes.push(Change::Delete(key.into()));
    }

    /// Removes a half-open range.
    pub fn delete_range(&mut self, range: Range<Bytes>) {
        self.changes.push(Change::DeleteRange(range));
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Change {
    /// Bytes of its keys and value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Change::Put(key, value) => key.len() + value.len(),
            Change::Delete(key) => key.len(),
            Change::DeleteRange(range) => range.start.len() + range.end.len(),
        }
    }
}

/// When a write counts as done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// After it would survive a power cut.
    Synced,
    /// At once; it becomes durable with the next synced write at the latest.
    Buffered,
}

/// Key and value pairs in key order. An error ends the iteration.
///
/// Entries near each other may share one buffer: copy what is kept much longer than the iteration.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes)>> + Send + 'a>;

/// A consistent, unchanging view.
pub trait StateSnapshot: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The entries of a half-open range, in key order. A range whose end is not above its start is
    /// empty.
    fn scan(&self, range: Range<Bytes>) -> Entries<'_>;
}

/// Ordered keyed state. Every method may be called from many threads at once.
///
/// Implementations MUST apply a write batch wholly or not at all, also across a power cut. What a
/// power cut leaves MUST be a prefix of the batches in the order they became visible, and MUST hold
/// every batch whose synced write has returned, with all buffered ones before it.
///
/// After a failed write nothing of its batch is visible. `DiskFull` says the write can be tried again
/// when there is space. After any other failure the store MUST refuse every later write with
/// `Poisoned`: whether the failed batch reached the disk is known only when the store is opened
/// again, and then it is there wholly or not at all. Reads go on.
pub trait StateStore: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The values of many keys, in the order asked. They may share one buffer: copy what is kept for
    /// long.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>>;

    /// Applies a batch.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Corrupt`, `Poisoned`; then nothing of the batch is visible.
    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<()>;

    /// A view of now. It may outlive the store, and holds back the space of what it still sees: drop
    /// it when done.
    fn snapshot(&self) -> Arc<dyn StateSnapshot>;

    /// Bytes of memory the store holds (caches and write buffers).
    fn memory_bytes(&self) -> u64;

    /// Why the store refuses writes, if it does.
    fn failure(&self) -> Option<StorageError>;
}
