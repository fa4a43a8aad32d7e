//! Work that may wait for the disk, kept off the threads that serve connections.

use tidemill_engine::{Error, Result};

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        // A panic in one request is that request's error; a cancelled task means the server stops.
        Err(error) => Err(Error::internal(format!("a task of the Kafka door ended early: {error}"))),
    }
}
