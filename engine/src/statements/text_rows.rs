//! Answers of SHOW, DESCRIBE and EXPLAIN: a few rows of text and numbers.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use futures::stream;

use crate::error::Result;
use crate::response::{Response, Rows};

/// A cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Text; `None` is NULL.
    Text(Option<String>),
    /// A number; `None` is NULL.
    Number(Option<i64>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(Some(text.to_owned()))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(Some(text))
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Cell {
        Cell::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Cell {
        Cell::Number(i64::try_from(number).ok())
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Cell {
        Cell::Number(Some(number))
    }
}

/// Columns of an answer: a name, and whether it holds numbers.
pub type Columns = &'static [(&'static str, DataType)];

/// The schema of an answer.
#[must_use]
pub fn schema(columns: Columns) -> Arc<Schema> {
    let fields: Vec<Field> =
        columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// An answer of rows.
///
/// # Errors
/// A bug: cells that do not fit their columns.
pub fn rows(columns: Columns, rows: Vec<Vec<Cell>>) -> Result<Response> {
    let schema = schema(columns);
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .enumerate()
        .map(|(index, (_, data_type))| -> ArrayRef {
            let cells = rows.iter().map(|row| row.get(index));
            if *data_type == DataType::Int64 {
                let numbers = cells.map(|cell| match cell {
                    Some(Cell::Number(number)) => *number,
                    _ => None,
                });
                Arc::new(numbers.collect::<Int64Array>())
            } else {
                let texts = cells.map(|cell| match cell {
                    Some(Cell::Text(text)) => text.clone(),
                    Some(Cell::Number(Some(number))) => Some(number.to_string()),
                    _ => None,
                });
                Arc::new(texts.collect::<StringArray>())
            }
        })
        .collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays)?;
    let batches: Vec<Result<RecordBatch>> = if batch.num_rows() == 0 { Vec::new() } else { vec![Ok(batch)] };
    Ok(Response::Rows(Rows::finite(schema, Box::pin(stream::iter(batches)))))
}

/// A command that is done.
#[must_use]
pub fn done(tag: impl Into<String>, message: impl Into<String>) -> Response {
    Response::Done { tag: tag.into(), message: Some(message.into()) }
}
