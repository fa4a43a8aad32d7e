//! The loop of one query: round after round, and from time to time a commit.
//!
//! - [`round`]: what is done in a round;
//! - [`epoch`]: what rounds leave behind until it is committed, and the commit;
//! - [`handle`]: the query seen from outside.

mod epoch;
mod handle;
mod round;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tidemill_storage::TopicName;
use tidemill_storage::log::{Log, Watermark};
use tidemill_storage::state::StateStore;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::physical::PhysicalPlan;
use crate::processing_log::ProcessingLog;
use crate::registry::SchemaRegistry;
use crate::runtime::ledger::{Counts, Ledgers};
use crate::runtime::mail::Mail;
use crate::runtime::memory_budget::{MemoryBudget, MemoryShare};
use crate::runtime::positions::Positions;
use crate::runtime::session_channel::SessionSender;
use crate::runtime::sink::SinkSpec;
use crate::runtime::stages::{self, TopicForm};
use crate::runtime::worker::{self, Worker};
use epoch::{Pending, finished};

pub use crate::runtime::positions::StartAt;
pub use handle::{Counters, QueryHandle, QueryIdentity, QueryStatus};

/// How a query runs.
#[derive(Clone, Debug)]
pub struct QueryOptions {
    /// Shortest time between the starts of two commits.
    pub commit_interval: Duration,
    /// Shards of every stage behind an exchange. Fixed for the life of a query's state.
    pub shards: usize,
    /// Pass on every update of a key one by one.
    pub every_update: bool,
    /// What all queries together may hold in memory.
    pub memory: MemoryBudget,
}

/// Where a query gets its input and leaves its results.
#[derive(Clone)]
pub struct Environment {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The keyed state: the server's, or one of its own for a query of a session.
    pub store: Arc<dyn StateStore>,
    /// Runs workers.
    pub compute: Handle,
    /// The schemas of what is read and written.
    pub schemas: SchemaRegistry,
    /// Takes reports.
    pub processing_log: ProcessingLog,
    /// Tells when topics were made, changed or deleted.
    pub topic_changes: watch::Receiver<()>,
}

/// Starts a query. It goes on where its last commit left it, or begins at `start_at` in topics it has
/// never read. `session` takes the rows of a query of a session.
///
/// # Errors
/// A plan that cannot be run, a topic that is gone, state that cannot be read.
pub fn start(
    identity: QueryIdentity,
    plan: PhysicalPlan,
    sink: SinkSpec,
    start_at: StartAt,
    environment: Environment,
    options: QueryOptions,
    session: Option<SessionSender>,
) -> Result<QueryHandle> {
    let memory =
        if session.is_some() { options.memory.session_query()? } else { options.memory.persistent_query() };
    let (status, status_receiver) = watch::channel(QueryStatus::Running);
    let status = Arc::new(status);
    let stop = CancellationToken::new();
    let counters = Arc::new(Counters::default());
    let ledgers = Ledgers::restore(environment.store.as_ref(), identity.number, plan.sources())?;
    let ledgers = Arc::new(ledgers);
    let compute = environment.compute.clone();
    let mut query = Query {
        identity: identity.clone(),
        mail: Mail::new(&plan),
        limit: plan.limit,
        reader_numbers: plan.reader_numbers(),
        plan,
        sink,
        start_at,
        session,
        stages: Vec::new(),
        topics: BTreeMap::new(),
        environment,
        options,
        counters: counters.clone(),
        ledgers: ledgers.clone(),
        round_ledgers: Vec::new(),
        status: status.clone(),
        stop: stop.clone(),
        pending: Pending::default(),
        in_flight: None,
        last_commit: None,
        positions: Positions::new(),
        memory,
    };
    query.build_stages()?;
    let id = identity.id.clone();
    compute.spawn(async move {
        let mut query = query;
        let ended = std::panic::AssertUnwindSafe(query.run()).catch_unwind().await;
        let ended = ended.unwrap_or_else(|_| Err(Error::internal("the query's loop panicked")));
        // Whatever ended the loop: a query has not ended while an epoch of it may still happen.
        let ended = ended.and(query.wait_commit().await).map_err(|error| query.explained(error));
        drop(query);
        let ended = match ended {
            Ok(()) => QueryStatus::Stopped,
            Err(error) => {
                tracing::error!(query = %id, error = %error, "query failed");
                QueryStatus::Failed(error)
            }
        };
        status.send_replace(ended);
    });
    Ok(QueryHandle { identity, status: status_receiver, stop, counters, ledgers })
}

/// The state of the loop.
struct Query {
    identity: QueryIdentity,
    plan: PhysicalPlan,
    /// See [`PhysicalPlan::reader_numbers`].
    reader_numbers: Vec<u32>,
    sink: SinkSpec,
    start_at: StartAt,
    stages: Vec<Vec<Option<Worker>>>,
    /// The topics it reads and writes.
    topics: BTreeMap<TopicName, TopicForm>,
    /// What the stages send each other.
    mail: Mail,
    limit: Option<u64>,
    /// Where rows go, of a query of a session.
    session: Option<SessionSender>,
    environment: Environment,
    options: QueryOptions,
    counters: Arc<Counters>,
    ledgers: Arc<Ledgers>,
    /// What became of records in this round, by the index of their source.
    round_ledgers: Vec<(usize, Counts)>,
    status: Arc<watch::Sender<QueryStatus>>,
    stop: CancellationToken,
    pending: Pending,
    in_flight: Option<JoinHandle<Result<()>>>,
    last_commit: Option<Instant>,
    /// Positions that differ from those stored.
    positions: Positions,
    /// Its part of the memory of all queries.
    memory: MemoryShare,
}

