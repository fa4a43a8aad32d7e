//! What a statement is to this door: the engine's, or one that is about the connection itself
//! (transactions, cursors, prepared statements, COPY).
//!
//! A statement's first word decides whether its meaning has to be known here; only then it is read, by
//! the one parser there is. Everything else, wrong text included, goes to the engine as it came.

use std::ops::Range;
use std::time::Duration;

use arrow::datatypes::DataType;
use tidemill_sql::parser::ast::{self, Close, CopySource};
use tidemill_sql::parser::identifier::Name;
use tidemill_sql::parser::parse_one;
use tidemill_sql::parser::scanner::{Lexeme, LexemeKind, lexemes};

use super::copy::CopyOptions;
use super::cursor::FetchRequest;
use super::failure::Failure;
use super::sqlstate::SqlState;

/// A statement, sorted.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Statement {
    /// No statement at all: spaces and comments.
    Empty,
    /// One for the engine.
    Engine {
        text: String,
        /// The word of the command tag, should it give rows.
        word: &'static str,
    },
    /// BEGIN, COMMIT and their kin.
    Transaction(ast::Transaction),
    /// DECLARE … CURSOR.
    Declare { cursor: String, binary: bool, hold: bool, query: String },
    /// FETCH.
    Fetch(FetchRequest),
    /// MOVE.
    Move(FetchRequest),
    /// CLOSE; `None` closes all.
    CloseCursor(Option<String>),
    /// COPY … TO STDOUT.
    Copy { query: String, options: CopyOptions },
    /// PREPARE.
    Prepare { name: String, parameter_types: Vec<Option<DataType>>, statement: Box<Statement> },
    /// EXECUTE, with the text of its arguments.
    Execute { name: String, arguments: Option<String> },
    /// DEALLOCATE; `None` forgets all.
    Deallocate(Option<String>),
    /// DISCARD; whether it discards everything or only plans, sequences or temporary tables, of which a
    /// connection has none.
    Discard { all: bool },
    /// UNLISTEN.
    Unlisten,
}

/// First words of the statements that may be about the connection.
const CONNECTION_WORDS: [&str; 18] = [
    "ABORT",
    "BEGIN",
    "CLOSE",
    "COMMIT",
    "COPY",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "END",
    "EXECUTE",
    "FETCH",
    "LISTEN",
    "MOVE",
    "PREPARE",
    "RELEASE",
    "ROLLBACK",
    "SAVEPOINT",
    "START",
];

/// First words, besides SELECT's, of statements that give rows.
const ROW_WORDS: [&str; 5] = ["SHOW", "LIST", "DESCRIBE", "EXPLAIN", "PRINT"];

impl Statement {
    /// Sorts the text of one statement.
    pub(super) fn read(text: &str) -> Result<Statement, Failure> {
        let Some(first_word) = first_word(text) else {
            return Ok(Statement::Empty);
        };
        let of_connection =
            CONNECTION_WORDS.iter().chain(&["UNLISTEN"]).any(|word| first_word.eq_ignore_ascii_case(word));
        let parsed = if of_connection { parse_one(text).ok() } else { None };
        match parsed {
            Some(parsed) => of_parsed(text, parsed.statement),
            None => Ok(engine_statement(text, first_word)),
        }
    }

    /// The text and word of a statement that the engine runs for it with the parameters given: itself, or
    /// the query inside.
    pub(super) fn query(&self) -> Option<&str> {
        match self {
            Statement::Engine { text, .. } => Some(text),
            Statement::Declare { query, .. } | Statement::Copy { query, .. } => Some(query),
            _ => None,
        }
    }
}

fn engine_statement(text: &str, first_word: &str) -> Statement {
    let word = ROW_WORDS.iter().find(|word| first_word.eq_ignore_ascii_case(word)).unwrap_or(&"SELECT");
    Statement::Engine { text: text.to_owned(), word }
}

