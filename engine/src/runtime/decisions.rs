//! Decisions: how far the output of a query in a partition has been decided.
//!
//! The log asks for them at its start, about batches behind its last checkpoint. Each query keeps one
//! a partition it writes, and every epoch replaces it. A query that is gone keeps its decisions until
//! the log has made a checkpoint behind its last output; then nobody will ask again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use tidemill_storage::log::Decisions;
use tidemill_storage::state::{Durability, StateStore, WriteBatch};
use tidemill_storage::{Offset, ProducerId, TopicName, TopicPartition};

use crate::catalog::Catalog;
use crate::error::{Error, ErrorKind, Result};
use crate::state_keys;

/// Adds a decision to the changes of its epoch.
pub fn record(changes: &mut WriteBatch, producer: ProducerId, target: &TopicPartition, end: Offset) {
    changes.put(state_keys::decision(producer.0, target), Bytes::copy_from_slice(&end.0.to_be_bytes()));
}

/// How far the output of a query in a partition has been decided, if it has any there.
///
/// # Errors
/// Those of the disk, `Corrupt`.
pub fn end_of(store: &dyn StateStore, producer: i64, target: &TopicPartition) -> Result<Option<Offset>> {
    store.get(&state_keys::decision(producer, target))?.map(|end| offset(&end)).transpose()
}

/// What the log asks at its start. All decisions are read before, because to the log a decision that
/// cannot be read would be one that was never made, and it would cut off what was.
///
/// # Errors
/// Those of the disk, `Corrupt`.
pub fn lookup(store: &dyn StateStore) -> Result<Decisions> {
    let mut decided: BTreeMap<Bytes, Offset> = BTreeMap::new();
    for entry in store.snapshot().scan(state_keys::all_decisions()) {
        let (key, end) = entry?;
        // The entry may share a large buffer with its neighbours.
        decided.insert(Bytes::copy_from_slice(&key), offset(&end)?);
    }
    Ok(Arc::new(move |producer: ProducerId, target: &TopicPartition| {
        decided.get(&state_keys::decision(producer.0, target)).copied()
    }))
}

/// Keys of the decisions of queries that are gone. After a checkpoint of the log begun from now on
/// they can be forgotten.
///
/// # Errors
/// Those of the disk, `Corrupt`.
pub fn of_ended_queries(store: &dyn StateStore, catalog: &Catalog) -> Result<Vec<Bytes>> {
    let snapshot = store.snapshot();
    let keys: Vec<Bytes> =
        snapshot.scan(state_keys::all_decisions()).map(|entry| Ok(entry?.0)).collect::<Result<_>>()?;
    if keys.is_empty() {
        return Ok(keys);
    }
    // Read after the keys: a query is in the catalog before its first decision, and leaves it after
    // its last output is published.
    let state = catalog.state();
    let living: BTreeSet<i64> = state.queries.values().map(|query| query.producer).collect();
    let mut ended = Vec::new();
    for key in keys {
        let producer = state_keys::parse_decision(&key).ok_or_else(damaged)?;
        if !living.contains(&producer) {
            ended.push(key);
        }
    }
    Ok(ended)
}

/// Forgets decisions.
///
/// # Errors
/// Those of the disk.
pub fn forget(store: &dyn StateStore, keys: Vec<Bytes>) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut changes = WriteBatch::default();
    for key in keys {
        changes.delete(key);
    }
    // Nobody needs them gone: they may come back with a power cut and go the next time.
    Ok(store.write(&changes, Durability::Buffered)?)
}

/// Forgets what was decided about topics of a name that is free. A new topic of that name begins at
/// offset 0, and what was decided far behind that would pass for its own.
///
/// # Errors
/// Those of the disk.
pub fn forget_topic(store: &dyn StateStore, topic: &TopicName) -> Result<()> {
    let mut changes = WriteBatch::default();
    for entry in store.snapshot().scan(state_keys::all_decisions()) {
        let (key, _) = entry?;
        if state_keys::topic_of_decision(&key).is_some_and(|name| name == topic.as_str()) {
            changes.delete(key);
        }
    }
    if changes.is_empty() { Ok(()) } else { Ok(store.write(&changes, Durability::Synced)?) }
}

fn offset(end: &[u8]) -> Result<Offset> {
    Ok(Offset(i64::from_be_bytes(end.try_into().map_err(|_| damaged())?)))
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "a stored decision about a query's output is damaged")
}
