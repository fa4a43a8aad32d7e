//! An epoch becomes durable and visible at once.
//!
//! 1. The output is staged: appended to the log and synced, visible to no one.
//! 2. One synced write batch holds the state changes, the table rows, the input positions and the
//!    *decision*: how far the query's output in each partition is decided. From here on the epoch
//!    has happened.
//! 3. The output is published.
//!
//! After a crash between 1 and 2 the log finds staged output without a decision and cuts it off;
//! between 2 and 3 the decision is there and the output is visible from the start. See
//! [`super::decisions`] for how long a decision is kept.

use tidemill_storage::log::{Log, StagedOutput};
use tidemill_storage::state::{Durability, StateStore, WriteBatch};
use tidemill_storage::{ErrorKind, ProducerId};

use crate::error::Result;
use crate::runtime::decisions;

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
/// Those of log and store. After `DiskFull` the epoch did not happen; after any other failure of the
/// store only the next start can tell, and log and store take nothing more until then.
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
        decisions::record(&mut changes, producer, target, *end);
    }
    match store.write(changes, Durability::Synced) {
        Ok(()) => {
            staged.publish();
            Ok(())
        }
        Err(error) => {
            match error.kind() {
                ErrorKind::DiskFull => staged.abort(),
                // The batch may have reached the disk, and its decision with it. Cutting the output off
                // would leave a gap behind that decision.
                _ => staged.abandon(&error),
            }
            Err(error.into())
        }
    }
}
