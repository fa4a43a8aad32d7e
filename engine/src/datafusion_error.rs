//! DataFusion's errors in the engine's terms: a kind, a sentence for people, a place and a hint.
//!
//! DataFusion tells some errors as values and most as text. What is known of its texts stands here and
//! nowhere else; one that is not known is passed on as it is, without the words around it.

use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError as Df;
use tidemill_sql::Position;
use tidemill_sql::analyzer::other_dialects;
use tidemill_sql::error::closest;

use crate::error::{Error, ErrorKind};
use crate::sql_words::in_sql_words;

/// What there is that could have been meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Streams and tables, as the session shows them.
    pub(crate) relations: Vec<String>,
    /// Functions.
    pub(crate) functions: Vec<String>,
}

/// Columns that a hint lists; of more than that it names none.
const COLUMNS_LISTED_MAX: usize = 20;

impl From<Df> for Error {
    fn from(error: Df) -> Error {
        explain(&error, &Names::default())
    }
}

/// The error for people.
#[must_use]
pub(crate) fn explain(error: &Df, names: &Names) -> Error {
    let explained = match error.find_root() {
        Df::SchemaError(schema, _) => explain_schema(schema),
        Df::External(inner) => match inner.downcast_ref::<Error>() {
            Some(own) => own.clone(),
            None => Error::internal(inner.to_string()),
        },
        Df::ArrowError(arrow, _) => Error::new(arrow_kind(arrow), arrow_message(arrow)),
        Df::SQL(parser, _) => Error::new(ErrorKind::Syntax, parser.to_string()),
        Df::Plan(text) => explain_plan(text, names),
        Df::NotImplemented(text) if text.starts_with("Unsupported CAST") => {
            Error::new(ErrorKind::Type, in_sql_words(text))
        }
        Df::NotImplemented(text) => Error::new(ErrorKind::Unsupported, in_sql_words(text)),
        Df::Execution(text) => Error::new(ErrorKind::Evaluation, in_sql_words(text)),
        Df::ResourcesExhausted(text) => Error::new(ErrorKind::LimitExceeded, text.clone()),
        Df::IoError(io) => Error::new(ErrorKind::Io, io.to_string()),
        other => Error::new(ErrorKind::Internal, other.strip_backtrace()),
    };
    if explained.position.is_some() { explained } else { explained.at(position(error)) }
}

fn position(error: &Df) -> Option<Position> {
    let of_column = match error.find_root() {
        Df::SchemaError(wrong, _) => match wrong.as_ref() {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => {
                field.spans().first()
            }
            SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => {
                None
            }
        },
        _ => None,
    };
    let start = of_column.or_else(|| error.diagnostic()?.span)?.start;
    // Line 0 is the place of what stands nowhere.
    (start.line > 0).then_some(())?;
    Some(Position { line: u32::try_from(start.line).ok()?, column: u32::try_from(start.column).ok()? })
}

/// The column or function that an error is about: where its first mention stands is where the error is.
#[must_use]
pub(crate) fn named(error: &Error) -> Option<&str> {
    match error.kind {
        ErrorKind::UnknownColumn => between(&error.message, "'", "'"),
        ErrorKind::UnknownFunction => between(&error.message, "there is no function ", "("),
        _ => None,
    }
}

/// The text in double quotes that an error is about.
#[must_use]
pub(crate) fn quoted(error: &Error) -> Option<&str> {
    between(&error.message, "\"", "\"")
}

/// The text of a literal that was to be read as a value and is none.
#[must_use]
pub(crate) fn literal_that_is_no_value(error: &Error) -> Option<&str> {
    between(&error.message, "Cannot cast string '", "' to value of")
}

fn explain_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => unknown_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            let message = format!("column reference '{}' is ambiguous", field.name);
            Error::new(ErrorKind::UnknownColumn, message).with_hint("write the name of its source before it")
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => duplicate_column(name),
    }
}

