//! TO_JSON_STRING: values of any type as JSON.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, Float64Type};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use datafusion::common::{Result, exec_err};

use crate::formats::write_json_string;
use crate::functions::cast_text::text_of;

pub(super) fn to_json(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [values] = columns else { return exec_err!("one value becomes JSON") };
    let mut texts = StringBuilder::new();
    let mut json = String::new();
    for row in 0..values.len() {
        json.clear();
        write(values, row, &mut json);
        texts.append_value(&json);
    }
    Ok(Arc::new(texts.finish()))
}

/// Appends a value. Types nest no deeper than a statement can write them.
fn write(values: &ArrayRef, row: usize, out: &mut String) {
    if values.is_null(row) || *values.data_type() == DataType::Null {
        out.push_str("null");
        return;
    }
    match values.data_type() {
        DataType::List(_) => {
            let elements = values.as_list::<i32>().value(row);
            out.push('[');
            for element in 0..elements.len() {
                if element > 0 {
                    out.push(',');
                }
                write(&elements, element, out);
            }
            out.push(']');
        }
        DataType::Map(..) => {
            let entries = values.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let names = (0..entries.len()).map(|entry| text_of(keys, entry, true).unwrap_or_default());
            write_members(names.zip((0..entries.len()).map(|entry| (values, entry))).collect(), out);
        }
        DataType::Struct(fields) => {
            let columns = values.as_struct().columns();
            let names = fields.iter().map(|field| field.name().clone());
            write_members(names.zip(columns.iter().map(|column| (column, row))).collect(), out);
        }
        DataType::Utf8 => write_string(values.as_string::<i32>().value(row), out),
        DataType::Binary => write_string(&STANDARD.encode(values.as_binary::<i32>().value(row)), out),
        DataType::Date32 | DataType::Time32(_) | DataType::Timestamp(..) => {
            write_string(&text_of(values, row, false).unwrap_or_default(), out);
        }
        // JSON has no number for NaN and the infinities.
        DataType::Float64 if !values.as_primitive::<Float64Type>().value(row).is_finite() => {
            write_string(&text_of(values, row, true).unwrap_or_default(), out);
        }
        _ => out.push_str(&text_of(values, row, false).unwrap_or_default()),
    }
}

/// Appends an object with its members in the order of their names.
fn write_members(mut members: Vec<(String, (&ArrayRef, usize))>, out: &mut String) {
    members.sort_by(|(left, _), (right, _)| left.cmp(right));
    out.push('{');
    for (index, (name, (values, row))) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(&name, out);
        out.push(':');
        write(values, row, out);
    }
    out.push('}');
}

fn write_string(text: &str, out: &mut String) {
    let mut json = Vec::with_capacity(text.len() + 2);
    write_json_string(text, &mut json);
    // Escaping text gives text.
    out.push_str(&String::from_utf8(json).unwrap_or_default());
}
