//! Statements about what runs back to text.

use std::fmt;

use super::quoted;
use crate::parser::ast::{
    AssertSchema, AssertTopic, Assertion, DescribeTarget, Explain, ExplainTarget, PrintTopic, QueryTarget,
    Show, ShowWhat,
};

impl fmt::Display for QueryTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryTarget::Id(id) => write!(f, "{id}"),
            QueryTarget::All => f.write_str("ALL"),
        }
    }
}

impl fmt::Display for Show {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.what {
            ShowWhat::Streams => "STREAMS",
            ShowWhat::Tables => "TABLES",
            ShowWhat::Topics { all: false } => "TOPICS",
            ShowWhat::Topics { all: true } => "ALL TOPICS",
            ShowWhat::Queries => "QUERIES",
            ShowWhat::Functions => "FUNCTIONS",
            ShowWhat::Properties => "PROPERTIES",
            ShowWhat::Types => "TYPES",
            ShowWhat::Variables => "VARIABLES",
            ShowWhat::Setting(name) => return write!(f, "SHOW {}", quoted(name)),
            ShowWhat::AllSettings => "ALL",
        };
        write!(f, "SHOW {what}{}", if self.extended { " EXTENDED" } else { "" })
    }
}

impl fmt::Display for DescribeTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DescribeTarget::Source(name) => write!(f, "{name}"),
            DescribeTarget::Streams => f.write_str("STREAMS"),
            DescribeTarget::Tables => f.write_str("TABLES"),
            DescribeTarget::Function(name) => write!(f, "FUNCTION {name}"),
        }
    }
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.analyze { "EXPLAIN ANALYZE " } else { "EXPLAIN " })?;
        match &self.target {
            ExplainTarget::Statement(statement) => write!(f, "{statement}"),
            ExplainTarget::Query(id) => write!(f, "{id}"),
        }
    }
}

impl fmt::Display for PrintTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PRINT {}", quoted(&self.topic))?;
        if self.from_beginning {
            f.write_str(" FROM BEGINNING")?;
        }
        if let Some(interval) = self.interval {
            write!(f, " INTERVAL {interval}")?;
        }
        match self.limit {
            Some(limit) => write!(f, " LIMIT {limit}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for AssertTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AssertTopic { assertion, topic, properties } = self;
        let not = not_exists(assertion);
        write!(f, "ASSERT {not}TOPIC {}{properties}", quoted(topic))?;
        write_timeout(f, assertion)
    }
}

impl fmt::Display for AssertSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ASSERT {}SCHEMA", not_exists(&self.assertion))?;
        if let Some(subject) = &self.subject {
            write!(f, " SUBJECT {}", quoted(subject))?;
        }
        if let Some(id) = self.id {
            write!(f, " ID {id}")?;
        }
        write_timeout(f, &self.assertion)
    }
}

fn not_exists(assertion: &Assertion) -> &'static str {
    if assertion.exists { "" } else { "NOT EXISTS " }
}

fn write_timeout(f: &mut fmt::Formatter<'_>, assertion: &Assertion) -> fmt::Result {
    match assertion.timeout {
        Some((amount, unit)) => write!(f, " TIMEOUT {amount} {}", unit.keyword()),
        None => Ok(()),
    }
}
