//! Statements that look at and control what runs.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{
    AssertSchema, AssertTopic, Assertion, DescribeTarget, Explain, ExplainTarget, PrintTopic, QueryTarget,
    Show, ShowWhat, Statement,
};
use super::cursor::{TokenCursor, unquoted};
use super::keywords::LISTED;
use super::session::parse_setting_name;
use super::statement::parse_any;
use super::syntax_error::carry;
use super::window_clause::parse_duration;
use super::with_properties::parse_with_properties;
use crate::error::{SYNTAX_ERROR_NEAR, SqlError};

/// Reads `SHOW …` or `LIST …`. What ksqlDB does not list is a Postgres setting.
pub(crate) fn parse_show(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let settings_too = parser.take_word("SHOW");
    if !settings_too {
        parser.expect_words(&["LIST"])?;
    }
    let ahead = usize::from(parser.peek_word("SOURCE") || parser.peek_word("SINK"));
    if parser.peek_word_at(ahead, "CONNECTORS") || parser.peek_words(&["CONNECTOR", "PLUGINS"]) {
        return no_connectors(parser);
    }
    if parser.peek_word("CREATE") {
        let error = SqlError::unsupported("SHOW CREATE is not supported").at_location(parser.here());
        return Err(carry(error.with_hint("DESCRIBE name EXTENDED shows the statement that made it")));
    }
    let what = if parser.take_words(&["ALL", "TOPICS"]) {
        ShowWhat::Topics { all: true }
    } else {
        match parser.take_one_of(&LISTED) {
            Some("STREAMS") => ShowWhat::Streams,
            Some("TABLES") => ShowWhat::Tables,
            Some("TOPICS") => ShowWhat::Topics { all: false },
            Some("QUERIES") => ShowWhat::Queries,
            Some("FUNCTIONS") => ShowWhat::Functions,
            Some("PROPERTIES") => ShowWhat::Properties,
            Some("TYPES") => ShowWhat::Types,
            Some(_) => ShowWhat::Variables,
            None if settings_too && parser.take_word("ALL") => ShowWhat::AllSettings,
            None if settings_too => ShowWhat::Setting(parse_setting_name(parser)?),
            None => return parser.unexpected(&format!("one of {}", LISTED.join(", "))),
        }
    };
    let extended = parser.take_word("EXTENDED");
    Ok(Statement::Show(Show { what, extended }))
}

/// What statements about connectors get.
pub(crate) fn no_connectors<T>(parser: &Parser<'_>) -> Result<T, ParserError> {
    let error = SqlError::unsupported("there are no connectors").at_location(parser.here());
    Err(carry(error.with_hint("produce to and consume from topics with any Kafka client")))
}

/// Reads `DESCRIBE …`.
pub(crate) fn parse_describe(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["DESCRIBE"])?;
    // FUNCTION, STREAMS and TABLES may also be the name of a source.
    let names_follow = |parser: &Parser<'_>| matches!(parser.peek_nth_token_ref(1).token, Token::Word(_));
    // EXTENDED stood before the name in ksqlDB's older versions.
    let is_older_form = parser.peek_word("EXTENDED") && names_follow(parser) && parser.take_word("EXTENDED");
    let target = if parser.peek_word("CONNECTOR") && names_follow(parser) {
        return no_connectors(parser);
    } else if parser.peek_word("FUNCTION") && names_follow(parser) {
        parser.advance_token();
        DescribeTarget::Function(parser.expect_name("the name of a function")?.into())
    } else if parser.take_word("STREAMS") {
        DescribeTarget::Streams
    } else if parser.take_word("TABLES") {
        DescribeTarget::Tables
    } else {
        DescribeTarget::Source(parser.expect_name("the name of a stream or table")?.into())
    };
    let extended = parser.take_word("EXTENDED") || is_older_form;
    Ok(Statement::Describe { target, extended })
}

/// Reads `EXPLAIN [ANALYZE] statement | query id`, with Postgres's options in either form.
pub(crate) fn parse_explain(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["EXPLAIN"])?;
    let mut analyze = false;
    if parser.peek_symbol_at(0, &Token::LParen) && !parser.peek_word_at(1, "SELECT") {
        parser.advance_token();
        let options = parser.parse_comma_separated(|parser| {
            let option = parser.expect_name("an option")?.value.to_ascii_uppercase();
            let off = parser.take_word("FALSE") || parser.take_word("OFF");
            if !off && !matches!(parser.peek_token_ref().token, Token::Comma | Token::RParen) {
                parser.advance_token();
            }
            Ok((option, !off))
        })?;
        parser.expect_token(&Token::RParen)?;
        analyze = options.iter().any(|(option, on)| option == "ANALYZE" && *on);
    } else {
        analyze |= parser.take_word("ANALYZE");
        parser.take_word("VERBOSE");
    }
    let is_id = parser.peek_nth_token_ref(1).token == Token::EOF
        && !parser.peek_word("COMMIT")
        && matches!(parser.peek_token_ref().token, Token::Word(_));
    let target = if is_id {
        ExplainTarget::Query(parser.expect_name("a statement or the id of a query")?.into())
    } else {
        ExplainTarget::Statement(parse_inner(parser)?)
    };
    Ok(Statement::Explain(Box::new(Explain { analyze, target })))
}

