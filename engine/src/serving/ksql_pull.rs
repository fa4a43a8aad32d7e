//! SELECT over what is there now as ksqlDB has it: one stream or table, a condition, expressions, a
//! LIMIT.
//!
//! It is planned by the planner of continuous queries, so that names, types, functions and texts of
//! errors are the same, and its rows pass the same operators: a failing expression is NULL or drops its
//! row, and ends nothing. What passes through them is not what comes but what is there, as of one
//! snapshot, and a condition on the whole key is a look-up.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, future, stream};
use tidemill_sql::lookup::{Source, SourceKind};
use tidemill_sql::parser::ast::{SelectBody, SelectItem, SelectStatement};
use tidemill_sql::plan::source::{WINDOWEND, WINDOWSTART};
use tidemill_sql::planner::{self, Purpose};
use tidemill_storage::state::StateStore;

use crate::batch::ChangeBatch;
use crate::catalog::CatalogSource;
use crate::error::{Error, ErrorKind, Result};
use crate::names;
use crate::operators::{Context, Input, Ledger, Operator};
use crate::physical::scan::{ScanColumn, ScanSpec};
use crate::physical::{OperatorKind, OperatorPlan, StageInput, StagePlan, planner as physical_planner};
use crate::response::{ROLE, Rows, SOURCE_KIND};
use crate::serving::pull_environment::PullEnvironment;
use crate::serving::result_rows;
use crate::serving::row_scan::external;
use crate::serving::source_table::SourceTable;
use crate::session::Session;
use crate::state::StateRoom;

/// A query that is planned.
pub struct KsqlPull {
    environment: PullEnvironment,
    store: Arc<dyn StateStore>,
    from: Arc<CatalogSource>,
    scan: ScanSpec,
    operators: Vec<OperatorPlan>,
    /// Conditions that every row fulfils.
    conditions: Vec<Expr>,
    limit: Option<usize>,
    /// Whether rows come in the order in which ksqlDB reads them.
    in_order: bool,
    schema: SchemaRef,
}

impl KsqlPull {
    /// Plans a query of a session.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(session: &Session, select: &SelectStatement) -> Result<KsqlPull> {
        let engine = session.engine();
        let planned = planner::plan_query(select, &session.lookup(), &Purpose::Pull)?;
        let physical = physical_planner::plan(&planned, session.aggregate_policy())?;
        let mut stages = physical.stages;
        let (Some(StagePlan { input: StageInput::Scan(scan), operators, .. }), true) =
            (stages.pop(), stages.is_empty())
        else {
            return Err(Error::new(ErrorKind::Unsupported, "this query does not read one stream or table")
                .with_hint("add EMIT CHANGES, or make a table with CREATE TABLE … AS and query that"));
        };
        // What a row replaces is of no interest where there is only one of each.
        let operators: Vec<OperatorPlan> = operators
            .into_iter()
            .filter(|operator| !matches!(operator.kind, OperatorKind::TableState { .. }))
            .collect();
        let environment = engine.pull_environment();
        let from = environment.catalog.source(&scan.source.name)?.clone();
        check_queryable(&from)?;
        Ok(KsqlPull {
            schema: Arc::new(shown(
                with_roles(&physical.schema, &scan, &operators, is_star(select)),
                session,
            )),
            store: engine.store().clone(),
            conditions: conditions(&planned.plan),
            limit: planned.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            // A LIMIT may take any rows; it takes ksqlDB's where a statement has to do the same on both.
            in_order: planned.limit.is_some() && session.within_ksqldb_limits(),
            environment,
            from,
            scan,
            operators,
        })
    }

    /// The columns of its result.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Runs it on the threads for queries.
    ///
    /// # Errors
    /// What goes wrong before the first row.
    pub async fn run(self) -> Result<Rows> {
        let (compute, schema) = (self.environment.compute.clone(), self.schema.clone());
        let unreadable = self.environment.unreadable.clone();
        let batches = result_rows::run_on(&compute, async move { self.batches().await }).await??;
        Ok(Rows { schema, unreadable, ..result_rows::rows(&compute, batches) })
    }

    async fn batches(self) -> Result<SendableRecordBatchStream> {
        let context = SessionContext::new_with_config_rt(
            datafusion::prelude::SessionConfig::new().with_target_partitions(1),
            self.environment.runtime.clone(),
        );
        let table = SourceTable::new(&self.from, &self.environment, true, &str::to_owned);
        let table = if self.in_order { table.by_partition() } else { table };
        let columns = table.schema();
        let names = self.scan.schema.fields().iter();
        let wanted: Vec<usize> =
            names.map(|field| Ok(columns.index_of(field.name())?)).collect::<Result<_>>()?;
        let told: Vec<&Expr> = self.conditions.iter().collect();
        let helps = table.supports_filters_pushdown(&told)?;
        let filters: Vec<Expr> = self
            .conditions
            .iter()
            .zip(helps)
            .filter(|(_, helps)| *helps != TableProviderFilterPushDown::Unsupported)
            .map(|(condition, _)| condition.clone())
            .collect();
        let scanned = table.scan(&context.state(), Some(&wanted), &filters, None).await?;
        let scanned = execute_stream(scanned, context.task_ctx())?;
        let mut passing = Passing::new(&self.operators, self.store.clone())?;
        let schema = self.schema.clone();
        let passed = scanned.map(move |batch| passing.pass(batch?).map_err(external));
        let batches = passed.flat_map(|batches| match batches {
            Ok(batches) => stream::iter(batches.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        });
        let shown = schema.clone();
        let named = batches.map(move |batch| {
            let batch: RecordBatch = batch?;
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            Ok::<_, DataFusionError>(RecordBatch::try_new_with_options(shown.clone(), columns, &options)?)
        });
        let mut left = self.limit.unwrap_or(usize::MAX);
        let limited = named
            .map(move |batch: std::result::Result<RecordBatch, DataFusionError>| {
                let batch = batch?;
                let rows = batch.num_rows().min(left);
                left -= rows;
                Ok::<_, DataFusionError>((batch.slice(0, rows), left))
            })
            .scan(false, |done, batch| {
                // The batch that fills the limit is the last one that is asked for.
                let goes_on = !*done;
                *done = batch.as_ref().map_or(true, |(_, left)| *left == 0);
                future::ready(goes_on.then(|| batch.map(|(batch, _)| batch)))
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, limited)))
    }
}

