//! What the planner may ask about the world: sources, functions, types, settings. The engine answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::ScalarValue;
use datafusion_expr::{Expr, ScalarUDF};
use sqlparser::ast::Expr as Ast;

use crate::error::SqlError;
use crate::parser::identifier::Name;
use crate::type_system::SqlType;

/// A stream says what happened, a table what is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Debug)]
pub enum SourceKind {
    /// An unbounded sequence of facts.
    Stream,
    /// The latest row of each key.
    Table,
}

/// What a column of a source is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ColumnRole {
    /// Part of the record's key.
    Key,
    /// Part of the record's value.
    Value,
    /// All headers of the record: `ARRAY<STRUCT<KEY STRING, VALUE BYTES>>`.
    Headers,
    /// The last header of a name: `BYTES`.
    Header(String),
}

/// A part of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordPart {
    /// The record's key.
    Key,
    /// The record's value.
    Value,
}

impl RecordPart {
    /// What the names of properties about it begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            RecordPart::Key => "KEY_",
            RecordPart::Value => "VALUE_",
        }
    }

    /// What its columns are.
    pub fn column_role(self) -> ColumnRole {
        match self {
            RecordPart::Key => ColumnRole::Key,
            RecordPart::Value => ColumnRole::Value,
        }
    }
}

/// A column of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceColumn {
    /// Its stored name (upper-case unless it was quoted).
    pub name: String,
    /// Its type, as Arrow has it.
    pub data_type: DataType,
    /// What it is.
    pub role: ColumnRole,
}

impl SourceColumn {
    /// A column of that name and type.
    #[must_use]
    pub fn new(name: &str, data_type: DataType, role: ColumnRole) -> SourceColumn {
        SourceColumn { name: name.to_owned(), data_type, role }
    }
}

/// The setting that has statements refused that ksqlDB could not run, though they could be run here.
pub const KSQLDB_LIMITS: &str = "tidemill.ksqldb.limits";

/// Whether the value of a property that is on or off says on; `None` for a text that says neither.
#[must_use]
pub fn is_on(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// How keys or values of a topic are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatSpec {
    /// `JSON`, `DELIMITED`, `KAFKA`, `NONE`, …, upper-case.
    pub name: String,
    /// The format's own properties, by upper-case name (`VALUE_DELIMITER` …).
    pub properties: BTreeMap<String, String>,
    /// Whether a single column is wrapped in an object; `None` leaves it to the format.
    pub wrap_single: Option<bool>,
}

impl FormatSpec {
    /// A format about which nothing is said but its name.
    #[must_use]
    pub fn named(name: &str) -> FormatSpec {
        FormatSpec { name: name.to_owned(), properties: BTreeMap::new(), wrap_single: None }
    }
}

/// Windows of a windowed source or result.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Debug)]
pub enum WindowKind {
    /// Fixed size, side by side.
    Tumbling {
        /// Length of a window in milliseconds.
        size_ms: i64,
    },
    /// Fixed size, overlapping.
    Hopping {
        /// Length of a window in milliseconds.
        size_ms: i64,
        /// Distance between the starts of windows in milliseconds.
        advance_ms: i64,
    },
    /// As long as records of a key come without a longer pause.
    Session {
        /// The pause that ends a session, in milliseconds; 0 where a declared source does not say.
        gap_ms: i64,
    },
}

/// A WINDOW clause.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Debug)]
pub struct WindowSpec {
    /// Which windows.
    pub kind: WindowKind,
    /// How long after its end a window takes late records, in milliseconds.
    pub grace_ms: i64,
    /// How long windows are kept for look-ups, in milliseconds; `None` for the default.
    pub retention_ms: Option<i64>,
}

/// Which column holds the event time, and how it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimestampColumn {
    /// Stored name of the column.
    pub column: String,
    /// Pattern of Java's `DateTimeFormatter`, for a STRING column.
    pub format: Option<String>,
}

/// A stream or table, as the planner sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Stored name.
    pub name: String,
    /// Stream or table.
    pub kind: SourceKind,
    /// Columns in declared order.
    pub columns: Vec<SourceColumn>,
    /// The topic behind it.
    pub topic: String,
    /// Number of the topic's partitions.
    pub partitions: u32,
    /// How keys are written.
    pub key_format: FormatSpec,
    /// How values are written.
    pub value_format: FormatSpec,
    /// Windows of the key, where it is windowed.
    pub window: Option<WindowKind>,
    /// The event time, where it is not the record's timestamp.
    pub timestamp: Option<TimestampColumn>,
    /// Declared by CREATE SOURCE …: read-only.
    pub read_only: bool,
}

