//! EXTRACTJSONFIELD: what stands at a path.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use super::path::JsonPath;
use super::{parse, written};
use crate::expressions::failures;

pub(super) fn extract(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [texts, paths] = columns else { return exec_err!("a field is extracted of a text by a path") };
    // Paths are nearly always one literal: the last one read is kept.
    let mut last: Option<(&str, Option<JsonPath>)> = None;
    let extracted: StringArray = texts
        .as_string::<i32>()
        .iter()
        .zip(paths.as_string::<i32>())
        .map(|(text, path)| {
            let (text, path) = (text?, path?);
            if text.trim().is_empty() {
                return None;
            }
            if last.as_ref().is_none_or(|(known, _)| *known != path) {
                last = Some((path, JsonPath::parse(path)));
            }
            let Some(steps) = last.as_ref().and_then(|(_, steps)| steps.as_ref()) else {
                failures::note(|| format!("invalid JSON path: '{path}'"));
                return None;
            };
            let found = steps.find(parse(text)?)?;
            found.string().or_else(|| written(found))
        })
        .collect();
    Ok(Arc::new(extracted))
}
