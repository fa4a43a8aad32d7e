//! Joins: which kind a join is, whether ksqlDB allows it, and what its key is.

use std::fmt;

use sqlparser::tokenizer::Span;

use super::from::FromClause;
use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{Comparison, Expression, Node};
use crate::analyzer::lower::{Lowering, type_text};
use crate::analyzer::resolve::Resolver;
use crate::analyzer::scope::{Scope, ScopeSource};
use crate::error::SqlError;
use crate::lookup::{ColumnRole, Lookup, SourceKind, WindowKind};
use crate::parser::ast::{self, Join};
use crate::parser::identifier::quoted_name;
use crate::plan::join::JoinKind;
use crate::type_system::SqlType;

/// WITHIN in a join of a stream with a table.
const WITHIN_TABLE: &str = "A window definition was provided for a Stream-Table join. These joins are not \
                            windowed. Please drop the window definition (ie. the WITHIN clause) and try to \
                            execute your join again.";

/// WITHIN in a join of tables.
const WITHIN_TABLES: &str = "A window definition was provided for a Table-Table join. These joins are not \
                             windowed. Please drop the window definition (i.e. the WITHIN clause) and try to \
                             execute your Table-Table join again.";

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
    let names = Names { left: &left_source(from, &criterion).source.name, kind: join.kind, right };
    check_windows(from, index, &criterion)?;
    let (kind, key_type) = match (from.kind, right.source.kind) {
        (SourceKind::Table, SourceKind::Stream) => {
            return Err(SqlError::unsupported(format!(
                "Invalid join order: table-stream joins are not supported; only stream-table joins. Got \
                 {names}."
            ))
            .at(join.span)
            .with_hint("name the stream first"));
        }
        (SourceKind::Stream, SourceKind::Stream) => {
            let key_type = criterion.key_type_of_streams()?;
            (stream_stream(join)?, key_type)
        }
        (SourceKind::Stream, SourceKind::Table) => {
            let only_inner_and_left = |message: String| {
                let hint = "only INNER and LEFT joins of a stream with a table are possible";
                Err(SqlError::unsupported(message).at(join.span).with_hint(hint))
            };
            if join.kind == ast::JoinKind::Full {
                return only_inner_and_left(format!(
                    "Invalid join type: full-outer join not supported for stream-table join. Got {names}."
                ));
            }
            criterion
                .check_right_key(right, "stream-table joins require to join on the table's primary key")?;
            let key_type = criterion.key_type_of_streams()?;
            check_no_within(join, WITHIN_TABLE)?;
            if join.kind == ast::JoinKind::Right {
                return only_inner_and_left(format!(
                    "Invalid join type encountered: {}",
                    join_text(join.kind)
                ));
            }
            (JoinKind::StreamTable, key_type)
        }
        (SourceKind::Table, SourceKind::Table) => {
            criterion.check_right_key(
                right,
                "table-table joins require to join on the primary key of the right input table",
            )?;
            let kind = table_table(from, index, &names, &criterion)?;
            let key_type = criterion.key_type_of_tables()?;
            if kind == JoinKind::ForeignKey {
                check_foreign_key(right, join, &criterion)?;
            }
            check_no_within(join, WITHIN_TABLES)?;
            (kind, key_type)
        }
    };
    let key_columns = key_columns(from, join.kind, &criterion, kind);
    Ok(JoinStep { kind, outer: join.kind, on: (criterion.left, criterion.right), key_type, key_columns })
}

/// What is joined with what, as messages name it.
struct Names<'a> {
    left: &'a str,
    kind: ast::JoinKind,
    right: &'a ScopeSource,
}

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, join_text(self.kind), self.right.source.name)
    }
}

