//! Keyed state: the seam [`StateStore`] and its implementations.
//!
//! Keys are ordered bytes; what the bytes mean is decided by the engine, except for the first byte,
//! which is a [``KeyKind``] so that no two owners can meet.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Result;

/// One change of a write batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Sets a key.
    Put(Bytes, Bytes),
    /// Removes a key; a missing one is no error.
    Delete(Bytes),
    /// Removes every key of a half-open range.
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

/// When a write counts as done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// After it would survive a power cut.
    Synced,
    /// At once; it becomes durable with the next synced write at the latest.
    Buffered,
}

/// Key and value pairs in key order. An error ends the iteration.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes)>> + Send + 'a>;

/// A consistent, unchanging view.
pub trait StateSnapshot: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The entries of a half-open range, in key order.
    fn scan(&self, range: Range<Bytes>) -> Entries<'_>;
}

/// Ordered keyed state. Every method may be called from many threads at once.
///
/// Implementations MUST apply a write batch wholly or not at all, also across a power cut, and MUST
/// keep synced batches in the order they were written.
pub trait StateStore: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The values of many keys, in the order asked.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>>;

    /// Applies a batch.
    ///
    /// # Errors
    /// `DiskFull`, `Io`, `Poisoned`; then nothing of the batch is there.
    fn write(&self, batch: WriteBatch, durability: Durability) -> Result<()>;

    /// A view of now.
    fn snapshot(&self) -> Arc<dyn StateSnapshot>;

    /// Bytes of memory the store holds (caches and write buffers).
    fn memory_bytes(&self) -> u64;
}
