//! Nested values as JSON text, with Postgres' conventions of `to_jsonb`: instants as ISO strings with a
//! `T`, bytes as `"\\x…"`, decimals as numbers of all their digits, what JSON has no number for as text.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use bytes::{BufMut, BytesMut};
use tidemill_engine::Result;

use super::calendar::write_timestamp;
use super::text::write_text;
use super::values::{ColumnValues, Values};

/// A column of nested values, prepared down to its leaves.
pub(super) enum JsonValues {
    Object { names: Vec<String>, fields: Vec<ColumnValues> },
    Map { offsets: OffsetBuffer<i32>, keys: ColumnValues, values: ColumnValues },
    List { offsets: OffsetBuffer<i32>, elements: ColumnValues },
    Leaf(ColumnValues),
}

impl JsonValues {
    /// Prepares a column of structs, maps or lists.
    pub(super) fn new(array: &ArrayRef) -> Result<JsonValues> {
        Ok(match array.data_type() {
            DataType::Struct(fields) => JsonValues::Object {
                names: fields.iter().map(|field| field.name().clone()).collect(),
                fields: array.as_struct().columns().iter().map(ColumnValues::new).collect::<Result<_>>()?,
            },
            DataType::Map(..) => {
                let map = array.as_map();
                JsonValues::Map {
                    offsets: map.offsets().clone(),
                    keys: ColumnValues::new(map.keys())?,
                    values: ColumnValues::new(map.values())?,
                }
            }
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                JsonValues::List {
                    offsets: list.offsets().clone(),
                    elements: ColumnValues::new(list.values())?,
                }
            }
            _ => JsonValues::Leaf(ColumnValues::new(&arrow::compute::cast(array, &DataType::Utf8)?)?),
        })
    }

    /// Writes a value that is not null.
    pub(super) fn write(&self, row: usize, out: &mut BytesMut) {
        match self {
            JsonValues::Object { names, fields } => {
                write_json_object(names.iter().map(String::as_str).zip(fields), row, out);
            }
            JsonValues::Map { offsets, keys, values } => {
                out.put_u8(b'{');
                for index in range(offsets, row) {
                    if out.last() != Some(&b'{') {
                        out.put_u8(b',');
                    }
                    write_text_as_string(keys, index, out);
                    out.put_u8(b':');
                    write_json(values, index, out);
                }
                out.put_u8(b'}');
            }
            JsonValues::List { offsets, elements } => write_json_list(elements, range(offsets, row), out),
            JsonValues::Leaf(values) => write_json(values, row, out),
        }
    }
}

/// Writes the cells of a row as one object.
pub(in crate::postgres) fn write_json_object<'a>(
    fields: impl Iterator<Item = (&'a str, &'a ColumnValues)>,
    row: usize,
    out: &mut BytesMut,
) {
    out.put_u8(b'{');
    for (index, (name, column)) in fields.enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        write_json_string(name.as_bytes(), out);
        out.put_u8(b':');
        write_json(column, row, out);
    }
    out.put_u8(b'}');
}

fn write_json(column: &ColumnValues, row: usize, out: &mut BytesMut) {
    if column.is_null(row) {
        out.put_slice(b"null");
        return;
    }
    match &column.values {
        Values::Null => out.put_slice(b"null"),
        Values::Boolean(values) => out.put_slice(if values.value(row) { b"true" } else { b"false" }),
        Values::Int16(_)
        | Values::Int32(_)
        | Values::Int64(_)
        | Values::Oid(_)
        | Values::Decimal128(..)
        | Values::Decimal256(..) => write_text(column, row, out),
        Values::Float32(values) if values.value(row).is_finite() => write_text(column, row, out),
        Values::Float64(values) if values.value(row).is_finite() => write_text(column, row, out),
        Values::Text(values) => write_json_string(values.value(row).as_bytes(), out),
        Values::LargeText(values) => write_json_string(values.value(row).as_bytes(), out),
        Values::TextView(values) => write_json_string(values.value(row).as_bytes(), out),
        Values::Timestamp(values) => write_json_timestamp(values.value(row), false, out),
        Values::TimestampWithZone(values) => write_json_timestamp(values.value(row), true, out),
        Values::Array(arrays) => {
            let (start, end) = arrays.bounds(row);
            write_json_list(&arrays.elements, start..end, out);
        }
        Values::Json(values) => values.write(row, out),
        Values::Float32(_)
        | Values::Float64(_)
        | Values::Bytes(_)
        | Values::LargeBytes(_)
        | Values::BytesView(_)
        | Values::Date(_)
        | Values::Time(_)
        | Values::Interval(_) => write_text_as_string(column, row, out),
    }
}

fn write_json_list(elements: &ColumnValues, range: std::ops::Range<usize>, out: &mut BytesMut) {
    out.put_u8(b'[');
    let start = range.start;
    for index in range {
        if index > start {
            out.put_u8(b',');
        }
        write_json(elements, index, out);
    }
    out.put_u8(b']');
}

fn write_json_timestamp(micros: i64, with_zone: bool, out: &mut BytesMut) {
    out.put_u8(b'"');
    write_timestamp(micros, b'T', with_zone, out);
    out.put_u8(b'"');
}

/// Writes what the text format says of a cell as a JSON string.
fn write_text_as_string(column: &ColumnValues, row: usize, out: &mut BytesMut) {
    let start = out.len();
    write_text(column, row, out);
    let text = out.split_off(start);
    write_json_string(&text, out);
}

fn write_json_string(text: &[u8], out: &mut BytesMut) {
    out.reserve(text.len() + 2);
    out.put_u8(b'"');
    for byte in text {
        match byte {
            b'"' => out.put_slice(b"\\\""),
            b'\\' => out.put_slice(b"\\\\"),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            0..0x20 => {
                out.put_slice(b"\\u00");
                out.put_u8(b'0' + (byte >> 4));
                out.put_u8(b"0123456789abcdef"[usize::from(byte & 0x0f)]);
            }
            _ => out.put_u8(*byte),
        }
    }
    out.put_u8(b'"');
}

fn range(offsets: &OffsetBuffer<i32>, row: usize) -> std::ops::Range<usize> {
    // Arrow keeps offsets non-negative and rising.
    offsets[row] as usize..offsets[row + 1] as usize
}
