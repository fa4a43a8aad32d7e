//! Values of any type as aggregates keep them: encoded, compared and hashed by their bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef};
use arrow::row::Rows;

use super::number::wrong_argument;
use crate::error::{Error, ErrorKind, Result};
use crate::state::RowCodec;

/// Encodes the values of one argument, and makes results of them.
pub(super) struct Values {
    codec: RowCodec,
    data_type: DataType,
    null: Box<[u8]>,
}

impl Values {
    /// Of a type.
    ///
    /// # Errors
    /// `Unsupported`: values of the type cannot be kept.
    pub(super) fn new(data_type: &DataType) -> Result<Values> {
        let codec = RowCodec::new(std::slice::from_ref(data_type))?;
        let null = codec.encode(&[new_null_array(data_type, 1)])?.row(0).data().into();
        Ok(Values { codec, data_type: data_type.clone(), null })
    }

    /// The values of an argument's column.
    ///
    /// # Errors
    /// Internal: it is missing or of another type.
    pub(super) fn encode(&self, columns: &[ArrayRef], index: usize) -> Result<Rows> {
        match columns.get(index) {
            Some(column) if *column.data_type() == self.data_type => {
                self.codec.encode(std::slice::from_ref(column))
            }
            _ => Err(wrong_argument(columns, index, &self.data_type)),
        }
    }

    /// NULL, encoded.
    pub(super) fn null(&self) -> &[u8] {
        &self.null
    }

    /// The array of some encoded values.
    ///
    /// # Errors
    /// As [`RowCodec::decode`].
    pub(super) fn array<'a>(&'a self, values: impl Iterator<Item = &'a [u8]>) -> Result<ArrayRef> {
        let columns = self.codec.decode(values)?;
        columns.into_iter().next().ok_or_else(|| Error::internal("a column was decoded to none"))
    }

    /// The array of lists: their lengths, and the encoded values of all of them in order.
    ///
    /// # Errors
    /// As [`list_of`].
    pub(super) fn lists<'a>(
        &'a self,
        lengths: impl Iterator<Item = usize>,
        values: impl Iterator<Item = &'a [u8]>,
        return_type: &DataType,
    ) -> Result<ArrayRef> {
        list_of(lengths, self.array(values)?, return_type)
    }
}

/// An array of lists that are never null: their lengths, and the elements of all of them in order.
///
/// # Errors
/// `LimitExceeded`: more elements than an array can count.
pub(super) fn list_of(
    lengths: impl Iterator<Item = usize>,
    elements: ArrayRef,
    return_type: &DataType,
) -> Result<ArrayRef> {
    let lists =
        ListArray::try_new(element_field(return_type)?, offsets(lengths)?, elements, None::<NullBuffer>);
    Ok(Arc::new(lists?))
}

/// Offsets of lists from their lengths.
///
/// # Errors
/// `LimitExceeded`: more elements than an array can count.
pub(super) fn offsets(lengths: impl Iterator<Item = usize>) -> Result<OffsetBuffer<i32>> {
    let mut offsets = vec![0_i32];
    let mut end = 0_usize;
    for length in lengths {
        end += length;
        let end = i32::try_from(end).map_err(|_| {
            Error::new(
                ErrorKind::LimitExceeded,
                "the collections of one batch of results are too long together",
            )
            .with_hint("collect fewer values into a group, or set a limit")
        })?;
        offsets.push(end);
    }
    Ok(OffsetBuffer::new(offsets.into()))
}

/// The field of the elements of an ARRAY.
///
/// # Errors
/// Internal: it is no ARRAY.
pub(super) fn element_field(list: &DataType) -> Result<FieldRef> {
    match list {
        DataType::List(field) => Ok(field.clone()),
        other => Err(Error::internal(format!("a collection's type is {other}"))),
    }
}
