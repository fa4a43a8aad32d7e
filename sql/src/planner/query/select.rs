//! One SELECT: the order in which its clauses are understood and planned.

use std::collections::HashMap;

use datafusion_expr::{Expr, LogicalPlan};
use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use super::aggregation::{Aggregation, window_spec};
use super::build::{Needed, explode, filter, join_sources, partition_by, project};
use super::from::FromClause;
use super::joins::repartition_of_windowed;
use super::key::{self, KeyRule, check_key_type, key_positions};
use super::projection::{Names, ResultColumn, check_duplicates, check_reserved_names, expand};
use super::pull_where;
use super::unique_names::UniqueNames;
use crate::analyzer::aggregates::{call_text, first_call};
use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{Expression, Node};
use crate::analyzer::lower::{Lowering, Substitution, Typed};
use crate::analyzer::resolve::Resolver;
use crate::analyzer::table_functions;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{Lookup, SourceKind, WindowKind};
use crate::parser::ast::{self, KsqlSelect, SelectItem, SelectStatement};
use crate::parser::identifier::quoted_name;
use crate::plan::join::JoinKind;
use crate::plan::source::{ROWOFFSET, ROWPARTITION};
use crate::plan::{Emit, QueryPlan};
use crate::planner::Purpose;
use crate::planner::create_as_select::check_kind;
use crate::planner::create_source::no_timestamp_column;
use crate::type_system::SqlType;

/// Plans a query.
///
/// # Errors
/// Everything that is wrong with it.
pub(in crate::planner) fn plan(
    body: &KsqlSelect,
    select: &SelectStatement,
    lookup: &dyn Lookup,
    purpose: &Purpose,
) -> Result<QueryPlan, SqlError> {
    if *purpose == Purpose::Pull {
        check_pull(body, select, lookup)?;
    }
    check_reserved_names(&body.projection, purpose)?;
    let mut from = FromClause::new(&body.from, lookup)?;
    from.scope.aggregates_in_windows = body.window.is_some();
    if let Some(last) = from.joins.last()
        && last.key_columns.is_empty()
    {
        from.scope.join_key = Some((key::join_key_name(&from), last.key_type.clone()));
    }
    Select::resolve(body, select, &from, lookup, purpose)?.plan()
}

/// A query whose names are resolved.
struct Select<'a> {
    from: &'a FromClause,
    lookup: &'a dyn Lookup,
    purpose: &'a Purpose,
    columns: Vec<ResultColumn>,
    filter: Option<Expression>,
    aggregation: Option<Aggregation>,
    /// Key expressions of PARTITION BY; empty for NULL.
    partition_by: Option<Vec<Expression>>,
    /// Calls of table functions, each once.
    table_calls: Vec<Expression>,
    emit: Emit,
    limit: Option<u64>,
}

