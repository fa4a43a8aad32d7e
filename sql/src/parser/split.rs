//! Where one statement ends and the next begins.

use std::ops::Range;

use sqlparser::tokenizer::Location;

use super::scanner::{Lexeme, LexemeKind, lexemes};

/// A text split at the semicolons that end statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split<'a> {
    /// The statements that were ended by a semicolon.
    pub statements: Vec<StatementText<'a>>,
    /// What is left behind the last semicolon, if it is more than spaces and comments: a statement
    /// that is still being written, or the last one of a text whose author left the semicolon out.
    pub remainder: Option<StatementText<'a>>,
}

/// The text of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementText<'a> {
    /// The text from the statement's first token to its last, without the semicolon.
    pub text: &'a str,
    /// Where it is in the whole text, in bytes.
    pub range: Range<usize>,
    /// Where it begins, in lines and characters.
    pub start: Location,
}

impl<'a> StatementText<'a> {
    /// All of `text` as one piece.
    pub(crate) fn whole(text: &'a str) -> Self {
        StatementText { text, range: 0..text.len(), start: Location::new(1, 1) }
    }

    /// The place in the whole text of a byte of this one.
    pub(crate) fn location_of(&self, offset: usize) -> Location {
        let mut location = self.start;
        advance(&mut location, &self.text[..offset]);
        location
    }
}

/// Splits `text` into statements. Empty statements are left out.
pub fn split(text: &str) -> Split<'_> {
    let mut statements = Vec::new();
    let mut current: Option<StatementText<'_>> = None;
    let mut location = Location::new(1, 1);
    for Lexeme { kind, range, terminated } in lexemes(text) {
        match kind {
            LexemeKind::Semicolon => statements.extend(current.take()),
            LexemeKind::Whitespace => {}
            LexemeKind::Comment if terminated => {}
            _ => {
                let piece = current.get_or_insert_with(|| StatementText {
                    text: "",
                    range: range.clone(),
                    start: location,
                });
                piece.range.end = range.end;
                piece.text = &text[piece.range.clone()];
            }
        }
        advance(&mut location, &text[range]);
    }
    Split { statements, remainder: current }
}

fn advance(location: &mut Location, text: &str) {
    for character in text.chars() {
        if character == '\n' {
            location.line += 1;
            location.column = 1;
        } else {
            location.column += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        let split = split("  SELECT ';' ; -- none;\n ;\n /* x */ LIST `;` ;\nSHOW");
        let texts: Vec<_> = split.statements.iter().map(|piece| piece.text).collect();
        assert_eq!(texts, ["SELECT ';'", "LIST `;`"]);
        assert_eq!(split.statements[1].start, Location::new(3, 10));
        assert_eq!(split.remainder.expect("one more").text, "SHOW");
    }

    #[test]
    fn a_text_of_comments_has_no_remainder() {
        let split = split("LIST STREAMS; -- that was it");
        assert_eq!(split.remainder, None);
    }

    #[test]
    fn what_has_a_beginning_and_no_end_is_still_being_written() {
        let split = split("PRINT 'a;\nb");
        assert_eq!(split.remainder.expect("open").text, "PRINT 'a;\nb");
        assert!(super::split("LIST STREAMS; /* and").remainder.is_some());
    }
}
