//! Rows on their way from a query to its session.
//!
//! The channel is bounded in batches and in bytes: a session that does not read stops the rounds of
//! its query, and nothing piles up.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Batches on their way.
const BATCHES_MAX: usize = 16;

/// Bytes on their way. More would only wait: the rows of a round are sent at once. A batch that is
/// larger goes alone.
const BYTES_MAX: usize = 1 << 20;

/// A batch with its part of the room.
type Queued = (RecordBatch, Option<OwnedSemaphorePermit>);

/// The query's end.
pub struct SessionSender {
    batches: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
}

/// The session's end.
pub struct SessionReceiver {
    batches: mpsc::Receiver<Queued>,
}

/// The session takes no more rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gone;

/// A channel.
#[must_use]
pub fn channel() -> (SessionSender, SessionReceiver) {
    let (sender, receiver) = mpsc::channel(BATCHES_MAX);
    let sender = SessionSender { batches: sender, room: Arc::new(Semaphore::new(BYTES_MAX)) };
    (sender, SessionReceiver { batches: receiver })
}

impl SessionSender {
    /// Sends a batch, once there is room for it.
    ///
    /// # Errors
    /// The session has gone.
    pub async fn send(&self, batch: RecordBatch) -> Result<(), Gone> {
        let bytes = u32::try_from(batch_bytes(&batch).min(BYTES_MAX)).unwrap_or(u32::MAX);
        let room = tokio::select! {
            room = self.room.clone().acquire_many_owned(bytes) => room.ok(),
            () = self.batches.closed() => return Err(Gone),
        };
        self.batches.send((batch, room)).await.map_err(|_| Gone)
    }

    /// Waits until the session takes no more rows.
    pub async fn closed(&self) {
        self.batches.closed().await;
    }

    /// Whether the session takes no more rows.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.batches.is_closed()
    }

    /// Bytes on their way.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        BYTES_MAX - self.room.available_permits().min(BYTES_MAX)
    }
}

impl SessionReceiver {
    /// The next batch; none when the query has ended.
    pub async fn receive(&mut self) -> Option<RecordBatch> {
        Some(self.batches.recv().await?.0)
    }
}

/// Bytes of a batch's own rows: parts of one larger batch are not each counted as all of it.
fn batch_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &dyn Array| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
    };
    batch.columns().iter().map(|column| bytes(column.as_ref())).sum()
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};
    use futures::FutureExt;

    use super::*;

    fn batch(rows: usize) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("V", DataType::Int64, false)]));
        let values = Int64Array::from(vec![0; rows]);
        RecordBatch::try_new(schema, vec![Arc::new(values)]).expect("columns fit the schema")
    }

    #[test]
    fn a_session_that_does_not_read_holds_few_bytes() {
        let (sender, mut receiver) = channel();
        let large = batch(BYTES_MAX / 8 / 2);
        for _ in 0..2 {
            assert_eq!(sender.send(large.clone()).now_or_never(), Some(Ok(())));
        }
        assert_eq!(sender.queued_bytes(), BYTES_MAX);
        assert_eq!(sender.send(large.slice(0, 1)).now_or_never(), None, "there is no room");
        receiver.receive().now_or_never().flatten().expect("the first batch");
        assert_eq!(sender.send(large.slice(0, 1)).now_or_never(), Some(Ok(())));
    }

    #[test]
    fn a_batch_that_is_larger_than_the_room_goes_alone() {
        let (sender, mut receiver) = channel();
        let huge = batch(BYTES_MAX);
        assert_eq!(sender.send(huge.clone()).now_or_never(), Some(Ok(())));
        assert_eq!(sender.send(huge).now_or_never(), None);
        assert_eq!(
            receiver.receive().now_or_never().flatten().map(|batch| batch.num_rows()),
            Some(BYTES_MAX)
        );
    }

    #[test]
    fn a_query_whose_session_has_gone_is_told() {
        let (sender, receiver) = channel();
        sender.send(batch(BYTES_MAX)).now_or_never().expect("there is room").expect("the session is there");
        drop(receiver);
        assert_eq!(sender.send(batch(1)).now_or_never(), Some(Err(Gone)));
        assert!(sender.is_closed());
    }
}
