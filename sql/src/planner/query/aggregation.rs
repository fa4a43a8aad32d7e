//! GROUP BY: groups, aggregates, windows, HAVING.

use datafusion_common::Column;
use datafusion_expr::{Expr, LogicalPlan};

use super::build::{extension, filter, unqualified};
use super::from::FromClause;
use super::key;
use super::projection::{Names, ResultColumn};
use super::unique_names::UniqueNames;
use crate::analyzer::aggregates::{collect_calls, first_call, lower_call, ungrouped_columns};
use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{Expression, Node, WindowBound};
use crate::analyzer::lower::{Lowering, Substitution, Typed};
use crate::error::SqlError;
use crate::lookup::{Lookup, SourceKind, WindowKind, WindowSpec};
use crate::parser::ast::{self, WindowClause};
use crate::plan::Emit;
use crate::plan::aggregate::{AggregateCall, StreamAggregate};
use crate::plan::source::{ROWTIME, WINDOWEND, WINDOWSTART};
use crate::type_system::SqlType;

/// Records may be a day late, unless a window says otherwise.
const DEFAULT_GRACE_MS: i64 = 24 * 60 * 60 * 1000;

/// What a query groups and aggregates.
pub(super) struct Aggregation {
    /// Group expressions.
    pub(super) groups: Vec<Expression>,
    /// Calls of aggregate functions, each once.
    pub(super) calls: Vec<Expression>,
    /// HAVING.
    pub(super) having: Option<Expression>,
    /// The WINDOW clause.
    pub(super) window: Option<WindowSpec>,
}

impl Aggregation {
    /// What the query aggregates; `None` if it does not.
    ///
    /// # Errors
    /// Columns that are neither grouped nor aggregated, functions that the source does not allow.
    pub(super) fn new(
        columns: &[ResultColumn],
        groups: &[Expression],
        having: Option<&Expression>,
        window: Option<WindowSpec>,
        from: &FromClause,
        lookup: &dyn Lookup,
    ) -> Result<Option<Aggregation>, SqlError> {
        for group in groups {
            if let Some(call) = first_call(group, lookup)
                && let Node::Call { name, .. } = &call.node
            {
                return Err(SqlError::invalid(format!(
                    "GROUP BY does not support aggregate functions: {name} is an aggregate function."
                ))
                .at(call.span));
            }
        }
        let mut calls = Vec::new();
        for column in columns {
            collect_calls(&column.expression, lookup, &mut calls)?;
        }
        if let Some(having) = having {
            collect_calls(having, lookup, &mut calls)?;
        }
        if calls.is_empty() {
            return match (groups, having) {
                ([], None) => Ok(None),
                ([], Some(having)) => {
                    Err(SqlError::invalid("HAVING requires a GROUP BY clause.").at(having.span))
                }
                ([first, ..], _) => Err(SqlError::invalid(
                    "GROUP BY requires aggregate functions in either the SELECT or HAVING clause.",
                )
                .at(first.span)),
            };
        }
        check_grouped(columns, groups, having, lookup)?;
        if lookup.within_ksqldb_limits() {
            check_intermediate_types(&calls, from)?;
        }
        if from.kind == SourceKind::Table {
            if window.is_some() {
                return Err(SqlError::unsupported("Windowing not supported for table aggregations."));
            }
            check_retractable(&calls, lookup)?;
        }
        Ok(Some(Aggregation { groups: groups.to_vec(), calls, having: having.cloned(), window }))
    }

