//! Joins: which kind a join is, whether ksqlDB allows it, and what its key is.

use sqlparser::tokenizer::Span;

use super::from::FromClause;
use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{Comparison, Expression, Logical, Node};
use crate::analyzer::lower::Lowering;
use crate::analyzer::resolve::Resolver;
use crate::analyzer::scope::{Scope, ScopeSource};
use crate::error::SqlError;
use crate::lookup::{ColumnRole, Lookup, SourceKind, WindowKind};
use crate::parser::ast::{self, Join};
use crate::parser::identifier::quoted_name;
use crate::plan::join::JoinKind;
use crate::planner::within_ksqldb_limits;
use crate::type_system::SqlType;

/// One source joined to those before it.
#[derive(Clone, Debug)]
pub(super) struct JoinStep {
    /// Which rows meet.
    pub(super) kind: JoinKind,
    /// Which rows stay without a partner.
    pub(super) outer: ast::JoinKind,
    /// What must be equal: over the sources before, over the source that joins.
    pub(super) on: (Expression, Expression),
    /// Type of both.
    pub(super) key_type: SqlType,
    /// Columns of which each has the value of the join's key, the preferred one first.
    pub(super) key_columns: Vec<Expression>,
}

/// Says what the join of the source at `index` of the scope to those before it is. What is joined has
/// the kind of the first source: a stream stays a stream, and a table is only joined to tables.
///
/// # Errors
/// The join is not allowed; says why.
pub(super) fn plan_step(
    from: &FromClause,
    index: usize,
    join: &Join,
    criterion: Criterion,
) -> Result<JoinStep, SqlError> {
    let right = &from.scope.sources[index];
    let left_kind = from.kind;
    let right_kind = right.source.kind;
    if (left_kind, right_kind) == (SourceKind::Table, SourceKind::Stream) {
        return Err(SqlError::unsupported(format!(
            "Invalid join order: table-stream joins are not supported; only stream-table joins. Got {} {} \
             {}.",
            from.scope.sources[0].alias,
            join_text(join.kind),
            right.alias
        ))
        .at(join.span)
        .with_hint("name the stream first"));
    }
    check_windows(from, index, &criterion)?;
    let kind = match (left_kind, right_kind) {
        (SourceKind::Stream, SourceKind::Stream) => stream_stream(join)?,
        (SourceKind::Stream, SourceKind::Table) => {
            criterion
                .check_right_key(right, "stream-table joins require to join on the table's primary key")?;
            check_no_within(join, "Stream-Table")?;
            if !matches!(join.kind, ast::JoinKind::Inner | ast::JoinKind::Left) {
                return Err(SqlError::unsupported(format!(
                    "{} between streams and tables is not supported.",
                    outer_text(join.kind)
                ))
                .at(join.span)
                .with_hint("only INNER and LEFT joins of a stream with a table are possible"));
            }
            JoinKind::StreamTable
        }
        _ => {
            criterion.check_right_key(
                right,
                "table-table joins require to join on the primary key of the right input table",
            )?;
            check_no_within(join, "Table-Table")?;
            table_table(from, index, join, &criterion)?
        }
    };
    let key_columns = key_columns(from, join.kind, &criterion, kind);
    Ok(JoinStep {
        kind,
        outer: join.kind,
        on: (criterion.left, criterion.right),
        key_type: criterion.key_type,
        key_columns,
    })
}

/// ksqlDB joins partition with partition, so their topics must have as many; here rows are brought
/// together by their keys, and any numbers do.
///
/// # Errors
/// What ksqlDB cannot run is to be refused, and the topics differ in their numbers of partitions.
pub(super) fn check_partitions(
    from: &FromClause,
    index: usize,
    step: &JoinStep,
    span: Span,
    lookup: &dyn Lookup,
) -> Result<(), SqlError> {
    if step.kind == JoinKind::ForeignKey || !within_ksqldb_limits(lookup) {
        return Ok(());
    }
    // What was joined before has the partitions and, in the message, the name of its first source.
    let (left, right) = (&from.scope.sources[0], &from.scope.sources[index]);
    let partitions = |source: &ScopeSource| {
        lookup.topic_partitions(&source.source.topic).unwrap_or(source.source.partitions)
    };
    let (left_count, right_count) = (partitions(left), partitions(right));
    if left_count == right_count {
        return Ok(());
    }
    let (left, right) = (quoted_name(&left.alias), quoted_name(&right.alias));
    Err(SqlError::unsupported(format!(
        "Can't join {left} with {right} since the number of partitions don't match. {left} partitions = \
         {left_count}; {right} partitions = {right_count}. Please repartition either one so that the number of \
         partitions match."
    ))
    .at(span))
}

/// `left = right`, where right is over the source that joins.
pub(super) struct Criterion {
    left: Expression,
    right: Expression,
    key_type: SqlType,
    /// Both sides as they were written, for messages.
    text: String,
    span: Span,
}

