//! Whether a running query may be replaced by another and keep its state and its place in the input.
//!
//! Filters and the columns of the result may change. What the state was made of may not: the sources,
//! the expressions that rows are grouped or joined by, the aggregates, the windows. A record is read
//! once, so a change there would leave a state that is neither the old query's nor the new one's.

use crate::error::{Error, ErrorKind, Result};
use crate::operators::aggregate::AggregateSpec;
use crate::operators::join::JoinSpec;
use crate::physical::{OperatorKind, PhysicalPlan, StageInput, StagePlan};

/// Something of a query that must stay as it is.
struct Fixed {
    /// How a message names it.
    what: &'static str,
    /// What it is in one stage, as text to be compared.
    of_stage: fn(&StagePlan) -> String,
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
        let of_plan = |plan: &PhysicalPlan| plan.stages.iter().map(of_stage).collect::<Vec<String>>();
        if of_plan(old) != of_plan(new) {
            let message = format!("the query cannot be replaced and keep its state: {what} would change");
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(
                "filters and the columns of the result may change; for another query, DROP this one and \
                 create it anew",
            ));
        }
    }
    Ok(())
}

fn input(stage: &StagePlan) -> String {
    match &stage.input {
        StageInput::Scan(scan) => format!("{} over {}", scan.source.name, scan.topic),
        StageInput::Exchanged(inputs) => format!("{} inputs", inputs.len()),
    }
}

/// What a stage makes of its rows for an exchange, and where it sends them. The columns before it may
/// differ, as a filter may need more of them.
fn exchanged(stage: &StagePlan) -> String {
    let Some(exchange) = &stage.exchange else { return String::new() };
    let made: Vec<String> = stage
        .operators
        .iter()
        .filter(|operator| matches!(operator.kind, OperatorKind::Project(_) | OperatorKind::PartitionBy(_)))
        .map(super::OperatorPlan::describe)
        .collect();
    format!("{made:?} {exchange:?}")
}

/// What a stage keeps. Whether results carry the rows they replace is no part of it.
fn state(stage: &StagePlan) -> String {
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
                OperatorKind::Join(spec) => format!("{:?}", JoinSpec { with_before: false, ..spec.clone() }),
            };
            Some(format!("{} {kept}", operator.number))
        })
        .collect();
    format!("{kept:?}")
}
