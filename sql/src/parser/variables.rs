//! `${name}`: variables of a session in the text of its statements.
//!
//! The text of a variable takes the place of a reference before the statement is read. What comes of it
//! depends on where the reference stands. Within quotes it is part of that string or name whatever it
//! holds, because quotes in it are doubled, and a reference to a variable that does not exist stays as it
//! is: text may well look like one. Everywhere else the variable is read as if it had been typed, and has
//! to exist and to stay within its statement: it cannot end it, nor begin a comment or a string that goes on
//! behind it. `$${name}` within quotes stands for `${name}` itself.
//!
//! Comments are left alone, and so is DEFINE: what it says is the variable's text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::complexity::MAX_TEXT_BYTES;
use super::scanner::{Lexeme, LexemeKind, is_word_part, is_word_start, lexemes};
use crate::error::{Position, SqlError, SqlErrorKind};

/// A statement with its variables replaced.
#[derive(Debug)]
pub struct Substituted<'t> {
    written: &'t str,
    text: Cow<'t, str>,
    replaced: Vec<Replaced>,
}

/// One reference and what took its place, in bytes of either text.
#[derive(Debug)]
struct Replaced {
    written: Range<usize>,
    text: Range<usize>,
}

impl<'t> Substituted<'t> {
    /// A statement that is read as it was written.
    #[must_use]
    pub fn unchanged(written: &'t str) -> Substituted<'t> {
        Substituted { written, text: Cow::Borrowed(written), replaced: Vec::new() }
    }

    /// The statement as it is read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a place of the statement as it is read stands in the text that was written: within what took
    /// the place of a reference, that is the reference.
    #[must_use]
    pub fn written_position(&self, position: Position) -> Position {
        if self.replaced.is_empty() {
            return position;
        }
        let offset = position.byte_offset(&self.text);
        let before = self.replaced.iter().take_while(|replaced| replaced.text.start <= offset).last();
        let offset = match before {
            Some(replaced) if offset < replaced.text.end => replaced.written.start,
            Some(replaced) => offset - replaced.text.end + replaced.written.end,
            None => offset,
        };
        position_of(self.written, offset)
    }
}

/// Replaces the references of one statement. `variables` go by their names in upper case.
///
/// # Errors
/// A variable does not exist, or the statement becomes too long.
pub fn substitute<'t>(
    statement: &'t str,
    variables: &BTreeMap<String, String>,
) -> Result<Substituted<'t>, SqlError> {
    if !statement.contains("${") || defines(statement) {
        return Ok(Substituted::unchanged(statement));
    }
    let mut result = Builder { written: statement, text: String::new(), copied: 0, replaced: Vec::new() };
    for lexeme in lexemes(statement) {
        match lexeme.kind {
            LexemeKind::Variable => result.add_bare(&lexeme, variables)?,
            LexemeKind::String | LexemeKind::QuotedName if !variables.is_empty() => {
                result.add_quoted(&lexeme, variables)?;
            }
            _ => {}
        }
    }
    Ok(result.finish())
}

/// Whether the statement is a DEFINE.
fn defines(statement: &str) -> bool {
    let blank = |lexeme: &Lexeme| matches!(lexeme.kind, LexemeKind::Whitespace | LexemeKind::Comment);
    let first = lexemes(statement).find(|lexeme| !blank(lexeme));
    first.is_some_and(|lexeme| statement[lexeme.range].eq_ignore_ascii_case("DEFINE"))
}

/// The statement as far as it was gone through.
struct Builder<'t> {
    written: &'t str,
    text: String,
    /// What was written up to here is in `text`.
    copied: usize,
    replaced: Vec<Replaced>,
}

impl<'t> Builder<'t> {
    /// A reference outside of quotes.
    fn add_bare(&mut self, lexeme: &Lexeme, variables: &BTreeMap<String, String>) -> Result<(), SqlError> {
        let Some((name, _)) = reference(&self.written[lexeme.range.clone()]) else {
            // `$1` and the like.
            return Ok(());
        };
        let Some(value) = variables.get(&name.to_uppercase()) else {
            let message = format!("there is no variable '{name}'");
            let mut error = SqlError::new(SqlErrorKind::UnknownObject, message)
                .with_hint(format!("DEFINE {name} = '…' makes one; SHOW VARIABLES lists what there is"))
                .with_suggestion(name, variables.keys().map(String::as_str));
            error.position = Some(position_of(self.written, lexeme.range.start));
            return Err(error);
        };
        if let Some(what) = leaves_statement(value) {
            let message = format!("the text of variable '{name}' {what}, and so does not stay in its place");
            let mut error = SqlError::invalid(message)
                .with_hint("a variable stands for names, literals and expressions within one statement");
            error.position = Some(position_of(self.written, lexeme.range.start));
            return Err(error);
        }
        self.replace(lexeme.range.clone(), value)
    }

