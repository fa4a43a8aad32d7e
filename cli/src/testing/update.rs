//! Writing what came out of cases as what is expected of them.
//!
//! Only `outputs` are written, and only of cases whose statements ran and that failed because other
//! records came out. Everything else in the files stays as it is laid out, and so do the records that are the
//! same as before: what a change of a query has changed is all that differs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};

use super::json_text::{document, elements, member, members};
use super::pool::Finished;
use super::{Place, three_files};
use crate::failure::CommandFailure;

/// The member that is written.
const OUTPUTS: &str = "outputs";

/// What a directory without expected records begins with.
const NOTHING_EXPECTED: &str = "{\"outputs\": []}\n";

/// A case's position in a file of cases, or none in a file of its own, its id, and what came out.
type Differing<'c> = (Option<usize>, &'c str, &'c [Value]);

/// Writes the outputs of cases that failed, where others came out; gives the ids of those cases.
///
/// # Errors
/// A file that cannot be read or written.
pub(crate) fn update(finished: &[Finished]) -> Result<BTreeSet<String>, CommandFailure> {
    let mut files: BTreeMap<PathBuf, Vec<Differing<'_>>> = BTreeMap::new();
    for done in finished.iter().filter(|done| !done.verdict.passed) {
        let Some(came_out) = done.verdict.came_out.as_deref() else { continue };
        let (path, position) = match &done.source.place {
            Place::InFile(path, position) => (path.clone(), Some(*position)),
            Place::Directory(directory) => (directory.join(three_files::OUTPUT), None),
        };
        files.entry(path).or_default().push((position, done.source.id.as_str(), came_out));
    }
    let mut updated = BTreeSet::new();
    for (path, mut cases) in files {
        let failed =
            |error: io::Error| CommandFailure(format!("could not update {}: {error}", path.display()));
        let existing = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.map_err(failed)?),
        };
        let mut text = existing.clone().unwrap_or_else(|| NOTHING_EXPECTED.to_owned());
        // From the last case to the first: what stands before a case stays where it is.
        cases.sort_by_key(|(position, ..)| std::cmp::Reverse(*position));
        for (position, id, came_out) in cases {
            let (place, outputs) = with_outputs(&text, position, came_out).ok_or_else(|| {
                CommandFailure(format!("{} has changed while its cases ran", path.display()))
            })?;
            // A case may have failed for another reason.
            if existing.is_none() || text[place.clone()] != outputs {
                text.replace_range(place, &outputs);
                updated.insert(id.to_owned());
            }
        }
        if existing.as_ref() != Some(&text) {
            write(&path, &text).map_err(failed)?;
        }
    }
    Ok(updated)
}

/// A place in the text, and what is to stand there for these records to be expected: of the case at this
/// position of a file of cases, or in a file of its own.
fn with_outputs(text: &str, position: Option<usize>, came_out: &[Value]) -> Option<(Range<usize>, String)> {
    let whole = document(text)?;
    let case = match position {
        None => whole,
        Some(position) => elements(text, &member(text, &whole, "cases")?)?.into_iter().nth(position)?,
    };
    if let Some(array) = member(text, &case, OUTPUTS) {
        let outputs = Written::read(text, &array)?.anew(came_out);
        return Some((array, outputs));
    }
    // Where nothing was expected it is put behind the last member, laid out as the first one is.
    let members = members(text, &case)?;
    let (name, _) = members.first()?;
    let (_, last) = members.last()?;
    let space = &text[case.start + 1..name.start];
    let nothing = Written { indent: space.rsplit('\n').next().unwrap_or_default(), ..Written::default() };
    Some((last.end..last.end, format!(",{space}\"{OUTPUTS}\": {}", nothing.anew(came_out))))
}