/// The operators that rows pass.
struct Passing {
    operators: Vec<Box<dyn Operator>>,
    store: Arc<dyn StateStore>,
}

impl Passing {
    fn new(plans: &[OperatorPlan], store: Arc<dyn StateStore>) -> Result<Passing> {
        let room = StateRoom { prefix: bytes::Bytes::new(), fresh: true };
        let operators = plans.iter().map(|plan| plan.build(room.clone())).collect::<Result<_>>()?;
        Ok(Passing { operators, store })
    }

    /// Passes rows through all operators; what they drop, and why, is told to nobody.
    fn pass(&mut self, rows: RecordBatch) -> Result<Vec<RecordBatch>> {
        let times_ms = vec![0; rows.num_rows()].into();
        let mut batches = vec![ChangeBatch::inserts(rows, times_ms)];
        let (mut ledger, mut reports) = (Ledger::default(), Vec::new());
        for operator in &mut self.operators {
            let mut out = Vec::new();
            for batch in batches {
                let mut context = Context {
                    store: &self.store,
                    every_update: false,
                    ledger: &mut ledger,
                    reports: &mut reports,
                };
                operator.process(Input::Left, batch, &mut context, &mut out)?;
            }
            batches = out;
        }
        Ok(batches.into_iter().map(|batch| batch.columns).filter(|rows| rows.num_rows() > 0).collect())
    }
}

/// A table that nobody keeps has no rows to be looked up.
fn check_queryable(from: &CatalogSource) -> Result<()> {
    let Source { name, kind, read_only, .. } = from.source.as_ref();
    if *kind == SourceKind::Stream || from.stored_rows.is_some() || *read_only {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "The `{name}` table isn't queryable. To derive a queryable table, you can do 'CREATE TABLE \
             QUERYABLE_{name} AS SELECT * FROM {name}'. See https://cnfl.io/queries for more info.\nAdd EMIT \
             CHANGES if you intended to issue a push query."
        ),
    ))
}

/// The conditions that every row of a plan fulfils.
fn conditions(plan: &LogicalPlan) -> Vec<Expr> {
    match plan {
        LogicalPlan::Filter(filter) => split_conjunction(&filter.predicate).into_iter().cloned().collect(),
        LogicalPlan::Projection(projection) => conditions(&projection.input),
        _ => Vec::new(),
    }
}

/// The columns under the names that the session shows.
fn shown(schema: Schema, session: &Session) -> Schema {
    let dialect = session.options().dialect;
    let fields = schema.fields.iter();
    let shown = fields.map(|field| field.as_ref().clone().with_name(names::shown(dialect, field.name())));
    Schema::new_with_metadata(shown.collect::<Vec<Field>>(), schema.metadata.clone())
}

/// Whether a query asks for all columns as they are.
fn is_star(select: &SelectStatement) -> bool {
    let SelectBody::Ksql(body) = &select.body else { return false };
    matches!(body.projection.as_slice(), [SelectItem::Wildcard { .. } | SelectItem::SourceWildcard { .. }])
}

/// The result's columns, marked with what they are in a table: those that are called as its key or the bounds
/// of its windows, and where all columns are asked for those from headers.
fn with_roles(schema: &Schema, scan: &ScanSpec, operators: &[OperatorPlan], is_star: bool) -> Schema {
    let is_table = scan.source.kind == SourceKind::Table;
    // Where each column comes from, as long as it is just passed on.
    let mut origins: Vec<Option<&ScanColumn>> = scan.columns.iter().map(Some).collect();
    for operator in operators {
        if let OperatorKind::Project(columns) = &operator.kind {
            let origin =
                |index: &Option<usize>| index.and_then(|index| origins.get(index).copied().flatten());
            origins = columns.iter().map(|(_, _, index)| origin(index)).collect();
        }
    }
    // A column of the key is known by its name, also one that holds something else.
    let key_names: Vec<&str> = scan.source.key_columns().map(|column| column.name.as_str()).collect();
    let is_key = |name: &str| key_names.contains(&name) || [WINDOWSTART, WINDOWEND].contains(&name);
    let fields = schema.fields().iter().zip(origins).map(|(field, origin)| {
        let role = match origin {
            _ if is_table && is_key(field.name()) => Some("KEY".to_owned()),
            Some(ScanColumn::Headers) if is_star && is_table => Some("HEADERS".to_owned()),
            Some(ScanColumn::Header(name)) if is_star && is_table => Some(format!("HEADER('{name}')")),
            _ => None,
        };
        let metadata = role.map(|role| HashMap::from([(ROLE.to_owned(), role)])).unwrap_or_default();
        field.as_ref().clone().with_metadata(metadata)
    });
    let kind = HashMap::from([(SOURCE_KIND.to_owned(), scan.source.kind.keyword().to_owned())]);
    Schema::new_with_metadata(fields.collect::<Vec<Field>>(), kind)
}
