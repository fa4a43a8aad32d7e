//! Every metric of the engine, in Prometheus' text format: name, unit, meaning.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use tidemill_storage::TopicPartition;
use tidemill_storage::log::partitions_of;

use crate::engine::Engine;
use crate::runtime::ledger::Counts;
use crate::runtime::query::QueryHandle;

/// Writes all metrics.
#[must_use]
pub fn render(engine: &Engine) -> String {
    let mut text = String::new();
    partition_gauge(
        engine,
        &mut text,
        "tidemill_log_end_offset",
        "Offset behind the last visible record of a partition.",
        |target| Some(engine.topics().offsets(target).ok()?.high_watermark.0 as f64),
    );
    partition_gauge(
        engine,
        &mut text,
        "tidemill_log_size_bytes",
        "Bytes of a partition on disk.",
        |target| Some(engine.topics().size_bytes(target).ok()? as f64),
    );
    query_metrics(engine, &mut text);
    ledger_metrics(engine, &mut text);
    let pushing = engine.queries().session_queries_running();
    family(&mut text, "tidemill_push_queries_running", "gauge", "Push queries that are running.");
    sample(&mut text, "tidemill_push_queries_running", &[], pushing as f64);
    let lost = engine.processing_log().lost();
    family(
        &mut text,
        "tidemill_processing_log_lost_total",
        "counter",
        "Reports the processing log had no room for.",
    );
    sample(&mut text, "tidemill_processing_log_lost_total", &[], lost as f64);
    text
}

/// One sample for each partition of every topic; none for those that go while they are looked at.
fn partition_gauge(
    engine: &Engine,
    text: &mut String,
    name: &str,
    meaning: &str,
    value: impl Fn(&TopicPartition) -> Option<f64>,
) {
    family(text, name, "gauge", meaning);
    for topic in &engine.topics().list() {
        for target in partitions_of(topic) {
            if let Some(value) = value(&target) {
                let partition = target.partition.to_string();
                let labels = [("topic", target.topic.as_str()), ("partition", partition.as_str())];
                sample(text, name, &labels, value);
            }
        }
    }
}

/// A counter or gauge of a query: name, kind, meaning, value.
type QueryMetric = (&'static str, &'static str, &'static str, fn(&QueryHandle) -> u64);

const QUERY_METRICS: [QueryMetric; 5] = [
    ("tidemill_query_rows_out_total", "counter", "Rows a query has written.", |q| q.ledgers().rows_out()),
    ("tidemill_query_results_dropped_total", "counter", "Results that HAVING and the like took out.", |q| {
        q.counters().results_dropped.load(Ordering::Relaxed)
    }),
    ("tidemill_query_commits_total", "counter", "Epochs a query has committed.", |q| {
        q.counters().commits.load(Ordering::Relaxed)
    }),
    ("tidemill_query_rounds_total", "counter", "Rounds a query has run.", |q| {
        q.counters().rounds.load(Ordering::Relaxed)
    }),
    ("tidemill_query_state_bytes", "gauge", "Bytes of state a query holds in memory.", |q| {
        q.counters().state_bytes.load(Ordering::Relaxed)
    }),
];

/// A part of the ledger: name, meaning, value.
type LedgerMetric = (&'static str, &'static str, fn(&Counts) -> u64);

/// `in = out + filtered + late + rejected`, for each query and source.
const LEDGER_METRICS: [LedgerMetric; 5] = [
    ("tidemill_query_records_in_total", "Records a query has read from a source.", |c| c.records_in),
    ("tidemill_query_records_out_total", "Records that were written or became state.", |c| c.out),
    ("tidemill_query_filtered_total", "Records a predicate, join or null key took out.", |c| c.filtered),
    ("tidemill_query_late_total", "Records that came after their window was closed.", |c| c.late),
    ("tidemill_query_rejected_total", "Records that could not be decoded or evaluated.", |c| c.rejected),
];

fn ledger_metrics(engine: &Engine, text: &mut String) {
    let catalog = engine.catalog().state();
    // A ledger that cannot be read is told by DESCRIBE EXTENDED; the others are still to be seen.
    let ledgers: Vec<_> = catalog
        .queries
        .values()
        .filter_map(|record| Some((&record.id, engine.queries().ledgers(record).ok()?)))
        .collect();
    for (name, meaning, value) in LEDGER_METRICS {
        family(text, name, "counter", meaning);
        for (id, sources) in &ledgers {
            for (source, counts) in sources {
                let labels = [("query", id.as_str()), ("source", source.as_str())];
                sample(text, name, &labels, value(counts) as f64);
            }
        }
    }
}

fn query_metrics(engine: &Engine, text: &mut String) {
    let catalog = engine.catalog().state();
    family(text, "tidemill_query_running", "gauge", "Whether a query is running.");
    for id in catalog.queries.keys() {
        let running = engine.queries().is_running(id);
        sample(text, "tidemill_query_running", &[("query", id.as_str())], f64::from(u8::from(running)));
    }
    for (name, kind, meaning, value) in QUERY_METRICS {
        family(text, name, kind, meaning);
        for handle in engine.queries().handles() {
            sample(text, name, &[("query", handle.identity().id.as_str())], value(&handle) as f64);
        }
    }
}

fn family(text: &mut String, name: &str, kind: &str, meaning: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
}

fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    text.push_str(name);
    for (index, (label, value)) in labels.iter().enumerate() {
        text.push_str(if index == 0 { "{" } else { "," });
        text.push_str(label);
        text.push_str("=\"");
        push_escaped(text, value);
        text.push('"');
    }
    text.push_str(if labels.is_empty() { "" } else { "}" });
    // Writing to a String cannot fail.
    let _ = writeln!(text, " {value}");
}

/// Appends the value of a label. A quoted name may hold what would end it, and one line that cannot be read
/// costs whoever scrapes all of them.
fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_end_their_label_are_escaped() {
        let mut text = String::new();
        sample(&mut text, "a_total", &[("query", "CSAS_1"), ("source", "a\"b\\c\nd")], 2.0);
        sample(&mut text, "b", &[], 1.5);
        assert_eq!(text, "a_total{query=\"CSAS_1\",source=\"a\\\"b\\\\c\\nd\"} 2\nb 1.5\n");
    }
}
