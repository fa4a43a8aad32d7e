//! Lexemes of SQL text, found without judging them.
//!
//! The scanner is what works on text that is incomplete, wrong or hostile: the REPL asks it whether
//! a statement has ended and how to colour it, statement splitting uses it to find the semicolons
//! that count, and the limits are checked on its lexemes before anything recursive or
//! memory-hungry sees the text. It allocates nothing and never fails; a quote that is never closed
//! is a lexeme that says so. The meaning of tokens is the tokenizer's business.

use std::ops::Range;

/// What a lexeme is, as far as its first characters tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LexemeKind {
    /// An unquoted name or keyword.
    Word,
    /// A name in double quotes or backquotes.
    QuotedName,
    /// A string, with whatever prefix (`E''`, `X''`, `$$ $$`).
    String,
    /// A number.
    Number,
    /// A `-- …` or `/* … */` comment.
    Comment,
    /// Spaces, tabs, line breaks.
    Whitespace,
    /// `(` or `[`.
    Open,
    /// `)` or `]`.
    Close,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// A reference to a variable: `${name}`, `$1`.
    Variable,
    /// One or more characters of an operator, or a lone other character.
    Operator,
}

/// A stretch of text of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexeme {
    /// What it is.
    pub kind: LexemeKind,
    /// Where it is, in bytes.
    pub range: Range<usize>,
    /// Whether its closing quote or comment end is there.
    pub terminated: bool,
}

/// The lexemes of `text`, in order and without gaps.
pub fn lexemes(text: &str) -> impl Iterator<Item = Lexeme> + '_ {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let lexeme = scan(text, offset)?;
        offset = lexeme.range.end;
        Some(lexeme)
    })
}

fn scan(text: &str, start: usize) -> Option<Lexeme> {
    let rest = &text[start..];
    let first = rest.chars().next()?;
    let second = rest[first.len_utf8()..].chars().next();
    let (kind, length) = match first {
        _ if first.is_whitespace() => (LexemeKind::Whitespace, run(rest, char::is_whitespace)),
        '-' if second == Some('-') => (LexemeKind::Comment, Some(rest.find('\n').unwrap_or(rest.len()))),
        '/' if second == Some('*') => (LexemeKind::Comment, block_comment(rest)),
        '\'' => (LexemeKind::String, quoted(rest, '\'', false)),
        '"' | '`' => (LexemeKind::QuotedName, quoted(rest, first, false)),
        'e' | 'E' if second == Some('\'') => {
            (LexemeKind::String, quoted(&rest[1..], '\'', true).map(|length| length + 1))
        }
        'n' | 'N' | 'x' | 'X' | 'b' | 'B' if second == Some('\'') => {
            (LexemeKind::String, quoted(&rest[1..], '\'', false).map(|length| length + 1))
        }
        '$' => dollar(rest),
        _ if is_word_start(first) => (LexemeKind::Word, run(rest, is_word_part)),
        _ if first.is_ascii_digit() => (LexemeKind::Number, Some(number(rest))),
        '.' if second.is_some_and(|c| c.is_ascii_digit()) => (LexemeKind::Number, Some(number(rest))),
        '(' | '[' => (LexemeKind::Open, Some(1)),
        ')' | ']' => (LexemeKind::Close, Some(1)),
        ',' => (LexemeKind::Comma, Some(1)),
        ';' => (LexemeKind::Semicolon, Some(1)),
        _ => (LexemeKind::Operator, Some(operator(rest))),
    };
    Some(Lexeme { kind, range: start..start + length.unwrap_or(rest.len()), terminated: length.is_some() })
}

/// Whether a name may begin with `c` without quotes.
pub(crate) fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_' || (!c.is_ascii() && !c.is_whitespace())
}

/// Whether a name may contain `c` without quotes.
pub(crate) fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || c == '$' || c == '@'
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> Option<usize> {
    Some(rest.find(|c| !belongs(c)).unwrap_or(rest.len()))
}

