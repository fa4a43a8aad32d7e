//! The names an expression can refer to.

use std::sync::Arc;

use datafusion_common::{Column, TableReference};
use datafusion_expr::Expr;
use indexmap::IndexMap;

use crate::analyzer::clause::Clause;
use crate::analyzer::expression::{ColumnReference, Expression, Node, WindowBound};
use crate::error::{SqlError, SqlErrorKind, Stage, closest};
use crate::lookup::{ColumnRole, Source};
use crate::parser::identifier::{Name, written_name};
use crate::plan::source::{ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART, pseudo_columns};
use crate::type_system::SqlType;

/// Columns that a hint lists; of more than that it names none.
const COLUMNS_LISTED_MAX: usize = 20;

/// Whether a stored name is that of a pseudo column of any source.
#[must_use]
pub fn is_pseudo_column(name: &str) -> bool {
    [ROWTIME, ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND].contains(&name)
}

/// Whether a pseudo column holds a point in time, which may be written as text.
#[must_use]
pub fn is_time_column(name: &str) -> bool {
    [ROWTIME, WINDOWSTART, WINDOWEND].contains(&name)
}

/// A source a query reads.
#[derive(Clone, Debug)]
pub struct ScopeSource {
    /// The name by which the query knows it: its alias, or its own name.
    pub alias: String,
    /// The source.
    pub source: Arc<Source>,
    /// Declared columns and pseudo columns with their types.
    columns: IndexMap<String, SqlType>,
}

impl ScopeSource {
    /// The source under that name.
    ///
    /// # Errors
    /// A column has a type that SQL does not know.
    pub fn new(alias: String, source: Arc<Source>) -> Result<ScopeSource, SqlError> {
        let declared = source.columns.iter().map(|column| (column.name.clone(), &column.data_type));
        let mut columns = declared
            .map(|(name, data_type)| Ok((name, SqlType::from_arrow(data_type)?)))
            .collect::<Result<IndexMap<_, _>, SqlError>>()?;
        for (name, data_type) in pseudo_columns(&source) {
            columns.insert(name.to_owned(), SqlType::from_arrow(&data_type)?);
        }
        Ok(ScopeSource { alias, source, columns })
    }

    /// The type of a column.
    #[must_use]
    pub fn column_type(&self, name: &str) -> Option<&SqlType> {
        self.columns.get(name)
    }

    /// Names of the columns `SELECT *` stands for: the key's columns, the bounds of the key's windows
    /// where `window_bounds` asks for them, all other columns.
    #[must_use]
    pub fn star(&self, window_bounds: bool) -> Vec<String> {
        let keys = self.source.key_columns().map(|column| column.name.clone());
        let bounds = (window_bounds && self.source.window.is_some())
            .then_some([WINDOWSTART.to_owned(), WINDOWEND.to_owned()])
            .into_iter()
            .flatten();
        let others = self.source.columns.iter().filter(|column| column.role != ColumnRole::Key);
        keys.chain(bounds).chain(others.map(|column| column.name.clone())).collect()
    }
}

/// What the expressions of a query can refer to.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The sources, in the order of the FROM clause.
    pub sources: Vec<ScopeSource>,
    /// The name of the join's key, where that is no column of a source.
    pub join_key: Option<(String, SqlType)>,
    /// The parameters of the function whose body this is the scope of.
    pub parameters: Vec<String>,
    /// How many functions call each other down to here.
    pub function_depth: usize,
    /// Whether the query has a WINDOW clause, so that its projection may name the window's bounds.
    pub aggregates_in_windows: bool,
    /// Whether a quoted name that does not exist is tried in upper case, for Postgres' clients.
    pub lenient: bool,
}

impl Scope {
    /// Whether the query reads several sources.
    #[must_use]
    pub fn joined(&self) -> bool {
        self.sources.len() > 1
    }

    /// The source of that name or alias.
    #[must_use]
    pub fn source(&self, alias: &str) -> Option<&ScopeSource> {
        self.sources.iter().find(|source| source.alias == alias)
    }

    /// The source that a name before a point or an asterisk means.
    ///
    /// # Errors
    /// There is none.
    pub fn resolve_source(&self, name: &Name) -> Result<&ScopeSource, SqlError> {
        self.spellings(name).iter().find_map(|spelling| self.source(spelling)).ok_or_else(|| {
            let message = format!("'{}' is not a valid stream/table name or alias.", name.value);
            SqlError::new(SqlErrorKind::UnknownSource, message)
                .at(name.span)
                .during(Stage::Preparing)
                .with_suggestion(&name.value, self.sources.iter().map(|source| source.alias.as_str()))
        })
    }

    /// The source that a name before a point means, where `member` stands behind the point.
    ///
    /// # Errors
    /// There is none. Where the name is a column that holds a STRUCT the error says how its fields are
    /// written.
    pub fn resolve_qualifier(&self, name: &Name, member: &Name) -> Result<&ScopeSource, SqlError> {
        self.resolve_source(name).map_err(|error| {
            let holds_struct =
                |source: &ScopeSource| matches!(source.column_type(&name.value), Some(SqlType::Struct(_)));
            if self.sources.iter().any(holds_struct) {
                let (column, field) = (written_name(&name.value), written_name(&member.value));
                error.with_hint(format!("'{column}' is a STRUCT: write {column}->{field}"))
            } else {
                error
            }
        })
    }

    /// What a name means in a clause.
    ///
    /// # Errors
    /// It means nothing, or more than one column.
    pub fn resolve_column(
        &self,
        source: Option<&Name>,
        name: &Name,
        clause: Clause,
    ) -> Result<Expression, SqlError> {
        let only = source.map(|source| self.resolve_qualifier(source, name)).transpose()?;
        for spelling in self.spellings(name) {
            let found = self.find(only, &spelling, clause, name)?;
            if let Some(node) = found {
                return Ok(Expression::new(
                    node,
                    source.map_or(name.span, |source| source.span.union(&name.span)),
                ));
            }
        }
        Err(self.unknown_column(source, name, clause))
    }

