//! Windows and the time bounds of joins.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{DurationUnit, WindowClause, WindowDuration, WindowKind, Within};
use super::cursor::{TokenCursor, unquoted};
use super::identifier::Name;
use super::syntax_error::{carry, conclusive};
use crate::error::{SYNTAX_ERROR_NEAR, SqlError, SqlErrorKind};

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
            if parser.peek_symbol_at(0, &Token::RParen) {
                let error = SqlError::syntax(format!("{SYNTAX_ERROR_NEAR}')'"))
                    .at_location(parser.here())
                    .with_detail("expected , ADVANCE BY and how far each window lies behind the one before")
                    .with_hint("windows that do not overlap are TUMBLING (SIZE n unit)");
                return Err(conclusive(carry(error)));
            }
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

/// Refuses a WINDOW clause of ksqlDB's behind the clauses that it stands before. Postgres' own, which names
/// what OVER refers to, does stand there.
pub(crate) fn refuse_late_window(parser: &Parser<'_>) -> Result<(), ParserError> {
    let is_kind =
        |n: usize| ["TUMBLING", "HOPPING", "SESSION"].iter().any(|kind| parser.peek_word_at(n, kind));
    let opens_at = |n: usize| is_kind(n) && parser.peek_symbol_at(n + 1, &Token::LParen);
    if !parser.peek_word("WINDOW") || !(opens_at(1) || opens_at(2)) {
        return Ok(());
    }
    let error = SqlError::syntax(format!("{SYNTAX_ERROR_NEAR}'WINDOW'"))
        .at_location(parser.here())
        .with_hint("WINDOW stands right behind FROM …, before WHERE and GROUP BY");
    Err(conclusive(carry(error)))
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
