//! Queries over what is there now, by DataFusion with all of its SQL, on one snapshot: those that
//! [`ksql_pull`](super::ksql_pull) has no rules for.
//!
//! Each query gets a context of its own: the relations of one state of the catalog, under the names
//! its session shows, over one snapshot of the stored rows.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::{ParamValues, Result as DfResult, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::ast;
use tokio::runtime::Handle;

use crate::catalog::CatalogState;
use crate::datafusion_error::{self, Names};
use crate::error::{Error, ErrorKind, Result};
use crate::lookup::EngineLookup;
use crate::response::Rows;
use crate::serving::map_types::MapTypes;
use crate::serving::pull_environment::PullEnvironment;
use crate::serving::source_table::SourceTable;
use crate::serving::unreadable::Unreadable;
use crate::serving::{
    bounded_values, column_names, comparisons, pull_explain, result_rows, rewrite, time_texts,
};
use crate::session::{Dialect, SessionOptions};
use crate::{functions, names};

/// The schema in which streams and tables stand.
pub const PUBLIC: &str = "public";

/// A query that is about to be planned, and the context in which it is planned and run.
pub struct PullQuery {
    context: SessionContext,
    compute: Handle,
    query: ast::Query,
    catalog: Arc<CatalogState>,
    unreadable: Unreadable,
    dialect: Dialect,
}

impl PullQuery {
    /// Makes ready a query of a session.
    ///
    /// # Errors
    /// `Internal` where the relations cannot be made, `Unsupported` for what cannot be planned.
    pub fn new(
        environment: &PullEnvironment,
        session: &SessionOptions,
        mut query: ast::Query,
    ) -> Result<PullQuery> {
        let lookup = EngineLookup {
            catalog: environment.catalog.clone(),
            settings: BTreeMap::new(),
            log: environment.log.clone(),
            schemas: environment.schemas.clone(),
            lenient_names: session.dialect == Dialect::Postgres,
        };
        let demands = rewrite::rewrite(&mut query, &Arc::new(lookup), session.dialect)?;
        let context = context(environment, session, demands.pseudo_columns)?;
        let (catalog, compute) = (environment.catalog.clone(), environment.compute.clone());
        let unreadable = environment.unreadable.clone();
        let planned = PullQuery { context, compute, query, catalog, unreadable, dialect: session.dialect };
        Ok(planned.with_functions(demands.functions))
    }

    /// Adds functions to those that it may call.
    #[must_use]
    pub fn with_functions(self, functions: Vec<ScalarUDF>) -> PullQuery {
        for function in functions {
            self.context.register_udf(function);
        }
        self
    }

    /// Plans it as PostgreSQL would read it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub async fn plan(&self) -> Result<LogicalPlan> {
        let mut query = self.query.clone();
        rewrite::unique_names::rewrite(&mut query);
        let statement = ast::Statement::Query(Box::new(query));
        let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
        let plan = self.context.state().statement_to_plan(statement).await;
        plan.and_then(checked).map_err(|error| self.explain(&error))
    }

    /// Its plan with values for its parameters.
    ///
    /// # Errors
    /// What is wrong with the values.
    pub fn bind(&self, plan: LogicalPlan, parameters: &[ScalarValue]) -> Result<LogicalPlan> {
        let bound = plan.with_param_values(ParamValues::from(parameters.to_vec()));
        bound.and_then(checked).map_err(|error| self.explain(&error))
    }

    /// What its plan does, line by line.
    ///
    /// # Errors
    /// What is wrong with the plan.
    pub fn describe(&self, plan: &LogicalPlan) -> Result<Vec<String>> {
        let optimized = self.context.state().optimize(plan).map_err(|error| self.explain(&error))?;
        Ok(pull_explain::lines(&optimized))
    }

    /// Runs its plan on the threads for queries.
    ///
    /// # Errors
    /// What goes wrong before the first row.
    pub async fn run(&self, plan: LogicalPlan) -> Result<Rows> {
        let context = self.context.clone();
        let started = async move { context.execute_logical_plan(plan).await?.execute_stream().await };
        let batches = result_rows::run_on(&self.compute, started).await?;
        let rows = result_rows::rows(&self.compute, batches.map_err(|error| self.explain(&error))?);
        let unreadable = self.unreadable.clone();
        Ok(Rows { schema: self.shown_schema(&rows.schema), unreadable, ..rows })
    }

    /// The columns of its result under the names that a client is told.
    #[must_use]
    pub fn shown_schema(&self, schema: &Schema) -> SchemaRef {
        let given = column_names::given(&self.query, schema.fields().len(), self.dialect);
        let shown = schema.fields().iter().zip(given).map(|(field, name)| match name {
            Some(name) => Arc::new(field.as_ref().clone().with_name(name)),
            None => field.clone(),
        });
        Arc::new(Schema::new(shown.collect::<Vec<_>>()))
    }

    fn explain(&self, error: &DataFusionError) -> Error {
        let relations = self.catalog.sources.keys().map(|name| names::shown(self.dialect, name));
        let names = Names { relations: relations.collect(), functions: function_names(&self.context) };
        let error = datafusion_error::explain(error, &names);
        if error.position.is_some() {
            return error;
        }
        let place = match error.kind {
            ErrorKind::InvalidText => {
                datafusion_error::quoted(&error).and_then(|text| rewrite::place_of_text(&self.query, text))
            }
            _ => datafusion_error::named(&error).and_then(|name| rewrite::place_of(&self.query, name)),
        };
        error.at(place)
    }
}

