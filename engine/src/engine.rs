//! The open data directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::execution::runtime_env::RuntimeEnv;
use tidemill_storage::data_dir::DataDir;
use tidemill_storage::io::{SystemClock, SystemRandom};
use tidemill_storage::log::{EmbeddedLog, Log, MemoryLog, Options as EmbeddedLogOptions};
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::state::rocksdb::{RocksDbOptions, RocksDbStateStore};
use tidemill_storage::state::{Durability, StateStore, WriteBatch};

use crate::catalog::{Catalog, CatalogSource};
use crate::error::{Error, Result};
use crate::group_offsets::expiry;
use crate::processing_log::{self, ProcessingLog};
use crate::queries::{Queries, QueryDefaults};
use crate::registry::SchemaRegistry;
use crate::runtime::decisions;
use crate::runtime::query::Environment;
use crate::serving::pull_environment::{self, PullEnvironment};
use crate::serving::unreadable::Unreadable;
use crate::session::{Session, SessionOptions};
use crate::state_keys;
use crate::statements::changes::Changes;
use crate::statements::{earlier_topics, unfinished_topics};
use crate::topics::{TopicLimits, Topics};
use crate::wall_clock;

/// Stack of a thread that plans or runs statements: plans are walked recursively, and a statement may be
/// nested as deeply as [`tidemill_sql`] lets it. What is not used takes no memory.
pub const STACK_BYTES: usize = 16 << 20;

/// How often retention and checkpoints are looked after.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// How often open transactions are looked at. Their timeouts are a minute and more.
const TRANSACTION_CHECK: Duration = Duration::from_secs(1);

/// What a data directory is opened with.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Where data is; `None` keeps everything in memory, for throwaway sessions.
    pub data_dir: Option<PathBuf>,
    /// Memory for state, caches and queries together, in bytes.
    pub memory_bytes: u64,
    /// Threads that run queries.
    pub workers: usize,
    /// Shortest time between two commits of a query.
    pub commit_interval: Duration,
    /// Limits and defaults of topics.
    pub topics: TopicLimits,
    /// Whether persistent queries run by themselves. Without it they are made and stand still until
    /// records are passed through them by hand: see [`crate::driver`].
    pub run_queries: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            data_dir: None,
            memory_bytes: 1 << 30,
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            commit_interval: Duration::from_millis(10),
            topics: TopicLimits::default(),
            run_queries: true,
        }
    }
}

/// Where an engine keeps its bytes.
#[derive(Clone)]
pub struct Storage {
    /// The log. It must have been opened with the decisions that `store` holds: see
    /// [`decisions::lookup`].
    pub log: Arc<dyn Log>,
    /// The keyed state.
    pub store: Arc<dyn StateStore>,
}

impl Storage {
    /// On disk; a quarter of the memory is for RocksDB.
    fn in_directory(directory: &Path, memory_bytes: u64) -> Result<Storage> {
        let memory_bytes = usize::try_from(memory_bytes / 4).unwrap_or(usize::MAX);
        let options = RocksDbOptions { memory_bytes };
        let store: Arc<dyn StateStore> =
            Arc::new(RocksDbStateStore::open(&directory.join("state"), options)?);
        let options = EmbeddedLogOptions::new(directory.join("log"));
        let (log, report) = EmbeddedLog::open(options, &decisions::lookup(store.as_ref())?)?;
        tracing::info!(?report, "log opened");
        Ok(Storage { log: Arc::new(log), store })
    }

    fn in_memory() -> Storage {
        let log = MemoryLog::new(Arc::new(SystemClock::default()), Arc::new(SystemRandom));
        Storage { log: Arc::new(log), store: Arc::new(MemoryStateStore::new()) }
    }
}

/// An open engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    cluster_id: String,
    topics: Topics,
    log: Arc<dyn Log>,
    store: Arc<dyn StateStore>,
    catalog: Arc<Catalog>,
    schemas: SchemaRegistry,
    queries: Queries,
    changes: Changes,
    pull_runtime: Arc<RuntimeEnv>,
    processing_log: ProcessingLog,
    /// `None` once it was shut down.
    compute: parking_lot::Mutex<Option<tokio::runtime::Runtime>>,
    /// Held until the process ends, so that no other server opens the directory.
    _data_dir: Option<DataDir>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A runtime must not be dropped where it could be waited for in vain.
        if let Some(compute) = self.compute.get_mut().take() {
            compute.shutdown_background();
        }
    }
}

impl Engine {
    /// Opens a data directory (blocking), and starts its queries.
    ///
    /// # Errors
    /// `Unavailable` where the directory is in use or of another version, `Corrupt`, `Io`.
    pub fn open(options: EngineOptions) -> Result<Engine> {
        let data_dir = options.data_dir.as_deref().map(DataDir::open).transpose()?;
        let storage = match &data_dir {
            Some(dir) => Storage::in_directory(dir.path(), options.memory_bytes)?,
            None => Storage::in_memory(),
        };
        Engine::assemble(storage, data_dir, options)
    }

