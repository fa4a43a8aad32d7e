//! What follows from each record of a stream-table join.

use datafusion::common::JoinType;
use proptest::prelude::*;
use tidemill_sql::plan::join::JoinKind;

use crate::error::ErrorKind;
use crate::operators::Input;
use crate::operators::driver::batch;
use crate::operators::join::build;
use crate::operators::join::test_joins::{any_steps, check, driver, feed, same_however_run, spec};
use crate::state::StateRoom;

#[test]
fn an_inner_join_passes_on_records_that_meet_a_row() {
    check(
        &spec(JoinKind::StreamTable, JoinType::Inner),
        "L +I 5 a x
         R +I 10 a 1
         L +I 7 a x
         = +I 7 a x a 1
         L +I 8 b y
         R +U 3 a 2
         L +I 9 a z
         = +I 9 a z a 2
         R -D 11 a _
         L +I 12 a z",
    );
}

#[test]
fn a_left_join_passes_on_every_record_that_has_a_value() {
    check(
        &spec(JoinKind::StreamTable, JoinType::Left),
        "L +I 5 a x
         = +I 5 a x _ _
         R +I 10 a 1
         L +I 7 a x
         = +I 7 a x a 1
         L +N 8 a _
         L +I 9 _ x
         = +I 9 _ x _ _
         R +I 10 _ 5
         L +I 10 _ x
         = +I 10 _ x _ _",
    );
}

#[test]
fn dropped_records_are_counted_as_filtered() {
    let spec = spec(JoinKind::StreamTable, JoinType::Inner);
    let mut driver = driver(&spec);
    let left = batch(&spec.left.schema, "+I 1 a x\n+I 2 _ x\n+N 3 a _");
    driver.push(Input::Left, left).expect("joins");
    assert_eq!(driver.take_rows(), [""; 0]);
    assert_eq!(driver.ledger.filtered, 3);
}

#[test]
fn a_deleted_row_leaves_no_entry_behind() {
    let spec = spec(JoinKind::StreamTable, JoinType::Inner);
    let mut driver = driver(&spec);
    feed(&mut driver, &spec, Input::Right, "+I 1 a 1\n+I 2 b 2");
    driver.commit();
    assert_eq!(driver.stored_entries(), 2);
    feed(&mut driver, &spec, Input::Right, "-D 3 a _");
    driver.commit();
    assert_eq!(driver.stored_entries(), 1);
}

#[test]
fn damaged_state_is_refused() {
    let spec = spec(JoinKind::StreamTable, JoinType::Inner);
    let mut driver = driver(&spec);
    feed(&mut driver, &spec, Input::Right, "+I 1 a 1");
    driver.commit();
    driver.damage_values();
    driver.restart();
    let error = driver.push(Input::Left, batch(&spec.left.schema, "+I 1 a x")).expect_err("damaged");
    assert_eq!(error.kind, ErrorKind::Corrupt);
}

#[test]
fn a_right_join_is_refused_with_its_condition() {
    let spec = spec(JoinKind::StreamTable, JoinType::Right);
    let room = StateRoom { prefix: bytes::Bytes::from_static(b"room"), fresh: true };
    let error = build(&spec, room).err().expect("refused");
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert!(error.message.contains("(K) = (K)"), "{}", error.message);
}

proptest! {
    #[test]
    fn batches_and_restarts_do_not_show(steps in any_steps(false, true), inner: bool) {
        let join_type = if inner { JoinType::Inner } else { JoinType::Left };
        same_however_run(&spec(JoinKind::StreamTable, join_type), steps)?;
    }
}
