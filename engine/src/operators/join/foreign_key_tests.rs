//! What follows from each change of a foreign-key join. The left side's `V` refers to the right `K`.

use datafusion::common::JoinType;
use proptest::prelude::*;
use tidemill_sql::plan::join::JoinKind;

use crate::operators::Input;
use crate::operators::join::output::RESULT_ROWS_MAX;
use crate::operators::join::test_joins::{
    any_steps, check, driver, feed, same_however_run, spec, spec_with_before,
};

const KIND: JoinKind = JoinKind::ForeignKey;

#[test]
fn a_right_row_changes_the_results_of_all_that_refer_to_it() {
    check(
        &spec(KIND, JoinType::Inner),
        "L +I 5 n a
         L +I 6 m a
         L +I 7 o b
         R +I 1 a 1
         = +I 1 m a a 1
         = +I 1 n a a 1
         R +U 8 a 2
         = +U 8 m a a 2
         = +U 8 n a a 2
         R -D 9 a _
         = -D 9 m a a 2
         = -D 9 n a a 2",
    );
}

#[test]
fn a_left_row_that_refers_elsewhere_moves() {
    check(
        &spec(KIND, JoinType::Inner),
        "R +I 1 a 1
         R +I 9 b 2
         L +I 2 n a
         = +I 2 n a a 1
         L -U 3 n a
         L +U 3 n b
         = +U 9 n b b 2
         R +U 10 a 3
         R +U 11 b 4
         = +U 11 n b b 4
         L -U 12 n b
         L +U 12 n c
         = -D 12 n b b 4
         R +U 13 b 5
         L -U 14 n c
         L +U 14 n _
         = -D 14 n c _ _
         R +U 15 c 5",
    );
}

#[test]
fn a_left_row_that_refers_elsewhere_is_told_to_end_even_without_a_result() {
    check(
        &spec(KIND, JoinType::Inner),
        "L +I 1 n a
         L -U 2 n a
         L +U 2 n a
         L -U 3 n a
         L +U 3 n b
         = -D 3 n a _ _
         L -U 4 n b
         L +U 4 n _
         = -D 4 n b _ _
         L -D 5 n _
         R +I 20 a 1
         L +I 6 m a
         = +I 20 m a a 1
         L -U 7 m a
         L +U 7 m b
         = -D 7 m a a 1
         L -U 8 m b
         L +U 8 m a
         = +I 20 m a a 1
         L -D 9 m a
         = -D 20 m a a 1",
    );
}

#[test]
fn the_removal_of_a_right_row_that_never_was_is_answered_unless_rows_are_taken_back() {
    let script = "L +I 1 n a
         R -D 2 a _
         = -D 2 n a _ _
         R -D 3 b _";
    check(&spec(KIND, JoinType::Inner), script);
    let script = "L +I 1 n a
         = +I 1 n a _ _
         R -D 2 a _
         = +U 2 n a _ _";
    check(&spec(KIND, JoinType::Left), script);
    let spec = spec_with_before(KIND, JoinType::Inner);
    check(
        &spec,
        "L +I 1 n a
         R -D 2 a _",
    );
}

#[test]
fn the_removal_of_a_left_row_of_a_left_join_has_its_own_time() {
    check(
        &spec(KIND, JoinType::Left),
        "R +I 9 a 1
         L +I 1 n a
         = +I 9 n a a 1
         L -D 2 n a
         = -D 2 n a a 1",
    );
}

#[test]
fn a_change_of_a_right_row_is_told_at_its_own_time() {
    check(
        &spec(KIND, JoinType::Left),
        "L +I 5 n a
         = +I 5 n a _ _
         R +I 1 a 1
         = +U 1 n a a 1",
    );
}

#[test]
fn a_left_join_keeps_rows_that_refer_to_nothing() {
    check(
        &spec(KIND, JoinType::Left),
        "L +I 1 n a
         = +I 1 n a _ _
         L +I 2 m _
         = +I 2 m _ _ _
         R +I 3 a 1
         = +U 3 n a a 1
         R -D 4 a _
         = +U 4 n a _ _
         L -D 5 n a
         = -D 5 n a _ _
         L -D 6 m _
         = -D 6 m _ _ _
         R +I 7 a 1",
    );
}

#[test]
fn the_removal_of_a_left_row_is_told_even_without_a_result_unless_rows_are_taken_back() {
    let mut spec = spec(KIND, JoinType::Inner);
    check(
        &spec,
        "L +I 1 n a
         L -D 2 n a
         = -D 2 n a _ _
         L -D 3 n a",
    );
    spec.with_before = true;
    check(
        &spec,
        "L +I 1 n a
         L -D 2 n a
         R +I 3 a 1",
    );
}

#[test]
fn updates_carry_the_result_they_replace_when_asked() {
    let spec = spec_with_before(KIND, JoinType::Left);
    check(
        &spec,
        "L +I 1 n a
         = +I 1 n a _ _
         R +I 2 a 1
         = -U 2 n a _ _
         = +U 2 n a a 1
         L -U 3 n a
         L +U 3 n b
         = -U 3 n a a 1
         = +U 3 n b _ _",
    );
}

#[test]
fn more_references_than_a_batch_carries_come_out_in_several_in_order() {
    let spec = spec(KIND, JoinType::Inner);
    let mut driver = driver(&spec);
    let count = RESULT_ROWS_MAX * 2 + 7;
    let left: Vec<String> = (0..count).map(|row| format!("+I 1 k{row:06} a")).collect();
    let (stored, unstored) = left.split_at(count / 2);
    feed(&mut driver, &spec, Input::Left, &stored.join("\n"));
    driver.commit();
    driver.evict_all();
    feed(&mut driver, &spec, Input::Left, &unstored.join("\n"));
    feed(&mut driver, &spec, Input::Right, "+I 2 a 1");
    assert!(driver.out.len() > 1);
    assert!(driver.out.iter().all(|batch| batch.rows() < RESULT_ROWS_MAX * 2));
    let expected: Vec<String> = (0..count).map(|row| format!("+I 2 k{row:06} a a 1")).collect();
    assert_eq!(driver.take_rows(), expected);
}

proptest! {
    #[test]
    fn batches_and_restarts_do_not_show(
        steps in any_steps(true, true),
        inner: bool,
        with_before: bool,
    ) {
        let mut spec = spec(KIND, if inner { JoinType::Inner } else { JoinType::Left });
        spec.with_before = with_before;
        same_however_run(&spec, steps)?;
    }
}
