//! GROUP BY: what it is made of, and which operator runs it.
//!
//! The input's rows have the group expressions and the arguments of the aggregates as columns; a
//! projection before the aggregation computes them. The output has the groups, the results, for
//! windows `WINDOWSTART` and `WINDOWEND`, and `ROWTIME`.
//!
//! - [`super::window_aggregate`] runs it without windows and with tumbling and hopping ones,
//! - [`super::session_aggregate`] with sessions,
//! - [`super::suppress`] holds back the results of EMIT FINAL.
//!
//! The parts both share are here: [`admission`] (which rows count), [`keys`] (group keys as bytes),
//! [`calls`] (the accumulators of all calls), [`steps`] (changes that may be applied together) and
//! [`output`] (rows of results).

pub(super) mod admission;
pub(super) mod calls;
pub(super) mod keys;
pub(super) mod output;
pub(super) mod steps;

use std::fmt;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::scalar::ScalarValue;
use serde::{Deserialize, Serialize};
use tidemill_sql::lookup::{AggregateFunction as _, SourceKind, WindowKind, WindowSpec};
use tidemill_sql::plan::Emit;
use tidemill_sql::plan::source::{ROWTIME, WINDOWEND, WINDOWSTART};

use super::Operator;
use super::session_aggregate::SessionAggregate;
use super::window_aggregate::WindowAggregate;
use crate::aggregates;
use crate::error::{Error, ErrorKind, Result};
use crate::state::StateRoom;
use crate::windows::{FixedClosing, FixedWindows, SessionClosing};

/// The most windows one row may be in. Each is a group of its own, so that a row's work and state
/// grow with their number.
const WINDOWS_PER_ROW_MAX: u64 = 10_000;

/// An aggregation.
#[derive(Clone, Debug)]
pub struct AggregateSpec {
    /// Columns of the input.
    pub input: SchemaRef,
    /// The group expressions: as many first columns of the input, and the first columns of the output
    /// under these names.
    pub groups: Vec<Field>,
    /// The aggregates.
    pub calls: Vec<CallSpec>,
    /// The WINDOW clause.
    pub window: Option<WindowSpec>,
    /// Whether the input is a stream (rows add) or a table (rows add and take back).
    pub input_kind: SourceKind,
    /// When results are passed on.
    pub emit: Emit,
    /// What becomes of results where ksqlDB and this server differ.
    pub policy: AggregatePolicy,
    /// Whether a changed result is preceded by the one it replaces, and a withdrawn one carries its
    /// values, as operators on tables need. A topic does not.
    pub with_before: bool,
}

/// One call of an aggregate function.
#[derive(Clone, Debug)]
pub struct CallSpec {
    /// Name of the function, in any case.
    pub function: String,
    /// Columns of the input with its arguments.
    pub arguments: Vec<usize>,
    /// The value of each argument that is a literal.
    pub constants: Vec<Option<ScalarValue>>,
    /// Name of the result column.
    pub name: String,
    /// Type of the result, as the function has it for the arguments.
    pub return_type: DataType,
    /// The most entries a collection may hold, where that is limited.
    pub entries_max: Option<usize>,
}

/// What becomes of results where ksqlDB and this server differ; the default is this server's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AggregatePolicy {
    /// Of final results that event time has overtaken.
    pub overtaken: Overtaken,
    /// Of sums that do not fit their type.
    pub overflow: Overflow,
}

/// What becomes of the sum of a DECIMAL that does not fit its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// It is NULL as long as it does not fit, which is reported. All other groups go on.
    #[default]
    Null,
    /// It ends the query, as in ksqlDB.
    Fail,
}

/// What becomes of the final result of a window when event time jumps so far at once that the window's
/// RETENTION is over as well, by the start of the window that time is in now. Without RETENTION that
/// is so whenever nothing comes for about a window and its grace.
///
/// Only windows of fixed size are overtaken: they are kept by their start, and so may be over at the
/// moment that closes them. Sessions are kept by their end, and always passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overtaken {
    /// It is passed on like any other: what is counted is not to vanish.
    #[default]
    Emit,
    /// It is lost, and reported, as in ksqlDB, whose store has dropped the window by then.
    Forget,
}

