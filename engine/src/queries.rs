//! The persistent queries that run, and those that do not and why.
//!
//! One query's failure is its own: it is FAILED with its cause, and everything else goes on. A query
//! that cannot start when the server does is PAUSED with its reason, and the server starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tidemill_sql::parser::ast::Statement;
use tidemill_sql::parser::parse_one;
use tidemill_sql::planner::{self, Purpose};
use tidemill_storage::ProducerId;

use crate::catalog::record::QueryRecord;
use crate::catalog::{CatalogSource, CatalogState};
use crate::error::{Error, ErrorKind, Result};
use crate::lookup::EngineLookup;
use crate::physical::{self, PhysicalPlan};
use crate::runtime::ledger::{Counts, Ledgers};
use crate::runtime::query::{
    self, Environment, QueryHandle, QueryIdentity, QueryOptions, QueryStatus, StartAt, partition_count,
};
use crate::runtime::sink::{SinkWriter, StoredTable, TopicSink};
use crate::state::table_rows::{Expiry, TableRows};

/// What all queries have in common.
#[derive(Clone, Debug)]
pub struct QueryDefaults {
    /// Shortest time between two commits of a query.
    pub commit_interval: Duration,
    /// Shards behind an exchange, for new queries.
    pub shards: usize,
    /// Bytes of state all queries together hold in memory.
    pub state_bytes_max: usize,
}

/// The persistent queries. Cheap to clone.
#[derive(Clone)]
pub struct Queries {
    environment: Environment,
    defaults: QueryDefaults,
    slots: Arc<Mutex<BTreeMap<String, Slot>>>,
    /// Queries of sessions; those that have ended leave when the next one comes.
    of_sessions: Arc<Mutex<Vec<QueryHandle>>>,
}

/// One query.
#[derive(Clone)]
enum Slot {
    Started(QueryHandle),
    NotStarted(QueryStatus),
}

impl Queries {
    /// None yet.
    #[must_use]
    pub fn new(environment: Environment, defaults: QueryDefaults) -> Queries {
        Queries { environment, defaults, slots: Arc::default(), of_sessions: Arc::default() }
    }

    /// What all queries have in common.
    #[must_use]
    pub fn defaults(&self) -> &QueryDefaults {
        &self.defaults
    }

    /// Where queries run.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// How queries of a session run.
    #[must_use]
    pub fn session_options(&self, every_update: bool) -> QueryOptions {
        QueryOptions {
            commit_interval: Duration::from_secs(1),
            shards: self.defaults.shards,
            every_update,
            state_bytes_max: self.defaults.state_bytes_max / 4,
        }
    }

    /// Counts a query of a session in, until it ends.
    pub fn note_session_query(&self, handle: QueryHandle) {
        let mut of_sessions = self.of_sessions.lock();
        of_sessions.retain(|other| other.status() == QueryStatus::Running);
        of_sessions.push(handle);
    }

    /// How many queries of sessions are running.
    #[must_use]
    pub fn session_queries_running(&self) -> usize {
        let of_sessions = self.of_sessions.lock();
        of_sessions.iter().filter(|handle| handle.status() == QueryStatus::Running).count()
    }

    /// Starts every query of the catalog that was not paused.
    pub fn start_all(&self, catalog: &Arc<CatalogState>) {
        for record in catalog.queries.values() {
            if record.paused {
                self.set(&record.id, Slot::NotStarted(QueryStatus::Paused(None)));
            } else if let Err(error) = self.start(record, catalog) {
                tracing::error!(query = %record.id, %error, "query could not start and is paused");
                self.set(&record.id, Slot::NotStarted(QueryStatus::Paused(Some(error.to_string()))));
            }
        }
    }

    /// Checks that a query can be replaced by another plan and keep its state.
    ///
    /// # Errors
    /// `Unsupported`; those of planning the query as it is.
    pub fn check_replaceable(
        &self,
        record: &QueryRecord,
        catalog: &Arc<CatalogState>,
        new: &PhysicalPlan,
    ) -> Result<()> {
        physical::replacement::check(&plan_record(record, catalog, &self.environment)?, new)
    }

    /// Plans a query and starts it where its last commit left it.
    ///
    /// # Errors
    /// Those of planning, and of [`query::start`].
    pub fn start(&self, record: &QueryRecord, catalog: &Arc<CatalogState>) -> Result<()> {
        let plan = plan_record(record, catalog, &self.environment)?;
        let sink = catalog.source(&record.sink)?.clone();
        let handle = self.launch(record, &plan, &sink)?;
        self.set(&record.id, Slot::Started(handle));
        Ok(())
    }