impl<'a> Select<'a> {
    fn resolve(
        body: &KsqlSelect,
        select: &SelectStatement,
        from: &'a FromClause,
        lookup: &'a dyn Lookup,
        purpose: &'a Purpose,
    ) -> Result<Select<'a>, SqlError> {
        let resolver = |clause| Resolver { scope: &from.scope, clause, lookup, variables: &[] };
        let filter = body.where_.as_ref().map(|ast| resolver(Clause::Where).resolve(ast)).transpose()?;
        let groups = clause_on_input(&body.group_by, Clause::GroupBy, body, &resolver)?;
        check_distinct_groups(&groups)?;
        let partition_by = clause_on_input(&body.partition_by, Clause::PartitionBy, body, &resolver)?;
        let having = body.having.as_ref().map(|ast| resolver(Clause::Having).resolve(ast)).transpose()?;
        let columns = expand(&body.projection, from, &partition_by, purpose, lookup)?;
        if *purpose == Purpose::Pull {
            check_pull_columns(&columns, filter.as_ref())?;
            check_pull_stars(&body.projection, from, lookup)?;
            pull_where::check(filter.as_ref(), from, lookup)?;
        }
        if let Some(filter) = &filter
            && let Some(call) = first_call(filter, lookup)
        {
            return Err(SqlError::invalid(format!(
                "{}Aggregate function {} cannot be used in WHERE.",
                Clause::Where.filter_error_prefix(),
                call_text(call)
            ))
            .at(call.span)
            .with_hint("HAVING filters what is aggregated"));
        }
        check_value_formats(from, !groups.is_empty())?;
        check_windowed_tables(from, purpose, lookup)?;
        let table_calls = table_calls(&columns, &groups, from, lookup)?;
        let emit = match select.emit {
            Some(ast::Emit::Final) => Emit::Final,
            Some(ast::Emit::Changes) | None => Emit::Changes,
        };
        let window = body.window.as_ref().map(|clause| window_spec(clause, emit)).transpose()?;
        let aggregated = || columns.iter().find_map(|column| first_call(&column.expression, lookup));
        if *purpose == Purpose::Pull
            && let Some(call) = aggregated()
        {
            return Err(no_pull_clause("GROUP BY")
                .at(call.span)
                .with_hint("CREATE TABLE … AS SELECT keeps aggregates up to date"));
        }
        let aggregation = Aggregation::new(&columns, &groups, having.as_ref(), window, from, lookup)?;
        if let Some(aggregation) = &aggregation {
            check_grouping(aggregation, purpose)?;
        } else if let Some(window) = &body.window {
            return Err(SqlError::invalid("WINDOW clause requires a GROUP BY clause.").at(window.span));
        }
        if emit == Emit::Final && aggregation.as_ref().is_none_or(|aggregation| aggregation.window.is_none())
        {
            return Err(
                SqlError::invalid("EMIT FINAL is only supported for windowed aggregations.").at(select.span)
            );
        }
        let partition_by = match partition_by.as_slice() {
            [] => None,
            keys => check_partition_by(keys, from, aggregation.is_some())?,
        };
        Ok(Select {
            from,
            lookup,
            purpose,
            columns,
            filter,
            aggregation,
            partition_by,
            table_calls,
            emit,
            limit: select.limit,
        })
    }

    fn plan(self) -> Result<QueryPlan, SqlError> {
        let joined = join_sources(self.from, &self.needed(), self.lookup)?;
        let mut substitutions: Vec<Substitution> = Vec::new();
        if let (Some(key), Some((name, _))) = (&joined.key, &self.from.scope.join_key) {
            let expression = Expression::new(Node::Computed(name.clone()), Span::empty());
            substitutions.push(Substitution { expression, typed: key.clone() });
        }
        let mut plan = joined.plan;
        if let Some(condition) = &self.filter {
            let predicate = self.lowering(Clause::Where, &substitutions).predicate(condition)?;
            plan = filter(plan, predicate)?;
        }
        if let Some(aggregation) = &self.aggregation {
            let lowering = self.lowering(Clause::Select, &substitutions);
            (plan, substitutions) = aggregation.plan(plan, &self.columns, self.from, &lowering, self.emit)?;
        }
        if let Some(keys) = &self.partition_by {
            (plan, substitutions) = self.plan_partition_by(plan, keys, substitutions)?;
        }
        if !self.table_calls.is_empty() {
            (plan, substitutions) = self.plan_table_functions(plan, substitutions)?;
        }
        let lowering = self.lowering(Clause::Select, &substitutions);
        let mut columns = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            columns.push((lowering.lower(&column.expression)?, column.name.clone()));
        }
        // What is wrong with a column by itself is told before that the key is missing.
        if let Purpose::Persistent { event_time: Some(name), .. } = self.purpose
            && !self.columns.iter().any(|column| column.name == *name)
        {
            return Err(no_timestamp_column(name, self.columns.iter().map(|column| column.name.as_str())));
        }
        let key_positions = key_positions(&self.key_rule(), &self.columns, self.from, self.purpose)?;
        if let (KeyRule::Join(step), Some(key)) = (self.key_rule(), joined.key)
            && step.kind != JoinKind::ForeignKey
            && let [position] = key_positions.as_slice()
        {
            // The column that stands for the key may be NULL where the key is not.
            columns[*position].0 = key;
        }
        self.finish(plan, columns, &key_positions)
    }

    fn finish(
        self,
        plan: LogicalPlan,
        columns: Vec<(Typed, String)>,
        key_positions: &[usize],
    ) -> Result<QueryPlan, SqlError> {
        let typed = columns.iter().zip(&self.columns).map(|((typed, name), column)| {
            let span = column.expression.span;
            let data_type = typed.data_type.clone().ok_or_else(|| {
                let message = "Can't infer a type of null. Please explicitly cast it to a required type, e.g. \
                               CAST(null AS VARCHAR).";
                SqlError::type_error(message).at(span)
            })?;
            Ok((name.clone(), data_type, span))
        });
        let typed = typed.collect::<Result<Vec<(String, SqlType, Span)>, SqlError>>()?;
        check_duplicates(&typed)?;
        let key: Vec<String> = key_positions.iter().map(|position| columns[*position].1.clone()).collect();
        for position in key_positions {
            let (name, data_type, span) = &typed[*position];
            let shown = match self.columns[*position].expression.as_column() {
                Some(column) if !self.from.joins.is_empty() => column.row_name(),
                _ => name.clone(),
            };
            check_key_type(&shown, data_type, *span)?;
        }
        let kind = if self.aggregation.is_some() { SourceKind::Table } else { self.from.kind };
        let columns = if let Purpose::Persistent { kind: declared, .. } = self.purpose {
            if key.len() == columns.len() {
                // A value column would not help a query of the other kind.
                declared.map_or(Ok(()), |declared| check_kind(declared, kind))?;
                return Err(SqlError::invalid("The projection contains no value columns.")
                    .with_hint("AS_VALUE(column) copies a key column into the value"));
            }
            key_first(columns, key_positions)
        } else {
            columns
        };
        Ok(QueryPlan {
            plan: project(plan, columns)?,
            sources: self.from.scope.sources.iter().map(|source| source.source.name.clone()).collect(),
            kind,
            key,
            window: self.result_window(),
            emit: self.emit,
            limit: self.limit,
        })
    }

    fn result_window(&self) -> Option<WindowKind> {
        match &self.aggregation {
            Some(aggregation) => aggregation.window.map(|window| window.kind),
            None => self.from.window,
        }
    }

    fn lowering<'b>(&'b self, clause: Clause, substitutions: &'b [Substitution]) -> Lowering<'b> {
        Lowering { scope: &self.from.scope, clause, lookup: self.lookup, substitutions, variables: &[] }
    }

    fn key_rule(&self) -> KeyRule<'_> {
        if let Some(aggregation) = &self.aggregation {
            return if aggregation.groups.is_empty() {
                KeyRule::None
            } else {
                KeyRule::Groups(&aggregation.groups)
            };
        }
        if let Some(keys) = &self.partition_by {
            return KeyRule::Partition(keys);
        }
        match self.from.joins.last() {
            None => {
                let as_projected = self.from.kind == SourceKind::Stream
                    && self.lookup.switch("ksql.new.query.planner.enabled") == Some(true);
                KeyRule::Source { columns: self.from.leading_key(), as_projected }
            }
            Some(step) if step.kind == JoinKind::ForeignKey => KeyRule::LeftTable {
                columns: self.from.leading_key(),
                table: &self.from.scope.sources[0].alias,
            },
            Some(step) => KeyRule::Join(step),
        }
    }

    /// Every column that occurs anywhere.
    fn needed(&self) -> Needed {
        let mut needed = Needed::default();
        let aggregation = self.aggregation.iter().flat_map(|aggregation| {
            aggregation.groups.iter().chain(&aggregation.calls).chain(&aggregation.having)
        });
        let joins = self.from.joins.iter().flat_map(|step| [&step.on.0, &step.on.1]);
        let expressions = self
            .columns
            .iter()
            .map(|column| &column.expression)
            .chain(&self.filter)
            .chain(aggregation)
            .chain(self.partition_by.iter().flatten())
            .chain(joins);
        expressions.for_each(|expression| needed.add(expression));
        needed
    }

    fn plan_partition_by(
        &self,
        input: LogicalPlan,
        keys: &[Expression],
        mut substitutions: Vec<Substitution>,
    ) -> Result<(LogicalPlan, Vec<Substitution>), SqlError> {
        let mut generated = Names::new(&self.from.scope);
        // A name of the input would mean two columns then.
        let mut names = UniqueNames::default();
        input.schema().fields().iter().for_each(|field| names.take(field.name()));
        let mut planned: Vec<(Typed, String)> = Vec::with_capacity(keys.len());
        let mut computed = Vec::new();
        for key in keys {
            let typed = self.lowering(Clause::PartitionBy, &substitutions).lower(key)?;
            let Some(data_type) = typed.data_type.clone() else {
                return Err(SqlError::type_error(format!("PARTITION BY {key} has no type")).at(key.span));
            };
            let shown = match self.columns.iter().find(|column| column.expression == *key) {
                Some(column) => column.name.clone(),
                None => generated.of(key, &self.from.scope),
            };
            check_key_type(&shown, &data_type, key.span)?;
            if let Expr::Column(column) = &typed.expr {
                let name = column.name.clone();
                planned.push((typed, name));
                continue;
            }
            let name = names.unique(&shown);
            let column = Expr::Column(datafusion_common::Column::new_unqualified(&name));
            computed.push(Substitution { expression: key.clone(), typed: Typed::new(column, data_type) });
            planned.push((typed, name));
        }
        computed.append(&mut substitutions);
        Ok((partition_by(input, planned)?, computed))
    }

    fn plan_table_functions(
        &self,
        input: LogicalPlan,
        mut substitutions: Vec<Substitution>,
    ) -> Result<(LogicalPlan, Vec<Substitution>), SqlError> {
        let mut names = UniqueNames::default();
        input.schema().fields().iter().for_each(|field| names.take(field.name()));
        let mut lists = Vec::with_capacity(self.table_calls.len());
        let mut elements = Vec::with_capacity(self.table_calls.len());
        for call in &self.table_calls {
            let (list, element) = self.lowering(Clause::Select, &substitutions).table_call(call)?;
            let name = names.unique("KSQL_SYNTH");
            let column = Expr::Column(datafusion_common::Column::new_unqualified(&name));
            let typed = Typed::new(column, element.clone());
            elements.push(Substitution { expression: call.clone(), typed });
            lists.push((list, name, element));
        }
        elements.append(&mut substitutions);
        Ok((explode(input, lists)?, elements))
    }
}

