//! Columns of any SQL type, ready to be written value by value, for formats whose values nest as those of SQL
//! do.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;

use super::scalar_values::ScalarValues;
use crate::error::{Error, Result};

/// A column.
pub(super) enum ColumnValues<'a> {
    Scalar(ScalarValues<'a>),
    List {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        items: Box<ColumnValues<'a>>,
    },
    Map {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        keys: &'a StringArray,
        values: Box<ColumnValues<'a>>,
    },
    Struct {
        nulls: Option<&'a NullBuffer>,
        columns: Vec<ColumnValues<'a>>,
    },
}

impl<'a> ColumnValues<'a> {
    /// The values of an array in the form that encoders are given.
    ///
    /// # Errors
    /// A bug: an array of no SQL type, or a map whose keys are no text.
    pub(super) fn of(array: &'a ArrayRef) -> Result<ColumnValues<'a>> {
        if let Some(values) = ScalarValues::of(array) {
            return Ok(ColumnValues::Scalar(values));
        }
        Ok(match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let items = Box::new(ColumnValues::of(list.values())?);
                ColumnValues::List { offsets: list.offsets(), nulls: list.nulls(), items }
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let keys = map.keys().as_string_opt();
                let keys = keys.ok_or_else(|| Error::internal("a map whose keys are no text is written"))?;
                let values = Box::new(ColumnValues::of(map.values())?);
                ColumnValues::Map { offsets: map.offsets(), nulls: map.nulls(), keys, values }
            }
            DataType::Struct(_) => {
                let structs = array.as_struct();
                let columns = structs.columns().iter().map(ColumnValues::of).collect::<Result<_>>()?;
                ColumnValues::Struct { nulls: structs.nulls(), columns }
            }
            other => return Err(Error::internal(format!("a column of type {other} is written"))),
        })
    }

    /// Whether a value is null.
    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            ColumnValues::Scalar(values) => values.is_null(row),
            ColumnValues::List { nulls, .. }
            | ColumnValues::Map { nulls, .. }
            | ColumnValues::Struct { nulls, .. } => nulls.is_some_and(|nulls| nulls.is_null(row)),
        }
    }
}

/// The items or entries of a row's list or map.
#[inline]
pub(super) fn entries(offsets: &OffsetBuffer<i32>, row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}
