//! Statements in sessions of an engine in memory, with answers as lines of text: what tests of several parts
//! of the engine share.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use crate::engine::{Engine, EngineOptions};
use crate::error::Result;
use crate::response::Response;
use crate::session::{Dialect, Session, SessionOptions};

/// An engine in memory.
pub(crate) fn engine() -> Engine {
    Engine::open(EngineOptions { workers: 2, ..EngineOptions::default() }).expect("an engine")
}

/// A session of the user `ada` in the database `mill`.
pub(crate) fn session(engine: &Engine, dialect: Dialect) -> Session {
    engine.session(SessionOptions {
        user: "ada".to_owned(),
        database: "mill".to_owned(),
        backend_id: 0,
        dialect,
    })
}

/// Runs a statement; gives the sentence of a command, or rows as of [`lines`].
pub(crate) async fn run(
    session: &mut Session,
    text: &str,
    parameters: &[ScalarValue],
) -> Result<Vec<String>> {
    match session.execute(text, parameters).await? {
        Response::Done { tag, message } => Ok(vec![message.unwrap_or(tag)]),
        Response::Rows(rows) => {
            let batches: Vec<RecordBatch> = rows.stream.try_collect().await?;
            Ok(batches.iter().flat_map(lines).collect())
        }
    }
}

/// Rows as `a|b`, null as `∅`.
pub(crate) fn lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("∅");
    let columns: Vec<_> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).expect("can be shown"))
        .collect();
    let line = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}