/// The calls of table functions in the SELECT list.
fn table_calls(
    columns: &[ResultColumn],
    groups: &[Expression],
    from: &FromClause,
    lookup: &dyn Lookup,
) -> Result<Vec<Expression>, SqlError> {
    let mut calls = Vec::new();
    for column in columns {
        table_functions::collect_calls(&column.expression, lookup, &mut calls)?;
    }
    let Some(first) = calls.first() else { return Ok(calls) };
    let aggregates = columns.iter().any(|column| first_call(&column.expression, lookup).is_some());
    if aggregates || !groups.is_empty() {
        return Err(SqlError::unsupported("Table functions cannot be used with aggregations.").at(first.span));
    }
    if from.kind == SourceKind::Table {
        return Err(
            SqlError::unsupported("Table source is not supported with table functions").at(first.span)
        );
    }
    Ok(calls)
}

/// Expressions of a clause that works on the input: names of the projection mean nothing there.
fn clause_on_input<'a>(
    list: &[Ast],
    clause: Clause,
    body: &KsqlSelect,
    resolver: &impl Fn(Clause) -> Resolver<'a>,
) -> Result<Vec<Expression>, SqlError> {
    let aliases: HashMap<&str, ()> = body
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::Expression { alias: Some(alias), .. } => Some((alias.value.as_str(), ())),
            _ => None,
        })
        .collect();
    let resolve = |ast: &Ast| {
        resolver(clause).resolve(ast).map_err(|mut error| {
            let alias = aliases.keys().find(|alias| error.message.contains(&format!("column '{alias}'")));
            if let (SqlErrorKind::UnknownColumn, Some(alias)) = (error.kind, alias) {
                error.message = format!(
                    "{} '{alias}' must be a column in the source schema since {clause} is applied on the \
                     input.",
                    error.message
                );
                error.hint = None;
            }
            error
        })
    };
    list.iter().map(resolve).collect()
}

