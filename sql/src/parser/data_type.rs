//! The grammar of types: ksqlDB's, and Postgres's where a cast names one of those.
//!
//! sqlparser reads `STRUCT<…>` and `MAP<…>` only in dialects that are otherwise nothing like ours,
//! so types are read here; what is not one of ours is left to sqlparser.

use sqlparser::ast::{DataType, ExactNumberInfo};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::complexity::MAX_DEPTH;
use super::cursor::{TokenCursor, unquoted};
use super::identifier::stored_name;
use super::keywords;
use super::syntax_error::carry;
use crate::error::{SqlError, SqlErrorKind};
use crate::type_system::{SqlType, StructField};

/// Reads the type of a column: ksqlDB's grammar, where an unknown name is a custom type.
pub(crate) fn parse_sql_type(parser: &mut Parser<'_>) -> Result<SqlType, ParserError> {
    let mut data_type = if opens_nested(parser, "ARRAY") {
        parse_angle_brackets(parser, |parser| Ok(SqlType::array(parse_sql_type(parser)?)))?
    } else if opens_nested(parser, "MAP") {
        parse_angle_brackets(parser, |parser| {
            let key = parse_sql_type(parser)?;
            parser.expect_token(&Token::Comma)?;
            Ok(SqlType::map(key, parse_sql_type(parser)?))
        })?
    } else if opens_nested(parser, "STRUCT") {
        parse_angle_brackets(parser, parse_fields)?
    } else {
        parse_named_type(parser)?
    };
    for _ in 0..MAX_DEPTH {
        if parser.take_word("ARRAY") {
            data_type = SqlType::array(data_type);
        } else if parser.peek_symbol_at(0, &Token::LBracket) && parser.peek_symbol_at(1, &Token::RBracket) {
            parser.advance_token();
            parser.advance_token();
            data_type = SqlType::array(data_type);
        } else {
            return Ok(data_type);
        }
    }
    Err(ParserError::RecursionLimitExceeded)
}

/// Reads the target type of a cast: one of ours if it is one, else whatever Postgres calls a type.
///
/// A DECIMAL may be without precision and scale: a query over what is there now has a default for them,
/// and a continuous one says what is missing.
pub(crate) fn parse_cast_type(parser: &mut Parser<'_>) -> Result<DataType, ParserError> {
    if ["DECIMAL", "DEC", "NUMERIC"].iter().any(|word| parser.peek_word(word))
        && ![Token::LParen, Token::LBracket, Token::Period].contains(&parser.peek_nth_token_ref(1).token)
        && !parser.peek_word_at(1, "ARRAY")
    {
        parser.advance_token();
        return Ok(DataType::Decimal(ExactNumberInfo::None));
    }
    let next = &parser.peek_token_ref().token;
    let qualified = parser.peek_symbol_at(1, &Token::Period);
    let ours = !qualified
        && match next {
            Token::Word(word) if word.quote_style.is_none() => {
                ["ARRAY", "MAP", "STRUCT"].iter().any(|word| opens_nested(parser, word))
                    || base_type(&word.value).is_some()
                    || keywords::is_reserved(&word.value)
                    || is_decimal(&word.value)
            }
            _ => false,
        };
    if ours { Ok(parse_sql_type(parser)?.to_ast()) } else { parser.parse_data_type() }
}

fn opens_nested(parser: &Parser<'_>, word: &str) -> bool {
    parser.peek_word(word) && parser.peek_symbol_at(1, &Token::Lt)
        // `STRUCT<>` has no fields; the tokenizer takes its brackets for an operator.
        || word == "STRUCT" && parser.peek_word(word) && parser.peek_symbol_at(1, &Token::Neq)
}

