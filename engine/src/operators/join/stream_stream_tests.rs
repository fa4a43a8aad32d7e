//! What follows from each record of a stream-stream join.

use std::sync::Arc;

use datafusion::common::JoinType;
use proptest::prelude::*;
use tidemill_sql::lookup::WindowKind;
use tidemill_sql::plan::join::JoinKind;

use super::RETENTION_MS;
use crate::batch::{ChangeBatch, Headers};
use crate::operators::driver::batch;
use crate::operators::join::JoinSpec;
use crate::operators::join::test_joins::{any_steps, check, driver, feed, same_however_run, spec};
use crate::operators::{Dropped, Input};

fn within(before_ms: i64, after_ms: i64, grace_ms: Option<i64>, join_type: JoinType) -> JoinSpec {
    spec(JoinKind::StreamStream { before_ms, after_ms, grace_ms }, join_type)
}

#[test]
fn records_meet_within_the_bounds_and_in_the_order_of_their_times() {
    check(
        &within(10, 5, None, JoinType::Inner),
        "L +I 100 a x
         R +I 90 a 1
         = +I 100 a x a 1
         R +I 106 a 2
         R +I 105 a 3
         = +I 105 a x a 3
         R +I 89 a 4
         L +I 100 a y
         = +I 100 a y a 1
         = +I 105 a y a 3
         L +I 100 b z",
    );
}

#[test]
fn an_unmatched_record_waits_until_its_window_and_grace_are_over() {
    check(
        &within(10, 10, Some(20), JoinType::Left),
        "L +I 100 a x
         L +I 130 b y
         R +I 108 a 1
         = +I 108 a x a 1
         L +I 160 c z
         L +I 161 d w
         = +I 130 b y _ _
         R +I 192 e 1
         = +I 160 c z _ _
         = +I 161 d w _ _",
    );
}

#[test]
fn a_record_behind_its_window_is_passed_on_alone_by_an_outer_join() {
    check(
        &within(10, 10, Some(20), JoinType::Left),
        "L +I 200 a x
         L +I 100 b y
         = +I 100 b y _ _
         R +I 100 b 1",
    );
}

#[test]
fn a_record_that_comes_behind_its_window_does_not_wait_for_the_grace() {
    check(
        &within(10, 10, Some(50), JoinType::Full),
        "L +I 100 a x
         L +I 89 b y
         = +I 89 b y _ _
         R +I 90 b 1
         = +I 90 b y b 1
         R +I 90 c 2
         L +I 160 d z
         = +I 90 _ _ c 2
         R +I 161 e 3
         = +I 100 a x _ _",
    );
}

#[test]
fn records_that_have_waited_come_out_by_their_times_then_the_right_side_then_by_their_keys() {
    check(
        &within(30, 30, Some(0), JoinType::Full),
        "L +I 100 b x
         L +I 100 a y
         R +I 100 c 1
         R +I 99 d 2
         L +I 110 e z
         L +I 200 f w
         = +I 99 _ _ d 2
         = +I 100 _ _ c 1
         = +I 100 a y _ _
         = +I 100 b x _ _
         = +I 110 e z _ _",
    );
}

#[test]
fn a_full_join_passes_on_both_sides_in_the_order_of_their_windows() {
    check(
        &within(10, 10, Some(0), JoinType::Full),
        "L +I 100 a x
         R +I 105 b 1
         L +I 116 c y
         = +I 100 a x _ _
         = +I 105 _ _ b 1
         R +I 120 c 2
         = +I 120 c y c 2
         L +I 140 d z
         L +I 141 _ n
         = +I 141 _ n _ _
         R +N 142 a _
         R +I 151 f 9
         = +I 140 d z _ _",
    );
}

#[test]
fn a_right_join_passes_on_unmatched_records_of_the_right() {
    check(
        &within(10, 0, Some(5), JoinType::Right),
        "R +I 100 a 1
         L +I 116 b x
         = +I 100 _ _ a 1
         R +I 110 b 2
         = +I 116 b x b 2
         R +I 117 _ 3
         = +I 117 _ _ _ 3
         L +I 150 _ y",
    );
}

#[test]
fn without_grace_an_unmatched_record_is_passed_on_at_once() {
    check(
        &within(10, 10, None, JoinType::Left),
        "L +I 0 a x
         = +I 0 a x _ _
         R +I 10 a 1
         = +I 10 a x a 1
         R +I 30 a 2
         L +I 35 a y
         = +I 35 a y a 2",
    );
}

#[test]
fn without_grace_records_are_kept_for_a_day_by_the_time_of_their_side() {
    check(
        &within(10, 10, None, JoinType::Inner),
        &format!(
            "L +I 0 a x
             L +I {RETENTION_MS} b y
             R +I 5 a 1
             = +I 5 a x a 1
             L +I {} b z
             R +I 6 a 2",
            RETENTION_MS + 1
        ),
    );
}

#[test]
fn an_inner_join_counts_what_comes_too_late_and_what_cannot_match() {
    let spec = within(10, 10, Some(0), JoinType::Inner);
    let mut driver = driver(&spec);
    let left = batch(&spec.left.schema, "+I 100 a x\n+I 79 a y\n+I 80 a z\n+I 100 _ x\n+N 100 a _");
    driver.push(Input::Left, left).expect("joins");
    assert_eq!(driver.take_rows(), [""; 0]);
    assert_eq!((driver.ledger.late, driver.ledger.filtered), (1, 2));
    assert_eq!(driver.reports.len(), 1);
    assert_eq!((&driver.reports[0].dropped, driver.reports[0].time_ms), (&Dropped::Late, 79));
}