fn check_distinct_groups(groups: &[Expression]) -> Result<(), SqlError> {
    for (index, group) in groups.iter().enumerate() {
        if groups[..index].contains(group) {
            let message = format!("Duplicate GROUP BY expression: {}", group.qualified());
            return Err(SqlError::new(SqlErrorKind::Duplicate, message).at(group.span));
        }
    }
    Ok(())
}

/// A stored table needs a key, so it needs groups.
fn check_grouping(aggregation: &Aggregation, purpose: &Purpose) -> Result<(), SqlError> {
    match (purpose, aggregation.groups.is_empty(), aggregation.calls.first()) {
        (Purpose::Persistent { .. }, true, Some(first)) => {
            let calls: Vec<String> = aggregation.calls.iter().map(call_text).collect();
            Err(SqlError::invalid(format!(
                "CREATE TABLE AS SELECT statement does not support aggregate function [{}] without a GROUP BY \
                 clause.",
                calls.join(", ")
            ))
            .at(first.span))
        }
        _ => Ok(()),
    }
}

/// What the rows are partitioned by, where that is not what they are partitioned by already and may not be
/// changed.
fn check_partition_by(
    keys: &[Expression],
    from: &FromClause,
    aggregates: bool,
) -> Result<Option<Vec<Expression>>, SqlError> {
    let span = keys.first().map_or_else(Span::empty, |key| key.span);
    let stays = from.joins.is_empty() && from.leading_key() == keys;
    if from.kind == SourceKind::Table {
        return if stays { Ok(None) } else { Err(repartition_of_table(keys, from).at(span)) };
    }
    if from.window.is_some() {
        return if stays { Ok(None) } else { Err(repartition_of_windowed().at(span)) };
    }
    let takes_key_away = keys.iter().any(key::is_null);
    if takes_key_away && keys.len() > 1 {
        return Err(SqlError::invalid("Cannot PARTITION BY multiple columns including NULL").at(span));
    }
    // Groups are partitioned by what they are groups of, whatever they come from.
    if aggregates {
        return Ok(None);
    }
    Ok(Some(if takes_key_away { Vec::new() } else { keys.to_vec() }))
}

