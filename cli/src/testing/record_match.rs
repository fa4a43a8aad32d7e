//! Whether the records of a topic are those that were expected, and where they differ.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tidemill_engine::driver::{Record, TopicPayloads, Window, WireValue};
use tidemill_engine::formats::RecordPart;

use super::case::CaseRecord;
use super::value_match::{Numbers, decimal_text, matches, special_double};

/// Records shown on either side of a difference.
const SHOWN_MAX: usize = 12;

/// What is compared, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Comparison {
    /// How strictly numbers are compared.
    pub(super) numbers: Numbers,
    /// Whether an expected timestamp of 0 means any: nobody has said what it is.
    pub(super) zero_is_any_time: bool,
    /// Whether headers are compared.
    pub(super) headers: bool,
    /// Whether there may be more records behind the expected ones.
    pub(super) more_allowed: bool,
}

/// A record with its parts read.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ReadRecord {
    key: WireValue,
    window: Option<Window>,
    value: WireValue,
    timestamp_ms: i64,
    headers: Vec<(String, Option<String>)>,
}

impl ReadRecord {
    /// Reads a record of a topic.
    ///
    /// # Errors
    /// What cannot be read of it, for people.
    pub(super) fn of(payloads: &TopicPayloads, record: &Record) -> Result<ReadRecord, String> {
        let part = |part: RecordPart, payload: Option<&[u8]>| match payload {
            Some(payload) => payloads.wire_to_value(part, payload).map_err(|error| error.to_string()),
            None => Ok(WireValue::Null),
        };
        let (key, window) = match &record.key {
            Some(key) => {
                let (inner, window) = payloads.split_key(key).map_err(|error| error.to_string())?;
                // A key without columns has no bytes of its own beside its window.
                let inner = Some(inner).filter(|inner| window.is_none() || !inner.is_empty());
                (part(RecordPart::Key, inner)?, window)
            }
            None => (WireValue::Null, None),
        };
        let header = |(name, value): &(String, Option<bytes::Bytes>)| {
            (name.clone(), value.as_ref().map(|value| STANDARD.encode(value)))
        };
        Ok(ReadRecord {
            key,
            window,
            value: part(RecordPart::Value, record.value.as_deref())?,
            timestamp_ms: record.timestamp_ms,
            headers: record.headers.iter().map(header).collect(),
        })
    }

    /// What differs from the record expected; none where nothing does.
    fn difference(&self, expected: &CaseRecord, comparison: Comparison) -> Option<&'static str> {
        let window = expected.window.as_ref().map(|window| Window {
            start_ms: window.start,
            end_ms: window.end,
            is_session: window.is_session(),
        });
        let any_time = |time_ms: i64| comparison.zero_is_any_time && time_ms == 0;
        if !matches(&expected.key, &self.key, comparison.numbers) {
            return Some("key");
        }
        if window != self.window {
            return Some("window");
        }
        if !matches(&expected.value, &self.value, comparison.numbers) {
            return Some("value");
        }
        if expected.timestamp.is_some_and(|time_ms| time_ms != self.timestamp_ms && !any_time(time_ms)) {
            return Some("timestamp");
        }
        let headers = expected.headers.iter().map(|header| (&header.key, &header.value));
        if comparison.headers && !headers.eq(self.headers.iter().map(|(name, value)| (name, value))) {
            return Some("headers");
        }
        None
    }

    /// The record as a case writes it down.
    pub(super) fn to_case(&self, topic: &str) -> Value {
        let mut record = Map::new();
        record.insert("topic".to_owned(), topic.into());
        record.insert("key".to_owned(), to_json(&self.key));
        record.insert("value".to_owned(), to_json(&self.value));
        record.insert("timestamp".to_owned(), self.timestamp_ms.into());
        if let Some(window) = self.window {
            let kind = if window.is_session { "SESSION" } else { "TIME" };
            record.insert(
                "window".to_owned(),
                json!({"start": window.start_ms, "end": window.end_ms, "type": kind}),
            );
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter().map(|(name, value)| json!({"KEY": name, "VALUE": value}));
            record.insert("headers".to_owned(), headers.collect());
        }
        Value::Object(record)
    }
}

