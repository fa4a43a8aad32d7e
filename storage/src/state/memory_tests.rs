//! The conformance suite on memory, and what the scripted faults do.

use super::*;
use crate::state::conformance;

conformance::suite!(|| ((), MemoryStateStore::new()));

fn put(store: &MemoryStateStore, key: &'static str, durability: Durability) -> Result<()> {
    let mut batch = WriteBatch::default();
    batch.put(key, "value");
    store.write(&batch, durability)
}

fn keys(store: &MemoryStateStore) -> Vec<Bytes> {
    let snapshot = store.snapshot();
    snapshot.scan(Bytes::new()..Bytes::from_static(&[0xFF])).map(|entry| entry.unwrap().0).collect()
}

/// A plan that lets one fault happen, at the write of that number.
fn at(number: u64, fault: WriteFault) -> FaultPlan {
    Box::new(move |writes, _| (writes == number).then(|| fault.clone()))
}

#[test]
fn a_power_cut_forgets_what_no_sync_followed() {
    let store = MemoryStateStore::new();
    put(&store, "a", Durability::Buffered).unwrap();
    put(&store, "b", Durability::Synced).unwrap();
    put(&store, "c", Durability::Buffered).unwrap();
    assert_eq!(keys(&store), ["a", "b", "c"]);
    store.power_cut();
    assert_eq!(store.get(b"a").unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(put(&store, "d", Durability::Synced).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(keys(&store.restarted(None)), ["a", "b"]);
}

#[test]
fn a_kill_keeps_what_was_written() {
    let store = MemoryStateStore::new();
    put(&store, "a", Durability::Buffered).unwrap();
    store.kill_process();
    assert_eq!(put(&store, "b", Durability::Synced).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(keys(&store.restarted(None)), ["a"]);
}

#[test]
fn a_power_cut_before_a_write_loses_it_and_one_after_keeps_it() {
    for (fault, kept) in
        [(WriteFault::PowerCutBefore, vec!["a"]), (WriteFault::PowerCutAfter, vec!["a", "b", "c"])]
    {
        let store = MemoryStateStore::with_faults(at(2, fault));
        put(&store, "a", Durability::Synced).unwrap();
        put(&store, "b", Durability::Buffered).unwrap();
        assert_eq!(put(&store, "c", Durability::Synced).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(keys(&store.restarted(None)), kept);
    }
}

#[test]
fn a_failed_write_leaves_nothing_and_poisons_the_store() {
    let broken = StorageError::new(ErrorKind::Io, "the cable is out");
    let store = MemoryStateStore::with_faults(at(1, WriteFault::Fail(broken)));
    put(&store, "a", Durability::Synced).unwrap();
    assert_eq!(put(&store, "b", Durability::Synced).unwrap_err().kind(), ErrorKind::Io);
    let refused = put(&store, "c", Durability::Synced).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Poisoned);
    assert_eq!(store.failure().map(|error| error.kind()), Some(ErrorKind::Io));
    assert_eq!(
        refused.to_string(),
        "the state store takes no writes until it is opened again, since one failed: the cable is out"
    );
    assert_eq!(keys(&store), ["a"]);
}

#[test]
fn a_write_refused_by_a_full_disk_can_be_tried_again() {
    let full = StorageError::new(ErrorKind::DiskFull, "no space left");
    let store = MemoryStateStore::with_faults(at(0, WriteFault::Fail(full)));
    assert_eq!(put(&store, "a", Durability::Synced).unwrap_err().kind(), ErrorKind::DiskFull);
    assert!(store.failure().is_none());
    put(&store, "a", Durability::Synced).unwrap();
    assert_eq!(keys(&store.restarted(None)), ["a"]);
    assert_eq!(store.writes(), 2);
}

#[test]
fn memory_is_counted_as_entries_come_and_go() {
    let store = MemoryStateStore::new();
    put(&store, "a", Durability::Buffered).unwrap();
    let one = store.memory_bytes();
    assert!(one > 0);
    put(&store, "a", Durability::Buffered).unwrap();
    assert_eq!(store.memory_bytes(), one, "a replaced value is not counted twice");
    put(&store, "b", Durability::Buffered).unwrap();
    assert_eq!(store.memory_bytes(), 2 * one);
    let mut batch = WriteBatch::default();
    batch.delete_range(Bytes::from_static(b"a")..Bytes::from_static(b"z"));
    store.write(&batch, Durability::Buffered).unwrap();
    assert_eq!(store.memory_bytes(), 0);
}
