//! Statements answered by an engine opened in this process.

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use futures::StreamExt;
use tidemill_engine::{Dialect, Engine, Error, Response, Session, SessionOptions};

use super::backend::{Answer, Backend, Failure, Row};

/// An engine of this process and a session in it.
pub(crate) struct Embedded {
    engine: Engine,
    session: Session,
}

impl Embedded {
    /// Opens a session.
    pub(crate) fn new(engine: Engine) -> Embedded {
        let options = SessionOptions {
            user: "tidemill".to_owned(),
            database: "tidemill".to_owned(),
            backend_id: 0,
            dialect: Dialect::Ksql,
        };
        Embedded { session: engine.session(options), engine }
    }
}

#[async_trait]
impl Backend for Embedded {
    async fn execute(&mut self, statement: &str) -> Result<Answer, Failure> {
        match self.session.execute(statement, &[]).await? {
            Response::Done { tag, message } => Ok(Answer::Done(message.unwrap_or(tag))),
            Response::Rows(rows) => {
                let columns = rows.schema.fields().iter().map(|field| field.name().clone()).collect();
                let rows = rows.stream.map(|batch| cells(&batch?)).boxed();
                Ok(Answer::Rows { columns, rows })
            }
        }
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        // Dropping the rows has ended the query.
        Ok(())
    }

    fn notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    async fn close(&mut self) -> Result<(), Failure> {
        Ok(self.engine.shutdown().await?)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure {
            message: error.message,
            place: error.position.map(|position| (position.line, position.column)),
            detail: error.detail,
            hint: error.hint,
        }
    }
}

/// The rows of a batch as texts.
fn cells(batch: &RecordBatch) -> Result<Vec<Row>, Failure> {
    let options = FormatOptions::default().with_null("null");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(error.to_string()))?;
    let row = |row: usize| {
        let cells = batch.columns().iter().zip(&columns);
        cells.map(|(column, texts)| (!column.is_null(row)).then(|| texts.value(row).to_string())).collect()
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_batch_becomes_rows_that_tell_null_from_text() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "null"]));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(cells(&batch).unwrap(), [[text("1"), text("a")], [None, text("null")]]);
    }
}
