//! From a rewritten query to DataFusion's plan.

use std::sync::{Arc, OnceLock};

use datafusion::catalog::{CatalogProviderList, MemoryCatalogProviderList};
use datafusion::common::{Result, internal_err};
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::logical_expr::async_udf::AsyncScalarUDF;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, Query};
use futures::FutureExt;

use super::functions;
use super::knowledge::Knowledge;
use super::rewrite::{subquery_name, take_subqueries};
use super::schema_provider::SystemSchemas;
use super::subquery_function::SubqueryFunction;

/// The most levels of dependent subqueries in each other.
const DEPTH_MAX: usize = 8;

/// A state that knows the tables and functions of the catalogs.
pub(super) fn state(knowledge: &Arc<Knowledge>) -> Result<SessionState> {
    let database = knowledge.snapshot.database.clone();
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(database.clone(), Arc::new(SystemSchemas::new(knowledge)));
    let mut state = SessionStateBuilder::new_from_existing(base())
        .with_config(config(database))
        .with_catalog_list(Arc::new(catalogs))
        .build();
    // Postgres' generate_series is one of rows, DataFusion's one of lists goes by another name here.
    let series = state.udf("generate_series")?.as_ref().clone().with_aliases(["series"]);
    add_function(&mut state, series)?;
    for function in functions::all(knowledge) {
        add_function(&mut state, function)?;
    }
    Ok(state)
}

/// Adds a function, or takes the place of one of that name.
pub(super) fn add_function(state: &mut SessionState, function: ScalarUDF) -> Result<()> {
    state.register_udf(Arc::new(function)).map(|_| ())
}

/// The plan of a query inside so many others.
pub(super) fn plan(state: &mut SessionState, mut query: Query, depth: usize) -> Result<LogicalPlan> {
    if depth > DEPTH_MAX {
        return internal_err!("subqueries are nested too deeply");
    }
    let subqueries = take_subqueries(&mut query, depth);
    if !subqueries.is_empty() {
        let around = Arc::new(state.clone());
        for (index, subquery) in subqueries.into_iter().enumerate() {
            let function =
                SubqueryFunction::new(subquery_name(depth, index), depth, subquery, around.clone());
            add_function(state, AsyncScalarUDF::new(Arc::new(function)).into_scalar_udf())?;
        }
    }
    let statement = Statement::Statement(Box::new(ast::Statement::Query(Box::new(query))));
    // Planning waits for nothing but the tables, and they are here.
    match state.statement_to_plan(statement).now_or_never() {
        Some(plan) => plan,
        None => internal_err!("a system table is not there yet"),
    }
}

/// What all states have in common; DataFusion's own functions are some hundreds.
fn base() -> SessionState {
    static BASE: OnceLock<SessionState> = OnceLock::new();
    BASE.get_or_init(|| SessionStateBuilder::new().with_default_features().build()).clone()
}

fn config(database: String) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(database, "pg_catalog")
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false)
        // The tables are small: one partition spares tasks that cost more than the work.
        .with_target_partitions(1);
    config.options_mut().sql_parser.map_string_types_to_utf8view = false;
    config
}