impl Criterion {
    /// Reads ON.
    ///
    /// # Errors
    /// It is no comparison of two sources for equality.
    pub(super) fn new(
        from: &FromClause,
        index: usize,
        join: &Join,
        lookup: &dyn Lookup,
    ) -> Result<Criterion, SqlError> {
        let scope = Scope { join_key: None, ..from.scope.clone() };
        let resolver = Resolver { scope: &scope, clause: Clause::JoinOn, lookup, variables: &[] };
        resolver.check_qualifiers(&join.on)?;
        let on = resolver.resolve(&join.on)?;
        let refuse = |message: String| Err(SqlError::unsupported(message).at(on.span));
        let (first, second) = match &on.node {
            Node::Comparison { operator: Comparison::Equal, left, right } => (left, right),
            Node::Logical { operator: Logical::And, .. } => {
                return refuse(format!(
                    "Invalid join condition: joins on multiple conditions are not yet supported. Got {}.",
                    on.qualified()
                ));
            }
            _ => {
                return refuse(format!(
                    "Invalid join condition: only equality conditions are supported. Got {}.",
                    on.qualified()
                ));
            }
        };
        let text = format!("{} = {}", first.qualified(), second.qualified());
        let first_source = only_source(first, &on)?;
        let second_source = only_source(second, &on)?;
        if first_source == second_source {
            return refuse(format!(
                "Each side of the join must reference exactly one source and not the same source. Left side \
                 references {} and right references {}",
                quoted_name(first_source),
                quoted_name(second_source)
            ));
        }
        let joining = &scope.sources[index].alias;
        let (left, right) = if second_source == joining {
            (first, second)
        } else if first_source == joining {
            (second, first)
        } else {
            return refuse(format!(
                "A join criteria is expected to reference the source ({}) in the FROM clause, instead the \
                 right source references {} and the left source references {}",
                quoted_name(joining),
                quoted_name(second_source),
                quoted_name(first_source)
            ));
        };
        let lowering =
            Lowering { scope: &scope, clause: Clause::JoinOn, lookup, substitutions: &[], variables: &[] };
        let types = |expression: &Expression| lowering.lower(expression).map(|typed| typed.data_type);
        match (types(left)?, types(right)?) {
            (Some(left_type), Some(right_type)) if left_type == right_type => Ok(Criterion {
                left: left.as_ref().clone(),
                right: right.as_ref().clone(),
                key_type: left_type,
                text,
                span: on.span,
            }),
            (left_type, right_type) => {
                let shown = |expression: &Expression| {
                    let data_type = if expression == left.as_ref() { &left_type } else { &right_type };
                    let data_type = data_type.as_ref().map_or_else(|| "null".to_owned(), ToString::to_string);
                    format!("{}{{{data_type}}}", expression.qualified())
                };
                Err(SqlError::type_error(format!(
                    "Invalid join condition: types don't match. Got {} = {}.",
                    shown(first),
                    shown(second)
                ))
                .at(on.span)
                .with_hint("CAST one side to the type of the other"))
            }
        }
    }

    /// The right side must be the whole key of a table.
    fn check_right_key(&self, table: &ScopeSource, rule: &str) -> Result<(), SqlError> {
        let mut key = table.source.key_columns();
        let only = key.next().filter(|_| key.next().is_none());
        let column = self.right.as_column();
        match (only, column) {
            (Some(key), Some(column)) if key.name == column.name => Ok(()),
            _ => Err(SqlError::unsupported(format!("Invalid join condition: {rule}. Got {}.", self.text))
                .at(self.span)),
        }
    }
}

fn only_source<'e>(side: &'e Expression, on: &Expression) -> Result<&'e str, SqlError> {
    let columns = side.columns();
    let mut sources = columns.iter().map(|column| column.source.as_str());
    let first = sources.next().filter(|first| sources.all(|source| source == *first));
    first.ok_or_else(|| {
        SqlError::unsupported(format!(
            "Invalid comparison expression '{}' in join '{}'. Each side of the join comparision must \
             contain references from exactly one source.",
            side.qualified(),
            on.qualified()
        ))
        .at(side.span)
    })
}

fn stream_stream(join: &Join) -> Result<JoinKind, SqlError> {
    match &join.within {
        Some(within) => Ok(JoinKind::StreamStream {
            before_ms: within.before.millis(),
            after_ms: within.after.millis(),
            grace_ms: within.grace.map(|grace| grace.millis()),
        }),
        None => Err(SqlError::invalid(
            "Stream-Stream joins must have a WITHIN clause specified. None was provided.",
        )
        .at(join.span)
        .with_hint("write WITHIN 1 HOUR before ON: how far apart the records may lie")),
    }
}

fn check_no_within(join: &Join, kind: &str) -> Result<(), SqlError> {
    match &join.within {
        None => Ok(()),
        Some(within) => Err(SqlError::invalid(format!(
            "A window definition was provided for a {kind} join. These joins are not windowed. Please drop \
             the window definition (i.e. the WITHIN clause) and try to execute your join again."
        ))
        .at(within.before.span)),
    }
}

