//! `CREATE`, `ALTER` and `DROP`.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::ast::{
    AlterSource, ColumnDef, ColumnRole, CreateAsSelect, CreateFunction, CreateSource, DropSource,
    FunctionArgument, SettingScope, SourceKind, Statement,
};
use super::cursor::TokenCursor;
use super::data_type::parse_sql_type;
use super::identifier::{Name, quoted_name};
use super::select::{Purpose, parse_select};
use super::session::parse_assignment;
use super::show::no_connectors;
use super::syntax_error::carry;
use super::with_properties::parse_with_properties;
use crate::error::{SqlError, SqlErrorKind};

/// Reads a statement that begins with `CREATE`.
pub(crate) fn parse_create(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let start = parser.here();
    parser.expect_words(&["CREATE"])?;
    let or_replace = parser.take_words(&["OR", "REPLACE"]);
    if !or_replace && parser.take_word("TYPE") {
        return parse_create_type(parser);
    }
    if parser.take_word("FUNCTION") {
        return parse_create_function(parser, or_replace);
    }
    let read_only = parser.take_word("SOURCE");
    let kind = match parser.take_one_of(&["STREAM", "TABLE"]) {
        Some("STREAM") => SourceKind::Stream,
        Some(_) => SourceKind::Table,
        None => return not_created_here(parser, start),
    };
    let if_not_exists = parser.take_words(&["IF", "NOT", "EXISTS"]);
    let name = Name::from(parser.expect_name("a name")?);
    let elements =
        if parser.peek_symbol_at(0, &Token::LParen) { parse_elements(parser)? } else { Vec::new() };
    let properties = parse_with_properties(parser)?;
    if parser.peek_word("AS") {
        return parse_as_select(
            parser,
            CreateSource { or_replace, if_not_exists, read_only, kind, name, elements, properties },
        );
    }
    for column in &elements {
        check_role(column, kind)?;
    }
    Ok(Statement::CreateSource(CreateSource {
        or_replace,
        if_not_exists,
        read_only,
        kind,
        name,
        elements,
        properties,
    }))
}

/// The rest of `CREATE … name WITH (…) AS SELECT …`; `declared` is what was read before `AS`.
fn parse_as_select(parser: &mut Parser<'_>, declared: CreateSource) -> Result<Statement, ParserError> {
    if declared.read_only {
        return parser.unexpected("the end of the statement: what SOURCE declares has no query");
    }
    if let Some(column) = declared.elements.first() {
        return Err(carry(
            SqlError::syntax("CREATE … AS SELECT takes its columns from the query")
                .at(column.span)
                .with_hint("leave the column list out, and name columns in the query: SELECT x AS name"),
        ));
    }
    parser.expect_words(&["AS"])?;
    let query = parse_select(parser, Purpose::Persist)?;
    Ok(Statement::CreateAsSelect(Box::new(CreateAsSelect {
        or_replace: declared.or_replace,
        if_not_exists: declared.if_not_exists,
        kind: declared.kind,
        name: declared.name,
        properties: declared.properties,
        query,
    })))
}

fn parse_elements(parser: &mut Parser<'_>) -> Result<Vec<ColumnDef>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let elements = parser.parse_comma_separated(parse_column)?;
    parser.expect_token(&Token::RParen)?;
    for (index, column) in elements.iter().enumerate() {
        if elements[..index].iter().any(|earlier| earlier.name == column.name) {
            return Err(carry(
                SqlError::new(
                    SqlErrorKind::Duplicate,
                    format!("Duplicate column names: {}", quoted_name(&column.name.value)),
                )
                .at(column.name.span),
            ));
        }
    }
    Ok(elements)
}

/// Reads `name type [KEY | PRIMARY KEY | HEADERS | HEADER('key')]`.
pub(crate) fn parse_column(parser: &mut Parser<'_>) -> Result<ColumnDef, ParserError> {
    let start = parser.here();
    let name = Name::from(parser.expect_column("the name of a column")?);
    let data_type = parse_sql_type(parser)?;
    let role = if parser.take_word("KEY") {
        ColumnRole::Key
    } else if parser.take_words(&["PRIMARY", "KEY"]) {
        ColumnRole::PrimaryKey
    } else if parser.take_word("HEADERS") {
        ColumnRole::Headers
    } else if parser.take_word("HEADER") {
        parser.expect_token(&Token::LParen)?;
        let (key, _) = parser.expect_string("the key of a header as a string")?;
        parser.expect_token(&Token::RParen)?;
        ColumnRole::Header(key)
    } else {
        ColumnRole::Value
    };
    Ok(ColumnDef { name, data_type, role, span: parser.span_from(start) })
}

/// Keys of streams and of tables are declared with different words, because only the latter are
/// unique.
fn check_role(column: &ColumnDef, kind: SourceKind) -> Result<(), ParserError> {
    let (declared, instead, sources) = match (kind, &column.role) {
        (SourceKind::Table, ColumnRole::Key) => ("KEY", "PRIMARY KEY", "tables"),
        (SourceKind::Stream, ColumnRole::PrimaryKey) => ("PRIMARY KEY", "KEY", "streams"),
        _ => return Ok(()),
    };
    Err(carry(
        SqlError::invalid(format!(
            "Column `{}` is a '{declared}' column: please use '{instead}' for {sources}.",
            column.name.value
        ))
        .at(column.name.span)
        .with_detail(
            "Tables have PRIMARY KEYs, which are unique and NON NULL.\nStreams have KEYs, which have no \
             uniqueness or NON NULL constraints.",
        ),
    ))
}

