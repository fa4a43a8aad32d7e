//! Windows and the time bounds of joins.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{DurationUnit, WindowClause, WindowDuration, WindowKind, Within};
use super::cursor::{TokenCursor, unquoted};
use super::identifier::Name;
use super::syntax_error::carry;
use crate::error::{SqlError, SqlErrorKind};

/// Reads `WINDOW [name] TUMBLING | HOPPING | SESSION (…)`.
pub(crate) fn parse_window(parser: &mut Parser<'_>) -> Result<WindowClause, ParserError> {
    let start = parser.here();
    parser.expect_words(&["WINDOW"])?;
    let named = !parser.peek_symbol_at(1, &Token::LParen);
    let name =
        if named { Some(Name::from(parser.expect_name("TUMBLING, HOPPING or SESSION")?)) } else { None };
    let kind = match parser.take_one_of(&["TUMBLING", "HOPPING", "SESSION"]) {
        Some(kind) => kind,
        None => return parser.unexpected("TUMBLING, HOPPING or SESSION"),
    };
    parser.expect_token(&Token::LParen)?;
    let kind = match kind {
        "TUMBLING" => {
            parser.expect_words(&["SIZE"])?;
            let size = parse_duration(parser)?;
            WindowKind::Tumbling { size }
        }
        "HOPPING" => {
            parser.expect_words(&["SIZE"])?;
            let size = parse_duration(parser)?;
            parser.expect_token(&Token::Comma)?;
            parser.expect_words(&["ADVANCE", "BY"])?;
            let advance = parse_duration(parser)?;
            WindowKind::Hopping { size, advance }
        }
        _ => WindowKind::Session { gap: parse_duration(parser)? },
    };
    let mut retention = None;
    let mut grace = None;
    while parser.consume_token(&Token::Comma) {
        if retention.is_none() && grace.is_none() && parser.take_word("RETENTION") {
            retention = Some(parse_duration(parser)?);
        } else if grace.is_none() && parser.take_words(&["GRACE", "PERIOD"]) {
            grace = Some(parse_duration(parser)?);
        } else {
            return parser.unexpected(match (retention, grace) {
                (None, None) => "RETENTION or GRACE PERIOD",
                (Some(_), None) => "GRACE PERIOD",
                (_, Some(_)) => "the end of the window: RETENTION stands before GRACE PERIOD",
            });
        }
    }
    parser.expect_token(&Token::RParen)?;
    Ok(WindowClause { name, kind, retention, grace, span: parser.span_from(start) })
}

/// Reads `WITHIN n unit | (n unit, n unit) [GRACE PERIOD n unit]`.
pub(crate) fn parse_within(parser: &mut Parser<'_>) -> Result<Within, ParserError> {
    parser.expect_words(&["WITHIN"])?;
    let (before, after) = if parser.consume_token(&Token::LParen) {
        let before = parse_duration(parser)?;
        parser.expect_token(&Token::Comma)?;
        let after = parse_duration(parser)?;
        parser.expect_token(&Token::RParen)?;
        (before, after)
    } else {
        let both = parse_duration(parser)?;
        (both, both)
    };
    let grace = if parser.take_words(&["GRACE", "PERIOD"]) { Some(parse_duration(parser)?) } else { None };
    Ok(Within { before, after, grace })
}

/// Reads `n unit`.
pub(crate) fn parse_duration(parser: &mut Parser<'_>) -> Result<WindowDuration, ParserError> {
    let start = parser.here();
    let amount = parser.expect_count("a whole number")?;
    let unit = unquoted(&parser.peek_token_ref().token).and_then(DurationUnit::from_word);
    let Some(unit) = unit else {
        return parser.unexpected("MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS");
    };
    parser.advance_token();
    let span = parser.span_from(start);
    let fits = i64::try_from(amount).ok().and_then(|amount| amount.checked_mul(unit.millis())).is_some();
    if fits {
        Ok(WindowDuration { amount, unit, span })
    } else {
        Err(carry(
            SqlError::new(
                SqlErrorKind::InvalidLiteral,
                format!("{amount} {} are more milliseconds than 64 bits hold", unit.keyword()),
            )
            .at(span),
        ))
    }
}
