//! A logical plan cut into stages and compiled.
//!
//! The plan is walked from its root down; what comes back up is the stage that is still open, with
//! the columns it has. GROUP BY and joins close the stages below them with an exchange and open a new
//! one. Whether the operators above need the rows that updates replace is told on the way down.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DFSchemaRef, ScalarValue};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, TableScan};
use tidemill_sql::lookup::{Source, SourceKind, WindowKind};
use tidemill_sql::plan::QueryPlan;
use tidemill_sql::plan::aggregate::StreamAggregate;
use tidemill_sql::plan::explode::Explode;
use tidemill_sql::plan::join::{JoinKind, StreamJoin};
use tidemill_sql::plan::partition_by::PartitionBy;
use tidemill_sql::plan::source::SourceScan;

use crate::error::{Error, Result};
use crate::expressions::CompiledExpression;
use crate::operators::Input;
use crate::operators::aggregate::{AggregatePolicy, AggregateSpec, CallSpec};
use crate::operators::join::{JoinSide, JoinSpec};
use crate::operators::partition_by::KeyColumn;
use crate::physical::scan::{ScanColumn, ScanSpec};
use crate::physical::{
    Exchange, OperatorKind, OperatorPlan, PhysicalPlan, Recipients, StageInput, StagePlan,
};

/// Compiles a continuous query; `policy` is that of its aggregations.
///
/// # Errors
/// `Unsupported` for a plan node that has no continuous operator, or an expression that does not
/// compile.
pub fn plan(query: &QueryPlan, policy: AggregatePolicy) -> Result<PhysicalPlan> {
    let mut lowering = Lowering { stages: Vec::new(), next_number: 0, policy };
    let open = lowering.lower(&query.plan, false)?;
    let schema: SchemaRef = Arc::new(open.schema.as_arrow().clone());
    let key = query
        .key
        .iter()
        .map(|name| {
            schema
                .index_of(name)
                .map_err(|_| Error::internal(format!("the result has no key column '{name}'")))
        })
        .collect::<Result<_>>()?;
    // The open stage gives the result, so it has to be the last one; stages below it were pushed first.
    assert_eq!(open.stage + 1, lowering.stages.len(), "the open stage is the last one");
    Ok(PhysicalPlan {
        stages: lowering.stages,
        schema,
        key,
        kind: query.kind,
        window: query.window,
        limit: query.limit,
    })
}

/// A stage whose chain can still grow.
struct Open {
    stage: usize,
    /// Columns by position; a stage may carry more behind them.
    schema: DFSchemaRef,
    /// For a table: positions of its primary key's columns.
    primary_key: Vec<usize>,
    /// Windows of its key.
    window: Option<WindowKind>,
}

struct Lowering {
    stages: Vec<StagePlan>,
    next_number: u16,
    policy: AggregatePolicy,
}

impl Lowering {
    fn push(&mut self, stage: usize, kind: OperatorKind) {
        // Operators without state take no number, so that they can come and go.
        let number = self.next_number;
        self.next_number += u16::from(kind.has_state());
        self.stages[stage].operators.push(OperatorPlan { number, kind });
    }

    fn lower(&mut self, plan: &LogicalPlan, with_before: bool) -> Result<Open> {
        match plan {
            LogicalPlan::TableScan(scan) => self.lower_scan(scan, with_before),
            LogicalPlan::SubqueryAlias(alias) => {
                let open = self.lower(&alias.input, with_before)?;
                Ok(Open { schema: alias.schema.clone(), ..open })
            }
            LogicalPlan::Filter(filter) => {
                let open = self.lower(&filter.input, true)?;
                let predicate = CompiledExpression::new(&filter.predicate, &open.schema)?;
                self.push(open.stage, OperatorKind::Filter(predicate));
                Ok(open)
            }
            LogicalPlan::Projection(projection) => {
                let open = self.lower(&projection.input, with_before)?;
                let columns = named_columns(&projection.expr, &projection.schema, &open.schema)?;
                let primary_key = moved(&open.primary_key, &columns);
                self.push(open.stage, OperatorKind::Project(columns));
                Ok(Open { schema: projection.schema.clone(), primary_key, ..open })
            }
            LogicalPlan::Extension(Extension { node }) => {
                if let Some(aggregate) = node.as_any().downcast_ref::<StreamAggregate>() {
                    return self.lower_aggregate(aggregate, with_before);
                }
                if let Some(join) = node.as_any().downcast_ref::<StreamJoin>() {
                    return self.lower_join(join, with_before);
                }
                if let Some(explode) = node.as_any().downcast_ref::<Explode>() {
                    return self.lower_explode(explode);
                }
                if let Some(partition_by) = node.as_any().downcast_ref::<PartitionBy>() {
                    return self.lower_partition_by(partition_by);
                }
                Err(unsupported(plan))
            }
            _ => Err(unsupported(plan)),
        }
    }