fn parse_angle_brackets(
    parser: &mut Parser<'_>,
    inner: impl FnOnce(&mut Parser<'_>) -> Result<SqlType, ParserError>,
) -> Result<SqlType, ParserError> {
    parser.advance_token();
    if parser.consume_token(&Token::Neq) {
        return Ok(SqlType::Struct(Vec::new()));
    }
    parser.expect_token(&Token::Lt)?;
    let data_type = inner(parser)?;
    parser.expect_token(&Token::Gt)?;
    Ok(data_type)
}

fn parse_fields(parser: &mut Parser<'_>) -> Result<SqlType, ParserError> {
    let mut fields: Vec<StructField> = Vec::new();
    if parser.peek_symbol_at(0, &Token::Gt) {
        return Ok(SqlType::Struct(fields));
    }
    loop {
        let name = parser.expect_column("the name of a field")?;
        let stored = stored_name(&name);
        let data_type = parse_sql_type(parser)?;
        if fields.iter().any(|field| field.name == stored) {
            return Err(carry(
                SqlError::new(
                    SqlErrorKind::Duplicate,
                    format!("Duplicate field names found in STRUCT: '{stored}'"),
                )
                .at(name.span),
            ));
        }
        fields.push(StructField::new(stored, data_type));
        if !parser.consume_token(&Token::Comma) {
            return Ok(SqlType::Struct(fields));
        }
    }
}

fn parse_named_type(parser: &mut Parser<'_>) -> Result<SqlType, ParserError> {
    let start = parser.here();
    let name = parser.expect_name("a type")?;
    if name.quote_style.is_none() {
        if is_decimal(&name.value) {
            return parse_decimal(parser).map_err(|error| match error {
                DecimalError::Syntax(error) => error,
                DecimalError::Digits(error) => carry(error.or_at(parser.span_from(start))),
            });
        }
        if name.value.eq_ignore_ascii_case("DOUBLE") {
            parser.take_word("PRECISION");
            return Ok(SqlType::Double);
        }
        if let Some(data_type) = base_type(&name.value) {
            parse_ignored_length(parser)?;
            return Ok(data_type);
        }
    }
    Ok(SqlType::Custom(stored_name(&name)))
}

fn base_type(name: &str) -> Option<SqlType> {
    Some(match name.to_ascii_uppercase().as_str() {
        "BOOLEAN" | "BOOL" => SqlType::Boolean,
        "INT" | "INTEGER" | "INT4" | "SMALLINT" | "INT2" => SqlType::Integer,
        "BIGINT" | "INT8" => SqlType::Bigint,
        "DOUBLE" | "FLOAT8" | "FLOAT" | "REAL" | "FLOAT4" => SqlType::Double,
        "STRING" | "VARCHAR" | "TEXT" | "CHAR" => SqlType::String,
        "BYTES" | "BYTEA" => SqlType::Bytes,
        "DATE" => SqlType::Date,
        "TIME" => SqlType::Time,
        "TIMESTAMP" => SqlType::Timestamp,
        _ => return None,
    })
}

fn is_decimal(name: &str) -> bool {
    ["DECIMAL", "DEC", "NUMERIC"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

enum DecimalError {
    Syntax(ParserError),
    Digits(SqlError),
}

impl From<ParserError> for DecimalError {
    fn from(error: ParserError) -> Self {
        DecimalError::Syntax(error)
    }
}

fn parse_decimal(parser: &mut Parser<'_>) -> Result<SqlType, DecimalError> {
    if !parser.consume_token(&Token::LParen) {
        return Err(DecimalError::Digits(
            SqlError::type_error("DECIMAL needs a precision and a scale")
                .with_hint("write DECIMAL(precision, scale), for example DECIMAL(10, 2)"),
        ));
    }
    let precision = parser.expect_count("the number of digits")?;
    let scale = if parser.consume_token(&Token::Comma) {
        parser.expect_count("the number of digits behind the point")?
    } else {
        0
    };
    parser.expect_token(&Token::RParen)?;
    SqlType::decimal(precision, scale).map_err(DecimalError::Digits)
}

/// `VARCHAR(10)`, `VARCHAR(STRING)`: a length is allowed and, as in ksqlDB, means nothing.
fn parse_ignored_length(parser: &mut Parser<'_>) -> Result<(), ParserError> {
    if !parser.consume_token(&Token::LParen) {
        return Ok(());
    }
    loop {
        let parameter = match &parser.peek_token_ref().token {
            Token::Number(_, _) => true,
            token => unquoted(token).is_some_and(|word| word.eq_ignore_ascii_case("STRING")),
        };
        if !parameter {
            return parser.unexpected("'STRING' or a whole number");
        }
        parser.advance_token();
        if !parser.consume_token(&Token::Comma) {
            return parser.expect_token(&Token::RParen).map(|_| ());
        }
    }
}