fn unknown_column(field: &Column, valid: &[Column]) -> Error {
    let tables = || valid.iter().filter_map(|column| column.relation.as_ref()).map(|table| table.table());
    if let Some(table) = field.relation.as_ref().map(|table| table.table())
        && !tables().any(|other| other == table)
    {
        let message = format!("there is no '{table}' in FROM");
        let error = Error::new(ErrorKind::NotFound, message);
        let mut others: Vec<&str> = tables().collect();
        others.dedup();
        return match others.as_slice() {
            [only] if is_plain(only) && is_plain(&field.name) => {
                error.with_hint(format!("did you mean '{only}.{}'?", field.name))
            }
            [only] => {
                error.with_hint(format!("did you mean {}.{}?", as_written(only), as_written(&field.name)))
            }
            _ => suggest(error, table, others),
        };
    }
    // Without database and schema, as the statement has it.
    let written = match &field.relation {
        Some(relation) => format!("{}.{}", relation.table(), field.name),
        None => field.name.clone(),
    };
    let error = Error::new(ErrorKind::UnknownColumn, format!("column '{written}' does not exist"));
    let of_table =
        valid.iter().filter(|column| field.relation.is_none() || column.relation == field.relation);
    let mut candidates: Vec<&str> = Vec::new();
    for column in of_table {
        // ORDER BY finds a column in what is selected and again in its source.
        if !candidates.contains(&column.name.as_str()) {
            candidates.push(&column.name);
        }
    }
    match candidates.iter().find(|name| name.eq_ignore_ascii_case(&field.name)) {
        Some(quoted) => error.with_hint(format!("write it in double quotes: \"{quoted}\"")),
        None => {
            let listed: Vec<String> = candidates.iter().map(|name| as_written(name)).collect();
            let listed = listed.join(", ");
            let error = suggest(error, &field.name, candidates.iter().copied());
            match error.hint {
                None if (1..=COLUMNS_LISTED_MAX).contains(&candidates.len()) => {
                    error.with_hint(format!("columns are {listed}"))
                }
                _ => error,
            }
        }
    }
}

fn explain_plan(text: &str, names: &Names) -> Error {
    if let Some(table) = between(text, "table '", "' not found") {
        let table = table.rsplit('.').next().unwrap_or(table);
        let error = Error::new(ErrorKind::NotFound, format!("'{table}' does not exist"));
        let error = suggest(error, table, names.relations.iter().map(String::as_str));
        return match error.hint {
            Some(_) => error,
            None => error.with_hint("SHOW STREAMS and SHOW TABLES list what exists"),
        };
    }
    if let Some(function) = between(text, "Invalid function '", "'") {
        let error = Error::new(ErrorKind::UnknownFunction, format!("there is no function '{function}'"));
        if let Some(written) = other_dialects::function(function) {
            return error.with_hint(format!("write {written}"));
        }
        let meant = between(text, "Did you mean '", "'");
        let error = suggest(error, function, names.functions.iter().map(String::as_str).chain(meant));
        return match error.hint {
            Some(_) => error,
            None => error.with_hint("SHOW FUNCTIONS lists those of continuous queries"),
        };
    }
    if let Some(call) = between(text, "given name and argument types '", "'. You") {
        let message = format!("there is no function {}", in_sql_words(call));
        return Error::new(ErrorKind::UnknownFunction, message)
            .with_hint("there is one of that name, with other arguments: CAST may help");
    }
    if let Some(column) = between(text, "While expanding wildcard, column \"", "\" must appear") {
        let message = format!("column '{column}' must be in GROUP BY or in an aggregate function");
        return Error::new(ErrorKind::Invalid, message);
    }
    if let Some(name) =
        between(text, "Projections require unique expression names but the expression \"", "\"")
    {
        return duplicate_column(name.rsplit('.').next().unwrap_or(name));
    }
    if text.starts_with("Substring without for/from") {
        return Error::new(ErrorKind::Invalid, "SUBSTRING needs a place to begin at or a length")
            .with_hint("write SUBSTRING(text, position), or SUBSTRING(text FROM position FOR length)");
    }
    let types = ["Cannot create filter with non-boolean", "type_coercion"];
    let kind =
        if types.iter().any(|start| text.contains(start)) { ErrorKind::Type } else { ErrorKind::Invalid };
    explain_operands(text).unwrap_or_else(|| Error::new(kind, in_sql_words(text)))
}

