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

/// What was being done with a statement when it was refused, where ksqlDB's texts say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its parts were put together.
    Preparing,
    /// Its names were looked up.
    Resolving,
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
    /// When it was found.
    pub stage: Option<Stage>,
}

/// An error as ksqlDB's clients are told of it: the place, then the message, then detail and hint on lines of
/// their own.
#[derive(Debug, Clone, Copy)]
pub struct WholeText<'a> {
    /// Whether the text is no statement.
    pub is_syntax: bool,
    /// Where in the text.
    pub position: Option<Position>,
    /// When it was found.
    pub stage: Option<Stage>,
    /// What is wrong.
    pub message: &'a str,
    /// More about the cause.
    pub detail: Option<&'a str>,
    /// What to write or do instead.
    pub hint: Option<&'a str>,
}

/// Begins the message of a syntax error that says what was found; the place is told behind it.
pub(crate) const SYNTAX_ERROR_NEAR: &str = "Syntax error at or near ";

impl fmt::Display for WholeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stage == Some(Stage::Resolving) {
            f.write_str("Exception while preparing statement: ")?;
        }
        match (self.is_syntax, self.position) {
            (true, Some(Position { line, column })) => writeln!(f, "line {line}:{column}: Syntax Error")?,
            (true, None) => writeln!(f, "Syntax Error")?,
            (false, Some(Position { line, column })) => write!(f, "Line: {line}, Col: {column}: ")?,
            (false, None) => {}
        }
        if self.stage == Some(Stage::Preparing) {
            f.write_str("Failed to prepare statement: ")?;
        }
        f.write_str(self.message)?;
        if let Some(Position { line, column }) = self.position
            && self.message.starts_with(SYNTAX_ERROR_NEAR)
        {
            write!(f, " at line {line}:{column}")?;
        }
        if let Some(detail) = self.detail {
            write!(f, "\n{detail}")?;
        }
        if let Some(hint) = self.hint {
            write!(f, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

impl SqlError {
    /// An error of `kind` without a position.
    pub fn new(kind: SqlErrorKind, message: impl Into<String>) -> Self {
        SqlError { kind, message: message.into(), position: None, detail: None, hint: None, stage: None }
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

    /// Says when it was found.
    #[must_use]
    pub fn during(mut self, stage: Stage) -> Self {
        self.stage = Some(stage);
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = WholeText {
            is_syntax: self.kind == SqlErrorKind::Syntax,
            position: self.position,
            stage: self.stage,
            message: &self.message,
            detail: self.detail.as_deref(),
            hint: self.hint.as_deref(),
        };
        text.fmt(f)
    }
}

impl std::error::Error for SqlError {}

/// The candidate most similar to `found`, ignoring case, if any is similar enough to be a slip of
/// the finger.
pub fn closest<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    similar(found, candidates).into_iter().next()
}

/// The candidates that are similar enough to `found`, ignoring case, to be a slip of the finger: the most
/// similar first.
pub fn similar<'a>(found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    /// Similarity of one letter swapped, dropped or mistyped in a word of four.
    const SIMILAR_ENOUGH: f64 = 0.7;
    let found = found.to_uppercase();
    let mut similar: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| {
            let similarity = strsim::normalized_damerau_levenshtein(&found, &candidate.to_uppercase());
            (similarity, candidate)
        })
        .filter(|(similarity, _)| *similarity >= SIMILAR_ENOUGH)
        .collect();
    similar.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    similar.into_iter().map(|(_, candidate)| candidate).collect()
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
    fn what_was_found_where_is_told_once_the_place_is_known() {
        let error = SqlError::syntax(format!("{SYNTAX_ERROR_NEAR}'FROM'"));
        assert_eq!(error.to_string(), "Syntax Error\nSyntax error at or near 'FROM'");
        let error = SqlError { position: Some(Position { line: 3, column: 7 }), ..error };
        assert_eq!(error.to_string(), "line 3:7: Syntax Error\nSyntax error at or near 'FROM' at line 3:7");
    }

    #[test]
    fn what_was_being_done_is_told_as_ksqldb_tells_it() {
        let position = Some(Position { line: 1, column: 9 });
        let error = SqlError { position, ..SqlError::invalid("it is wrong") };
        assert_eq!(
            error.clone().during(Stage::Preparing).to_string(),
            "Line: 1, Col: 9: Failed to prepare statement: it is wrong"
        );
        assert_eq!(
            error.during(Stage::Resolving).to_string(),
            "Exception while preparing statement: Line: 1, Col: 9: it is wrong"
        );
    }

    #[test]
    fn a_suggestion_is_made_only_for_similar_words() {
        let error = SqlError::syntax("x").with_suggestion("SELCT", ["SHOW", "SELECT"]);
        assert_eq!(error.hint.as_deref(), Some("did you mean 'SELECT'?"));
        assert_eq!(SqlError::syntax("x").with_suggestion("frob", ["SHOW"]).hint, None);
    }
}