/// Compares the records of a topic with those expected, one by one.
///
/// # Errors
/// Where they differ, for people.
pub(super) fn compare(
    topic: &str,
    expected: &[&CaseRecord],
    actual: &[ReadRecord],
    comparison: Comparison,
) -> Result<(), String> {
    let mut pairs = expected.iter().zip(actual).enumerate();
    let differing = |(index, (expected, actual)): (usize, (&&CaseRecord, &ReadRecord))| {
        Some((index, actual.difference(expected, comparison)?))
    };
    let first = pairs.find_map(differing);
    let count_differs = match comparison.more_allowed {
        true => actual.len() < expected.len(),
        false => actual.len() != expected.len(),
    };
    let mut text = match first {
        None if !count_differs => return Ok(()),
        Some((index, what)) => {
            format!("topic {topic}: record {} of {} differs in its {what}", index + 1, expected.len())
        }
        None => format!("topic {topic}: the records differ in number"),
    };
    if count_differs {
        let _ = write!(text, " ({} expected, {} came out)", expected.len(), actual.len());
    }
    let common = expected.len().min(actual.len());
    let at = first.map_or(common, |(index, _)| index);
    // A little of what went well tells where in the case the difference stands.
    let from = at.saturating_sub(2);
    for index in from..expected.len().max(actual.len()).min(from + SHOWN_MAX) {
        let wanted = expected.get(index).map(|record| show_expected(record));
        let found = actual.get(index).map(show_actual);
        let same = match (expected.get(index), actual.get(index)) {
            (Some(expected), Some(actual)) => actual.difference(expected, comparison).is_none(),
            _ => false,
        };
        match (wanted, found) {
            (Some(_), Some(found)) if same => {
                let _ = write!(text, "\n    {:>3}. {found}", index + 1);
            }
            (wanted, found) => {
                let none = || "nothing".to_owned();
                let _ = write!(text, "\n  - {:>3}. {}", index + 1, wanted.unwrap_or_else(none));
                let _ = write!(text, "\n  + {:>3}. {}", index + 1, found.unwrap_or_else(none));
            }
        }
    }
    Err(text)
}

/// An expected record, for people.
pub(super) fn show_expected(record: &CaseRecord) -> String {
    let window = record.window.as_ref().map(|window| (window.start, window.end, window.is_session()));
    let headers = record.headers.iter().map(|header| (header.key.as_str(), header.value.as_deref()));
    show(&record.key, &record.value, window, record.timestamp, headers)
}

fn show_actual(record: &ReadRecord) -> String {
    let window = record.window.map(|window| (window.start_ms, window.end_ms, window.is_session));
    let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    show(&to_json(&record.key), &to_json(&record.value), window, Some(record.timestamp_ms), headers)
}

fn show<'a>(
    key: &Value,
    value: &Value,
    window: Option<(i64, i64, bool)>,
    timestamp_ms: Option<i64>,
    headers: impl Iterator<Item = (&'a str, Option<&'a str>)>,
) -> String {
    let mut text = key.to_string();
    if let Some((start, end, is_session)) = window {
        let kind = if is_session { " session" } else { "" };
        let _ = write!(text, " [{start}, {end}{kind}]");
    }
    let _ = write!(text, " → {value}");
    if let Some(timestamp_ms) = timestamp_ms {
        let _ = write!(text, " @ {timestamp_ms}");
    }
    for (name, value) in headers {
        let _ = write!(text, " {name}={}", value.unwrap_or("null"));
    }
    text
}

/// A value as JSON, with its numbers as they are written. What is no number of JSON is a text, as it is in the
/// format JSON.
pub(super) fn to_json(value: &WireValue) -> Value {
    let number = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
    match value {
        WireValue::Null => Value::Null,
        WireValue::Boolean(value) => (*value).into(),
        WireValue::Integer(value) => (*value).into(),
        WireValue::Double(value) => match special_double(*value) {
            Some(text) => text.into(),
            None => number(format!("{value:?}")),
        },
        WireValue::Decimal(value) => number(decimal_text(value)),
        WireValue::Text(text) => text.as_str().into(),
        WireValue::Bytes(bytes) => STANDARD.encode(bytes).into(),
        WireValue::List(items) => items.iter().map(to_json).collect(),
        WireValue::Record(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
        }
    }
}
