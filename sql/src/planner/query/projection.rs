//! The projection: what `*` stands for, and what the columns are called.

use std::collections::HashSet;

use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use super::from::FromClause;
use super::unique_names::UniqueNames;
use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{Expression, Node};
use crate::analyzer::lower::Lowering;
use crate::analyzer::resolve::Resolver;
use crate::analyzer::scope::{Scope, ScopeSource, is_pseudo_column};
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::Lookup;
use crate::parser::ast::SelectItem;
use crate::parser::expression::struct_wildcard;
use crate::parser::identifier::{Name, quoted_name, stored_name};
use crate::planner::Purpose;
use crate::type_system::SqlType;

/// A column of the result.
#[derive(Clone, Debug)]
pub(super) struct ResultColumn {
    /// Its name.
    pub(super) name: String,
    /// What it holds.
    pub(super) expression: Expression,
}

/// Refuses pseudo columns as names of the result's columns: before anything is looked up, because this
/// is what the author has to change first.
///
/// # Errors
/// A reserved name, where the result is stored.
pub(super) fn check_reserved_names(items: &[SelectItem], purpose: &Purpose) -> Result<(), SqlError> {
    for item in items {
        let SelectItem::Expression { expr, alias, span } = item else {
            continue;
        };
        let plain = plain_column(expr);
        if let Some(alias) = alias
            && let Some(reserved) = pseudo_column_in_any_case(&alias.value)
            && !plain.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&reserved))
        {
            return Err(SqlError::invalid(format!(
                "{} is a reserved column name. You cannot use it as an alias for a column.",
                quoted_name(&reserved)
            ))
            .at(alias.span));
        }
        let name = alias.as_ref().map(|alias| alias.value.clone()).or(plain.filter(|_| !is_qualified(expr)));
        if let (Purpose::Persistent { .. }, Some(name)) = (purpose, name)
            && let Some(reserved) = pseudo_column_in_any_case(&name)
        {
            return Err(reserved_in_select(&reserved, *span));
        }
    }
    Ok(())
}

/// The pseudo column that a name is, or would be without its quotes.
fn pseudo_column_in_any_case(name: &str) -> Option<String> {
    Some(name.to_uppercase()).filter(|name| is_pseudo_column(name))
}

/// The columns of the result, with `*` written out.
///
/// # Errors
/// Unknown names, and two columns of the same name.
pub(super) fn expand(
    items: &[SelectItem],
    from: &FromClause,
    partition_by: &[Expression],
    purpose: &Purpose,
    lookup: &dyn Lookup,
) -> Result<Vec<ResultColumn>, SqlError> {
    let mut names = Names::new(&from.scope);
    let stars = Stars { from, partition_by, transient: !matches!(purpose, Purpose::Persistent { .. }) };
    let resolver = Resolver { scope: &from.scope, clause: Clause::Select, lookup, variables: &[] };
    let mut columns = Vec::new();
    for item in items {
        match item {
            SelectItem::Wildcard { .. } => columns.extend(stars.all(&mut names)),
            SelectItem::SourceWildcard { source, .. } => {
                let source = from.scope.resolve_source(source)?;
                columns.extend(stars.of_source(source, &mut names));
            }
            SelectItem::StructWildcard { expr, span } => {
                columns.extend(fields(&resolver.resolve(expr)?, from, lookup, *span)?);
            }
            SelectItem::Expression { expr, alias, span } => {
                if let Some(base) = struct_wildcard(expr) {
                    columns.extend(fields(&resolver.resolve(base)?, from, lookup, *span)?);
                    continue;
                }
                let expression = resolver.resolve(expr)?;
                let name = match alias {
                    Some(alias) => alias.value.clone(),
                    None => names.of(&expression, &from.scope),
                };
                if matches!(purpose, Purpose::Persistent { .. }) && is_pseudo_column(&name) {
                    return Err(reserved_in_select(&name, *span));
                }
                columns.push(ResultColumn { name, expression });
            }
        }
    }
    Ok(columns)
}

/// Two columns of a result cannot have the same name.
///
/// # Errors
/// Two have.
pub(super) fn check_duplicates(columns: &[(String, SqlType, Span)]) -> Result<(), SqlError> {
    let mut names = HashSet::with_capacity(columns.len());
    for (name, data_type, span) in columns {
        if !names.insert(name) {
            let message =
                format!("Duplicate value columns found in schema: {} {data_type}", quoted_name(name));
            return Err(SqlError::new(SqlErrorKind::Duplicate, message)
                .at(*span)
                .with_hint(format!("give one of the columns called {name} another name with AS")));
        }
    }
    Ok(())
}

/// Names for columns that have none.
pub(super) struct Names {
    next: usize,
    taken: UniqueNames,
}

/// What the names of unnamed columns begin with.
const GENERATED: &str = "KSQL_COL_";

impl Names {
    /// A column that has no name, and a field of a struct, are not called as columns of the sources are.
    pub(super) fn new(scope: &Scope) -> Names {
        let mut taken = UniqueNames::default();
        let columns = scope.sources.iter().flat_map(|source| &source.source.columns);
        columns.for_each(|column| taken.take(&column.name));
        Names { next: 0, taken }
    }