/// The error for another key for the rows of a table.
fn repartition_of_table(keys: &[Expression], from: &FromClause) -> SqlError {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let reason = match from.leading_key().as_slice() {
        [key] => format!(
            "If this is a join, make sure that the criteria uses the TABLE's key column {key} instead of [{}]",
            keys.join(", ")
        ),
        _ => "If this is a join, joins on tables with multiple columns is not yet supported.".to_owned(),
    };
    SqlError::unsupported(format!("Cannot repartition a TABLE source. {reason}"))
        .with_hint("PARTITION BY gives another key to streams alone; GROUP BY gives one to a table")
}

/// Refuses to make something else of a windowed table, which ksqlDB cannot.
fn check_windowed_tables(from: &FromClause, purpose: &Purpose, lookup: &dyn Lookup) -> Result<(), SqlError> {
    let windowed = from
        .scope
        .sources
        .iter()
        .any(|source| source.source.kind == SourceKind::Table && source.source.window.is_some());
    if windowed && matches!(purpose, Purpose::Persistent { .. }) && lookup.within_ksqldb_limits() {
        return Err(SqlError::unsupported("KSQL does not support persistent queries on windowed tables."));
    }
    Ok(())
}

fn check_value_formats(from: &FromClause, groups: bool) -> Result<(), SqlError> {
    let operation = match (from.joins.is_empty(), groups) {
        (false, _) => "JOIN",
        (true, true) => "GROUP BY",
        (true, false) => return Ok(()),
    };
    let names: Vec<&str> = from
        .scope
        .sources
        .iter()
        .filter(|source| source.source.value_format.name == "KAFKA")
        .map(|source| source.alias.as_str())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(SqlError::unsupported(format!(
        "Source(s) {} are using the 'KAFKA' value format. This format does not yet support {operation}.",
        names.join(", ")
    )))
}

