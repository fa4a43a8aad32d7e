//! Kill -9 at random moments: nothing acknowledged is lost, nothing is there by half.
//!
//! The child's batches are a function of their number, so that the state after any of them is known:
//! it must be that of the last batch it holds.

use std::collections::BTreeMap;

use super::child::{TestChild, directory_of_child, tell};
use super::*;

const KILLS: u64 = 10;

/// Acknowledged batches before a kill, at most.
const ACKNOWLEDGED_MAX: u64 = 150;

const LAST_BATCH: &[u8] = b"last batch";

#[test]
fn nothing_acknowledged_is_lost_to_kill_9() {
    if let Some(directory) = directory_of_child() {
        write_until_killed(&directory);
    }
    let directory = tempfile::tempdir().unwrap();
    let mut model = Model::default();
    for kill in 0..KILLS {
        let mut child = TestChild::start(
            "state::rocksdb::tests::crash::nothing_acknowledged_is_lost_to_kill_9",
            directory.path(),
            &[],
        );
        child.hear("opening").expect("the child runs");
        // The first and some more die while they open the store.
        let wanted = random_below(ACKNOWLEDGED_MAX) * u64::from(kill % 4 != 0);
        for count in 0..wanted {
            assert!(child.hear("acknowledged").is_some(), "the child ended after {count} of {wanted}");
        }
        child.kill();
        let mut acknowledged = None;
        while let Some(number) = child.hear("acknowledged") {
            acknowledged = Some(number);
        }

        let store = open(directory.path());
        let last = last_batch(&store);
        assert!(
            last >= acknowledged.or(model.last),
            "kill {kill}: {acknowledged:?} was lost, {last:?} is there"
        );
        model.advance(last);
        let snapshot = store.snapshot();
        let found: BTreeMap<Bytes, Bytes> =
            snapshot.scan(Bytes::new()..Bytes::from_static(&[0xFF])).map(|entry| entry.unwrap()).collect();
        assert!(found == model.entries, "kill {kill}: the state is not that of batch {last:?}");
    }
    assert!(model.last.is_some(), "no child wrote anything");
}

fn write_until_killed(directory: &Path) -> ! {
    tell("opening", 0);
    let store = open(directory);
    let mut number = last_batch(&store).map_or(0, |last| last + 1);
    loop {
        let synced = number.is_multiple_of(3);
        store.write(&batch(number), if synced { Durability::Synced } else { Durability::Buffered }).unwrap();
        if synced {
            tell("acknowledged", number);
        }
        number += 1;
    }
}

/// What the store must hold.
#[derive(Default)]
struct Model {
    last: Option<u64>,
    entries: BTreeMap<Bytes, Bytes>,
}

impl Model {
    fn advance(&mut self, last: Option<u64>) {
        let Some(last) = last else { return };
        for number in self.last.map_or(0, |last| last + 1)..=last {
            for change in batch(number).changes {
                match change {
                    Change::Put(key, value) => drop(self.entries.insert(key, value)),
                    Change::Delete(key) => drop(self.entries.remove(&key)),
                    Change::DeleteRange(range) => self.entries.retain(|key, _| !range.contains(key)),
                }
            }
        }
        self.last = Some(last);
    }
}

/// Overwrites and removes among a few hundred keys; every seventh spans several blocks of the log.
fn batch(number: u64) -> WriteBatch {
    let mut batch = WriteBatch::default();
    let value_bytes = if number.is_multiple_of(7) { 4_000 } else { 40 };
    let key = |at: u64| Bytes::from(format!("key {:03}", (number * 31 + at) % 400));
    if number.is_multiple_of(5) {
        batch.delete_range(key(0)..key(20));
    }
    for at in 0..50 {
        let mut value = vec![at as u8; value_bytes];
        value.extend_from_slice(&number.to_be_bytes());
        batch.put(key(at), value);
    }
    batch.delete(key(25));
    batch.put(LAST_BATCH, number.to_be_bytes().to_vec());
    batch
}

fn last_batch(store: &RocksDbStateStore) -> Option<u64> {
    let bytes = store.get(LAST_BATCH).unwrap()?;
    Some(u64::from_be_bytes(bytes[..].try_into().unwrap()))
}

fn random_below(bound: u64) -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0 % bound
}
