//! Topics that earlier versions made for tables: they forgot records by their age, as those of streams do,
//! and with them rows that did not change for a week. Statements have made them otherwise since.
//!
//! Whether a statement made its topic or found it there cannot be told any more. Only how long records stay is
//! changed, so that nobody loses any; a topic whose history nobody needs is compacted when somebody says so.

use tidemill_sql::SqlError;
use tidemill_sql::lookup::SourceKind;
use tidemill_sql::parser::ast::Statement;
use tidemill_sql::parser::parse;
use tidemill_sql::planner::TopicOptions;
use tidemill_storage::TopicName;
use tidemill_storage::log::TopicSettings;

use crate::catalog::{Catalog, CatalogSource, CatalogState};
use crate::error::Result;
use crate::statements::source_topic;
use crate::topics::Topics;

/// What the catalog calls this change of what earlier versions left.
const UPGRADE: &str = "topics of tables keep their rows";

/// Lets the topics that statements may have made for tables keep records as long as they would if they were
/// made now (blocking); what becomes of them otherwise, `cleanup.policy`, stays. It is done once for a data
/// directory: what somebody sets later stays.
///
/// # Errors
/// Those of the disk; then it is done again at the next start.
pub fn keep_rows(catalog: &Catalog, topics: &Topics) -> Result<()> {
    if catalog.has_upgrade(UPGRADE)? {
        return Ok(());
    }
    let state = catalog.state();
    for table in state.sources.values() {
        let Some(settings) = settings_now(table, &state, topics) else { continue };
        let name = TopicName::new(&table.source.topic)?;
        topics.alter(&name, settings)?;
        tracing::info!(
            topic = %name,
            table = %table.source.name,
            "a topic keeps the rows of its table from now on; compact it where only the newest are needed"
        );
    }
    catalog.record_upgrade(UPGRADE)
}

/// The settings of a topic with the time that records stay where the statement of its table makes it now;
/// nothing where the statement cannot have made it, or somebody has said what becomes of its records.
fn settings_now(table: &CatalogSource, state: &CatalogState, topics: &Topics) -> Option<TopicSettings> {
    let source = table.source.as_ref();
    let is_older = |other: &CatalogSource| other.source.topic == source.topic && other.oid < table.oid;
    if source.kind != SourceKind::Table || state.sources.values().any(|other| is_older(other)) {
        return None;
    }
    let said = said_of_topic(&table.statement).unwrap_or_else(|error| {
        tracing::warn!(
            topic = %source.topic,
            table = %source.name,
            %error,
            "the statement of a table cannot be read; its topic may forget rows by their age"
        );
        None
    });
    let silent = said.filter(|said| said.retention_ms.is_none() && said.cleanup_policy.is_none())?;
    let there = topics.get(&TopicName::new(&source.topic).ok()?)?.settings;
    let untouched = !there.compact
        && there.retention_ms == TopicSettings::default().retention_ms
        && there.retention_bytes.is_none();
    let now = source_topic::settings(source.kind, source.window, silent, there.partitions).ok()?;
    untouched.then_some(TopicSettings { retention_ms: now.retention_ms, ..there })
}

/// What a statement that can have made its topic says about it. Those that altered the source stand behind it
/// and say nothing.
fn said_of_topic(text: &str) -> std::result::Result<Option<TopicOptions>, SqlError> {
    let said = match parse(text)?.into_iter().next().map(|first| first.statement) {
        Some(Statement::CreateSource(statement)) => {
            let said = TopicOptions::written(&statement.properties, true)?;
            Some(said).filter(|said| said.partitions.is_some())
        }
        Some(Statement::CreateAsSelect(statement)) => {
            Some(TopicOptions::written(&statement.properties, false)?)
        }
        _ => None,
    };
    Ok(said)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidemill_storage::log::MemoryLog;
    use tidemill_storage::state::memory::MemoryStateStore;
    use tidemill_storage::state::{Durability, WriteBatch};

    use super::*;
    use crate::catalog::record::Class;
    use crate::engine::{Engine, EngineOptions, Storage};
    use crate::session::Dialect;
    use crate::session_harness::{run, session};
    use crate::state_keys;

    fn open(storage: &Storage) -> Engine {
        let options = EngineOptions { workers: 2, ..EngineOptions::default() };
        Engine::open_over(storage.clone(), options).expect("opens")
    }

    fn kept(engine: &Engine, topic: &str) -> (bool, Option<i64>) {
        let topic = engine.topics().get(&TopicName::new(topic).unwrap()).expect("is there");
        (topic.settings.compact, topic.settings.retention_ms)
    }

    fn set(engine: &Engine, topic: &str, compact: bool, retention_ms: Option<i64>) {
        let name = TopicName::new(topic).unwrap();
        let settings = engine.topics().get(&name).expect("is there").settings;
        let settings = TopicSettings { compact, retention_ms, ..settings };
        engine.topics().alter(&name, settings).expect("is altered");
    }

    #[tokio::test]
    async fn tables_of_earlier_versions_keep_their_rows_from_the_next_start_on() {
        let storage =
            Storage { log: Arc::new(MemoryLog::default()), store: Arc::new(MemoryStateStore::new()) };
        let engine = open(&storage);
        let topic = |name: &str| TopicName::new(name).unwrap();
        for clients in ["clients", "history"] {
            engine.topics().create(&topic(clients), TopicSettings::default()).expect("is created");
        }
        let mut ada = session(&engine, Dialect::Postgres);
        for statement in [
            "CREATE STREAM s (k INT KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "CREATE TABLE declared (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 'declared', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "CREATE TABLE altered (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 'altered', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "ALTER TABLE altered ADD COLUMN w INT",
            "ALTER TABLE altered ADD COLUMN x INT",
            "CREATE TABLE found (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 'clients', VALUE_FORMAT = 'JSON')",
            "CREATE TABLE history (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 'history', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "CREATE TABLE shared (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
            "CREATE TABLE asked (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC = 'asked', VALUE_FORMAT = 'JSON', PARTITIONS = 1, CLEANUP_POLICY = 'delete')",
            "CREATE TABLE counted WITH (KAFKA_TOPIC = 'counted') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k",
            "CREATE TABLE hours WITH (KAFKA_TOPIC = 'hours') AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY k",
        ] {
            run(&mut ada, statement, &[]).await.expect(statement);
        }
        let made = ["declared", "altered", "counted", "hours"].map(|topic| (topic, kept(&engine, topic)));
        // As earlier versions left them.
        let week_ms = TopicSettings::default().retention_ms;
        for (topic, _) in made {
            set(&engine, topic, false, week_ms);
        }
        let mut changes = WriteBatch::default();
        changes.delete(state_keys::catalog(Class::Upgrade as u8, UPGRADE));
        storage.store.write(&changes, Durability::Synced).unwrap();
        engine.shutdown().await.expect("shuts down");

        let engine = open(&storage);
        for (topic, (_, retention_ms)) in made {
            assert_eq!(kept(&engine, topic), (false, retention_ms), "{topic}");
        }
        assert_eq!(kept(&engine, "history"), (false, None), "it may be a client's: nothing of it may go");
        for topic in ["s", "clients", "asked"] {
            assert_eq!(kept(&engine, topic), (false, week_ms), "{topic}");
        }
        // Somebody wants it so: the next start leaves it.
        set(&engine, "declared", false, week_ms);
        engine.shutdown().await.expect("shuts down");
        assert_eq!(kept(&open(&storage), "declared"), (false, week_ms));
    }
}
