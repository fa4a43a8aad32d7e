//! A session sees what follows from its own inserts, and all that was there for the queries it made.
//!
//! Queries take their input a moment after it was written. Somebody who types INSERT and then SELECT
//! from a table derived from it expects to find the row counted. So a SELECT over what is there now
//! waits, in a session that has inserted, until the queries between its inserts and what it reads have
//! taken them in and published what they made of them. A query that a session makes has what its
//! sources held at that moment to take in: that counts as written by the session. Sessions that only
//! read never wait, and what others write is not waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use datafusion::sql::sqlparser::ast;
use tidemill_storage::log::{Log, partitions_of};
use tidemill_storage::state::StateStore;
use tidemill_storage::{Offset, PartitionId, TopicName, TopicPartition};
use tokio::time::Instant;

use crate::catalog::CatalogState;
use crate::catalog::record::QueryRecord;
use crate::engine::Engine;
use crate::error::Result;
use crate::runtime::query::QueryStatus;
use crate::runtime::stages::partition_count;
use crate::runtime::{decisions, positions};

/// How long a SELECT waits at most. A query that is further behind is read as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often positions are looked at: a commit takes some milliseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Where a session has written: the offset behind its last record, by partition.
pub type Written = BTreeMap<TopicPartition, Offset>;

/// What the queries that fill a source have to take in: what they read, up to where it ends now. A topic
/// that is gone meanwhile holds nothing.
///
/// # Errors
/// Those of the log.
pub fn held_by_sources(engine: &Engine, filled: &str) -> Result<Written> {
    let catalog = engine.catalog().state();
    let log = engine.log().as_ref();
    let mut held = Written::new();
    for record in catalog.queries.values().filter(|record| record.sink == filled) {
        for topic in input_topics(&catalog, record) {
            let Some(topic) = log.topic(&TopicName::new(&topic)?) else { continue };
            for target in partitions_of(&topic) {
                // Up to where it can read: what is in an open transaction may never come.
                let end = log.offsets(&target)?.last_stable;
                held.insert(target, end);
            }
        }
    }
    Ok(held)
}

/// Waits until everything this query reads has taken in what was written. Tells whether it has; a
/// query that is not running, or far behind, is not waited for.
///
/// # Errors
/// Those of log and store.
pub async fn arrived(engine: &Engine, written: &Written, query: &ast::Query) -> Result<bool> {
    let catalog = engine.catalog().state();
    let deadline = Instant::now() + PATIENCE;
    let mut targets = written.clone();
    for record in upstream(&catalog, relations(query)) {
        let running = engine.queries().status(&record.id) == Some(QueryStatus::Running);
        let inputs = input_topics(&catalog, &record);
        let awaited: Written = targets
            .iter()
            .filter(|(target, _)| inputs.contains(target.topic.as_str()))
            .map(|(target, offset)| (target.clone(), *offset))
            .collect();
        if !running || awaited.is_empty() {
            continue;
        }
        let store = engine.store().as_ref();
        while !has_read(store, record.number, &awaited)? {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let Some(sink) = catalog.sources.get(&record.sink) else { continue };
        let topic = TopicName::new(&sink.source.topic)?;
        let decided = decided(engine.log().as_ref(), store, record.producer, &topic)?;
        while !is_published(engine.log().as_ref(), &decided)? {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        // What it made of the inserts is among what the next queries have to take in.
        targets.extend(decided);
    }
    Ok(true)
}

/// The relations a query names, wherever in it.
fn relations(query: &ast::Query) -> Vec<String> {
    let mut found = Vec::new();
    let _ = ast::visit_relations(query, |name| {
        if let Some(ident) = name.0.last().and_then(ast::ObjectNamePart::as_ident) {
            found.push(ident.value.clone());
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// The queries whose results these relations hold, each behind those it reads from.
fn upstream(catalog: &CatalogState, relations: Vec<String>) -> Vec<Arc<QueryRecord>> {
    let mut ordered = Vec::new();
    let mut visited = BTreeSet::new();
    for relation in relations {
        // A name too many only means to wait for one more query.
        for name in catalog.sources.keys().filter(|name| name.eq_ignore_ascii_case(&relation)) {
            visit(catalog, name, &mut visited, &mut ordered);
        }
    }
    ordered
}

fn visit(
    catalog: &CatalogState,
    source: &str,
    visited: &mut BTreeSet<String>,
    ordered: &mut Vec<Arc<QueryRecord>>,
) {
    for record in catalog.queries.values().filter(|record| record.sink == source) {
        if visited.insert(record.id.clone()) {
            for input in &record.sources {
                visit(catalog, input, visited, ordered);
            }
            ordered.push(record.clone());
        }
    }
}

fn input_topics(catalog: &CatalogState, record: &QueryRecord) -> BTreeSet<String> {
    let sources = record.sources.iter().filter_map(|name| catalog.sources.get(name));
    sources.map(|found| found.source.topic.clone()).collect()
}

/// Whether a query's last commit is behind all of these.
fn has_read(store: &dyn StateStore, query: u64, awaited: &Written) -> Result<bool> {
    for (target, offset) in awaited {
        let position = positions::committed(store, query, target)?;
        if position.is_none_or(|position| position.offset < *offset) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How far a query's output is decided, by partition.
fn decided(log: &dyn Log, store: &dyn StateStore, producer: i64, topic: &TopicName) -> Result<Written> {
    let mut found = Written::new();
    for partition in 0..partition_count(log, topic)? {
        let target = TopicPartition::new(topic.clone(), PartitionId(partition));
        if let Some(end) = decisions::end_of(store, producer, &target)? {
            found.insert(target, end);
        }
    }
    Ok(found)
}

fn is_published(log: &dyn Log, decided: &Written) -> Result<bool> {
    for (target, end) in decided {
        if log.offsets(target)?.high_watermark < *end {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
#[path = "own_inserts_tests.rs"]
mod tests;
