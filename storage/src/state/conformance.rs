//! What every [`StateStore`] promises, as tests that run on each of them.
//!
//! A store's tests say [`suite!`] with a function that opens an empty store, beside whatever must
//! live as long as it (a directory). Each behaviour then is a test of its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Change, Durability, StateSnapshot, StateStore, WriteBatch};

macro_rules! suite {
    ($open:expr) => {
        $crate::state::conformance::suite!(
            $open;
            a_written_key_is_read_back,
            an_empty_value_is_a_value,
            many_keys_are_read_in_the_order_asked,
            a_deleted_key_is_gone_and_a_missing_one_is_no_error,
            changes_of_a_batch_apply_in_their_order,
            a_range_delete_takes_its_start_and_leaves_its_end,
            a_range_the_wrong_way_round_is_empty,
            a_scan_goes_through_its_range_in_byte_order,
            a_scan_hands_out_small_and_large_entries_alike,
            a_snapshot_sees_nothing_written_after_it,
            concurrent_writers_and_readers_see_whole_batches,
            agrees_with_an_ordered_map,
        );
    };
    ($open:expr; $($behaviour:ident,)+) => {
        mod conformance_suite {
            use super::*;

            $(
                #[test]
                fn $behaviour() {
                    let (_kept_while_open, store) = $open();
                    $crate::state::conformance::$behaviour(&store);
                }
            )+
        }
    };
}
pub(super) use suite;

/// A key above all that the suite writes.
const ABOVE_ALL: [u8; 8] = [0xFF; 8];

pub(super) fn a_written_key_is_read_back(store: &dyn StateStore) {
    assert_eq!(store.get(b"key").unwrap(), None);
    put(store, &[("key", "one")]);
    assert_eq!(store.get(b"key").unwrap(), Some(Bytes::from("one")));
    put(store, &[("key", "two")]);
    assert_eq!(store.get(b"key").unwrap(), Some(Bytes::from("two")));
    assert_eq!(store.snapshot().get(b"key").unwrap(), Some(Bytes::from("two")));
    assert_eq!(store.snapshot().get(b"ke").unwrap(), None);
    assert!(store.memory_bytes() > 0);
}

pub(super) fn an_empty_value_is_a_value(store: &dyn StateStore) {
    put(store, &[("key", "")]);
    assert_eq!(store.get(b"key").unwrap(), Some(Bytes::new()));
    assert_eq!(entries(store), [(Bytes::from("key"), Bytes::new())]);
}

pub(super) fn many_keys_are_read_in_the_order_asked(store: &dyn StateStore) {
    // More than any implementation reads at once.
    let mut batch = WriteBatch::default();
    for number in 0..5_000_u32 {
        batch.put(number.to_be_bytes().to_vec(), format!("value {number}"));
    }
    store.write(&batch, Durability::Buffered).unwrap();
    let asked: Vec<u32> = (0..5_000).map(|step| step * 7_919 % 6_000).chain([3, 3]).collect();
    let keys: Vec<Bytes> = asked.iter().map(|number| Bytes::from(number.to_be_bytes().to_vec())).collect();
    let values = store.multi_get(&keys).unwrap();
    assert_eq!(values.len(), asked.len());
    for (number, value) in asked.into_iter().zip(values) {
        let expected = (number < 5_000).then(|| Bytes::from(format!("value {number}")));
        assert_eq!(value, expected);
    }
    assert_eq!(store.multi_get(&[]).unwrap(), []);
}

pub(super) fn a_deleted_key_is_gone_and_a_missing_one_is_no_error(store: &dyn StateStore) {
    put(store, &[("a", "1"), ("b", "2")]);
    let mut batch = WriteBatch::default();
    assert!(batch.is_empty());
    batch.delete("a");
    batch.delete("never there");
    assert!(!batch.is_empty());
    store.write(&batch, Durability::Synced).unwrap();
    assert_eq!(entries(store), [pair("b", "2")]);
}

pub(super) fn changes_of_a_batch_apply_in_their_order(store: &dyn StateStore) {
    put(store, &[("r1", "old"), ("r2", "old")]);
    let mut batch = WriteBatch::default();
    batch.put("k", "first");
    batch.put("k", "last");
    batch.put("gone", "soon");
    batch.delete("gone");
    batch.delete("back");
    batch.put("back", "again");
    batch.put("r3", "before the range delete");
    batch.delete_range(range(b"r", b"s"));
    batch.put("r2", "after the range delete");
    store.write(&batch, Durability::Synced).unwrap();
    assert_eq!(
        entries(store),
        [pair("back", "again"), pair("k", "last"), pair("r2", "after the range delete")]
    );
    store.write(&WriteBatch::default(), Durability::Synced).unwrap();
}