/// The source that the left side of a criterion is about.
fn left_source<'a>(from: &'a FromClause, criterion: &Criterion) -> &'a ScopeSource {
    let alias = criterion.left.columns().first().map(|column| column.source.clone());
    alias.and_then(|alias| from.scope.source(&alias)).unwrap_or(&from.scope.sources[0])
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
    if step.kind == JoinKind::ForeignKey || !lookup.within_ksqldb_limits() {
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
    /// Their types; NULL has none.
    types: (Option<SqlType>, Option<SqlType>),
    /// Both sides as they were written, for messages.
    text: String,
    /// The same with their types.
    typed_text: String,
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
            Node::Comparison { .. } => return refuse("Only equality join criteria is supported.".to_owned()),
            Node::Logical { left, right, .. } if is_equality(left) && is_equality(right) => {
                return refuse(format!(
                    "Invalid join condition: joins on multiple conditions are not yet supported. Got {}.",
                    on.qualified()
                ));
            }
            _ => return refuse(format!("Unsupported join expression: {}", on.qualified())),
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
        let data_type = |expression: &Expression| lowering.lower(expression).map(|typed| typed.data_type);
        let (left_type, right_type) = (data_type(left)?, data_type(right)?);
        let typed = |expression: &Expression| {
            let data_type = if expression == left.as_ref() { &left_type } else { &right_type };
            format!("{}{{{}}}", expression.qualified(), type_text(data_type.as_ref()))
        };
        Ok(Criterion {
            left: left.as_ref().clone(),
            right: right.as_ref().clone(),
            text,
            typed_text: format!("{} = {}", typed(first), typed(second)),
            types: (left_type, right_type),
            span: on.span,
        })
    }

    /// The type of both sides, where a stream is joined.
    fn key_type_of_streams(&self) -> Result<SqlType, SqlError> {
        let (left, right) = (type_text(self.types.0.as_ref()), type_text(self.types.1.as_ref()));
        self.same_type().ok_or_else(|| {
            SqlError::type_error(format!("Invalid join. Key types differ: {left} vs {right}"))
                .at(self.span)
                .with_detail(format!("Got {}.", self.typed_text))
                .with_hint("CAST one side to the type of the other")
        })
    }

    /// The type of both sides, where tables are joined.
    fn key_type_of_tables(&self) -> Result<SqlType, SqlError> {
        self.same_type().ok_or_else(|| {
            let message = format!("Invalid join condition: types don't match. Got {}.", self.typed_text);
            SqlError::type_error(message).at(self.span).with_hint("CAST one side to the type of the other")
        })
    }

    fn same_type(&self) -> Option<SqlType> {
        match &self.types {
            (Some(left), Some(right)) if left == right => Some(left.clone()),
            _ => None,
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

fn is_equality(expression: &Expression) -> bool {
    matches!(expression.node, Node::Comparison { operator: Comparison::Equal, .. })
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
            "Stream-Stream joins must have a WITHIN clause specified. None was provided. To learn about how \
             to specify a WITHIN clause with a stream-stream join, please visit: \
             https://docs.confluent.io/current/ksql/docs/syntax-reference.html#create-stream-as-select",
        )
        .at(join.span)
        .with_hint("write WITHIN 1 HOUR before ON: how far apart the records may lie")),
    }
}

fn check_no_within(join: &Join, message: &str) -> Result<(), SqlError> {
    match &join.within {
        None => Ok(()),
        Some(within) => Err(SqlError::invalid(message).at(within.before.span)),
    }
}

fn table_table(
    from: &FromClause,
    index: usize,
    names: &Names<'_>,
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
    if names.kind == ast::JoinKind::Full {
        return Err(SqlError::unsupported(format!(
            "Invalid join type: full-outer join not supported for foreign-key table-table join. Got {names}."
        ))
        .at(criterion.span));
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
    Ok(JoinKind::ForeignKey)
}

fn check_foreign_key(right: &ScopeSource, join: &Join, criterion: &Criterion) -> Result<(), SqlError> {
    if right.source.window.is_some() {
        let message = "Foreign-key table-table joins are not supported on windowed tables.";
        return Err(SqlError::unsupported(message).at(criterion.span));
    }
    if join.kind == ast::JoinKind::Right {
        let message = "RIGHT OUTER JOIN on a foreign key is not supported";
        return Err(SqlError::unsupported(message).at(join.span));
    }
    Ok(())
}

/// Windowed sources join windowed ones of the same kind, on their keys.
fn check_windows(from: &FromClause, index: usize, criterion: &Criterion) -> Result<(), SqlError> {
    let right = &from.scope.sources[index];
    let left = left_source(from, criterion);
    let shown = |source: &ScopeSource| match source.source.window {
        Some(window) => format!("{} is {} windowed", quoted_name(&source.alias), window_text(window)),
        None => format!("{} is not windowed", quoted_name(&source.alias)),
    };
    match (left.source.window, right.source.window) {
        (None, None) => return Ok(()),
        (Some(_), Some(_)) => {}
        _ => {
            return Err(SqlError::unsupported(format!(
                "Can not join windowed source to non-windowed source.\n{}\n{}",
                shown(left),
                shown(right)
            ))
            .at(criterion.span));
        }
    }
    let is_session = |source: &ScopeSource| matches!(source.source.window, Some(WindowKind::Session { .. }));
    if is_session(left) != is_session(right) {
        let kind = |source: &ScopeSource| source.source.window.map_or("none", window_text);
        return Err(SqlError::unsupported(format!(
            "Incompatible windowed sources.\nLeft source: {}\nRight source: {}\nSession windowed sources can \
             only be joined to other session windowed sources, and may still not result in expected behaviour \
             as session bounds must be an exact match for the join to work\nHopping and tumbling windowed \
             sources can only be joined to other hopping and tumbling windowed sources",
            kind(left),
            kind(right)
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
    // The rows of tables stay where they are, whatever they are joined by.
    if from.kind == SourceKind::Table || (is_key(left, &criterion.left) && is_key(right, &criterion.right)) {
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
        ast::JoinKind::Full => "[FULL] OUTER JOIN",
    }
}
