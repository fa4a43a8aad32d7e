//! Statements to plans: one function for each kind of statement that needs planning.
//!
//! Pure functions of a parsed statement and a [`Lookup`](crate::lookup::Lookup): nothing is created,
//! changed or read here.

mod alter_source;
mod create_as_select;
mod create_function;
mod create_source;
mod expression;
mod formats;
mod inference;
mod insert_select;
mod insert_values;
mod parameter_context;
mod parameters;
mod properties;
mod query;
mod topic;
mod upgrade;

pub use alter_source::{PlannedAlteration, plan_alter_source};
pub use create_as_select::{PlannedCreate, plan_create_as_select};
pub use create_function::{calls_function, plan_create_function};
pub use create_source::{PlannedSource, plan_create_source};
pub use expression::plan_expression;
pub use insert_select::{PlannedInsert, plan_insert_select};
pub use insert_values::{PlannedRow, PlannedRows, plan_insert_values};
pub use parameters::{bind_nulls, bind_parameters, parameter_types};
pub use topic::{CleanupPolicy, TopicOptions};
pub use upgrade::check_upgrade;

pub use crate::lookup::KSQLDB_LIMITS;

use sqlparser::tokenizer::Span;

use crate::error::SqlError;
use crate::lookup::{Lookup, SourceKind};
use crate::parser::ast::{SelectBody, SelectStatement};
use crate::plan::QueryPlan;

/// What a query is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Its results are written into a stream or table, whose name error texts mention.
    Persistent {
        /// Stored name of the stream or table.
        sink: String,
        /// Stored name of the column that is to be its event time, where the statement names one.
        event_time: Option<String>,
        /// What the statement declares the results to be, where it does.
        kind: Option<SourceKind>,
    },
    /// Its results are sent to a client as they come.
    Push,
    /// Its results are what is there now.
    Pull,
}

/// Plans a query of ksqlDB's grammar.
///
/// The plan's columns are, for a persistent query, the key's columns in key order and then the other
/// columns in the order of the projection; otherwise all columns in the order of the projection.
///
/// # Errors
/// Everything that is wrong with the query; `Unsupported` for a query of the general grammar, which is
/// not planned here.
pub fn plan_query(
    select: &SelectStatement,
    lookup: &dyn Lookup,
    purpose: &Purpose,
) -> Result<QueryPlan, SqlError> {
    match &select.body {
        SelectBody::Ksql(body) => {
            query::plan(body, select, lookup, purpose).map_err(|error| error.or_at(select.span))
        }
        SelectBody::General(_) => Err(general_query(select.span)),
    }
}

fn general_query(span: Span) -> SqlError {
    SqlError::unsupported(
        "a continuous query is one SELECT with FROM, JOIN, WHERE, GROUP BY, HAVING and PARTITION BY; \
         subqueries, UNION, DISTINCT, ORDER BY and the like work on what is there now",
    )
    .at(span)
    .with_hint(
        "leave out EMIT CHANGES and CREATE … AS, or write the parts as streams and tables of their own",
    )
}
