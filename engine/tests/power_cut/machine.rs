//! A machine that can lose power: the log's disk, the state, and the engine over both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tidemill_engine::engine::{EngineOptions, Storage};
use tidemill_engine::runtime::decisions;
use tidemill_engine::{Dialect, Engine, Error, Response, SessionOptions, state_keys};
use tidemill_storage::io::{FaultyDisk, ManualClock, SeededRandom, Tail};
use tidemill_storage::log::{EmbeddedLog, Options, TopicSettings};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::state::StateStore;
use tidemill_storage::state::memory::{FaultPlan, MemoryStateStore, WriteFault};
use tidemill_storage::{PartitionId, TopicName, TopicPartition};
use tokio::runtime::Runtime;

/// Where the power goes off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// At a call to the log's disk that changes something; the first is 1.
    AtDiskCall(u64),
    /// At a write of state; the first is 1. With `after` it is on disk, but nobody was told.
    AtStateWrite {
        number: u64,
        after: bool,
    },
    Never,
}

/// Records of one batch: key, value, timestamp.
pub(crate) type Records = Vec<(String, String, i64)>;

/// The machine.
pub(crate) struct Machine {
    disk: FaultyDisk,
    clock: ManualClock,
    store: Arc<MemoryStateStore>,
    engine: Option<Engine>,
    runtime: Runtime,
    cut: Cut,
    /// Numbers of the events that were acknowledged.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// Number of the next event.
    pub(crate) next_event: u64,
    /// What the topic of the dropped query held when DROP was acknowledged.
    pub(crate) left_behind: Option<Vec<u64>>,
}

/// What a step ends with when the power goes off.
pub(crate) type Outcome<T> = Result<T, String>;

impl Machine {
    /// A machine with nothing on it.
    pub(crate) fn new(cut: Cut) -> Machine {
        let clock = ManualClock::new(1_700_000_000_000);
        let disk = FaultyDisk::new(Arc::new(clock.clone()));
        if let Cut::AtDiskCall(number) = cut {
            disk.inject(None, number, tidemill_storage::io::Fault::PowerOff);
        }
        let store = Arc::new(MemoryStateStore::with_faults(plan(disk.clone(), cut)));
        Machine {
            disk,
            clock,
            store,
            engine: None,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            cut,
            acknowledged: BTreeSet::new(),
            next_event: 0,
            left_behind: None,
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        self.disk.is_off()
    }

    pub(crate) fn store(&self) -> &MemoryStateStore {
        &self.store
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the engine is open")
    }

    /// Opens the engine as a process that starts would.
    pub(crate) fn open(&mut self) -> Outcome<()> {
        let opened = (|| {
            let options = Options {
                disk: Arc::new(self.disk.clone()),
                clock: Arc::new(self.clock.clone()),
                random: Arc::new(SeededRandom::new(self.disk.calls())),
                sync_threads: 1,
                ..Options::new("/log")
            };
            let (log, _) = EmbeddedLog::open(options, &decisions::lookup(self.store.as_ref())?)?;
            let storage = Storage { log: Arc::new(log), store: self.store.clone() };
            let options = EngineOptions {
                memory_bytes: 64 << 20,
                workers: 2,
                commit_interval: Duration::from_millis(1),
                ..EngineOptions::default()
            };
            Engine::open_over(storage, options)
        })();
        self.engine = Some(opened.map_err(|error: Error| error.to_string())?);
        Ok(())
    }

    /// Takes what a power cut left, and opens the engine over it.
    pub(crate) fn restart(&mut self, tail: Tail) -> Outcome<()> {
        // The process is gone at once: what its threads still try finds the power off.
        self.disk.switch_off();
        self.store.power_cut();
        self.engine = None;
        self.disk.power_cut(tail);
        self.disk.clear_faults();
        self.cut = Cut::Never;
        self.store = Arc::new(self.store.restarted(None));
        self.open()
    }

    pub(crate) fn sql(&self, statement: &str) -> Outcome<Response> {
        let options = SessionOptions {
            user: "test".to_owned(),
            database: "test".to_owned(),
            backend_id: 0,
            dialect: Dialect::Ksql,
        };
        let mut session = self.engine().session(options);
        let done = self.runtime.block_on(session.execute(statement, &[]));
        done.map_err(|error| format!("{statement}: {error}"))
    }

    /// Makes a topic, unless it is there.
    pub(crate) fn create_topic(&self, topic: &str, partitions: u32) -> Outcome<()> {
        let settings = TopicSettings {
            partitions,
            segment_bytes: 1_500,
            retention_ms: None,
            ..TopicSettings::default()
        };
        let name = TopicName::new(topic).unwrap();
        if self.engine().topics().get(&name).is_some() {
            return Ok(());
        }
        self.engine().topics().create(&name, settings).map_err(|error| error.to_string()).map(drop)
    }

    /// Appends a batch as a client and waits until it is acknowledged.
    pub(crate) fn produce(&self, topic: &str, partition: u32, records: Records) -> Outcome<()> {
        let mut builder = BatchBuilder::new(Codec::None);
        for (key, value, time_ms) in &records {
            builder.append(*time_ms, Some(key.as_bytes()), Some(value.as_bytes()), &[]).unwrap();
        }
        let target = TopicPartition::new(TopicName::new(topic).unwrap(), PartitionId(partition));
        let batch = builder.build().unwrap();
        let appended = self.engine().topics().append(&target, batch, None);
        let appended = appended.map_err(|error| error.to_string())?;
        self.runtime.block_on(appended.durable()).map_err(|error| error.to_string())
    }

    /// Whether each query runs, by its id.
    pub(crate) fn queries(&self) -> BTreeMap<String, bool> {
        let mut found = BTreeMap::new();
        for line in self.engine().metrics().lines() {
            let sample =
                line.strip_prefix("tidemill_query_running{query=\"").and_then(|l| l.split_once("\"} "));
            if let Some((id, running)) = sample {
                found.insert(id.to_owned(), running == "1");
            }
        }
        found
    }

    pub(crate) fn living_producers(&self) -> BTreeSet<i64> {
        let first = tidemill_storage::ProducerId::ENGINE_FIRST.0;
        self.queries().keys().map(|id| first + number_of(id) as i64).collect()
    }

    pub(crate) fn producers_with_decisions(&self) -> BTreeSet<i64> {
        let snapshot = self.store.snapshot();
        let entries = snapshot.scan(state_keys::all_decisions());
        entries.map(|entry| state_keys::parse_decision(&entry.unwrap().0).unwrap()).collect()
    }
}

/// The number a query's state is stored under: the end of its id.
pub(crate) fn number_of(id: &str) -> u64 {
    id.rsplit('_').next().unwrap().parse().unwrap()
}

/// State and log lose power together.
fn plan(disk: FaultyDisk, cut: Cut) -> FaultPlan {
    Box::new(move |written, _| {
        if disk.is_off() {
            return Some(WriteFault::PowerCutBefore);
        }
        match cut {
            Cut::AtStateWrite { number, after } if number == written + 1 => {
                disk.switch_off();
                Some(if after { WriteFault::PowerCutAfter } else { WriteFault::PowerCutBefore })
            }
            _ => None,
        }
    })
}
