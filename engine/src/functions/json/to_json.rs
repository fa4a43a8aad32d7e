//! TO_JSON_STRING: values of any type as JSON.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::formats::{ScalarValues, write_json_scalar, write_json_string};
use crate::functions::arguments::{Buffer, texts};
use crate::functions::cast_text::{TextValues, entries, to_nested_texts};

pub(super) fn to_json(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [column] = columns else { return exec_err!("one value becomes JSON") };
    let values = JsonValues::of(column)?;
    texts(column.len(), |row, out| values.write(row, out))
}

/// A column of values that are written as JSON.
enum JsonValues<'a> {
    Null,
    Scalar(ScalarValues<'a>),
    /// Dates and times, which are text.
    Text(TextValues<'a>),
    /// Of a type that SQL does not have: a number.
    Other(TextValues<'a>),
    List {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        items: Box<JsonValues<'a>>,
    },
    Map {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        names: StringArray,
        values: Box<JsonValues<'a>>,
    },
    Struct {
        nulls: Option<&'a NullBuffer>,
        /// In the order of their names; each with what stands in front of its value.
        members: Vec<(Vec<u8>, JsonValues<'a>)>,
    },
}

impl<'a> JsonValues<'a> {
    fn of(column: &'a ArrayRef) -> Result<JsonValues<'a>> {
        Ok(match column.data_type() {
            DataType::Null => JsonValues::Null,
            DataType::Date32 | DataType::Time32(_) | DataType::Timestamp(..) => {
                JsonValues::Text(TextValues::of(column))
            }
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                let items = Box::new(JsonValues::of(list.values())?);
                JsonValues::List { offsets: list.offsets(), nulls: list.nulls(), items }
            }
            DataType::Map(..) => {
                let map = column.as_map();
                let names = match map.keys().data_type() {
                    DataType::Utf8 => map.keys().clone(),
                    _ => to_nested_texts(map.keys())?,
                };
                let names = names.as_string::<i32>().clone();
                let values = Box::new(JsonValues::of(map.values())?);
                JsonValues::Map { offsets: map.offsets(), nulls: map.nulls(), names, values }
            }
            DataType::Struct(fields) => {
                let structs = column.as_struct();
                let mut named: Vec<_> =
                    fields.iter().map(|field| field.name()).zip(structs.columns()).collect();
                named.sort_by_key(|(name, _)| *name);
                let members = named.into_iter().enumerate().map(|(index, (name, column))| {
                    let mut label = if index > 0 { vec![b','] } else { Vec::new() };
                    write_json_string(name, &mut label);
                    label.push(b':');
                    Ok((label, JsonValues::of(column)?))
                });
                JsonValues::Struct { nulls: structs.nulls(), members: members.collect::<Result<_>>()? }
            }
            _ => match ScalarValues::of(column) {
                Some(values) => JsonValues::Scalar(values),
                None => JsonValues::Other(TextValues::of(column)),
            },
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            JsonValues::Null => true,
            JsonValues::Scalar(values) => values.is_null(row),
            JsonValues::Text(values) | JsonValues::Other(values) => values.is_null(row),
            JsonValues::List { nulls, .. }
            | JsonValues::Map { nulls, .. }
            | JsonValues::Struct { nulls, .. } => nulls.is_some_and(|nulls| nulls.is_null(row)),
        }
    }

    /// Appends a value; none, with a note, where the text would become too long. Types nest no deeper than a
    /// statement can write them.
    fn write(&self, row: usize, out: &mut Buffer) -> Option<()> {
        if self.is_null(row) {
            return out.push_str("null");
        }
        match self {
            JsonValues::Null => out.push_str("null"),
            JsonValues::Scalar(values) => out.push_with(|bytes| write_json_scalar(values, row, bytes)),
            JsonValues::Text(values) => {
                out.push('"')?;
                values.write(row, out)?;
                out.push('"')
            }
            JsonValues::Other(values) => values.write(row, out),
            JsonValues::List { offsets, items, .. } => {
                out.push('[')?;
                for (index, item) in entries(offsets, row).enumerate() {
                    out.push_str(if index > 0 { "," } else { "" })?;
                    items.write(item, out)?;
                }
                out.push(']')
            }
            JsonValues::Map { offsets, names, values, .. } => {
                let mut order: Vec<usize> = entries(offsets, row).collect();
                order.sort_by_key(|entry| names.value(*entry));
                out.push('{')?;
                for (index, entry) in order.into_iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" })?;
                    out.push_with(|bytes| write_json_string(names.value(entry), bytes))?;
                    out.push(':')?;
                    values.write(entry, out)?;
                }
                out.push('}')
            }
            JsonValues::Struct { members, .. } => {
                out.push('{')?;
                for (label, values) in members {
                    out.push_bytes(label)?;
                    values.write(row, out)?;
                }
                out.push('}')
            }
        }
    }
}