    /// The aggregation over `input`, and what stands for its groups and aggregates from then on.
    ///
    /// # Errors
    /// Types that do not fit.
    pub(super) fn plan(
        &self,
        input: LogicalPlan,
        columns: &[ResultColumn],
        from: &FromClause,
        lowering: &Lowering<'_>,
        emit: Emit,
    ) -> Result<(LogicalPlan, Vec<Substitution>), SqlError> {
        let mut names = GroupNames::new(columns, from);
        let mut substitutions = Vec::new();
        let mut groups = Vec::with_capacity(self.groups.len());
        let mut group_fields = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let typed = Lowering { clause: Clause::GroupBy, ..*lowering }.lower(group)?;
            let name = names.of(group);
            let Some(data_type) = typed.data_type else {
                return Err(SqlError::type_error(format!("GROUP BY {group} has no type"))
                    .at(group.span)
                    .with_hint("write CAST(NULL AS type)"));
            };
            key::check_key_type(&name, &data_type, group.span)?;
            group_fields.push((name.clone(), data_type.to_arrow()?));
            substitutions.push(stands_for(group, &name, data_type));
            groups.push((typed.expr, name));
        }
        let mut calls: Vec<AggregateCall> = Vec::with_capacity(self.calls.len());
        for (index, call) in self.calls.iter().enumerate() {
            let name = names.taken.unique(&format!("KSQL_AGG_VARIABLE_{index}"));
            let lowered = lower_call(call, name, lowering)?;
            let data_type = SqlType::from_arrow(&lowered.return_type)?;
            substitutions.push(stands_for(call, &lowered.name, data_type));
            calls.push(lowered);
        }
        if self.window.is_some() {
            for bound in [WindowBound::Start, WindowBound::End] {
                let expression =
                    Expression::new(Node::WindowBound(bound), sqlparser::tokenizer::Span::empty());
                substitutions.push(stands_for(&expression, bound.name(), SqlType::Bigint));
            }
        }
        let schema = unqualified(StreamAggregate::fields(&group_fields, &calls, self.window.as_ref()))?;
        let plan = extension(StreamAggregate {
            input,
            input_kind: from.kind,
            groups,
            calls,
            window: self.window,
            emit,
            schema,
        });
        let Some(having) = &self.having else {
            return Ok((plan, substitutions));
        };
        let lowering = Lowering { clause: Clause::Having, substitutions: &substitutions, ..*lowering };
        let predicate = lowering.predicate(having)?;
        Ok((filter(plan, predicate)?, substitutions))
    }
}

/// The window of a WINDOW clause.
///
/// # Errors
/// Lengths that make no sense.
pub(super) fn window_spec(clause: &WindowClause, emit: Emit) -> Result<WindowSpec, SqlError> {
    let positive = |duration: &ast::WindowDuration, what: &str| {
        let millis = duration.millis();
        if millis > 0 {
            return Ok(millis);
        }
        Err(SqlError::invalid(format!("The {what} of a window must be longer than 0")).at(duration.span))
    };
    let (kind, size_ms) = match &clause.kind {
        ast::WindowKind::Tumbling { size } => {
            let size_ms = positive(size, "size")?;
            (WindowKind::Tumbling { size_ms }, size_ms)
        }
        ast::WindowKind::Hopping { size, advance } => {
            let (size_ms, advance_ms) = (positive(size, "size")?, positive(advance, "advance")?);
            if advance_ms > size_ms {
                return Err(SqlError::invalid(
                    "The advance of a HOPPING window must not be longer than its size",
                )
                .at(advance.span)
                .with_hint("records between two windows would belong to none"));
            }
            (WindowKind::Hopping { size_ms, advance_ms }, size_ms)
        }
        ast::WindowKind::Session { gap } => {
            let gap_ms = positive(gap, "inactivity gap")?;
            (WindowKind::Session { gap_ms }, gap_ms)
        }
    };
    let grace_ms = match (&clause.grace, emit) {
        (Some(grace), _) => grace.millis(),
        // Whoever waits for the last result would otherwise wait a day for it.
        (None, Emit::Final) => 0,
        (None, Emit::Changes) => (DEFAULT_GRACE_MS - size_ms).max(0),
    };
    let retention_ms = clause.retention.map(|retention| retention.millis());
    if let Some(retention) = &clause.retention
        && retention.millis() < size_ms.saturating_add(clause.grace.map_or(0, |grace| grace.millis()))
    {
        return Err(SqlError::invalid(
            "The retention of a window must not be shorter than its size and its grace period together",
        )
        .at(retention.span));
    }
    Ok(WindowSpec { kind, grace_ms, retention_ms })
}

