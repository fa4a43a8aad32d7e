//! What goes wrong at this door, and the messages that tell the client.

use std::io;

use pgwire::messages::response::{ErrorResponse, NoticeResponse};
use tidemill_engine::{Error, Position};

use super::sqlstate::SqlState;

/// An error as the protocol has it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Failure {
    /// Postgres' code.
    pub(super) state: SqlState,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    /// In characters from 1, over the text of the client's message.
    position: Option<u64>,
    /// Whether the connection ends with it.
    pub(super) fatal: bool,
}

impl Failure {
    /// An error after which the connection goes on.
    pub(super) fn new(state: SqlState, message: impl Into<String>) -> Failure {
        Failure { state, message: message.into(), detail: None, hint: None, position: None, fatal: false }
    }

    /// An error that ends the connection.
    pub(super) fn fatal(state: SqlState, message: impl Into<String>) -> Failure {
        Failure { fatal: true, ..Failure::new(state, message) }
    }

    /// Adds what to do instead.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Counts the position from the beginning of a text in which the statement is the part that begins
    /// after `characters` others.
    pub(super) fn shifted_by(mut self, characters: usize) -> Failure {
        self.position = self.position.map(|position| position + characters as u64);
        self
    }

    /// The message for the client.
    pub(super) fn response(&self) -> ErrorResponse {
        let severity = if self.fatal { "FATAL" } else { "ERROR" };
        let mut fields = fields(severity, self.state, &self.message);
        let optional = [
            (b'D', self.detail.clone()),
            (b'H', self.hint.clone()),
            (b'P', self.position.map(|position| position.to_string())),
        ];
        fields.extend(optional.into_iter().filter_map(|(code, text)| Some((code, on_the_wire(&text?)))));
        ErrorResponse::new(fields)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure {
            state: SqlState::of(error.kind),
            message: error.message,
            detail: error.detail,
            hint: error.hint,
            position: error.position.map(|Position { offset, .. }| offset),
            fatal: false,
        }
    }
}

/// Why a message was not handled to its end.
#[derive(Debug)]
pub(super) enum Ending {
    /// The client is told, and the connection goes on unless the failure is fatal.
    Failed(Failure),
    /// The client has gone: there is nobody to tell.
    Gone,
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Ending {
        Ending::Failed(failure)
    }
}

impl From<Error> for Ending {
    fn from(error: Error) -> Ending {
        Ending::Failed(error.into())
    }
}

impl From<io::Error> for Ending {
    /// Whatever breaks a connection, it is broken.
    fn from(error: io::Error) -> Ending {
        tracing::debug!(%error, "connection broke");
        Ending::Gone
    }
}

/// How much a notice matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Severity {
    /// Something to know.
    Notice,
    /// Something that may not be what the user expects.
    Warning,
}

/// A notice: a message that is no error.
pub(super) fn notice(severity: Severity, state: SqlState, message: &str) -> NoticeResponse {
    let severity = match severity {
        Severity::Notice => "NOTICE",
        Severity::Warning => "WARNING",
    };
    NoticeResponse::new(fields(severity, state, message))
}

fn fields(severity: &str, state: SqlState, message: &str) -> Vec<(u8, String)> {
    vec![
        (b'S', severity.to_owned()),
        // The same untranslated, for programs.
        (b'V', severity.to_owned()),
        (b'C', state.code().to_owned()),
        (b'M', on_the_wire(message)),
    ]
}

/// Strings of the protocol end at a zero byte, so they cannot hold one.
fn on_the_wire(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use tidemill_engine::ErrorKind;

    use super::*;

    fn field(response: &ErrorResponse, code: u8) -> Option<&str> {
        response.fields.iter().find(|(field, _)| *field == code).map(|(_, text)| text.as_str())
    }

    #[test]
    fn an_engine_error_keeps_its_parts() {
        let mut error =
            Error::new(ErrorKind::UnknownColumn, "column 'x' does not exist").with_hint("try 'y'");
        error.position = Some(Position { line: 1, column: 8, offset: 8 });
        let response = Failure::from(error).shifted_by(10).response();
        assert_eq!(field(&response, b'C'), Some("42703"));
        assert_eq!(field(&response, b'H'), Some("try 'y'"));
        assert_eq!(field(&response, b'P'), Some("18"));
        assert_eq!(field(&response, b'D'), None);
    }

    #[test]
    fn a_zero_byte_in_a_message_cannot_cut_it_off() {
        let response = Failure::new(SqlState::SYNTAX_ERROR, "a\0b").response();
        assert_eq!(field(&response, b'M'), Some("a\u{fffd}b"));
    }
}
