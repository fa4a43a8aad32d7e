//! Topics that a statement makes or deletes beside its change of the catalog. The two are in two places on
//! disk, and a server may end between them: a note tells the next one what was not finished. It names the
//! topic by its identity: a client may have made another one of that name since.

use serde::{Deserialize, Serialize};
use tidemill_storage::TopicName;
use tidemill_storage::log::{TopicDescription, partitions_of};
use tidemill_storage::state::{Durability, StateStore, WriteBatch};

use crate::catalog::record::{self, Class};
use crate::catalog::{Catalog, CatalogState};
use crate::engine::Engine;
use crate::error::Result;
use crate::state_keys;
use crate::topics::Topics;

/// What a statement is about to do.
#[derive(Serialize, Deserialize)]
struct Note {
    topic: String,
    id: String,
    intent: Intent,
}

/// What is to become of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Intent {
    /// A source is declared over it.
    Make,
    /// It goes, with its records.
    Delete,
}

impl Note {
    fn stage(topic: &TopicDescription, intent: Intent, changes: &mut WriteBatch) -> Result<()> {
        let note = Note { topic: topic.name.to_string(), id: topic.id.0.to_string(), intent };
        changes.put(key(topic.name.as_str()), record::write(&note)?);
        Ok(())
    }
}

/// Notes that a topic was made for a source that is not there yet. A server that ends before, or a note that
/// is lost with the power, leaves an empty topic at worst, so that nothing waits for the disk.
///
/// # Errors
/// Those of the disk.
pub fn making(engine: &Engine, made: &TopicDescription) -> Result<()> {
    let mut changes = WriteBatch::default();
    Note::stage(made, Intent::Make, &mut changes)?;
    Ok(engine.store().write(&changes, Durability::Buffered)?)
}

/// Notes, with the change that takes a source away, that its topic is to go.
///
/// # Errors
/// A bug only.
pub fn deleting(topic: &TopicDescription, changes: &mut WriteBatch) -> Result<()> {
    Note::stage(topic, Intent::Delete, changes)
}

/// Forgets the note on a topic: the statement has come to its end, or has told why not.
pub fn finished(engine: &Engine, topic: &TopicName) {
    let mut changes = WriteBatch::default();
    changes.delete(key(topic.as_str()));
    if let Err(error) = engine.store().write(&changes, Durability::Buffered) {
        tracing::warn!(%topic, %error, "the note on a topic that was made or deleted stays");
    }
}

/// Whether nothing was ever written to a topic.
pub fn is_empty(topics: &Topics, topic: &TopicDescription) -> bool {
    partitions_of(topic).iter().all(|target| topics.offsets(target).is_ok_and(|offsets| offsets.end.0 == 0))
}

/// Deletes what statements of the server before were deleting, and what they had made in vain (blocking).
///
/// # Errors
/// Those of the disk; then it is done at the next start.
pub fn finish(catalog: &Catalog, topics: &Topics, store: &dyn StateStore) -> Result<()> {
    let state = catalog.state();
    let mut changes = WriteBatch::default();
    for entry in store.snapshot().scan(state_keys::catalog_class(Class::UnfinishedTopic as u8)) {
        let (key, value) = entry?;
        let note: Note = record::read(&value)?;
        let name = TopicName::new(&note.topic)?;
        if let Some(topic) = topics.get(&name).filter(|topic| is_left_over(topic, &note, &state, topics)) {
            topics.delete(&topic.name)?;
            tracing::info!(topic = %name, "a topic was deleted that an interrupted statement has left");
        }
        changes.delete(key);
    }
    if changes.is_empty() { Ok(()) } else { Ok(store.write(&changes, Durability::Buffered)?) }
}

fn is_left_over(topic: &TopicDescription, note: &Note, state: &CatalogState, topics: &Topics) -> bool {
    let is_used = state.sources.values().any(|source| source.source.topic == topic.name.as_str());
    let may_go = note.intent == Intent::Delete || is_empty(topics, topic);
    topic.id.0.to_string() == note.id && may_go && !is_used
}

