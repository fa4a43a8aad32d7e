//! A query must not read what it writes, by itself or over others: one record would become more and more
//! until the disk is full.

use std::collections::BTreeSet;

use crate::catalog::CatalogState;
use crate::error::{Error, ErrorKind, Result};
use crate::session::Session;
use crate::statements::settings::is_on;

/// The setting by which a session may make such queries all the same.
const ALLOWED: &str = "tidemill.query.loops";

/// Refuses a query that reads these sources and writes to this topic where what it writes comes back to it.
/// `replaced` is the query whose place it takes.
///
/// # Errors
/// `Invalid`.
pub(super) fn check(
    session: &Session,
    catalog: &CatalogState,
    sources: &[String],
    sink_topic: &str,
    replaced: Option<&str>,
) -> Result<()> {
    if session.setting(ALLOWED).is_some_and(|value| is_on(&value)) {
        return Ok(());
    }
    let reached = reached_from(catalog, sink_topic, replaced);
    let mut topics = sources.iter().filter_map(|name| topic_of(catalog, name));
    let Some(read) = topics.find(|topic| reached.contains(topic)) else { return Ok(()) };
    let message = if read == sink_topic {
        format!("the query would read what it writes: topic '{read}' is its source and its result")
    } else {
        format!(
            "the query would read what it writes: other queries carry what it writes to topic '{sink_topic}' \
             back to its source, topic '{read}'"
        )
    };
    Err(Error::new(ErrorKind::Invalid, message).with_hint(format!(
        "write into another stream; where a loop is meant and comes to an end, SET '{ALLOWED}' = 'true' allows it"
    )))
}

/// The topics that get records when a topic does.
fn reached_from<'c>(catalog: &'c CatalogState, first: &'c str, replaced: Option<&str>) -> BTreeSet<&'c str> {
    let mut reached = BTreeSet::from([first]);
    let mut fresh = vec![first];
    while let Some(topic) = fresh.pop() {
        for query in catalog.queries.values().filter(|query| Some(query.id.as_str()) != replaced) {
            let reads = query.sources.iter().any(|name| topic_of(catalog, name) == Some(topic));
            if let Some(sink) = topic_of(catalog, &query.sink)
                && reads
                && reached.insert(sink)
            {
                fresh.push(sink);
            }
        }
    }
    reached
}

fn topic_of<'c>(catalog: &'c CatalogState, source: &str) -> Option<&'c str> {
    catalog.sources.get(source).map(|found| found.source.topic.as_str())
}
