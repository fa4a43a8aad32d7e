//! sqlparser's errors turned into ours: what was found, where, what was expected, what to try.
//!
//! sqlparser reports with one text, `Expected: …, found: … at Line: 1, Column: 8`; everything a
//! user needs is taken out of it again here, and nowhere else. The grammar that sqlparser calls
//! back into has errors of its own with kind and hint: they travel through sqlparser's error type
//! in an envelope ([`carry`]) and are unpacked here.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use super::cursor::unquoted;
use super::dialect::END_OF_TEXT;
use super::keywords;
use crate::error::{Position, SYNTAX_ERROR_NEAR, SqlError, SqlErrorKind};

/// Begins the text of a [`ParserError`] that is an envelope; no message of sqlparser begins so.
const ENVELOPE: char = '\u{1f}';

/// Kinds that can travel in an envelope, by their place in this list.
const CARRIED: [SqlErrorKind; 7] = [
    SqlErrorKind::Syntax,
    SqlErrorKind::Duplicate,
    SqlErrorKind::Type,
    SqlErrorKind::InvalidLiteral,
    SqlErrorKind::Invalid,
    SqlErrorKind::Unsupported,
    SqlErrorKind::TooComplex,
];

/// What is expected where a value has to stand.
pub(crate) const AN_EXPRESSION: &str = "an expression";

/// Longest stretch of the user's own text that a message repeats, in characters.
const EXCERPT_CHARACTERS: usize = 60;

/// Packs an error of ours for its way through sqlparser.
pub(crate) fn carry(error: SqlError) -> ParserError {
    let kind = CARRIED.iter().position(|kind| *kind == error.kind).unwrap_or_default();
    let (line, column) = error.position.map_or((0, 0), |position| (position.line, position.column));
    let fields = [
        kind.to_string(),
        line.to_string(),
        column.to_string(),
        error.message,
        error.detail.unwrap_or_default(),
        error.hint.unwrap_or_default(),
    ];
    let mut text = String::new();
    for field in fields {
        text.push(ENVELOPE);
        text.push_str(&field.replace(ENVELOPE, " "));
    }
    ParserError::ParserError(text)
}

/// Marks an error as the one to report where it is, although another grammar understood more of the
/// text. sqlparser's tokenizer errors serve as the mark: its parser never sees any, because the text
/// has been tokenized before.
pub(crate) fn conclusive(error: ParserError) -> ParserError {
    match error {
        ParserError::ParserError(text) => ParserError::TokenizerError(text),
        other => other,
    }
}

/// What sqlparser says about the statement made of `tokens`, which ends at `end` and was understood at
/// least up to `furthest`.
pub(crate) fn explain(
    error: ParserError,
    tokens: &[TokenWithSpan],
    end: Location,
    furthest: Location,
) -> SqlError {
    let (text, furthest) = match error {
        ParserError::RecursionLimitExceeded => {
            return SqlError::too_complex("the statement is nested too deeply")
                .with_hint("break it into several statements, or replace long chains by lists");
        }
        ParserError::TokenizerError(text) => (text, Location::empty()),
        ParserError::ParserError(text) => (text, furthest),
    };
    if let Some(error) = unpack(&text) {
        return error;
    }
    let (text, location) = split_location(&text);
    let expectation = text
        .strip_prefix("Expected: ")
        .map(|rest| rest.rsplit_once(", found: ").map_or(rest, |(expected, _)| expected));
    match expectation {
        Some(_) if location.is_some_and(|location| location < furthest) => {
            let location = (furthest != END_OF_TEXT).then_some(furthest);
            unexpected(location, None, tokens, end)
        }
        Some(expected) => unexpected(location, Some(expected), tokens, end),
        None => {
            let error = SqlError::syntax(lower_first(text));
            match location {
                Some(location) => error.at_location(location),
                None => error.at_location(end),
            }
        }
    }
}

