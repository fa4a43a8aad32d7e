//! Which statement it is: the first words decide which grammar reads the rest.

use sqlparser::parser::{Parser, ParserError};

use super::ast::{SelectBody, Statement};
use super::complexity::TreeGauge;
use super::cursor::{TokenCursor, unquoted};
use super::syntax_error::{carry, excerpt};
use super::{copy, create, insert, keywords, literal, select, session, show, transaction};
use crate::error::SqlError;

/// Reads a statement and checks it against the limits.
pub(crate) fn parse_statement(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let statement = parse_any(parser)?;
    check(&statement).map_err(carry)?;
    Ok(statement)
}

/// Reads a statement; other statements can contain one, and check it with themselves.
pub(crate) fn parse_any(parser: &mut Parser<'_>) -> Result<Statement, ParserError> {
    let start = parser.here();
    if parser.peek_symbol_at(0, &sqlparser::tokenizer::Token::LParen) {
        return select::parse_query_statement(parser);
    }
    let word = unquoted(&parser.peek_token_ref().token).map(str::to_ascii_uppercase);
    match word.as_deref() {
        Some("SELECT" | "WITH" | "VALUES" | "TABLE") => select::parse_query_statement(parser),
        Some("CREATE") => create::parse_create(parser),
        Some("DROP") => create::parse_drop(parser),
        Some("ALTER") => create::parse_alter(parser),
        Some("INSERT") => insert::parse_insert(parser),
        Some("SHOW" | "LIST") => show::parse_show(parser),
        Some("DESCRIBE") => show::parse_describe(parser),
        Some("EXPLAIN") => show::parse_explain(parser),
        Some("PRINT") => show::parse_print(parser),
        Some("TERMINATE" | "PAUSE" | "RESUME") => show::parse_query_control(parser),
        Some("ASSERT") => show::parse_assert(parser),
        Some("SET") => session::parse_set(parser),
        Some("UNSET" | "RESET") => session::parse_unset(parser),
        Some("DEFINE" | "UNDEFINE") => session::parse_variable(parser),
        Some("RUN") => session::parse_run_script(parser),
        Some("PREPARE") => session::parse_prepare(parser),
        Some("EXECUTE") => session::parse_execute(parser),
        Some("DEALLOCATE" | "DISCARD") => session::parse_deallocate(parser),
        Some("LISTEN" | "UNLISTEN") => session::parse_listen(parser),
        Some("BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE") => {
            transaction::parse_transaction(parser)
        }
        Some("DECLARE") => transaction::parse_declare(parser),
        Some("FETCH" | "MOVE") => transaction::parse_fetch(parser),
        Some("CLOSE") => transaction::parse_close(parser),
        Some("COPY") => copy::parse_copy(parser),
        Some(word) => Err(carry(unknown_statement(word).at_location(start))),
        None => parser.unexpected("a statement"),
    }
}

fn unknown_statement(word: &str) -> SqlError {
    match instead_of(word) {
        Some(hint) => SqlError::unsupported(format!("{word} statements are not supported")).with_hint(hint),
        None => SqlError::syntax(format!("Unknown statement '{}'", excerpt(word)))
            .with_suggestion(word, keywords::STATEMENT_STARTS.iter().copied()),
    }
}

/// What to do instead of a statement other databases have.
fn instead_of(word: &str) -> Option<&'static str> {
    Some(match word {
        "UPDATE" | "MERGE" => {
            "a table's row is replaced by inserting a row with the same key: INSERT INTO … VALUES …"
        }
        "DELETE" | "TRUNCATE" => {
            "a table's row is deleted by a record with its key and a null value in the table's topic"
        }
        "GRANT" | "REVOKE" => "there are no privileges to grant: listeners accept local connections only",
        "ANALYZE" | "VACUUM" | "CLUSTER" | "REINDEX" | "CHECKPOINT" => "nothing of the kind is needed here",
        "LOCK" | "NOTIFY" | "CALL" | "DO" | "COMMENT" | "REFRESH" | "USE" | "SPOOL" => {
            "see SHOW, DESCRIBE, CREATE, INSERT and SELECT for what there is"
        }
        _ => return None,
    })
}

/// Checks all expressions and queries of a statement against the limits, and their literals.
fn check(statement: &Statement) -> Result<(), SqlError> {
    let mut gauge = TreeGauge::default();
    for tree in statement.trees() {
        tree.visit(&mut gauge)?;
    }
    statement.queries().into_iter().try_for_each(|query| match &query.body {
        SelectBody::Ksql(select) => literal::check_select(select),
        SelectBody::General(_) => Ok(()),
    })
}
