//! Transactions and cursors.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{Close, DeclareCursor, DurationUnit, Fetch, FetchDirection, Statement, Transaction};
use super::cursor::TokenCursor;
use super::identifier::Name;
use super::select::{Purpose, parse_select};
use super::syntax_error::carry;
use crate::error::{SqlError, SqlErrorKind};

/// Reads `BEGIN`, `COMMIT`, `ROLLBACK`, savepoints, and their other spellings.
pub(crate) fn parse_transaction(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let word =
        parser.take_one_of(&["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"]);
    let transaction = match word {
        Some("BEGIN") => {
            take_optional_noun(parser);
            skip_modes(parser)?;
            Transaction::Begin
        }
        Some("START") => {
            parser.expect_words(&["TRANSACTION"])?;
            skip_modes(parser)?;
            Transaction::Begin
        }
        Some("COMMIT" | "END") => {
            take_optional_noun(parser);
            parser.take_words(&["AND", "NO", "CHAIN"]);
            Transaction::Commit
        }
        Some("SAVEPOINT") => Transaction::Savepoint(parser.expect_name("a name")?.into()),
        Some("RELEASE") => {
            parser.take_word("SAVEPOINT");
            Transaction::Release(parser.expect_name("the name of a savepoint")?.into())
        }
        _ => {
            take_optional_noun(parser);
            if parser.take_word("TO") {
                parser.take_word("SAVEPOINT");
                Transaction::RollbackTo(parser.expect_name("the name of a savepoint")?.into())
            } else {
                parser.take_words(&["AND", "NO", "CHAIN"]);
                Transaction::Rollback
            }
        }
    };
    Ok(Statement::Transaction(transaction))
}

fn take_optional_noun(parser: &mut Parser<'_>) {
    parser.take_one_of(&["TRANSACTION", "WORK"]);
}

/// Isolation levels and access modes: known words only, and none of them changes anything, because
/// every read is on one snapshot.
fn skip_modes(parser: &mut Parser<'_>) -> Result<(), ParserError> {
    const MODES: [&[&str]; 9] = [
        &["ISOLATION", "LEVEL", "SERIALIZABLE"],
        &["ISOLATION", "LEVEL", "REPEATABLE", "READ"],
        &["ISOLATION", "LEVEL", "READ", "COMMITTED"],
        &["ISOLATION", "LEVEL", "READ", "UNCOMMITTED"],
        &["READ", "WRITE"],
        &["READ", "ONLY"],
        &["NOT", "DEFERRABLE"],
        &["DEFERRABLE"],
        &["WITH"],
    ];
    while !parser.at_end() {
        let known = MODES.iter().any(|mode| parser.take_words(mode));
        if !known && !parser.consume_token(&Token::Comma) {
            return parser.unexpected("ISOLATION LEVEL, READ WRITE, READ ONLY or DEFERRABLE");
        }
    }
    Ok(())
}

/// Reads `DECLARE name … CURSOR … FOR query`.
pub(crate) fn parse_declare(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["DECLARE"])?;
    let name = Name::from(parser.expect_name("the name of a cursor")?);
    let mut binary = false;
    let mut scroll = None;
    loop {
        if parser.take_word("BINARY") {
            binary = true;
        } else if parser.take_words(&["NO", "SCROLL"]) {
            scroll = Some(false);
        } else if parser.take_word("SCROLL") {
            scroll = Some(true);
        } else if parser.take_one_of(&["INSENSITIVE", "ASENSITIVE"]).is_none() {
            break;
        }
    }
    parser.expect_words(&["CURSOR"])?;
    let hold = parser.take_words(&["WITH", "HOLD"]);
    if !hold {
        parser.take_words(&["WITHOUT", "HOLD"]);
    }
    parser.expect_words(&["FOR"])?;
    let query = parse_select(parser, Purpose::Read)?;
    Ok(Statement::DeclareCursor(Box::new(DeclareCursor { name, binary, scroll, hold, query })))
}

