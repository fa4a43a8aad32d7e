//! `WITH (NAME = value, …)`.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{Property, PropertyValue, WithProperties};
use super::cursor::TokenCursor;
use super::syntax_error::carry;
use crate::error::{SqlError, SqlErrorKind};

/// Reads the `WITH` clause if it is next.
pub(crate) fn parse_with_properties(parser: &mut Parser<'_>) -> Result<WithProperties, ParserError> {
    let mut properties = WithProperties::default();
    if !(parser.peek_word("WITH") && parser.peek_symbol_at(1, &Token::LParen)) {
        return Ok(properties);
    }
    parser.advance_token();
    parser.advance_token();
    loop {
        let property = parse_property(parser)?;
        if properties.get(&property.name).is_some() {
            return Err(carry(
                SqlError::new(
                    SqlErrorKind::Duplicate,
                    format!("Duplicate property in WITH: '{}'", property.name),
                )
                .at(property.name_span),
            ));
        }
        properties.entries.push(property);
        if !parser.consume_token(&Token::Comma) {
            parser.expect_token(&Token::RParen)?;
            return Ok(properties);
        }
    }
}

fn parse_property(parser: &mut Parser<'_>) -> Result<Property, ParserError> {
    let start = parser.here();
    let name = match parser.peek_token().token {
        Token::SingleQuotedString(name) => {
            parser.advance_token();
            name
        }
        _ => parser.expect_name("the name of a property")?.value,
    };
    let name_span = parser.span_from(start);
    parser.expect_token(&Token::Eq)?;
    let start = parser.here();
    let value = parse_property_value(parser)?;
    Ok(Property { name: name.to_uppercase(), value, name_span, value_span: parser.span_from(start) })
}

/// Reads a literal: string, number with sign, boolean or `NULL`.
pub(crate) fn parse_property_value(parser: &mut Parser<'_>) -> Result<PropertyValue, ParserError> {
    if let Some(word) = parser.take_one_of(&["TRUE", "FALSE", "NULL"]) {
        return Ok(match word {
            "TRUE" => PropertyValue::Boolean(true),
            "FALSE" => PropertyValue::Boolean(false),
            _ => PropertyValue::Null,
        });
    }
    let negative = matches!(
        (&parser.peek_token_ref().token, &parser.peek_nth_token_ref(1).token),
        (Token::Minus, Token::Number(_, _))
    );
    if negative {
        parser.advance_token();
    }
    if let Token::Number(digits, _) = &parser.peek_token_ref().token {
        let number = format!("{}{digits}", if negative { "-" } else { "" });
        parser.advance_token();
        return Ok(PropertyValue::Number(number));
    }
    let (text, _) = parser.expect_string("a string, a number, TRUE, FALSE or NULL")?;
    Ok(PropertyValue::String(text))
}