/// The error for an operator between values of types that it does not take.
fn explain_operands(text: &str) -> Option<Error> {
    let explained = |operation: &str, what: &str, hint: &str| {
        let message = format!("'{}' {what}", in_sql_words(operation.trim()));
        Error::new(ErrorKind::Type, message).with_hint(hint)
    };
    let behind = |start: &str| text.split_once(start).map(|(_, operation)| operation);
    if let Some(operation) = behind("Cannot coerce arithmetic expression ") {
        let operation = operation.split(" to valid types").next().unwrap_or(operation);
        let joins_texts = operation.contains("Utf8 + Utf8");
        let hint = if joins_texts { "|| joins texts" } else { "CAST what is no number to one" };
        return Some(explained(operation, "cannot be computed", hint));
    }
    if let Some(operation) = behind("Cannot infer common argument type for comparison operation ") {
        return Some(explained(operation, "cannot be compared", "CAST one of them to the type of the other"));
    }
    behind("Cannot infer common argument type for logical boolean operation ")
        .map(|operation| explained(operation, "is no condition", "AND and OR stand between BOOLEANs"))
}

fn duplicate_column(name: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("two columns of the result are called '{name}'"))
        .with_hint("give one of them a name of its own with AS")
}

fn arrow_kind(error: &ArrowError) -> ErrorKind {
    match error {
        ArrowError::DivideByZero => ErrorKind::DivisionByZero,
        ArrowError::CastError(_) | ArrowError::ParseError(_) => ErrorKind::InvalidText,
        _ => ErrorKind::Evaluation,
    }
}

fn arrow_message(error: &ArrowError) -> String {
    match error {
        ArrowError::DivideByZero => "division by zero".to_owned(),
        ArrowError::CastError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::ArithmeticOverflow(text)
        | ArrowError::ParseError(text)
        | ArrowError::InvalidArgumentError(text) => in_sql_words(text),
        other => other.to_string(),
    }
}

fn suggest<'a>(error: Error, found: &str, candidates: impl IntoIterator<Item = &'a str>) -> Error {
    match closest(found, candidates) {
        Some(candidate) if is_plain(candidate) => error.with_hint(format!("did you mean '{candidate}'?")),
        Some(candidate) => error.with_hint(format!("did you mean {}?", as_written(candidate))),
        None => error,
    }
}

