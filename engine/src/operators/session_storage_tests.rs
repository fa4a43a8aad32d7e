//! What an aggregation in sessions leaves in the store, and reads of it again.

use bytes::Bytes;
use tidemill_storage::state::WriteBatch;

use super::test_aggregations::{session, spec};
use super::*;
use crate::operators::Input;
use crate::operators::driver::{Driver, batch};
use crate::state::{RoomKeys, encoding};
use crate::state_keys;

/// COUNT in sessions, and what runs it.
fn counting(gap_ms: i64, grace_ms: i64) -> (AggregateSpec, Driver) {
    let spec = AggregateSpec { window: session(gap_ms, grace_ms), ..spec(&["COUNT()"]) };
    let built = spec.clone();
    (spec, Driver::new(move |room| build(&built, room)))
}

/// Feeds rows; gives the last one that comes out.
fn last_of(driver: &mut Driver, spec: &AggregateSpec, rows: &str) -> String {
    driver.push(Input::Left, batch(&spec.input, rows)).expect("takes the rows");
    driver.take_rows().pop().expect("a result")
}

#[test]
fn a_commit_writes_the_sessions_that_changed_and_not_all_of_their_key() {
    let (spec, mut driver) = counting(5, 1_000_000);
    let rows: String = (0..1_000).map(|number| format!("+I {} a 0\n", number * 100)).collect();
    last_of(&mut driver, &spec, &rows);
    driver.commit();
    assert_eq!(driver.stored_entries(), 1_002, "the sessions, the key's place on the timeline, the progress");
    assert_eq!(last_of(&mut driver, &spec, "+I 50003 a 0"), "+I 50003 [50000,50003) a 2 50000 50003 50003");
    let changes = driver.begin_commit();
    assert_eq!(changes.changes.len(), 2, "the session and the progress: {changes:?}");
    driver.finish_commit(changes);
    driver.restart();
    assert_eq!(last_of(&mut driver, &spec, "+I 49996 a 0"), "+I 50003 [49996,50003) a 3 49996 50003 50003");
    driver.commit();
    assert_eq!(driver.stored_entries(), 1_002, "a session that has moved is stored once");
}

#[test]
fn a_session_that_others_have_become_part_of_is_the_only_one_that_stays() {
    let (spec, mut driver) = counting(5, 1_000);
    last_of(&mut driver, &spec, "+I 1 a 0\n+I 9 a 0\n+I 1 ab 0");
    driver.commit();
    assert_eq!(driver.stored_entries(), 6);
    driver.evict_all();
    assert_eq!(last_of(&mut driver, &spec, "+I 5 a 0"), "+I 9 [1,9) a 3 1 9 9");
    driver.commit();
    assert_eq!(driver.stored_entries(), 5);
    driver.restart();
    assert_eq!(last_of(&mut driver, &spec, "+I 10 a 0"), "+I 10 [1,10) a 4 1 10 10");
    assert_eq!(last_of(&mut driver, &spec, "+I 2 ab 0"), "+I 2 [1,2) ab 2 1 2 2");
}

#[test]
fn sessions_that_were_stored_together_are_read_and_from_then_on_stored_one_by_one() {
    let (spec, mut driver) = counting(5, 1_000);
    let keys = RoomKeys::new(&StateRoom { prefix: state_keys::operator_state(1, 1, 0), fresh: false });
    let mut changes = WriteBatch::default();
    let (mut key, mut value) = (Vec::new(), Vec::new());
    keys.push_entry(&mut key, b"a");
    let start = encoding::begin(&mut value);
    encoding::put_varint(&mut value, 2);
    for (start_ms, end_ms, count) in [(1, 2, 2), (18, 20, 3)] {
        encoding::put_i64(&mut value, start_ms);
        encoding::put_i64(&mut value, end_ms);
        let mut state = Vec::new();
        encoding::put_i64(&mut state, count);
        encoding::put_bytes(&mut value, &state);
    }
    encoding::seal(&mut value, start);
    changes.put(key, value);
    let mut place = Vec::new();
    keys.push_timeline(&mut place, 2, b"a");
    changes.put(place, Bytes::new());
    let mut progress = Vec::new();
    let start = encoding::begin(&mut progress);
    encoding::put_i64(&mut progress, 20);
    encoding::put_varint(&mut progress, 5);
    encoding::seal(&mut progress, start);
    changes.put(keys.progress(), progress);
    driver.finish_commit(changes);
    driver.restart();
    assert_eq!(last_of(&mut driver, &spec, "+I 21 a 0"), "+I 21 [18,21) a 4 18 21 21");
    driver.commit();
    assert_eq!(driver.stored_entries(), 4, "two sessions, a place on the timeline, the progress");
    driver.restart();
    assert_eq!(last_of(&mut driver, &spec, "+I 3 a 0"), "+I 3 [1,3) a 3 1 3 3");
}