    /// The name of an expression's column.
    pub(super) fn of(&mut self, expression: &Expression, scope: &Scope) -> String {
        let name = match &expression.node {
            Node::Column(column) if scope.sources_with(&column.name).count() > 1 => column.row_name(),
            Node::Column(column) => column.name.clone(),
            Node::Computed(name) => name.clone(),
            Node::WindowBound(bound) => bound.name().to_owned(),
            Node::Field { name, .. } => return self.taken.unique(name),
            _ => self.generated(),
        };
        self.taken.take(&name);
        name
    }

    /// The next `KSQL_COL_n` that is free.
    pub(super) fn generated(&mut self) -> String {
        loop {
            let name = format!("{GENERATED}{}", self.next);
            self.next += 1;
            if !self.taken.is_taken(&name) {
                return name;
            }
        }
    }
}

/// What `*` stands for.
struct Stars<'a> {
    from: &'a FromClause,
    partition_by: &'a [Expression],
    transient: bool,
}

impl Stars<'_> {
    fn all(&self, names: &mut Names) -> Vec<ResultColumn> {
        let scope = &self.from.scope;
        let key = scope.join_key.as_ref().map(|(name, _)| ResultColumn {
            name: name.clone(),
            expression: Expression::new(Node::Computed(name.clone()), Span::empty()),
        });
        let columns = scope.sources.iter().flat_map(|source| self.columns(source));
        self.with_partition_key(key.into_iter().chain(columns).collect(), names)
    }

    fn of_source(&self, source: &ScopeSource, names: &mut Names) -> Vec<ResultColumn> {
        let columns = self.columns(source);
        if self.from.scope.joined() { columns } else { self.with_partition_key(columns, names) }
    }

    fn columns(&self, source: &ScopeSource) -> Vec<ResultColumn> {
        let joined = self.from.scope.joined();
        source
            .star(joined || self.transient)
            .into_iter()
            .map(|column| {
                let reference = self.from.scope.reference(&source.alias, &column);
                let name = reference.row_name();
                ResultColumn { name, expression: Expression::new(Node::Column(reference), Span::empty()) }
            })
            .collect()
    }

    /// Behind a PARTITION BY the new key comes first and the old key, now an ordinary column, last.
    fn with_partition_key(&self, columns: Vec<ResultColumn>, names: &mut Names) -> Vec<ResultColumn> {
        if self.partition_by.is_empty() {
            return columns;
        }
        let old_key = self.from.leading_key();
        let is_new = |expression: &Expression| self.partition_by.contains(expression);
        let is_old = |expression: &Expression| !self.from.scope.joined() && old_key.contains(expression);
        let new_key = self.partition_by.iter().filter(|key| !super::key::is_null(key)).map(|key| {
            let known = columns.iter().find(|column| column.expression == *key);
            known.cloned().unwrap_or_else(|| ResultColumn {
                name: names.of(key, &self.from.scope),
                expression: key.clone(),
            })
        });
        let mut result: Vec<ResultColumn> = new_key.collect();
        let (old, others): (Vec<_>, Vec<_>) = columns
            .into_iter()
            .filter(|column| !is_new(&column.expression))
            .partition(|column| is_old(&column.expression));
        result.extend(others);
        result.extend(old);
        result
    }
}

fn fields(
    base: &Expression,
    from: &FromClause,
    lookup: &dyn Lookup,
    span: Span,
) -> Result<Vec<ResultColumn>, SqlError> {
    let lowering =
        Lowering { scope: &from.scope, clause: Clause::Select, lookup, substitutions: &[], variables: &[] };
    let data_type = lowering.lower(base)?.data_type;
    let Some(SqlType::Struct(fields)) = data_type else {
        let what = match (&base.node, base.as_column()) {
            (_, Some(column)) => format!("Column {}", quoted_name(&column.name)),
            (Node::Field { name, .. }, _) => format!("Field {name}"),
            _ => base.to_string(),
        };
        let found = data_type.map_or_else(|| "null".to_owned(), |data_type| data_type.to_string());
        return Err(SqlError::type_error(format!("{what} is not a STRUCT type."))
            .at(span)
            .with_hint(format!("->* takes all fields out of a STRUCT; this is {found}")));
    };
    let column = |name: &String| ResultColumn {
        name: name.clone(),
        expression: Expression::new(Node::Field { value: Box::new(base.clone()), name: name.clone() }, span),
    };
    Ok(fields.iter().map(|field| column(&field.name)).collect())
}

fn plain_column(expr: &Ast) -> Option<String> {
    match expr {
        Ast::Identifier(ident) => Some(stored_name(ident)),
        Ast::CompoundIdentifier(idents) => idents.last().map(|ident| Name::from(ident).value),
        Ast::Nested(inner) => plain_column(inner),
        _ => None,
    }
}

fn is_qualified(expr: &Ast) -> bool {
    matches!(expr, Ast::CompoundIdentifier(_))
}

fn reserved_in_select(name: &str, span: Span) -> SqlError {
    SqlError::invalid(format!(
        "Reserved column name in select: {}. Please remove or alias the column.",
        quoted_name(name)
    ))
    .at(span)
}
