//! `COPY`.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{Copy, CopySource, PropertyValue, Statement};
use super::cursor::TokenCursor;
use super::identifier::Name;
use super::insert::parse_name_list;
use super::select::{Purpose, parse_select};
use super::with_properties::parse_property_value;

/// Reads `COPY name [(columns)] | (query) TO STDOUT | FROM STDIN [[WITH] options]`.
pub(crate) fn parse_copy(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["COPY"])?;
    let source = if parser.consume_token(&Token::LParen) {
        let query = parse_select(parser, Purpose::Read)?;
        parser.expect_token(&Token::RParen)?;
        CopySource::Query(query)
    } else {
        CopySource::Relation {
            name: Name::from(parser.expect_name("the name of a stream or table")?),
            columns: parse_name_list(parser)?,
        }
    };
    let from_allowed = matches!(source, CopySource::Relation { .. });
    let to = if parser.take_words(&["TO", "STDOUT"]) {
        true
    } else if from_allowed && parser.take_words(&["FROM", "STDIN"]) {
        false
    } else if from_allowed {
        return parser.unexpected("TO STDOUT or FROM STDIN");
    } else {
        return parser.unexpected("TO STDOUT");
    };
    let options = parse_options(parser)?;
    Ok(Statement::Copy(Box::new(Copy { source, to, options })))
}

/// `(FORMAT csv, HEADER)`, or the older `CSV HEADER` without parentheses.
fn parse_options(parser: &mut Parser<'_>) -> Result<Vec<(String, PropertyValue)>, ParserError> {
    parser.take_word("WITH");
    if parser.consume_token(&Token::LParen) {
        let options = parser.parse_comma_separated(|parser| {
            let name = parse_option_name(parser)?;
            Ok((name, parse_option_value(parser)?))
        })?;
        parser.expect_token(&Token::RParen)?;
        return Ok(options);
    }
    let mut options = Vec::new();
    while !parser.at_end() {
        let option = parse_option_name(parser)?;
        options.push(match option.as_str() {
            "CSV" | "BINARY" | "TEXT" => ("FORMAT".to_owned(), PropertyValue::String(option.to_lowercase())),
            "HEADER" => (option, PropertyValue::Boolean(true)),
            _ => {
                parser.take_word("AS");
                (option, parse_option_value(parser)?)
            }
        });
    }
    Ok(options)
}

/// The name of an option in upper case. NULL is one, which no other name can be.
fn parse_option_name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    if parser.take_word("NULL") {
        return Ok("NULL".to_owned());
    }
    Ok(parser.expect_name("an option")?.value.to_uppercase())
}

fn parse_option_value(parser: &mut Parser<'_>) -> Result<PropertyValue, ParserError> {
    match &parser.peek_token_ref().token {
        Token::Comma | Token::RParen | Token::EOF => Ok(PropertyValue::Null),
        Token::Word(word)
            if !["TRUE", "FALSE", "NULL"].iter().any(|known| word.value.eq_ignore_ascii_case(known)) =>
        {
            let value = PropertyValue::String(word.value.clone());
            parser.advance_token();
            Ok(value)
        }
        _ => parse_property_value(parser),
    }
}
