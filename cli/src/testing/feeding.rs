//! Which record goes through which query when.
//!
//! The queries get their input one after the other, in the order in which they were made: each all of
//! it, record by record. Topics that the case has records for are read from these alone, in the order
//! of the case; after them the other topics, whose records other queries and INSERT VALUES have
//! written.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use tidemill_engine::Error;
use tidemill_engine::driver::{Record, TopicPayloads, Window};
use tidemill_engine::formats::RecordPart;

use super::case::{Case, CaseRecord};
use super::record_topics;
use super::world::World;

/// Reasons for dropped rows that are kept to be told.
const REASONS_MAX: usize = 10;

/// A query that could not go on.
#[derive(Clone, Debug)]
pub(super) struct Breakdown {
    /// The query.
    pub(super) query: String,
    /// The record it could not take; none where it could not even begin.
    pub(super) record: Option<String>,
    /// Why.
    pub(super) error: Error,
}

impl Breakdown {
    /// What happened, for people.
    pub(super) fn tell(&self) -> String {
        let record = self.record.as_ref().map_or_else(String::new, |record| format!(" at {record}"));
        format!("query {} failed{record}: {}", self.query, self.error)
    }
}

/// What was noticed while records went through the queries.
#[derive(Clone, Debug, Default)]
pub(super) struct Fed {
    /// Why rows were dropped, with the query.
    pub(super) reasons: Vec<String>,
}

/// Writes a case's records into their topics.
///
/// # Errors
/// A record that is none of its topic, or whose topic nobody reads, for people.
pub(super) fn write_inputs(world: &mut World, case: &Case) -> Result<(), String> {
    record_topics::check_inputs(world, case)?;
    for (number, input) in case.inputs.iter().enumerate() {
        let record = to_record(world, input)
            .and_then(|record| world.write(&input.topic, record).map_err(|error| error.to_string()));
        record.map_err(|error| format!("input {} for topic '{}': {error}", number + 1, input.topic))?;
    }
    Ok(())
}

/// Passes what stands in the topics through the queries.
///
/// # Errors
/// The query that could not go on.
pub(super) fn drive(world: &mut World, case: &Case) -> Result<Fed, Box<Breakdown>> {
    let mut fed = Fed::default();
    let given: BTreeSet<&str> = case.inputs.iter().map(|input| input.topic.as_str()).collect();
    for query in world.engine.persistent_queries() {
        let broken = |record: Option<String>, error: Error| {
            Box::new(Breakdown { query: query.id.clone(), record, error })
        };
        let mut driver = world.engine.driver(&query.id).map_err(|error| broken(None, error))?;
        let inputs: BTreeSet<String> = driver.inputs().map(str::to_owned).collect();
        let from_case = records_of_case(world, case, &given, &inputs);
        let others = inputs.iter().filter(|topic| !given.contains(topic.as_str()));
        let written = others
            .flat_map(|topic| world.log(topic).iter().map(move |record| (topic.clone(), record.clone())));
        let records: Vec<(String, Record)> = from_case.into_iter().chain(written).collect();
        for (number, (topic, record)) in records.iter().enumerate() {
            let place = || format!("record {} of topic '{topic}'", number + 1);
            let out = driver.feed(topic, record).map_err(|error| broken(Some(place()), error))?;
            for record in out.records {
                world.note(driver.sink(), record);
            }
            let room = REASONS_MAX.saturating_sub(fed.reasons.len());
            let reasons = out.reasons.into_iter().take(room);
            fed.reasons.extend(reasons.map(|reason| format!("{}, {}: {reason}", query.id, place())));
        }
    }
    Ok(fed)
}

/// The records of the case that a query reads, in the order of the case.
fn records_of_case(
    world: &World,
    case: &Case,
    given: &BTreeSet<&str>,
    inputs: &BTreeSet<String>,
) -> Vec<(String, Record)> {
    // Behind what INSERT VALUES may have written, each topic holds the case's records in their order.
    let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in given {
        let of_case = case.inputs.iter().filter(|input| input.topic == *topic).count();
        positions.insert(*topic, world.log(topic).len().saturating_sub(of_case));
    }
    let mut records = Vec::new();
    for input in &case.inputs {
        let Some(position) = positions.get_mut(input.topic.as_str()) else { continue };
        let record = world.log(&input.topic).get(*position).cloned();
        *position += 1;
        if inputs.contains(&input.topic) {
            records.extend(record.map(|record| (input.topic.clone(), record)));
        }
    }
    records
}

/// The record that a case writes down.
fn to_record(world: &World, input: &CaseRecord) -> Result<Record, String> {
    let payloads = world.engine.payloads(&input.topic);
    let payload = |part: RecordPart, value: &Value| match &payloads {
        Some(payloads) => payloads.json_to_wire(part, value).map_err(|error| error.to_string()),
        None => Ok(undeclared(value)),
    };
    let mut key = payload(RecordPart::Key, &input.key)?;
    if let Some(window) = &input.window {
        let window = Window { start_ms: window.start, end_ms: window.end, is_session: window.is_session() };
        key = Some(window.with_key(key.as_deref().unwrap_or_default()));
    }
    let headers = input.headers.iter().map(|header| {
        let value = header.value.as_ref().map(|value| STANDARD.decode(value)).transpose();
        let value = value.map_err(|error| format!("header '{}': {error}", header.key))?;
        Ok((header.key.clone(), value.map(Bytes::from)))
    });
    Ok(Record {
        key,
        value: payload(RecordPart::Value, &input.value)?,
        timestamp_ms: input.timestamp.unwrap_or(0),
        headers: headers.collect::<Result<_, String>>()?,
    })
}

/// The bytes of a payload of a topic that nobody has declared: its text.
fn undeclared(value: &Value) -> Option<Bytes> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone().into()),
        other => Some(other.to_string().into()),
    }
}

/// How a topic's records are read, where somebody has declared it.
pub(super) fn payloads(world: &World, topic: &str) -> Result<TopicPayloads, String> {
    world.engine.payloads(topic).ok_or_else(|| format!("no stream or table is declared over topic '{topic}'"))
}