/// A name as it has to be written in a statement.
fn as_written(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether a name means itself without quotes: letters of one case, digits and underscores.
fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (name == name.to_ascii_lowercase() || name == name.to_ascii_uppercase())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    #[test]
    fn a_table_that_is_not_there_gets_the_name_that_may_have_been_meant() {
        let names = Names { relations: vec!["orders".to_owned()], functions: Vec::new() };
        let error = explain(&Df::Plan("table 'tidemill.public.oders' not found".to_owned()), &names);
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert_eq!(error.message, "'oders' does not exist");
        assert_eq!(error.hint.as_deref(), Some("did you mean 'orders'?"));
    }

    #[test]
    fn an_error_of_the_engine_comes_back_as_it_was() {
        let own = Error::new(ErrorKind::Corrupt, "a stored row is damaged").with_hint("restore it");
        let back = explain(&Df::External(Box::new(own.clone())), &Names::default());
        assert_eq!((back.kind, back.message, back.hint), (own.kind, own.message, own.hint));
    }

    #[tokio::test]
    async fn names_that_need_quotes_are_told_with_them() {
        let context = SessionContext::new();
        let create = r#"CREATE TABLE "Big Orders" AS SELECT 1 AS "Unit Price", 2 AS id"#;
        context.sql(create).await.expect("is made");
        let context = &context;
        let hint = |statement: &'static str| async move {
            let error = context.sql(statement).await.map(|_| ()).expect_err("is wrong");
            let names = Names { relations: vec!["Big Orders".to_owned()], functions: Vec::new() };
            explain(&error, &names).hint.expect("a hint")
        };
        assert_eq!(hint(r#"SELECT q FROM "Big Orders""#).await, r#"columns are "Unit Price", id"#);
        assert_eq!(hint(r#"SELECT "Unit Prise" FROM "Big Orders""#).await, r#"did you mean "Unit Price"?"#);
        assert_eq!(hint(r#"SELECT * FROM "Big Order""#).await, r#"did you mean "Big Orders"?"#);
    }

    #[test]
    fn types_are_named_as_in_sql() {
        let text = "Cannot coerce arithmetic expression Utf8 * Int64 to valid types".to_owned();
        let error = explain(&Df::Plan(text), &Names::default());
        assert_eq!(error.kind, ErrorKind::Type);
        assert_eq!(error.message, "'STRING * BIGINT' cannot be computed");
        assert_eq!(error.hint.as_deref(), Some("CAST what is no number to one"));
    }

    #[test]
    fn who_adds_texts_is_told_how_they_are_joined() {
        let text = "Cannot coerce arithmetic expression Utf8 + Utf8 to valid types".to_owned();
        let error = explain(&Df::Plan(text), &Names::default());
        assert_eq!(error.message, "'STRING + STRING' cannot be computed");
        assert_eq!(error.hint.as_deref(), Some("|| joins texts"));
    }

    /// Kind, message, hint, line and column of what is wrong with a statement over a table of one row.
    async fn wrong(statement: &str) -> (ErrorKind, String, Option<String>, Option<(u32, u32)>) {
        let mut config = SessionConfig::new();
        config.options_mut().sql_parser.collect_spans = true;
        let context = SessionContext::new_with_config(config);
        context.sql("CREATE TABLE orders AS SELECT 1 AS id, 2 AS amount").await.expect("is made");
        let frame = match context.sql(statement).await {
            Ok(frame) => frame.collect().await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = Error::from(frame.expect_err("is wrong"));
        let place = error.position.map(|position| (position.line, position.column));
        (error.kind, error.message, error.hint, place)
    }

    #[tokio::test]
    async fn names_that_do_not_exist_are_told_with_their_place_and_what_may_have_been_meant() {
        let (kind, message, hint, place) = wrong("SELECT id,\n  amont FROM orders").await;
        assert_eq!((kind, message.as_str()), (ErrorKind::UnknownColumn, "column 'amont' does not exist"));
        assert_eq!((hint.as_deref(), place), (Some("did you mean 'amount'?"), Some((2, 3))));
        let (kind, message, _, place) = wrong("SELECT * FROM nowhere").await;
        assert_eq!((kind, message.as_str()), (ErrorKind::NotFound, "'nowhere' does not exist"));
        assert_eq!(place, Some((1, 15)));
        let (kind, message, _, place) = wrong("SELECT a.id FROM orders a, orders b WHERE id = 1").await;
        assert_eq!(
            (kind, message.as_str()),
            (ErrorKind::UnknownColumn, "column reference 'id' is ambiguous")
        );
        assert_eq!(place, Some((1, 43)));
    }

    #[tokio::test]
    async fn functions_that_do_not_exist_are_told() {
        let (kind, message, hint, place) = wrong("SELECT coun(id) FROM orders").await;
        assert_eq!((kind, message.as_str()), (ErrorKind::UnknownFunction, "there is no function 'coun'"));
        assert_eq!((hint.as_deref(), place), (Some("did you mean 'count'?"), Some((1, 8))));
    }

    #[tokio::test]
    async fn values_that_cannot_be_computed_are_told_without_the_machinery() {
        let (kind, message, ..) = wrong("SELECT 1 / (id - 1) FROM orders").await;
        assert_eq!((kind, message.as_str()), (ErrorKind::DivisionByZero, "division by zero"));
    }
}
