//! The topics that are there before a case's first statement: those it lists, those its statements
//! declare, and those its records are of.

use std::collections::BTreeMap;

use tidemill_sql::parser::ast::{Statement, WithProperties};
use tidemill_sql::parser::parse;

use super::case::Case;

/// Partitions of a topic that the case lists without saying how many.
const PARTITIONS_LISTED: u32 = 1;

/// Partitions of any other topic of which nobody says how many.
const PARTITIONS_OTHERWISE: u32 = 4;

/// The topics with their partitions.
pub(super) fn of(case: &Case) -> BTreeMap<String, u32> {
    let mut topics = BTreeMap::new();
    for topic in &case.topics {
        topics.insert(topic.name.clone(), topic.partitions.unwrap_or(PARTITIONS_LISTED));
    }
    for (topic, partitions) in case.statements.iter().flat_map(|text| declared(text)) {
        topics.entry(topic).or_insert(partitions);
    }
    for record in case.inputs.iter().chain(&case.outputs) {
        topics.entry(record.topic.clone()).or_insert(PARTITIONS_OTHERWISE);
    }
    topics
}

/// The topics that a text declares with columns. What does not parse declares none: it is told when it is
/// run.
fn declared(text: &str) -> Vec<(String, u32)> {
    let parsed = parse(text).unwrap_or_default();
    let topics = parsed.iter().filter_map(|parsed| match &parsed.statement {
        Statement::CreateSource(create) if !create.elements.is_empty() => topic_of(&create.properties),
        _ => None,
    });
    topics.collect()
}

fn topic_of(properties: &WithProperties) -> Option<(String, u32)> {
    let topic = properties.get("KAFKA_TOPIC")?.value.as_text();
    let partitions = properties.get("PARTITIONS").and_then(|found| found.value.as_text().parse().ok());
    Some((topic, partitions.unwrap_or(PARTITIONS_OTHERWISE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::case::{CaseRecord, Topic};

    #[test]
    fn a_topic_has_the_partitions_of_whoever_says_so_first() {
        let record = |topic: &str| CaseRecord { topic: topic.to_owned(), ..CaseRecord::default() };
        let case = Case {
            topics: vec![
                Topic { name: "listed".to_owned(), partitions: Some(2), ..Topic::default() },
                Topic { name: "bare".to_owned(), ..Topic::default() },
            ],
            statements: vec![
                "CREATE STREAM A (K INT KEY) WITH (kafka_topic='listed', value_format='JSON', partitions=7);"
                    .to_owned(),
                "CREATE STREAM B (K INT KEY) WITH (kafka_topic='b', value_format='JSON', partitions=7);"
                    .to_owned(),
                "CREATE STREAM C (K INT KEY) WITH (kafka_topic='c', value_format='JSON');".to_owned(),
                "CREATE STREAM D WITH (kafka_topic='d', value_format='JSON');".to_owned(),
                "this is no statement".to_owned(),
            ],
            inputs: vec![record("b"), record("fed")],
            ..Case::default()
        };
        let expected = [("b", 7), ("bare", 1), ("c", 4), ("fed", 4), ("listed", 2)];
        let found = of(&case);
        assert!(
            found.iter().map(|(name, partitions)| (name.as_str(), *partitions)).eq(expected),
            "{found:?}"
        );
    }
}
