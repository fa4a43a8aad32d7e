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

use std::sync::Arc;
use std::time::Duration;

use tidemill_storage::log::{Log, StagedOutput};
use tidemill_storage::state::{Durability, StateStore, WriteBatch};
use tidemill_storage::{ErrorKind, ProducerId};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::runtime::decisions;

/// How long a commit waits for space on a full disk before it is tried again, at first …
const DISK_FULL_PAUSE_MIN: Duration = Duration::from_millis(50);

/// … and at most: each try writes as much as there is space for.
const DISK_FULL_PAUSE_MAX: Duration = Duration::from_secs(5);

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
pub fn commit(log: &dyn Log, store: &dyn StateStore, epoch: &mut Epoch) -> Result<()> {
    let Epoch { producer, outputs, changes } = epoch;
    if outputs.is_empty() {
        if !changes.is_empty() {
            store.write(changes, Durability::Synced)?;
        }
        return Ok(());
    }
    let staged = log.stage(*producer, outputs.clone())?;
    for (target, end) in staged.ends() {
        decisions::record(changes, *producer, target, *end);
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

/// Commits an epoch. Where the disk is full nothing of it has happened, so it is tried again until there
/// is space, and `waits` hears of each try; or once more when the query is told to end, which then goes
/// back to its last commit.
///
/// # Errors
/// As [`commit`].
pub async fn commit_when_there_is_space(
    log: Arc<dyn Log>,
    store: Arc<dyn StateStore>,
    mut epoch: Epoch,
    stop: CancellationToken,
    waits: impl Fn(&Error),
) -> Result<()> {
    let mut pause = DISK_FULL_PAUSE_MIN;
    loop {
        let (log, store) = (log.clone(), store.clone());
        let is_last = stop.is_cancelled();
        let attempt = tokio::task::spawn_blocking(move || {
            let result = commit(log.as_ref(), store.as_ref(), &mut epoch);
            (epoch, result)
        });
        let result;
        (epoch, result) =
            attempt.await.map_err(|error| Error::internal(format!("a commit panicked: {error}")))?;
        match result {
            Err(error) if error.kind == crate::error::ErrorKind::DiskFull && !is_last => {
                tracing::warn!(%error, "a commit waits for space");
                waits(&error);
            }
            result => return result,
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(DISK_FULL_PAUSE_MAX);
    }
}