    fn launch(
        &self,
        record: &QueryRecord,
        plan: &PhysicalPlan,
        sink: &Arc<CatalogSource>,
    ) -> Result<QueryHandle> {
        let identity = QueryIdentity {
            id: record.id.clone(),
            number: record.number,
            producer: Some(ProducerId(record.producer)),
        };
        let log = self.environment.log.clone();
        let topic = tidemill_storage::TopicName::new(&sink.source.topic)?;
        let partitions = partition_count(log.as_ref(), &topic)?;
        let table = sink.stored_rows.map(|table| StoredTable {
            rows: TableRows::new(table, sink.source.window),
            expiry: plan.row_retention_ms().map(Expiry::new),
        });
        let start_at = if record.start_at == "latest" { StartAt::Latest } else { StartAt::Earliest };
        let running = self.slots.lock().len().max(1);
        let options = QueryOptions {
            commit_interval: self.defaults.commit_interval,
            shards: record.shards,
            every_update: record.every_update,
            state_bytes_max: self.defaults.state_bytes_max / running,
        };
        query::start(
            identity,
            plan,
            &|worker| {
                let sink = TopicSink::new(&sink.source, &plan.schema, partitions, worker, table.clone())?;
                Ok(SinkWriter::Topic(Box::new(sink)))
            },
            &|target| start_at.offset(log.as_ref(), target),
            self.environment.clone(),
            options,
            None,
        )
    }

    fn set(&self, id: &str, slot: Slot) {
        self.slots.lock().insert(id.to_owned(), slot);
    }

    /// What a query is doing.
    #[must_use]
    pub fn status(&self, id: &str) -> Option<QueryStatus> {
        match self.slots.lock().get(id)? {
            Slot::Started(handle) => Some(handle.status()),
            Slot::NotStarted(status) => Some(status.clone()),
        }
    }

    /// A query that was started.
    #[must_use]
    pub fn handle(&self, id: &str) -> Option<QueryHandle> {
        match self.slots.lock().get(id)? {
            Slot::Started(handle) => Some(handle.clone()),
            Slot::NotStarted(_) => None,
        }
    }

    /// What became of the records of a query: up to now where it was started, else up to its last
    /// commit.
    ///
    /// # Errors
    /// Those of the disk, `Corrupt`.
    pub fn ledgers(&self, record: &QueryRecord) -> Result<Vec<(String, Counts)>> {
        if let Some(handle) = self.handle(&record.id) {
            return Ok(handle.ledgers().all());
        }
        let store = self.environment.store.as_ref();
        Ok(Ledgers::restore(store, record.number, record.sources.clone())?.all())
    }

    /// All queries that were started.
    #[must_use]
    pub fn handles(&self) -> Vec<QueryHandle> {
        let slots = self.slots.lock();
        slots
            .values()
            .filter_map(|slot| match slot {
                Slot::Started(handle) => Some(handle.clone()),
                Slot::NotStarted(_) => None,
            })
            .collect()
    }

    /// Ends a query after a last commit; it is paused then.
    pub async fn pause(&self, id: &str) {
        if let Some(handle) = self.handle(id) {
            handle.stop().await;
        }
        self.set(id, Slot::NotStarted(QueryStatus::Paused(None)));
    }

    /// Ends a query after a last commit and forgets it.
    pub async fn remove(&self, id: &str) {
        if let Some(handle) = self.handle(id) {
            handle.stop().await;
        }
        self.slots.lock().remove(id);
    }

    /// Ends all queries after a last commit each.
    pub async fn stop_all(&self) {
        let handles = self.handles();
        for handle in &handles {
            handle.request_stop();
        }
        for handle in handles {
            handle.stop().await;
        }
    }
}

/// The plan of a stored query: its statement, planned over the sources as they are now.
///
/// # Errors
/// Those of planning.
pub fn plan_record(
    record: &QueryRecord,
    catalog: &Arc<CatalogState>,
    environment: &Environment,
) -> Result<PhysicalPlan> {
    let lookup = EngineLookup {
        catalog: catalog.clone(),
        settings: record.settings.clone(),
        log: environment.log.clone(),
        lenient_names: true,
    };
    let plan = match parse_one(&record.statement)?.statement {
        Statement::CreateAsSelect(create) => {
            planner::plan_query(&create.query, &lookup, &Purpose::Persistent { sink: record.sink.clone() })?
        }
        Statement::InsertSelect(insert) => planner::plan_insert_select(&insert, &lookup)?.query,
        _ => {
            let message = format!("the stored statement of query {} is no query", record.id);
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
    };
    physical::planner::plan(&plan, record.overtaken)
}
