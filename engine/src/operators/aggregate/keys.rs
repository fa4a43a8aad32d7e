//! Group keys as bytes.
//!
//! Equal keys have equal bytes, and keys compare as their bytes do. A single key column of text,
//! bytes or whole numbers, the common cases, is used as it lies there; anything else goes through the
//! row codec. Null parts do not occur: such rows have no group.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::row::Rows;

use crate::error::{Error, ErrorKind, Result};
use crate::state::RowCodec;
use crate::state::encoding::damaged;

/// Encodes and decodes the keys of an aggregation's groups.
pub(in crate::operators) enum KeyCodec {
    /// No column: all rows are of one group, whose key has no bytes.
    Nothing,
    /// One STRING or BYTES column: its bytes.
    Bytes { text: bool },
    /// One BIGINT column: big-endian with the sign bit flipped.
    Bigint,
    /// One INTEGER column: likewise.
    Integer,
    /// Anything else.
    Rows(RowCodec),
}

/// The keys of a batch.
pub(in crate::operators) enum EncodedKeys {
    Nothing,
    Bytes(BinaryArray),
    Eight(Vec<[u8; 8]>),
    Four(Vec<[u8; 4]>),
    Rows(Rows),
}

impl KeyCodec {
    /// For group columns of these types.
    ///
    /// # Errors
    /// `Unsupported`: a type that cannot be a key.
    pub(in crate::operators) fn new(data_types: &[DataType]) -> Result<KeyCodec> {
        Ok(match data_types {
            [] => KeyCodec::Nothing,
            [DataType::Utf8] => KeyCodec::Bytes { text: true },
            [DataType::Binary] => KeyCodec::Bytes { text: false },
            [DataType::Int64] => KeyCodec::Bigint,
            [DataType::Int32] => KeyCodec::Integer,
            _ => KeyCodec::Rows(RowCodec::new(data_types)?),
        })
    }

    /// The keys of a batch's rows.
    ///
    /// # Errors
    /// Internal: columns of other types.
    pub(in crate::operators) fn encode(&self, columns: &[ArrayRef]) -> Result<EncodedKeys> {
        let other_type = || Error::internal("a group column has another type than planned");
        Ok(match (self, columns) {
            (KeyCodec::Nothing, []) => EncodedKeys::Nothing,
            (KeyCodec::Bytes { text: true }, [column]) => {
                let texts = column.as_string_opt::<i32>().ok_or_else(other_type)?;
                EncodedKeys::Bytes(BinaryArray::from(texts.clone()))
            }
            (KeyCodec::Bytes { text: false }, [column]) => {
                EncodedKeys::Bytes(column.as_binary_opt().ok_or_else(other_type)?.clone())
            }
            (KeyCodec::Bigint, [column]) => {
                let numbers = column.as_primitive_opt::<Int64Type>().ok_or_else(other_type)?;
                let flipped = numbers.values().iter().map(|number| (number ^ i64::MIN).to_be_bytes());
                EncodedKeys::Eight(flipped.collect())
            }
            (KeyCodec::Integer, [column]) => {
                let numbers = column.as_primitive_opt::<Int32Type>().ok_or_else(other_type)?;
                let flipped = numbers.values().iter().map(|number| (number ^ i32::MIN).to_be_bytes());
                EncodedKeys::Four(flipped.collect())
            }
            (KeyCodec::Rows(codec), columns) => EncodedKeys::Rows(codec.encode(columns)?),
            _ => {
                return Err(Error::internal(
                    "an aggregation has another number of group columns than planned",
                ));
            }
        })
    }

    /// The columns of some keys.
    ///
    /// # Errors
    /// `Corrupt`: bytes that are no key.
    pub(in crate::operators) fn decode<'a>(
        &'a self,
        keys: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<Vec<ArrayRef>> {
        let other_length = || damaged("its group key has another length");
        let column: ArrayRef = match self {
            KeyCodec::Nothing => return Ok(Vec::new()),
            KeyCodec::Bytes { text } => {
                let binary = BinaryArray::from_iter_values(keys);
                if *text { Arc::new(StringArray::try_from_binary(binary)?) } else { Arc::new(binary) }
            }
            KeyCodec::Bigint => {
                let number = |key: &[u8]| {
                    let bytes = key.try_into().map_err(|_| other_length())?;
                    Ok(i64::from_be_bytes(bytes) ^ i64::MIN)
                };
                let numbers = keys.map(number).collect::<Result<Vec<i64>>>()?;
                Arc::new(Int64Array::new(numbers.into(), None))
            }
            KeyCodec::Integer => {
                let number = |key: &[u8]| {
                    let bytes = key.try_into().map_err(|_| other_length())?;
                    Ok(i32::from_be_bytes(bytes) ^ i32::MIN)
                };
                let numbers = keys.map(number).collect::<Result<Vec<i32>>>()?;
                Arc::new(Int32Array::new(numbers.into(), None))
            }
            KeyCodec::Rows(codec) => return codec.decode(keys),
        };
        Ok(vec![column])
    }
}

impl EncodedKeys {
    /// The key of a row.
    #[inline]
    pub(in crate::operators) fn get(&self, row: usize) -> &[u8] {
        match self {
            EncodedKeys::Nothing => &[],
            EncodedKeys::Bytes(keys) => keys.value(row),
            EncodedKeys::Eight(keys) => &keys[row],
            EncodedKeys::Four(keys) => &keys[row],
            EncodedKeys::Rows(rows) => rows.row(row).data(),
        }
    }
}

/// The most bytes of keys in one output batch: far below the 2 GiB that an array of them can have.
const KEY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Keys copied one behind the other, for results that outlive their groups.
#[derive(Default)]
pub(in crate::operators) struct KeyBuffer {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl KeyBuffer {
    /// Adds a key.
    pub(in crate::operators) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    /// Whether a batch should end here.
    pub(in crate::operators) fn is_full(&self) -> bool {
        self.bytes.len() >= KEY_BYTES_MAX
    }

    /// The columns of the keys.
    ///
    /// # Errors
    /// As [`KeyCodec::decode`].
    pub(in crate::operators) fn columns(self, codec: &KeyCodec) -> Result<Vec<ArrayRef>> {
        let ends = self.ends.into_iter().map(|end| {
            i32::try_from(end).map_err(|_| {
                Error::new(
                    ErrorKind::LimitExceeded,
                    "the group keys of one batch of results are too long together",
                )
            })
        });
        let offsets = std::iter::once(Ok(0)).chain(ends).collect::<Result<Vec<i32>>>()?;
        let keys = BinaryArray::try_new(OffsetBuffer::new(offsets.into()), self.bytes.into(), None)?;
        match codec {
            KeyCodec::Bytes { text: true } => Ok(vec![Arc::new(StringArray::try_from_binary(keys)?)]),
            KeyCodec::Bytes { text: false } => Ok(vec![Arc::new(keys)]),
            codec => codec.decode((0..keys.len()).map(|index| keys.value(index))),
        }
    }
}
