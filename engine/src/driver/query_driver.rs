//! One persistent query and the records passed through it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidemill_storage::log::{Log, MemoryLog, Origin, TopicSettings};
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::state::{Durability, StateStore, WriteBatch};
use tidemill_storage::{PartitionId, TopicName, TopicPartition};

use super::record::Record;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::physical::StageInput;
use crate::runtime::mail::Mail;
use crate::runtime::query::{Environment, QueryIdentity, QueryOptions, StartAt};
use crate::runtime::stages;
use crate::runtime::worker::{Output, Worker};

/// Records after which the state changes are committed: operators remember them until then.
const COMMIT_RECORDS: u64 = 1_000;

/// A persistent query, driven by hand.
///
/// Its topics have one partition here, and its records count from 0 in each: ROWPARTITION is 0, and
/// ROWOFFSET tells how many records of the topic were passed before.
pub struct QueryDriver {
    engine: Engine,
    id: String,
    sink: TopicName,
    inputs: BTreeSet<TopicName>,
    /// Holds what was passed, and nothing else.
    log: Arc<dyn Log>,
    store: Arc<dyn StateStore>,
    stages: Vec<Vec<Option<Worker>>>,
    mail: Mail,
    /// Records since the last commit.
    uncommitted: u64,
}

/// What followed from one record.
#[derive(Clone, Debug, Default)]
pub struct Fed {
    /// The records written, in order.
    pub records: Vec<Record>,
    /// Why rows were dropped, or went on without a value, for people.
    pub reasons: Vec<String>,
}

impl QueryDriver {
    /// Takes a query in hand.
    pub(super) fn new(engine: &Engine, id: &str) -> Result<QueryDriver> {
        let catalog = engine.catalog().state();
        let record = catalog.query(id)?;
        let queries = engine.queries();
        let (plan, spec) = queries.prepare(record, &catalog)?;
        let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
        let sink = TopicName::new(&catalog.source(&record.sink)?.source.topic)?;
        let mut inputs = BTreeSet::new();
        for stage in &plan.stages {
            if let StageInput::Scan(scan) = &stage.input {
                inputs.insert(scan.topic.clone());
            }
        }
        for topic in inputs.iter().chain(Some(&sink).filter(|sink| !inputs.contains(*sink))) {
            let settings = engine.topics().get(topic).map(|topic| topic.settings).unwrap_or_default();
            let settings = TopicSettings { partitions: 1, retention_ms: None, ..settings };
            log.create_topic(topic, settings)?;
        }
        let store: Arc<dyn StateStore> = Arc::new(MemoryStateStore::new());
        let environment =
            Environment { log: log.clone(), store: store.clone(), ..queries.environment().clone() };
        let identity = QueryIdentity { id: record.id.clone(), number: record.number, producer: None };
        let options = QueryOptions {
            commit_interval: Duration::ZERO,
            shards: 1,
            ..queries.session_options(record.every_update)
        };
        let built = stages::build(&identity, &plan, &spec, StartAt::Earliest, &environment, &options)?;
        Ok(QueryDriver {
            engine: engine.clone(),
            id: record.id.clone(),
            sink,
            inputs,
            log,
            store,
            stages: built.workers,
            mail: Mail::new(&plan),
            uncommitted: 0,
        })
    }

    /// The topics it reads.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(TopicName::as_str)
    }

    /// The topic it writes.
    #[must_use]
    pub fn sink(&self) -> &str {
        self.sink.as_str()
    }

    /// Passes a record of one of the topics it reads through the whole query; when it returns, all that
    /// follows from the record stands in the engine's log and tables.
    ///
    /// # Errors
    /// `NotFound` for a topic it does not read; what would end the query if it ran: then the driver is
    /// of no more use.
    pub fn feed(&mut self, topic: &str, record: &Record) -> Result<Fed> {
        let topic = TopicName::new(topic)?;
        if !self.inputs.contains(&topic) {
            let message = format!("query {} does not read topic '{topic}'", self.id);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        let target = TopicPartition::new(topic, PartitionId(0));
        self.log.append(&target, record.to_batch()?, Origin::Server)?;
        let mut fed = Fed::default();
        while self.round(&mut fed)? {}
        self.uncommitted += 1;
        if self.uncommitted >= COMMIT_RECORDS {
            self.commit()?;
        }
        Ok(fed)
    }

    /// Runs the stages that have something to do, once each; tells whether any had.
    fn round(&mut self, fed: &mut Fed) -> Result<bool> {
        let mut worked = false;
        for stage in 0..self.stages.len() {
            let mut delivery = self.mail.deliver(stage);
            for shard in 0..self.stages[stage].len() {
                let runs = delivery.runs.remove(&shard).unwrap_or_default();
                let Some(worker) = &mut self.stages[stage][shard] else { continue };
                let output = match &worker.reader {
                    Some(reader) if reader.has_input()? => worker.read_round(None)?,
                    None if delivery.advanced || !runs.is_empty() => {
                        worker.exchanged_round(runs, delivery.stream_times)?
                    }
                    _ => continue,
                };
                worked = true;
                self.take_output(stage, output, fed)?;
            }
        }
        Ok(worked)
    }

    /// Sends on what a worker gave.
    fn take_output(&mut self, stage: usize, output: Output, fed: &mut Fed) -> Result<()> {
        if !output.reports.is_empty() {
            fed.reasons.extend(output.reports.iter().map(|report| report.reason.clone()));
            self.engine.processing_log().report_rows(&self.id, output.reports);
        }
        if let Some(sink) = output.sink {
            for (target, batches) in sink.records {
                for batch in batches {
                    fed.records.extend(Record::from_batch(batch.clone())?);
                    self.engine.log().append(&target, batch, Origin::Server)?;
                }
            }
            if !sink.table_rows.is_empty() {
                self.engine.store().write(&sink.table_rows, Durability::Buffered)?;
            }
        }
        self.mail.send(stage, output.batches, |stage| self.stages[stage].len())
    }

    fn commit(&mut self) -> Result<()> {
        let mut changes = WriteBatch::default();
        for worker in self.stages.iter_mut().flatten().flatten() {
            worker.commit(&mut changes)?;
        }
        self.uncommitted = 0;
        Ok(self.store.write(&changes, Durability::Buffered)?)
    }
}
