//! The topics that are there before a case's first statement: those it lists, those its statements
//! declare with columns, and those its records are of.

use std::collections::BTreeMap;

use tidemill_sql::parser::ast::{Statement, WithProperties};
use tidemill_sql::parser::parse;

use super::case::Case;

/// Partitions of a topic that the case lists without saying how many.
const PARTITIONS_LISTED: u32 = 1;

/// Partitions of any other topic of which nobody says how many.
const PARTITIONS_OTHERWISE: u32 = 4;

/// The topics with their partitions. What a statement says goes before what the case lists: cases are
/// written for topics whose partitions no statement is held against, and here each is.
pub(super) fn of(case: &Case) -> BTreeMap<String, u32> {
    let declarations: Vec<Declaration> = case.statements.iter().flat_map(|text| declarations(text)).collect();
    let mut topics = BTreeMap::new();
    for topic in &case.topics {
        topics.insert(topic.name.clone(), topic.partitions.unwrap_or(PARTITIONS_LISTED));
    }
    let with_columns = declarations.iter().filter(|declaration| declaration.has_columns);
    let of_records = case.inputs.iter().chain(&case.outputs).map(|record| &record.topic);
    for topic in with_columns.map(|declaration| &declaration.topic).chain(of_records) {
        topics.entry(topic.clone()).or_insert(PARTITIONS_OTHERWISE);
    }
    // Of several statements the first one makes the topic.
    for declaration in declarations.iter().rev() {
        if let (Some(known), Some(partitions)) = (topics.get_mut(&declaration.topic), declaration.partitions)
        {
            *known = partitions;
        }
    }
    topics
}

/// What a statement says about the topic of the stream or table that it makes.
struct Declaration {
    topic: String,
    partitions: Option<u32>,
    has_columns: bool,
}

/// The declarations of a text. What does not parse declares nothing: it is told when it is run.
fn declarations(text: &str) -> Vec<Declaration> {
    let parsed = parse(text).unwrap_or_default();
    let declarations = parsed.iter().filter_map(|parsed| match &parsed.statement {
        Statement::CreateSource(create) => {
            Declaration::of(&create.properties, None, !create.elements.is_empty())
        }
        Statement::CreateAsSelect(create) => {
            Declaration::of(&create.properties, Some(&create.name.value), false)
        }
        _ => None,
    });
    declarations.collect()
}

impl Declaration {
    /// `name` is the topic of a source whose statement names none.
    fn of(properties: &WithProperties, name: Option<&str>, has_columns: bool) -> Option<Declaration> {
        let text = |property: &str| properties.get(property).map(|found| found.value.as_text());
        let topic = text("KAFKA_TOPIC").or_else(|| name.map(str::to_owned))?;
        let partitions = text("PARTITIONS").and_then(|text| text.parse().ok());
        Some(Declaration { topic, partitions, has_columns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::case::{CaseRecord, Topic};

    #[test]
    fn a_topic_has_the_partitions_of_the_statement_that_says_so() {
        let record = |topic: &str| CaseRecord { topic: topic.to_owned(), ..CaseRecord::default() };
        let listed = |name: &str, partitions| Topic { name: name.to_owned(), partitions, ..Topic::default() };
        let case = Case {
            topics: vec![listed("listed", Some(2)), listed("bare", None), listed("inferred", Some(1))],
            statements: vec![
                "CREATE STREAM A (K INT KEY) WITH (kafka_topic='listed', value_format='JSON');".to_owned(),
                "CREATE STREAM B (K INT KEY) WITH (kafka_topic='b', value_format='JSON', partitions=7);"
                    .to_owned(),
                "CREATE STREAM C (K INT KEY) WITH (kafka_topic='c', value_format='JSON');".to_owned(),
                "CREATE STREAM D WITH (kafka_topic='made by it', value_format='AVRO', partitions=5);"
                    .to_owned(),
                "CREATE STREAM E WITH (kafka_topic='inferred', value_format='AVRO', partitions=8);"
                    .to_owned(),
                "CREATE STREAM sink WITH (partitions=3) AS SELECT * FROM A;".to_owned(),
                "CREATE STREAM B2 (K INT KEY) WITH (kafka_topic='b', value_format='JSON', partitions=9);"
                    .to_owned(),
                "this is no statement".to_owned(),
            ],
            inputs: vec![record("b"), record("fed")],
            outputs: vec![record("SINK")],
            ..Case::default()
        };
        let expected =
            [("SINK", 3), ("b", 7), ("bare", 1), ("c", 4), ("fed", 4), ("inferred", 8), ("listed", 2)];
        let found = of(&case);
        assert!(
            found.iter().map(|(name, partitions)| (name.as_str(), *partitions)).eq(expected),
            "{found:?}"
        );
    }
}
