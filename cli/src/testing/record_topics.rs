//! Whether the topics of a case's records are those of its statements: a slip in a topic's name must not let
//! records vanish.

use std::collections::BTreeSet;

use tidemill_sql::closest;

use super::case::{Case, CaseRecord};
use super::record_match::show_expected;
use super::world::World;

/// Checks that every topic that records go into is read. ksqlDB's own tests may say more than their
/// statements read, and so may a case of which not everything counts.
///
/// # Errors
/// The topics that no statement reads, for people.
pub(super) fn check_inputs(world: &World, case: &Case) -> Result<(), String> {
    if !case.is_strict || case.java_name.is_some() {
        return Ok(());
    }
    let sources = world.engine.declared_sources().map_err(|error| error.to_string())?;
    let read: BTreeSet<String> = sources.into_iter().map(|source| source.topic).collect();
    let unread: Vec<String> =
        strangers(&case.inputs, &read).map(|stranger| stranger.tell("input", "no statement reads")).collect();
    if unread.is_empty() { Ok(()) } else { Err(unread.join("\n")) }
}

/// What there is to say about topics of expected records that nothing has written.
pub(super) fn unwritten(world: &World, case: &Case) -> Vec<String> {
    let queries = world.engine.persistent_queries();
    let written: BTreeSet<String> = queries.into_iter().map(|query| query.sink_topic).collect();
    strangers(&case.outputs, &written)
        .filter(|stranger| world.log(&stranger.record.topic).is_empty())
        .map(|stranger| stranger.tell("output", "no statement writes"))
        .collect()
}

/// The first record of a topic that is none of those known.
struct Stranger<'c> {
    /// Its number among the records, from 1.
    number: usize,
    record: &'c CaseRecord,
    /// The topic that may have been meant.
    meant: Option<&'c str>,
}

fn strangers<'c>(
    records: &'c [CaseRecord],
    known: &'c BTreeSet<String>,
) -> impl Iterator<Item = Stranger<'c>> {
    let mut told = BTreeSet::new();
    (1..).zip(records).filter_map(move |(number, record)| {
        let is_new = !known.contains(&record.topic) && told.insert(record.topic.as_str());
        let meant = || closest(&record.topic, known.iter().map(String::as_str));
        is_new.then(|| Stranger { number, record, meant: meant() })
    })
}

impl Stranger<'_> {
    fn tell(&self, list: &str, trouble: &str) -> String {
        let Stranger { number, record, meant } = self;
        let hint = meant.map_or_else(String::new, |meant| format!("; did you mean '{meant}'?"));
        format!("{trouble} topic '{}'{hint}\n  {list} {number}: {}", record.topic, show_expected(record))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::query_case;

    fn case() -> Case {
        let record =
            |topic: &str, value| CaseRecord { topic: topic.to_owned(), value, ..CaseRecord::default() };
        Case {
            statements: vec![
                "CREATE STREAM orders (amount INT) WITH (kafka_topic='orders', value_format='JSON');"
                    .to_owned(),
                "CREATE STREAM large AS SELECT * FROM orders WHERE amount > 10;".to_owned(),
            ],
            inputs: vec![record("orders", json!({"AMOUNT": 20})), record("ordres", json!({"AMOUNT": 30}))],
            outputs: vec![record("LARGE", json!({"AMOUNT": 20}))],
            ..Case::default()
        }
    }

    #[test]
    fn a_record_that_no_statement_reads_fails_a_strict_case() {
        let verdict = query_case::run(&Case { is_strict: true, ..case() });
        let reason = verdict.reason.expect("it fails");
        assert!(!verdict.passed && verdict.came_out.is_none());
        assert!(
            reason.starts_with("no statement reads topic 'ordres'; did you mean 'orders'?\n  input 2: "),
            "{reason}"
        );
        assert!(reason.contains(r#"{"AMOUNT":30}"#), "{reason}");
        assert!(query_case::run(&case()).passed);
        let of_ksqldb = Case { is_strict: true, java_name: Some("a test".to_owned()), ..case() };
        assert!(query_case::run(&of_ksqldb).passed);
    }

    #[test]
    fn a_record_that_is_expected_where_nothing_writes_is_told_with_what_may_be_meant() {
        let mut case = case();
        case.outputs[0].topic = "LARGEE".to_owned();
        let reason = query_case::run(&case).reason.expect("it fails");
        assert!(
            reason.starts_with("no statement writes topic 'LARGEE'; did you mean 'LARGE'?\n  output 1: "),
            "{reason}"
        );
    }
}