/// What ksqlDB's one-shot queries cannot do.
fn check_pull(body: &KsqlSelect, select: &SelectStatement, lookup: &dyn Lookup) -> Result<(), SqlError> {
    if select.limit.is_some() && lookup.switch("ksql.query.pull.limit.clause.enabled") == Some(false) {
        return Err(SqlError::unsupported(
            "LIMIT clause in pull queries is currently disabled. You can enable them by setting \
             ksql.query.pull.limit.clause.enabled=true. See https://cnfl.io/queries for more info.\nAdd EMIT \
             CHANGES if you intended to issue a push query.",
        )
        .at(select.span));
    }
    let clause = if matches!(body.from, ast::Relation::Join(_)) {
        "JOIN"
    } else if body.window.is_some() {
        "WINDOW"
    } else if !body.group_by.is_empty() {
        "GROUP BY"
    } else if !body.partition_by.is_empty() {
        "PARTITION BY"
    } else if body.having.is_some() {
        "HAVING"
    } else {
        return Ok(());
    };
    Err(no_pull_clause(clause).at(body.from.span()))
}

fn no_pull_clause(clause: &str) -> SqlError {
    SqlError::unsupported(format!(
        "Pull queries don't support {clause} clauses. See https://cnfl.io/queries for more info.\nAdd EMIT \
         CHANGES if you intended to issue a push query."
    ))
}

/// Partition and offset belong to a record; what is there now has none.
fn check_pull_columns(columns: &[ResultColumn], filter: Option<&Expression>) -> Result<(), SqlError> {
    let select: Vec<&Expression> = columns.iter().map(|column| &column.expression).collect();
    for (clause, expressions) in [(Clause::Select, select), (Clause::Where, filter.into_iter().collect())] {
        let mut names: Vec<String> = Vec::new();
        for column in expressions.iter().flat_map(|expression| expression.columns()) {
            let name = quoted_name(&column.name);
            if [ROWPARTITION, ROWOFFSET].contains(&column.name.as_str()) && !names.contains(&name) {
                names.push(name);
            }
        }
        if !names.is_empty() {
            return Err(SqlError::unsupported(format!(
                "Pull queries don't support the following columns in {clause} clauses: {}",
                names.join(", ")
            )));
        }
    }
    Ok(())
}

/// What `*` stands for in a table is read as it is stored, where only ksqlDB's own means are used.
fn check_pull_stars(
    projection: &[SelectItem],
    from: &FromClause,
    lookup: &dyn Lookup,
) -> Result<(), SqlError> {
    let star = projection.iter().find_map(|item| match item {
        SelectItem::Wildcard { span } | SelectItem::SourceWildcard { span, .. } => Some(*span),
        _ => None,
    });
    match star {
        Some(span)
            if projection.len() > 1 && from.kind == SourceKind::Table && lookup.within_ksqldb_limits() =>
        {
            Err(SqlError::unsupported(
                "Pull queries only support wildcards in the projects if they are the only expression",
            )
            .at(span)
            .with_hint("name the columns"))
        }
        _ => Ok(()),
    }
}

fn key_first(columns: Vec<(Typed, String)>, key_positions: &[usize]) -> Vec<(Typed, String)> {
    let keys = key_positions.iter().map(|position| columns[*position].clone());
    let values = columns.iter().enumerate().filter(|(index, _)| !key_positions.contains(index));
    keys.chain(values.map(|(_, column)| column.clone())).collect()
}
