//! What must be true after every restart: nothing acknowledged is lost, and every result is what its
//! input says, once.

use std::collections::BTreeMap;

use tidemill_storage::log::Isolation;

use crate::machine::Machine;
use crate::scenario::{amount_of, key_of, name_of, time_of};
use crate::topic;

/// Size of the aggregate's windows.
const WINDOW_MS: i64 = 10_000;

/// Count and sum of a key in a window.
type Totals = BTreeMap<(String, i64), (u64, u64)>;

/// Compares everything derived with what is in the input topic, for both kinds of consumers.
pub(crate) fn check(machine: &Machine, context: &str) {
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        check_for(machine, isolation, &format!("{context}, {isolation:?}"));
    }
}

fn check_for(machine: &Machine, isolation: Isolation, context: &str) {
    let mut events = topic::numbers(&topic::read(machine, "events", isolation).unwrap(), "N");
    events.sort_unstable();
    assert!(
        events.windows(2).all(|pair| pair[0] < pair[1]),
        "{context}: an event is there twice: {events:?}"
    );
    for n in &machine.acknowledged {
        assert!(events.binary_search(n).is_ok(), "{context}: event {n} was acknowledged and is lost");
    }

    let declared = |query: &str| machine.queries().keys().any(|id| id.contains(query));
    let results = |topic: &str| {
        let mut found = topic::numbers(&topic::read(machine, topic, isolation).unwrap(), "N");
        found.sort_unstable();
        found
    };
    if declared("PASSED") {
        let expected: Vec<u64> = events.iter().copied().filter(|n| amount_of(*n) < 7).collect();
        assert_eq!(results("PASSED"), expected, "{context}: the filter");
    }
    if declared("NAMED") {
        let expected: Vec<u64> = events.iter().copied().filter(|n| name_of(&key_of(*n)).is_some()).collect();
        assert_eq!(results("NAMED"), expected, "{context}: the join");
        for record in topic::read(machine, "NAMED", isolation).unwrap() {
            let n = record.value["N"].as_u64().unwrap();
            assert_eq!(record.value["NAME"].as_str(), name_of(&key_of(n)).as_deref(), "{context}: {n}");
            assert_eq!(record.time_ms, time_of(n), "{context}: {n}");
        }
    }
    if declared("TOTALS") {
        assert_eq!(changelog_totals(machine, isolation), recomputed(&events), "{context}: the aggregate");
    }
    check_extra(machine, isolation, &events, context);
}

/// The query that comes and goes: while it is there its output is whole, and what it left stays.
fn check_extra(machine: &Machine, isolation: Isolation, events: &[u64], context: &str) {
    let mut found = topic::numbers(&topic::read(machine, "EXTRA", isolation).unwrap(), "N");
    if let Some(left_behind) = &machine.left_behind {
        assert_eq!(&found, left_behind, "{context}: what a dropped query left");
        return;
    }
    found.sort_unstable();
    let mut expected: Vec<u64> = events.iter().copied().filter(|n| amount_of(*n) >= 7).collect();
    if !machine.queries().keys().any(|id| id.contains("EXTRA")) {
        // Not yet there, or its end not acknowledged: a part of it, but no event twice.
        expected.retain(|n| found.binary_search(n).is_ok());
    }
    assert_eq!(found, expected, "{context}: the query that comes and goes");
}

/// The last value of every key of the aggregate's changelog.
fn changelog_totals(machine: &Machine, isolation: Isolation) -> Totals {
    let mut totals = Totals::new();
    for record in topic::read(machine, "TOTALS", isolation).unwrap() {
        let (key, start) = record.key.split_at(record.key.len() - 8);
        let start = i64::from_be_bytes(start.try_into().unwrap());
        let key = (String::from_utf8(key.to_vec()).unwrap(), start);
        let value = (record.value["RECORDS"].as_u64().unwrap(), record.value["TOTAL"].as_u64().unwrap());
        // A sum that goes back would be one that was computed from an older state.
        assert!(totals.get(&key).is_none_or(|before| before.0 < value.0), "{key:?}: {value:?} after more");
        totals.insert(key, value);
    }
    totals
}

fn recomputed(events: &[u64]) -> Totals {
    let mut totals = Totals::new();
    for n in events {
        let start = time_of(*n) - time_of(*n) % WINDOW_MS;
        let total = totals.entry((key_of(*n), start)).or_default();
        *total = (total.0 + 1, total.1 + amount_of(*n));
    }
    totals
}
