//! Queries over what is there now that our own planner planned: those with lambdas, which DataFusion's SQL
//! does not have.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableScan, TableScanBuilder};
use datafusion::sql::sqlparser::ast::{self, visit_expressions};
use tidemill_sql::parser::ast::KsqlSelect;
use tidemill_sql::plan::QueryPlan;
use tidemill_sql::plan::source::SourceScan;

use crate::error::Result;
use crate::names;
use crate::serving::pull::PullEnvironment;
use crate::serving::source_table::SourceTable;
use crate::session::Dialect;

/// Whether DataFusion's SQL lacks something that a query has.
#[must_use]
pub fn needs_our_planner(select: &KsqlSelect) -> bool {
    let has_lambda = |expression: &ast::Expr| {
        let found = visit_expressions(expression, |part| match part {
            ast::Expr::Lambda(_) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        found.is_break()
    };
    select.expressions().any(has_lambda)
}

/// The plan over what is there now: its sources become what is read of them, its columns have the names that
/// a session shows.
pub(super) fn over_what_is_there(
    planned: &QueryPlan,
    environment: &PullEnvironment,
    dialect: Dialect,
) -> Result<LogicalPlan> {
    let plan = planned.plan.clone().transform_up(|node| match node {
        LogicalPlan::TableScan(scan) => read(scan, environment).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    let shown = plan.data.schema().columns().into_iter().map(|column| {
        let name = names::shown(dialect, &column.name);
        Expr::Column(column).alias(name)
    });
    let shown: Vec<Expr> = shown.collect();
    let mut builder = LogicalPlanBuilder::from(plan.data).project(shown)?;
    if let Some(limit) = planned.limit {
        builder = builder.limit(0, Some(usize::try_from(limit).unwrap_or(usize::MAX)))?;
    }
    Ok(builder.build()?)
}

fn read(scan: TableScan, environment: &PullEnvironment) -> DfResult<LogicalPlan> {
    let source = scan.source.downcast_ref::<SourceScan>().map(SourceScan::source);
    let found = source.and_then(|source| environment.catalog.sources.get(&source.name));
    let Some(found) = found else { return Ok(LogicalPlan::TableScan(scan)) };
    let table = SourceTable::new(
        found.source.clone(),
        found.stored_rows,
        true,
        &str::to_owned,
        environment.log.clone(),
        environment.schemas.clone(),
        environment.snapshot.clone(),
    );
    let table = provider_as_source(Arc::new(table));
    let schema = table.schema();
    let fields = scan.projected_schema.fields().iter();
    let columns = fields.map(|field| Ok(schema.index_of(field.name())?)).collect::<DfResult<_>>()?;
    let scan = TableScanBuilder::new(scan.table_name, table).with_projection(Some(columns)).build()?;
    Ok(LogicalPlan::TableScan(scan))
}