fn key(topic: &str) -> bytes::Bytes {
    state_keys::catalog(Class::UnfinishedTopic as u8, topic)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidemill_storage::log::{MemoryLog, TopicSettings};
    use tidemill_storage::state::memory::MemoryStateStore;

    use super::*;
    use crate::engine::{EngineOptions, Storage};
    use crate::session::{Dialect, Session};
    use crate::session_harness::{run, session};

    fn open(storage: &Storage) -> Engine {
        let options = EngineOptions { workers: 2, ..EngineOptions::default() };
        Engine::open_over(storage.clone(), options).expect("opens")
    }

    fn name(topic: &str) -> TopicName {
        TopicName::new(topic).expect("a name")
    }

    fn there(engine: &Engine) -> Vec<String> {
        let topics = engine.topics().list();
        let own = |topic: &TopicDescription| topic.name.as_str() == crate::processing_log::TOPIC;
        topics.iter().filter(|topic| !own(topic)).map(|topic| topic.name.to_string()).collect()
    }

    /// A topic with a record, and no source.
    async fn written(ada: &mut Session, topic: &str) {
        for statement in [
            format!(
                "CREATE STREAM {topic} (v INT) WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'JSON', PARTITIONS = 1)"
            ),
            format!("INSERT INTO {topic} VALUES (1)"),
            format!("DROP STREAM {topic}"),
        ] {
            run(ada, &statement, &[]).await.expect("a statement of the setup");
        }
    }

    #[tokio::test]
    async fn what_statements_left_half_done_is_finished_at_the_next_start() {
        let storage =
            Storage { log: Arc::new(MemoryLog::default()), store: Arc::new(MemoryStateStore::new()) };
        let engine = open(&storage);
        let mut ada = session(&engine, Dialect::Postgres);
        // Ended before the change of the catalog: nothing says that the topic was wanted.
        let half_made = engine.topics().create(&name("half_made"), TopicSettings::default()).unwrap();
        making(&engine, &half_made).unwrap();
        // Ended behind the change of the catalog.
        let create =
            "CREATE STREAM made (v INT) WITH (KAFKA_TOPIC = 'made', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";
        run(&mut ada, create, &[]).await.unwrap();
        making(&engine, &engine.topics().get(&name("made")).unwrap()).unwrap();
        // Somebody has written to it meanwhile.
        written(&mut ada, "found").await;
        making(&engine, &engine.topics().get(&name("found")).unwrap()).unwrap();
        // A note that stayed, and a client's topic that has its name since.
        let gone = engine.topics().create(&name("clients"), TopicSettings::default()).unwrap();
        making(&engine, &gone).unwrap();
        engine.topics().delete(&name("clients")).unwrap();
        engine.topics().create(&name("clients"), TopicSettings::default()).unwrap();
        // Ended before the topic was deleted.
        let mut changes = WriteBatch::default();
        written(&mut ada, "half_deleted").await;
        deleting(&engine.topics().get(&name("half_deleted")).unwrap(), &mut changes).unwrap();
        // Another one of that name was made meanwhile.
        let before = engine.topics().create(&name("another"), TopicSettings::default()).unwrap();
        deleting(&before, &mut changes).unwrap();
        engine.topics().delete(&name("another")).unwrap();
        engine.topics().create(&name("another"), TopicSettings::default()).unwrap();
        storage.store.write(&changes, Durability::Synced).unwrap();
        engine.shutdown().await.expect("shuts down");

        let engine = open(&storage);
        assert_eq!(there(&engine), ["another", "clients", "found", "made"]);
        let notes = state_keys::catalog_class(Class::UnfinishedTopic as u8);
        assert_eq!(storage.store.snapshot().scan(notes).count(), 0);
    }

    #[tokio::test]
    async fn statements_that_come_to_their_end_leave_no_note_and_need_no_topic_to_delete() {
        let storage =
            Storage { log: Arc::new(MemoryLog::default()), store: Arc::new(MemoryStateStore::new()) };
        let engine = open(&storage);
        let mut ada = session(&engine, Dialect::Postgres);
        for topic in ["a", "b"] {
            let create = format!(
                "CREATE STREAM {topic} (v INT) WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'JSON', PARTITIONS = 1)"
            );
            run(&mut ada, &create, &[]).await.unwrap();
        }
        engine.topics().delete(&name("b")).unwrap();
        for topic in ["a", "b"] {
            run(&mut ada, &format!("DROP STREAM {topic} DELETE TOPIC"), &[]).await.expect("is dropped");
        }
        assert_eq!(there(&engine), Vec::<String>::new());
        let notes = state_keys::catalog_class(Class::UnfinishedTopic as u8);
        assert_eq!(storage.store.snapshot().scan(notes).count(), 0);
    }
}
