//! Whether a running query may be replaced by another and keep its state and its place in the input.
//!
//! Filters and the columns of the result may change. What the state was made of may not: the sources,
//! the expressions that rows are grouped or joined by, the aggregates, the windows, the columns that joins
//! keep. A record is read once, so a change there would leave a state that is neither the old query's nor
//! the new one's. A join of a stream with a table keeps the table's rows alone.

use arrow::datatypes::DataType;
use tidemill_sql::plan::join::JoinKind;

use crate::error::{Error, ErrorKind, Result};
use crate::operators::Input;
use crate::operators::aggregate::AggregateSpec;
use crate::operators::join::JoinSpec;
use crate::physical::{Exchange, OperatorKind, OperatorPlan, PhysicalPlan, StageInput, StagePlan};

/// Something of a query that must stay as it is.
struct Fixed {
    /// How a message names it.
    what: &'static str,
    /// What it is in one stage of a plan, as text to be compared.
    of_stage: fn(&PhysicalPlan, &StagePlan) -> String,
}

/// The first one that differs is named, so what others follow from comes first.
const FIXED: [Fixed; 3] = [
    Fixed { what: "the sources it reads, or how they are combined", of_stage: input },
    Fixed { what: "the expressions it groups, partitions or joins by, or aggregates", of_stage: exchanged },
    Fixed { what: "its aggregates, windows, joins or table columns", of_stage: state },
];

/// Checks that `new` can go on where `old` was.
///
/// # Errors
/// `Unsupported`, naming what cannot change.
pub fn check(old: &PhysicalPlan, new: &PhysicalPlan) -> Result<()> {
    for Fixed { what, of_stage } in &FIXED {
        let of_plan = |plan: &PhysicalPlan| -> Vec<String> {
            plan.stages.iter().map(|stage| of_stage(plan, stage)).collect()
        };
        if of_plan(old) != of_plan(new) {
            let message = format!("Query is not upgradeable: {what} would change");
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(
                "filters and the columns of the result may change; for another query, DROP this one and \
                 create it anew",
            ));
        }
    }
    Ok(())
}

fn input(_: &PhysicalPlan, stage: &StagePlan) -> String {
    match &stage.input {
        StageInput::Scan(scan) => format!("{} over {}", scan.source.name, scan.topic),
        StageInput::Exchanged(inputs) => format!("{} inputs", inputs.len()),
    }
}

/// What a stage makes of its rows for an exchange, and where it sends them. The columns before it may
/// differ, as a filter may need more of them; and those of rows that nobody keeps, but for their key.
fn exchanged(plan: &PhysicalPlan, stage: &StagePlan) -> String {
    let Some(exchange) = &stage.exchange else { return String::new() };
    let shapes_rows = |operator: &&OperatorPlan| {
        matches!(operator.kind, OperatorKind::Project(_) | OperatorKind::PartitionBy(_))
    };
    let shaping: Vec<&OperatorPlan> = stage.operators.iter().filter(shapes_rows).collect();
    if meets_a_table(plan, exchange)
        && let [before @ .., OperatorPlan { kind: OperatorKind::Project(columns), .. }] = &shaping[..]
    {
        let made: Vec<String> = before.iter().map(|operator| operator.describe()).collect();
        let key: Option<Vec<String>> = exchange
            .key
            .iter()
            .map(|index| columns.get(*index).map(|(_, expression, _)| expression.to_string()))
            .collect();
        return format!("{made:?} {key:?} to {} {:?}", exchange.stage, exchange.recipients);
    }
    let made: Vec<String> = shaping.iter().map(|operator| operator.describe()).collect();
    format!("{made:?} {exchange:?}")
}

/// Whether the rows of an exchange are records of a stream that meet a table: they are joined as they come,
/// and none of them is kept.
fn meets_a_table(plan: &PhysicalPlan, exchange: &Exchange) -> bool {
    let first = plan.stages.get(exchange.stage).and_then(|stage| stage.operators.first());
    let Some(OperatorKind::Join(spec)) = first.map(|operator| &operator.kind) else { return false };
    exchange.input == Input::Left && spec.kind == JoinKind::StreamTable
}

/// What a stage keeps. Whether results carry the rows they replace is no part of it.
fn state(_: &PhysicalPlan, stage: &StagePlan) -> String {
    let kept: Vec<String> = stage
        .operators
        .iter()
        .filter_map(|operator| {
            let kept = match &operator.kind {
                OperatorKind::Filter(_)
                | OperatorKind::Project(_)
                | OperatorKind::PartitionBy(_)
                | OperatorKind::Explode(_) => return None,
                OperatorKind::TableState { key, schema } => format!("{key:?} of {schema:?}"),
                OperatorKind::Aggregate(spec) => {
                    format!("{:?}", AggregateSpec { with_before: false, ..spec.clone() })
                }
                OperatorKind::Join(spec) if spec.kind == JoinKind::StreamTable => {
                    let key: Vec<&DataType> = spec
                        .left
                        .key
                        .iter()
                        .map(|index| spec.left.schema.field(*index).data_type())
                        .collect();
                    let JoinSpec { kind, join_type, right, window, .. } = spec;
                    format!("{kind:?} {join_type:?} {key:?} {right:?} {window:?}")
                }
                OperatorKind::Join(spec) => format!("{:?}", JoinSpec { with_before: false, ..spec.clone() }),
            };
            Some(format!("{} {kept}", operator.number))
        })
        .collect();
    format!("{kept:?}")
}
