//! Aggregations at work, for tests: rows in, and what follows from them. The columns of a result are the
//! group, the calls, for windows their bounds, and ROWTIME.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::scalar::ScalarValue;
use tidemill_sql::lookup::{AggregateFunction as _, SourceKind, WindowKind, WindowSpec};
use tidemill_sql::plan::Emit;

use super::{AggregatePolicy, AggregateSpec, CallSpec, build};
use crate::aggregates;
use crate::batch::ChangeBatch;
use crate::error::Error;
use crate::operators::Input;
use crate::operators::driver::{Driver, batch};
use crate::state::StateRoom;

/// An aggregation over the columns `K STRING, V INTEGER`, grouped by `K`. Calls are written as in SQL.
pub(super) fn spec(calls: &[&str]) -> AggregateSpec {
    let input = Arc::new(Schema::new(vec![
        Field::new("K", DataType::Utf8, true),
        Field::new("V", DataType::Int32, true),
    ]));
    AggregateSpec {
        groups: vec![input.field(0).clone()],
        calls: calls.iter().map(|text| call(text)).collect(),
        input,
        window: None,
        input_kind: SourceKind::Stream,
        emit: Emit::Changes,
        policy: AggregatePolicy::default(),
        with_before: false,
    }
}

fn call(text: &str) -> CallSpec {
    let (function, arguments) = text.strip_suffix(')').and_then(|text| text.split_once('(')).expect("a call");
    let arguments: Vec<&str> =
        arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()).collect();
    let constants: Vec<Option<ScalarValue>> = arguments
        .iter()
        .map(|argument| argument.parse().ok().map(|number| ScalarValue::Int32(Some(number))))
        .collect();
    let types: Vec<DataType> = arguments.iter().map(|_| DataType::Int32).collect();
    let return_type =
        aggregates::lookup(function).expect("a function").return_type(&types, &constants).expect("legal");
    CallSpec {
        function: function.to_owned(),
        arguments: arguments.iter().map(|_| 1).collect(),
        constants,
        name: text.to_owned(),
        return_type,
        entries_max: None,
    }
}

pub(super) fn tumbling(size_ms: i64, grace_ms: i64) -> Option<WindowSpec> {
    Some(WindowSpec { kind: WindowKind::Tumbling { size_ms }, grace_ms, retention_ms: None })
}

pub(super) fn hopping(size_ms: i64, advance_ms: i64, grace_ms: i64) -> Option<WindowSpec> {
    Some(WindowSpec { kind: WindowKind::Hopping { size_ms, advance_ms }, grace_ms, retention_ms: None })
}

pub(super) fn session(gap_ms: i64, grace_ms: i64) -> Option<WindowSpec> {
    Some(WindowSpec { kind: WindowKind::Session { gap_ms }, grace_ms, retention_ms: None })
}

/// An aggregation in windows.
pub(super) fn windowed(calls: &[&str], window: Option<WindowSpec>) -> AggregateSpec {
    AggregateSpec { window, ..spec(calls) }
}

/// The same with results when windows are closed.
pub(super) fn final_windowed(calls: &[&str], window: Option<WindowSpec>) -> AggregateSpec {
    AggregateSpec { emit: Emit::Final, ..windowed(calls, window) }
}

/// An aggregation of a table.
pub(super) fn of_table(calls: &[&str]) -> AggregateSpec {
    AggregateSpec { input_kind: SourceKind::Table, ..spec(calls) }
}

/// Why an aggregation is not run.
#[track_caller]
pub(super) fn refusal(spec: &AggregateSpec) -> Error {
    match build(spec, StateRoom { prefix: bytes::Bytes::from_static(b"r"), fresh: true }) {
        Err(error) => error,
        Ok(_) => panic!("it was taken"),
    }
}

/// An aggregation in an empty store.
pub(super) struct Trial {
    spec: AggregateSpec,
    /// What runs it.
    pub(super) driver: Driver,
}

impl Trial {
    /// One that passes on every update.
    pub(super) fn of(spec: AggregateSpec) -> Trial {
        let built = spec.clone();
        Trial { driver: Driver::new(move |room| build(&built, room)), spec }
    }

    /// One that gives each changed group once a round.
    pub(super) fn combining(spec: AggregateSpec) -> Trial {
        let trial = Trial::of(spec);
        Trial { driver: trial.driver.combining(), ..trial }
    }

    /// Rows of its input.
    pub(super) fn batch(&self, rows: &str) -> ChangeBatch {
        batch(&self.spec.input, rows)
    }

    /// Feeds rows in one batch.
    #[track_caller]
    pub(super) fn push(&mut self, rows: &str) {
        self.push_batch(self.batch(rows));
    }

    /// Feeds a batch.
    #[track_caller]
    pub(super) fn push_batch(&mut self, rows: ChangeBatch) {
        self.driver.push(Input::Left, rows).expect("takes the rows");
    }

    /// Feeds rows in one batch and ends the round; gives the results.
    #[track_caller]
    pub(super) fn run(&mut self, rows: &str) -> Vec<String> {
        self.push(rows);
        self.driver.flush().expect("flushes");
        self.driver.take_rows()
    }

    /// Feeds rows in one batch and ends the round: these are the results.
    #[track_caller]
    pub(super) fn check(&mut self, rows: &str, expected: &str) {
        assert_rows(self.run(rows), expected);
    }
}

/// Compares rows with their text, one a line.
#[track_caller]
pub(super) fn assert_rows(found: Vec<String>, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found, expected);
}
