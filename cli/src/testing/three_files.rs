//! A case of three files in a directory, as people write them by hand: `statements.sql`, `input.json`
//! with `{"inputs": […]}` and `output.json` with `{"outputs": […]}`. Such a case is strict, and so is how it
//! is read: a slip in a name must not let a check vanish.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tidemill_sql::parser;

use super::Place;
use super::case::{Case, CaseRecord};
use super::case_files::{CaseSource, read_json};

/// The statements.
pub(super) const STATEMENTS: &str = "statements.sql";

/// What goes in; may be missing where statements insert it.
const INPUT: &str = "input.json";

/// What has to come out; where it is missing, the case fails until what came out is written into it.
pub(super) const OUTPUT: &str = "output.json";

/// What a record, its window and its headers may say.
const RECORD: &[&str] = &["topic", "key", "value", "timestamp", "window", "headers"];
const WINDOW: &[&str] = &["start", "end", "type"];
const HEADER: &[&str] = &["KEY", "VALUE"];

/// Whether a directory is a case.
pub(super) fn is_case(directory: &Path) -> bool {
    directory.join(STATEMENTS).is_file()
}

/// Reads such a directory; its path is the case's id.
pub(super) fn read(directory: &Path) -> CaseSource {
    let id = directory.display().to_string();
    let case = read_case(directory, &id).map(Box::new);
    CaseSource { place: Place::Directory(directory.to_owned()), id, tier: String::new(), case }
}

fn read_case(directory: &Path, id: &str) -> Result<Case, String> {
    let path = directory.join(STATEMENTS);
    let text =
        fs::read_to_string(&path).map_err(|error| format!("could not read {}: {error}", path.display()))?;
    let split = parser::split(&text);
    let pieces: Vec<_> = split.statements.iter().chain(&split.remainder).collect();
    if pieces.is_empty() {
        return Err(format!("{} holds no statement", path.display()));
    }
    let place = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let (input, output) = (directory.join(INPUT), directory.join(OUTPUT));
    Ok(Case {
        id: id.to_owned(),
        statements: pieces.iter().map(|piece| format!("{};", piece.text)).collect(),
        places: pieces.iter().map(|piece| (place(piece.start.line), place(piece.start.column))).collect(),
        inputs: if input.is_file() { records(&input, "inputs")? } else { Vec::new() },
        outputs: if output.is_file() { records(&output, "outputs")? } else { Vec::new() },
        lacks_outputs: !output.is_file(),
        is_strict: true,
        ..Case::default()
    })
}

fn records(path: &Path, list: &str) -> Result<Vec<CaseRecord>, String> {
    let mut content = read_json(path).map_err(|error| error.to_string())?;
    let wrong = |what: String| format!("{}: {what}", path.display());
    let Some(Value::Array(records)) = content.get_mut(list).map(Value::take) else {
        return Err(format!("{} holds no list \"{list}\"", path.display()));
    };
    check_members(&content, "the file", &[list]).map_err(wrong)?;
    let read =
        |(index, record)| record_of(record).map_err(|what| wrong(format!("{list}, record {index}: {what}")));
    (1..).zip(records).map(read).collect()
}

fn record_of(record: Value) -> Result<CaseRecord, String> {
    check_members(&record, "the record", RECORD)?;
    check_members(&record["window"], "the window", WINDOW)?;
    for header in record["headers"].as_array().into_iter().flatten() {
        check_members(header, "a header", HEADER)?;
    }
    let record: CaseRecord = serde_json::from_value(record).map_err(|error| error.to_string())?;
    if record.topic.is_empty() { Err("it names no topic".to_owned()) } else { Ok(record) }
}

/// Whether an object says nothing but what is read.
fn check_members(object: &Value, what: &str, known: &[&str]) -> Result<(), String> {
    let members = object.as_object().into_iter().flatten();
    match members.map(|(name, _)| name).find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(format!("{what} may not have \"{name}\", but {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(statements: &str, outputs: &str) -> Result<Case, String> {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(STATEMENTS), statements).unwrap();
        fs::write(directory.path().join(OUTPUT), outputs).unwrap();
        read_case(directory.path(), "a case")
    }

    #[test]
    fn statements_are_kept_with_their_places() {
        let case = read("-- One.\nSELECT 1;\n\n  SELECT 2", r#"{"outputs": []}"#).unwrap();
        assert_eq!(case.statements, ["SELECT 1;", "SELECT 2;"]);
        assert_eq!(case.places, [(2, 1), (4, 3)]);
        assert!(read("-- None.", r#"{"outputs": []}"#).unwrap_err().ends_with("holds no statement"));
    }

    #[test]
    fn what_is_not_read_is_refused_with_its_record() {
        for (outputs, told) in [
            (r#"{"output": []}"#, "no list \"outputs\""),
            (r#"{"outputs": [], "inputs": []}"#, "the file may not have \"inputs\", but outputs"),
            (
                r#"{"outputs": [{"topic": "a"}, {"topic": "a", "tmestamp": 4}]}"#,
                "outputs, record 2: the record",
            ),
            (
                r#"{"outputs": [{"topic": "a", "window": {"start": 1, "ende": 2}}]}"#,
                "\"ende\", but start, end",
            ),
            (r#"{"outputs": [{"topic": "a", "headers": [{"key": "k"}]}]}"#, "a header may not have \"key\""),
            (r#"{"outputs": [{"topic": "a", "window": {"start": 1}}]}"#, "record 1: missing field `end`"),
            (r#"{"outputs": [{"topic": "a", "timestamp": "1"}]}"#, "record 1: invalid type"),
            (r#"{"outputs": [{"value": 1}]}"#, "record 1: it names no topic"),
        ] {
            let refusal = read("SELECT 1", outputs).unwrap_err();
            assert!(refusal.contains(told), "{told}: {refusal}");
        }
    }
}
