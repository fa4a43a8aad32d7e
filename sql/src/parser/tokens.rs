//! sqlparser's tokens of one statement, with positions in the whole text.

use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::cursor::unquoted;
use super::dialect::TidemillDialect;
use super::split::StatementText;
use crate::error::SqlError;

/// The tokens of `piece` without spaces and comments.
pub(crate) fn tokenize(piece: &StatementText<'_>) -> Result<Vec<TokenWithSpan>, SqlError> {
    let dialect = TidemillDialect::for_tokens(0);
    let mut tokens = Vec::new();
    let start = piece.start;
    Tokenizer::new(&dialect, piece.text)
        .tokenize_with_location_into_buf_with_mapper(&mut tokens, |token| TokenWithSpan {
            span: Span::new(shift(token.span.start, start), shift(token.span.end, start)),
            token: token.token,
        })
        .map_err(|error| SqlError::syntax(error.message).at_location(shift(error.location, start)))?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    Ok(split_type_brackets(join_digit_names(tokens)))
}

/// Moves a place counted from the beginning of a piece to where the piece begins.
fn shift(location: Location, start: Location) -> Location {
    match location.line {
        0 => location,
        1 => Location::new(start.line, start.column + location.column - 1),
        line => Location::new(start.line + line - 1, location.column),
    }
}

/// Puts together names that begin with a digit, such as `1R`, of which the tokenizer makes a number
/// and a word.
fn join_digit_names(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut joined: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        if let (Some(before), Some(word)) = (joined.last_mut(), unquoted(&token.token))
            && before.span.end == token.span.start
            && let Token::Number(digits, false) = &before.token
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            before.token = Token::make_word(&format!("{digits}{word}"), None);
            before.span.end = token.span.end;
        } else {
            joined.push(token);
        }
    }
    joined
}

/// Takes apart the `>>` that closes two types at once, as in `ARRAY<ARRAY<INT>>`, so that the
/// grammar of types sees two brackets.
fn split_type_brackets(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut open = 0usize;
    let mut split = Vec::with_capacity(tokens.len());
    for token in tokens {
        let before: Option<&TokenWithSpan> = split.last();
        match &token.token {
            Token::Lt if before.is_some_and(|before| names_nested_type(&before.token)) => open += 1,
            Token::Gt => open = open.saturating_sub(1),
            Token::ShiftRight if open >= 2 => {
                open -= 2;
                let middle = Location::new(token.span.start.line, token.span.start.column + 1);
                for span in [Span::new(token.span.start, middle), Span::new(middle, token.span.end)] {
                    split.push(TokenWithSpan { token: Token::Gt, span });
                }
                continue;
            }
            _ => {}
        }
        split.push(token);
    }
    split
}

fn names_nested_type(token: &Token) -> bool {
    unquoted(token)
        .is_some_and(|word| ["ARRAY", "MAP", "STRUCT"].iter().any(|name| word.eq_ignore_ascii_case(name)))
}
