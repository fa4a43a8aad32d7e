//! Text to statements.
//!
//! Text is split at its semicolons ([`split`]), each statement is measured before anything recursive
//! sees it ([`complexity`]), made into tokens by sqlparser's tokenizer in our [`dialect`], and read
//! by the grammar of the modules beside this one. Expressions and Postgres's general `SELECT` are
//! sqlparser's grammar with the additions of [`expression`]. What comes out is [`ast`].
//!
//! The parser knows no catalog: whether a name exists or types fit is decided later.

pub mod ast;
pub mod complexity;
mod copy;
mod correction;
mod create;
mod cursor;
mod data_type;
mod dialect;
pub mod expression;
pub mod highlight;
pub mod identifier;
mod insert;
pub mod keywords;
mod literal;
pub mod scanner;
mod select;
mod session;
mod show;
mod split;
mod statement;
mod syntax_error;
mod tokens;
mod transaction;
pub mod variables;
mod window_clause;
mod with_properties;

#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod grammar_tests;
#[cfg(test)]
mod limit_tests;

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, TokenWithSpan};

pub use split::{Split, StatementText, split};

use crate::error::{Position, SqlError};
use crate::type_system::SqlType;
use ast::{Expr, Statement};
use complexity::LexemeGauge;
use cursor::TokenCursor;
use dialect::TidemillDialect;
use scanner::LexemeKind;
use syntax_error::explain;
use tokens::tokenize;

/// Levels of sqlparser's own recursion a statement may take. A level of our measure is at most a few
/// of sqlparser's; beyond this it gives up with [`ParserError::RecursionLimitExceeded`].
const RECURSION_LIMIT: usize = 4 * complexity::MAX_DEPTH;

/// A statement with the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The statement.
    pub statement: Statement,
    /// Its own text, without the semicolon and without what stands around it.
    pub text: String,
    /// Where in the whole text it stands. Every position and span in the statement counts from the
    /// beginning of the whole text too.
    pub span: Span,
}

/// Reads all statements of `text`. One that is wrong makes the whole text wrong: nothing is to be
/// executed of a script that does not parse.
pub fn parse(text: &str) -> Result<Vec<Parsed>, SqlError> {
    complexity::check_text(text)?;
    check_comments(text)?;
    let Split { statements, remainder } = split(text);
    statements
        .into_iter()
        .chain(remainder)
        .map(|piece| {
            let (statement, span) = parse_piece(&piece, statement::parse_statement)?;
            Ok(Parsed { statement, text: piece.text.to_owned(), span })
        })
        .collect()
}

/// Reads the one statement of `text`.
pub fn parse_one(text: &str) -> Result<Parsed, SqlError> {
    let mut statements = parse(text)?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (Some(statement), false) => Err(SqlError::syntax("more than one statement").at(statement.span)),
        (None, _) => Err(SqlError::syntax("no statement")),
    }
}

/// Reads one expression, as a computed column or a function's body has it.
pub fn parse_expression(text: &str) -> Result<Expr, SqlError> {
    let expr = parse_whole(text, |parser| parser.parse_expr())?;
    complexity::TreeGauge::default().add(&expr)?;
    Ok(expr)
}

/// Reads the query that stands at `span` of `text` with the general grammar, also one that fits ksqlDB's:
/// reading what is there now is the same in both, and only one of them has to be executed. Positions
/// count from the beginning of `text`.
pub fn parse_general(text: &str, span: Span) -> Result<ast::GeneralQuery, SqlError> {
    let piece = piece_at(text, span)?;
    let (query, _) = parse_piece(&piece, select::parse_general_query)?;
    complexity::TreeGauge::default().add(&query)?;
    Ok(query)
}

/// Reads the query that stands at `span` of `text` with ksqlDB's grammar alone: tells what keeps a query of
/// the general grammar from being one of ksqlDB's. Positions count from the beginning of `text`.
pub fn parse_ksql(text: &str, span: Span) -> Result<ast::SelectStatement, SqlError> {
    let piece = piece_at(text, span)?;
    parse_piece(&piece, select::parse_ksql_query).map(|(query, _)| query)
}

/// Reads the one query of `text` as Postgres does, without our additions: what clients ask the catalogs
/// of the server is written for Postgres alone.
pub fn parse_postgres(text: &str) -> Result<ast::GeneralQuery, SqlError> {
    complexity::check_text(text)?;
    let Split { statements, remainder } = split(text);
    let mut pieces = statements.into_iter().chain(remainder);
    let (Some(piece), None) = (pieces.next(), pieces.next()) else {
        return Err(SqlError::syntax("this is not one statement"));
    };
    let dialect = TidemillDialect::postgres_for_tokens;
    let (query, _) = parse_piece_in(&piece, dialect, |parser| parser.parse_query())?;
    complexity::TreeGauge::default().add(query.as_ref())?;
    Ok(*query)
}