/// The error for finding something else than what was expected, if that is known, at `location`;
/// without a location the statement ended there.
fn unexpected(
    location: Option<Location>,
    expected: Option<&str>,
    tokens: &[TokenWithSpan],
    end: Location,
) -> SqlError {
    let index =
        location.and_then(|location| tokens.binary_search_by(|token| token.span.start.cmp(&location)).ok());
    let found = index.and_then(|index| tokens.get(index));
    let Location { line, column } = location.unwrap_or(end);
    let what = match found {
        Some(token) => format!("'{}'", excerpt(&token.token.to_string())),
        None => "the end of the statement".to_owned(),
    };
    let mut error =
        SqlError::syntax(format!("{SYNTAX_ERROR_NEAR}{what}")).at_location(Location { line, column });
    if let Some(expected) = expected {
        error = error.with_detail(format!("expected {}", lower_first(expected)));
        let next = index.and_then(|index| tokens.get(index + 1));
        let wanted_name = ["name", "identifier", "a type"].iter().any(|word| expected.contains(word))
            || expected == AN_EXPRESSION && next.is_some_and(|next| follows_a_name(&next.token));
        if let Some(word) = found.and_then(reserved_word).filter(|_| wanted_name) {
            error = error.with_hint(format!(
                "'{word}' is a reserved keyword; to use it as a name, put it in backquotes: `{word}`"
            ));
        }
    }
    error
}

/// `text` shortened to what a message can repeat.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARACTERS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// Whether what stands before `token` is rather a name than a word that begins something: a clause and the
/// like.
fn follows_a_name(token: &Token) -> bool {
    match unquoted(token) {
        Some(word) => {
            let words = ["FROM", "AS", "IS", "IN", "LIKE", "BETWEEN", "AND", "OR"];
            words.iter().any(|candidate| word.eq_ignore_ascii_case(candidate))
        }
        None => matches!(
            token,
            Token::Comma
                | Token::RParen
                | Token::Period
                | Token::Arrow
                | Token::Eq
                | Token::Neq
                | Token::Lt
                | Token::LtEq
                | Token::Gt
                | Token::GtEq
                | Token::Plus
                | Token::Minus
                | Token::Mul
                | Token::Div
                | Token::Mod
        ),
    }
}

fn reserved_word(found: &TokenWithSpan) -> Option<&str> {
    unquoted(&found.token).filter(|word| keywords::is_reserved(word))
}

fn unpack(text: &str) -> Option<SqlError> {
    let mut fields = text.strip_prefix(ENVELOPE)?.split(ENVELOPE);
    let mut next = || fields.next().unwrap_or_default();
    let kind = next().parse().ok().and_then(|kind: usize| CARRIED.get(kind).copied())?;
    let line = next().parse().ok()?;
    let column = next().parse().ok()?;
    let mut error = SqlError::new(kind, next());
    error.position = (line > 0).then_some(Position { line, column });
    let (detail, hint) = (next(), next());
    error.detail = (!detail.is_empty()).then(|| detail.to_owned());
    error.hint = (!hint.is_empty()).then(|| hint.to_owned());
    Some(error)
}

/// Takes ` at Line: 1, Column: 8` off the end of sqlparser's text.
fn split_location(text: &str) -> (&str, Option<Location>) {
    let parsed = text.rsplit_once(" at Line: ").and_then(|(rest, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        let location = Location::new(line.parse().ok()?, column.parse().ok()?);
        Some((rest, location))
    });
    match parsed {
        Some((rest, location)) => (rest, Some(location)),
        None => (text, None),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        // A word written in capitals is a keyword and stays as it is.
        Some(first) if !characters.as_str().starts_with(char::is_uppercase) => {
            first.to_lowercase().chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_ours_travels_unharmed() {
        let error =
            SqlError::new(SqlErrorKind::Duplicate, "x").at_location(Location::new(3, 4)).with_hint("y");
        assert_eq!(explain(carry(error.clone()), &[], Location::empty(), Location::new(9, 9)), error);
    }

    #[test]
    fn the_place_and_the_expectation_are_taken_from_the_text() {
        let error =
            ParserError::ParserError("Expected: joined table, found: x at Line: 2, Column: 7".to_owned());
        let error = explain(error, &[], Location::new(2, 9), Location::empty());
        assert_eq!(error.position, Some(Position { line: 2, column: 7 }));
        assert_eq!(error.detail.as_deref(), Some("expected joined table"));
    }
}