/// The length of a quoted lexeme with its quotes; a doubled quote stands for itself.
fn quoted(rest: &str, quote: char, backslash_escapes: bool) -> Option<usize> {
    let bytes = rest.as_bytes();
    let quote = quote as u8;
    let mut index = 1;
    while let Some(&byte) = bytes.get(index) {
        let escaped = byte == b'\\' && backslash_escapes;
        if escaped || (byte == quote && bytes.get(index + 1) == Some(&quote)) {
            index += 2;
        } else if byte == quote {
            return Some(index + 1);
        } else {
            index += 1;
        }
    }
    None
}

fn block_comment(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut depth = 0usize;
    let mut index = 0;
    while index + 1 < bytes.len() {
        match &bytes[index..index + 2] {
            b"/*" => {
                depth += 1;
                index += 2;
            }
            b"*/" => {
                depth -= 1;
                index += 2;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => index += 1,
        }
    }
    None
}

/// `${name}`, `$1`, or a string between two equal `$tag$`.
fn dollar(rest: &str) -> (LexemeKind, Option<usize>) {
    if let Some(inner) = rest.strip_prefix("${") {
        return (LexemeKind::Variable, inner.find('}').map(|end| end + 3));
    }
    let tag_end = rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map(|end| end + 1);
    match tag_end {
        Some(end) if rest[end..].starts_with('$') => {
            let tag = &rest[..=end];
            let length = rest[tag.len()..].find(tag).map(|at| at + 2 * tag.len());
            (LexemeKind::String, length)
        }
        _ => (LexemeKind::Variable, Some(tag_end.unwrap_or(rest.len()))),
    }
}

fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits_from = |mut index: usize| {
        while bytes.get(index).is_some_and(u8::is_ascii_digit) {
            index += 1;
        }
        index
    };
    let mut end = digits_from(0);
    if bytes.get(end) == Some(&b'.') {
        end = digits_from(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent_end = digits_from(end + 1 + sign);
        if exponent_end > end + 1 + sign {
            end = exponent_end;
        }
    }
    end
}

/// Operators of several characters are one lexeme, so that `->` or `<>` is counted and coloured
/// once; everything else is taken a character at a time.
fn operator(rest: &str) -> usize {
    const LONG: [&str; 18] = [
        "->>", "!~*", "!~~", "->", "=>", ":=", "::", "<>", "!=", "<=", ">=", "||", "!~", "~*", "~~", "<<",
        ">>", "<@",
    ];
    LONG.iter()
        .find(|operator| rest.starts_with(**operator))
        .map(|operator| operator.len())
        .or_else(|| rest.chars().next().map(char::len_utf8))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(LexemeKind, &str)> {
        lexemes(text)
            .filter(|lexeme| lexeme.kind != LexemeKind::Whitespace)
            .map(|lexeme| (lexeme.kind, &text[lexeme.range]))
            .collect()
    }

    #[test]
    fn quotes_and_comments_hide_what_they_contain() {
        use LexemeKind::*;
        assert_eq!(
            kinds("a 'it''s;' \"b;\" `c;` -- d;\n/* e; /* f */ g */ ; E'\\';' $x$ ; $x$"),
            [
                (Word, "a"),
                (String, "'it''s;'"),
                (QuotedName, "\"b;\""),
                (QuotedName, "`c;`"),
                (Comment, "-- d;"),
                (Comment, "/* e; /* f */ g */"),
                (Semicolon, ";"),
                (String, "E'\\';'"),
                (String, "$x$ ; $x$"),
            ]
        );
    }

    #[test]
    fn numbers_and_operators_are_taken_whole() {
        use LexemeKind::*;
        assert_eq!(
            kinds("1.5E-3->x<>.5 1e ${v} $1"),
            [
                (Number, "1.5E-3"),
                (Operator, "->"),
                (Word, "x"),
                (Operator, "<>"),
                (Number, ".5"),
                (Number, "1"),
                (Word, "e"),
                (Variable, "${v}"),
                (Variable, "$1"),
            ]
        );
    }

    #[test]
    fn what_is_never_closed_says_so_and_takes_the_rest() {
        for text in ["'abc", "\"abc", "/* abc", "$x$ abc", "E'abc\\'", "${a"] {
            let all: Vec<Lexeme> = lexemes(text).collect();
            assert_eq!(all.len(), 1, "{text}");
            assert!(!all[0].terminated, "{text}");
            assert_eq!(all[0].range, 0..text.len());
        }
    }
}
