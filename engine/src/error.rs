//! The engine's one error: a kind that every protocol maps, a message for people, and where it is.

use std::fmt;

use tidemill_sql::parser::variables::Substituted;
use tidemill_sql::{SqlError, SqlErrorKind, Stage, WholeText, closest};
use tidemill_storage::StorageError;

/// Result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What an error is about. Each protocol has one exhaustive mapping; a new kind does not compile
/// until all of them decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The text is not a statement.
    Syntax,
    /// A stream, table, topic, query or cursor that does not exist.
    NotFound,
    /// A column that does not exist.
    UnknownColumn,
    /// A function that does not exist, or not with these arguments.
    UnknownFunction,
    /// A setting that does not exist.
    UnknownSetting,
    /// A type that does not exist or does not fit.
    Type,
    /// Something of that name exists already.
    AlreadyExists,
    /// The statement is understood and wrong: a clause, a property or a value that cannot be.
    Invalid,
    /// The statement is understood and this server does not do it.
    Unsupported,
    /// Over the limits on size or depth of a statement.
    TooComplex,
    /// The object is in use: what uses it is named.
    InUse,
    /// A value could not be computed (a sum that does not fit its type).
    Evaluation,
    /// A number was divided by zero.
    DivisionByZero,
    /// A text is no value of the type it is to become.
    InvalidText,
    /// The client asked for the end, or went away.
    Cancelled,
    /// A memory, connection or size limit of the server.
    LimitExceeded,
    /// The server stops or is not ready: try again.
    Unavailable,
    /// The disk is full.
    DiskFull,
    /// Damaged data; the message names the file.
    Corrupt,
    /// The operating system or the disk failed.
    Io,
    /// A bug of this server.
    Internal,
}

/// A place in a statement's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// In characters from 1.
    pub column: u32,
    /// In characters from 1, over the whole text (Postgres' `P` field); 0 until the text is known.
    pub offset: u64,
}

/// An error of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// What it is about.
    pub kind: ErrorKind,
    /// What is wrong: one sentence, lower case, values quoted.
    pub message: String,
    /// More about it, where there is more.
    pub detail: Option<String>,
    /// What to do instead.
    pub hint: Option<String>,
    /// Where in the statement.
    pub position: Option<Position>,
    /// What was being done with the statement, where ksqlDB's clients are told.
    pub stage: Option<Stage>,
}

impl Error {
    /// Makes an error of a kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), detail: None, hint: None, position: None, stage: None }
    }

    /// A bug of this server.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Internal, message)
    }

    /// Adds what to do instead.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Sets where it is, unless that is not known.
    #[must_use]
    pub fn at(mut self, position: Option<tidemill_sql::Position>) -> Error {
        if let Some(tidemill_sql::Position { line, column }) = position {
            self.position = Some(Position { line, column, offset: 0 });
        }
        self
    }

    /// Adds the hint `did you mean …?` where one of `candidates` is close to `found`.
    #[must_use]
    pub fn with_suggestion<'a>(self, found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Error {
        match closest(found, candidates) {
            Some(candidate) => self.with_hint(format!("did you mean '{candidate}'?")),
            None => self,
        }
    }

    /// Adds what to do instead, unless that was said already.
    #[must_use]
    pub fn or_hint(self, hint: impl Into<String>) -> Error {
        if self.hint.is_some() { self } else { self.with_hint(hint) }
    }

    /// The same error of a statement that was read with its variables replaced: its place is one in what
    /// was written.
    #[must_use]
    pub fn written(mut self, substituted: &Substituted<'_>) -> Error {
        if let Some(position) = &mut self.position {
            let place = tidemill_sql::Position { line: position.line, column: position.column };
            let tidemill_sql::Position { line, column } = substituted.written_position(place);
            *position = Position { line, column, offset: 0 };
        }
        self
    }

    /// The same error with its place counted over the text it is about.
    #[must_use]
    pub fn located_in(mut self, text: &str) -> Error {
        if let Some(position) = &mut self.position {
            let place = tidemill_sql::Position { line: position.line, column: position.column };
            position.offset = place.character(text) as u64;
        }
        self
    }

    /// All of it as one text, as ksqlDB's clients are told: the place, the message, detail and hint on lines
    /// of their own.
    #[must_use]
    pub fn whole_text(&self) -> String {
        let place =
            |position: Position| tidemill_sql::Position { line: position.line, column: position.column };
        let text = WholeText {
            is_syntax: self.kind == ErrorKind::Syntax,
            position: self.position.map(place),
            stage: self.stage,
            message: &self.message,
            detail: self.detail.as_deref(),
            hint: self.hint.as_deref(),
        };
        text.to_string()
    }

    /// Adds more about it.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Error {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Error {
        use tidemill_storage::ErrorKind as Storage;
        let kind = match error.kind() {
            Storage::Invalid
            | Storage::CorruptBatch
            | Storage::OffsetOutOfRange
            | Storage::OutOfOrderSequence => ErrorKind::Invalid,
            Storage::ProducerFenced | Storage::UnknownProducer | Storage::InvalidTransactionState => {
                ErrorKind::Invalid
            }
            Storage::TooLarge => ErrorKind::LimitExceeded,
            Storage::NotFound => ErrorKind::NotFound,
            Storage::AlreadyExists => ErrorKind::AlreadyExists,
            Storage::DiskFull => ErrorKind::DiskFull,
            Storage::Unusable => ErrorKind::Unavailable,
            Storage::Corrupt => ErrorKind::Corrupt,
            Storage::Poisoned | Storage::Io => ErrorKind::Io,
        };
        Error::new(kind, error.to_string())
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Error {
        Error::new(ErrorKind::Evaluation, error.to_string())
    }
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Error {
        let kind = match error.kind {
            SqlErrorKind::Syntax => ErrorKind::Syntax,
            SqlErrorKind::UnknownColumn | SqlErrorKind::AmbiguousColumn => ErrorKind::UnknownColumn,
            SqlErrorKind::UnknownSource | SqlErrorKind::UnknownObject => ErrorKind::NotFound,
            SqlErrorKind::UnknownFunction => ErrorKind::UnknownFunction,
            SqlErrorKind::UnknownType | SqlErrorKind::Type | SqlErrorKind::InvalidLiteral => ErrorKind::Type,
            SqlErrorKind::Duplicate => ErrorKind::AlreadyExists,
            SqlErrorKind::InvalidProperty | SqlErrorKind::Invalid => ErrorKind::Invalid,
            SqlErrorKind::Unsupported => ErrorKind::Unsupported,
            SqlErrorKind::TooComplex => ErrorKind::TooComplex,
            SqlErrorKind::Internal => ErrorKind::Internal,
        };
        let position = error.position.map(|position| Position {
            line: position.line,
            column: position.column,
            offset: 0,
        });
        Error {
            kind,
            message: error.message,
            detail: error.detail,
            hint: error.hint,
            position,
            stage: error.stage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_text_is_that_of_the_sql_error_it_was() {
        let place = tidemill_sql::Position { line: 2, column: 5 };
        for error in [
            SqlError { position: Some(place), ..SqlError::invalid("it is wrong").with_hint("do otherwise") },
            SqlError { position: Some(place), ..SqlError::syntax("unexpected").with_detail("expected more") },
            SqlError::syntax("nothing"),
            SqlError::invalid("alone"),
        ] {
            assert_eq!(Error::from(error.clone()).whole_text(), error.to_string());
        }
    }
}
