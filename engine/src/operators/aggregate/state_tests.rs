//! The state of aggregations: what of it goes, from the store and from memory, and what is damaged.

use tidemill_sql::plan::Emit;

use super::AggregateSpec;
use super::test_aggregations::{Trial, hopping, session, tumbling, windowed};
use crate::error::ErrorKind;
use crate::operators::Input;

#[test]
fn the_state_of_closed_windows_is_deleted() {
    for (window, open_entries) in [(tumbling(10, 0), 2), (hopping(10, 5, 0), 3), (session(9, 0), 3)] {
        for emit in [Emit::Changes, Emit::Final] {
            let mut trial = Trial::of(AggregateSpec { emit, ..windowed(&["COUNT()"], window) });
            for time in 0..50 {
                trial.push(&format!("+I {} k{time} 0", time * 10));
                trial.driver.commit();
                if time % 7 == 0 {
                    trial.driver.evict_all();
                }
            }
            trial.push("+I 1000 last 0");
            trial.driver.commit();
            trial.driver.commit();
            assert_eq!(
                trial.driver.stored_entries(),
                open_entries,
                "{window:?} {emit:?}: the last row and the progress"
            );
            assert!(trial.driver.memory_bytes() < 20_000, "{}", trial.driver.memory_bytes());
        }
    }
}

#[test]
fn memory_is_given_back_by_forgetting_what_is_stored() {
    for window in [None, tumbling(1_000_000, 0), session(10, 1_000_000)] {
        let mut trial = Trial::combining(windowed(&["COUNT()", "COLLECT_LIST(V)"], window));
        let rows: String = (0..5_000).map(|key| format!("+I 1 key{key} {key}\n")).collect();
        trial.push(&rows);
        let dirty = trial.driver.memory_bytes();
        trial.driver.evict_all();
        trial.driver.flush().expect("flushes");
        assert_eq!(trial.driver.take_rows().len(), 5_000, "what is dirty stays");
        trial.driver.commit();
        trial.driver.evict_all();
        assert!(trial.driver.memory_bytes() < dirty / 100, "{} of {dirty}", trial.driver.memory_bytes());
        let rows = trial.run("+I 1 key77 1");
        assert!(rows[0].contains(" key77 2 [77, 1] "), "{rows:?}");
    }
}

#[test]
fn a_damaged_entry_is_reported_and_not_believed() {
    for window in [None, tumbling(10, 0), session(10, 0)] {
        let mut trial = Trial::of(windowed(&["LATEST_BY_OFFSET(V)"], window));
        trial.push("+I 1 a 5");
        trial.driver.commit();
        trial.driver.restart();
        trial.driver.damage_values();
        let next = trial.batch("+I 1 a 6");
        let error = trial.driver.push(Input::Left, next).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    }
}
