//! Positions: how far a query has read each partition of its topics.
//!
//! A query that joins two sources over one topic reads it twice, and its readers need not be equally far:
//! a position is that of one reader. The readers of a topic are numbered in the order of the plan's stages,
//! which a replacement of the query does not change.
//!
//! The first ones are stored with the query itself, so that "the latest record" means that of the moment
//! the query was made, however often and whenever it is started; every epoch then replaces those of the
//! partitions it read.
//!
//! A position is one in a topic with a certain identity. A topic that was deleted and made again is
//! another one under the same name, so it is read from its beginning; and so is a partition that has no
//! position while others of its topic have one, because it was added later.

use std::collections::BTreeMap;

use tidemill_storage::log::{Log, TopicDescription, partitions_of};
use tidemill_storage::state::{StateStore, WriteBatch};
use tidemill_storage::{Offset, TopicId, TopicPartition};

use crate::error::{Error, ErrorKind, Result};
use crate::physical::{PhysicalPlan, StageInput};
use crate::runtime::stages;
use crate::state_keys;

/// Bytes of a topic's identity in a stored position.
const TOPIC_ID_BYTES: usize = 16;

/// Offset of the next record to read in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The topic it is in.
    pub topic: TopicId,
    /// The offset.
    pub offset: Offset,
}

/// Positions in partitions, by the number of the reader of its topic.
pub type Positions = BTreeMap<(TopicPartition, u32), Position>;

/// Where a query that has no commit yet begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartAt {
    /// At the first record still there.
    Earliest,
    /// Behind the last visible record.
    Latest,
}

impl StartAt {
    /// The offset in one partition.
    ///
    /// # Errors
    /// `NotFound` where the partition is gone.
    pub fn offset(self, log: &dyn Log, target: &TopicPartition) -> Result<Offset> {
        let offsets = log.offsets(target)?;
        Ok(match self {
            StartAt::Earliest => offsets.log_start,
            StartAt::Latest => offsets.high_watermark,
        })
    }
}

/// Where a query that is made now begins.
///
/// # Errors
/// `NotFound` where a topic it reads is gone.
pub fn beginning(log: &dyn Log, plan: &PhysicalPlan, start_at: StartAt) -> Result<Positions> {
    let mut positions = Positions::new();
    for (stage, reader) in plan.stages.iter().zip(plan.reader_numbers()) {
        let StageInput::Scan(scan) = &stage.input else { continue };
        let topic = stages::topic(log, &scan.topic)?;
        for target in partitions_of(&topic) {
            let offset = start_at.offset(log, &target)?;
            positions.insert((target, reader), Position { topic: topic.id, offset });
        }
    }
    Ok(positions)
}

/// Adds positions to the changes they belong to.
pub fn record(changes: &mut WriteBatch, query: u64, positions: Positions) {
    for ((target, reader), position) in positions {
        let mut value = Vec::with_capacity(TOPIC_ID_BYTES + size_of::<i64>());
        value.extend_from_slice(position.topic.0.as_bytes());
        value.extend_from_slice(&position.offset.0.to_be_bytes());
        changes.put(state_keys::input_offset(query, &target, reader), value);
    }
}

/// Where the last commit left a query in a partition: the reader that is least far. `None` where it has
/// never read it.
///
/// # Errors
/// Those of the disk, `Corrupt`.
pub fn committed(store: &dyn StateStore, query: u64, target: &TopicPartition) -> Result<Option<Position>> {
    let readers = state_keys::prefix_range(&state_keys::input_offset(query, target, 0));
    let mut least: Option<Position> = None;
    for entry in store.snapshot().scan(readers) {
        let position = parse(&entry?.1, target)?;
        least = Some(least.filter(|least| least.offset <= position.offset).unwrap_or(position));
    }
    Ok(least)
}

/// Where the last commit left one reader. A reader without a position of its own stands where the first one
/// of its topic does.
fn committed_by(
    store: &dyn StateStore,
    query: u64,
    target: &TopicPartition,
    reader: u32,
) -> Result<Option<Position>> {
    let mut stored = store.get(&state_keys::input_offset(query, target, reader))?;
    if stored.is_none() && reader > 0 {
        stored = store.get(&state_keys::input_offset(query, target, 0))?;
    }
    stored.map(|value| parse(&value, target)).transpose()
}

/// Where a reader of a query goes on in the partitions of a topic, in their order; `fresh` takes the
/// positions that are not stored and have to be. `start_at` counts for a topic the query has never read.
///
/// # Errors
/// Those of the disk, `Corrupt`, `NotFound`.
pub fn restore(
    store: &dyn StateStore,
    log: &dyn Log,
    query: u64,
    topic: &TopicDescription,
    reader: u32,
    start_at: StartAt,
    fresh: &mut Positions,
) -> Result<Vec<Offset>> {
    let targets = partitions_of(topic);
    let stored: Vec<Option<Position>> =
        targets.iter().map(|target| committed_by(store, query, target, reader)).collect::<Result<_>>()?;
    let was_read = stored.iter().any(Option::is_some);
    let mut offsets = Vec::with_capacity(targets.len());
    for (target, found) in targets.into_iter().zip(stored) {
        let offset = match found {
            Some(position) if position.topic == topic.id => {
                offsets.push(position.offset);
                continue;
            }
            Some(position) => {
                tracing::warn!(
                    query, %target, position = %position.offset,
                    "the topic was deleted and made again; it is read from its beginning"
                );
                StartAt::Earliest.offset(log, &target)?
            }
            None if was_read => StartAt::Earliest.offset(log, &target)?,
            None => start_at.offset(log, &target)?,
        };
        offsets.push(offset);
        fresh.insert((target, reader), Position { topic: topic.id, offset });
    }
    Ok(offsets)
}

fn parse(value: &[u8], target: &TopicPartition) -> Result<Position> {
    let damaged = || Error::new(ErrorKind::Corrupt, format!("the stored position of {target} is damaged"));
    let (topic, offset) = value.split_at_checked(TOPIC_ID_BYTES).ok_or_else(damaged)?;
    let topic = TopicId(uuid::Uuid::from_slice(topic).map_err(|_| damaged())?);
    let offset = Offset(i64::from_be_bytes(offset.try_into().map_err(|_| damaged())?));
    Ok(Position { topic, offset })
}

#[cfg(test)]
#[path = "positions_tests.rs"]
mod tests;