/// Reads one type.
pub fn parse_type(text: &str) -> Result<SqlType, SqlError> {
    parse_whole(text, data_type::parse_sql_type)
}

/// Reads the column list of a declaration, without the parentheses around it: `ID INT KEY, NAME
/// STRING`.
pub fn parse_columns(text: &str) -> Result<Vec<ast::ColumnDef>, SqlError> {
    parse_whole(text, |parser| parser.parse_comma_separated(create::parse_column))
}

/// The part of a text that stands at `span`.
fn piece_at(text: &str, span: Span) -> Result<StatementText<'_>, SqlError> {
    complexity::check_text(text)?;
    let byte = |location| Position::from_location(location).map(|place| place.byte_offset(text));
    let range = byte(span.start).unwrap_or(0)..byte(span.end).unwrap_or(text.len());
    let cut = text.get(range.clone()).ok_or_else(|| SqlError::internal("a query outside of its text"))?;
    Ok(StatementText { text: cut, range, start: span.start })
}

fn parse_whole<T>(
    text: &str,
    grammar: impl Fn(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<T, SqlError> {
    complexity::check_text(text)?;
    let piece = StatementText::whole(text);
    parse_piece(&piece, grammar).map(|(result, _)| result)
}

/// Reads what `grammar` says from one piece of text, to its end.
fn parse_piece<T>(
    piece: &StatementText<'_>,
    grammar: impl Fn(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<(T, Span), SqlError> {
    parse_piece_in(piece, TidemillDialect::for_tokens, grammar)
}

/// Reads what `grammar` says in a dialect; `dialect` makes it for a number of tokens.
fn parse_piece_in<T>(
    piece: &StatementText<'_>,
    dialect: impl Fn(usize) -> TidemillDialect,
    grammar: impl Fn(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<(T, Span), SqlError> {
    measure(piece)?;
    let tokens = tokenize(piece)?;
    let end = tokens.last().map_or(piece.start, |token| token.span.end);
    let span = Span::new(piece.start, end);
    let read = |tokens: Vec<TokenWithSpan>| {
        let dialect = dialect(tokens.len());
        let mut parser =
            Parser::new(&dialect).with_recursion_limit(RECURSION_LIMIT).with_tokens_with_locations(tokens);
        let result = grammar(&mut parser).and_then(|result| match parser.at_end() {
            true => Ok(result),
            false => parser.unexpected("the end of the statement"),
        });
        let tokens = parser.into_tokens();
        let result = result.map_err(|error| explain(error, &tokens, end, dialect.furthest()));
        (result, tokens)
    };
    match read(tokens) {
        (Ok(result), _) => Ok((result, span)),
        (Err(error), tokens) => Err(correction::suggest(error, &tokens, |tokens| read(tokens).0.map(|_| ()))),
    }
}

/// Refuses a comment without an end, which may belong to no statement and would hide what was to follow.
fn check_comments(text: &str) -> Result<(), SqlError> {
    if !text.contains("/*") {
        return Ok(());
    }
    let is_open = |lexeme: &scanner::Lexeme| lexeme.kind == LexemeKind::Comment && !lexeme.terminated;
    match scanner::lexemes(text).find(is_open) {
        Some(comment) => {
            let place = StatementText::whole(text).location_of(comment.range.start);
            Err(SqlError::syntax("the comment that begins here has no end").at_location(place))
        }
        None => Ok(()),
    }
}

/// Refuses a piece of text that is too long or too deeply nested to be tokenized and parsed, or has a
/// quote that is never closed.
fn measure(piece: &StatementText<'_>) -> Result<(), SqlError> {
    let mut gauge = LexemeGauge::default();
    for lexeme in scanner::lexemes(piece.text) {
        let place = || piece.location_of(lexeme.range.start);
        gauge.add(piece.text, &lexeme).map_err(|error| error.at_location(place()))?;
        if !lexeme.terminated {
            let what = match lexeme.kind {
                LexemeKind::QuotedName => "quoted name",
                LexemeKind::Comment => "comment",
                LexemeKind::Variable => "variable",
                _ => "string",
            };
            return Err(
                SqlError::syntax(format!("the {what} that begins here has no end")).at_location(place())
            );
        }
    }
    Ok(())
}
