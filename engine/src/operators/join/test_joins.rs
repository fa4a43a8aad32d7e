//! Examples of joins, for tests: inputs with what follows from each.
//!
//! A script has one input a line, `L` or `R` for the side and then the row, and below it the rows that
//! follow from it, each behind `=`. The left side has the columns `K STRING, V STRING`, the right one
//! `K STRING, W INTEGER`, and both join on `K`, except that a foreign-key join meets the left side's
//! `V`. All columns are part of the result.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::JoinType;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tidemill_sql::plan::join::JoinKind;
use tidemill_storage::state::WriteBatch;

use super::{JoinSide, JoinSpec, build};
use crate::operators::Input;
use crate::operators::driver::{Driver, batch};
use crate::operators::interleaved::Interleaved;

pub(super) fn spec(kind: JoinKind, join_type: JoinType) -> JoinSpec {
    let side = |value: &str, data_type: DataType, key: usize| JoinSide {
        schema: Arc::new(Schema::new(vec![
            Field::new("K", DataType::Utf8, true),
            Field::new(value, data_type, true),
        ])),
        output_columns: 2,
        key: vec![key],
        primary_key: vec![0],
    };
    let left = side("V", DataType::Utf8, usize::from(kind == JoinKind::ForeignKey));
    let right = side("W", DataType::Int32, 0);
    let output = Arc::new(Schema::new(vec![
        Field::new("L_K", DataType::Utf8, true),
        Field::new("V", DataType::Utf8, true),
        Field::new("R_K", DataType::Utf8, true),
        Field::new("W", DataType::Int32, true),
    ]));
    JoinSpec { kind, join_type, left, right, output, window: None, with_before: false }
}

pub(super) fn driver(spec: &JoinSpec) -> Driver {
    let spec = spec.clone();
    Driver::new(move |room| build(&spec, room))
}

/// The same of tables, with the rows that results replace.
pub(super) fn spec_with_before(kind: JoinKind, join_type: JoinType) -> JoinSpec {
    JoinSpec { with_before: true, ..spec(kind, join_type) }
}

/// Gives a join rows of one side.
pub(super) fn feed(driver: &mut Driver, spec: &JoinSpec, side: Input, rows: &str) {
    let schema = match side {
        Input::Left => &spec.left.schema,
        Input::Right => &spec.right.schema,
    };
    driver.push(side, batch(schema, rows)).expect("joins");
}

/// One input of a script.
pub(super) type Step = (Input, String);

/// What happens in front of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Between {
    /// Nothing: the step joins the batch of the steps before it, if it is of their side.
    Nothing,
    /// A new batch begins.
    Cut,
    /// A commit.
    Commit,
    /// A commit that is done only when the next one begins.
    SlowCommit,
    /// A commit, after which everything that can be forgotten is.
    Evict,
    /// A commit and a restart.
    Restart,
}

/// Runs steps with `between` in front of each. Gives everything that came out.
pub(super) fn run(spec: &JoinSpec, steps: &[Step], between: impl Fn(usize) -> Between) -> Vec<String> {
    let mut driver = driver(spec);
    let mut on_its_way: Option<WriteBatch> = None;
    let mut from = 0;
    for (index, (side, _)) in steps.iter().enumerate() {
        let between = between(index);
        if index > from && (between != Between::Nothing || *side != steps[from].0) {
            push(spec, &mut driver, &steps[from..index]);
            from = index;
        }
        if !matches!(between, Between::Nothing | Between::Cut)
            && let Some(changes) = on_its_way.take()
        {
            driver.finish_commit(changes);
        }
        match between {
            Between::Nothing | Between::Cut => {}
            Between::Commit => driver.commit(),
            Between::SlowCommit => on_its_way = Some(driver.begin_commit()),
            Between::Evict => {
                driver.commit();
                driver.evict_all();
            }
            Between::Restart => {
                driver.commit();
                driver.restart();
            }
        }
    }
    push(spec, &mut driver, &steps[from..]);
    driver.take_rows()
}

fn push(spec: &JoinSpec, driver: &mut Driver, steps: &[Step]) {
    let Some((side, _)) = steps.first() else { return };
    let rows: Vec<&str> = steps.iter().map(|(_, row)| row.as_str()).collect();
    feed(driver, spec, *side, &rows.join("\n"));
}

