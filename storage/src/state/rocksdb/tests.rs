//! The conformance suite on RocksDB, and what only a store on disk can show.

mod child;
mod crash;
mod faults;

use std::path::{Path, PathBuf};

use super::*;
use crate::error::ErrorKind;
use crate::state::conformance;

conformance::suite!(|| {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    (directory, store)
});

/// Small enough for buffers to be flushed and files to be compacted while a test runs.
const OPTIONS: RocksDbOptions = RocksDbOptions { memory_bytes: 8 << 20 };

fn open(directory: &Path) -> RocksDbStateStore {
    RocksDbStateStore::open(directory, OPTIONS).unwrap()
}

fn put(store: &RocksDbStateStore, key: &'static str, value: impl Into<Bytes>) -> Result<()> {
    let mut batch = WriteBatch::default();
    batch.put(key, value);
    store.write(&batch, Durability::Synced)
}

#[test]
fn what_was_written_is_there_when_opened_again() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("not").join("yet");
    put(&open(&directory), "key", "value").unwrap();
    assert_eq!(open(&directory).get(b"key").unwrap(), Some(Bytes::from("value")));
}

#[test]
fn a_snapshot_outlives_its_store_and_holds_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    put(&store, "key", "value").unwrap();
    let snapshot = store.snapshot();
    drop(store);
    assert_eq!(snapshot.get(b"key").unwrap(), Some(Bytes::from("value")));
    let refused = RocksDbStateStore::open(directory.path(), OPTIONS).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unusable);
    drop(snapshot);
    open(directory.path());
}

#[test]
fn memory_stays_within_the_budget_while_more_is_written_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let budget = OPTIONS.memory_bytes as u64;
    for number in 0..64_u32 {
        let mut batch = WriteBatch::default();
        for key in 0..1_000_u32 {
            batch.put([number.to_be_bytes(), key.to_be_bytes()].concat(), vec![key as u8; 1_000]);
        }
        store.write(&batch, Durability::Buffered).unwrap();
        // A whole batch is charged before the buffer it overfills is flushed.
        assert!(store.memory_bytes() < 2 * budget, "{} bytes of {budget}", store.memory_bytes());
    }
    let snapshot = store.snapshot();
    assert_eq!(snapshot.scan(Bytes::new()..Bytes::from_static(&[0xFF])).count(), 64_000);
    assert!(store.memory_bytes() < 2 * budget, "{} bytes of {budget}", store.memory_bytes());
}

#[test]
fn damage_is_reported_as_such() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let current = directory.path().join("CURRENT");
    fs::write(&current, "MANIFEST-999999\n").unwrap();
    let error = RocksDbStateStore::open(directory.path(), OPTIONS).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Io), "{error}");
    assert!(error.to_string().contains(&*directory.path().to_string_lossy()), "{error}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RocksDbStateStore::open(&file.join("state"), OPTIONS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().starts_with("could not create /"), "{error}");
}