fn check_grouped(
    columns: &[ResultColumn],
    groups: &[Expression],
    having: Option<&Expression>,
    lookup: &dyn Lookup,
) -> Result<(), SqlError> {
    let ungrouped: Vec<&Expression> = columns
        .iter()
        .map(|column| &column.expression)
        .filter(|expression| !ungrouped_columns(expression, groups, lookup).is_empty())
        .collect();
    if let Some(first) = ungrouped.first() {
        let texts: Vec<String> = ungrouped.iter().map(ToString::to_string).collect();
        return Err(SqlError::invalid(format!(
            "Non-aggregate SELECT expression(s) not part of GROUP BY: {}\nEither add the column(s) to the \
             GROUP BY or remove them from the SELECT.",
            texts.join(", ")
        ))
        .at(first.span));
    }
    let ungrouped = having.map(|having| ungrouped_columns(having, groups, lookup)).unwrap_or_default();
    if let Some(first) = ungrouped.first() {
        let texts: Vec<String> = ungrouped.iter().map(ToString::to_string).collect();
        return Err(SqlError::invalid(format!(
            "Non-aggregate HAVING expression not part of GROUP BY: {}\nConsider switching the HAVING clause to \
             a WHERE clause before the GROUP BY.",
            texts.join(", ")
        ))
        .at(first.span));
    }
    Ok(())
}

/// Functions whose state is an ARRAY, MAP or STRUCT in ksqlDB.
const NESTED_STATE: [&str; 13] = [
    "ATTR",
    "AVG",
    "COLLECT_LIST",
    "COLLECT_SET",
    "CORRELATION",
    "COUNT_DISTINCT",
    "EARLIEST_BY_OFFSET",
    "HISTOGRAM",
    "LATEST_BY_OFFSET",
    "STDDEV_SAMP",
    "STDDEV_SAMPLE",
    "TOPK",
    "TOPKDISTINCT",
];

/// ksqlDB keeps the state of aggregates in the source's format, which may not be able to hold it.
fn check_intermediate_types(calls: &[Expression], from: &FromClause) -> Result<(), SqlError> {
    let format = from.scope.sources[0].source.value_format.name.as_str();
    if !matches!(format, "DELIMITED" | "KAFKA" | "NONE") {
        return Ok(());
    }
    let nested = |call: &&Expression| matches!(&call.node, Node::Call { name, .. } if NESTED_STATE.contains(&name.as_str()));
    match calls.iter().find(nested) {
        None => Ok(()),
        Some(call) => Err(SqlError::unsupported(
            "One of the functions used in the statement has an intermediate type that the value format can not \
             handle. Please remove the function or change the format.",
        )
        .at(call.span)),
    }
}

fn check_retractable(calls: &[Expression], lookup: &dyn Lookup) -> Result<(), SqlError> {
    let mut refused: Vec<String> = Vec::new();
    for call in calls {
        if let Node::Call { name, .. } = &call.node
            && lookup.aggregate_function(name).is_some_and(|function| !function.retractable())
            && !refused.contains(name)
        {
            refused.push(name.clone());
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let plural = if refused.len() > 1 { "s" } else { "" };
    Err(SqlError::unsupported(format!(
        "The aggregation function{plural} {} cannot be applied to a table source, only to a stream source.",
        key::list(&refused, "and")
    )))
}

fn stands_for(expression: &Expression, column: &str, data_type: SqlType) -> Substitution {
    let expr = Expr::Column(Column::new_unqualified(column));
    Substitution { expression: expression.clone(), typed: Typed::new(expr, data_type) }
}

/// Names of the columns of an aggregation: where possible those of the result.
struct GroupNames<'a> {
    columns: &'a [ResultColumn],
    from: &'a FromClause,
    generated: Names,
    taken: UniqueNames,
}

impl<'a> GroupNames<'a> {
    fn new(columns: &'a [ResultColumn], from: &'a FromClause) -> GroupNames<'a> {
        let mut taken = UniqueNames::default();
        [ROWTIME, WINDOWSTART, WINDOWEND].into_iter().for_each(|name| taken.take(name));
        GroupNames { columns, from, generated: Names::new(&from.scope), taken }
    }

    fn of(&mut self, group: &Expression) -> String {
        let name = match self.columns.iter().find(|column| column.expression == *group) {
            Some(column) => column.name.clone(),
            None => self.generated.of(group, &self.from.scope),
        };
        self.taken.unique(&name)
    }
}