/// Runs steps, so many of both sides at once. Gives everything that came out.
pub(super) fn run_interleaved(spec: &JoinSpec, steps: &[Step], at_once: usize) -> Vec<String> {
    let mut driver = driver(spec);
    for steps in steps.chunks(at_once.max(1)) {
        let of = |side: Input| -> Vec<&str> {
            steps.iter().filter(|(of, _)| *of == side).map(|(_, row)| row.as_str()).collect()
        };
        let (left, right) = (of(Input::Left), of(Input::Right));
        if left.is_empty() || right.is_empty() {
            push(spec, &mut driver, steps);
            continue;
        }
        let left = batch(&spec.left.schema, &left.join("\n"));
        let right = batch(&spec.right.schema, &right.join("\n"));
        let turns = steps.iter().map(|(side, _)| (*side, 1)).collect();
        driver.push_both(&Interleaved::new(left, right, turns)).expect("joins");
    }
    driver.take_rows()
}

/// Runs a script input by input and compares what follows from each, then shows that batches, commits,
/// forgetting and restarts change nothing.
pub(super) fn check(spec: &JoinSpec, script: &str) {
    let mut steps: Vec<Step> = Vec::new();
    let mut expected: Vec<Vec<String>> = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (first, rest) = line.split_once(' ').expect("a side or a result, and a row");
        match first {
            "L" => steps.push((Input::Left, rest.to_owned())),
            "R" => steps.push((Input::Right, rest.to_owned())),
            "=" => {
                expected.last_mut().expect("a result follows from an input").push(rest.to_owned());
                continue;
            }
            other => panic!("no side: {other}"),
        }
        expected.push(Vec::new());
    }
    let mut driver = driver(spec);
    for (step, expected) in steps.iter().zip(&expected) {
        push(spec, &mut driver, std::slice::from_ref(step));
        assert_eq!(&driver.take_rows(), expected, "after {step:?}");
    }
    let expected = expected.concat();
    for between in [Between::Nothing, Between::Commit, Between::SlowCommit, Between::Evict, Between::Restart]
    {
        assert_eq!(run(spec, &steps, |_| between), expected, "with {between:?} in front of each step");
    }
    for chunk in [2, 3, steps.len()] {
        assert_eq!(run_interleaved(spec, &steps, chunk), expected, "{chunk} inputs at once");
    }
}

/// Any inputs, few keys and times close together so that they meet: of tables where `updates` says so.
pub(super) fn any_steps(
    left_updates: bool,
    right_updates: bool,
) -> impl Strategy<Value = Vec<(Step, Between)>> {
    let row = (any::<bool>(), 0_u8..4, 0_i64..40_000, 0_u8..4, 0_u8..3);
    let step = row.prop_map(move |(is_left, kind, time_ms, key, value)| {
        let updates = if is_left { left_updates } else { right_updates };
        let kind = match (updates, kind) {
            (true, 0) => "-D",
            (true, _) => "+U",
            (false, 0) => "+N",
            (false, _) => "+I",
        };
        let key = ["a", "b", "c", "_"][usize::from(key)];
        if is_left {
            let foreign_key = ["a", "b", "_"][usize::from(value)];
            (Input::Left, format!("{kind} {time_ms} {key} {foreign_key}"))
        } else {
            (Input::Right, format!("{kind} {time_ms} {key} {value}"))
        }
    });
    let between = prop_oneof![
        6 => Just(Between::Nothing),
        2 => Just(Between::Cut),
        1 => Just(Between::Commit),
        1 => Just(Between::SlowCommit),
        1 => Just(Between::Evict),
        1 => Just(Between::Restart),
    ];
    proptest::collection::vec((step, between), 1..40)
}

/// Shows that the same input gives the same output however it is cut and interrupted.
pub(super) fn same_however_run(spec: &JoinSpec, steps: Vec<(Step, Between)>) -> Result<(), TestCaseError> {
    let (steps, between): (Vec<Step>, Vec<Between>) = steps.into_iter().unzip();
    let one_by_one = run(spec, &steps, |_| Between::Cut);
    prop_assert_eq!(&run(spec, &steps, |_| Between::Nothing), &one_by_one);
    prop_assert_eq!(&run(spec, &steps, |step| between[step]), &one_by_one);
    prop_assert_eq!(&run_interleaved(spec, &steps, 5), &one_by_one);
    Ok(())
}
