//! Statements of a session: settings, variables, prepared statements.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{Execute, Prepare, SetVariable, SettingScope, SettingValue, Statement};
use super::cursor::{TokenCursor, unquoted};
use super::data_type::parse_sql_type;
use super::identifier::Name;
use super::show::parse_inner;
use super::with_properties::parse_property_value;

/// Reads `SET …` in ksqlDB's and Postgres's forms.
pub(crate) fn parse_set(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["SET"])?;
    if parser.take_words(&["SESSION", "CHARACTERISTICS", "AS", "TRANSACTION"]) {
        return Ok(parse_transaction_modes(parser, SettingScope::Session));
    }
    if parser.take_words(&["SESSION", "AUTHORIZATION"]) {
        let values = parse_setting_values(parser)?;
        return Ok(set(SettingScope::Session, "session_authorization", values));
    }
    let named = |parser: &Parser<'_>| !matches!(parser.peek_nth_token_ref(1).token, Token::Eq);
    let scope = if named(parser) && parser.take_word("LOCAL") {
        SettingScope::Transaction
    } else {
        if named(parser) && !parser.peek_word_at(1, "TO") {
            parser.take_word("SESSION");
        }
        SettingScope::Session
    };
    if named(parser) && parser.take_word("TRANSACTION") {
        return Ok(parse_transaction_modes(parser, SettingScope::Transaction));
    }
    if parser.take_words(&["TIME", "ZONE"]) {
        let values = parse_setting_values(parser)?;
        return Ok(set(scope, "TimeZone", values));
    }
    if named(parser) && parser.take_word("NAMES") {
        let values = parse_setting_values(parser)?;
        return Ok(set(scope, "client_encoding", values));
    }
    if named(parser) && !parser.peek_word_at(1, "TO") && parser.take_word("ROLE") {
        let values = parse_setting_values(parser)?;
        return Ok(set(scope, "role", values));
    }
    parse_assignment(parser, scope)
}

/// Reads `name = value, …` or `name TO value, …`.
pub(crate) fn parse_assignment(
    parser: &mut Parser<'_>,
    scope: SettingScope,
) -> Result<Statement, ParserError> {
    let is_property = matches!(parser.peek_token_ref().token, Token::SingleQuotedString(_));
    let name = parse_setting_name(parser)?;
    if !parser.take_word("TO") && !parser.consume_token(&Token::Eq) {
        return parser.unexpected("= or TO");
    }
    let values = parse_setting_values(parser)?;
    Ok(Statement::Set(SetVariable { scope, name, is_property, values }))
}

fn set(scope: SettingScope, name: &str, values: Vec<SettingValue>) -> Statement {
    Statement::Set(SetVariable { scope, name: name.to_owned(), is_property: false, values })
}

/// `ISOLATION LEVEL …, READ ONLY …`: each mode a bare word or words, kept as they were written.
fn parse_transaction_modes(parser: &mut Parser<'_>, scope: SettingScope) -> Statement {
    let mut values = Vec::new();
    let mut mode = String::new();
    while !parser.at_end() {
        let token = parser.next_token();
        if token.token == Token::Comma {
            values.push(SettingValue::Word(std::mem::take(&mut mode)));
            continue;
        }
        if !mode.is_empty() {
            mode.push(' ');
        }
        mode.push_str(&token.token.to_string());
    }
    if !mode.is_empty() {
        values.push(SettingValue::Word(mode));
    }
    set(scope, "transaction_characteristics", values)
}

/// A setting's name as it was written: a string, or words with dots between them.
pub(crate) fn parse_setting_name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    if matches!(parser.peek_token_ref().token, Token::SingleQuotedString(_)) {
        return parser.expect_string("a setting").map(|(name, _)| name);
    }
    if parser.take_words(&["TIME", "ZONE"]) {
        return Ok("TimeZone".to_owned());
    }
    if parser.take_words(&["TRANSACTION", "ISOLATION", "LEVEL"]) {
        return Ok("transaction_isolation".to_owned());
    }
    if parser.take_words(&["SESSION", "AUTHORIZATION"]) {
        return Ok("session_authorization".to_owned());
    }
    let mut name = parser.expect_name("the name of a setting")?.value;
    while parser.consume_token(&Token::Period) {
        name.push('.');
        name.push_str(&parser.expect_name("the name of a setting")?.value);
    }
    Ok(name)
}

