//! Who answers statements: a server, or an engine in this process.

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use futures::stream::BoxStream;

/// The cells of one row as texts; `None` is null.
pub(crate) type Row = Vec<Option<String>>;

/// Rows as they come, a few at a time.
pub(crate) type RowStream = BoxStream<'static, Result<Vec<Row>, Failure>>;

/// What a statement gave.
pub(crate) enum Answer {
    /// Rows, which may never end. Dropping the stream gives the query up; see [`Backend::cancel`].
    Rows {
        /// Names of the columns.
        columns: Vec<String>,
        /// The rows.
        rows: RowStream,
    },
    /// A command that is done, and what to tell about it.
    Done(String),
}

/// Who answers statements.
#[async_trait]
pub(crate) trait Backend: Send {
    /// Runs one statement up to its first row.
    async fn execute(&mut self, statement: &str) -> Result<Answer, Failure>;

    /// Ends a statement whose answer was dropped before its end, so that the next one can run.
    async fn cancel(&mut self) -> Result<(), Failure>;

    /// Messages that came beside the answers since the last call.
    fn notices(&mut self) -> Vec<String>;

    /// Says goodbye.
    async fn close(&mut self) -> Result<(), Failure>;
}

/// Why a statement failed, for people.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure {
    /// What is wrong.
    pub(crate) message: String,
    /// Line and column, from 1: of the text that was typed, or of the script.
    pub(crate) place: Option<(u32, u32)>,
    /// The script with the statement, if it was not typed.
    pub(crate) script: Option<PathBuf>,
    /// More about it.
    pub(crate) detail: Option<String>,
    /// What to do instead.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A failure that has only a message.
    pub(crate) fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), ..Failure::default() }
    }

    /// The same failure where its statement begins at this line and column of a longer text.
    pub(crate) fn within(mut self, start: (u32, u32)) -> Failure {
        self.place = self.place.map(|(line, column)| {
            // Only the first line of the statement stands behind something else.
            let column = if line == 1 { column + start.1 - 1 } else { column };
            (line + start.0 - 1, column)
        });
        self
    }

    /// Adds what to do instead.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR: {}", self.message)?;
        match (&self.script, self.place) {
            (None, None) => {}
            (None, Some((line, column))) => write!(f, " (line {line}, column {column})")?,
            (Some(script), None) => write!(f, " (in {})", script.display())?,
            (Some(script), Some((line, column))) => {
                write!(f, " ({}, line {line}, column {column})", script.display())?;
            }
        }
        for (label, more) in [("DETAIL", &self.detail), ("HINT", &self.hint)] {
            if let Some(more) = more {
                write!(f, "\n{label}: {more}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_where_and_what_to_do() {
        let failure = Failure {
            message: "there is no stream 'ordrs'".to_owned(),
            place: Some((1, 15)),
            hint: Some("did you mean 'orders'?".to_owned()),
            ..Failure::default()
        };
        assert_eq!(
            failure.to_string(),
            "ERROR: there is no stream 'ordrs' (line 1, column 15)\nHINT: did you mean 'orders'?"
        );
    }

    #[test]
    fn a_place_in_a_statement_becomes_one_in_its_script() {
        let at = |place| Failure { place: Some(place), ..Failure::default() }.within((10, 5)).place;
        assert_eq!(at((1, 3)), Some((10, 7)));
        assert_eq!(at((2, 3)), Some((11, 3)));
        assert_eq!(Failure::new("anywhere").within((10, 5)).place, None);
    }
}
