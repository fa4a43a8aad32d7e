//! What follows from each change of a join of two tables.

use datafusion::common::JoinType;
use proptest::prelude::*;
use tidemill_sql::plan::join::JoinKind;

use crate::operators::Input;
use crate::operators::join::test_joins::{
    any_steps, check, driver, feed, same_however_run, spec, spec_with_before,
};

const KIND: JoinKind = JoinKind::TableTable;

#[test]
fn an_inner_join_has_a_result_while_both_rows_are_there() {
    check(
        &spec(KIND, JoinType::Inner),
        "L +I 5 a x
         R +I 3 a 1
         = +I 5 a x a 1
         R +U 8 a 2
         = +U 8 a x a 2
         L +U 6 a y
         = +U 8 a y a 2
         R -D 9 a _
         = -D 9 a y a 2
         L -D 10 a _
         L -D 11 a _",
    );
}

#[test]
fn a_left_join_has_a_result_while_the_left_row_is_there() {
    check(
        &spec(KIND, JoinType::Left),
        "R +I 1 a 1
         L +I 2 a x
         = +I 2 a x a 1
         R -D 3 a _
         = +U 3 a x _ _
         L -D 4 a _
         = -D 4 a x _ _
         R +I 5 a 2",
    );
}

#[test]
fn a_right_join_has_a_result_while_the_right_row_is_there() {
    check(
        &spec(KIND, JoinType::Right),
        "L +I 1 a x
         R +I 2 a 1
         = +I 2 a x a 1
         L -D 3 a _
         = +U 3 _ _ a 1
         R -D 4 a _
         = -D 4 _ _ a 1
         L +I 5 a y",
    );
}

#[test]
fn a_full_join_has_a_result_while_either_row_is_there() {
    check(
        &spec(KIND, JoinType::Full),
        "L +I 1 a x
         = +I 1 a x _ _
         R +I 2 a 1
         = +U 2 a x a 1
         L -D 3 a _
         = +U 3 _ _ a 1
         R -D 4 a _
         = -D 4 _ _ a 1
         R +I 5 b 7
         = +I 5 _ _ b 7",
    );
}

#[test]
fn the_removal_of_a_row_that_never_was_is_answered_where_the_other_side_has_one() {
    let removal_of_left = "R +I 5 a 1
         L -D 3 a _
         = -D 5 a _ a 1
         L -D 4 b _";
    check(&spec(KIND, JoinType::Inner), removal_of_left);
    check(&spec(KIND, JoinType::Left), removal_of_left);
    check(
        &spec(KIND, JoinType::Left),
        "L +I 1 a x
         = +I 1 a x _ _
         R -D 2 a _
         = +U 2 a x _ _
         R -D 3 b _",
    );
    check(
        &spec(KIND, JoinType::Full),
        "R +I 1 a 1
         = +I 1 _ _ a 1
         L -D 2 a _
         = +U 2 _ _ a 1",
    );
    let spec = spec_with_before(KIND, JoinType::Inner);
    check(
        &spec,
        "R +I 5 a 1
         L -D 6 a _",
    );
}

#[test]
fn updates_carry_the_result_they_replace_when_asked() {
    let spec = spec_with_before(KIND, JoinType::Left);
    check(
        &spec,
        "L +I 1 a x
         = +I 1 a x _ _
         R +I 2 a 1
         = -U 2 a x _ _
         = +U 2 a x a 1
         L +U 3 a y
         = -U 3 a x a 1
         = +U 3 a y a 1
         R -D 4 a _
         = -U 4 a y a 1
         = +U 4 a y _ _",
    );
}

#[test]
fn rows_without_a_key_and_deletes_of_nothing_are_counted_as_filtered() {
    let spec = spec(KIND, JoinType::Full);
    let mut driver = driver(&spec);
    feed(&mut driver, &spec, Input::Left, "+I 1 _ x\n-D 2 a _");
    assert_eq!(driver.take_rows(), [""; 0]);
    assert_eq!(driver.ledger.filtered, 2);
}

proptest! {
    #[test]
    fn batches_and_restarts_do_not_show(
        steps in any_steps(true, true),
        join_type in prop_oneof![
            Just(JoinType::Inner), Just(JoinType::Left), Just(JoinType::Right), Just(JoinType::Full)
        ],
        with_before: bool,
    ) {
        let mut spec = spec(KIND, join_type);
        spec.with_before = with_before;
        same_however_run(&spec, steps)?;
    }
}
