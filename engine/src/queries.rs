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
use crate::runtime::memory_budget::MemoryBudget;
use crate::runtime::query::{
    self, Environment, QueryHandle, QueryIdentity, QueryOptions, QueryStatus, StartAt,
};
use crate::runtime::sink::SinkSpec;
use crate::runtime::topic_sink::StoredTable;
use crate::state::table_rows::{Expiry, TableRows};
use crate::statements::settings;

/// The setting that has records without a legal event time end the queries that are made with it.
pub const LEGAL_TIMES: &str = "ksql.timestamp.throw.on.invalid";

/// What all queries have in common.
#[derive(Clone, Debug)]
pub struct QueryDefaults {
    /// Shortest time between two commits of a query.
    pub commit_interval: Duration,
    /// Shards behind an exchange, for new queries.
    pub shards: usize,
    /// Bytes all queries together hold in memory, those of sessions included: state, what is read and what
    /// waits for a commit.
    pub state_bytes_max: usize,
    /// Whether persistent queries run by themselves; else they stand until somebody drives them.
    pub run: bool,
}

/// The persistent queries. Cheap to clone.
#[derive(Clone)]
pub struct Queries {
    environment: Environment,
    defaults: QueryDefaults,
    memory: MemoryBudget,
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
        let memory = MemoryBudget::new(defaults.state_bytes_max);
        Queries { environment, defaults, memory, slots: Arc::default(), of_sessions: Arc::default() }
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
            memory: self.memory.clone(),
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
            } else {
                // Its status tells why it stands.
                let _ = self.start_or_pause(record, catalog);
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
        let new = new.clone().with_join_state_version(record.join_state_version);
        physical::replacement::check(&plan_record(record, catalog, &self.environment)?, &new)
    }

    /// Ids of the queries that could start in one state of the catalog and could not in another, or would
    /// do something else there: queries are planned anew whenever they start.
    #[must_use]
    pub fn changed_between(&self, before: &Arc<CatalogState>, after: &Arc<CatalogState>) -> Vec<String> {
        let shown = |record: &QueryRecord, catalog| {
            let plan = plan_record(record, catalog, &self.environment).ok()?;
            Some((plan.describe(), plan.schema))
        };
        let changed = |record: &&Arc<QueryRecord>| {
            // One that could not start before is not held up by the change.
            let before = shown(record, before);
            before.is_some() && before != shown(record, after)
        };
        before.queries.values().filter(changed).map(|record| record.id.clone()).collect()
    }

    /// Plans a query and starts it where its last commit left it; one that cannot start is PAUSED with
    /// the reason. A query must not run twice at once: both would write the same results and state, so
    /// whoever starts one must have its turn to change things, or be alone as the server is at its start.
    ///
    /// # Errors
    /// Those of planning, and of [`query::start`]; `Internal` where the query runs.
    pub fn start_or_pause(&self, record: &QueryRecord, catalog: &Arc<CatalogState>) -> Result<()> {
        if self.is_running(&record.id) {
            return Err(Error::internal(format!("query {} runs already", record.id)));
        }
        let started = self.start(record, catalog);
        if let Err(error) = &started {
            tracing::error!(query = %record.id, %error, "query could not start and is paused");
            self.set(&record.id, Slot::NotStarted(QueryStatus::Paused(Some(error.to_string()))));
        }
        started
    }

    fn start(&self, record: &QueryRecord, catalog: &Arc<CatalogState>) -> Result<()> {
        let (plan, sink) = self.prepare(record, catalog)?;
        let slot = if self.defaults.run {
            Slot::Started(self.launch(record, plan, sink)?)
        } else {
            Slot::NotStarted(QueryStatus::Paused(Some(
                "queries of this engine are driven by hand".to_owned(),
            )))
        };
        self.set(&record.id, slot);
        Ok(())
    }

    /// What a stored query does, and where its results go.
    ///
    /// # Errors
    /// Those of planning.
    pub fn prepare(
        &self,
        record: &QueryRecord,
        catalog: &Arc<CatalogState>,
    ) -> Result<(PhysicalPlan, SinkSpec)> {
        let plan = plan_record(record, catalog, &self.environment)?;
        let sink: &CatalogSource = catalog.source(&record.sink)?;
        let table = sink.stored_rows.map(|table| StoredTable {
            rows: TableRows::new(table, sink.source.window),
            expiry: plan.row_retention_ms().map(Expiry::new),
        });
        Ok((plan, SinkSpec::Topic { source: sink.source.clone(), table }))
    }

    fn launch(&self, record: &QueryRecord, plan: PhysicalPlan, sink: SinkSpec) -> Result<QueryHandle> {
        let identity = QueryIdentity {
            id: record.id.clone(),
            number: record.number,
            producer: Some(ProducerId(record.producer)),
        };
        let start_at = if record.start_at == "latest" { StartAt::Latest } else { StartAt::Earliest };
        let options = QueryOptions {
            commit_interval: self.defaults.commit_interval,
            shards: record.shards,
            every_update: record.every_update,
            memory: self.memory.clone(),
        };
        query::start(identity, plan, sink, start_at, self.environment.clone(), options, None)
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

    /// How many rows a query has given: up to now where it was started, else up to its last commit.
    ///
    /// # Errors
    /// Those of the disk, `Corrupt`.
    pub fn rows_out(&self, record: &QueryRecord) -> Result<u64> {
        if let Some(handle) = self.handle(&record.id) {
            return Ok(handle.ledgers().rows_out());
        }
        let store = self.environment.store.as_ref();
        Ok(Ledgers::restore(store, record.number, Vec::new())?.rows_out())
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

    /// Whether a query was started and has not ended.
    #[must_use]
    pub fn is_running(&self, id: &str) -> bool {
        self.handle(id).is_some_and(|handle| !handle.status().has_ended())
    }

    /// Ends queries after a last commit each; gives the ids of those that ran.
    pub async fn halt(&self, ids: &[String]) -> Vec<String> {
        let running: Vec<String> = ids.iter().filter(|id| self.is_running(id)).cloned().collect();
        let handles: Vec<QueryHandle> = running.iter().filter_map(|id| self.handle(id)).collect();
        stop_together(&handles).await;
        running
    }

    /// Ends queries after a last commit each; they are PAUSED then.
    pub async fn pause(&self, ids: &[String]) {
        self.halt(ids).await;
        for id in ids {
            // What ended a query before, or in its last commit, is what SHOW QUERIES goes on telling.
            let reason = match self.status(id) {
                Some(QueryStatus::Failed(error)) => Some(error.to_string()),
                Some(QueryStatus::Paused(reason)) => reason,
                _ => None,
            };
            self.set(id, Slot::NotStarted(QueryStatus::Paused(reason)));
        }
    }

    /// Forgets queries that have ended.
    pub fn forget(&self, ids: &[String]) {
        let mut slots = self.slots.lock();
        for id in ids {
            slots.remove(id);
        }
    }

    /// Ends all queries after a last commit each.
    pub async fn stop_all(&self) {
        stop_together(&self.handles()).await;
    }
}

/// Ends queries at the same time, and waits for all.
async fn stop_together(handles: &[QueryHandle]) {
    for handle in handles {
        handle.request_stop();
    }
    for handle in handles {
        handle.stop().await;
    }
}

/// The plan of a stored query: its statement, planned over the sources as the query sees them.
///
/// # Errors
/// Those of planning.
pub fn plan_record(
    record: &QueryRecord,
    catalog: &Arc<CatalogState>,
    environment: &Environment,
) -> Result<PhysicalPlan> {
    let lookup = EngineLookup {
        catalog: catalog.as_seen_by(record),
        settings: record.settings.clone(),
        log: environment.log.clone(),
        schemas: environment.schemas.clone(),
        lenient_names: true,
    };
    let plan = match parse_one(&record.statement)?.statement {
        Statement::CreateAsSelect(create) => planner::plan_query(
            &create.query,
            &lookup,
            &Purpose::Persistent { sink: record.sink.clone(), event_time: None, kind: None },
        )?,
        Statement::InsertSelect(insert) => planner::plan_insert_select(&insert, &lookup)?.query,
        _ => {
            let message = format!("the stored statement of query {} is no query", record.id);
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
    };
    let needs_legal_times = record.settings.get(LEGAL_TIMES).is_some_and(|value| settings::is_on(value));
    Ok(physical::planner::plan(&plan, record.policy)?
        .with_legal_times_needed(needs_legal_times)
        .with_join_state_version(record.join_state_version))
}
