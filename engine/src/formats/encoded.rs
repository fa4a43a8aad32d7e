//! Where encoders write: one growing buffer for a batch's payloads, and which rows they write.

use std::ops::Range;

use arrow::array::{Array, ArrayRef};
use arrow::compute;
use arrow::datatypes::Schema;
use base64::Engine as _;

use super::scalar::BASE64;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of one batch of payloads: positions are kept in 32 bits, and no sink gathers so much.
const BATCH_BYTES_MAX: usize = u32::MAX as usize - 1;

/// Payloads of encoded rows, one behind the other.
#[derive(Clone, Debug, Default)]
pub struct EncodedPayloads {
    bytes: Vec<u8>,
    /// Start and end of each payload; `NULL` for a null payload.
    spans: Vec<(u32, u32)>,
}

/// The span of a null payload: no payload starts there.
const NULL: (u32, u32) = (u32::MAX, u32::MAX);

impl EncodedPayloads {
    /// No payloads yet.
    #[must_use]
    pub fn new() -> EncodedPayloads {
        EncodedPayloads::default()
    }

    /// Forgets the payloads, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// Number of payloads.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no payload.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of all payloads together.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// A payload; `None` for a null payload and behind the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = *self.spans.get(index)?;
        self.bytes.get(start as usize..end as usize)
    }

    /// The payloads in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> {
        self.spans.iter().map(|(start, end)| self.bytes.get(*start as usize..*end as usize))
    }

    /// Adds a null payload.
    pub fn push_null(&mut self) {
        self.spans.push(NULL);
    }

    /// Adds the payload that `write` appends to the buffer.
    #[inline]
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        if end > BATCH_BYTES_MAX {
            self.bytes.truncate(start);
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                "more than 4 GiB in one batch of encoded records",
            ));
        }
        self.spans.push((start as u32, end as u32));
        Ok(())
    }
}

/// Which rows of a batch to encode, in which order.
#[derive(Clone, Debug)]
pub enum RowSelection<'a> {
    /// Adjacent rows.
    Range(Range<usize>),
    /// Single rows.
    Indices(&'a [u32]),
}

impl RowSelection<'_> {
    /// Number of rows selected.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            RowSelection::Range(range) => range.len(),
            RowSelection::Indices(indices) => indices.len(),
        }
    }

    /// Whether no row is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(super) fn for_each(&self, mut encode: impl FnMut(usize) -> Result<()>) -> Result<()> {
        match self {
            RowSelection::Range(range) => range.clone().try_for_each(encode),
            RowSelection::Indices(indices) => indices.iter().try_for_each(|row| encode(*row as usize)),
        }
    }

    /// One behind the last row selected.
    fn end(&self) -> usize {
        match self {
            RowSelection::Range(range) => range.end,
            RowSelection::Indices(indices) => indices.iter().max().map_or(0, |row| *row as usize + 1),
        }
    }
}

/// The columns as the encoder's schema has them: other physical forms of the same values (string views,
/// dictionaries, …) are cast, so that encoders know one form a type.
pub(super) fn aligned_columns(
    schema: &Schema,
    columns: &[ArrayRef],
    rows: &RowSelection<'_>,
) -> Result<Vec<ArrayRef>> {
    if columns.len() != schema.fields().len() {
        return Err(Error::internal(format!(
            "{} columns given to an encoder of {}",
            columns.len(),
            schema.fields().len()
        )));
    }
    let end = rows.end();
    columns
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| {
            if column.len() < end {
                return Err(Error::internal(format!(
                    "row {} of column `{}` with {} rows",
                    end - 1,
                    field.name(),
                    column.len()
                )));
            }
            if column.data_type().equals_datatype(field.data_type()) {
                Ok(column.clone())
            } else {
                compute::cast(column, field.data_type()).map_err(Error::from)
            }
        })
        .collect()
}

/// Appends base64 text.
pub(super) fn write_base64(value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let length = base64::encoded_len(value.len(), true).unwrap_or(0);
    out.resize(start + length, 0);
    BASE64.encode_slice(value, &mut out[start..]).expect("there is room for the text");
}
