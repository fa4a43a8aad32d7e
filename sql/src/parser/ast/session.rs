//! Statements of a session: settings, transactions, cursors, prepared statements, copying.

use super::{Expr, Name, PropertyValue, SelectStatement, Statement};
use crate::type_system::SqlType;

/// `SET …`.
#[derive(Debug, Clone, PartialEq)]
pub struct SetVariable {
    /// For how long it holds.
    pub scope: SettingScope,
    /// The setting's name as written: dots and case are part of it.
    pub name: String,
    /// Whether the name is a string: a property, as ksqlDB has them.
    pub is_property: bool,
    /// Its values; several for settings that are lists. Empty means `DEFAULT`.
    pub values: Vec<SettingValue>,
}

/// For how long a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SettingScope {
    /// Until the session ends.
    Session,
    /// Until the transaction ends: `SET LOCAL`, `SET TRANSACTION`.
    Transaction,
    /// For every session of the server: `ALTER SYSTEM`.
    System,
}

/// One value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    /// A string, number or boolean.
    Literal(PropertyValue),
    /// A bare word, as written.
    Word(String),
}

impl SettingValue {
    /// The value as text without quotes.
    pub fn as_text(&self) -> String {
        match self {
            SettingValue::Literal(value) => value.as_text(),
            SettingValue::Word(word) => word.clone(),
        }
    }
}

/// Beginning and ending transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transaction {
    /// `BEGIN`, `START TRANSACTION`; modes such as the isolation level are read and not kept.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `SAVEPOINT name`.
    Savepoint(Name),
    /// `RELEASE [SAVEPOINT] name`.
    Release(Name),
    /// `ROLLBACK TO [SAVEPOINT] name`.
    RollbackTo(Name),
}

/// `DECLARE name [options] CURSOR [WITH HOLD] FOR query`.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclareCursor {
    /// The cursor's name.
    pub name: Name,
    /// Results in binary form.
    pub binary: bool,
    /// Whether it may go backwards; `None` if nothing was said.
    pub scroll: Option<bool>,
    /// Whether it outlives the transaction.
    pub hold: bool,
    /// The query.
    pub query: SelectStatement,
}

/// `FETCH | MOVE [direction] [FROM | IN] name [WITH (TIMEOUT = '1s')]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// How far and which way.
    pub direction: FetchDirection,
    /// The cursor.
    pub cursor: Name,
    /// How long to wait for rows of a query that never ends, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// How far and which way a cursor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchDirection {
    /// That many rows forward; backward when negative.
    Count(i64),
    /// All rows left.
    All,
    /// All rows back to the start.
    BackwardAll,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// The row of that number; from the end when negative.
    Absolute(i64),
    /// The row that many further.
    Relative(i64),
}

/// `CLOSE name | ALL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// One cursor.
    Cursor(Name),
    /// All of them.
    All,
}

/// `COPY name [(columns)] | (query) TO STDOUT [WITH (options)]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// What to copy.
    pub source: CopySource,
    /// `true` for `TO STDOUT`, `false` for `FROM STDIN`.
    pub to: bool,
    /// Options by their names in upper case; an option without a value has `NULL`.
    pub options: Vec<(String, PropertyValue)>,
}

/// What `COPY` copies.
#[derive(Debug, Clone, PartialEq)]
pub enum CopySource {
    /// A stream or table, or some columns of it.
    Relation {
        /// Its name.
        name: Name,
        /// The columns; empty for all.
        columns: Vec<Name>,
    },
    /// The rows of a query.
    Query(SelectStatement),
}

/// `PREPARE name [(types)] AS statement`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepare {
    /// The prepared statement's name.
    pub name: Name,
    /// The types of its parameters, as far as they were given.
    pub parameter_types: Vec<SqlType>,
    /// The statement.
    pub statement: Statement,
}

/// `EXECUTE name [(arguments)]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute {
    /// The prepared statement's name.
    pub name: Name,
    /// The values of its parameters.
    pub arguments: Vec<Expr>,
}
