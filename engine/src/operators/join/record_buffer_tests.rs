//! Kept records: what is found again, and what a commit writes.

use proptest::prelude::*;
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::state::{Change, Durability};

use super::*;

/// A time at which buckets are as long as the test.
const HOUR_MS: i64 = 3_600_000;

fn buffer() -> RecordBuffer {
    let room = StateRoom { prefix: Bytes::from_static(b"room"), fresh: true };
    RecordBuffer::new(&room, 2 * HOUR_MS, 2 * HOUR_MS)
}

fn record(time_ms: i64, sequence: u64) -> Record {
    Record { time_ms, sequence, row: Bytes::from(format!("row {sequence:08}")) }
}

fn insert(buffer: &mut RecordBuffer, key: &Bytes, record: Record, store: &dyn StateStore) {
    buffer.advance(record.time_ms);
    let times_ms = record.time_ms..=record.time_ms;
    buffer.load([(key, times_ms)].into_iter(), store).expect("memory is read");
    assert!(buffer.insert(key, record), "no record expires here");
}

/// Commits; gives the bytes that were written.
fn commit(buffer: &mut RecordBuffer, store: &dyn StateStore) -> usize {
    let mut changes = WriteBatch::default();
    buffer.commit(&mut changes);
    let bytes = changes.changes.iter().map(Change::bytes).sum();
    store.write(&changes, Durability::Synced).expect("memory takes writes");
    bytes
}

#[test]
fn what_a_commit_writes_does_not_grow_with_the_records_of_a_key() {
    let (mut buffer, store) = (buffer(), MemoryStateStore::new());
    let key = Bytes::from_static(b"hot");
    let mut written = 0;
    let mut most = 0;
    for sequence in 0..10_000 {
        insert(&mut buffer, &key, record(sequence as i64, sequence), &store);
        let bytes = commit(&mut buffer, &store);
        written += bytes;
        most = most.max(bytes);
    }
    // A record has some 30 bytes. Written anew with all the others of its key at each commit, it would
    // have been more than 1 GB.
    assert!(most < 1_500, "{most} bytes in one commit");
    assert!(written < 10_000_000, "{written} bytes in all");
}

proptest! {
    #[test]
    fn records_are_found_after_commits_evictions_and_restarts(
        arrivals in prop::collection::vec((0_u8..3, 0_i64..HOUR_MS, 0_u8..20), 1..300),
        range in (0_i64..HOUR_MS, 0_i64..HOUR_MS),
    ) {
        let store = MemoryStateStore::new();
        let mut buffer = buffer();
        // One key begins as another with a chunk's number behind it does.
        let keys = [&b"a"[..], b"a\0\0\0\x01", b"b"].map(Bytes::from_static);
        let mut model: Vec<(usize, Record)> = Vec::new();
        let mut stream_time_ms = None;
        for (sequence, (key, time_ms, then)) in arrivals.into_iter().enumerate() {
            let record = record(time_ms, sequence as u64);
            insert(&mut buffer, &keys[usize::from(key)], record.clone(), &store);
            stream_time_ms = stream_time_ms.max(Some(time_ms));
            model.push((usize::from(key), record));
            match then {
                0..4 => {
                    commit(&mut buffer, &store);
                }
                4 => {
                    commit(&mut buffer, &store);
                    buffer.evict(0);
                }
                5 => {
                    commit(&mut buffer, &store);
                    buffer = self::buffer();
                    buffer.resume(stream_time_ms);
                }
                _ => {}
            }
        }
        let times_ms = range.0.min(range.1)..=range.0.max(range.1);
        model.sort_by_key(|(_, record)| (record.time_ms, record.sequence));
        for (number, key) in keys.iter().enumerate() {
            buffer.load([(key, times_ms.clone())].into_iter(), &store).expect("memory is read");
            let found: Vec<&Record> = buffer.find(key, times_ms.clone()).collect();
            let expected: Vec<&Record> = model
                .iter()
                .filter(|(of, record)| *of == number && times_ms.contains(&record.time_ms))
                .map(|(_, record)| record)
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