fn parse_setting_values(parser: &mut Parser<'_>) -> Result<Vec<SettingValue>, ParserError> {
    if parser.take_word("DEFAULT") {
        return Ok(Vec::new());
    }
    parser.parse_comma_separated(parse_setting_value)
}

fn parse_setting_value(parser: &mut Parser<'_>) -> Result<SettingValue, ParserError> {
    let word = match &parser.peek_token_ref().token {
        token @ Token::Word(word) => {
            let literal = unquoted(token).is_some_and(|word| {
                ["TRUE", "FALSE", "NULL"].iter().any(|known| word.eq_ignore_ascii_case(known))
            });
            (!literal).then(|| word.value.clone())
        }
        _ => None,
    };
    match word {
        Some(word) => {
            parser.advance_token();
            Ok(SettingValue::Word(word))
        }
        None => parse_property_value(parser).map(SettingValue::Literal),
    }
}

/// Reads `UNSET 'name'` or `RESET name | ALL`.
pub(crate) fn parse_unset(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.take_one_of(&["UNSET", "RESET"]);
    if parser.take_word("ALL") {
        return Ok(Statement::Unset { name: None });
    }
    let start = parser.here();
    let value = parse_setting_name(parser)?;
    let name = Name { value, quoted: true, span: parser.span_from(start) };
    Ok(Statement::Unset { name: Some(name) })
}

/// Reads `DEFINE name = 'text'` or `UNDEFINE name`.
pub(crate) fn parse_variable(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let define = parser.take_word("DEFINE");
    if !define {
        parser.expect_words(&["UNDEFINE"])?;
    }
    let name = Name::from(parser.expect_name("the name of a variable")?);
    if !define {
        return Ok(Statement::Undefine { name });
    }
    parser.expect_token(&Token::Eq)?;
    let (value, _) = parser.expect_string("the variable's text as a string")?;
    Ok(Statement::Define { name, value })
}

/// Reads `RUN SCRIPT 'file'`.
pub(crate) fn parse_run_script(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["RUN", "SCRIPT"])?;
    let (path, _) = parser.expect_string("the file as a string")?;
    Ok(Statement::RunScript { path })
}

/// Reads `PREPARE name [(types)] AS statement`.
pub(crate) fn parse_prepare(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["PREPARE"])?;
    let name = Name::from(parser.expect_name("a name")?);
    let parameter_types = if parser.consume_token(&Token::LParen) {
        let types = parser.parse_comma_separated(parse_sql_type)?;
        parser.expect_token(&Token::RParen)?;
        types
    } else {
        Vec::new()
    };
    parser.expect_words(&["AS"])?;
    let statement = parse_inner(parser)?;
    Ok(Statement::Prepare(Box::new(Prepare { name, parameter_types, statement })))
}

/// Reads `EXECUTE name [(arguments)]`.
pub(crate) fn parse_execute(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["EXECUTE"])?;
    let name = Name::from(parser.expect_name("the name of a prepared statement")?);
    let arguments = if parser.consume_token(&Token::LParen) {
        let arguments = parser.parse_comma_separated0(Parser::parse_expr, Token::RParen)?;
        parser.expect_token(&Token::RParen)?;
        arguments
    } else {
        Vec::new()
    };
    Ok(Statement::Execute(Execute { name, arguments }))
}

/// Reads `DEALLOCATE [PREPARE] name | ALL` or `DISCARD what`.
pub(crate) fn parse_deallocate(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    if parser.take_word("DISCARD") {
        return match parser.take_one_of(&["ALL", "PLANS", "SEQUENCES", "TEMPORARY", "TEMP"]) {
            Some(what) => Ok(Statement::Discard { what: what.to_owned() }),
            None => parser.unexpected("ALL, PLANS, SEQUENCES or TEMP"),
        };
    }
    parser.expect_words(&["DEALLOCATE"])?;
    parser.take_word("PREPARE");
    let name = if parser.take_word("ALL") {
        None
    } else {
        Some(parser.expect_name("the name of a prepared statement")?.into())
    };
    Ok(Statement::Deallocate { name })
}

/// Reads `LISTEN channel` or `UNLISTEN channel | *`.
pub(crate) fn parse_listen(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    if parser.take_word("UNLISTEN") {
        let channel = if parser.consume_token(&Token::Mul) {
            None
        } else {
            Some(parser.expect_name("the name of a channel, or *")?.into())
        };
        return Ok(Statement::Unlisten { channel });
    }
    parser.expect_words(&["LISTEN"])?;
    let channel = parser.expect_name("the name of a channel")?.into();
    Ok(Statement::Listen { channel })
}