    /// A reference to a column that is known to exist.
    #[must_use]
    pub fn reference(&self, source: &str, name: &str) -> ColumnReference {
        ColumnReference { source: source.to_owned(), name: name.to_owned(), joined: self.joined() }
    }

    /// The type of a column.
    ///
    /// # Errors
    /// The scope has no such column: a bug.
    pub fn column_type(&self, column: &ColumnReference) -> Result<SqlType, SqlError> {
        self.source(&column.source)
            .and_then(|source| source.column_type(&column.name))
            .cloned()
            .ok_or_else(|| SqlError::internal(format!("no column {}.{}", column.source, column.name)))
    }

    /// Sources that have a column of that name.
    pub fn sources_with<'a>(&'a self, column: &'a str) -> impl Iterator<Item = &'a ScopeSource> {
        self.sources.iter().filter(move |source| source.column_type(column).is_some())
    }

    fn find(
        &self,
        only: Option<&ScopeSource>,
        name: &str,
        clause: Clause,
        written: &Name,
    ) -> Result<Option<Node>, SqlError> {
        let bound = match name {
            WINDOWSTART => Some(WindowBound::Start),
            WINDOWEND => Some(WindowBound::End),
            _ => None,
        };
        if let Some(bound) = bound.filter(|_| self.aggregates_in_windows) {
            match clause {
                Clause::Select => return Ok(Some(Node::WindowBound(bound))),
                Clause::Having | Clause::GroupBy => return Err(misused_bound(bound).at(written.span)),
                _ => {}
            }
        }
        if let Some(source) = only {
            let found = source.column_type(name).is_some();
            return Ok(found.then(|| Node::Column(self.reference(&source.alias, name))));
        }
        let candidates: Vec<&ScopeSource> = self.sources_with(name).collect();
        match candidates.as_slice() {
            [] => {
                let join_key = self.join_key.as_ref().filter(|_| clause != Clause::JoinOn);
                let mut computed = join_key.map(|(key, _)| key).into_iter().chain(&self.parameters);
                Ok(computed.find(|computed| *computed == name).map(|name| Node::Computed(name.clone())))
            }
            [source] => Ok(Some(Node::Column(self.reference(&source.alias, name)))),
            several => {
                let list: Vec<String> =
                    several.iter().map(|source| format!("{}.{name}", source.alias)).collect();
                let message = format!("Column '{name}' is ambiguous. Could be {}.", list.join(" or "));
                Err(SqlError::new(SqlErrorKind::AmbiguousColumn, message)
                    .at(written.span)
                    .during(Stage::Resolving)
                    .with_hint("write the source's name or alias before the column"))
            }
        }
    }

    fn unknown_column(&self, source: Option<&Name>, name: &Name, clause: Clause) -> SqlError {
        let written =
            source.map_or_else(|| name.value.clone(), |source| format!("{}.{}", source.value, name.value));
        let window_bound = [WINDOWSTART, WINDOWEND].contains(&name.value.as_str());
        let message = if clause == Clause::Where && window_bound && self.aggregates_in_windows {
            format!("{}Unknown column {}.", clause.filter_error_prefix(), name.value)
        } else {
            format!("{clause} column '{written}' cannot be resolved.")
        };
        let candidates = self
            .sources_of(source)
            .flat_map(|candidate| candidate.columns.keys().map(String::as_str))
            .chain(self.parameters.iter().map(String::as_str));
        let error = SqlError::new(SqlErrorKind::UnknownColumn, message)
            .at(source.map_or(name.span, |source| source.span));
        match (closest(&name.value, candidates), self.listed_columns(source)) {
            (Some(near), _) => error.with_hint(format!("did you mean '{near}'?")),
            (None, Some(columns)) if !window_bound => error.with_hint(format!("columns are {columns}")),
            _ => error,
        }
    }

    /// The columns that there are, as they are written; `None` if there are none, or too many to be read.
    fn listed_columns(&self, source: Option<&Name>) -> Option<String> {
        let mut listed = Vec::new();
        for source in self.sources_of(source) {
            for column in &source.source.columns {
                let column = written_name(&column.name);
                listed.push(if self.joined() {
                    format!("{}.{column}", written_name(&source.alias))
                } else {
                    column
                });
            }
        }
        (1..=COLUMNS_LISTED_MAX).contains(&listed.len()).then(|| listed.join(", "))
    }

    /// The sources that a column is looked for in.
    fn sources_of(&self, name: Option<&Name>) -> impl Iterator<Item = &ScopeSource> {
        self.sources.iter().filter(move |source| name.is_none_or(|name| source.alias == name.value))
    }

    fn spellings(&self, name: &Name) -> Vec<String> {
        let mut spellings = vec![name.value.clone()];
        if self.lenient && name.quoted {
            spellings.push(name.value.to_uppercase());
        }
        spellings
    }
}

/// The error for the bound of a window where it is not known yet.
#[must_use]
pub fn misused_bound(bound: WindowBound) -> SqlError {
    SqlError::invalid(format!(
        "Window bounds column {} can only be used in the SELECT clause of windowed aggregations and can not be \
         passed to aggregate functions.\nSee https://github.com/confluentinc/ksql/issues/4397",
        bound.name()
    ))
}

impl ColumnReference {
    /// The column as plans refer to it: under its source's name.
    #[must_use]
    pub fn to_expr(&self) -> Expr {
        Expr::Column(Column::new(Some(TableReference::bare(self.source.as_str())), self.name.as_str()))
    }
}
