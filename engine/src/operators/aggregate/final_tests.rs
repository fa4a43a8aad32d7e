//! EMIT FINAL: results once, when their window closes.

use tidemill_sql::lookup::WindowSpec;

use super::Overtaken;
use super::output::BATCH_ROWS_MAX;
use super::test_aggregations::{Trial, final_windowed, hopping, session, tumbling};

#[test]
fn final_results_come_once_when_their_window_closes() {
    let mut trial = Trial::of(final_windowed(&["COUNT()"], tumbling(10, 5)));
    trial.check("+I 3 b 0\n+I 4 a 0\n+I 12 a 0\n+I 9 b 0\n+I 14 c 0", "");
    trial.check(
        "+I 15 a 0\n+I 5 a 0\n+I 30 a 0",
        "+I 4 [0,10) a 1 0 10 4
         +I 9 [0,10) b 2 0 10 9
         +I 15 [10,20) a 2 10 20 15
         +I 14 [10,20) c 1 10 20 14",
    );
    assert_eq!(trial.driver.ledger.late, 1);
    trial.check("+I 44 a 0", "");
    trial.check("+I 45 a 0", "+I 30 [30,40) a 1 30 40 30");
}

#[test]
fn a_window_that_closes_is_not_brought_into_memory_as_a_whole() {
    let mut trial = Trial::of(final_windowed(&["COUNT()"], tumbling(10, 0)));
    let rows =
        |keys: std::ops::Range<usize>| -> String { keys.map(|key| format!("+I 1 k{key:06} 0\n")).collect() };
    let keys = BATCH_ROWS_MAX * 4;
    trial.push(&rows(0..keys));
    trial.driver.commit();
    let all_bytes = trial.driver.memory_bytes();
    trial.driver.evict_all();
    // Some of them are in memory again, one of them newer than what is stored.
    trial.push(&rows(keys - 2..keys + 1));
    trial.push("+I 10 z 0");
    let expected: Vec<String> = (0..keys + 1)
        .map(|key| {
            format!("+I 1 [0,10) k{key:06} {} 0 10 1", if key == keys - 1 || key == keys - 2 { 2 } else { 1 })
        })
        .collect();
    assert_eq!(trial.driver.take_rows(), expected);
    assert!(
        trial.driver.memory_bytes() < all_bytes / 2,
        "{} of {all_bytes} bytes",
        trial.driver.memory_bytes()
    );
}

#[test]
fn final_results_of_overlapping_windows_come_in_the_order_of_their_ends() {
    let mut trial = Trial::of(final_windowed(&["COUNT()"], hopping(10, 5, 0)));
    trial.check(
        "+I 7 a 0\n+I 12 b 0\n+I 20 a 0",
        "+I 7 [0,10) a 1 0 10 7
         +I 7 [5,15) a 1 5 15 7
         +I 12 [5,15) b 1 5 15 12
         +I 12 [10,20) b 1 10 20 12",
    );
}

#[test]
fn final_results_that_event_time_has_overtaken_are_given_or_lost_as_asked() {
    let mut spec = final_windowed(&["COUNT()"], tumbling(10, 0));
    let input = "+I 1 a 0\n+I 11 a 0\n+I 35 a 0";
    Trial::of(spec.clone()).check(
        input,
        "+I 1 [0,10) a 1 0 10 1
         +I 11 [10,20) a 1 10 20 11",
    );
    spec.policy.overtaken = Overtaken::Forget;
    Trial::of(spec.clone()).check(input, "+I 1 [0,10) a 1 0 10 1");
    spec.window = Some(WindowSpec { retention_ms: Some(20), ..spec.window.expect("one") });
    assert_eq!(Trial::of(spec).run(input).len(), 2, "a longer retention keeps it");
}

#[test]
fn final_results_of_sessions_come_when_they_are_over() {
    let mut trial = Trial::of(final_windowed(&["COUNT()"], session(10, 5)));
    trial.check("+I 1 b 0\n+I 3 a 0\n+I 9 a 0\n+I 16 c 0", "");
    trial.check("+I 17 c 0", "+I 1 [1,1) b 1 1 1 1");
    trial.check(
        "+I 33 a 0",
        "+I 9 [3,9) a 2 3 9 9
         +I 17 [16,17) c 2 16 17 17",
    );
}
