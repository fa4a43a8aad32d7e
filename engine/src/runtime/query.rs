//! The loop of one query, and its handle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use tidemill_storage::log::{Log, StagedOutput, Watermark};
use tidemill_storage::state::{Change, StateStore, WriteBatch};
use tidemill_storage::{Offset, ProducerId, TopicName, TopicPartition};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};
use crate::operators::Report;
use crate::physical::PhysicalPlan;
use crate::processing_log::ProcessingLog;
use crate::runtime::commit::{self, Epoch};
use crate::runtime::ledger::{Counts, Ledgers};
use crate::runtime::mail::Mail;
use crate::runtime::memory_budget::{MemoryBudget, MemoryShare};
use crate::runtime::positions::{self, Position, Positions};
use crate::runtime::read_ahead::{Bound, Passing, Place};
use crate::runtime::session_channel::SessionSender;
use crate::runtime::sink::{SinkOutput, SinkSpec};
use crate::runtime::source::PartitionReader;
use crate::runtime::stages::{self, TopicForm};
use crate::runtime::worker::{self, Output, Worker};

/// Bytes of output that wait for a commit; beyond it the rounds wait for the commit before.
const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// Rows that wait for a commit, for queries whose output is small and whose state is not.
const ROWS_MAX: u64 = 2_000_000;

/// Reports that wait for a commit; what is beyond is counted as lost.
const REPORTS_MAX: usize = 10_000;

/// State of a shard up to which it is frozen in the query's own task: less than a millisecond's work.
const FROZEN_INLINE_BYTES_MAX: usize = 256 << 10;

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
    /// Takes reports.
    pub processing_log: ProcessingLog,
    /// Tells when topics were made, changed or deleted.
    pub topic_changes: watch::Receiver<()>,
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
    identity: QueryIdentity,
    status: watch::Receiver<QueryStatus>,
    stop: CancellationToken,
    counters: Arc<Counters>,
    ledgers: Arc<Ledgers>,
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

/// A worker at its work; it comes back with what it gave.
type Running = JoinHandle<(Worker, Result<Output>)>;

/// What the rounds since the last commit have produced.
#[derive(Default)]
struct Pending {
    outputs: BTreeMap<TopicPartition, Vec<Bytes>>,
    /// Bytes of the output, and of the table rows among the changes.
    output_bytes: usize,
    changes: WriteBatch,
    rows: u64,
    /// For the processing log, when all of it has happened.
    reports: Vec<Report>,
    dirty: bool,
}

/// The state of the loop.
struct Query {
    identity: QueryIdentity,
    plan: PhysicalPlan,
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

