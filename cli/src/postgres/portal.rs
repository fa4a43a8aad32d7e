//! What a client keeps on the server between messages: prepared statements and portals.

use std::collections::HashMap;
use std::sync::Arc;

use pgwire::api::Type;
use tidemill_engine::ScalarValue;

use super::column_type::Column;
use super::encode::Format;
use super::failure::Failure;
use super::pump::RowSource;
use super::sqlstate::SqlState;
use super::statement::Statement;
use crate::budget::{Budget, Reservation};

/// Prepared statements of one connection. Pools of drivers keep some hundreds.
const STATEMENTS_MAX: usize = 4_096;

/// Text of all prepared statements of one connection.
const STATEMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Portals of one connection: each may keep a query running.
const PORTALS_MAX: usize = 256;

/// Values of all portals of one connection.
const PORTAL_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a statement or portal takes beside its text and values, roughly.
const KEPT_OVERHEAD_BYTES: usize = 512;

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
    /// Its share of what all connections keep.
    pub(super) kept: Reservation,
}

/// The prepared statements of a connection; the one without a name is "".
pub(super) struct PreparedStatements {
    by_name: HashMap<String, Arc<PreparedStatement>>,
    bytes: usize,
    budget: Budget,
}

impl PreparedStatements {
    /// None, with what all connections share.
    pub(super) fn new(budget: Budget) -> PreparedStatements {
        PreparedStatements { by_name: HashMap::new(), bytes: 0, budget }
    }

    /// Keeps a statement. Only the one without a name may be replaced.
    pub(super) fn insert(&mut self, name: String, mut statement: PreparedStatement) -> Result<(), Failure> {
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
        statement.kept = keep(&self.budget, statement.bytes)?;
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
        self.by_name.clear();
        self.bytes = 0;
    }
}

/// A statement with values, and how far it has run.
pub(super) struct Portal {
    pub(super) statement: Arc<PreparedStatement>,
    pub(super) parameters: Vec<ScalarValue>,
    /// One for each column.
    pub(super) formats: Vec<Format>,
    pub(super) state: PortalState,
    /// Bytes of its values, as they came.
    pub(super) bytes: usize,
    /// Its share of what all connections keep.
    pub(super) kept: Reservation,
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
pub(super) struct Portals {
    by_name: HashMap<String, Portal>,
    budget: Budget,
}

impl Portals {
    /// None, with what all connections share.
    pub(super) fn new(budget: Budget) -> Portals {
        Portals { by_name: HashMap::new(), budget }
    }

    /// Keeps a portal. Only the one without a name may be replaced.
    pub(super) fn insert(&mut self, name: String, mut portal: Portal) -> Result<(), Failure> {
        if !name.is_empty() && self.by_name.contains_key(&name) {
            return Err(Failure::new(
                SqlState::DUPLICATE_CURSOR,
                format!("portal \"{name}\" already exists"),
            ));
        }
        // The portal of that name goes before there has to be room for its successor.
        self.by_name.remove(&name);
        let bytes: usize = self.by_name.values().map(|portal| portal.bytes).sum();
        if self.by_name.len() >= PORTALS_MAX || bytes + portal.bytes > PORTAL_BYTES_MAX {
            return Err(Failure::new(
                SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                format!(
                    "a connection has at most {PORTALS_MAX} portals with values of together {PORTAL_BYTES_MAX} bytes"
                ),
            ));
        }
        portal.kept = keep(&self.budget, portal.bytes)?;
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

/// Takes a share of what all connections keep.
fn keep(budget: &Budget, bytes: usize) -> Result<Reservation, Failure> {
    budget.try_reserve(bytes + KEPT_OVERHEAD_BYTES).ok_or_else(|| {
        Failure::new(
            SqlState::OUT_OF_MEMORY,
            "out of memory: the prepared statements and portals of all connections leave no room for another one",
        )
        .with_hint("DEALLOCATE statements that are no longer needed, and close idle connections")
    })
}

fn unknown(name: &str) -> Failure {
    Failure::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(bytes: usize) -> PreparedStatement {
        PreparedStatement {
            statement: Statement::Empty,
            parameter_types: Vec::new(),
            columns: None,
            offset: 0,
            bytes,
            kept: Reservation::default(),
        }
    }

    fn portal(bytes: usize) -> Portal {
        Portal {
            statement: Arc::new(statement(0)),
            parameters: Vec::new(),
            formats: Vec::new(),
            state: PortalState::Ready,
            bytes,
            kept: Reservation::default(),
        }
    }

    #[test]
    fn what_one_connection_keeps_is_missing_to_the_others_until_it_lets_go() {
        let budget = Budget::new(1 << 20);
        let mut statements = PreparedStatements::new(budget.clone());
        let mut portals = Portals::new(budget.clone());
        statements.insert("s".to_owned(), statement(500_000)).expect("there is room");
        portals.insert("p".to_owned(), portal(400_000)).expect("there is room");
        let mut others = Portals::new(budget.clone());
        let refused = others.insert("p".to_owned(), portal(200_000)).expect_err("there is no room");
        assert_eq!(refused.state, SqlState::OUT_OF_MEMORY);
        portals.clear();
        others.insert("p".to_owned(), portal(200_000)).expect("there is room again");
        drop((statements, others));
        assert_eq!(budget.available_bytes(), 1 << 20);
    }

    #[test]
    fn the_portal_without_a_name_is_replaced_however_many_there_are() {
        let mut portals = Portals::new(Budget::new(1 << 20));
        portals.insert(String::new(), portal(0)).expect("there is room");
        for number in 1..PORTALS_MAX {
            portals.insert(number.to_string(), portal(0)).expect("there is room");
        }
        assert!(portals.insert("one more".to_owned(), portal(0)).is_err());
        portals.insert(String::new(), portal(0)).expect("it takes its predecessor's place");
    }

    #[test]
    fn the_values_of_a_connections_portals_are_bounded() {
        let mut portals = Portals::new(Budget::new(1 << 30));
        for number in 0..4 {
            portals.insert(number.to_string(), portal(PORTAL_BYTES_MAX / 4)).expect("there is room");
        }
        let refused = portals.insert("one more".to_owned(), portal(1)).expect_err("over the bound");
        assert_eq!(refused.state, SqlState::CONFIGURATION_LIMIT_EXCEEDED);
    }
}