fn parse_create_type(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let if_not_exists = parser.take_words(&["IF", "NOT", "EXISTS"]);
    let name = Name::from(parser.expect_name("the name of a type")?);
    parser.expect_words(&["AS"])?;
    let data_type = parse_sql_type(parser)?;
    Ok(Statement::CreateType { if_not_exists, name, data_type })
}

fn parse_create_function(parser: &mut Parser<'_>, or_replace: bool) -> Result<Statement, ParserError> {
    let if_not_exists = parser.take_words(&["IF", "NOT", "EXISTS"]);
    let name = Name::from(parser.expect_name("the name of a function")?);
    parser.expect_token(&Token::LParen)?;
    let arguments = parser.parse_comma_separated0(
        |parser| {
            Ok(FunctionArgument {
                name: parser.expect_name("the name of an argument")?.into(),
                data_type: parse_sql_type(parser)?,
            })
        },
        Token::RParen,
    )?;
    parser.expect_token(&Token::RParen)?;
    parser.expect_words(&["RETURNS"])?;
    let returns = parse_sql_type(parser)?;
    // Postgres wants the language named; there is only one.
    if parser.take_word("LANGUAGE") && !parser.take_word("SQL") {
        return parser.unexpected("SQL, the only language functions can be written in");
    }
    parser.expect_words(&["AS"])?;
    let (body, span) = parser.expect_string("the expression as a string")?;
    let expression = super::parse_expression(&body).map_err(|error| {
        carry(SqlError {
            detail: Some(format!("in the expression '{body}': {error}")),
            ..SqlError::syntax(format!("the body of function {name} is not an expression")).at(span)
        })
    })?;
    Ok(Statement::CreateFunction(CreateFunction {
        or_replace,
        if_not_exists,
        name,
        arguments,
        returns,
        body,
        expression: Box::new(expression),
    }))
}

fn not_created_here(
    parser: &mut Parser<'_>,
    start: sqlparser::tokenizer::Location,
) -> Result<Statement, ParserError> {
    let hint = match parser.take_one_of(&[
        "CONNECTOR",
        "SINK",
        "VIEW",
        "MATERIALIZED",
        "INDEX",
        "UNIQUE",
        "SCHEMA",
        "DATABASE",
        "USER",
        "ROLE",
        "EXTENSION",
        "SEQUENCE",
        "TRIGGER",
        "TEMP",
        "TEMPORARY",
    ]) {
        None => return parser.unexpected("STREAM, TABLE, TYPE or FUNCTION"),
        Some("VIEW" | "MATERIALIZED") => "CREATE TABLE … AS SELECT keeps the result of a query up to date",
        Some("CONNECTOR" | "SINK") => "produce to and consume from topics with any Kafka client",
        Some("INDEX" | "UNIQUE") => "a table is looked up by its primary key",
        Some(_) => "there are streams, tables, types and functions",
    };
    let what = parser.get_current_token().token.to_string().to_uppercase();
    Err(carry(
        SqlError::unsupported(format!("CREATE {what} is not supported")).at_location(start).with_hint(hint),
    ))
}

/// Reads a statement that begins with `DROP`.
pub(crate) fn parse_drop(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["DROP"])?;
    let what = match parser.take_one_of(&["STREAM", "TABLE", "TYPE", "FUNCTION"]) {
        Some(what) => what,
        None if parser.peek_word("CONNECTOR") => return no_connectors(parser),
        None => return parser.unexpected("STREAM, TABLE, TYPE or FUNCTION"),
    };
    let if_exists = parser.take_words(&["IF", "EXISTS"]);
    let name = Name::from(parser.expect_name("a name")?);
    let kind = match what {
        "STREAM" => SourceKind::Stream,
        "TABLE" => SourceKind::Table,
        "TYPE" => return Ok(Statement::DropType { if_exists, name }),
        _ => return Ok(Statement::DropFunction { if_exists, name }),
    };
    Ok(Statement::DropSource(DropSource {
        kind,
        name,
        if_exists,
        delete_topic: parser.take_words(&["DELETE", "TOPIC"]),
    }))
}

/// Reads a statement that begins with `ALTER`.
pub(crate) fn parse_alter(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    parser.expect_words(&["ALTER"])?;
    let kind = match parser.take_one_of(&["STREAM", "TABLE", "SYSTEM"]) {
        Some("STREAM") => SourceKind::Stream,
        Some("TABLE") => SourceKind::Table,
        Some(_) => {
            parser.take_word("SET");
            return parse_assignment(parser, SettingScope::System);
        }
        None => return parser.unexpected("STREAM, TABLE or SYSTEM"),
    };
    let name = Name::from(parser.expect_name("a name")?);
    let add_columns = parser.parse_comma_separated(|parser| {
        parser.expect_words(&["ADD"])?;
        // COLUMN may be left out, and may be the name of the column itself.
        if !matches!(parser.peek_nth_token_ref(2).token, Token::Comma | Token::EOF) {
            parser.take_word("COLUMN");
        }
        let start = parser.here();
        Ok(ColumnDef {
            name: parser.expect_column("the name of a column")?.into(),
            data_type: parse_sql_type(parser)?,
            role: ColumnRole::Value,
            span: parser.span_from(start),
        })
    })?;
    Ok(Statement::AlterSource(AlterSource { kind, name, add_columns }))
}