/// Reads `FETCH | MOVE [direction] [FROM | IN] name [WITH (TIMEOUT = '1s')]`.
pub(crate) fn parse_fetch(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let is_move = parser.take_word("MOVE");
    if !is_move {
        parser.expect_words(&["FETCH"])?;
    }
    let direction = parse_direction(parser)?;
    parser.take_one_of(&["FROM", "IN"]);
    let cursor = Name::from(parser.expect_name("the name of a cursor")?);
    let timeout_ms = if parser.take_word("WITH") { Some(parse_timeout(parser)?) } else { None };
    let fetch = Fetch { direction, cursor, timeout_ms };
    Ok(if is_move { Statement::Move(fetch) } else { Statement::Fetch(fetch) })
}

fn parse_direction(parser: &mut Parser<'_>) -> Result<FetchDirection, ParserError> {
    if matches!(parser.peek_token_ref().token, Token::Minus | Token::Number(_, _)) {
        return parse_signed(parser).map(FetchDirection::Count);
    }
    // A cursor may have the name of a direction; then nothing follows it.
    if parser.peek_nth_token_ref(1).token == Token::EOF {
        return Ok(FetchDirection::Count(1));
    }
    let words = ["NEXT", "PRIOR", "FIRST", "LAST", "ALL", "ABSOLUTE", "RELATIVE", "FORWARD", "BACKWARD"];
    Ok(match parser.take_one_of(&words) {
        Some("PRIOR") => FetchDirection::Count(-1),
        Some("FIRST") => FetchDirection::First,
        Some("LAST") => FetchDirection::Last,
        Some("ALL") => FetchDirection::All,
        Some("ABSOLUTE") => FetchDirection::Absolute(parse_signed(parser)?),
        Some("RELATIVE") => FetchDirection::Relative(parse_signed(parser)?),
        Some(way @ ("FORWARD" | "BACKWARD")) => {
            let backward = way == "BACKWARD";
            if parser.take_word("ALL") {
                match backward {
                    true => FetchDirection::BackwardAll,
                    false => FetchDirection::All,
                }
            } else {
                let count = match parser.peek_token_ref().token {
                    Token::Number(_, _) => parse_signed(parser)?,
                    _ => 1,
                };
                FetchDirection::Count(if backward { -count } else { count })
            }
        }
        _ => FetchDirection::Count(1),
    })
}

fn parse_signed(parser: &mut Parser<'_>) -> Result<i64, ParserError> {
    let negative = parser.consume_token(&Token::Minus);
    let count = parser.expect_count("a number of rows")?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(if negative { -count } else { count })
}

/// `(TIMEOUT = '1s')`, the way other streaming databases write it.
fn parse_timeout(parser: &mut Parser<'_>) -> Result<u64, ParserError> {
    parser.expect_token(&Token::LParen)?;
    parser.expect_words(&["TIMEOUT"])?;
    parser.expect_token(&Token::Eq)?;
    let (text, span) = parser.expect_string("a length of time, for example '1s'")?;
    parser.expect_token(&Token::RParen)?;
    timeout_millis(&text).ok_or_else(|| {
        carry(
            SqlError::new(SqlErrorKind::InvalidLiteral, format!("'{text}' is not a length of time"))
                .at(span)
                .with_hint("write a number and a unit: '100ms', '1s', '5 minutes'"),
        )
    })
}

fn timeout_millis(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (amount, unit) = text.split_at(digits);
    let millis = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        word => u64::try_from(DurationUnit::from_word(word)?.millis()).ok()?,
    };
    amount.parse::<u64>().ok()?.checked_mul(millis)
}

/// Reads `CLOSE name | ALL`.
pub(crate) fn parse_close(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["CLOSE"])?;
    if parser.take_word("ALL") {
        return Ok(Statement::Close(Close::All));
    }
    let name = parser.expect_name("the name of a cursor, or ALL")?.into();
    Ok(Statement::Close(Close::Cursor(name)))
}
