//! Columns to JSON payloads.
//!
//! Names as they are stored, NULL as `null`, no blanks; DOUBLE as Java prints it, DECIMAL with all
//! digits of its scale, BYTES as base64, DATE, TIME and TIMESTAMP as numbers. What is written here,
//! [`super::JsonDecoder`] reads back as the same values.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, SchemaRef};

use super::string::write_string;
use crate::error::{Error, Result};
use crate::formats::encoded::{EncodedPayloads, RowSelection, aligned_columns};
use crate::formats::scalar_values::ScalarValues;
use crate::formats::{Encoder, Wrapping, unsupported_column};

/// Encodes rows as objects with a field a column, or the single column as a bare value.
pub(in crate::formats) struct JsonEncoder {
    schema: SchemaRef,
    labels: Labels,
    wrapping: Wrapping,
    /// What stands in front of every text.
    head: Vec<u8>,
}

impl JsonEncoder {
    /// An encoder of rows of `schema`.
    pub(in crate::formats) fn new(schema: SchemaRef, wrapping: Wrapping) -> Result<JsonEncoder> {
        for field in schema.fields() {
            if !super::supports(field.data_type()) {
                return Err(unsupported_column("JSON", field));
            }
        }
        let labels = Labels::of_fields(schema.fields().iter().map(|field| field.as_ref()));
        Ok(JsonEncoder { schema, labels, wrapping, head: Vec::new() })
    }

    /// The same with bytes in front of every text.
    pub(in crate::formats) fn with_head(mut self, head: Vec<u8>) -> JsonEncoder {
        self.head = head;
        self
    }
}

impl Encoder for JsonEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()> {
        let columns = aligned_columns(&self.schema, columns, &rows)?;
        let members = members(&columns, &self.labels)?;
        match (self.wrapping, members.as_slice()) {
            (Wrapping::Bare, [(_, value)]) => rows.for_each(|row| {
                if value.is_null(row) {
                    out.push_null();
                    return Ok(());
                }
                out.push_with(|bytes| {
                    bytes.extend_from_slice(&self.head);
                    value.write(row, bytes);
                })
            }),
            (Wrapping::Bare, _) => Err(Error::internal("a bare JSON value has exactly one column")),
            (Wrapping::Record, members) => rows.for_each(|row| {
                out.push_with(|bytes| {
                    bytes.extend_from_slice(&self.head);
                    write_members(members, row, bytes);
                })
            }),
        }
    }
}

/// What is written in front of values, prepared once: `{"A":` before the first member of an object,
/// `,"B":` before the others.
enum Labels {
    None,
    /// Of the elements of an array, or the values of a map.
    Items(Box<Labels>),
    Fields(Vec<(Vec<u8>, Labels)>),
}

impl Labels {
    fn of(data_type: &DataType) -> Labels {
        match data_type {
            DataType::List(item) => Labels::Items(Box::new(Labels::of(item.data_type()))),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    Labels::Items(Box::new(Labels::of(fields[1].data_type())))
                }
                _ => Labels::None,
            },
            DataType::Struct(fields) => Labels::of_fields(fields.iter().map(|field| field.as_ref())),
            _ => Labels::None,
        }
    }

    fn of_fields<'a>(fields: impl Iterator<Item = &'a Field>) -> Labels {
        let label = |(index, field): (usize, &Field)| {
            let mut label = vec![if index == 0 { b'{' } else { b',' }];
            write_string(field.name(), &mut label);
            label.push(b':');
            (label, Labels::of(field.data_type()))
        };
        Labels::Fields(fields.enumerate().map(label).collect())
    }
}

/// A column, ready to be written value by value.
enum Values<'a> {
    Scalar(ScalarValues<'a>),
    List {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        items: Box<Values<'a>>,
    },
    Map {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        keys: &'a StringArray,
        items: Box<Values<'a>>,
    },
    Struct {
        nulls: Option<&'a NullBuffer>,
        members: Vec<(&'a [u8], Values<'a>)>,
    },
}

impl<'a> Values<'a> {
    fn of(array: &'a ArrayRef, labels: &'a Labels) -> Result<Values<'a>> {
        if let Some(values) = ScalarValues::of(array) {
            return Ok(Values::Scalar(values));
        }
        Ok(match (array.data_type(), labels) {
            (DataType::List(_), Labels::Items(labels)) => {
                let list = array.as_list::<i32>();
                Values::List {
                    offsets: list.offsets(),
                    nulls: list.nulls(),
                    items: Box::new(Values::of(list.values(), labels)?),
                }
            }
            (DataType::Map(..), Labels::Items(labels)) => {
                let map = array.as_map();
                Values::Map {
                    offsets: map.offsets(),
                    nulls: map.nulls(),
                    keys: map.keys().as_string(),
                    items: Box::new(Values::of(map.values(), labels)?),
                }
            }
            (DataType::Struct(_), labels) => {
                let structs = array.as_struct();
                Values::Struct { nulls: structs.nulls(), members: members(structs.columns(), labels)? }
            }
            (other, _) => {
                return Err(Error::internal(format!("a column of type {other} is not written as JSON")));
            }
        })
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Scalar(values) => values.is_null(row),
            Values::List { nulls, .. } | Values::Map { nulls, .. } | Values::Struct { nulls, .. } => {
                nulls.is_some_and(|nulls| nulls.is_null(row))
            }
        }
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match self {
            Values::Scalar(values) => write_scalar(values, row, out),
            Values::List { offsets, items, .. } => {
                out.push(b'[');
                let range = range(offsets, row);
                for item in range.clone() {
                    if item > range.start {
                        out.push(b',');
                    }
                    items.write(item, out);
                }
                out.push(b']');
            }
            Values::Map { offsets, keys, items, .. } => {
                out.push(b'{');
                let range = range(offsets, row);
                for entry in range.clone() {
                    if entry > range.start {
                        out.push(b',');
                    }
                    write_string(keys.value(entry), out);
                    out.push(b':');
                    items.write(entry, out);
                }
                out.push(b'}');
            }
            Values::Struct { members, .. } => write_members(members, row, out),
        }
    }
}

fn members<'a>(columns: &'a [ArrayRef], labels: &'a Labels) -> Result<Vec<(&'a [u8], Values<'a>)>> {
    match labels {
        Labels::Fields(labels) if labels.len() == columns.len() => columns
            .iter()
            .zip(labels)
            .map(|(column, (label, inner))| Ok((label.as_slice(), Values::of(column, inner)?)))
            .collect(),
        _ => Err(Error::internal("columns do not match the encoder's schema")),
    }
}

#[inline]
fn write_members(members: &[(&[u8], Values<'_>)], row: usize, out: &mut Vec<u8>) {
    if members.is_empty() {
        out.push(b'{');
    }
    for (label, values) in members {
        out.extend_from_slice(label);
        values.write(row, out);
    }
    out.push(b'}');
}

#[inline]
fn write_scalar(values: &ScalarValues<'_>, row: usize, out: &mut Vec<u8>) {
    let quotes = match values {
        ScalarValues::String(values) => return write_string(values.value(row), out),
        // JSON has no number for NaN and the infinities; a DOUBLE column takes their names back.
        ScalarValues::Double(values) => !values.value(row).is_finite(),
        ScalarValues::Bytes(_) => true,
        _ => false,
    };
    if quotes {
        out.push(b'"');
    }
    values.write_text(row, out);
    if quotes {
        out.push(b'"');
    }
}

#[inline]
fn range(offsets: &OffsetBuffer<i32>, row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}