    fn lower_scan(&mut self, scan: &TableScan, with_before: bool) -> Result<Open> {
        let source = scan
            .source
            .downcast_ref::<SourceScan>()
            .ok_or_else(|| Error::internal(format!("'{}' is no stream or table", scan.table_name)))?
            .source()
            .clone();
        let mut names: Vec<String> =
            scan.projected_schema.fields().iter().map(|field| field.name().clone()).collect();
        let primary_key = match source.kind {
            SourceKind::Stream => Vec::new(),
            SourceKind::Table => key_positions(&source, &mut names),
        };
        let spec = ScanSpec::new(&source, &names)?;
        let columns = spec.schema.clone();
        self.stages.push(StagePlan { input: StageInput::Scan(spec), operators: Vec::new(), exchange: None });
        let stage = self.stages.len() - 1;
        if source.kind == SourceKind::Table && with_before {
            self.push(stage, OperatorKind::TableState { key: primary_key.clone(), schema: columns });
        }
        Ok(Open { stage, schema: scan.projected_schema.clone(), primary_key, window: source.window })
    }

    fn lower_aggregate(&mut self, node: &StreamAggregate, with_before: bool) -> Result<Open> {
        let from_table = node.input_kind == SourceKind::Table;
        let open = self.lower(&node.input, from_table)?;
        let mut columns = Vec::new();
        for (expression, name) in &node.groups {
            columns.push(named_column(name.clone(), expression, &open.schema)?);
        }
        let mut calls = Vec::with_capacity(node.calls.len());
        for call in &node.calls {
            let arguments = columns.len()..columns.len() + call.arguments.len();
            for (index, argument) in call.arguments.iter().enumerate() {
                columns.push(named_column(format!("{}#{index}", call.name), argument, &open.schema)?);
            }
            calls.push(CallSpec {
                function: call.function.clone(),
                arguments: arguments.collect(),
                constants: call.arguments.iter().map(literal).collect(),
                return_type: call.return_type.clone(),
                name: call.name.clone(),
                entries_max: call.entries_max,
            });
        }
        let fields: Vec<_> = columns
            .iter()
            .map(|(name, expression, _)| {
                arrow::datatypes::Field::new(name, expression.data_type().clone(), true)
            })
            .collect();
        let groups: Vec<_> = fields[..node.groups.len()].to_vec();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        self.push(open.stage, OperatorKind::Project(columns));
        let stage = self.stages.len();
        self.stages[open.stage].exchange = Some(Exchange {
            stage,
            input: Input::Left,
            key: (0..node.groups.len()).collect(),
            recipients: Recipients::ShardOfKey,
        });
        self.stages.push(StagePlan {
            input: StageInput::Exchanged(vec![schema.clone()]),
            operators: Vec::new(),
            exchange: None,
        });
        self.push(
            stage,
            OperatorKind::Aggregate(AggregateSpec {
                input: schema,
                groups,
                calls,
                window: node.window,
                emit: node.emit,
                input_kind: node.input_kind,
                policy: self.policy,
                with_before,
            }),
        );
        let window = node.window.map(|window| window.kind);
        let primary_key = (0..node.groups.len()).collect();
        Ok(Open { stage, schema: node.schema.clone(), primary_key, window })
    }