pub(super) fn a_range_delete_takes_its_start_and_leaves_its_end(store: &dyn StateStore) {
    put(store, &[("a", ""), ("b", ""), ("b\0", ""), ("bz", ""), ("c", ""), ("d", "")]);
    let mut batch = WriteBatch::default();
    batch.delete_range(range(b"b", b"c"));
    store.write(&batch, Durability::Synced).unwrap();
    assert_eq!(entries(store), [pair("a", ""), pair("c", ""), pair("d", "")]);
}

pub(super) fn a_range_the_wrong_way_round_is_empty(store: &dyn StateStore) {
    put(store, &[("a", ""), ("b", "")]);
    for empty in [range(b"b", b"a"), range(b"a", b"a")] {
        let mut batch = WriteBatch::default();
        batch.delete_range(empty.clone());
        store.write(&batch, Durability::Synced).unwrap();
        assert_eq!(store.snapshot().scan(empty).count(), 0);
    }
    // The store still takes writes.
    put(store, &[("c", "")]);
    assert_eq!(entries(store).len(), 3);
}

pub(super) fn a_scan_goes_through_its_range_in_byte_order(store: &dyn StateStore) {
    let keys: [&[u8]; 7] = [b"", b"\0", b"\0\xFF", b"a", b"a\0", b"b", b"\xFF"];
    let mut batch = WriteBatch::default();
    for key in keys.iter().rev() {
        batch.put(key.to_vec(), key.to_vec());
    }
    store.write(&batch, Durability::Synced).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(keys_in(&*snapshot, range(b"", &ABOVE_ALL)), keys);
    assert_eq!(keys_in(&*snapshot, range(b"\0\0", b"b")), [&b"\0\xFF"[..], b"a", b"a\0"]);
    assert_eq!(keys_in(&*snapshot, range(b"b\0", b"\xFF")), [&b""[..]; 0]);
}

pub(super) fn a_scan_hands_out_small_and_large_entries_alike(store: &dyn StateStore) {
    let mut expected = Vec::new();
    for (number, length) in [0, 1, 100, 5_000, 70_000, 3, 300_000, 1_000, 0, 64_000].into_iter().enumerate() {
        let value = Bytes::from(vec![number as u8; length]);
        expected.push((Bytes::from(format!("key {number}")), value));
    }
    let mut batch = WriteBatch::default();
    batch.changes.extend(expected.iter().map(|(key, value)| Change::Put(key.clone(), value.clone())));
    store.write(&batch, Durability::Synced).unwrap();
    assert_eq!(entries(store), expected);
}

pub(super) fn a_snapshot_sees_nothing_written_after_it(store: &dyn StateStore) {
    put(store, &[("a", "1"), ("b", "1"), ("c", "1")]);
    let before = store.snapshot();
    let mut batch = WriteBatch::default();
    batch.put("a", "2");
    batch.delete("b");
    batch.delete_range(range(b"c", b"d"));
    batch.put("e", "2");
    store.write(&batch, Durability::Synced).unwrap();
    assert_eq!(entries_of(&*before), [pair("a", "1"), pair("b", "1"), pair("c", "1")]);
    assert_eq!(before.get(b"a").unwrap(), Some(Bytes::from("1")));
    assert_eq!(before.get(b"e").unwrap(), None);
    assert_eq!(entries(store), [pair("a", "2"), pair("e", "2")]);
}

/// Every batch of a writer sets all of its keys to one number: a reader that finds two numbers has
/// seen half a batch.
pub(super) fn concurrent_writers_and_readers_see_whole_batches(store: &dyn StateStore) {
    const WRITERS: u8 = 4;
    const BATCHES: u32 = 100;
    const KEYS: u8 = 20;
    let writing = AtomicBool::new(true);
    let check = || {
        let snapshot = store.snapshot();
        for writer in 0..WRITERS {
            let values: Vec<Bytes> =
                snapshot.scan(range(&[writer], &[writer + 1])).map(|entry| entry.unwrap().1).collect();
            assert!(values.is_empty() || values.len() == KEYS as usize, "half of a first batch");
            assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "halves of two batches");
        }
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    for number in 0..BATCHES {
                        let mut batch = WriteBatch::default();
                        for key in 0..KEYS {
                            batch.put(vec![writer, key], number.to_be_bytes().to_vec());
                        }
                        let durability =
                            if number % 8 == 0 { Durability::Synced } else { Durability::Buffered };
                        store.write(&batch, durability).unwrap();
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while writing.load(Ordering::Relaxed) {
                check();
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        writing.store(false, Ordering::Relaxed);
    });
    check();
    let last = Bytes::from((BATCHES - 1).to_be_bytes().to_vec());
    assert!(entries(store).iter().all(|(_, value)| *value == last));
    assert_eq!(entries(store).len(), WRITERS as usize * KEYS as usize);
}

