//! SQLSTATE: which of Postgres' five-character codes an error gets. The one mapping of this door.

// A kind of error that is new does not pass before it is decided what it is called here.
#![warn(clippy::wildcard_enum_match_arm)]

use tidemill_engine::ErrorKind;

/// A code as clients compare it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SqlState(&'static str);

impl SqlState {
    pub(super) const SUCCESSFUL_COMPLETION: SqlState = SqlState("00000");
    pub(super) const WARNING: SqlState = SqlState("01000");
    pub(super) const PROTOCOL_VIOLATION: SqlState = SqlState("08P01");
    pub(super) const FEATURE_NOT_SUPPORTED: SqlState = SqlState("0A000");
    pub(super) const INVALID_PARAMETER_VALUE: SqlState = SqlState("22023");
    pub(super) const CHARACTER_NOT_IN_REPERTOIRE: SqlState = SqlState("22021");
    pub(super) const INVALID_TEXT_REPRESENTATION: SqlState = SqlState("22P02");
    pub(super) const INVALID_BINARY_REPRESENTATION: SqlState = SqlState("22P03");
    pub(super) const NUMERIC_VALUE_OUT_OF_RANGE: SqlState = SqlState("22003");
    pub(super) const ACTIVE_SQL_TRANSACTION: SqlState = SqlState("25001");
    pub(super) const NO_ACTIVE_SQL_TRANSACTION: SqlState = SqlState("25P01");
    pub(super) const IN_FAILED_SQL_TRANSACTION: SqlState = SqlState("25P02");
    pub(super) const INVALID_SQL_STATEMENT_NAME: SqlState = SqlState("26000");
    pub(super) const INVALID_AUTHORIZATION: SqlState = SqlState("28000");
    pub(super) const INVALID_CURSOR_NAME: SqlState = SqlState("34000");
    pub(super) const INVALID_SAVEPOINT: SqlState = SqlState("3B001");
    pub(super) const SYNTAX_ERROR: SqlState = SqlState("42601");
    pub(super) const DUPLICATE_CURSOR: SqlState = SqlState("42P03");
    pub(super) const DUPLICATE_PREPARED_STATEMENT: SqlState = SqlState("42P05");
    pub(super) const OUT_OF_MEMORY: SqlState = SqlState("53200");
    pub(super) const TOO_MANY_CONNECTIONS: SqlState = SqlState("53300");
    pub(super) const CONFIGURATION_LIMIT_EXCEEDED: SqlState = SqlState("53400");
    pub(super) const OBJECT_NOT_IN_PREREQUISITE_STATE: SqlState = SqlState("55000");
    pub(super) const QUERY_CANCELED: SqlState = SqlState("57014");
    pub(super) const ADMIN_SHUTDOWN: SqlState = SqlState("57P01");
    pub(super) const INTERNAL_ERROR: SqlState = SqlState("XX000");

    /// The code of an error of the engine.
    pub(super) fn of(kind: ErrorKind) -> SqlState {
        match kind {
            ErrorKind::Syntax => SqlState::SYNTAX_ERROR,
            ErrorKind::NotFound => SqlState("42P01"),
            ErrorKind::UnknownColumn => SqlState("42703"),
            ErrorKind::UnknownFunction => SqlState("42883"),
            ErrorKind::UnknownSetting => SqlState("42704"),
            ErrorKind::Type => SqlState("42804"),
            ErrorKind::AlreadyExists => SqlState("42P07"),
            // The class itself: a statement that breaks a rule for which Postgres, having no streams, has
            // no code.
            ErrorKind::Invalid => SqlState("42000"),
            ErrorKind::Unsupported => SqlState::FEATURE_NOT_SUPPORTED,
            ErrorKind::TooComplex => SqlState("54001"),
            ErrorKind::InUse => SqlState("2BP01"),
            ErrorKind::Evaluation => SqlState("22000"),
            ErrorKind::DivisionByZero => SqlState("22012"),
            ErrorKind::InvalidText => SqlState("22P02"),
            ErrorKind::Cancelled => SqlState::QUERY_CANCELED,
            ErrorKind::LimitExceeded => SqlState("53000"),
            ErrorKind::Unavailable => SqlState("57P03"),
            ErrorKind::DiskFull => SqlState("53100"),
            ErrorKind::Corrupt => SqlState("XX001"),
            ErrorKind::Io => SqlState("58030"),
            ErrorKind::Internal => SqlState::INTERNAL_ERROR,
        }
    }

    /// The five characters.
    pub(super) fn code(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_drivers_look_at_have_postgres_codes() {
        assert_eq!(SqlState::of(ErrorKind::Syntax).code(), "42601");
        assert_eq!(SqlState::of(ErrorKind::NotFound).code(), "42P01");
        assert_eq!(SqlState::of(ErrorKind::UnknownSetting).code(), "42704");
        assert_eq!(SqlState::of(ErrorKind::TooComplex).code(), "54001");
        assert_eq!(SqlState::of(ErrorKind::Cancelled).code(), "57014");
    }
}