    fn lower_join(&mut self, node: &StreamJoin, with_before: bool) -> Result<Open> {
        // Where a stream's record and a table's row are of the same time the row comes first, because
        // the runs of earlier stages do: what was true when the record was made is what it meets.
        let table = match node.kind {
            JoinKind::StreamTable => Some(self.lower(&node.right, false)?),
            JoinKind::StreamStream { .. } | JoinKind::TableTable | JoinKind::ForeignKey => None,
        };
        // Joins know the rows that updates replace themselves.
        let left = self.lower(&node.left, false)?;
        let left_side = self.join_side(&left, node.on.iter().map(|(left, _)| left))?;
        let right = table.map_or_else(|| self.lower(&node.right, false), Ok)?;
        let right_side = self.join_side(&right, node.on.iter().map(|(_, right)| right))?;
        let stage = self.stages.len();
        // The left rows that refer to a right one may have any keys, and all of them must meet it.
        let (left_key, right_recipients) = match node.kind {
            JoinKind::ForeignKey => (left_side.primary_key.clone(), Recipients::EveryShard),
            JoinKind::StreamStream { .. } | JoinKind::StreamTable | JoinKind::TableTable => {
                (left_side.key.clone(), Recipients::ShardOfKey)
            }
        };
        self.stages[left.stage].exchange =
            Some(Exchange { stage, input: Input::Left, key: left_key, recipients: Recipients::ShardOfKey });
        self.stages[right.stage].exchange = Some(Exchange {
            stage,
            input: Input::Right,
            key: right_side.key.clone(),
            recipients: right_recipients,
        });
        self.stages.push(StagePlan {
            input: StageInput::Exchanged(vec![left_side.schema.clone(), right_side.schema.clone()]),
            operators: Vec::new(),
            exchange: None,
        });
        let primary_key = match node.kind {
            JoinKind::StreamStream { .. } | JoinKind::StreamTable => Vec::new(),
            JoinKind::TableTable | JoinKind::ForeignKey => left_side.primary_key.clone(),
        };
        let output: SchemaRef = Arc::new(node.schema.as_arrow().clone());
        self.push(
            stage,
            OperatorKind::Join(JoinSpec {
                kind: node.kind,
                join_type: node.join_type,
                left: left_side,
                right: right_side,
                output,
                window: left.window,
                with_before,
            }),
        );
        Ok(Open { stage, schema: node.schema.clone(), primary_key, window: left.window })
    }

    /// Puts the key's expressions behind a side's columns and tells where everything is.
    fn join_side<'a>(&mut self, open: &Open, on: impl Iterator<Item = &'a Expr>) -> Result<JoinSide> {
        let outputs = open.schema.fields().len();
        let mut columns: Vec<(String, CompiledExpression, Option<usize>)> = open
            .schema
            .columns()
            .into_iter()
            .map(|column| named_column(column.name.clone(), &Expr::Column(column), &open.schema))
            .collect::<Result<_>>()?;
        let mut key = Vec::new();
        for (index, expression) in on.enumerate() {
            let (name, compiled, same) = named_column(format!("#key{index}"), expression, &open.schema)?;
            match same {
                Some(position) => key.push(position),
                None => {
                    key.push(columns.len());
                    columns.push((name, compiled, None));
                }
            }
        }
        // A table's own key may not be among the columns the query names; it still tells rows apart.
        let mut primary_key = Vec::with_capacity(open.primary_key.len());
        for position in &open.primary_key {
            if *position < outputs {
                primary_key.push(*position);
            } else {
                let carried = self.carried_column(open, *position)?;
                primary_key.push(columns.len());
                columns.push(carried);
            }
        }
        let fields: Vec<_> = columns
            .iter()
            .map(|(name, expression, _)| {
                arrow::datatypes::Field::new(name, expression.data_type().clone(), true)
            })
            .collect();
        self.push(open.stage, OperatorKind::Project(columns));
        Ok(JoinSide { schema: Arc::new(Schema::new(fields)), output_columns: outputs, key, primary_key })
    }

    /// A column that a scan carries behind those its plan names.
    fn carried_column(
        &self,
        open: &Open,
        position: usize,
    ) -> Result<(String, CompiledExpression, Option<usize>)> {
        let StageInput::Scan(scan) = &self.stages[open.stage].input else {
            return Err(Error::internal("a table's key is not among its columns"));
        };
        let schema = DFSchema::try_from(scan.schema.as_ref().clone())?;
        let name = scan.schema.field(position).name().clone();
        let column = Expr::Column(datafusion::common::Column::new_unqualified(&name));
        Ok((name, CompiledExpression::new(&column, &schema)?, Some(position)))
    }

    fn lower_partition_by(&mut self, node: &PartitionBy) -> Result<Open> {
        let open = self.lower(&node.input, false)?;
        let column = |(expression, name): &(Expr, String)| {
            let (name, compiled, same) = named_column(name.clone(), expression, &open.schema)?;
            let needs_value = !self.is_of_key(expression, &open);
            Ok(KeyColumn { name, expression: compiled, same, needs_value })
        };
        let columns = node.keys.iter().map(column).collect::<Result<Vec<_>>>()?;
        self.push(open.stage, OperatorKind::PartitionBy(columns));
        Ok(Open { schema: node.schema.clone(), ..open })
    }

    fn lower_explode(&mut self, node: &Explode) -> Result<Open> {
        let open = self.lower(&node.input, false)?;
        let lists = node
            .lists
            .iter()
            .map(|(list, name)| Ok((name.clone(), CompiledExpression::new(list, &open.schema)?)))
            .collect::<Result<Vec<_>>>()?;
        self.push(open.stage, OperatorKind::Explode(lists));
        Ok(Open { schema: node.schema.clone(), ..open })
    }
}

