//! `INSERT INTO`.

use sqlparser::ast::Expr;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{InsertSelect, InsertValues, Statement};
use super::cursor::TokenCursor;
use super::identifier::Name;
use super::select::{Purpose, parse_select};
use super::with_properties::parse_with_properties;

/// Reads a statement that begins with `INSERT`.
pub(crate) fn parse_insert(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["INSERT", "INTO"])?;
    let target = Name::from(parser.expect_name("the name of a stream or table")?);
    let columns = parse_name_list(parser)?;
    let properties = parse_with_properties(parser)?;
    if properties.is_empty() && parser.take_word("VALUES") {
        let rows = parser.parse_comma_separated(parse_row)?;
        return Ok(Statement::InsertValues(InsertValues { target, columns, rows }));
    }
    let query = parse_select(parser, Purpose::Persist)?;
    Ok(Statement::InsertSelect(Box::new(InsertSelect { target, columns, properties, query })))
}

/// Reads `(a, b)` if it is next.
pub(crate) fn parse_name_list(parser: &mut Parser<'_>) -> Result<Vec<Name>, ParserError> {
    let is_list = parser.peek_symbol_at(0, &Token::LParen)
        && !["SELECT", "WITH", "VALUES"].iter().any(|word| parser.peek_word_at(1, word));
    if !is_list {
        return Ok(Vec::new());
    }
    parser.advance_token();
    let names = parser
        .parse_comma_separated(|parser| parser.expect_column("the name of a column").map(Name::from))?;
    parser.expect_token(&Token::RParen)?;
    Ok(names)
}

fn parse_row(parser: &mut Parser<'_>) -> Result<Vec<Expr>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let row = parser.parse_comma_separated0(Parser::parse_expr, Token::RParen)?;
    parser.expect_token(&Token::RParen)?;
    Ok(row)
}