/// Reads a statement inside of another one; only one level of that makes sense.
pub(crate) fn parse_inner(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let start = parser.here();
    for word in ["EXPLAIN", "PREPARE"] {
        if parser.peek_word(word) {
            return Err(carry(
                SqlError::syntax(format!("{word} cannot stand inside of another statement"))
                    .at_location(start),
            ));
        }
    }
    parse_any(parser)
}

/// Reads `TERMINATE | PAUSE | RESUME id | ALL`.
pub(crate) fn parse_query_control(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let word = parser.take_one_of(&["TERMINATE", "PAUSE", "RESUME"]);
    // Older ksqlDB had QUERY between the two.
    if matches!(parser.peek_nth_token_ref(1).token, Token::Word(_)) {
        parser.take_word("QUERY");
    }
    let target = if parser.take_word("ALL") {
        QueryTarget::All
    } else {
        QueryTarget::Id(parser.expect_name("the id of a query, or ALL")?.into())
    };
    Ok(match word {
        Some("PAUSE") => Statement::Pause(target),
        Some("RESUME") => Statement::Resume(target),
        _ => Statement::Terminate(target),
    })
}

/// Reads `PRINT topic …`.
pub(crate) fn parse_print(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["PRINT"])?;
    let topic = parse_resource(parser, "the name of a topic")?;
    let from_beginning = parser.take_words(&["FROM", "BEGINNING"]);
    let interval = match parser.take_one_of(&["INTERVAL", "SAMPLE"]) {
        Some(_) => Some(parser.expect_count("a number of records")?),
        None => None,
    };
    let limit =
        if parser.take_word("LIMIT") { Some(parser.expect_count("a number of records")?) } else { None };
    Ok(Statement::Print(PrintTopic { topic, from_beginning, interval, limit }))
}

/// Reads `ASSERT [NOT EXISTS] TOPIC | SCHEMA …`.
pub(crate) fn parse_assert(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["ASSERT"])?;
    let exists = !parser.take_words(&["NOT", "EXISTS"]);
    match parser.take_one_of(&["TOPIC", "SCHEMA"]) {
        Some("TOPIC") => {
            let topic = parse_resource(parser, "the name of a topic")?;
            let properties = parse_with_properties(parser)?;
            Ok(Statement::AssertTopic(AssertTopic {
                assertion: parse_assertion(parser, exists)?,
                topic,
                properties,
            }))
        }
        Some(_) => {
            let subject = if parser.take_word("SUBJECT") {
                Some(parse_resource(parser, "the name of a subject")?)
            } else {
                None
            };
            let id =
                if parser.take_word("ID") { Some(parser.expect_count("the id of a schema")?) } else { None };
            Ok(Statement::AssertSchema(AssertSchema {
                assertion: parse_assertion(parser, exists)?,
                subject,
                id,
            }))
        }
        None => match unquoted(&parser.peek_token_ref().token) {
            Some(word) if ["STREAM", "TABLE", "VALUES", "NULL"].contains(&word.to_uppercase().as_str()) => {
                let error = SqlError::syntax(format!("{SYNTAX_ERROR_NEAR}'{word}'"));
                Err(carry(
                    error.at_location(parser.here()).with_detail("expected TOPIC or SCHEMA").with_hint(
                        "what streams and tables are to hold is asserted by cases of `tidemill test`",
                    ),
                ))
            }
            _ => parser.unexpected("TOPIC or SCHEMA"),
        },
    }
}

fn parse_assertion(parser: &mut Parser<'_>, exists: bool) -> Result<Assertion, ParserError> {
    let timeout = if parser.take_word("TIMEOUT") {
        let timeout = parse_duration(parser)?;
        Some((timeout.amount, timeout.unit))
    } else {
        None
    };
    Ok(Assertion { exists, timeout })
}

/// A topic or subject: a string, or a name taken exactly as it was written.
fn parse_resource(parser: &mut Parser<'_>, what: &str) -> Result<String, ParserError> {
    if matches!(parser.peek_token_ref().token, Token::SingleQuotedString(_)) {
        return parser.expect_string(what).map(|(name, _)| name);
    }
    parser.expect_name(what).map(|name| name.value)
}
