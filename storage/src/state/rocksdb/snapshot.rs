//! A RocksDB snapshot that owns its share of the database.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use ::rocksdb::{DB, Snapshot};
use bytes::Bytes;
use self_cell::self_cell;

use super::error::storage_error;
use super::scan::Scan;
use crate::error::Result;
use crate::state::{Entries, StateSnapshot};

self_cell!(
    /// RocksDB's snapshot borrows the database; this keeps the two together.
    struct OwnedSnapshot {
        owner: Arc<DB>,
        #[covariant]
        dependent: Snapshot,
    }
);

/// A view of the state at one moment.
pub(super) struct RocksDbSnapshot {
    snapshot: OwnedSnapshot,
    directory: PathBuf,
}

impl RocksDbSnapshot {
    /// A view of now.
    pub(super) fn new(database: Arc<DB>, directory: PathBuf) -> RocksDbSnapshot {
        RocksDbSnapshot { snapshot: OwnedSnapshot::new(database, |database| database.snapshot()), directory }
    }
}

impl StateSnapshot for RocksDbSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        match self.snapshot.borrow_dependent().get_pinned(key) {
            Ok(value) => Ok(value.map(|value| Bytes::copy_from_slice(&value))),
            Err(error) => Err(storage_error("read", &self.directory, &error)),
        }
    }

    fn scan(&self, range: Range<Bytes>) -> Entries<'_> {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        Box::new(Scan::new(self.snapshot.borrow_dependent(), &range, &self.directory))
    }
}
