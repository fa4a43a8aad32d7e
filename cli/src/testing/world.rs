//! The world of one case: an engine in memory, its topics, and what has come to them.

use std::collections::BTreeMap;

use serde_json::Value;
use tidemill_engine::driver::{Arrivals, Placement, Record};
use tidemill_engine::engine::EngineOptions;
use tidemill_engine::log::TopicSettings;
use tidemill_engine::{Dialect, Engine, Error, Response, Session, SessionOptions, TopicName};
use tokio::runtime::Runtime;

use super::case::Case;
use super::value_match::EXACT_NUMBERS;
use super::{declared_topics, registered_schemas};

/// Memory of a case's engine. Cases are small, and several run at once.
const MEMORY_BYTES: u64 = 256 << 20;

/// Settings of the session that runs the statements. Queries begin at the first record and tell of every
/// update of a key: what comes out then follows from the records alone.
const SETTINGS: [(&str, &str); 2] = [("auto.offset.reset", "earliest"), ("cache.max.bytes.buffering", "0")];

/// Settings beside these of a case that is a test of ksqlDB: where the two differ it is right.
const SETTINGS_OF_KSQLDB: [(&str, &str); 3] = [
    ("tidemill.emit.final.overtaken", "forget"),
    ("tidemill.ksqldb.limits", "true"),
    ("tidemill.sum.overflow", "fail"),
];

/// Settings of the server that answers requests, as the cases of requests take them for granted.
const REQUEST_SETTINGS: [(&str, &str); 1] = [("ksql.query.push.v2.enabled", "true")];

/// The world of one case.
pub(super) struct World {
    pub(super) engine: Engine,
    session: Session,
    runtime: Runtime,
    arrivals: Arrivals,
    logs: BTreeMap<String, Vec<Record>>,
}

impl World {
    /// Makes the world as the case finds it: topics are there, and nothing else.
    ///
    /// # Errors
    /// Why it cannot be made, for people.
    pub(super) fn open(case: &Case) -> Result<World, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let options = EngineOptions {
            memory_bytes: MEMORY_BYTES,
            workers: 1,
            run_queries: false,
            ..EngineOptions::default()
        };
        let engine = Engine::open(options).map_err(|error| format!("no engine: {error}"))?;
        for (name, partitions) in declared_topics::of(case) {
            create_topic(&engine, &name, partitions)
                .map_err(|error| format!("topic '{name}' could not be made: {error}"))?;
        }
        let mut session = engine.session(SessionOptions {
            user: "tidemill".to_owned(),
            database: "tidemill".to_owned(),
            backend_id: 0,
            dialect: Dialect::Ksql,
        });
        let of_ksqldb = SETTINGS_OF_KSQLDB.into_iter().filter(|_| case.java_name.is_some());
        let of_requests = REQUEST_SETTINGS.into_iter().filter(|_| case.has_requests());
        let own = SETTINGS.into_iter().chain(of_ksqldb).chain(of_requests);
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = case.properties.iter().filter(|(name, _)| *name != EXACT_NUMBERS);
        let given = given.map(|(name, value)| (name.clone(), setting_text(value)));
        for (name, value) in own.chain(given) {
            session.set(&name, &value).map_err(|error| format!("property '{name}' = '{value}': {error}"))?;
        }
        registered_schemas::register(&session, engine.schemas(), case)
            .map_err(|error| format!("the schemas of topics could not be registered: {error}"))?;
        let arrivals = engine.arrivals().map_err(|error| error.to_string())?;
        Ok(World { engine, session, runtime, arrivals, logs: BTreeMap::new() })
    }

    /// Runs a statement, and notes which records it has written.
    ///
    /// # Errors
    /// Everything that is wrong with the statement.
    pub(super) fn execute(&mut self, statement: &str) -> Result<Response, Error> {
        let response = self.runtime.block_on(self.session.execute(statement, &[]))?;
        for (topic, record) in self.arrivals.take()? {
            self.note(&topic, record);
        }
        Ok(response)
    }

    /// Waits for something.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Puts a record into a topic, where sessions find it.
    ///
    /// # Errors
    /// Those of the log.
    pub(super) fn write(&mut self, topic: &str, record: Record) -> Result<(), Error> {
        self.engine.append_record(topic, &record, Placement::ByKey)?;
        self.note(topic, record);
        Ok(())
    }

    /// Notes that a record has come to a topic.
    pub(super) fn note(&mut self, topic: &str, record: Record) {
        self.logs.entry(topic.to_owned()).or_default().push(record);
    }

    /// What has come to a topic, in its order.
    pub(super) fn log(&self, topic: &str) -> &[Record] {
        self.logs.get(topic).map_or(&[], Vec::as_slice)
    }
}

fn create_topic(engine: &Engine, name: &str, partitions: u32) -> Result<(), Error> {
    let settings = TopicSettings { partitions, ..TopicSettings::default() };
    engine.topics().create(&TopicName::new(name)?, settings)?;
    Ok(())
}

/// A setting's value as it would be typed.
fn setting_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
