//! Queries over what is there now on the threads for queries: the threads of the doors only pass on.
//!
//! Between the two stands a bounded channel, so that a query waits for a client that does not read.
//! Dropping the rows, or whatever waits for the first of them, ends the query.

use std::future::Future;

use datafusion::execution::SendableRecordBatchStream;
use futures::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::error::{Error, ErrorKind, Result};
use crate::response::Rows;

/// Batches that are ready before the client takes them: one is sent while the next is computed.
const CHANNEL_BATCHES: usize = 2;

/// Does work on the threads for queries; dropping the future ends it.
///
/// # Errors
/// `Unavailable` where the server stops.
pub(super) async fn run_on<T: Send + 'static>(
    compute: &Handle,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T> {
    let mut task = JoinSet::new();
    task.spawn_on(work, compute);
    match task.join_next().await {
        Some(done) => done.map_err(|error| unfinished(&error)),
        None => Err(Error::internal("a task was started and is not there")),
    }
}

/// The rows of a running query, computed on the threads for queries.
pub(super) fn rows(compute: &Handle, mut batches: SendableRecordBatchStream) -> Rows {
    let schema = batches.schema();
    let (sender, receiver) = mpsc::channel(CHANNEL_BATCHES);
    // The set ends its task when it is dropped.
    let mut task = JoinSet::new();
    task.spawn_on(
        async move {
            while let Some(batch) = batches.next().await {
                let is_last = batch.is_err();
                let is_empty = batch.as_ref().is_ok_and(|batch| batch.num_rows() == 0);
                if !is_empty && sender.send(batch.map_err(Error::from)).await.is_err() || is_last {
                    break;
                }
            }
        },
        compute,
    );
    let stream = stream::unfold((receiver, task), |(mut receiver, mut task)| async move {
        if let Some(batch) = receiver.recv().await {
            return Some((batch, (receiver, task)));
        }
        // The task is over. One that broke off must not look like the end of the rows.
        let error = task.join_next().await?.err()?;
        Some((Err(unfinished(&error)), (receiver, task)))
    });
    Rows::finite(schema, stream.boxed())
}

fn unfinished(error: &JoinError) -> Error {
    if error.is_cancelled() {
        Error::new(ErrorKind::Unavailable, "the server stops")
    } else {
        Error::internal(format!("a query ended early: {error}"))
    }
}

#[cfg(test)]
#[path = "result_rows_tests.rs"]
mod tests;