/// Outputs as they are written in a file.
#[derive(Default)]
struct Written<'t> {
    /// What the line of the list begins with.
    indent: &'t str,
    /// The records, each with its text.
    records: Vec<(Value, &'t str)>,
    /// What stands before the first, between the first two, and behind the last record.
    spaces: Option<[&'t str; 3]>,
}

impl<'t> Written<'t> {
    fn read(text: &'t str, array: &Range<usize>) -> Option<Written<'t>> {
        let line = text[..array.start].rsplit('\n').next().unwrap_or_default();
        let indent = &line[..line.len() - line.trim_start().len()];
        let places = elements(text, array)?;
        let spaces = places.first().zip(places.last()).map(|(first, last)| {
            let before = &text[array.start + 1..first.start];
            let between = places.get(1).map_or("", |second| &text[first.end..second.start]);
            [before, between, &text[last.end..array.end - 1]]
        });
        let records = places.into_iter().map(|place| {
            let text = &text[place];
            Some((serde_json::from_str(text).ok()?, text))
        });
        Some(Written { indent, records: records.collect::<Option<_>>()?, spaces })
    }

    /// The list with other records.
    fn anew(&self, came_out: &[Value]) -> String {
        let records = self.merged(came_out);
        if records.is_empty() {
            return "[]".to_owned();
        }
        let line = format!("\n{}  ", self.indent);
        let close = format!("\n{}", self.indent);
        let [before, between, behind] = self.spaces.unwrap_or([&line, "", &close]);
        let between = match between {
            // There was one at most.
            "" if before.contains('\n') => format!(",{before}"),
            "" => ", ".to_owned(),
            between => between.to_owned(),
        };
        let indent = before.rsplit('\n').next().unwrap_or_default();
        let mut kept = self.by_content();
        let texts: Vec<String> = records
            .into_iter()
            .enumerate()
            .map(|(index, record)| {
                let mut take = |record: &Value| kept.get_mut(&content(record)).and_then(VecDeque::pop_front);
                match take(&record).or_else(|| take(&without_time(&record))) {
                    Some(text) => text.to_owned(),
                    None => self.laid_out(index, record, indent),
                }
            })
            .collect();
        format!("[{before}{}{behind}]", texts.join(&between))
    }

    /// The records that came out, each as fully as those expected before: a timestamp that nobody expected
    /// stays unexpected, and the topics keep their order.
    fn merged(&self, came_out: &[Value]) -> Vec<Value> {
        let mut topics: Vec<&str> = Vec::new();
        for record in self.records.iter().map(|(record, _)| record).chain(came_out) {
            if !topics.contains(&topic_of(record)) {
                topics.push(topic_of(record));
            }
        }
        let names_time = self.records.is_empty()
            || self.records.iter().any(|(record, _)| record.get("timestamp").is_some());
        let of_topics =
            topics.iter().flat_map(|name| came_out.iter().filter(move |record| topic_of(record) == *name));
        let records = of_topics.map(|record| {
            let kept = |(name, _): &(&String, &Value)| names_time || *name != "timestamp";
            let members = record.as_object().into_iter().flatten().filter(kept);
            Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
        });
        records.collect()
    }

    /// The texts of the records by what they say.
    fn by_content(&self) -> BTreeMap<String, VecDeque<&'t str>> {
        let mut found: BTreeMap<String, VecDeque<&str>> = BTreeMap::new();
        for (record, text) in &self.records {
            found.entry(content(record)).or_default().push_back(*text);
        }
        found
    }

    /// The text of a new record, laid out as the one at its place was, or as the last one.
    fn laid_out(&self, index: usize, record: Value, indent: &str) -> String {
        let Some((model, text)) = self.records.get(index).or(self.records.last()) else {
            return one_line(&record, ": ", ", ");
        };
        let record = in_order_of(model, record);
        if text.contains('\n') {
            // A value in memory can be written.
            let text = serde_json::to_string_pretty(&record).unwrap_or_default();
            text.replace('\n', &format!("\n{indent}"))
        } else if text.contains("\": ") {
            one_line(&record, ": ", ", ")
        } else {
            one_line(&record, ":", ",")
        }
    }
}

fn topic_of(record: &Value) -> &str {
    record.get("topic").and_then(Value::as_str).unwrap_or_default()
}

/// What a record says that may have any timestamp.
fn without_time(record: &Value) -> Value {
    let members = record.as_object().into_iter().flatten().filter(|(name, _)| *name != "timestamp");
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A text that is the same for records that say the same.
fn content(record: &Value) -> String {
    let mut sorted = record.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

/// The record with its members in the order in which another has them.
fn in_order_of(model: &Value, record: Value) -> Value {
    let (Some(model), Value::Object(mut members)) = (model.as_object(), record.clone()) else {
        return record;
    };
    let mut ordered = Map::new();
    for name in model.keys() {
        ordered.extend(members.shift_remove_entry(name));
    }
    ordered.extend(members);
    Value::Object(ordered)
}

/// A value on one line, with these between a name and its value, and between two values.
fn one_line(value: &Value, colon: &'static str, comma: &'static str) -> String {
    let mut bytes = Vec::new();
    // Writing a value to memory cannot fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, OneLine { colon, comma }));
    String::from_utf8(bytes).unwrap_or_default()
}

struct OneLine {
    colon: &'static str,
    comma: &'static str,
}

impl Formatter for OneLine {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.comma.as_bytes()) }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.comma.as_bytes()) }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.colon.as_bytes())
    }
}

