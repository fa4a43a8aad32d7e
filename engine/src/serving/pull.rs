//! Queries over what is there now, by DataFusion with all of its SQL, on one snapshot.
//!
//! Each query gets a context of its own: the relations of one state of the catalog, under the names
//! its session shows, over one snapshot of the stored rows.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result as DfResult;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;
use tidemill_sql::error::closest;
use tidemill_storage::log::Log;
use tidemill_storage::state::StateSnapshot;

use crate::catalog::CatalogState;
use crate::datafusion_error::unknown_relation;
use crate::error::{Error, Result};
use crate::response::{RowStream, Rows};
use crate::serving::source_table::SourceTable;
use crate::session::{Dialect, SessionOptions};
use crate::{functions, names};

/// The schema in which streams and tables stand.
pub const PUBLIC: &str = "public";

/// What a query over what is there now needs of the engine.
#[derive(Clone)]
pub struct PullEnvironment {
    /// What exists.
    pub catalog: Arc<CatalogState>,
    /// The log.
    pub log: Arc<dyn Log>,
    /// Stored rows, as of one moment.
    pub snapshot: Arc<dyn StateSnapshot>,
    /// Memory shared by all such queries.
    pub runtime: Arc<RuntimeEnv>,
}

/// Memory for queries over what is there now; what needs more spills to files or is refused.
///
/// # Errors
/// Those of making the place for spilled files.
pub fn runtime(memory_bytes: usize) -> Result<Arc<RuntimeEnv>> {
    let pool = Arc::new(FairSpillPool::new(memory_bytes));
    Ok(Arc::new(RuntimeEnvBuilder::new().with_memory_pool(pool).build()?))
}

/// A context in which one statement of a session is planned and run.
///
/// # Errors
/// `Internal` where the system's own relations cannot be made.
pub fn context(environment: &PullEnvironment, session: &SessionOptions) -> Result<SessionContext> {
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
        .build();
    let context = SessionContext::new_with_state(state);
    for function in functions::all() {
        context.register_udf(function.as_ref().clone());
    }
    let catalog = Arc::new(MemoryCatalogProvider::new());
    let relations = Relations { environment: environment.clone(), dialect: session.dialect };
    catalog.register_schema(PUBLIC, Arc::new(relations))?;
    context.register_catalog(&session.database, catalog);
    Ok(context)
}

/// Plans a query as PostgreSQL would read it.
///
/// # Errors
/// Everything that is wrong with it.
pub async fn plan(context: &SessionContext, query: ast::Query) -> Result<LogicalPlan> {
    let statement = ast::Statement::Query(Box::new(query));
    let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement));
    let planned = context.state().statement_to_plan(statement).await;
    planned.map_err(|error| {
        let near = unknown_relation(&error).map(|name| nearest_relation(context, name));
        let error = Error::from(error);
        match near {
            Some(Some(near)) => error.with_hint(format!("did you mean '{near}'?")),
            Some(None) => error.with_hint("SHOW STREAMS and SHOW TABLES list what exists"),
            None => error,
        }
    })
}

/// The relation of a context whose name is nearest to one that does not exist.
fn nearest_relation(context: &SessionContext, name: &str) -> Option<String> {
    let schemas =
        context.catalog_names().into_iter().filter_map(|name| context.catalog(&name)?.schema(PUBLIC));
    let names: Vec<String> = schemas.flat_map(|schema| schema.table_names()).collect();
    closest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

/// Runs a planned query.
///
/// # Errors
/// What goes wrong before the first row.
pub async fn run(context: &SessionContext, plan: LogicalPlan) -> Result<Rows> {
    let frame = context.execute_logical_plan(plan).await?;
    let stream = frame.execute_stream().await?;
    let schema = stream.schema();
    let stream: RowStream = Box::pin(stream.filter_map(|batch| async {
        match batch {
            Ok(batch) if batch.num_rows() == 0 => None,
            other => Some(other.map_err(Error::from)),
        }
    }));
    Ok(Rows { schema, endless: false, stream })
}

/// Streams and tables as one schema.
struct Relations {
    environment: PullEnvironment,
    dialect: Dialect,
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
        let table = SourceTable::new(
            found.source.clone(),
            found.stored_rows,
            &|name| names::shown(dialect, name),
            self.environment.log.clone(),
            self.environment.snapshot.clone(),
        );
        Ok(Some(Arc::new(table)))
    }

    fn table_exist(&self, name: &str) -> bool {
        names::stored(self.dialect, name, self.environment.catalog.sources.keys().map(String::as_str))
            .is_some()
    }
}
