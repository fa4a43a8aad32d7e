//! What a text editor wants to know: which stretch of the text is what.

use std::ops::Range;

use super::keywords::is_keyword;
use super::scanner::{LexemeKind, lexemes};

/// What a stretch of text is to someone who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenClass {
    /// A word of the language.
    Keyword,
    /// A name.
    Name,
    /// A name before a parenthesis.
    Function,
    /// A string, closed or not.
    String,
    /// A number.
    Number,
    /// A comment, closed or not.
    Comment,
    /// A variable or parameter.
    Variable,
    /// Everything else that is not space.
    Symbol,
}

/// The tokens of `text` with their classes, in order, without the spaces between them. The text may
/// be incomplete or wrong.
pub fn tokens(text: &str) -> Vec<(TokenClass, Range<usize>)> {
    let mut tokens: Vec<(TokenClass, Range<usize>)> = Vec::new();
    for lexeme in lexemes(text) {
        let class = match lexeme.kind {
            LexemeKind::Whitespace => continue,
            LexemeKind::Word if is_keyword(&text[lexeme.range.clone()]) => TokenClass::Keyword,
            LexemeKind::Word | LexemeKind::QuotedName => TokenClass::Name,
            LexemeKind::String => TokenClass::String,
            LexemeKind::Number => TokenClass::Number,
            LexemeKind::Comment => TokenClass::Comment,
            LexemeKind::Variable => TokenClass::Variable,
            LexemeKind::Open
            | LexemeKind::Close
            | LexemeKind::Comma
            | LexemeKind::Semicolon
            | LexemeKind::Operator => TokenClass::Symbol,
        };
        if text[lexeme.range.clone()].starts_with('(')
            && let Some((before @ TokenClass::Name, range)) = tokens.last_mut()
            && range.end == lexeme.range.start
        {
            *before = TokenClass::Function;
        }
        tokens.push((class, lexeme.range));
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_a_class_even_in_broken_text() {
        use TokenClass::*;
        let text = "SELECT sum(`a`) + 1, ${v} FROM s -- why\nWHERE x = 'ope";
        let classes: Vec<_> = tokens(text).into_iter().map(|(class, range)| (class, &text[range])).collect();
        assert_eq!(
            classes,
            [
                (Keyword, "SELECT"),
                (Function, "sum"),
                (Symbol, "("),
                (Name, "`a`"),
                (Symbol, ")"),
                (Symbol, "+"),
                (Number, "1"),
                (Symbol, ","),
                (Variable, "${v}"),
                (Keyword, "FROM"),
                (Name, "s"),
                (Comment, "-- why"),
                (Keyword, "WHERE"),
                (Name, "x"),
                (Symbol, "="),
                (String, "'ope"),
            ]
        );
    }
}
