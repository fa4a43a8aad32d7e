//! DataFusion's errors in this engine's terms: the kind, the message without DataFusion's own words, and
//! where in the statement it is.

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use tidemill_sql::error::closest;

use crate::error::{Error, ErrorKind, Position};

/// Columns that a hint lists; of more than that it names none.
const COLUMNS_LISTED_MAX: usize = 20;

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Error {
        let mut told = told(&error);
        told.position = told.position.or_else(|| position(&error));
        told
    }
}

/// The name of the relation that an error says does not exist, without its database and schema.
pub(crate) fn unknown_relation(error: &DataFusionError) -> Option<&str> {
    match error.find_root() {
        DataFusionError::Plan(message) => {
            let name = message.strip_prefix("table '")?.strip_suffix("' not found")?;
            Some(name.rsplit('.').next().unwrap_or(name))
        }
        _ => None,
    }
}

fn told(error: &DataFusionError) -> Error {
    let root = error.find_root();
    if let Some(name) = unknown_relation(error) {
        return Error::new(ErrorKind::NotFound, format!("'{name}' does not exist"));
    }
    match root {
        // An error of the engine on its way through.
        DataFusionError::External(inner) => match inner.downcast_ref::<Error>() {
            Some(inner) => inner.clone(),
            None => Error::internal(inner.to_string()),
        },
        DataFusionError::SchemaError(wrong, _) => wrong_name(wrong),
        DataFusionError::Plan(message) if message.starts_with("Invalid function") => {
            unknown_function(message)
        }
        DataFusionError::SQL(wrong, _) => Error::new(ErrorKind::Syntax, wrong.to_string()),
        DataFusionError::Plan(message) => Error::new(ErrorKind::Invalid, message),
        DataFusionError::NotImplemented(message) => Error::new(ErrorKind::Unsupported, message),
        DataFusionError::Execution(message) => Error::new(ErrorKind::Evaluation, message),
        DataFusionError::ArrowError(wrong, _) => Error::new(ErrorKind::Evaluation, wrong.to_string()),
        DataFusionError::ResourcesExhausted(message) => Error::new(ErrorKind::LimitExceeded, message),
        DataFusionError::IoError(wrong) => Error::new(ErrorKind::Io, wrong.to_string()),
        _ => Error::internal(error.strip_backtrace()),
    }
}

fn wrong_name(wrong: &SchemaError) -> Error {
    match wrong {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let error =
                Error::new(ErrorKind::UnknownColumn, format!("column '{}' does not exist", written(field)));
            let mut names: Vec<&str> = valid_fields.iter().map(Column::name).collect();
            names.dedup();
            match closest(&field.name, names.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                None if (1..=COLUMNS_LISTED_MAX).contains(&names.len()) => {
                    error.with_hint(format!("columns are {}", names.join(", ")))
                }
                None => error,
            }
        }
        SchemaError::AmbiguousReference { field } => {
            let message = format!("column reference '{}' is ambiguous", field.name);
            Error::new(ErrorKind::UnknownColumn, message).with_hint("write the name of its source before it")
        }
        SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => {
            Error::new(ErrorKind::AlreadyExists, wrong.to_string())
        }
    }
}

/// A column as the statement has it: with its source, without database and schema.
fn written(column: &Column) -> String {
    match &column.relation {
        Some(relation) => format!("{}.{}", relation.table(), column.name),
        None => column.name.clone(),
    }
}

/// DataFusion says `Invalid function 'x'.` and on a second line which one may have been meant.
fn unknown_function(message: &str) -> Error {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    let name = quoted.next().unwrap_or_default();
    let error = Error::new(ErrorKind::UnknownFunction, format!("there is no function '{name}'"));
    match quoted.next().filter(|near| closest(name, [*near]).is_some()) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error.with_hint("SHOW FUNCTIONS lists those of continuous queries"),
    }
}

fn position(error: &DataFusionError) -> Option<Position> {
    let of_column = match error.find_root() {
        DataFusionError::SchemaError(wrong, _) => match wrong.as_ref() {
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
    Some(Position {
        line: u32::try_from(start.line).ok()?,
        column: u32::try_from(start.column).ok()?,
        offset: 0,
    })
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

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
        assert_eq!((kind, message.as_str()), (ErrorKind::Evaluation, "Divide by zero error"));
    }
}
