//! The one error of this crate: what is wrong with a statement, where, and what to do instead.
//!
//! Message, detail, hint and position are separate fields because every front end shows them
//! differently: Postgres has a protocol field for each, the REPL underlines the position, and
//! ksqlDB's clients expect one text, which is what [`Display`](fmt::Display) gives. Which SQLSTATE
//! or HTTP status a kind becomes is decided by the front ends.

use std::fmt;

use sqlparser::tokenizer::{Location, Span};

/// What went wrong, in terms of what the author of the statement has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlErrorKind {
    /// The text is not a statement of the language.
    Syntax,
    /// A column does not exist.
    UnknownColumn,
    /// A column name fits more than one source.
    AmbiguousColumn,
    /// A stream, table or other relation does not exist.
    UnknownSource,
    /// No function has that name, or none takes those arguments.
    UnknownFunction,
    /// A type name is neither built in nor declared by `CREATE TYPE`.
    UnknownType,
    /// A query, cursor, prepared statement, setting or variable does not exist.
    UnknownObject,
    /// A name is declared twice, or exists already.
    Duplicate,
    /// Types do not fit: comparison, cast, argument, column.
    Type,
    /// A literal cannot be a value of its type.
    InvalidLiteral,
    /// A property of a `WITH` clause, or a setting, has a wrong name or value.
    InvalidProperty,
    /// The statement is well formed but breaks a rule of the language.
    Invalid,
    /// The statement is good SQL that this server does not execute.
    Unsupported,
    /// The statement is too large, too deeply nested or too long to be planned safely.
    TooComplex,
    /// A defect of this program, never the author's fault.
    Internal,
}

/// A place in the text the error's author sent: line and column, both counted from one, the column
/// in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Position {
    /// The position as a byte offset into `text`; the end of the line or text when the position
    /// lies behind it.
    pub fn byte_offset(self, text: &str) -> usize {
        let line_start = match self.line {
            0 | 1 => 0,
            line => {
                text.match_indices('\n').nth(line as usize - 2).map_or(text.len(), |(newline, _)| newline + 1)
            }
        };
        let line = &text[line_start..];
        let line = line.split('\n').next().unwrap_or(line);
        let column = self.column.saturating_sub(1) as usize;
        line_start + line.char_indices().nth(column).map_or(line.len(), |(offset, _)| offset)
    }

    /// The position as a character offset into `text`, counted from one as Postgres's error field
    /// `P` wants it.
    pub fn character(self, text: &str) -> usize {
        text[..self.byte_offset(text)].chars().count() + 1
    }

    /// The position of a parser location; `None` for the empty location.
    pub fn from_location(location: Location) -> Option<Self> {
        (location.line > 0).then(|| Position {
            line: u32::try_from(location.line).unwrap_or(u32::MAX),
            column: u32::try_from(location.column).unwrap_or(u32::MAX),
        })
    }
}

/// An error of parsing, analysing or planning a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What went wrong.
    pub kind: SqlErrorKind,
    /// One sentence: what was asked and what is wrong with it.
    pub message: String,
    /// Where in the text, if it is about a place in the text.
    pub position: Option<Position>,
    /// More about the cause: what was expected, which candidates there are.
    pub detail: Option<String>,
    /// What to write or do instead.
    pub hint: Option<String>,
}

impl SqlError {
    /// An error of `kind` without a position.
    pub fn new(kind: SqlErrorKind, message: impl Into<String>) -> Self {
        SqlError { kind, message: message.into(), position: None, detail: None, hint: None }
    }

    /// A syntax error.
    pub fn syntax(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::Syntax, message)
    }

    /// Good SQL that this server does not execute.
    pub fn unsupported(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::Unsupported, message)
    }

    /// A statement that breaks a rule of the language.
    pub fn invalid(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::Invalid, message)
    }

    /// Types that do not fit.
    pub fn type_error(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::Type, message)
    }

    /// A statement beyond a limit of size or depth.
    pub fn too_complex(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::TooComplex, message)
    }

    /// A defect of this program.
    pub fn internal(message: impl Into<String>) -> Self {
        SqlError::new(SqlErrorKind::Internal, message)
    }

    /// Sets the position to the start of `span`; an empty span leaves the error as it is.
    #[must_use]
    pub fn at(self, span: Span) -> Self {
        self.at_location(span.start)
    }

    /// Sets the position; the empty location leaves the error as it is.
    #[must_use]
    pub fn at_location(mut self, location: Location) -> Self {
        if let Some(position) = Position::from_location(location) {
            self.position = Some(position);
        }
        self
    }

    /// Sets the position unless the error already has one.
    #[must_use]
    pub fn or_at(self, span: Span) -> Self {
        if self.position.is_some() { self } else { self.at(span) }
    }

    /// Sets the detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets the hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the hint `did you mean …?` when one of `candidates` is close to `found`.
    #[must_use]
    pub fn with_suggestion<'a>(self, found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match closest(found, candidates) {
            Some(candidate) => self.with_hint(format!("did you mean '{candidate}'?")),
            None => self,
        }
    }
}

impl fmt::Display for SqlError {
    /// The error as ksqlDB writes it: the place, then the message, then detail and hint on lines of
    /// their own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.position) {
            (SqlErrorKind::Syntax, Some(Position { line, column })) => {
                write!(f, "line {line}:{column}: Syntax Error\n{}", self.message)?;
            }
            (SqlErrorKind::Syntax, None) => write!(f, "Syntax Error\n{}", self.message)?,
            (_, Some(Position { line, column })) => {
                write!(f, "Line: {line}, Col: {column}: {}", self.message)?;
            }
            (_, None) => f.write_str(&self.message)?,
        }
        if let Some(detail) = &self.detail {
            write!(f, "\n{detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SqlError {}

/// The candidate most similar to `found`, ignoring case, if any is similar enough to be a slip of
/// the finger.
pub fn closest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Similarity of one letter swapped, dropped or mistyped in a word of four.
    const SIMILAR_ENOUGH: f64 = 0.7;
    let found = found.to_uppercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let similarity = strsim::normalized_damerau_levenshtein(&found, &candidate.to_uppercase());
            (similarity, candidate)
        })
        .filter(|(similarity, _)| *similarity >= SIMILAR_ENOUGH)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_finds_its_byte_and_its_character() {
        let text = "SELECT 'é'\nFROM ö x";
        let position = Position { line: 2, column: 8 };
        assert_eq!(&text[position.byte_offset(text)..], "x");
        assert_eq!(position.character(text), 19);
        let behind = Position { line: 9, column: 9 };
        assert_eq!(behind.byte_offset(text), text.len());
    }

    #[test]
    fn a_suggestion_is_made_only_for_similar_words() {
        let error = SqlError::syntax("x").with_suggestion("SELCT", ["SHOW", "SELECT"]);
        assert_eq!(error.hint.as_deref(), Some("did you mean 'SELECT'?"));
        assert_eq!(SqlError::syntax("x").with_suggestion("frob", ["SHOW"]).hint, None);
    }
}
