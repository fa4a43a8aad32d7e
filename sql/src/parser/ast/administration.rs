//! Statements that look at and control what runs.

use super::{DurationUnit, Name, Statement, WithProperties};

/// Which persistent queries a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryTarget {
    /// One, by its id.
    Id(Name),
    /// All of them.
    All,
}

/// `SHOW | LIST what [EXTENDED]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Show {
    /// What to list.
    pub what: ShowWhat,
    /// Whether details are wanted too.
    pub extended: bool,
}

/// What [`Show`] lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShowWhat {
    /// The streams.
    Streams,
    /// The tables.
    Tables,
    /// The topics; internal ones too with `ALL`.
    Topics {
        /// Whether internal topics are listed.
        all: bool,
    },
    /// The queries.
    Queries,
    /// The functions.
    Functions,
    /// The server's and the session's properties.
    Properties,
    /// The custom types.
    Types,
    /// The variables of the session.
    Variables,
    /// One Postgres setting, by its name as written.
    Setting(String),
    /// All Postgres settings.
    AllSettings,
}

/// What `DESCRIBE` describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescribeTarget {
    /// A stream or table.
    Source(Name),
    /// All streams.
    Streams,
    /// All tables.
    Tables,
    /// A function.
    Function(Name),
}

/// `EXPLAIN [ANALYZE] …`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// Run the statement and show what happened.
    pub analyze: bool,
    /// What to explain.
    pub target: ExplainTarget,
}

/// What `EXPLAIN` explains.
#[derive(Debug, Clone, PartialEq)]
pub enum ExplainTarget {
    /// A statement, which is not executed unless asked for.
    Statement(Statement),
    /// A running query, by its id.
    Query(Name),
}

/// `PRINT topic [FROM BEGINNING] [INTERVAL | SAMPLE n] [LIMIT n]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintTopic {
    /// The topic, as written: topic names are case-sensitive and follow no identifier rule.
    pub topic: String,
    /// Start with the oldest record instead of the next one.
    pub from_beginning: bool,
    /// Print every n-th record only.
    pub interval: Option<u64>,
    /// End after that many records.
    pub limit: Option<u64>,
}

/// What an `ASSERT` statement has in common whatever it asserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Whether the thing has to exist, or must not.
    pub exists: bool,
    /// How long to wait for it.
    pub timeout: Option<(u64, DurationUnit)>,
}

/// `ASSERT [NOT EXISTS] TOPIC name [WITH (…)] [TIMEOUT n unit]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AssertTopic {
    /// Existence and patience.
    pub assertion: Assertion,
    /// The topic, as written.
    pub topic: String,
    /// What the topic's configuration has to be.
    pub properties: WithProperties,
}

/// `ASSERT [NOT EXISTS] SCHEMA [SUBJECT name] [ID n] [TIMEOUT n unit]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertSchema {
    /// Existence and patience.
    pub assertion: Assertion,
    /// The subject, as written.
    pub subject: Option<String>,
    /// The schema's id.
    pub id: Option<u64>,
}
