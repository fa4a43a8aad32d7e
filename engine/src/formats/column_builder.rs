//! Growing columns of any SQL type, for formats that tell values apart by a schema of their own.
//!
//! Every append adds exactly one entry to a column, whatever becomes of it: where a value inside a
//! nested one does not fit, the nested one is closed as null and the caller takes the row out. So the
//! columns of a row are always equally long.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, ListArray, MapArray, NullBufferBuilder, StringBuilder, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;

use super::scalar::ScalarBuilder;

/// A growing column.
pub(super) enum ColumnBuilder {
    Scalar(ScalarBuilder),
    List(Box<ListBuilder>),
    Map(Box<MapBuilder>),
    Struct(Box<StructBuilder>),
}

/// A growing ARRAY column.
pub(super) struct ListBuilder {
    field: FieldRef,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
    pub(super) items: ColumnBuilder,
}

/// A growing MAP column. Keys are text, and never null: a key that cannot be read is not appended.
pub(super) struct MapBuilder {
    entries: FieldRef,
    fields: Fields,
    ordered: bool,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
    pub(super) keys: StringBuilder,
    pub(super) values: ColumnBuilder,
}

/// A growing STRUCT column.
pub(super) struct StructBuilder {
    pub(super) fields: Fields,
    nulls: NullBufferBuilder,
    length: usize,
    pub(super) columns: Vec<ColumnBuilder>,
}

impl ColumnBuilder {
    /// An empty column with room for `rows`; `None` if the type is none of SQL's.
    pub(super) fn new(data_type: &DataType, rows: usize) -> Option<ColumnBuilder> {
        Some(match data_type {
            DataType::List(field) => ColumnBuilder::List(Box::new(ListBuilder {
                field: field.clone(),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(rows),
                items: ColumnBuilder::new(field.data_type(), rows)?,
            })),
            DataType::Map(entries, ordered) => {
                let DataType::Struct(fields) = entries.data_type() else { return None };
                let [key, value] = fields.as_ref() else { return None };
                if *key.data_type() != DataType::Utf8 {
                    return None;
                }
                ColumnBuilder::Map(Box::new(MapBuilder {
                    entries: entries.clone(),
                    fields: fields.clone(),
                    ordered: *ordered,
                    offsets: vec![0],
                    nulls: NullBufferBuilder::new(rows),
                    keys: StringBuilder::new(),
                    values: ColumnBuilder::new(value.data_type(), rows)?,
                }))
            }
            DataType::Struct(fields) => ColumnBuilder::Struct(Box::new(StructBuilder {
                fields: fields.clone(),
                nulls: NullBufferBuilder::new(rows),
                length: 0,
                columns: fields
                    .iter()
                    .map(|field| ColumnBuilder::new(field.data_type(), rows))
                    .collect::<Option<_>>()?,
            })),
            scalar => ColumnBuilder::Scalar(ScalarBuilder::new(scalar, rows)?),
        })
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        match self {
            ColumnBuilder::Scalar(values) => values.len(),
            ColumnBuilder::List(list) => list.offsets.len() - 1,
            ColumnBuilder::Map(map) => map.offsets.len() - 1,
            ColumnBuilder::Struct(fields) => fields.length,
        }
    }

    /// Adds a null.
    pub(super) fn append_null(&mut self) {
        match self {
            ColumnBuilder::Scalar(values) => values.append_null(),
            ColumnBuilder::List(list) => list.close(false),
            ColumnBuilder::Map(map) => map.close(false),
            ColumnBuilder::Struct(fields) => fields.close(false),
        }
    }

    /// The column so far; empty afterwards.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            ColumnBuilder::Scalar(values) => values.finish(),
            ColumnBuilder::List(list) => Arc::new(ListArray::try_new(
                list.field.clone(),
                take_offsets(&mut list.offsets),
                list.items.finish()?,
                list.nulls.finish(),
            )?),
            ColumnBuilder::Map(map) => {
                let columns: Vec<ArrayRef> = vec![Arc::new(map.keys.finish()), map.values.finish()?];
                let entries = StructArray::try_new(map.fields.clone(), columns, None)?;
                let offsets = take_offsets(&mut map.offsets);
                let nulls = map.nulls.finish();
                Arc::new(MapArray::try_new(map.entries.clone(), offsets, entries, nulls, map.ordered)?)
            }
            ColumnBuilder::Struct(fields) => {
                let length = std::mem::take(&mut fields.length);
                let columns =
                    fields.columns.iter_mut().map(ColumnBuilder::finish).collect::<Result<_, _>>()?;
                let nulls = fields.nulls.finish();
                Arc::new(StructArray::try_new_with_length(fields.fields.clone(), columns, nulls, length)?)
            }
        })
    }
}

impl ListBuilder {
    /// Ends an entry: the items appended since the last one, or null.
    pub(super) fn close(&mut self, valid: bool) {
        self.offsets.push(offset(self.items.len()));
        self.nulls.append(valid);
    }
}

impl MapBuilder {
    /// Ends an entry: the keys and values appended since the last one, or null. What is missing of a
    /// pair, where reading stopped between the two, is made up: the row goes anyway.
    pub(super) fn close(&mut self, valid: bool) {
        while self.values.len() < self.keys.len() {
            self.values.append_null();
        }
        while self.keys.len() < self.values.len() {
            self.keys.append_value("");
        }
        self.offsets.push(offset(self.keys.len()));
        self.nulls.append(valid);
    }
}

impl StructBuilder {
    /// Ends an entry: what was appended to the columns since the last one, or null. A column that got
    /// nothing gets a null.
    pub(super) fn close(&mut self, valid: bool) {
        self.length += 1;
        for column in &mut self.columns {
            if column.len() < self.length {
                column.append_null();
            }
        }
        self.nulls.append(valid);
    }
}

fn offset(length: usize) -> i32 {
    i32::try_from(length)
        .expect("a batch is at most 1 GiB, and decoders count an element for each byte at most")
}

fn take_offsets(offsets: &mut Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, vec![0])))
}
