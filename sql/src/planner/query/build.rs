//! The plan's nodes, made of what the other stages found out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow_schema::{DataType, Field};
use datafusion_common::{DFSchema, DFSchemaRef, DataFusionError, JoinType, TableReference};
use datafusion_expr::expr::Case;
use datafusion_expr::logical_plan::{Extension, Filter, Projection, SubqueryAlias, TableScanBuilder};
use datafusion_expr::{Expr, LogicalPlan, TableSource};

use super::from::FromClause;
use crate::analyzer::clause::Clause;
use crate::analyzer::expression::Expression;
use crate::analyzer::lower::{Lowering, Typed};
use crate::analyzer::scope::ScopeSource;
use crate::error::SqlError;
use crate::lookup::{Lookup, SourceKind};
use crate::parser::ast;
use crate::plan::explode::Explode;
use crate::plan::join::{JoinKind, StreamJoin};
use crate::plan::partition_by::PartitionBy;
use crate::plan::source::SourceScan;
use crate::type_system::SqlType;

/// Which columns of which source a query needs.
#[derive(Default)]
pub(super) struct Needed {
    columns: BTreeMap<String, BTreeSet<String>>,
}

impl Needed {
    /// Adds the columns of an expression.
    pub(super) fn add(&mut self, expression: &Expression) {
        for column in expression.columns() {
            self.columns.entry(column.source.clone()).or_default().insert(column.name.clone());
        }
    }

    fn has(&self, source: &str, column: &str) -> bool {
        self.columns.get(source).is_some_and(|columns| columns.contains(column))
    }
}

/// The sources, scanned and joined.
pub(super) struct Joined {
    /// The plan.
    pub(super) plan: LogicalPlan,
    /// What gives the join's key its value, where there is a join.
    pub(super) key: Option<Typed>,
}

/// Scans and joins what a query reads.
///
/// # Errors
/// A bug only: everything was checked before.
pub(super) fn join_sources(
    from: &FromClause,
    needed: &Needed,
    lookup: &dyn Lookup,
) -> Result<Joined, SqlError> {
    let lowering =
        Lowering { scope: &from.scope, clause: Clause::JoinOn, lookup, substitutions: &[], variables: &[] };
    let mut plan = scan(&from.scope.sources[0], needed)?;
    let mut key: Option<Typed> = None;
    for (index, step) in from.joins.iter().enumerate() {
        let right = scan(&from.scope.sources[index + 1], needed)?;
        let (left_on, right_on) = (lowering.lower(&step.on.0)?, lowering.lower(&step.on.1)?);
        let join_type = match step.outer {
            ast::JoinKind::Inner => JoinType::Inner,
            ast::JoinKind::Left => JoinType::Left,
            ast::JoinKind::Right => JoinType::Right,
            ast::JoinKind::Full => JoinType::Full,
        };
        let schema = plan.schema().join(right.schema()).map_err(internal)?;
        // Where an earlier join has the same criterion, its key has a value even where a column that
        // stands for it is NULL: rows meet by the key, and keep it. But what a full join has of one
        // stream alone meets nobody by a column of the other; only tables need a key in every row.
        let earlier = index.checked_sub(1).and_then(|earlier| from.joins.get(earlier));
        let same_key = earlier.is_some_and(|earlier| {
            earlier.kind != JoinKind::ForeignKey
                && (earlier.outer != ast::JoinKind::Full || earlier.kind == JoinKind::TableTable)
                && (earlier.key_columns.contains(&step.on.0)
                    || earlier.on.0 == step.on.0
                    || earlier.on.1 == step.on.0)
        });
        let left_key = key.take().filter(|_| same_key).unwrap_or(left_on);
        let on = (left_key.expr.clone(), right_on.expr.clone());
        key = Some(match (step.kind, join_type) {
            (JoinKind::ForeignKey, _) | (_, JoinType::Inner | JoinType::Left) => left_key,
            (_, JoinType::Right) => right_on,
            _ => first_there_is(left_key, right_on),
        });
        plan = extension(StreamJoin {
            left: plan,
            right,
            on: vec![on],
            join_type,
            kind: step.kind,
            schema: Arc::new(schema),
        });
    }
    Ok(Joined { plan, key })
}

/// Rows that satisfy a predicate.
///
/// # Errors
/// A bug only.
pub(super) fn filter(input: LogicalPlan, predicate: Expr) -> Result<LogicalPlan, SqlError> {
    Filter::try_new(predicate, Arc::new(input)).map(LogicalPlan::Filter).map_err(internal)
}

