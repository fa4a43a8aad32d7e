//! Statements that declare, change and fill streams and tables.

use sqlparser::tokenizer::Span;

use super::{Expr, Name, SelectStatement};
pub use crate::lookup::SourceKind;
use crate::type_system::SqlType;

impl SourceKind {
    /// `STREAM` or `TABLE`.
    pub fn keyword(self) -> &'static str {
        match self {
            SourceKind::Stream => "STREAM",
            SourceKind::Table => "TABLE",
        }
    }
}

/// `CREATE [OR REPLACE] [SOURCE] STREAM | TABLE [IF NOT EXISTS] name (columns) WITH (…)`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateSource {
    /// Replace a source of that name.
    pub or_replace: bool,
    /// Do nothing if a source of that name exists.
    pub if_not_exists: bool,
    /// Declared with `SOURCE`: nothing may be inserted, and a table is kept for look-ups.
    pub read_only: bool,
    /// Stream or table.
    pub kind: SourceKind,
    /// The name.
    pub name: Name,
    /// The columns; none if they come from a schema registry.
    pub elements: Vec<ColumnDef>,
    /// The `WITH` clause.
    pub properties: WithProperties,
}

/// A column of a declared source.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    /// The name.
    pub name: Name,
    /// The type; custom types are not looked up yet.
    pub data_type: SqlType,
    /// Where the column's value is in a record.
    pub role: ColumnRole,
    /// Where the column is declared.
    pub span: Span,
}

/// Where a column's value is in a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ColumnRole {
    /// In the record's value.
    Value,
    /// In the key of a stream's record: `KEY`.
    Key,
    /// In the key of a table's record: `PRIMARY KEY`.
    PrimaryKey,
    /// All headers of the record: `HEADERS`.
    Headers,
    /// The last header of that key: `HEADER('key')`.
    Header(String),
}

/// `CREATE [OR REPLACE] STREAM | TABLE [IF NOT EXISTS] name WITH (…) AS SELECT …`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateAsSelect {
    /// Replace the query of a source of that name.
    pub or_replace: bool,
    /// Do nothing if a source of that name exists.
    pub if_not_exists: bool,
    /// Stream or table.
    pub kind: SourceKind,
    /// The name.
    pub name: Name,
    /// The `WITH` clause.
    pub properties: WithProperties,
    /// What fills the source from now on.
    pub query: SelectStatement,
}

/// `INSERT INTO target (columns) VALUES (…), …`.
#[derive(Debug, Clone, PartialEq)]
pub struct InsertValues {
    /// The stream or table.
    pub target: Name,
    /// The columns given; empty for all of them in their order.
    pub columns: Vec<Name>,
    /// The rows, as they were written: whether each has a value per column is not checked yet.
    pub rows: Vec<Vec<Expr>>,
}

/// `INSERT INTO target WITH (…) SELECT …`: one more query that fills a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct InsertSelect {
    /// The stream.
    pub target: Name,
    /// The columns given in Postgres's form; empty for all of them.
    pub columns: Vec<Name>,
    /// The `WITH` clause.
    pub properties: WithProperties,
    /// What fills the stream from now on.
    pub query: SelectStatement,
}

/// `ALTER STREAM | TABLE name ADD [COLUMN] name type, …`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterSource {
    /// Stream or table.
    pub kind: SourceKind,
    /// The name.
    pub name: Name,
    /// The columns to add, all of them value columns.
    pub add_columns: Vec<ColumnDef>,
}

/// `DROP STREAM | TABLE [IF EXISTS] name [DELETE TOPIC]`.
#[derive(Debug, Clone, PartialEq)]
pub struct DropSource {
    /// Stream or table.
    pub kind: SourceKind,
    /// The name.
    pub name: Name,
    /// Do nothing if there is no such source.
    pub if_exists: bool,
    /// Delete the topic with its records as well.
    pub delete_topic: bool,
}

/// `CREATE [OR REPLACE] FUNCTION name(args) RETURNS type AS 'expression'`.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateFunction {
    /// Replace a function of that name.
    pub or_replace: bool,
    /// Do nothing if a function of that name exists.
    pub if_not_exists: bool,
    /// The name.
    pub name: Name,
    /// The arguments.
    pub arguments: Vec<FunctionArgument>,
    /// The type of the result.
    pub returns: SqlType,
    /// The text of the expression, as it was written between the quotes.
    pub body: String,
    /// The expression, parsed from [`body`](Self::body); positions in it count from its beginning.
    pub expression: Box<Expr>,
}

/// An argument of a [`CreateFunction`].
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionArgument {
    /// The name by which the expression refers to it.
    pub name: Name,
    /// Its type.
    pub data_type: SqlType,
}

/// The properties of a `WITH (…)` clause, in the order they were written, no name twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WithProperties {
    /// The properties.
    pub entries: Vec<Property>,
}

impl WithProperties {
    /// The property of that name, given in upper case.
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.entries.iter().find(|property| property.name == name)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// One `NAME = value` of a `WITH` clause.
#[derive(Debug, Clone)]
pub struct Property {
    /// The name, in upper case: property names ignore case.
    pub name: String,
    /// The value.
    pub value: PropertyValue,
    /// Where the name was written.
    pub name_span: Span,
    /// Where the value was written.
    pub value_span: Span,
}

impl PartialEq for Property {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

/// The value of a [`Property`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PropertyValue {
    /// `'text'`.
    String(String),
    /// A number, digit for digit as written, with its sign.
    Number(String),
    /// `TRUE` or `FALSE`.
    Boolean(bool),
    /// `NULL`.
    Null,
}

impl PropertyValue {
    /// The value as text without quotes, as a setting's value would be typed.
    pub fn as_text(&self) -> String {
        match self {
            PropertyValue::String(text) | PropertyValue::Number(text) => text.clone(),
            PropertyValue::Boolean(value) => value.to_string(),
            PropertyValue::Null => "null".to_owned(),
        }
    }
}