/// Makes the operator of an aggregation.
///
/// # Errors
/// `Invalid` for what cannot be run: a window over a table, EMIT FINAL without a window, a function
/// that cannot take rows back over a table, windows of no length or too many of them for a row.
/// `Internal` for calls that do not fit the input.
pub fn build(spec: &AggregateSpec, room: StateRoom) -> Result<Box<dyn Operator>> {
    spec.check()?;
    Ok(match spec.window.map(|window| (window.kind, window)) {
        None => Box::new(WindowAggregate::new(spec, None, room)?),
        Some((WindowKind::Session { gap_ms }, window)) => {
            if gap_ms < 0 {
                return Err(no_length(gap_ms));
            }
            Box::new(SessionAggregate::new(spec, SessionClosing::new(gap_ms, window.grace_ms), room)?)
        }
        Some((kind @ (WindowKind::Tumbling { size_ms } | WindowKind::Hopping { size_ms, .. }), window)) => {
            let windows = FixedWindows::new(kind).ok_or_else(|| no_length(size_ms))?;
            if windows.per_instant_max() > WINDOWS_PER_ROW_MAX {
                let count = windows.per_instant_max();
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("a row would be in {count} windows, the limit is {WINDOWS_PER_ROW_MAX}"),
                )
                .with_hint("let the windows advance by more at a time, or make them shorter"));
            }
            let windows = (windows, FixedClosing::new(windows, window.grace_ms));
            Box::new(WindowAggregate::new(spec, Some(windows), room)?)
        }
    })
}

fn no_length(length_ms: i64) -> Error {
    Error::new(ErrorKind::Invalid, format!("a window of {length_ms} ms has no length"))
}

impl AggregateSpec {
    /// Columns of the output.
    #[must_use]
    pub fn output_schema(&self) -> SchemaRef {
        let mut fields: Vec<Field> =
            self.groups.iter().map(|group| group.clone().with_nullable(true)).collect();
        fields.extend(self.calls.iter().map(|call| Field::new(&call.name, call.return_type.clone(), true)));
        if self.window.is_some() {
            fields.push(Field::new(WINDOWSTART, DataType::Int64, true));
            fields.push(Field::new(WINDOWEND, DataType::Int64, true));
        }
        fields.push(Field::new(ROWTIME, DataType::Int64, true));
        std::sync::Arc::new(Schema::new(fields))
    }

    fn check(&self) -> Result<()> {
        if self.emit == Emit::Final && self.window.is_none() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "EMIT FINAL is only supported for windowed aggregations.",
            ));
        }
        if self.input_kind == SourceKind::Stream {
            return Ok(());
        }
        if self.window.is_some() {
            return Err(Error::new(ErrorKind::Invalid, "a table cannot be aggregated in windows")
                .with_hint("a table is what is now; window the stream it comes from"));
        }
        for call in &self.calls {
            if aggregates::lookup(&call.function).is_some_and(|function| !function.retractable()) {
                let name = &call.function;
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "The aggregation function {name} cannot be applied to a table source, only to a \
                         stream source."
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Display for AggregateSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<&str> = self.groups.iter().map(|group| group.name().as_str()).collect();
        let calls: Vec<String> =
            self.calls.iter().map(|call| format!("{} AS {}", call.function, call.name)).collect();
        write!(f, "[{}] by [{}]", calls.join(", "), groups.join(", "))?;
        match self.window.map(|window| (window.kind, window.grace_ms)) {
            None => {}
            Some((WindowKind::Tumbling { size_ms }, grace)) => {
                write!(f, ", tumbling {size_ms} ms, grace {grace} ms")?;
            }
            Some((WindowKind::Hopping { size_ms, advance_ms }, grace)) => {
                write!(f, ", hopping {size_ms} ms by {advance_ms} ms, grace {grace} ms")?;
            }
            Some((WindowKind::Session { gap_ms }, grace)) => {
                write!(f, ", sessions {gap_ms} ms apart, grace {grace} ms")?;
            }
        }
        if self.emit == Emit::Final { write!(f, ", final") } else { Ok(()) }
    }
}

#[cfg(test)]
mod test_aggregations;

#[cfg(test)]
mod group_tests;

#[cfg(test)]
mod table_tests;

#[cfg(test)]
mod sum_tests;

#[cfg(test)]
mod window_tests;

#[cfg(test)]
mod session_tests;

#[cfg(test)]
mod final_tests;

#[cfg(test)]
mod state_tests;

#[cfg(test)]
#[path = "aggregate_properties.rs"]
mod properties;

#[cfg(test)]
#[path = "group_storage_tests.rs"]
mod group_storage_tests;

#[cfg(test)]
#[path = "session_storage_tests.rs"]
mod session_storage_tests;