impl Source {
    /// Columns of the record's key, in order.
    pub fn key_columns(&self) -> impl Iterator<Item = &SourceColumn> {
        self.columns.iter().filter(|column| column.role == ColumnRole::Key)
    }

    /// Columns of the record's value, in order.
    pub fn value_columns(&self) -> impl Iterator<Item = &SourceColumn> {
        self.columns.iter().filter(|column| column.role == ColumnRole::Value)
    }
}

/// What columns the schema registry has for keys or values.
#[derive(Clone, Copy, Debug)]
pub struct SchemaInquiry<'a> {
    /// Stored name of the stream or table.
    pub source: &'a str,
    /// The topic behind it.
    pub topic: &'a str,
    /// Keys or values.
    pub part: RecordPart,
    /// The format, with the properties that choose a schema.
    pub format: &'a FormatSpec,
}

/// An aggregate function as the planner sees it; the engine has the accumulator of the same name.
pub trait AggregateFunction: Send + Sync + std::fmt::Debug {
    /// Upper-case name.
    fn name(&self) -> &str;

    /// Type of the result for the given arguments. `constants` holds the value of each argument that
    /// is a literal (`TOPK(x, 3)`).
    ///
    /// # Errors
    /// A sentence for the user: wrong number or type of arguments.
    fn return_type(
        &self,
        arguments: &[DataType],
        constants: &[Option<ScalarValue>],
    ) -> Result<DataType, String>;

    /// Whether the argument at `index` of `count` arguments must be a literal (the 3 of `TOPK(x, 3)`).
    fn is_literal(&self, index: usize, count: usize) -> bool {
        let _ = (index, count);
        false
    }

    /// Whether it can take back a row, as an aggregation over a table must.
    fn retractable(&self) -> bool;

    /// One line for people.
    fn description(&self) -> &str;
}

/// An argument in a call of a function that takes lambdas.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallArgument {
    /// NULL.
    Null,
    /// A value of a type.
    Value(SqlType),
    /// A lambda of so many variables.
    Lambda(usize),
}

/// A lambda whose body is lowered.
#[derive(Clone, Debug)]
pub struct Lambda {
    /// Columns by which the body refers to its variables, with their types.
    pub variables: Vec<(String, SqlType)>,
    /// Columns by which the body refers to what is around it, with their types.
    pub captured: Vec<(String, SqlType)>,
    /// What gives the captured columns' values, in the same order.
    pub arguments: Vec<Expr>,
    /// What it computes, over the columns above.
    pub body: Expr,
    /// The type of what it computes.
    pub result: SqlType,
}

/// A call with its lambdas as a function of plain values.
#[derive(Clone, Debug)]
pub struct BoundLambdaCall {
    /// Its arguments are the call's values, in the types of `passed`, then those of `captured`.
    pub function: Arc<ScalarUDF>,
    /// Types in which the call's values are passed; `None` for a NULL that may have any.
    pub passed: Vec<Option<SqlType>>,
    /// What the lambdas take of the row, one lambda after the other.
    pub captured: Vec<Vec<Expr>>,
    /// Type of the result.
    pub result: SqlType,
}

/// A function that takes lambdas, as the planner sees it.
pub trait LambdaFunction: Send + Sync + std::fmt::Debug {
    /// Types of the variables of the next lambda, where those before it give values of the types `results`.
    ///
    /// # Errors
    /// A sentence for the user: the function takes no such arguments.
    fn variable_types(&self, arguments: &[CallArgument], results: &[SqlType])
    -> Result<Vec<SqlType>, String>;

    /// The call with its lambdas.
    ///
    /// # Errors
    /// A sentence for the user: the function takes no such arguments or lambdas.
    fn bind(&self, arguments: &[CallArgument], lambdas: Vec<Lambda>) -> Result<BoundLambdaCall, String>;
}

/// A function made by CREATE FUNCTION: an expression over its parameters.
#[derive(Clone, PartialEq, Debug)]
pub struct UserFunction {
    /// Upper-case name.
    pub name: String,
    /// What it is called with, in order.
    pub parameters: Vec<UserParameter>,
    /// Type of the result; the expression's value is converted to it.
    pub returns: SqlType,
    /// The expression as it was written.
    pub body: String,
    /// The expression as it was read.
    pub expression: Ast,
}