    /// Makes everything up to now durable.
    async fn commit_all(&mut self) -> Result<()> {
        self.wait_commit().await?;
        if self.pending.dirty {
            self.begin_commit().await?;
            self.wait_commit().await?;
        }
        Ok(())
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

    /// Runs one round; tells whether any record was read or any row given.
    async fn round(&mut self) -> Result<bool> {
        let (mut worked, passing) = self.read_ahead().await?;
        for stage in 0..self.stages.len() {
            let mut delivery = self.mail.deliver(stage);
            let stream_times = delivery.stream_times;
            let mut running = Vec::new();
            for (shard, slot) in self.stages[stage].iter_mut().enumerate() {
                let runs = delivery.runs.remove(&shard).unwrap_or_default();
                let (mut through_ms, place) = (None, (stage, shard));
                let has_input = match (slot.as_ref().and_then(|worker| worker.reader.as_ref()), passing) {
                    (None, _) => delivery.advanced || !runs.is_empty(),
                    (Some(reader), Passing::All) => reader.ahead().rows() > 0 || reader.has_input()?,
                    (Some(_), Passing::Of(only)) => only == Some(place),
                    (Some(reader), Passing::Through(bound)) => {
                        reader.ahead().has_passing(*through_ms.insert(bound.through_ms(place)))
                    }
                };
                if has_input && let Some(mut worker) = slot.take() {
                    running.push((
                        shard,
                        worker_task(&self.environment.compute, move || {
                            let output = match &worker.reader {
                                Some(_) => worker.read_round(through_ms),
                                None => worker.exchanged_round(runs, stream_times),
                            };
                            (worker, output)
                        }),
                    ));
                }
            }
            worked |= !running.is_empty();
            self.finish_stage(stage, running).await?;
        }
        // All at once, so that whoever looks sees a ledger that adds up.
        self.ledgers.add(self.round_ledgers.drain(..));
        if worked {
            self.counters.rounds.fetch_add(1, Ordering::Relaxed);
            self.pending.dirty = true;
        }
        Ok(worked)
    }

    /// Where rows of several partitions meet, reads ahead of each; gives what passes in this round, and
    /// whether any record was read. What comes to a partition after it was looked at here is for the
    /// next round, which alone can compare it with the others.
    ///
    /// The sources are read one after the other, the tables of a join behind its stream: a table's row
    /// that was acknowledged before a stream's record was sent is then read no later than that.
    async fn read_ahead(&mut self) -> Result<(bool, Passing)> {
        if !self.mail.has_exchanges() {
            return Ok((false, Passing::All));
        }
        let sources: BTreeSet<usize> = self.readers().map(|((stage, _), _)| stage).collect();
        let mut busy = Vec::new();
        for (place, reader) in self.readers() {
            if reader.ahead().rows() > 0 || reader.has_input()? {
                busy.push(place);
            }
        }
        if sources.len() == 1 && busy.len() <= 1 {
            // Nobody to run ahead of.
            return Ok((false, Passing::Of(busy.first().copied())));
        }
        let mut worked = false;
        for stage in sources.into_iter().rev() {
            let mut running = Vec::new();
            for (shard, slot) in self.stages[stage].iter_mut().enumerate() {
                let reads = match slot.as_ref().and_then(|worker| worker.reader.as_ref()) {
                    Some(reader) => reader.wants_ahead() && reader.has_input()?,
                    None => false,
                };
                if reads && let Some(mut worker) = slot.take() {
                    let task = worker_task(&self.environment.compute, move || {
                        let output = worker.read_ahead();
                        (worker, output)
                    });
                    running.push((shard, task));
                }
            }
            worked |= !running.is_empty();
            self.finish_stage(stage, running).await?;
        }
        let mut unread: Vec<(Place, i64)> = Vec::new();
        for (place, reader) in self.readers() {
            if reader.holds_back()? {
                unread.push((place, reader.ahead().latest_ms()));
            }
        }
        Ok((worked, Passing::Through(Bound::of(unread.into_iter()))))
    }

    /// The readers of partitions, with their places.
    fn readers(&self) -> impl Iterator<Item = (Place, &PartitionReader)> {
        self.stages.iter().enumerate().flat_map(|(stage, workers)| {
            workers
                .iter()
                .enumerate()
                .filter_map(move |(shard, worker)| Some(((stage, shard), worker.as_ref()?.reader.as_ref()?)))
        })
    }

    /// Waits for the workers of a stage, and takes what they gave in the order of their shards.
    async fn finish_stage(&mut self, stage: usize, running: Vec<(usize, Running)>) -> Result<()> {
        for (shard, task) in running {
            let (worker, output) = task.await.map_err(|error| {
                Error::internal(format!("a worker of query {} panicked: {error}", self.identity.id))
            })?;
            self.stages[stage][shard] = Some(worker);
            self.take_output(stage, shard, output?).await?;
        }
        Ok(())
    }

    /// Books what a worker gave and sends it on.
    async fn take_output(&mut self, stage: usize, shard: usize, output: Output) -> Result<()> {
        self.round_ledgers.extend(output.ledgers);
        self.counters.results_dropped.fetch_add(output.results_dropped, Ordering::Relaxed);
        self.keep_reports(output.reports);
        if let Some(reader) = self.stages[stage][shard].as_ref().and_then(|worker| worker.reader.as_ref()) {
            let target = reader.target();
            if let Some(form) = self.topics.get(&target.topic) {
                let position = Position { topic: form.id, offset: reader.position() };
                self.positions.insert(target.clone(), position);
            }
        }
        if let Some(sink) = output.sink {
            self.ledgers.add_rows_out(output.rows_out);
            self.pending.rows += output.rows_out;
            self.take_sink_output(sink).await?;
        }
        self.pending.rows += output.records_in;
        self.mail.send(stage, output.batches, |stage| self.stages[stage].len())
    }

    async fn take_sink_output(&mut self, output: SinkOutput) -> Result<()> {
        if let Some(session) = &self.session {
            for batch in output.rows {
                let rows = match &mut self.limit {
                    Some(left) => {
                        let taken = batch.num_rows().min(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= taken as u64;
                        taken
                    }
                    None => batch.num_rows(),
                };
                // A session that has gone is noticed by the loop; its rows have nowhere to go.
                if rows > 0 && session.send(batch.slice(0, rows)).await.is_err() {
                    break;
                }
            }
        }
        for (target, batches) in output.records {
            self.pending.output_bytes += batches.iter().map(Bytes::len).sum::<usize>();
            self.pending.outputs.entry(target).or_default().extend(batches);
        }
        self.pending.output_bytes += output.table_rows.changes.iter().map(Change::bytes).sum::<usize>();
        self.pending.changes.changes.extend(output.table_rows.changes);
        Ok(())
    }

    /// Keeps reports until the epoch is committed that they belong to.
    fn keep_reports(&mut self, mut reports: Vec<Report>) {
        let room = REPORTS_MAX.saturating_sub(self.pending.reports.len());
        self.environment.processing_log.count_lost(reports.len().saturating_sub(room));
        reports.truncate(room);
        self.pending.reports.append(&mut reports);
    }

    /// Whether the pending output should be committed now.
    fn commit_due(&self) -> bool {
        self.pending.dirty && self.commit_wait().is_zero()
    }

    /// How long until the next commit may begin.
    fn commit_wait(&self) -> Duration {
        let full = self.pending.output_bytes >= OUTPUT_BYTES_MAX || self.pending.rows >= ROWS_MAX;
        match self.last_commit {
            Some(last) if !full => self.options.commit_interval.saturating_sub(last.elapsed()),
            _ => Duration::ZERO,
        }
    }

    /// Takes the result of a commit that has finished, without waiting for one that has not, except
    /// where too much is waiting behind it.
    async fn reap_commit(&mut self) -> Result<()> {
        let full = self.pending.output_bytes >= OUTPUT_BYTES_MAX || self.pending.rows >= ROWS_MAX;
        if full || self.in_flight.as_ref().is_some_and(JoinHandle::is_finished) {
            self.wait_commit().await?;
        }
        Ok(())
    }

    async fn wait_commit(&mut self) -> Result<()> {
        if self.in_flight.is_some() {
            let result = finished(&mut self.in_flight).await;
            self.in_flight = None;
            result?;
        }
        Ok(())
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

    /// Takes the state changes since the last commit. Shards with much state do so side by side: to
    /// encode it takes as long as a round.
    async fn freeze_state(&mut self, changes: &mut WriteBatch) -> Result<()> {
        let mut freezing = Vec::new();
        for (stage, slots) in self.stages.iter_mut().enumerate() {
            for (shard, slot) in slots.iter_mut().enumerate() {
                let Some(mut worker) = slot.take() else { continue };
                if worker.memory_bytes() < FROZEN_INLINE_BYTES_MAX {
                    worker.commit(changes)?;
                    *slot = Some(worker);
                } else {
                    let task = worker_task(&self.environment.compute, move || {
                        let mut changes = WriteBatch::default();
                        let frozen = worker.commit(&mut changes);
                        (worker, frozen.map(|()| changes))
                    });
                    freezing.push((stage, shard, task));
                }
            }
        }
        for (stage, shard, task) in freezing {
            let (worker, frozen) = task.await.map_err(|error| {
                Error::internal(format!("a worker of query {} panicked: {error}", self.identity.id))
            })?;
            self.stages[stage][shard] = Some(worker);
            changes.changes.append(&mut frozen?.changes);
        }
        Ok(())
    }

    /// Freezes what is pending and commits it beside the next rounds.
    async fn begin_commit(&mut self) -> Result<()> {
        if self.in_flight.is_some() {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        self.freeze_state(&mut pending.changes).await?;
        let positions = std::mem::take(&mut self.positions);
        positions::record(&mut pending.changes, self.identity.number, positions);
        self.ledgers.commit(&mut pending.changes);
        self.last_commit = Some(Instant::now());
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        let Some(producer) = self.identity.producer else {
            // A query of a session keeps its state to itself; nothing has to survive.
            let durability = tidemill_storage::state::Durability::Buffered;
            self.environment.store.write(&pending.changes, durability)?;
            self.environment.processing_log.report_rows(&self.identity.id, pending.reports);
            return Ok(());
        };
        let outputs =
            pending.outputs.into_iter().map(|(target, batches)| StagedOutput { target, batches }).collect();
        let epoch = Epoch { producer, outputs, changes: pending.changes };
        let (log, store) = (self.environment.log.clone(), self.environment.store.clone());
        let (status, stop) = (self.status.clone(), self.stop.clone());
        let (processing_log, id) = (self.environment.processing_log.clone(), self.identity.id.clone());
        let reports = pending.reports;
        let commit = async move {
            let waits = |error: &Error| drop(status.send_replace(QueryStatus::Waiting(error.to_string())));
            let committed = commit::commit_when_there_is_space(log, store, epoch, stop, waits).await;
            status.send_if_modified(|status| {
                std::mem::replace(status, QueryStatus::Running) != QueryStatus::Running
            });
            if committed.is_ok() {
                processing_log.report_rows(&id, reports);
            }
            committed
        };
        self.in_flight = Some(self.environment.compute.spawn(commit));
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

/// Runs a worker's round on a compute thread.
fn worker_task<T: Send + 'static>(
    compute: &Handle,
    run: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    compute.spawn(async move { run() })
}

/// The result of the commit in flight.
async fn finished(in_flight: &mut Option<JoinHandle<Result<()>>>) -> Result<()> {
    match in_flight {
        Some(task) => match task.await {
            Ok(result) => result,
            Err(error) => Err(Error::internal(format!("a commit panicked: {error}"))),
        },
        None => Ok(()),
    }
}

/// A helper task that ends with its owner.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Where a query that has no commit yet begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartAt {
    /// At the first record still there.
    Earliest,
    /// Behind the last visible record.
    Latest,
}

impl StartAt {
    /// The offset in one partition.
    ///
    /// # Errors
    /// `NotFound` where the partition is gone.
    pub fn offset(self, log: &dyn Log, target: &TopicPartition) -> Result<Offset> {
        let offsets = log.offsets(target)?;
        Ok(match self {
            StartAt::Earliest => offsets.log_start,
            StartAt::Latest => offsets.high_watermark,
        })
    }
}

/// The partitions a topic has now.
///
/// # Errors
/// `NotFound`.
pub fn partition_count(log: &dyn Log, name: &TopicName) -> Result<u32> {
    Ok(stages::topic(log, name)?.settings.partitions)
}