impl Query {
    async fn run(&mut self) -> Result<()> {
        let stop = self.stop.clone();
        let arrivals = Arc::new(Notify::new());
        let mut watchers = self.watch_inputs(&arrivals)?;
        let mut topic_changes = self.environment.topic_changes.clone();
        loop {
            if topic_changes.has_changed().is_ok_and(|changed| changed) {
                topic_changes.mark_unchanged();
                if self.have_topics_grown()? {
                    self.commit_all().await?;
                    self.build_stages()?;
                    watchers = self.watch_inputs(&arrivals)?;
                }
            }
            let worked = self.round().await?;
            if self.limit == Some(0) {
                break;
            }
            self.reap_commit().await?;
            self.balance_memory()?;
            if self.commit_due() {
                self.begin_commit().await?;
            }
            if stop.is_cancelled() || self.session.as_ref().is_some_and(SessionSender::is_closed) {
                break;
            }
            if worked {
                // Other tasks of the same thread get their turn between two rounds.
                tokio::task::yield_now().await;
                continue;
            }
            let wait = self.commit_wait();
            tokio::select! {
                () = stop.cancelled() => break,
                () = session_gone(self.session.as_ref()) => break,
                () = arrivals.notified() => {}
                () = self.memory.shortage() => {}
                Ok(()) = topic_changes.changed() => topic_changes.mark_changed(),
                result = finished(&mut self.in_flight), if self.in_flight.is_some() => {
                    self.in_flight = None;
                    result?;
                }
                () = tokio::time::sleep(wait), if self.pending.dirty && self.in_flight.is_none() => {}
            }
        }
        drop(watchers);
        self.commit_all().await
    }

    /// Whether the topics have more partitions than the workers were made for.
    fn have_topics_grown(&self) -> Result<bool> {
        let mut grown = false;
        for (name, form) in &self.topics {
            let now = TopicForm::of(&stages::topic(self.environment.log.as_ref(), name)?);
            if now.id != form.id {
                let message = format!("topic '{name}' was deleted and made again while the query ran");
                return Err(Error::new(ErrorKind::NotFound, message)
                    .with_hint("RESUME the query to go on with the new topic from its beginning"));
            }
            grown |= now.partitions != form.partitions;
        }
        Ok(grown)
    }

    /// What ended the query, in terms of the topic that was deleted where that is why.
    fn explained(&self, error: Error) -> Error {
        let is_gone = |name: &&TopicName| self.environment.log.topic(name).is_none();
        match self.topics.keys().find(is_gone) {
            Some(gone) if error.kind == ErrorKind::NotFound => {
                let message = format!("topic '{gone}' was deleted while the query ran");
                Error::new(ErrorKind::NotFound, message)
                    .with_hint("make the topic again and RESUME the query, or TERMINATE it")
            }
            _ => error,
        }
    }

    /// Makes the workers of every stage from what is committed.
    fn build_stages(&mut self) -> Result<()> {
        let (sink, start_at) = (&self.sink, self.start_at);
        let built =
            stages::build(&self.identity, &self.plan, sink, start_at, &self.environment, &self.options)?;
        (self.stages, self.topics) = (built.workers, built.topics);
        // Positions that were found here and now have to count at the next start too.
        self.pending.dirty |= !built.fresh.is_empty();
        self.positions.extend(built.fresh);
        Ok(())
    }

    /// One task an input partition tells when its high watermark moves.
    fn watch_inputs(&self, arrivals: &Arc<Notify>) -> Result<Vec<AbortOnDrop>> {
        let mut watchers = Vec::new();
        let readers = self.stages.iter().flatten().flatten().filter_map(|worker| worker.reader.as_ref());
        for reader in readers {
            let mut watermark = self.environment.log.watch(reader.target())?;
            let arrivals = arrivals.clone();
            let task = self.environment.compute.spawn(async move {
                loop {
                    if watermark.changed().await.is_err() {
                        break;
                    }
                    let ended =
                        matches!(*watermark.borrow_and_update(), Watermark::Deleted | Watermark::Failed(_));
                    arrivals.notify_one();
                    if ended {
                        break;
                    }
                }
            });
            watchers.push(AbortOnDrop(task));
        }
        Ok(watchers)
    }

    /// Tells how much the query holds in memory.
    fn hold(&mut self) -> Result<()> {
        let workers = self.stages.iter().flatten().flatten();
        let (state, buffers) = workers.fold((0, 0), |(state, buffers), worker| {
            (state + worker.memory_bytes(), buffers + worker.buffered_bytes())
        });
        self.counters.state_bytes.store(state as u64, Ordering::Relaxed);
        let mut kept = state;
        if let Some(session) = &self.session {
            // Its store is its own, and in memory.
            let stored = usize::try_from(self.environment.store.memory_bytes()).unwrap_or(usize::MAX);
            kept = kept.saturating_add(stored).saturating_add(session.queued_bytes());
        }
        self.memory.hold(kept, buffers + self.pending.output_bytes)
    }

    /// Tells how much the query holds, and forgets clean state where the memory of all queries is short.
    fn balance_memory(&mut self) -> Result<()> {
        self.hold()?;
        // While a commit runs, the store does not have what it brings.
        if self.in_flight.is_none()
            && let Some(bytes_to_keep) = self.memory.bytes_to_keep()
        {
            worker::evict_all(self.stages.iter_mut().flatten().flatten().collect(), bytes_to_keep);
            self.hold()?;
        }
        Ok(())
    }
}

/// Ends when the session no longer takes rows; never for a query without one.
async fn session_gone(session: Option<&SessionSender>) {
    match session {
        Some(session) => session.closed().await,
        None => std::future::pending().await,
    }
}

/// A helper task that ends with its owner.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
