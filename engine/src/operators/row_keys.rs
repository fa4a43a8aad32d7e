//! Keys of rows as bytes, for operators that remember rows by them.
//!
//! A row's key is the row form of its key columns: equal keys have equal bytes, and no key is the
//! beginning of another. Rows of windowed sources are told apart by their windows too, and only meet
//! rows of the same window, so the window is part of their keys. Where rows of two sources meet, the
//! window of a fixed size is known by its start alone, as it is in the key of a record: sources whose
//! windows differ in size meet where they start together.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use tidemill_sql::lookup::WindowKind;

use crate::batch::ChangeBatch;
use crate::error::{Error, Result};
use crate::state::RowCodec;

/// Makes the keys of rows.
pub(super) struct RowKeys {
    columns: Vec<usize>,
    codec: RowCodec,
    windows: KeyWindows,
}

/// How much of the window of a windowed row is part of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum KeyWindows {
    /// Start and end.
    Bounds,
    /// The start.
    Start,
}

impl RowKeys {
    /// Of the columns at these positions.
    ///
    /// # Errors
    /// `Unsupported`: a type that has no row form. `Internal`: there are no key columns.
    pub(super) fn new(columns: &[usize], schema: &SchemaRef) -> Result<RowKeys> {
        if columns.is_empty() {
            return Err(Error::internal("rows are told apart by no column"));
        }
        let data_types: Vec<DataType> =
            columns.iter().map(|index| schema.field(*index).data_type().clone()).collect();
        let windows = KeyWindows::Bounds;
        Ok(RowKeys { columns: columns.to_vec(), codec: RowCodec::new(&data_types)?, windows })
    }

    /// As [`RowKeys::new`], for rows of two sources that meet, given the windows of one of them.
    ///
    /// # Errors
    /// As [`RowKeys::new`].
    pub(super) fn meeting(
        columns: &[usize],
        schema: &SchemaRef,
        window: Option<WindowKind>,
    ) -> Result<RowKeys> {
        let windows = match window {
            Some(WindowKind::Tumbling { .. } | WindowKind::Hopping { .. }) => KeyWindows::Start,
            Some(WindowKind::Session { .. }) | None => KeyWindows::Bounds,
        };
        Ok(RowKeys { windows, ..RowKeys::new(columns, schema)? })
    }

    /// The key of every row; none where a key column is null. All keys share one buffer: copy what is
    /// kept for long.
    ///
    /// # Errors
    /// Arrow's, for columns of other types.
    pub(super) fn of(&self, batch: &ChangeBatch) -> Result<Vec<Option<Bytes>>> {
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|index| batch.columns.column(*index).clone()).collect();
        let nulls = columns.iter().fold(None, |nulls: Option<NullBuffer>, column| {
            NullBuffer::union(nulls.as_ref(), column.logical_nulls().as_ref())
        });
        let encoded = self.codec.encode(&columns)?;
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(batch.rows());
        for row in 0..batch.rows() {
            bytes.extend_from_slice(encoded.row(row).as_ref());
            if let Some((start_ms, end_ms)) = window_of_row(batch, row) {
                bytes.extend_from_slice(&start_ms.to_be_bytes());
                if self.windows == KeyWindows::Bounds {
                    bytes.extend_from_slice(&end_ms.to_be_bytes());
                }
            }
            ends.push(bytes.len());
        }
        let bytes = Bytes::from(bytes);
        let mut start = 0;
        let mut keys = Vec::with_capacity(batch.rows());
        for (row, end) in ends.into_iter().enumerate() {
            let valid = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            keys.push(valid.then(|| bytes.slice(start..end)));
            start = end;
        }
        Ok(keys)
    }

    /// The window at the end of the key of a windowed row; where the key has no end, it is the start.
    pub(super) fn window_of(&self, key: &[u8]) -> Option<(i64, i64)> {
        let (rest, last) = key.split_last_chunk()?;
        let last_ms = i64::from_be_bytes(*last);
        match self.windows {
            KeyWindows::Start => Some((last_ms, last_ms)),
            KeyWindows::Bounds => {
                let (_, start_ms) = rest.split_last_chunk()?;
                Some((i64::from_be_bytes(*start_ms), last_ms))
            }
        }
    }
}

/// The window of a row, start and end, where rows are windowed.
pub(super) fn window_of_row(batch: &ChangeBatch, row: usize) -> Option<(i64, i64)> {
    batch.windows.as_ref().map(|windows| (windows.start_ms[row], windows.end_ms[row]))
}
