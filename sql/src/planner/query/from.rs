//! The FROM clause: which sources, under which names, joined in which order.

use std::sync::Arc;

use sqlparser::tokenizer::Span;

use super::joins::{Criterion, JoinStep, check_partitions, plan_step};
use crate::analyzer::expression::Expression;
use crate::analyzer::scope::{Scope, ScopeSource};
use crate::error::{SqlError, SqlErrorKind, Stage};
use crate::lookup::{ColumnRole, Lookup, Source, SourceKind, WindowKind};
use crate::parser::ast::{Join, Relation};
use crate::parser::identifier::{Name, quoted_name};

/// What a query reads.
pub(super) struct FromClause {
    /// What its expressions can name.
    pub(super) scope: Scope,
    /// How each source but the first joins those before it.
    pub(super) joins: Vec<JoinStep>,
    /// What the rows are.
    pub(super) kind: SourceKind,
    /// Windows of their key.
    pub(super) window: Option<WindowKind>,
}

impl FromClause {
    /// Reads a FROM clause.
    ///
    /// # Errors
    /// Sources that do not exist or cannot be joined.
    pub(super) fn new(relation: &Relation, lookup: &dyn Lookup) -> Result<FromClause, SqlError> {
        let mut joins = Vec::new();
        let first = leftmost(relation, &mut joins);
        let mut scope = Scope { lenient: lookup.lenient_names(), ..Scope::default() };
        scope.sources.push(scope_source(first, lookup)?);
        for join in &joins {
            let source = scope_source(&join.right, lookup)?;
            check_not_read_twice(&scope, &source, joins.len(), join.span)?;
            scope.sources.push(source);
        }
        let kind = scope.sources[0].source.kind;
        let window = scope.sources[0].source.window;
        let mut from = FromClause { scope, joins: Vec::new(), kind, window };
        let criteria = joins
            .iter()
            .enumerate()
            .map(|(index, join)| Criterion::new(&from, index + 1, join, lookup))
            .collect::<Result<Vec<_>, SqlError>>()?;
        for (index, (join, criterion)) in joins.iter().zip(criteria).enumerate() {
            let step = plan_step(&from, index + 1, join, criterion)?;
            check_partitions(&from, index + 1, &step, join.span, lookup)?;
            from.joins.push(step);
        }
        Ok(from)
    }

    /// The key columns of the first source.
    pub(super) fn leading_key(&self) -> Vec<Expression> {
        let first = &self.scope.sources[0];
        first
            .source
            .columns
            .iter()
            .filter(|column| column.role == ColumnRole::Key)
            .map(|column| {
                let reference = self.scope.reference(&first.alias, &column.name);
                Expression::new(crate::analyzer::expression::Node::Column(reference), Span::empty())
            })
            .collect()
    }
}

/// A source by its name.
///
/// # Errors
/// There is none.
pub(super) fn find_source(name: &Name, lookup: &dyn Lookup) -> Result<Arc<Source>, SqlError> {
    lookup.resolve(name).ok_or_else(|| {
        let names = lookup.source_names();
        let message = format!("{} does not exist.", quoted_name(&name.value));
        let error =
            SqlError::new(SqlErrorKind::UnknownSource, message).at(name.span).during(Stage::Resolving);
        match names.iter().find(|other| other.eq_ignore_ascii_case(&name.value)) {
            Some(other) => error.with_hint(format!(
                "Did you mean \"{other}\"? Wrap the source name in double quotes to make it case-sensitive."
            )),
            None => error.with_suggestion(&name.value, names.iter().map(String::as_str)),
        }
    })
}

fn leftmost<'a>(relation: &'a Relation, joins: &mut Vec<&'a Join>) -> &'a Relation {
    match relation {
        Relation::Source { .. } => relation,
        Relation::Join(join) => {
            let first = leftmost(&join.left, joins);
            joins.push(join);
            first
        }
    }
}

fn scope_source(relation: &Relation, lookup: &dyn Lookup) -> Result<ScopeSource, SqlError> {
    match relation {
        Relation::Source { name, alias, .. } => {
            let source = find_source(name, lookup)?;
            let alias = alias.as_ref().map_or_else(|| source.name.clone(), |alias| alias.value.clone());
            ScopeSource::new(alias, source)
        }
        Relation::Join(join) => {
            Err(SqlError::unsupported("the right side of a JOIN must be a stream or table").at(join.span))
        }
    }
}

fn check_not_read_twice(
    scope: &Scope,
    source: &ScopeSource,
    joins: usize,
    span: Span,
) -> Result<(), SqlError> {
    if scope.source(&source.alias).is_some()
        || scope.sources.iter().any(|other| other.source.name == source.source.name)
    {
        let name = &source.source.name;
        let message = if joins > 1 {
            format!("N-way joins do not support multiple occurrences of the same source. Source: '{name}'.")
        } else if scope.sources.iter().any(|other| other.source.name == *name) {
            format!("Can not join '{name}' to '{name}': self joins are not yet supported.")
        } else {
            format!("Two sources are called '{}'.", source.alias)
        };
        return Err(SqlError::unsupported(message)
            .at(span)
            .with_hint(format!("CREATE STREAM or TABLE … AS SELECT * FROM {name} makes a second source")));
    }
    Ok(())
}