fn table_table(
    from: &FromClause,
    index: usize,
    join: &Join,
    criterion: &Criterion,
) -> Result<JoinKind, SqlError> {
    let on_left_key = match from.joins.last() {
        Some(previous) if previous.kind != JoinKind::ForeignKey => {
            previous.key_columns.contains(&criterion.left)
                || previous.on.0 == criterion.left
                || previous.on.1 == criterion.left
        }
        _ => from.leading_key().as_slice() == [criterion.left.clone()],
    };
    if on_left_key {
        return Ok(JoinKind::TableTable);
    }
    if index > 1 {
        return Err(SqlError::unsupported(format!(
            "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. \
             Got {}.",
            criterion.text
        ))
        .at(criterion.span)
        .with_hint("a foreign-key join may only be the first of several joins"));
    }
    match join.kind {
        ast::JoinKind::Inner | ast::JoinKind::Left => Ok(JoinKind::ForeignKey),
        kind => Err(SqlError::unsupported(format!("{} on a foreign key is not supported", outer_text(kind)))
            .at(join.span)),
    }
}

/// Windowed sources join windowed ones of the same kind, on their keys.
fn check_windows(from: &FromClause, index: usize, criterion: &Criterion) -> Result<(), SqlError> {
    let right = &from.scope.sources[index];
    let left_alias = criterion.left.columns().first().map(|column| column.source.clone());
    let left = left_alias.and_then(|alias| from.scope.source(&alias)).unwrap_or(&from.scope.sources[0]);
    let shown = |source: &ScopeSource| match source.source.window {
        Some(window) => format!("{} is {} windowed", quoted_name(&source.alias), window_text(window)),
        None => format!("{} is not windowed", quoted_name(&source.alias)),
    };
    match (left.source.window, right.source.window) {
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => {}
        (left_window, _) => {
            let (first, second) = if left_window.is_some() {
                ("windowed", "non-windowed")
            } else {
                ("non-windowed", "windowed")
            };
            return Err(SqlError::unsupported(format!(
                "Can not join {first} source to {second} source.\n{}\n{}",
                shown(left),
                shown(right)
            ))
            .at(criterion.span));
        }
    }
    let is_session = |source: &ScopeSource| matches!(source.source.window, Some(WindowKind::Session { .. }));
    if is_session(left) != is_session(right) {
        return Err(SqlError::unsupported(format!(
            "Incompatible windowed sources.\n{}\n{}",
            shown(left),
            shown(right)
        ))
        .at(criterion.span));
    }
    let is_key = |source: &ScopeSource, side: &Expression| {
        let key: Vec<&str> = source
            .source
            .columns
            .iter()
            .filter(|column| column.role == ColumnRole::Key)
            .map(|column| column.name.as_str())
            .collect();
        side.as_column().is_some_and(|column| key == [column.name.as_str()])
    };
    if is_key(left, &criterion.left) && is_key(right, &criterion.right) {
        return Ok(());
    }
    Err(repartition_of_windowed().at(criterion.span))
}

/// The error for another key for windowed rows.
pub(super) fn repartition_of_windowed() -> SqlError {
    SqlError::unsupported(
        "Implicit repartitioning of windowed sources is not supported. See \
         https://github.com/confluentinc/ksql/issues/4385.",
    )
}

/// Columns that have the value of the join's key.
fn key_columns(
    from: &FromClause,
    outer: ast::JoinKind,
    criterion: &Criterion,
    kind: JoinKind,
) -> Vec<Expression> {
    if kind == JoinKind::ForeignKey {
        return from.leading_key();
    }
    if outer == ast::JoinKind::Full {
        // Neither side's column has a value in every row.
        return Vec::new();
    }
    let mut columns = match from.joins.last() {
        Some(previous)
            if previous.key_columns.contains(&criterion.left)
                || previous.on.0 == criterion.left
                || previous.on.1 == criterion.left =>
        {
            previous.key_columns.clone()
        }
        _ => Vec::new(),
    };
    for side in [&criterion.left, &criterion.right] {
        if side.as_column().is_some() && !columns.contains(side) {
            columns.push(side.clone());
        }
    }
    columns
}

/// A window kind as messages name it.
pub(super) fn window_text(window: WindowKind) -> &'static str {
    match window {
        WindowKind::Tumbling { .. } => "TUMBLING",
        WindowKind::Hopping { .. } => "HOPPING",
        WindowKind::Session { .. } => "SESSION",
    }
}

fn join_text(kind: ast::JoinKind) -> &'static str {
    match kind {
        ast::JoinKind::Inner => "[INNER] JOIN",
        ast::JoinKind::Left => "LEFT [OUTER] JOIN",
        ast::JoinKind::Right => "RIGHT [OUTER] JOIN",
        ast::JoinKind::Full => "FULL [OUTER] JOIN",
    }
}

fn outer_text(kind: ast::JoinKind) -> &'static str {
    match kind {
        ast::JoinKind::Inner => "INNER JOIN",
        ast::JoinKind::Left => "LEFT OUTER JOIN",
        ast::JoinKind::Right => "RIGHT OUTER JOIN",
        ast::JoinKind::Full => "FULL OUTER JOIN",
    }
}