#[test]
fn what_has_expired_leaves_the_store_and_the_memory() {
    let spec = within(10, 10, Some(0), JoinType::Left);
    let mut driver = driver(&spec);
    let mut sizes = Vec::new();
    for round in 0..20 {
        let rows: Vec<String> = (0..50).map(|row| format!("+I {} k{row} x", round * 10_000 + row)).collect();
        driver.push(Input::Left, batch(&spec.left.schema, &rows.join("\n"))).expect("joins");
        driver.commit();
        sizes.push((driver.stored_entries(), driver.memory_bytes()));
    }
    assert_eq!(sizes[19].0, sizes[1].0);
    assert!(sizes[19].1 <= sizes[1].1 * 2, "{sizes:?}");
}

#[test]
fn headers_are_those_of_the_record_that_led_to_the_result() {
    let spec = within(10, 10, Some(0), JoinType::Left);
    let mut driver = driver(&spec);
    let with_header = |batch: ChangeBatch, name: &str| {
        let headers: Headers = Arc::from([(Arc::from(name), None)]);
        ChangeBatch { headers: Some(Arc::from([headers])), ..batch }
    };
    let left = with_header(batch(&spec.left.schema, "+I 100 a x"), "left");
    driver.push(Input::Left, left).expect("joins");
    let right = with_header(batch(&spec.right.schema, "+I 101 a 1"), "right");
    driver.push(Input::Right, right).expect("joins");
    let headers = driver.out[0].headers.as_ref().expect("headers");
    assert_eq!(&*headers[0][0].0, "right");
}

#[test]
fn windowed_records_meet_those_of_their_own_window_only() {
    let spec = within(10, 10, Some(0), JoinType::Full);
    let mut driver = driver(&spec);
    feed(&mut driver, &spec, Input::Left, "+I 100 [0,50) a x");
    feed(&mut driver, &spec, Input::Right, "+I 101 [50,100) a 1");
    feed(&mut driver, &spec, Input::Right, "+I 102 [0,50) b 2");
    feed(&mut driver, &spec, Input::Left, "+I 103 [0,50) b y");
    feed(&mut driver, &spec, Input::Left, "+I 200 [100,200) c z");
    assert_eq!(
        driver.take_rows(),
        ["+I 103 [0,50) b y b 2", "+I 100 [0,50) a x _ _", "+I 101 [50,100) _ _ a 1"]
    );
}

#[test]
fn windows_of_different_sizes_meet_where_they_start_together_and_the_result_has_the_left_ones() {
    let sized = JoinSpec {
        window: Some(WindowKind::Hopping { size_ms: 50, advance_ms: 10 }),
        ..within(10, 10, Some(0), JoinType::Full)
    };
    let mut driver = driver(&sized);
    feed(&mut driver, &sized, Input::Left, "+I 100 [90,140) a x");
    feed(&mut driver, &sized, Input::Right, "+I 101 [90,110) a 1");
    feed(&mut driver, &sized, Input::Right, "+I 102 [100,120) b 2");
    driver.commit();
    driver.restart();
    feed(&mut driver, &sized, Input::Left, "+I 200 [190,240) c y");
    assert_eq!(driver.take_rows(), ["+I 101 [90,140) a x a 1", "+I 102 [100,150) _ _ b 2"]);
}

#[test]
fn windows_close_by_the_event_time_of_other_shards_too() {
    let spec = within(10, 10, Some(0), JoinType::Left);
    let mut driver = driver(&spec);
    feed(&mut driver, &spec, Input::Left, "+I 100 [0,50) a x");
    driver.commit();
    driver.restart();
    driver.advance(Input::Right, 110).expect("advances");
    assert!(driver.take_rows().is_empty(), "a partner may still come");
    driver.advance(Input::Right, 111).expect("advances");
    assert_eq!(driver.take_rows(), ["+I 100 [0,50) a x _ _"]);
}

#[test]
fn records_expire_by_the_event_time_of_their_side_in_all_shards() {
    let spec = within(10, 10, Some(0), JoinType::Inner);
    let mut driver = driver(&spec);
    feed(&mut driver, &spec, Input::Left, "+I 100 a x");
    driver.advance(Input::Right, 500).expect("advances");
    feed(&mut driver, &spec, Input::Right, "+I 105 a 1");
    assert_eq!(driver.take_rows(), ["+I 105 a x a 1"], "the left side has not come far");
    driver.advance(Input::Left, 121).expect("advances");
    feed(&mut driver, &spec, Input::Right, "+I 106 a 2");
    assert!(driver.take_rows().is_empty());
}

proptest! {
    #[test]
    fn batches_and_restarts_do_not_show(
        steps in any_steps(false, false),
        join_type in prop_oneof![
            Just(JoinType::Inner), Just(JoinType::Left), Just(JoinType::Right), Just(JoinType::Full)
        ],
        before_ms in 0_i64..8_000,
        after_ms in 0_i64..8_000,
        grace_ms in proptest::option::of(0_i64..8_000),
    ) {
        same_however_run(&within(before_ms, after_ms, grace_ms, join_type), steps)?;
    }
}