    /// A string or a quoted name, with whatever references are in it.
    fn add_quoted(&mut self, lexeme: &Lexeme, variables: &BTreeMap<String, String>) -> Result<(), SqlError> {
        let (quoting, opening) = Quoting::of(&self.written[lexeme.range.clone()]);
        // What opens the string may end with a dollar sign itself.
        let mut at = lexeme.range.start + opening;
        while let Some(found) = self.written[at..lexeme.range.end].find("${") {
            let start = at + found;
            let Some((name, length)) = reference(&self.written[start..lexeme.range.end]) else {
                at = start + "${".len();
                continue;
            };
            let end = start + length;
            if start > at && self.written[..start].ends_with('$') {
                // One of the two dollar signs goes.
                self.replace(start - 1..start, "")?;
            } else if let Some(value) = variables.get(&name.to_uppercase()) {
                self.replace(start..end, &quoting.escaped(value))?;
            }
            at = end;
        }
        Ok(())
    }

    fn replace(&mut self, written: Range<usize>, value: &str) -> Result<(), SqlError> {
        self.text.push_str(&self.written[self.copied..written.start]);
        let start = self.text.len();
        self.text.push_str(value);
        self.copied = written.end;
        if self.text.len() > MAX_TEXT_BYTES {
            return Err(SqlError::too_complex(format!(
                "the statement is longer than {MAX_TEXT_BYTES} bytes once its variables are replaced"
            )));
        }
        self.replaced.push(Replaced { written, text: start..self.text.len() });
        Ok(())
    }

    fn finish(mut self) -> Substituted<'t> {
        if self.replaced.is_empty() {
            return Substituted::unchanged(self.written);
        }
        self.text.push_str(&self.written[self.copied..]);
        Substituted { written: self.written, text: Cow::Owned(self.text), replaced: self.replaced }
    }
}

/// What makes a text change what stands behind it, if anything does.
fn leaves_statement(text: &str) -> Option<&'static str> {
    lexemes(text).find_map(|lexeme| match lexeme.kind {
        LexemeKind::Semicolon => Some("ends the statement"),
        LexemeKind::Comment => Some("holds a comment"),
        _ if !lexeme.terminated => Some("has a quote without an end"),
        _ => None,
    })
}

/// How a string or name is quoted.
#[derive(Clone, Copy)]
enum Quoting {
    /// `'…'`, `"…"`, `` `…` ``: the quote is doubled.
    Doubled(char),
    /// `E'…'`: a backslash is doubled too.
    Backslash,
    /// `$tag$…$tag$`: as it is.
    Dollar,
}

impl Quoting {
    /// The quoting of a string or quoted name, and how many bytes open it.
    fn of(lexeme: &str) -> (Quoting, usize) {
        let opening = |quote: char| lexeme.find(quote).map_or(lexeme.len(), |at| at + quote.len_utf8());
        match lexeme.chars().next() {
            Some('$') => (Quoting::Dollar, lexeme[1..].find('$').map_or(lexeme.len(), |at| at + 2)),
            Some('e' | 'E') => (Quoting::Backslash, opening('\'')),
            Some(quote @ ('"' | '`')) => (Quoting::Doubled(quote), opening(quote)),
            _ => (Quoting::Doubled('\''), opening('\'')),
        }
    }

    fn escaped(self, value: &str) -> Cow<'_, str> {
        match self {
            Quoting::Dollar => Cow::Borrowed(value),
            Quoting::Backslash => Cow::Owned(value.replace('\\', "\\\\").replace('\'', "''")),
            Quoting::Doubled(quote) if value.contains(quote) => {
                Cow::Owned(value.replace(quote, &format!("{quote}{quote}")))
            }
            Quoting::Doubled(_) => Cow::Borrowed(value),
        }
    }
}