impl Lowering {
    /// Whether an expression is computed from nothing but the key that records are read with.
    fn is_of_key(&self, expression: &Expr, open: &Open) -> bool {
        let StageInput::Scan(scan) = &self.stages[open.stage].input else { return false };
        expression.column_refs().into_iter().all(|column| {
            let index = open.schema.index_of_column(column).ok();
            let read = index.and_then(|index| scan.columns.get(index));
            matches!(read, Some(ScanColumn::Key(_) | ScanColumn::WindowStart | ScanColumn::WindowEnd))
        })
    }
}

/// Positions of a table's key columns among the columns of a scan; those missing are added behind.
fn key_positions(source: &Source, names: &mut Vec<String>) -> Vec<usize> {
    source
        .key_columns()
        .map(|column| {
            names.iter().position(|name| *name == column.name).unwrap_or_else(|| {
                names.push(column.name.clone());
                names.len() - 1
            })
        })
        .collect()
}

/// Where the columns of a key are after a projection; empty where one of them is gone.
fn moved(key: &[usize], columns: &[(String, CompiledExpression, Option<usize>)]) -> Vec<usize> {
    let found: Option<Vec<usize>> =
        key.iter().map(|position| columns.iter().position(|(_, _, same)| *same == Some(*position))).collect();
    found.unwrap_or_default()
}

fn named_columns(
    expressions: &[Expr],
    names: &DFSchema,
    input: &DFSchema,
) -> Result<Vec<(String, CompiledExpression, Option<usize>)>> {
    expressions
        .iter()
        .zip(names.fields())
        .map(|(expression, field)| named_column(field.name().clone(), expression, input))
        .collect()
}

/// Compiles one column; a plain column of the input is recognised.
fn named_column(
    name: String,
    expression: &Expr,
    input: &DFSchema,
) -> Result<(String, CompiledExpression, Option<usize>)> {
    let mut inner = expression;
    while let Expr::Alias(alias) = inner {
        inner = &alias.expr;
    }
    let same = match inner {
        Expr::Column(column) => input.maybe_index_of_column(column),
        _ => None,
    };
    Ok((name, CompiledExpression::new(inner, input)?, same))
}

/// The value of an argument that is a literal.
fn literal(expression: &Expr) -> Option<ScalarValue> {
    let mut found = None;
    let mut simple = true;
    // Failing is impossible: the closure never does.
    let _ = expression.apply(|inner| {
        match inner {
            Expr::Literal(value, _) => found = Some(value.clone()),
            Expr::Alias(_) | Expr::Cast(_) => {}
            _ => simple = false,
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
    found.filter(|_| simple)
}

fn unsupported(plan: &LogicalPlan) -> Error {
    Error::internal(format!("no continuous operator for plan node '{}'", plan.display()))
}
