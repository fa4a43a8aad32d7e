//! Statements as the rest of the program sees them.
//!
//! Statements and ksqlDB's clauses are our own types; expressions and Postgres's general `SELECT`
//! are sqlparser's, with the few constructs it has no node for written as
//! [`expression`](super::expression) says. Names in our own types are stored names
//! ([`Name`]); names inside expressions are as they were written, and
//! [`stored_name`](super::identifier::stored_name) turns them into stored ones.

mod administration;
mod select;
mod session;
mod source;
mod trees;

pub use administration::{
    AssertSchema, AssertTopic, Assertion, DescribeTarget, Explain, ExplainTarget, PrintTopic, QueryTarget,
    Show, ShowWhat,
};
pub use select::{
    DurationUnit, Emit, Join, JoinKind, KsqlSelect, Relation, SelectBody, SelectItem, SelectStatement,
    WindowClause, WindowDuration, WindowKind, Within,
};
pub use session::{
    Close, Copy, CopySource, DeclareCursor, Execute, Fetch, FetchDirection, Prepare, SetVariable,
    SettingScope, SettingValue, Transaction,
};
pub use source::{
    AlterSource, ColumnDef, ColumnRole, CreateAsSelect, CreateFunction, CreateSource, DropSource,
    FunctionArgument, InsertSelect, InsertValues, Property, PropertyValue, SourceKind, WithProperties,
};

pub use trees::Tree;

pub use sqlparser::ast::{Expr, Ident, Query as GeneralQuery};

use super::identifier::Name;
use crate::type_system::SqlType;

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `CREATE [OR REPLACE] [SOURCE] STREAM | TABLE name (columns) WITH (…)`.
    CreateSource(CreateSource),
    /// `CREATE STREAM | TABLE name WITH (…) AS SELECT …`.
    CreateAsSelect(Box<CreateAsSelect>),
    /// `ALTER STREAM | TABLE name ADD COLUMN …`.
    AlterSource(AlterSource),
    /// `DROP STREAM | TABLE name [DELETE TOPIC]`.
    DropSource(DropSource),
    /// `INSERT INTO name (columns) VALUES (…), …`.
    InsertValues(InsertValues),
    /// `INSERT INTO name SELECT …`.
    InsertSelect(Box<InsertSelect>),
    /// `SELECT …`, `WITH …`, `VALUES …`: read now, or as changes come.
    Query(Box<SelectStatement>),
    /// `CREATE TYPE name AS type`.
    CreateType {
        /// Do nothing if the type exists.
        if_not_exists: bool,
        /// The type's name.
        name: Name,
        /// What it stands for.
        data_type: SqlType,
    },
    /// `DROP TYPE name`.
    DropType {
        /// Do nothing if there is no such type.
        if_exists: bool,
        /// The type's name.
        name: Name,
    },
    /// `CREATE FUNCTION name(args) RETURNS type AS 'expression'`.
    CreateFunction(CreateFunction),
    /// `DROP FUNCTION name`.
    DropFunction {
        /// Do nothing if there is no such function.
        if_exists: bool,
        /// The function's name.
        name: Name,
    },
    /// `TERMINATE id | ALL`.
    Terminate(QueryTarget),
    /// `PAUSE id | ALL`.
    Pause(QueryTarget),
    /// `RESUME id | ALL`.
    Resume(QueryTarget),
    /// `SHOW | LIST …`.
    Show(Show),
    /// `DESCRIBE name | STREAMS | TABLES | FUNCTION name`.
    Describe {
        /// What to describe.
        target: DescribeTarget,
        /// Whether statistics and details are wanted too.
        extended: bool,
    },
    /// `EXPLAIN [ANALYZE] statement | query id`.
    Explain(Box<Explain>),
    /// `SET …`, in ksqlDB's or Postgres's form.
    Set(SetVariable),
    /// `UNSET 'name'`, `RESET name | ALL`; no name means all.
    Unset {
        /// The setting; `None` for all of them.
        name: Option<Name>,
    },
    /// `PRINT topic …`.
    Print(PrintTopic),
    /// `DEFINE name = 'text'`.
    Define {
        /// The variable.
        name: Name,
        /// The text that `${name}` stands for from now on.
        value: String,
    },
    /// `UNDEFINE name`.
    Undefine {
        /// The variable.
        name: Name,
    },
    /// `ASSERT [NOT EXISTS] TOPIC …`.
    AssertTopic(AssertTopic),
    /// `ASSERT [NOT EXISTS] SCHEMA …`.
    AssertSchema(AssertSchema),
    /// `RUN SCRIPT 'file'`.
    RunScript {
        /// The file, as the user wrote it.
        path: String,
    },
    /// `BEGIN`, `COMMIT`, `ROLLBACK` and their other spellings.
    Transaction(Transaction),
    /// `DECLARE name CURSOR FOR …`.
    DeclareCursor(Box<DeclareCursor>),
    /// `FETCH … FROM name`.
    Fetch(Fetch),
    /// `MOVE … FROM name`: as `FETCH`, without returning the rows.
    Move(Fetch),
    /// `CLOSE name | ALL`.
    Close(Close),
    /// `COPY name | (query) TO STDOUT …`.
    Copy(Box<Copy>),
    /// `PREPARE name AS statement`.
    Prepare(Box<Prepare>),
    /// `EXECUTE name (arguments)`.
    Execute(Execute),
    /// `DEALLOCATE name | ALL`; no name means all.
    Deallocate {
        /// The prepared statement; `None` for all of them.
        name: Option<Name>,
    },
    /// `DISCARD ALL | PLANS | SEQUENCES | TEMP`, the word as written, in upper case.
    Discard {
        /// What to forget.
        what: String,
    },
    /// `LISTEN channel`.
    Listen {
        /// The channel.
        channel: Name,
    },
    /// `UNLISTEN channel | *`; no channel means all.
    Unlisten {
        /// The channel; `None` for all of them.
        channel: Option<Name>,
    },
}
