//! Transaction blocks as a client sees them.
//!
//! Every statement here takes effect when it is done; there is nothing to take back. BEGIN, COMMIT and
//! their kin are accepted because drivers and tools send them around everything, and the protocol's
//! three states follow Postgres' rules: after an error inside a block only its end is accepted. A
//! ROLLBACK after statements that changed something says that they stay changed.

use pgwire::messages::response::TransactionStatus;
use tidemill_sql::parser::ast::Transaction as Command;

use super::failure::{Failure, Severity};
use super::sqlstate::SqlState;

/// Savepoints of one block; a program that needs more has lost count.
const SAVEPOINTS_MAX: usize = 1_000;

/// A connection's transaction state.
#[derive(Debug)]
pub(super) struct Transaction {
    status: TransactionStatus,
    savepoints: Vec<String>,
    changed_something: bool,
}

/// What became of a transaction command.
#[derive(PartialEq, Debug)]
pub(super) struct Completion {
    /// The command tag.
    pub(super) tag: &'static str,
    /// Whether a block ended with it.
    pub(super) ended: bool,
    /// What the user should know.
    pub(super) notice: Option<(Severity, SqlState, String)>,
}

impl Transaction {
    /// No block is open.
    pub(super) fn new() -> Transaction {
        Transaction { status: TransactionStatus::Idle, savepoints: Vec::new(), changed_something: false }
    }

    /// What ReadyForQuery says.
    pub(super) fn status(&self) -> TransactionStatus {
        self.status
    }

    /// Whether a block is open, failed or not.
    pub(super) fn in_block(&self) -> bool {
        self.status != TransactionStatus::Idle
    }

    /// Notes an error: an open block is failed from now on.
    pub(super) fn fail(&mut self) {
        if self.in_block() {
            self.status = TransactionStatus::Error;
        }
    }

    /// Notes that a statement changed something.
    pub(super) fn note_change(&mut self) {
        self.changed_something = true;
    }

    /// Refuses statements in a failed block; the commands that end one are exempt.
    pub(super) fn check_usable(&self) -> Result<(), Failure> {
        if self.status == TransactionStatus::Error {
            Err(Failure::new(
                SqlState::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            ))
        } else {
            Ok(())
        }
    }

    /// Follows a command.
    pub(super) fn apply(&mut self, command: &Command) -> Result<Completion, Failure> {
        match command {
            Command::Begin => self.begin(),
            Command::Commit if self.status == TransactionStatus::Error => Ok(self.end("ROLLBACK", None)),
            Command::Commit => Ok(self.end("COMMIT", None)),
            Command::Rollback => {
                let kept = (self.in_block() && self.changed_something).then(|| {
                    let message = "what the statements of this transaction changed stays changed: each takes effect when it is done";
                    (Severity::Warning, SqlState::WARNING, message.to_owned())
                });
                Ok(self.end("ROLLBACK", kept))
            }
            Command::Savepoint(name) => {
                self.check_usable()?;
                self.check_in_block("SAVEPOINT")?;
                if self.savepoints.len() >= SAVEPOINTS_MAX {
                    return Err(Failure::new(
                        SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                        format!("a transaction has at most {SAVEPOINTS_MAX} savepoints"),
                    ));
                }
                self.savepoints.push(name.value.clone());
                Ok(Completion { tag: "SAVEPOINT", ended: false, notice: None })
            }
            Command::Release(name) => {
                self.check_usable()?;
                let at = self.savepoint("RELEASE SAVEPOINT", &name.value)?;
                self.savepoints.truncate(at);
                Ok(Completion { tag: "RELEASE", ended: false, notice: None })
            }
            Command::RollbackTo(name) => {
                let at = self.savepoint("ROLLBACK TO SAVEPOINT", &name.value)?;
                // The savepoint itself stays and can be gone back to again.
                self.savepoints.truncate(at + 1);
                self.status = TransactionStatus::Transaction;
                Ok(Completion { tag: "ROLLBACK", ended: false, notice: None })
            }
        }
    }

    fn begin(&mut self) -> Result<Completion, Failure> {
        self.check_usable()?;
        let notice = self.in_block().then(|| {
            let message = "there is already a transaction in progress";
            (Severity::Warning, SqlState::ACTIVE_SQL_TRANSACTION, message.to_owned())
        });
        self.status = TransactionStatus::Transaction;
        Ok(Completion { tag: "BEGIN", ended: false, notice })
    }

    fn end(&mut self, tag: &'static str, notice: Option<(Severity, SqlState, String)>) -> Completion {
        let outside = (!self.in_block()).then(|| {
            let message = "there is no transaction in progress";
            (Severity::Warning, SqlState::NO_ACTIVE_SQL_TRANSACTION, message.to_owned())
        });
        let ended = self.in_block();
        *self = Transaction::new();
        Completion { tag, ended, notice: notice.or(outside) }
    }

    fn check_in_block(&self, command: &str) -> Result<(), Failure> {
        if self.in_block() {
            Ok(())
        } else {
            Err(Failure::new(
                SqlState::NO_ACTIVE_SQL_TRANSACTION,
                format!("{command} can only be used in transaction blocks"),
            ))
        }
    }

    fn savepoint(&self, command: &str, name: &str) -> Result<usize, Failure> {
        self.check_in_block(command)?;
        self.savepoints.iter().rposition(|savepoint| savepoint == name).ok_or_else(|| {
            let shown = name.to_lowercase();
            Failure::new(SqlState::INVALID_SAVEPOINT, format!("savepoint \"{shown}\" does not exist"))
        })
    }
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::identifier::Name;

    use super::*;

    #[test]
    fn after_an_error_only_the_end_of_the_block_is_accepted() {
        let mut transaction = Transaction::new();
        transaction.apply(&Command::Begin).expect("begins");
        assert_eq!(transaction.status(), TransactionStatus::Transaction);
        transaction.fail();
        assert_eq!(transaction.status(), TransactionStatus::Error);
        assert!(transaction.check_usable().is_err());
        let completion = transaction.apply(&Command::Commit).expect("ends");
        assert_eq!((completion.tag, completion.ended), ("ROLLBACK", true));
        assert_eq!(transaction.status(), TransactionStatus::Idle);
    }

    #[test]
    fn an_error_outside_of_a_block_fails_nothing() {
        let mut transaction = Transaction::new();
        transaction.fail();
        assert_eq!(transaction.status(), TransactionStatus::Idle);
    }

    #[test]
    fn going_back_to_a_savepoint_makes_a_failed_block_usable() {
        let mut transaction = Transaction::new();
        let savepoint = Name::stored("S");
        transaction.apply(&Command::Begin).expect("begins");
        transaction.apply(&Command::Savepoint(savepoint.clone())).expect("is set");
        transaction.fail();
        transaction.apply(&Command::RollbackTo(savepoint.clone())).expect("goes back");
        assert!(transaction.check_usable().is_ok());
        transaction.apply(&Command::Release(savepoint.clone())).expect("is released");
        assert!(transaction.apply(&Command::RollbackTo(savepoint)).is_err());
    }

    #[test]
    fn a_rollback_says_that_changes_stay() {
        let mut transaction = Transaction::new();
        transaction.apply(&Command::Begin).expect("begins");
        transaction.note_change();
        let completion = transaction.apply(&Command::Rollback).expect("ends");
        assert!(matches!(completion.notice, Some((Severity::Warning, _, _))));
    }
}
