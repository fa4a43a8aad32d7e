//! JSON objects: their names, their members, several put together.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use indexmap::IndexMap;

use super::{parse, written};
use crate::expressions::failures;
use crate::formats::{JsonKind, JsonValue, write_json_string};
use crate::functions::elements::{Selection, nulls_of, offsets_of};

pub(super) fn keys(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let ([texts], DataType::List(item)) = (columns, data_type) else {
        return exec_err!("the keys of one text are an ARRAY");
    };
    let texts = texts.as_string::<i32>();
    let mut names = StringBuilder::new();
    let mut lengths = Vec::with_capacity(texts.len());
    let mut valid = Vec::with_capacity(texts.len());
    for text in texts {
        let members = text.and_then(parse).and_then(|value| value.members());
        lengths.push(members.as_ref().map_or(0, Vec::len));
        valid.push(members.is_some());
        members.into_iter().flatten().for_each(|(name, _)| names.append_value(name));
    }
    let names = Arc::new(names.finish());
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets_of(&lengths)?, names, nulls_of(valid))?))
}

pub(super) fn records(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [texts] = columns else { return exec_err!("the records of one text are a MAP") };
    let texts = texts.as_string::<i32>();
    let (mut names, mut values) = (StringBuilder::new(), StringBuilder::new());
    let mut selection = Selection::with_capacity(texts.len(), texts.len());
    let mut count = 0;
    for text in texts {
        let members = text.and_then(parse).and_then(|value| value.members());
        let written = members.and_then(|members| {
            let member = |(name, value): (String, JsonValue<'_>)| Some((name, written(value)?));
            members.into_iter().map(member).collect::<Option<Vec<(String, String)>>>()
        });
        let Some(members) = written else {
            selection.push_null();
            continue;
        };
        selection.push(count..count + members.len());
        count += members.len();
        for (name, value) in members {
            names.append_value(name);
            values.append_value(value);
        }
    }
    let (names, values): (ArrayRef, ArrayRef) = (Arc::new(names.finish()), Arc::new(values.finish()));
    selection.maps(&names, &values, data_type)
}

pub(super) fn concat(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let Some(first) = columns.first() else { return exec_err!("JSON texts are put together") };
    let texts: Vec<&StringArray> = columns.iter().map(|column| column.as_string::<i32>()).collect();
    let mut out = Vec::new();
    let joined: StringArray = (0..first.len())
        .map(|row| {
            if texts.iter().any(|texts| texts.is_null(row)) {
                return None;
            }
            let values = texts.iter().map(|texts| parse(texts.value(row))).collect::<Option<Vec<_>>>()?;
            out.clear();
            if !write_joined(&values, &mut out) {
                failures::note(|| "a string in the JSON is no text".to_owned());
                return None;
            }
            String::from_utf8(out.clone()).ok()
        })
        .collect();
    Ok(Arc::new(joined))
}

/// Appends values as one; false where a string in them is no text.
fn write_joined(values: &[JsonValue<'_>], out: &mut Vec<u8>) -> bool {
    if let [only] = values {
        return only.write(out);
    }
    if values.iter().all(|value| value.kind() == JsonKind::Object) {
        let mut members: IndexMap<String, JsonValue<'_>> = IndexMap::new();
        for value in values {
            let Some(of_value) = value.members() else { return false };
            members.extend(of_value);
        }
        out.push(b'{');
        for (index, (name, value)) in members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_json_string(name, out);
            out.push(b':');
            if !value.write(out) {
                return false;
            }
        }
        out.push(b'}');
        return true;
    }
    out.push(b'[');
    let mut first = true;
    let mut write_element = |element: &JsonValue<'_>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        element.write(out)
    };
    let all = values.iter().all(|value| match value.elements() {
        Some(mut elements) => elements.all(|element| write_element(&element)),
        None => write_element(value),
    });
    out.push(b']');
    all
}