fn of_parsed(text: &str, statement: ast::Statement) -> Result<Statement, Failure> {
    Ok(match statement {
        ast::Statement::Transaction(transaction) => Statement::Transaction(transaction),
        ast::Statement::DeclareCursor(declare) => Statement::Declare {
            cursor: folded(&declare.name),
            binary: declare.binary,
            hold: declare.hold,
            query: after_word(text, "FOR")?,
        },
        ast::Statement::Fetch(fetch) => Statement::Fetch(request(&fetch)),
        ast::Statement::Move(fetch) => Statement::Move(request(&fetch)),
        ast::Statement::Close(Close::Cursor(name)) => Statement::CloseCursor(Some(folded(&name))),
        ast::Statement::Close(Close::All) => Statement::CloseCursor(None),
        ast::Statement::Copy(copy) => copy_statement(text, &copy)?,
        ast::Statement::Prepare(prepare) => Statement::Prepare {
            name: folded(&prepare.name),
            parameter_types: prepare.parameter_types.iter().map(|given| given.to_arrow().ok()).collect(),
            statement: Box::new(Statement::read(&after_word(text, "AS")?)?),
        },
        ast::Statement::Execute(execute) => {
            Statement::Execute { name: folded(&execute.name), arguments: in_parentheses(text) }
        }
        ast::Statement::Deallocate { name } => Statement::Deallocate(name.as_ref().map(folded)),
        ast::Statement::Discard { what } => Statement::Discard { all: what == "ALL" },
        ast::Statement::Unlisten { .. } => Statement::Unlisten,
        ast::Statement::Listen { .. } => {
            return Err(Failure::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "LISTEN is not supported: nothing here notifies",
            )
            .with_hint("SELECT … EMIT CHANGES follows a stream or table live"));
        }
        _ => engine_statement(text, first_word(text).unwrap_or_default()),
    })
}

fn copy_statement(text: &str, copy: &ast::Copy) -> Result<Statement, Failure> {
    if !copy.to {
        return Err(Failure::new(SqlState::FEATURE_NOT_SUPPORTED, "COPY FROM STDIN is not supported")
            .with_hint("use INSERT INTO … VALUES, or produce to the topic over the Kafka protocol"));
    }
    let options = CopyOptions::read(&copy.options)?;
    let query = match &copy.source {
        CopySource::Query(_) => masked(text, inner(text)?),
        CopySource::Relation { name, columns } => {
            let columns: Vec<String> = columns.iter().map(Name::to_string).collect();
            let list = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
            format!("SELECT {list} FROM {name}")
        }
    };
    Ok(Statement::Copy { query, options })
}

fn request(fetch: &ast::Fetch) -> FetchRequest {
    FetchRequest {
        cursor: folded(&fetch.cursor),
        direction: fetch.direction,
        timeout: fetch.timeout_ms.map(Duration::from_millis),
    }
}

/// Names of cursors and prepared statements are Postgres' own, and follow its rule: lower case unless
/// quoted. Drivers give such names through the protocol, exactly, and use them in SQL without quotes.
fn folded(name: &Name) -> String {
    if name.quoted { name.value.clone() } else { name.value.to_lowercase() }
}

fn first_word(text: &str) -> Option<&str> {
    significant(text).next().map(|lexeme| &text[lexeme.range])
}

/// Lexemes that are no comment and no space.
fn significant(text: &str) -> impl Iterator<Item = Lexeme> + '_ {
    lexemes(text).filter(|lexeme| !matches!(lexeme.kind, LexemeKind::Whitespace | LexemeKind::Comment))
}

/// What stands behind a word outside of parentheses.
fn after_word(text: &str, word: &str) -> Result<String, Failure> {
    let mut depth = 0_usize;
    for lexeme in significant(text) {
        match lexeme.kind {
            LexemeKind::Open => depth += 1,
            LexemeKind::Close => depth = depth.saturating_sub(1),
            LexemeKind::Word if depth == 0 && text[lexeme.range.clone()].eq_ignore_ascii_case(word) => {
                return Ok(masked(text, lexeme.range.end..text.len()));
            }
            _ => {}
        }
    }
    Err(Failure::new(SqlState::SYNTAX_ERROR, format!("{word} is missing")))
}

