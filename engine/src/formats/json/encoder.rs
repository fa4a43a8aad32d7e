//! Columns to JSON payloads.
//!
//! Names as they are stored, NULL as `null`, no blanks; DOUBLE as Java prints it, DECIMAL with all
//! digits of its scale, BYTES as base64, DATE, TIME and TIMESTAMP as numbers. What is written here,
//! [`super::JsonDecoder`] reads back as the same values.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef, Fields, SchemaRef};

use super::string::write_string;
use crate::error::{Error, Result};
use crate::formats::column_values::{ColumnValues, entries};
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
    /// Members of every object behind those of the columns, each with a comma in front of it.
    constants: Vec<u8>,
}

impl JsonEncoder {
    /// An encoder of rows of `schema`.
    pub(in crate::formats) fn new(schema: SchemaRef, wrapping: Wrapping) -> Result<JsonEncoder> {
        for field in schema.fields() {
            if !super::supports(field.data_type()) {
                return Err(unsupported_column("JSON", field));
            }
        }
        let labels = Labels::for_fields(schema.fields());
        Ok(JsonEncoder { schema, labels, wrapping, head: Vec::new(), constants: Vec::new() })
    }

    /// The same with bytes in front of every text.
    pub(in crate::formats) fn with_head(mut self, head: Vec<u8>) -> JsonEncoder {
        self.head = head;
        self
    }

    /// The same with further members in every object: `constants` are JSON text, each with a comma in front.
    pub(in crate::formats) fn with_members(mut self, constants: Vec<u8>) -> JsonEncoder {
        self.constants = constants;
        self
    }

    /// The same with members left out where they are null: each is given by its column's position and those
    /// of the fields on the way into STRUCTs.
    pub(in crate::formats) fn omitting<'p>(
        mut self,
        members: impl IntoIterator<Item = &'p [usize]>,
    ) -> JsonEncoder {
        for member in members {
            self.labels.omit(member);
        }
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
        let values = columns.iter().map(ColumnValues::of).collect::<Result<Vec<_>>>()?;
        match (self.wrapping, values.as_slice()) {
            (Wrapping::Bare, [value]) => {
                let labels = self.labels.of_field(0);
                rows.for_each(|row| {
                    if value.is_null(row) {
                        out.push_null();
                        return Ok(());
                    }
                    out.push_with(|bytes| {
                        bytes.extend_from_slice(&self.head);
                        write(value, labels, row, bytes);
                    })
                })
            }
            (Wrapping::Bare, _) => Err(Error::internal("a bare JSON value has exactly one column")),
            (Wrapping::Record, members) => rows.for_each(|row| {
                out.push_with(|bytes| {
                    bytes.extend_from_slice(&self.head);
                    write_members(members, &self.labels, row, bytes);
                    if !self.constants.is_empty() {
                        // They stand before the brace that closes the object.
                        bytes.pop();
                        let is_first = bytes.last() == Some(&b'{');
                        bytes.extend_from_slice(&self.constants[usize::from(is_first)..]);
                        bytes.push(b'}');
                    }
                })
            }),
        }
    }
}

/// What is written in front of values, prepared once.
enum Labels {
    None,
    /// Of the elements of an array, or the values of a map.
    Items(Box<Labels>),
    Fields(Vec<Label>),
}

/// What is written in front of a field.
struct Label {
    /// `,"A":`; of the first member of an object the comma becomes the brace.
    text: Vec<u8>,
    /// The field is left out where it is null.
    omits_null: bool,
    /// Inside the field.
    inside: Labels,
}

impl Labels {
    fn new(data_type: &DataType) -> Labels {
        match data_type {
            DataType::List(item) => Labels::Items(Box::new(Labels::new(item.data_type()))),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => {
                    Labels::Items(Box::new(Labels::new(fields[1].data_type())))
                }
                _ => Labels::None,
            },
            DataType::Struct(fields) => Labels::for_fields(fields),
            _ => Labels::None,
        }
    }

    fn for_fields(fields: &Fields) -> Labels {
        let label = |field: &FieldRef| {
            let mut text = vec![b','];
            write_string(field.name(), &mut text);
            text.push(b':');
            Label { text, omits_null: false, inside: Labels::new(field.data_type()) }
        };
        Labels::Fields(fields.iter().map(label).collect())
    }

    /// Lets a field be left out where it is null; `path` leads to it through STRUCTs.
    fn omit(&mut self, path: &[usize]) {
        let (Labels::Fields(fields), [position, rest @ ..]) = (self, path) else { return };
        match fields.get_mut(*position) {
            Some(label) if rest.is_empty() => label.omits_null = true,
            Some(label) => label.inside.omit(rest),
            None => {}
        }
    }

    /// Inside the elements of an array, or the values of a map.
    fn of_items(&self) -> &Labels {
        match self {
            Labels::Items(labels) => labels,
            Labels::None | Labels::Fields(_) => &Labels::None,
        }
    }

    /// In front of each field, and inside it.
    fn of_fields(&self) -> &[Label] {
        match self {
            Labels::Fields(fields) => fields,
            Labels::None | Labels::Items(_) => &[],
        }
    }

    /// Inside one field.
    fn of_field(&self, index: usize) -> &Labels {
        self.of_fields().get(index).map_or(&Labels::None, |label| &label.inside)
    }
}

/// Appends a value. The labels are those of its column's type: the columns were aligned with it.
#[inline]
fn write(values: &ColumnValues<'_>, labels: &Labels, row: usize, out: &mut Vec<u8>) {
    if values.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match values {
        ColumnValues::Scalar(values) => write_scalar(values, row, out),
        ColumnValues::List { offsets, items, .. } => {
            let labels = labels.of_items();
            out.push(b'[');
            write_separated(entries(offsets, row), out, |item, out| write(items, labels, item, out));
            out.push(b']');
        }
        ColumnValues::Map { offsets, keys, values, .. } => {
            let labels = labels.of_items();
            out.push(b'{');
            write_separated(entries(offsets, row), out, |entry, out| {
                write_string(keys.value(entry), out);
                out.push(b':');
                write(values, labels, entry, out);
            });
            out.push(b'}');
        }
        ColumnValues::Struct { columns, .. } => write_members(columns, labels, row, out),
    }
}

/// Appends what stands at each position, with commas between.
#[inline]
fn write_separated(positions: Range<usize>, out: &mut Vec<u8>, mut write: impl FnMut(usize, &mut Vec<u8>)) {
    let first = positions.start;
    for position in positions {
        if position > first {
            out.push(b',');
        }
        write(position, out);
    }
}

#[inline]
fn write_members(members: &[ColumnValues<'_>], labels: &Labels, row: usize, out: &mut Vec<u8>) {
    let start = out.len();
    for (values, label) in members.iter().zip(labels.of_fields()) {
        if label.omits_null && values.is_null(row) {
            continue;
        }
        out.extend_from_slice(&label.text);
        write(values, &label.inside, row, out);
    }
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

/// Appends a value that is not null.
#[inline]
pub(crate) fn write_scalar(values: &ScalarValues<'_>, row: usize, out: &mut Vec<u8>) {
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
