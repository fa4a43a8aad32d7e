//! A case of queries: its statements, its records through them, and the verdict.

use std::collections::BTreeMap;

use serde_json::Value;

use super::case::{Case, CaseRecord};
use super::feeding::{self, Fed};
use super::post_conditions::{check_sources, check_topics};
use super::record_match::{Comparison, ReadRecord, compare};
use super::rejection::{self, Failure};
use super::value_match::{EXACT_NUMBERS, Numbers};
use super::verdict::Verdict;
use super::world::World;
use super::{record_topics, request_case, statements, three_files};

/// Runs a case.
pub(super) fn run(case: &Case) -> Verdict {
    let verdict = if case.has_requests() { request_case::run(case) } else { run_queries(case) };
    if case.is_strict { verdict.strictly() } else { verdict }
}

fn run_queries(case: &Case) -> Verdict {
    let mut world = match World::open(case) {
        Ok(world) => world,
        Err(reason) => return Verdict::failed(reason),
    };
    match (results(&mut world, case), &case.expected_exception) {
        (Ok(Ok(_)), Some(expected)) => rejection::judge(expected, None),
        (Ok(Err(failure)), Some(expected)) => rejection::judge(expected, Some(&failure)),
        (Ok(Err(failure)), None) => Verdict::failed(failure.tell()),
        (Ok(Ok(fed)), None) => verdict(&world, case, &fed),
        (Err(reason), _) => Verdict::failed(reason),
    }
}

/// Lets the case happen. The outer error is the test's own, the inner one what the case led to.
fn results(world: &mut World, case: &Case) -> Result<Result<Fed, Failure>, String> {
    let done = statements::read(case).and_then(|statements| statements::run(world, &statements));
    if let Err(refusal) = done {
        return Ok(Err(Failure::Statement(refusal.in_file(&case.places))));
    }
    feeding::write_inputs(world, case)?;
    Ok(feeding::drive(world, case).map_err(Failure::Query))
}

fn verdict(world: &World, case: &Case, fed: &Fed) -> Verdict {
    let by_topic = match came_out(world, case) {
        Ok(by_topic) => by_topic,
        Err(reason) => return Verdict::failed(reason),
    };
    let written =
        by_topic.iter().flat_map(|(topic, records)| records.iter().map(|record| record.to_case(topic)));
    let came_out: Option<Vec<Value>> = Some(written.collect());
    if case.lacks_outputs {
        let reason = format!("there is no {}; --update writes one with what came out", three_files::OUTPUT);
        return Verdict { came_out, ..Verdict::failed(reason) };
    }
    if let Err(difference) = check_outputs(case, &by_topic) {
        let unwritten = record_topics::unwritten(world, case).into_iter().map(|told| format!("{told}\n"));
        let reasons = fed.reasons.iter().map(|reason| format!("\n  dropped: {reason}"));
        let reason = format!("{}{difference}{}", unwritten.collect::<String>(), reasons.collect::<String>());
        return Verdict { came_out, ..Verdict::failed(reason) };
    }
    let mut verdict = Verdict { came_out, ..Verdict::passed() };
    if let Some(post) = &case.post {
        let sources = match world.engine.declared_sources() {
            Ok(sources) => sources,
            Err(error) => return Verdict::failed(error.to_string()),
        };
        let mut wrong = Vec::new();
        if !post.sources.is_empty() {
            let checked = check_sources(&post.sources, &sources);
            verdict.sources_ok = Some(checked.is_ok());
            wrong.extend(checked.err());
        }
        if let Some(expected) = &post.topics {
            let topics: Vec<String> =
                world.engine.topics().list().iter().map(|topic| topic.name.to_string()).collect();
            let checked = check_topics(expected, &topics, &sources, world.engine.schemas());
            verdict.topics_ok = Some(checked.is_ok());
            wrong.extend(checked.err());
        }
        verdict.reason = (!wrong.is_empty()).then(|| wrong.join("\n"));
    }
    verdict
}

/// What stands in the topics that count: those of the expected records, and where none are expected, or
/// everything counts, those that queries write.
pub(super) fn came_out(world: &World, case: &Case) -> Result<BTreeMap<String, Vec<ReadRecord>>, String> {
    let mut topics: Vec<String> = case.outputs.iter().map(|record| record.topic.clone()).collect();
    if topics.is_empty() || case.is_strict {
        topics.extend(world.engine.persistent_queries().into_iter().map(|query| query.sink_topic));
    }
    let mut by_topic = BTreeMap::new();
    for topic in topics {
        if by_topic.contains_key(&topic) {
            continue;
        }
        let mut records = Vec::new();
        if !world.log(&topic).is_empty() {
            let payloads = feeding::payloads(world, &topic)?;
            for (number, record) in world.log(&topic).iter().enumerate() {
                let read = ReadRecord::of(&payloads, record);
                records.push(read.map_err(|error| format!("topic {topic}, record {}: {error}", number + 1))?);
            }
        }
        by_topic.insert(topic, records);
    }
    Ok(by_topic)
}

/// Whether the records are those that the case expects.
///
/// # Errors
/// Where they differ, for people.
pub(super) fn check_outputs(case: &Case, by_topic: &BTreeMap<String, Vec<ReadRecord>>) -> Result<(), String> {
    let is_exact = case.properties.get(EXACT_NUMBERS).is_none_or(|value| {
        value.as_bool() != Some(false)
            && value.as_str().is_none_or(|text| !text.eq_ignore_ascii_case("false"))
    });
    let comparison = Comparison {
        numbers: match (is_exact, case.is_strict) {
            (false, _) => Numbers::Approximate,
            (true, false) => Numbers::Exact,
            (true, true) => Numbers::AsWritten,
        },
        zero_is_any_time: case.inputs.is_empty(),
        headers: !case.has_requests(),
        more_allowed: case.has_requests(),
    };
    let mut differences = Vec::new();
    for (topic, records) in by_topic {
        let expected: Vec<&CaseRecord> =
            case.outputs.iter().filter(|record| record.topic == *topic).collect();
        differences.extend(compare(topic, &expected, records, comparison).err());
    }
    if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) }
}