    /// Opens an engine over storage that its owner has opened, and starts its queries (blocking);
    /// `data_dir` of the options plays no part.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_over(storage: Storage, options: EngineOptions) -> Result<Engine> {
        Engine::assemble(storage, None, options)
    }

    fn assemble(storage: Storage, data_dir: Option<DataDir>, options: EngineOptions) -> Result<Engine> {
        let Storage { log, store } = storage;
        let memory = usize::try_from(options.memory_bytes).unwrap_or(usize::MAX);
        let compute = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.workers.max(1))
            .thread_name("tidemill-compute")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| Error::internal(format!("could not start worker threads: {error}")))?;
        let processing_log = ProcessingLog::start(log.clone(), compute.handle())?;
        let catalog = Arc::new(Catalog::open(store.clone())?);
        let schemas = SchemaRegistry::open(store.clone())?;
        let topics = Topics::new(log.clone(), store.clone(), options.topics).under(catalog.clone());
        let environment = Environment {
            log: log.clone(),
            store: store.clone(),
            compute: compute.handle().clone(),
            schemas: schemas.clone(),
            processing_log: processing_log.clone(),
            topic_changes: topics.changes(),
        };
        let defaults = QueryDefaults {
            commit_interval: options.commit_interval,
            shards: options.workers.clamp(1, 64).next_power_of_two(),
            state_bytes_max: memory / 2,
            run: options.run_queries,
        };
        let engine = Engine {
            inner: Arc::new(Inner {
                cluster_id: cluster_id(store.as_ref())?,
                topics,
                log,
                store,
                catalog,
                schemas,
                queries: Queries::new(environment, defaults),
                changes: Changes::new(compute.handle().clone()),
                pull_runtime: pull_environment::runtime(memory / 4)?,
                processing_log,
                compute: parking_lot::Mutex::new(Some(compute)),
                _data_dir: data_dir,
            }),
        };
        engine.declare_own_sources()?;
        engine.put_topics_in_order();
        engine.complete_queries();
        engine.recover_transactions();
        engine.inner.queries.start_all(&engine.inner.catalog.state());
        engine.start_housekeeping();
        engine.start_expiring_transactions();
        engine.start_expiring_group_offsets();
        Ok(engine)
    }

    /// Finishes what statements had begun when the server before ended, and changes what earlier versions
    /// left otherwise than it is made now. What cannot be done, as on a full disk, is done at the next start:
    /// the server can do without.
    fn put_topics_in_order(&self) {
        let Inner { catalog, topics, store, .. } = self.inner.as_ref();
        if let Err(error) = unfinished_topics::finish(catalog, topics, store.as_ref()) {
            tracing::error!(%error, "topics of interrupted statements stay; restart when the cause is removed");
        }
        if let Err(error) = earlier_topics::keep_rows(catalog, topics) {
            tracing::error!(%error, "topics of tables do not keep all rows; restart when the cause is removed");
        }
    }

    /// Notes which columns queries of an earlier version see. Where that fails they go by those that their
    /// sources have, as they did, until the next start.
    fn complete_queries(&self) {
        if let Err(error) = self.inner.catalog.complete_queries() {
            tracing::error!(%error, "queries of an earlier version are not complete; restart when the cause is removed");
        }
    }

    /// Finishes what transactions of clients had decided before anyone can overtake it. A server whose disk
    /// is full starts all the same: only those transactions stay open until its next start.
    fn recover_transactions(&self) {
        let transactions = self.inner.topics.transactions().clone();
        let (done, recovered) = std::sync::mpsc::sync_channel(1);
        self.inner.queries.environment().compute.spawn(async move {
            // The receiver waits below.
            let _ = done.send(transactions.recover().await);
        });
        if let Ok(Err(error)) = recovered.recv() {
            tracing::error!(?error, "transactions could not be taken up; restart when the cause is removed");
        }
    }

    /// Ends transactions that are open for longer than their producers allowed.
    fn start_expiring_transactions(&self) {
        let weak = Arc::downgrade(&self.inner);
        self.inner.queries.environment().compute.spawn(async move {
            loop {
                tokio::time::sleep(TRANSACTION_CHECK).await;
                let Some(inner) = weak.upgrade() else { break };
                let transactions = inner.topics.transactions().clone();
                // Not waited for: one that cannot be ended now must not keep the others open.
                tokio::spawn(async move { transactions.expire(Instant::now()).await });
            }
        });
    }

    /// Forgets committed offsets that nobody uses any more.
    fn start_expiring_group_offsets(&self) {
        let weak = Arc::downgrade(&self.inner);
        self.inner.queries.environment().compute.spawn(async move {
            loop {
                tokio::time::sleep(expiry::CHECK_INTERVAL).await;
                let Some(inner) = weak.upgrade() else { break };
                let now_ms = wall_clock::now_ms();
                let expired = tokio::task::spawn_blocking(move || inner.topics.groups().expire(now_ms));
                match expired.await {
                    Ok(Ok(0)) | Err(_) => {}
                    Ok(Ok(offsets)) => tracing::info!(offsets, "offsets of unused consumer groups forgotten"),
                    Ok(Err(error)) => tracing::error!(%error, "offsets of unused consumer groups were kept"),
                }
            }
        });
    }

    /// The streams the server itself fills.
    fn declare_own_sources(&self) -> Result<()> {
        let source = processing_log::source();
        self.inner.catalog.change(|state, _| {
            if !state.sources.contains_key(&source.name) {
                let oid = state.take_oid();
                let declared = CatalogSource {
                    oid,
                    statement: String::new(),
                    query: None,
                    stored_rows: None,
                    created_ms: wall_clock::now_ms(),
                    source: Arc::new(source.clone()),
                };
                state.sources.insert(source.name.clone(), Arc::new(declared));
            }
            Ok(())
        })
    }

    fn start_housekeeping(&self) {
        let weak = Arc::downgrade(&self.inner);
        self.inner.queries.environment().compute.spawn(async move {
            loop {
                tokio::time::sleep(HOUSEKEEPING).await;
                let Some(inner) = weak.upgrade() else { break };
                let kept = tokio::task::spawn_blocking(move || Engine { inner }.keep_house());
                if let Ok(Err(error)) = kept.await {
                    tracing::error!(%error, "housekeeping failed");
                }
            }
        });
    }

    /// Does what is due from time to time (blocking): retention, checkpoints, and forgetting what only
    /// an older start would have needed. A timer calls it.
    ///
    /// # Errors
    /// Those of the disk; what was not done is done the next time.
    pub fn keep_house(&self) -> Result<()> {
        // A partition that cannot forget must not keep checkpoints from being written.
        let retained = self.inner.log.enforce_retention();
        self.checkpoint()?;
        retained?;
        Ok(())
    }

    fn checkpoint(&self) -> Result<()> {
        let ended = decisions::of_ended_queries(self.inner.store.as_ref(), &self.inner.catalog)?;
        self.inner.log.checkpoint()?;
        decisions::forget(self.inner.store.as_ref(), ended)
    }

    /// Opens a session.
    #[must_use]
    pub fn session(&self, options: SessionOptions) -> Session {
        Session::new(self.clone(), options)
    }

    /// The topics, for the Kafka door.
    #[must_use]
    pub fn topics(&self) -> &Topics {
        &self.inner.topics
    }

    /// The schema registry.
    #[must_use]
    pub fn schemas(&self) -> &SchemaRegistry {
        &self.inner.schemas
    }

    /// Identity of the data directory (Kafka's cluster id): 22 characters.
    #[must_use]
    pub fn cluster_id(&self) -> &str {
        &self.inner.cluster_id
    }

    /// Whether the server can take requests: log and state accept writes.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.failure().is_none()
    }

    /// Why the server cannot go on, if it cannot: a failed write or sync of the log or the state. The
    /// process is to end then, so that a restart reads again what the disk really has.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.inner.log.failure().or_else(|| self.inner.store.failure()).map(Error::from)
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn metrics(&self) -> String {
        crate::metrics::render(self)
    }

    /// Stops taking input, finishes and commits what is running, syncs, and closes.
    ///
    /// # Errors
    /// Those of the disk; what was acknowledged is safe all the same.
    pub async fn shutdown(&self) -> Result<()> {
        self.inner.changes.close().await;
        self.inner.queries.stop_all().await;
        let engine = self.clone();
        let closed = tokio::task::spawn_blocking(move || {
            // Their offsets are safe in any case; only how long they stay is not.
            if let Err(error) = engine.inner.topics.groups().store_in_use() {
                tracing::error!(%error, "consumer groups that were in use may pass for unused");
            }
            engine.checkpoint()
        })
        .await;
        closed.map_err(|error| Error::internal(format!("the checkpoint panicked: {error}")))??;
        Ok(())
    }

    pub(crate) fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    pub(crate) fn queries(&self) -> &Queries {
        &self.inner.queries
    }

    pub(crate) fn store(&self) -> &Arc<dyn StateStore> {
        &self.inner.store
    }

    pub(crate) fn log(&self) -> &Arc<dyn Log> {
        &self.inner.log
    }

    pub(crate) fn processing_log(&self) -> &ProcessingLog {
        &self.inner.processing_log
    }

    pub(crate) fn pull_environment(&self) -> PullEnvironment {
        PullEnvironment {
            catalog: self.inner.catalog.state(),
            log: self.inner.log.clone(),
            schemas: self.inner.schemas.clone(),
            snapshot: self.inner.store.snapshot(),
            unreadable: Unreadable::default(),
            runtime: self.inner.pull_runtime.clone(),
            compute: self.inner.queries.environment().compute.clone(),
        }
    }
}

/// The identity of the data directory; made at its first opening.
fn cluster_id(store: &dyn StateStore) -> Result<String> {
    let key = state_keys::cluster_id();
    if let Some(bytes) = store.get(&key)? {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    // Kafka writes a UUID in base 64 without padding; hexadecimal digits are as legal.
    let id: String = uuid::Uuid::new_v4().simple().to_string().chars().take(22).collect();
    let mut changes = WriteBatch::default();
    changes.put(key, id.clone().into_bytes());
    store.write(&changes, Durability::Synced)?;
    Ok(id)
}