/// A plan in which everything is compared with something of its own type, and no value grows without bound.
fn checked(plan: LogicalPlan) -> DfResult<LogicalPlan> {
    let plan = time_texts::read(plan)?;
    comparisons::check(&plan)?;
    bounded_values::bound(plan)
}

/// Names of all functions, in lower case.
fn function_names(context: &SessionContext) -> Vec<String> {
    let state = context.state();
    let scalars = state.scalar_functions().keys();
    let aggregates = state.aggregate_functions().keys();
    let windows = state.window_functions().keys();
    scalars.chain(aggregates).chain(windows).map(|name| name.to_lowercase()).collect()
}

/// A context in which one statement of a session is planned and run.
fn context(
    environment: &PullEnvironment,
    session: &SessionOptions,
    pseudo_columns: bool,
) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(&session.database, PUBLIC)
        .with_information_schema(false);
    // Two cores: more partitions would only cost.
    config = config.with_target_partitions(2);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = true;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Errors say where in the statement they are.
    options.sql_parser.collect_spans = true;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(environment.runtime.clone())
        .with_default_features()
        .with_type_planner(Arc::new(MapTypes))
        .build();
    let context = SessionContext::new_with_state(state);
    for function in functions::for_snapshots() {
        context.register_udf(function.as_ref().clone());
    }
    let catalog = Arc::new(MemoryCatalogProvider::new());
    let relations = Relations { environment: environment.clone(), dialect: session.dialect, pseudo_columns };
    catalog.register_schema(PUBLIC, Arc::new(relations))?;
    context.register_catalog(&session.database, catalog);
    Ok(context)
}

/// Streams and tables as one schema.
struct Relations {
    environment: PullEnvironment,
    dialect: Dialect,
    pseudo_columns: bool,
}

impl fmt::Debug for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relations")
    }
}

#[async_trait]
impl SchemaProvider for Relations {
    fn table_names(&self) -> Vec<String> {
        self.environment.catalog.sources.keys().map(|name| names::shown(self.dialect, name)).collect()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        let sources = &self.environment.catalog.sources;
        let stored = names::stored(self.dialect, name, sources.keys().map(String::as_str));
        let Some(found) = stored.and_then(|name| sources.get(name)) else { return Ok(None) };
        let dialect = self.dialect;
        let shown = |name: &str| names::shown(dialect, name);
        let table = SourceTable::new(found, &self.environment, self.pseudo_columns, &shown);
        Ok(Some(Arc::new(table)))
    }

    fn table_exist(&self, name: &str) -> bool {
        names::stored(self.dialect, name, self.environment.catalog.sources.keys().map(String::as_str))
            .is_some()
    }
}