/// One step of a comparison with a map.
#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Change>, Durability),
    Get(Bytes),
    Scan(Range<Bytes>),
    TakeSnapshot,
}

pub(super) fn agrees_with_an_ordered_map(store: &dyn StateStore) {
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..40);
    let run = |steps| {
        let mut batch = WriteBatch::default();
        batch.delete_range(range(b"", &ABOVE_ALL));
        store.write(&batch, Durability::Buffered).unwrap();
        compare(store, steps)
    };
    TestRunner::new(config).run(&steps, run).unwrap();
}

fn compare(store: &dyn StateStore, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    let mut then = (store.snapshot(), model.clone());
    for step in steps {
        match step {
            Step::Write(changes, durability) => {
                for change in &changes {
                    match change.clone() {
                        Change::Put(key, value) => drop(model.insert(key, value)),
                        Change::Delete(key) => drop(model.remove(&key)),
                        Change::DeleteRange(range) => model.retain(|key, _| !range.contains(key)),
                    }
                }
                store.write(&WriteBatch { changes }, durability).unwrap();
            }
            Step::Get(key) => prop_assert_eq!(store.get(&key).unwrap(), model.get(&key).cloned()),
            Step::Scan(range) => {
                let expected = model.iter().filter(|(key, _)| range.contains(*key));
                let expected: Vec<_> = expected.map(|(key, value)| (key.clone(), value.clone())).collect();
                let found: Vec<_> = store.snapshot().scan(range).map(|entry| entry.unwrap()).collect();
                prop_assert_eq!(found, expected);
            }
            Step::TakeSnapshot => then = (store.snapshot(), model.clone()),
        }
    }
    prop_assert_eq!(entries(store), model.clone().into_iter().collect::<Vec<_>>());
    prop_assert_eq!(entries_of(&*then.0), then.1.into_iter().collect::<Vec<_>>());
    let keys: Vec<Bytes> = model.keys().cloned().chain([Bytes::from("missing")]).collect();
    let values: Vec<_> = keys.iter().map(|key| model.get(key).cloned()).collect();
    prop_assert_eq!(store.multi_get(&keys).unwrap(), values);
    Ok(())
}

fn step() -> impl Strategy<Value = Step> {
    let durability = prop_oneof![9 => Just(Durability::Buffered), 1 => Just(Durability::Synced)];
    prop_oneof![
        4 => (prop::collection::vec(change(), 0..8), durability)
            .prop_map(|(changes, durability)| Step::Write(changes, durability)),
        2 => key().prop_map(Step::Get),
        2 => (key(), key()).prop_map(|(start, end)| Step::Scan(start..end)),
        1 => Just(Step::TakeSnapshot),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let value = prop::collection::vec(any::<u8>(), 0..4).prop_map(Bytes::from);
    prop_oneof![
        6 => (key(), value).prop_map(|(key, value)| Change::Put(key, value)),
        2 => key().prop_map(Change::Delete),
        1 => (key(), key()).prop_map(|(start, end)| Change::DeleteRange(start..end)),
    ]
}

/// Keys of few bytes and few lengths, so that steps meet each other's.
fn key() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(prop::sample::select(vec![0x00, 0x01, 0x61, 0xFF]), 0..4).prop_map(Bytes::from)
}

fn put(store: &dyn StateStore, entries: &[(&'static str, &'static str)]) {
    let mut batch = WriteBatch::default();
    for (key, value) in entries {
        batch.put(*key, *value);
    }
    store.write(&batch, Durability::Synced).unwrap();
}

fn entries(store: &dyn StateStore) -> Vec<(Bytes, Bytes)> {
    entries_of(&*store.snapshot())
}

fn entries_of(snapshot: &dyn StateSnapshot) -> Vec<(Bytes, Bytes)> {
    snapshot.scan(range(b"", &ABOVE_ALL)).map(|entry| entry.unwrap()).collect()
}

fn keys_in(snapshot: &dyn StateSnapshot, range: Range<Bytes>) -> Vec<Bytes> {
    snapshot.scan(range).map(|entry| entry.unwrap().0).collect()
}

fn range(start: &[u8], end: &[u8]) -> Range<Bytes> {
    Bytes::copy_from_slice(start)..Bytes::copy_from_slice(end)
}

fn pair(key: &'static str, value: &'static str) -> (Bytes, Bytes) {
    (Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()))
}
