//! Sessions: how they grow, merge and replace each other.

use super::AggregateSpec;
use super::test_aggregations::{Trial, assert_rows, session, windowed};

#[test]
fn sessions_grow_and_merge() {
    Trial::of(windowed(&["COUNT()", "COLLECT_LIST(V)", "LATEST_BY_OFFSET(V)"], session(10, 100))).check(
        "+I 10 a 1
         +I 15 a 2
         +I 40 a 3
         +I 10 b 7
         +I 35 a 4
         +I 25 a 5
         +I 20 a 6",
        "+I 10 [10,10) a 1 [1] 1 10 10 10
         -D 10 [10,10) a _ _ _ 10 10 10
         +I 15 [10,15) a 2 [1, 2] 2 10 15 15
         +I 40 [40,40) a 1 [3] 3 40 40 40
         +I 10 [10,10) b 1 [7] 7 10 10 10
         -D 40 [40,40) a _ _ _ 40 40 40
         +I 40 [35,40) a 2 [3, 4] 4 35 40 40
         -D 15 [10,15) a _ _ _ 10 15 15
         -D 40 [35,40) a _ _ _ 35 40 40
         +I 40 [10,40) a 5 [1, 2, 3, 4, 5] 5 10 40 40
         -D 40 [10,40) a _ _ _ 10 40 40
         +I 40 [10,40) a 6 [1, 2, 3, 4, 5, 6] 6 10 40 40",
    );
}

#[test]
fn a_session_of_one_instant_is_updated_in_place() {
    Trial::of(windowed(&["COUNT()"], session(10, 0))).check(
        "+I 5 a 0\n+I 5 a 0",
        "+I 5 [5,5) a 1 5 5 5
         +U 5 [5,5) a 2 5 5 5",
    );
}

#[test]
fn closed_sessions_are_joined_by_nothing() {
    let mut trial = Trial::of(windowed(&["COUNT()"], session(10, 5)));
    trial.check(
        "+I 10 a 0
         +I 26 b 0
         +I 10 a 0
         +I 11 a 0",
        "+I 10 [10,10) a 1 10 10 10
         +I 26 [26,26) b 1 26 26 26
         +I 11 [11,11) a 1 11 11 11",
    );
    assert_eq!(trial.driver.ledger.late, 1);
    assert_eq!(
        trial.driver.reports[0].reason,
        "its session is closed: sessions that end before 11 are, at stream time 26"
    );
}

#[test]
fn a_round_gives_each_changed_session_once() {
    let mut trial = Trial::combining(windowed(&["SUM(V)"], session(10, 100)));
    trial.check(
        "+I 10 a 1\n+I 30 a 2\n+I 15 a 4\n+I 50 b 1",
        "+I 30 [30,30) a 2 30 30 30
         +I 15 [10,15) a 5 10 15 15
         +I 50 [50,50) b 1 50 50 50",
    );
    trial.check(
        "+I 22 a 8\n+I 25 a 0\n+I 50 b 1",
        "-D 15 [10,15) a _ 10 15 15
         -D 30 [30,30) a _ 30 30 30
         +I 30 [10,30) a 15 10 30 30
         +U 50 [50,50) b 2 50 50 50",
    );
    trial.check("+I 12 a 1", "+U 30 [10,30) a 16 10 30 30");
}

#[test]
fn withdrawn_sessions_carry_their_values_where_asked() {
    let spec = AggregateSpec { with_before: true, ..windowed(&["SUM(V)"], session(10, 100)) };
    let input = ["+I 10 a 1\n+I 30 a 2", "+I 20 a 4\n+I 50 b 1\n+I 50 b 1"];
    let mut each = Trial::of(spec.clone());
    let rows = input.iter().flat_map(|rows| each.run(rows)).collect();
    assert_rows(
        rows,
        "+I 10 [10,10) a 1 10 10 10
         +I 30 [30,30) a 2 30 30 30
         -D 10 [10,10) a 1 10 10 10
         -D 30 [30,30) a 2 30 30 30
         +I 30 [10,30) a 7 10 30 30
         +I 50 [50,50) b 1 50 50 50
         -U 50 [50,50) b 1 50 50 50
         +U 50 [50,50) b 2 50 50 50",
    );
    let mut combined = Trial::combining(spec);
    let rows = input.iter().flat_map(|rows| combined.run(rows)).collect();
    assert_rows(
        rows,
        "+I 10 [10,10) a 1 10 10 10
         +I 30 [30,30) a 2 30 30 30
         -D 10 [10,10) a 1 10 10 10
         -D 30 [30,30) a 2 30 30 30
         +I 30 [10,30) a 7 10 30 30
         +I 50 [50,50) b 2 50 50 50",
    );
}
