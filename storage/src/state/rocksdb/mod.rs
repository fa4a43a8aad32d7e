//! [`RocksDbStateStore`]: keyed state on disk, one RocksDB for the whole server.
//!
//! All owners share one database, told apart by the first byte of the key, so that one write batch
//! can hold the changes of them all and one sync makes it durable; RocksDB syncs the batches of
//! concurrent writers together. How the database is set up, and why, is in [`options`].

mod error;
pub mod options;
mod scan;
mod snapshot;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ::rocksdb::{Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DEFAULT_COLUMN_FAMILY_NAME, ReadOptions};
use bytes::{Bytes, BytesMut};

use self::error::{open_error, storage_error};
pub use self::options::RocksDbOptions;
use self::options::{database_options, write_options};
use self::snapshot::RocksDbSnapshot;
use super::poison::Poison;
use super::{Change, Durability, StateSnapshot, StateStore, WriteBatch};
use crate::error::{Result, StorageError};

/// Keys looked up in one call to RocksDB. It reads their blocks together; more would pin more blocks
/// of the cache at once without reading any faster.
const MULTI_GET_KEYS_MAX: usize = 1024;

/// RocksDB's own bytes around the key and the value of one change in a batch, at most: a tag and two
/// lengths.
const CHANGE_OVERHEAD_BYTES: usize = 11;

/// How long a writer waits before it asks again whether RocksDB takes writes: less than it takes to
/// flush a write buffer, so that writers lose little, and long enough that asking costs nothing.
const HELD_BACK_PAUSE: Duration = Duration::from_millis(5);

/// Keyed state in a RocksDB.
///
/// The directory is locked until the store and all of its snapshots are dropped.
///
/// When the disk is full, every write fails with `DiskFull`, until RocksDB, which looks every few
/// seconds, has found space again and has put what the failed log held into a new file.
pub struct RocksDbStateStore {
    database: Arc<DB>,
    directory: PathBuf,
    cache: Cache,
    synced: ::rocksdb::WriteOptions,
    buffered: ::rocksdb::WriteOptions,
    poison: Poison,
}

impl RocksDbStateStore {
    /// Opens the state in a directory; makes an empty one where there is none.
    ///
    /// # Errors
    /// `Unusable` where another process holds the directory or a version that is not understood has
    /// written it, `Corrupt`, `DiskFull`, `Io`.
    pub fn open(directory: &Path, options: RocksDbOptions) -> Result<RocksDbStateStore> {
        fs::create_dir_all(directory).map_err(|error| StorageError::io("create", directory, &error))?;
        let (database_options, cache) = database_options(options);
        let everything = ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, database_options.clone());
        let database = DB::open_cf_descriptors(&database_options, directory, [everything])
            .map_err(|error| open_error(directory, &error))?;
        Ok(RocksDbStateStore {
            database: Arc::new(database),
            directory: directory.to_owned(),
            cache,
            synced: write_options(Durability::Synced),
            buffered: write_options(Durability::Buffered),
            poison: Poison::default(),
        })
    }

    /// Writes a batch. While RocksDB holds writes back, because buffers are not flushed as fast as they
    /// fill, it waits here and not in RocksDB: there a writer waits at the head of the queue of writers,
    /// through which the flush has to pass that makes room again after the disk was full. Neither
    /// would ever go on.
    #[expect(clippy::disallowed_methods, reason = "RocksDB tells nobody when there is room again")]
    fn write_when_possible(
        &self,
        batch: &WriteBatch,
        options: &::rocksdb::WriteOptions,
    ) -> std::result::Result<(), ::rocksdb::Error> {
        loop {
            match self.database.write_opt(native_batch(batch), options) {
                Err(error) if error.kind() == ::rocksdb::ErrorKind::Incomplete => {
                    thread::sleep(HELD_BACK_PAUSE);
                }
                written => return written,
            }
        }
    }

    fn column_family(&self) -> &ColumnFamily {
        self.database
            .cf_handle(DEFAULT_COLUMN_FAMILY_NAME)
            .expect("the store is opened with the default column family")
    }
}

impl fmt::Debug for RocksDbStateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksDbStateStore").field("directory", &self.directory).finish_non_exhaustive()
    }
}

impl StateStore for RocksDbStateStore {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        match self.database.get_pinned(key) {
            Ok(value) => Ok(value.map(|value| Bytes::copy_from_slice(&value))),
            Err(error) => Err(storage_error("read", &self.directory, &error)),
        }
    }

    fn multi_get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>> {
        let column_family = self.column_family();
        let read_options = ReadOptions::default();
        let mut values = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MULTI_GET_KEYS_MAX) {
            let pinned = self
                .database
                .batched_multi_get_cf_opt(column_family, keys, keys.is_sorted(), &read_options)
                .into_iter()
                .collect::<std::result::Result<Vec<_>, _>>()
                .map_err(|error| storage_error("read", &self.directory, &error))?;
            // One buffer for all, instead of one allocation for each.
            let bytes = pinned.iter().flatten().map(|value| value.len()).sum();
            let mut buffer = BytesMut::with_capacity(bytes);
            values.extend(pinned.into_iter().map(|value| {
                let value = value?;
                buffer.extend_from_slice(&value);
                Some(buffer.split().freeze())
            }));
        }
        Ok(values)
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<()> {
        self.poison.check()?;
        let options = match durability {
            Durability::Synced => &self.synced,
            Durability::Buffered => &self.buffered,
        };
        self.write_when_possible(batch, options)
            .map_err(|error| self.poison.after(storage_error("write", &self.directory, &error)))
    }

    fn snapshot(&self) -> Arc<dyn StateSnapshot> {
        Arc::new(RocksDbSnapshot::new(Arc::clone(&self.database), self.directory.clone()))
    }

    fn memory_bytes(&self) -> u64 {
        // The write buffers are charged to the cache.
        self.cache.get_usage() as u64
    }

    fn failure(&self) -> Option<StorageError> {
        self.poison.cause()
    }
}

/// The batch in RocksDB's form.
fn native_batch(batch: &WriteBatch) -> ::rocksdb::WriteBatch {
    let bytes = batch.changes.iter().map(|change| {
        CHANGE_OVERHEAD_BYTES
            + match change {
                Change::Put(key, value) => key.len() + value.len(),
                Change::Delete(key) => key.len(),
                Change::DeleteRange(range) => range.start.len() + range.end.len(),
            }
    });
    let mut native = ::rocksdb::WriteBatch::with_capacity_bytes(bytes.sum());
    for change in &batch.changes {
        match change {
            Change::Put(key, value) => native.put(key, value),
            Change::Delete(key) => native.delete(key),
            // RocksDB would refuse a range the wrong way round, and only after it has logged the
            // batch: then no write works any more.
            Change::DeleteRange(range) if range.is_empty() => {}
            Change::DeleteRange(range) => native.delete_range(&range.start, &range.end),
        }
    }
    native
}

#[cfg(test)]
mod tests;
