//! An engine on storage that outlives it.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use futures::TryStreamExt;
use tidemill_engine::engine::{EngineOptions, Storage};
use tidemill_engine::topics::Topics;
use tidemill_engine::{Dialect, Engine, Response, Session, SessionOptions};
use tidemill_storage::log::{MemoryLog, TopicSettings};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::{PartitionId, TopicName, TopicPartition};
use tokio::runtime::Runtime;

/// Until something that must happen has happened. Generous: a slow machine is no failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Workers of a query behind an exchange.
pub(crate) const SHARDS: usize = 2;

pub(crate) struct Lives {
    storage: Storage,
    engine: Engine,
    runtime: Runtime,
}

impl Lives {
    /// The first life, on empty storage.
    pub(crate) fn begin() -> Lives {
        let storage =
            Storage { log: Arc::new(MemoryLog::default()), store: Arc::new(MemoryStateStore::new()) };
        Lives::begin_on(storage)
    }

    pub(crate) fn begin_on(storage: Storage) -> Lives {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Lives { engine: open(&storage), storage, runtime }
    }

    /// Ends this life well, and begins the next.
    pub(crate) fn restart(&mut self) {
        self.shut_down();
        self.reopen();
    }

    pub(crate) fn shut_down(&self) {
        self.block_on(self.engine.shutdown()).unwrap();
    }

    pub(crate) fn reopen(&mut self) {
        self.engine = open(&self.storage);
    }

    /// Number of entries the state has in a range.
    pub(crate) fn entries(&self, range: Range<Bytes>) -> usize {
        self.storage.store.snapshot().scan(range).count()
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn session(&self) -> Session {
        self.engine.session(SessionOptions {
            user: "test".to_owned(),
            database: "test".to_owned(),
            backend_id: 0,
            dialect: Dialect::Postgres,
        })
    }

    /// Runs a statement in a session of its own.
    pub(crate) async fn execute(&self, statement: &str) -> tidemill_engine::Result<Response> {
        self.session().execute(statement, &[]).await
    }

    pub(crate) fn try_sql(&self, statement: &str) -> tidemill_engine::Result<Response> {
        self.block_on(self.execute(statement))
    }

    /// Runs a statement under some settings.
    pub(crate) fn sql_with(&self, settings: &[(&str, &str)], statement: &str) -> Response {
        let mut session = self.session();
        for (name, value) in settings {
            session.set(name, value).unwrap();
        }
        self.block_on(session.execute(statement, &[])).unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    pub(crate) fn sql(&self, statement: &str) -> Response {
        self.try_sql(statement).unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The rows of a query over what is there now, cells separated by `|`, sorted.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
        let Response::Rows(rows) = self.sql(query) else { panic!("{query} gives no rows") };
        let batches: Vec<_> = self.runtime.block_on(rows.stream.try_collect()).unwrap();
        let mut found = Vec::new();
        for batch in &batches {
            let options = FormatOptions::new().with_null("_");
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap())
                .collect();
            found.extend((0..batch.num_rows()).map(|row| {
                let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
                cells.join("|")
            }));
        }
        found.sort();
        found
    }

    /// Appends records as a client and waits until they are acknowledged: key, value, timestamp.
    pub(crate) fn produce(&self, topic: &str, records: &[(&str, &str, i64)]) {
        self.produce_to(topic, 0, records);
    }

    pub(crate) fn produce_to(&self, topic: &str, partition: u32, records: &[(&str, &str, i64)]) {
        let mut builder = BatchBuilder::new(Codec::None);
        for (key, value, time_ms) in records {
            builder.append(*time_ms, Some(key.as_bytes()), Some(value.as_bytes()), &[]).unwrap();
        }
        let target = TopicPartition::new(TopicName::new(topic).unwrap(), PartitionId(partition));
        let appended = self.engine.topics().append(&target, builder.build().unwrap(), None).unwrap();
        self.block_on(appended.durable()).unwrap();
    }

    pub(crate) fn topics(&self) -> &Topics {
        self.engine.topics()
    }

    pub(crate) fn create_topic(&self, topic: &str, partitions: u32) {
        let settings = TopicSettings { partitions, ..TopicSettings::default() };
        self.engine.topics().create(&TopicName::new(topic).unwrap(), settings).unwrap();
    }

    pub(crate) fn delete_topic(&self, topic: &str) {
        self.engine.topics().delete(&TopicName::new(topic).unwrap()).unwrap();
    }

    pub(crate) fn grow_topic(&self, topic: &str, partitions: u32) -> tidemill_engine::Result<()> {
        let settings = TopicSettings { partitions, ..self.topic_settings(topic) };
        self.engine.topics().alter(&TopicName::new(topic).unwrap(), settings).map(drop)
    }

    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        self.engine.topics().get(&TopicName::new(topic).unwrap()).is_some()
    }

    pub(crate) fn topic_settings(&self, topic: &str) -> TopicSettings {
        self.engine.topics().get(&TopicName::new(topic).unwrap()).unwrap().settings
    }

    /// The status of a query as it is shown; `None` where there is no such query.
    pub(crate) fn status(&self, id: &str) -> Option<String> {
        let shown = self.rows("SHOW QUERIES");
        shown.iter().find_map(|row| row.strip_prefix(&format!("{id}|"))?.split('|').next().map(str::to_owned))
    }

    /// The value of a metric, whose labels are written as they are rendered.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> Option<u64> {
        let sample = format!("{name}{{{labels}}} ");
        let metrics = self.engine.metrics();
        metrics.lines().find_map(|line| line.strip_prefix(&sample)?.parse().ok())
    }

    /// Waits until a condition gives something.
    pub(crate) fn eventually<T>(&self, what: &str, mut condition: impl FnMut(&Lives) -> Option<T>) -> T {
        self.await_ok(|lives| condition(lives).ok_or_else(|| format!("it never happened: {what}")))
    }

    /// Asks until the answer is good; fails with the last one that was not.
    #[expect(clippy::disallowed_methods, reason = "what is waited for is an answer, and has a deadline")]
    fn await_ok<T>(&self, mut ask: impl FnMut(&Lives) -> Result<T, String>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match ask(self) {
                Ok(found) => return found,
                Err(reason) => assert!(Instant::now() < deadline, "{reason}"),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until a query over what is there now gives these rows.
    pub(crate) fn await_rows(&self, query: &str, expected: &[&str]) {
        self.await_ok(|lives| {
            let found = lives.rows(query);
            if found == expected { Ok(()) } else { Err(format!("{query} gives {found:?}, not {expected:?}")) }
        });
    }
}

fn open(storage: &Storage) -> Engine {
    let options = EngineOptions {
        memory_bytes: 64 << 20,
        workers: SHARDS,
        commit_interval: Duration::from_millis(1),
        ..EngineOptions::default()
    };
    Engine::open_over(storage.clone(), options).unwrap()
}
