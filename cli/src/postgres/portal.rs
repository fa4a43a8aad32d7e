//! What a client keeps on the server between messages: prepared statements and portals.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion_common::ScalarValue;
use pgwire::api::Type;

use super::column_type::Column;
use super::encode::Format;
use super::failure::Failure;
use super::pump::RowSource;
use super::sqlstate::SqlState;
use super::statement::Statement;

/// Prepared statements of one connection. Pools of drivers keep some hundreds.
const STATEMENTS_MAX: usize = 4_096;

/// Text of all prepared statements of one connection.
const STATEMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Portals of one connection: each may keep a query running.
const PORTALS_MAX: usize = 256;

/// A statement that waits for values.
#[derive(Debug)]
pub(super) struct PreparedStatement {
    pub(super) statement: Statement,
    pub(super) parameter_types: Vec<Type>,
    /// `None` for a command without rows.
    pub(super) columns: Option<Vec<Column>>,
    /// Characters before the statement in the text it came in, for positions of errors.
    pub(super) offset: usize,
    /// Bytes of its text.
    pub(super) bytes: usize,
}

/// The prepared statements of a connection; the one without a name is "".
#[derive(Default)]
pub(super) struct PreparedStatements {
    by_name: HashMap<String, Arc<PreparedStatement>>,
    bytes: usize,
}

impl PreparedStatements {
    /// Keeps a statement. Only the one without a name may be replaced.
    pub(super) fn insert(&mut self, name: String, statement: PreparedStatement) -> Result<(), Failure> {
        if name.is_empty() {
            self.remove(&name);
        } else if self.by_name.contains_key(&name) {
            return Err(Failure::new(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            ));
        }
        if self.by_name.len() >= STATEMENTS_MAX || self.bytes + statement.bytes > STATEMENT_BYTES_MAX {
            return Err(Failure::new(
                SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                format!(
                    "a connection has at most {STATEMENTS_MAX} prepared statements of together {STATEMENT_BYTES_MAX} bytes"
                ),
            )
            .with_hint("DEALLOCATE those that are no longer needed"));
        }
        self.bytes += statement.bytes;
        self.by_name.insert(name, Arc::new(statement));
        Ok(())
    }

    /// A statement by name.
    pub(super) fn get(&self, name: &str) -> Result<Arc<PreparedStatement>, Failure> {
        self.by_name.get(name).cloned().ok_or_else(|| {
            Failure::new(
                SqlState::INVALID_SQL_STATEMENT_NAME,
                if name.is_empty() {
                    "unnamed prepared statement does not exist".to_owned()
                } else {
                    format!("prepared statement \"{name}\" does not exist")
                },
            )
        })
    }

    /// Forgets a statement; whether there was one.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let removed = self.by_name.remove(name);
        if let Some(statement) = &removed {
            self.bytes -= statement.bytes;
        }
        removed.is_some()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = PreparedStatements::default();
    }
}

/// A statement with values, and how far it has run.
pub(super) struct Portal {
    pub(super) statement: Arc<PreparedStatement>,
    pub(super) parameters: Vec<ScalarValue>,
    /// One for each column.
    pub(super) formats: Vec<Format>,
    pub(super) state: PortalState,
}

/// How far a portal has run.
pub(super) enum PortalState {
    /// Not yet.
    Ready,
    /// It has given some rows and has more; the word of its command tag.
    Suspended { source: RowSource, word: &'static str },
    /// To the end.
    Done,
}

/// The portals of a connection; the one without a name is "".
#[derive(Default)]
pub(super) struct Portals {
    by_name: HashMap<String, Portal>,
}

impl Portals {
    /// Keeps a portal. Only the one without a name may be replaced.
    pub(super) fn insert(&mut self, name: String, portal: Portal) -> Result<(), Failure> {
        if !name.is_empty() && self.by_name.contains_key(&name) {
            return Err(Failure::new(
                SqlState::DUPLICATE_CURSOR,
                format!("portal \"{name}\" already exists"),
            ));
        }
        if self.by_name.len() >= PORTALS_MAX {
            return Err(Failure::new(
                SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                format!("a connection has at most {PORTALS_MAX} portals"),
            ));
        }
        self.by_name.insert(name, portal);
        Ok(())
    }

    /// A portal by name.
    pub(super) fn get(&self, name: &str) -> Result<&Portal, Failure> {
        self.by_name.get(name).ok_or_else(|| unknown(name))
    }

    /// Takes a portal out to run it; [`Portals::put_back`] follows.
    pub(super) fn take(&mut self, name: &str) -> Result<Portal, Failure> {
        self.by_name.remove(name).ok_or_else(|| unknown(name))
    }

    /// Puts a portal back that was taken out.
    pub(super) fn put_back(&mut self, name: String, portal: Portal) {
        self.by_name.insert(name, portal);
    }

    /// Forgets a portal, which ends its query; whether there was one.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.by_name.remove(name).is_some()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.by_name.clear();
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}
