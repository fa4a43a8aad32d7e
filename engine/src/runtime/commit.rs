//! An epoch becomes durable and visible at once.
//!
//! 1. The output is staged: appended to the log and synced, visible to no one.
//! 2. One synced write batch holds the state changes, the table rows, the input positions and the
//!    *decision*: how far the query's output in each partition is decided. From here on the epoch
//!    has happened.
//! 3. The output is published.
//!
//! After a crash between 1 and 2 the log finds staged output without a decision and cuts it off;
//! between 2 and 3 the decision is there and the output is visible from the start.

use std::sync::Arc;

use bytes::Bytes;
use tidemill_storage::log::{Decisions, Log, StagedOutput};
use tidemill_storage::state::{Durability, StateStore, WriteBatch};
use tidemill_storage::{Offset, ProducerId, TopicPartition};

use crate::error::Result;
use crate::state_keys;

/// Everything one epoch changes.
pub struct Epoch {
    /// The query's own producer id.
    pub producer: ProducerId,
    /// Output, a partition at a time.
    pub outputs: Vec<StagedOutput>,
    /// State, table rows, input positions, ledger.
    pub changes: WriteBatch,
}

/// Commits an epoch (blocking).
///
/// # Errors
/// Those of log and store; then the epoch did not happen.
pub fn commit(log: &dyn Log, store: &dyn StateStore, epoch: Epoch) -> Result<()> {
    let Epoch { producer, outputs, mut changes } = epoch;
    if outputs.is_empty() {
        if !changes.is_empty() {
            store.write(changes, Durability::Synced)?;
        }
        return Ok(());
    }
    let staged = log.stage(producer, outputs)?;
    for (target, end) in staged.ends() {
        changes.put(state_keys::decision(producer.0, target), Bytes::copy_from_slice(&end.0.to_be_bytes()));
    }
    store.write(changes, Durability::Synced)?;
    staged.publish();
    Ok(())
}

/// How the log asks, at its start, what was decided.
#[must_use]
pub fn decisions(store: Arc<dyn StateStore>) -> Decisions {
    Arc::new(move |producer: ProducerId, target: &TopicPartition| {
        let bytes = store.get(&state_keys::decision(producer.0, target)).ok()??;
        Some(Offset(i64::from_be_bytes(bytes.as_ref().try_into().ok()?)))
    })
}