/// Where the inside of the first parentheses is.
fn inner(text: &str) -> Result<Range<usize>, Failure> {
    let mut depth = 0_usize;
    let mut start = 0;
    for lexeme in significant(text) {
        match lexeme.kind {
            LexemeKind::Open => {
                if depth == 0 {
                    start = lexeme.range.end;
                }
                depth += 1;
            }
            LexemeKind::Close if depth == 1 => return Ok(start..lexeme.range.start),
            LexemeKind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Err(Failure::new(SqlState::SYNTAX_ERROR, "parentheses are missing"))
}

/// What stands in the first parentheses, if it is more than nothing.
fn in_parentheses(text: &str) -> Option<String> {
    let range = inner(text).ok()?;
    first_word(&text[range.clone()])?;
    Some(text[range].to_owned())
}

/// A part of a text with everything before it blanked out, so that positions in it are those of the
/// whole.
fn masked(text: &str, range: Range<usize>) -> String {
    let blank = text[..range.start].chars().map(|character| if character == '\n' { '\n' } else { ' ' });
    let mut masked: String = blank.collect();
    masked.push_str(&text[range]);
    masked
}

#[cfg(test)]
mod tests {
    use tidemill_sql::parser::ast::{FetchDirection, Transaction};

    use super::*;

    fn read(text: &str) -> Statement {
        Statement::read(text).expect("is a statement")
    }

    #[test]
    fn statements_of_the_connection_are_told_from_the_engines() {
        assert_eq!(read("begin"), Statement::Transaction(Transaction::Begin));
        assert_eq!(read("/* only a comment */ "), Statement::Empty);
        let text = "show streams";
        assert_eq!(read(text), Statement::Engine { text: text.to_owned(), word: "SHOW" });
        assert!(matches!(read("with a as (select 1) table a"), Statement::Engine { word: "SELECT", .. }));
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_engine_to_explain() {
        assert!(matches!(read("fetch me some"), Statement::Engine { .. }));
    }

    #[test]
    fn the_query_of_a_cursor_keeps_its_place_in_the_text() {
        let text = "DECLARE \"C\" CURSOR WITH HOLD\nFOR SELECT a FROM b EMIT CHANGES";
        let Statement::Declare { cursor, hold, query, .. } = read(text) else {
            panic!("is no cursor");
        };
        assert_eq!((cursor.as_str(), hold), ("C", true));
        assert_eq!(query.find("SELECT"), text.find("SELECT"));
        assert_eq!(query.trim(), "SELECT a FROM b EMIT CHANGES");
    }

    #[test]
    fn names_without_quotes_are_lower_case() {
        let expected =
            FetchRequest { cursor: "mine".to_owned(), direction: FetchDirection::Count(10), timeout: None };
        assert_eq!(read("FETCH FORWARD 10 FROM Mine"), Statement::Fetch(expected));
    }

    #[test]
    fn copy_takes_the_query_between_the_parentheses() {
        let statement = read("COPY (SELECT ')' FROM (SELECT 1) a) TO STDOUT WITH (FORMAT csv)");
        assert_eq!(statement.query().map(str::trim), Some("SELECT ')' FROM (SELECT 1) a"));
        assert!(matches!(read("COPY orders TO STDOUT"), Statement::Copy { .. }));
        assert!(Statement::read("COPY orders FROM STDIN").is_err());
    }

    #[test]
    fn prepared_statements_carry_statement_and_arguments() {
        let Statement::Prepare { name, statement, .. } = read("PREPARE p AS SELECT $1") else {
            panic!("is no PREPARE");
        };
        assert_eq!(name, "p");
        assert_eq!(statement.query().map(str::trim), Some("SELECT $1"));
        let expected = Statement::Execute { name: "p".to_owned(), arguments: Some("1, f(2)".to_owned()) };
        assert_eq!(read("EXECUTE p(1, f(2))"), expected);
        assert_eq!(read("EXECUTE p"), Statement::Execute { name: "p".to_owned(), arguments: None });
    }
}