/// Writes a file whole, or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn updated(text: &str, position: Option<usize>, came_out: &Value) -> String {
        let (place, outputs) = with_outputs(text, position, came_out.as_array().unwrap()).unwrap();
        let mut text = text.to_owned();
        text.replace_range(place, &outputs);
        text
    }

    const LINES: &str = r#"{
  "outputs": [
    {"topic": "T", "key": "a", "value": {"n": 1},   "timestamp": 1},
    {"timestamp": 2, "topic": "T", "key": "b", "value": {"n": 2}}
  ],
  "about":  "orders"
}
"#;

    #[test]
    fn a_record_that_differs_is_written_anew_and_the_rest_stays_as_it_was() {
        let came_out = json!([
            {"topic": "T", "key": "a", "value": {"n": 1}, "timestamp": 1},
            {"topic": "T", "key": "b", "value": {"n": 2.50}, "timestamp": 3},
            {"topic": "T", "key": "c", "value": [1, null], "timestamp": 3},
        ]);
        let expected = LINES.replace(
            r#"{"timestamp": 2, "topic": "T", "key": "b", "value": {"n": 2}}"#,
            r#"{"timestamp": 3, "topic": "T", "key": "b", "value": {"n": 2.5}},
    {"timestamp": 3, "topic": "T", "key": "c", "value": [1, null]}"#,
        );
        assert_eq!(updated(LINES, None, &came_out), expected);
    }

    #[test]
    fn records_over_several_lines_stay_so() {
        let text = "{\"outputs\": [\n    {\n      \"topic\": \"T\",\n      \"key\": 1\n    }\n]}\n";
        let came_out = json!([{"topic": "T", "key": 2}, {"topic": "T", "key": 1}]);
        let expected = "{\"outputs\": [\n    {\n      \"topic\": \"T\",\n      \"key\": 2\n    },\n    {\n      \
                        \"topic\": \"T\",\n      \"key\": 1\n    }\n]}\n";
        assert_eq!(updated(text, None, &came_out), expected);
    }

    #[test]
    fn lists_on_one_line_stay_on_it_as_narrow_as_they_were() {
        let came_out = json!([{"topic": "T", "key": 2}, {"topic": "T", "key": 3}]);
        assert_eq!(
            updated(r#"{"outputs":[{"topic":"T","key":1}]}"#, None, &came_out),
            r#"{"outputs":[{"topic":"T","key":2}, {"topic":"T","key":3}]}"#
        );
        assert_eq!(updated(LINES, None, &json!([])).matches('\n').count(), 4);
    }

    #[test]
    fn a_timestamp_that_nobody_expected_stays_unexpected() {
        let text = r#"{"outputs": [{"topic": "T", "key": 1}]}"#;
        let came_out = json!([{"topic": "T", "key": 1, "timestamp": 7}]);
        assert_eq!(updated(text, None, &came_out), text);
        let text = r#"{"outputs": [{"topic": "T", "key": 1}, {"topic": "T", "key": 2, "timestamp": 8}]}"#;
        let came_out = json!([came_out[0], {"topic": "T", "key": 2, "timestamp": 9}]);
        assert_eq!(updated(text, None, &came_out), text.replace('8', "9"));
    }

    #[test]
    fn of_a_file_of_cases_only_the_one_that_differs_changes() {
        let text = "{\"cases\": [\n  {\"id\": \"a\", \"outputs\": [ ]},\n  {\n    \"id\": \"b\",\n    \
                    \"inputs\": []\n  }\n]}";
        let came_out = json!([{"topic": "T", "key": 1}]);
        let first = updated(text, Some(0), &came_out);
        assert!(
            first.contains("\"outputs\": [\n    {\"topic\": \"T\", \"key\": 1}\n  ]},\n  {\n"),
            "{first}"
        );
        let second = updated(text, Some(1), &came_out);
        assert!(
            second.ends_with(
                "\"inputs\": [],\n    \"outputs\": [\n      {\"topic\": \"T\", \"key\": 1}\n    ]\n  }\n]}"
            ),
            "{second}"
        );
        assert!(with_outputs(text, Some(2), &[]).is_none());
    }
}
