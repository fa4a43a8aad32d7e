//! Writing what came out of cases as what is expected of them.
//!
//! Only `outputs` are written, and only of cases whose statements ran and that failed because other
//! records came out. Everything else in the files stays as it is, in its order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::case_files::read_json;
use super::pool::Finished;
use super::{Place, three_files};
use crate::commands::CommandError;

/// Writes the outputs of cases that failed; gives how many were written.
///
/// # Errors
/// A file that cannot be read or written.
pub(crate) fn update(finished: &[Finished]) -> Result<usize, CommandError> {
    let mut in_files: BTreeMap<&Path, Vec<(usize, &[Value])>> = BTreeMap::new();
    let mut written = 0;
    for done in finished.iter().filter(|done| !done.verdict.passed) {
        let Some(came_out) = done.verdict.came_out.as_deref() else { continue };
        written += 1;
        match &done.source.place {
            Place::InFile(path, position) => {
                in_files.entry(path).or_default().push((*position, came_out));
            }
            Place::Directory(directory) => {
                write(&directory.join(three_files::OUTPUT), &json!({ "outputs": came_out }))?;
            }
        }
    }
    for (path, cases) in in_files {
        let mut content = read_json(path)?;
        for (position, came_out) in cases {
            if let Some(Value::Object(case)) = content.pointer_mut(&format!("/cases/{position}")) {
                let before = case.get("outputs").and_then(Value::as_array).cloned().unwrap_or_default();
                case.insert("outputs".to_owned(), merged(&before, came_out));
            }
        }
        write(path, &content)?;
    }
    Ok(written)
}

/// The records that came out, each as fully as those expected before: a timestamp that nobody expected
/// stays unexpected, and the topics keep their order.
fn merged(before: &[Value], came_out: &[Value]) -> Value {
    let mut topics: Vec<&str> = Vec::new();
    for record in before.iter().chain(came_out) {
        if !topics.contains(&topic_of(record)) {
            topics.push(topic_of(record));
        }
    }
    let names_time = before.is_empty() || before.iter().any(|record| record.get("timestamp").is_some());
    let of_topics =
        topics.iter().flat_map(|name| came_out.iter().filter(move |record| topic_of(record) == *name));
    let records = of_topics.map(|record| {
        let kept = |(name, _): &(&String, &Value)| names_time || *name != "timestamp";
        let members = record.as_object().into_iter().flatten().filter(kept);
        Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
    });
    records.collect()
}

fn topic_of(record: &Value) -> &str {
    record.get("topic").and_then(Value::as_str).unwrap_or_default()
}

/// Writes a file whole, or not at all.
fn write(path: &Path, content: &Value) -> Result<(), CommandError> {
    let failed =
        |error: &dyn std::fmt::Display| CommandError(format!("could not write {}: {error}", path.display()));
    let mut text = serde_json::to_string_pretty(content).map_err(|error| failed(&error))?;
    text.push('\n');
    let temporary: PathBuf = path.with_extension("tmp");
    fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path)).map_err(|error| failed(&error))
}