/// A parameter of a [`UserFunction`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserParameter {
    /// Stored name.
    pub name: String,
    /// Its type.
    pub data_type: SqlType,
}

impl UserFunction {
    /// The function with its parameters, as it is declared.
    #[must_use]
    pub fn signature(&self) -> String {
        let parameters: Vec<String> = self
            .parameters
            .iter()
            .map(|parameter| format!("{} {}", parameter.name, parameter.data_type))
            .collect();
        format!("{}({})", self.name, parameters.join(", "))
    }
}

/// What the planner may ask.
pub trait Lookup {
    /// A stream or table by its stored name.
    fn source(&self, name: &str) -> Option<Arc<Source>>;

    /// A stream or table by the name that a statement writes: the one rule for names of sources, wherever
    /// they stand. See [`Lookup::lenient_names`].
    fn resolve(&self, name: &Name) -> Option<Arc<Source>> {
        let spellings = self.spellings(name);
        spellings.iter().find_map(|spelling| self.source(spelling))
    }

    /// The stored names that a written name may stand for, the likeliest first.
    fn spellings(&self, name: &Name) -> Vec<String> {
        let mut spellings = vec![name.value.clone()];
        if self.lenient_names() && name.quoted {
            spellings.push(name.value.to_uppercase());
        }
        spellings
    }

    /// All stored names, for did-you-mean.
    fn source_names(&self) -> Vec<String>;

    /// A scalar function by name, in any case.
    fn scalar_function(&self, name: &str) -> Option<Arc<ScalarUDF>>;

    /// A function that takes lambdas, by name in any case.
    fn lambda_function(&self, name: &str) -> Option<Arc<dyn LambdaFunction>> {
        let _ = name;
        None
    }

    /// A table function by name, in any case: a function that gives a list, of which every element becomes
    /// a row.
    fn table_function(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let _ = name;
        None
    }

    /// An aggregate function by name, in any case.
    fn aggregate_function(&self, name: &str) -> Option<Arc<dyn AggregateFunction>>;

    /// Names of all functions, for did-you-mean.
    fn function_names(&self) -> Vec<String>;

    /// Whether a function, by name in any case, is there for queries over what is there now alone.
    fn reads_only(&self, name: &str) -> bool {
        let _ = name;
        false
    }

    /// A function made by CREATE FUNCTION, by its upper-case name.
    fn user_function(&self, name: &str) -> Option<Arc<UserFunction>> {
        let _ = name;
        None
    }

    /// A type made by CREATE TYPE.
    fn custom_type(&self, name: &str) -> Option<DataType>;

    /// Names of all types made by CREATE TYPE, for did-you-mean.
    fn custom_type_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// A setting of the session, by ksqlDB's name (`auto.offset.reset`).
    fn property(&self, name: &str) -> Option<String>;

    /// Whether a setting that is on or off is on; `None` where it is not set.
    fn switch(&self, name: &str) -> Option<bool> {
        self.property(name).as_deref().and_then(is_on)
    }

    /// Whether what ksqlDB cannot run is refused.
    fn within_ksqldb_limits(&self) -> bool {
        self.switch(KSQLDB_LIMITS) == Some(true)
    }

    /// Whether a quoted name that does not exist is tried in upper case, as Postgres' clients need it.
    fn lenient_names(&self) -> bool {
        false
    }

    /// Number of partitions of a topic that exists.
    fn topic_partitions(&self, topic: &str) -> Option<u32>;

    /// Whether times can be read by a pattern of Java's `DateTimeFormatter`.
    ///
    /// # Errors
    /// What is wrong with it, for the user.
    fn check_time_pattern(&self, pattern: &str) -> Result<(), String> {
        let _ = pattern;
        Ok(())
    }

    /// The columns that the schema registry has for a topic's keys or values; without a registry there are
    /// none.
    ///
    /// # Errors
    /// It has none, or none of the format.
    fn inferred_columns(&self, inquiry: &SchemaInquiry<'_>) -> Result<Vec<SourceColumn>, SqlError> {
        let message =
            format!("there is no schema registry that has the columns of topic '{}'", inquiry.topic);
        Err(SqlError::invalid(message).with_hint("declare the columns"))
    }
}
