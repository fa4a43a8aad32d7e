//! A query seen from outside: who it is, what it is doing, and how to end it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tidemill_storage::ProducerId;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::runtime::ledger::Ledgers;

/// What a query is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QueryStatus {
    /// It takes input as it comes.
    Running,
    /// It would go on, but a commit cannot be made for the reason given; it is tried again.
    Waiting(String),
    /// It was told to wait, or could not start for the reason given.
    Paused(Option<String>),
    /// It ended with an error; RESUME tries again from the last commit.
    Failed(Error),
    /// It was told to end, or reached its LIMIT.
    Stopped,
}

impl QueryStatus {
    /// Whether it does nothing any more, not even a last commit.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self {
            QueryStatus::Running | QueryStatus::Waiting(_) => false,
            QueryStatus::Paused(_) | QueryStatus::Failed(_) | QueryStatus::Stopped => true,
        }
    }
}

/// Who a query is.
#[derive(Clone, Debug)]
pub struct QueryIdentity {
    /// Its id, as people see it: `CSAS_X_1`.
    pub id: String,
    /// Its number: part of its state's keys.
    pub number: u64,
    /// Its producer id; `None` for a query of a session, whose output is no topic's.
    pub producer: Option<ProducerId>,
}

/// Counts of a query since it started; what became of its records, and how many rows it gave in its whole
/// life, is told by its [`Ledgers`].
#[derive(Default, Debug)]
pub struct Counters {
    /// Results dropped behind the operator that made them.
    pub results_dropped: AtomicU64,
    /// Commits.
    pub commits: AtomicU64,
    /// Rounds.
    pub rounds: AtomicU64,
    /// State in memory, bytes.
    pub state_bytes: AtomicU64,
}

/// A running query. Dropping the handle does not end it; see [`QueryHandle::stop`].
#[derive(Clone)]
pub struct QueryHandle {
    pub(super) identity: QueryIdentity,
    pub(super) status: watch::Receiver<QueryStatus>,
    pub(super) stop: CancellationToken,
    pub(super) counters: Arc<Counters>,
    pub(super) ledgers: Arc<Ledgers>,
}

impl QueryHandle {
    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &QueryIdentity {
        &self.identity
    }

    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> QueryStatus {
        self.status.borrow().clone()
    }

    /// Its counts.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What became of its records.
    #[must_use]
    pub fn ledgers(&self) -> &Ledgers {
        &self.ledgers
    }

    /// Tells it to end, without waiting.
    pub fn request_stop(&self) {
        self.stop.cancel();
    }

    /// Waits for its end; gives the error it ended with, if it did.
    pub async fn failure(&self) -> Option<Error> {
        let mut status = self.status.clone();
        match status.wait_for(QueryStatus::has_ended).await.as_deref() {
            Ok(QueryStatus::Failed(error)) => Some(error.clone()),
            Ok(_) => None,
            Err(_) => Some(Error::internal("the query ended without saying why")),
        }
    }

    /// Ends it after a last commit, and waits for that, however many callers do.
    pub async fn stop(&self) {
        self.stop.cancel();
        // Why it ended is part of its status.
        let _ = self.failure().await;
    }
}
