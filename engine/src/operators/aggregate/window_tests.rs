//! Windows: which of them a row is in, and until when they take rows.

use tidemill_sql::plan::Emit;

use super::AggregateSpec;
use super::test_aggregations::{Trial, hopping, session, tumbling, windowed};
use crate::operators::{Input, REPORTS_MAX};

#[test]
fn a_tumbling_window_takes_rows_until_it_is_closed() {
    let mut trial = Trial::of(windowed(&["MAX(V)"], tumbling(10, 5)));
    trial.check(
        "+I 3 a 1
         +I 14 a 2
         +I 7 a 5
         +I 15 b 3
         +I 9 a 9
         +I 12 a 1",
        "+I 3 [0,10) a 1 0 10 3
         +I 14 [10,20) a 2 10 20 14
         +U 7 [0,10) a 5 0 10 7
         +I 15 [10,20) b 3 10 20 15
         +U 14 [10,20) a 2 10 20 14",
    );
    assert_eq!(trial.driver.ledger.late, 1);
    assert_eq!(trial.driver.reports.len(), 1);
    assert_eq!(trial.driver.reports[0].time_ms, 9);
    assert_eq!(trial.driver.reports[0].reason, "its window [0, 10) was closed at 15; stream time is 15");
}

#[test]
fn a_row_counts_in_every_open_window_it_is_in() {
    let mut trial = Trial::of(windowed(&["COUNT()"], hopping(10, 5, 0)));
    trial.check(
        "+I 7 a 0
         +I 12 a 0
         +I 8 a 0
         +I 15 b 0
         +I 9 a 0",
        "+I 7 [0,10) a 1 0 10 7
         +I 7 [5,15) a 1 5 15 7
         +U 12 [5,15) a 2 5 15 12
         +I 12 [10,20) a 1 10 20 12
         +U 12 [5,15) a 3 5 15 12
         +I 15 [10,20) b 1 10 20 15
         +I 15 [15,25) b 1 15 25 15",
    );
    assert_eq!(trial.driver.ledger.late, 1, "the row at 9 found all its windows closed, that at 8 only one");
}

#[test]
fn a_row_before_the_epoch_is_rejected() {
    for window in [tumbling(10, 0), session(10, 0)] {
        let mut trial = Trial::of(windowed(&["COUNT()"], window));
        trial.check("+I -1 a 0", "");
        assert_eq!((trial.driver.ledger.rejected, trial.driver.reports.len()), (1, 1));
    }
}

#[test]
fn windows_close_by_the_event_time_of_other_shards_too() {
    for (window, emit, closed) in [
        (tumbling(10, 0), Emit::Final, vec!["+I 1 [0,10) a 1 0 10 1"]),
        (session(5, 0), Emit::Final, vec!["+I 1 [1,1) a 1 1 1 1"]),
        (tumbling(10, 0), Emit::Changes, vec![]),
        (session(5, 0), Emit::Changes, vec![]),
    ] {
        let mut trial = Trial::of(AggregateSpec { emit, ..windowed(&["COUNT()"], window) });
        trial.run("+I 1 a 0");
        trial.driver.advance(Input::Left, 20).expect("advances");
        assert_eq!(trial.driver.take_rows(), closed);
        trial.driver.commit();
        trial.driver.restart();
        trial.run("+I 2 a 0");
        assert_eq!(trial.driver.ledger.late, 1, "what time has closed stays closed");
    }
}

#[test]
fn a_row_is_late_by_the_stream_time_it_brings_along() {
    for window in [tumbling(10, 0), session(5, 0)] {
        let mut trial = Trial::of(windowed(&["COUNT()"], window));
        let mut rows = trial.batch("+I 1 a 0\n+I 2 a 0\n+I 33 a 0");
        rows.stream_times_ms = Some(vec![1, 30, 33].into());
        trial.push_batch(rows);
        assert_eq!(trial.driver.ledger.late, 1, "the second row comes after one of 30 in another shard");
    }
}

#[test]
fn however_many_rows_are_late_all_are_counted_and_a_bounded_number_is_reported() {
    for window in [tumbling(10, 0), session(1, 0)] {
        let mut trial = Trial::combining(windowed(&["COUNT()"], window));
        trial.push("+I 1000 a 0");
        trial.push(&"+I 1 a 0\n".repeat(3_000));
        assert_eq!((trial.driver.ledger.late, trial.driver.reports.len()), (3_000, REPORTS_MAX));
    }
}