/// The name of the reference that a text begins with, and the length of the reference.
fn reference(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("${")?;
    let name = &inner[..inner.find('}')?];
    let is_name = name.chars().next().is_some_and(is_word_start) && name.chars().all(is_word_part);
    is_name.then_some((name, name.len() + "${}".len()))
}

fn position_of(text: &str, offset: usize) -> Position {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let place = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position {
        line: place(before.matches('\n').count() + 1),
        column: place(before[line_start..].chars().count() + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn replaced(statement: &str, values: &[(&str, &str)]) -> String {
        substitute(statement, &variables(values)).expect("can be replaced").text().to_owned()
    }

    #[test]
    fn a_reference_is_replaced_wherever_it_stands_whatever_its_case() {
        let values = [("SOURCE", "orders"), ("N", "3")];
        let text = "SELECT '${source}' FROM ${Source} LIMIT ${n}";
        assert_eq!(replaced(text, &values), "SELECT 'orders' FROM orders LIMIT 3");
    }

    #[test]
    fn within_quotes_a_value_cannot_end_the_quotes() {
        let values = [("V", "it's \"a\" `b` \\")];
        assert_eq!(
            replaced("SELECT '${v}', \"${v}\", `${v}`, E'${v}', $$${v}$$", &values),
            "SELECT 'it''s \"a\" `b` \\', \"it's \"\"a\"\" `b` \\\", `it's \"a\" ``b`` \\`, \
             E'it''s \"a\" `b` \\\\', $$it's \"a\" `b` \\$$"
        );
    }

    #[test]
    fn a_doubled_dollar_within_quotes_keeps_the_reference_as_text() {
        assert_eq!(replaced("SELECT '$${v}${v}'", &[("V", "x")]), "SELECT '${v}x'");
    }

    #[test]
    fn what_is_no_reference_or_names_nothing_within_quotes_stays() {
        for text in ["'${'", "'${}'", "'${a b}'", "$1", "'${w}'", "-- ${v}\nSELECT 1", "SELECT 1"] {
            assert_eq!(replaced(text, &[("V", "x")]), text);
        }
        // Where nothing is defined, text is nobody's template.
        assert_eq!(replaced("SELECT '$${v}'", &[]), "SELECT '$${v}'");
    }

    #[test]
    fn a_value_is_neither_replaced_again_nor_in_a_definition() {
        assert_eq!(replaced("SELECT ${v}", &[("V", "'${v}'")]), "SELECT '${v}'");
        assert_eq!(replaced("/* c */ define w = '${v}'", &[("V", "x")]), "/* c */ define w = '${v}'");
    }

    #[test]
    fn a_variable_that_does_not_exist_is_named_with_its_place() {
        let error = substitute("SELECT 1,\n  ${missing}", &variables(&[])).expect_err("is missing");
        assert_eq!(error.kind, SqlErrorKind::UnknownObject);
        assert_eq!(error.position, Some(Position { line: 2, column: 3 }));
    }

    #[test]
    fn a_value_outside_of_quotes_stays_within_its_statement() {
        for value in ["v2; DROP STREAM v2", "a -- b", "a /* b", "'a", "`a", ";"] {
            let error = substitute("SELECT * FROM ${v}", &variables(&[("V", value)])).expect_err(value);
            assert_eq!(error.position, Some(Position { line: 1, column: 15 }), "{value}");
            assert!(error.message.contains("'v'"), "{error}");
        }
        for value in ["a, b", "'a; b'", "-1", "(SELECT 1)", "`a -- b`"] {
            assert_eq!(replaced("SELECT ${v}", &[("V", value)]), format!("SELECT {value}"));
            assert_eq!(replaced("SELECT '${v}'", &[("V", "a; b")]), "SELECT 'a; b'");
        }
    }

    #[test]
    fn places_are_told_in_what_was_written() {
        let values = variables(&[("A", "long\ntext"), ("B", "")]);
        let substituted = substitute("x ${a} y ${b}\nz", &values).expect("can be replaced");
        assert_eq!(substituted.text(), "x long\ntext y \nz");
        let place = |line, column| {
            let found = substituted.written_position(Position { line, column });
            (found.line, found.column)
        };
        assert_eq!(place(1, 1), (1, 1));
        // Within the first variable.
        assert_eq!(place(2, 2), (1, 3));
        assert_eq!(place(2, 6), (1, 8));
        assert_eq!(place(3, 1), (2, 1));
    }
}