/// Columns under names without a source.
///
/// # Errors
/// A function's result type is not what the analyzer was told: a bug.
pub(super) fn project(input: LogicalPlan, columns: Vec<(Typed, String)>) -> Result<LogicalPlan, SqlError> {
    let mut expected = Vec::with_capacity(columns.len());
    let mut exprs = Vec::with_capacity(columns.len());
    for (typed, name) in columns {
        expected.push(match &typed.data_type {
            Some(data_type) => data_type.to_arrow()?,
            None => DataType::Null,
        });
        exprs.push(typed.expr.alias(name));
    }
    let projection = Projection::try_new(exprs, Arc::new(input)).map_err(internal)?;
    for (field, expected) in projection.schema.fields().iter().zip(&expected) {
        if field.data_type() != expected {
            return Err(SqlError::internal(format!(
                "column {} is planned as {expected} but computed as {}",
                field.name(),
                field.data_type()
            )));
        }
    }
    Ok(LogicalPlan::Projection(projection))
}

/// Rows under another key.
///
/// # Errors
/// A bug only.
pub(super) fn partition_by(input: LogicalPlan, keys: Vec<(Typed, String)>) -> Result<LogicalPlan, SqlError> {
    let mut fields: Vec<(Option<TableReference>, Arc<Field>)> =
        input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
    for (typed, name) in &keys {
        if let (Some(data_type), false) = (&typed.data_type, matches!(typed.expr, Expr::Column(_))) {
            fields.push((None, Arc::new(Field::new(name, data_type.to_arrow()?, true))));
        }
    }
    let schema = DFSchema::new_with_metadata(fields, HashMap::new()).map_err(internal)?;
    let keys = keys.into_iter().map(|(typed, name)| (typed.expr, name)).collect();
    Ok(extension(PartitionBy { input, keys, schema: Arc::new(schema) }))
}

/// A row for every element of lists, whose elements have names and types.
///
/// # Errors
/// A bug only.
pub(super) fn explode(
    input: LogicalPlan,
    lists: Vec<(Expr, String, SqlType)>,
) -> Result<LogicalPlan, SqlError> {
    let mut fields: Vec<(Option<TableReference>, Arc<Field>)> =
        input.schema().iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
    for (_, name, element) in &lists {
        fields.push((None, Arc::new(Field::new(name, element.to_arrow()?, true))));
    }
    let schema = DFSchema::new_with_metadata(fields, HashMap::new()).map_err(internal)?;
    let lists = lists.into_iter().map(|(list, name, _)| (list, name)).collect();
    Ok(extension(Explode { input, lists, schema: Arc::new(schema) }))
}

/// A node of our own.
pub(super) fn extension<N>(node: N) -> LogicalPlan
where
    N: datafusion_expr::UserDefinedLogicalNode + 'static,
{
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

/// The schema of columns without a source.
///
/// # Errors
/// Two have the same name: a bug.
pub(super) fn unqualified(fields: Vec<Field>) -> Result<DFSchemaRef, SqlError> {
    DFSchema::from_unqualified_fields(fields.into(), HashMap::new()).map(Arc::new).map_err(internal)
}

/// A plan that DataFusion does not accept is a bug of this crate.
pub(super) fn internal(error: DataFusionError) -> SqlError {
    SqlError::internal(format!("the plan is not consistent: {error}"))
}

/// The scan decodes what the query needs, and of a table always the key, which says whose row it is.
fn scan(source: &ScopeSource, needed: &Needed) -> Result<LogicalPlan, SqlError> {
    let table = Arc::new(SourceScan::new(source.source.clone()));
    let is_key = |name: &str| {
        source.source.kind == SourceKind::Table
            && source.source.key_columns().any(|column| column.name == name)
    };
    let projection = table
        .schema()
        .fields()
        .iter()
        .enumerate()
        .filter(|(_, field)| needed.has(&source.alias, field.name()) || is_key(field.name()))
        .map(|(index, _)| index)
        .collect();
    let name = TableReference::bare(source.source.name.as_str());
    let scan =
        TableScanBuilder::new(name, table).with_projection(Some(projection)).build().map_err(internal)?;
    let scan = LogicalPlan::TableScan(scan);
    if source.alias == source.source.name {
        return Ok(scan);
    }
    SubqueryAlias::try_new(Arc::new(scan), TableReference::bare(source.alias.as_str()))
        .map(LogicalPlan::SubqueryAlias)
        .map_err(internal)
}

fn first_there_is(first: Typed, second: Typed) -> Typed {
    let there_is = Expr::IsNotNull(Box::new(first.expr.clone()));
    let branches = vec![(Box::new(there_is), Box::new(first.expr))];
    let expr = Expr::Case(Case::new(None, branches, Some(Box::new(second.expr))));
    Typed { expr, data_type: first.data_type }
}
