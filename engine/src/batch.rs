//! Columnar change batches: what operators exchange.
//!
//! A batch is an Arrow [`RecordBatch`] of the plan's columns with, beside it, what every row carries
//! whatever the columns are: its kind, its event time, and for windowed rows the window. They travel
//! beside the columns so that a projection cannot lose them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::compute;
use arrow::datatypes::SchemaRef;

use crate::error::Result;

/// What a row says about its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum RowKind {
    /// A new record of a stream, or a key that was not there.
    Insert = 0,
    /// The row a key had; its [`RowKind::UpdateAfter`] follows directly.
    UpdateBefore = 1,
    /// The row a key has now.
    UpdateAfter = 2,
    /// The row a key had; it has none now.
    Delete = 3,
    /// A record of a stream whose value is null: its value columns are null and mean nothing.
    NullValue = 4,
}

impl RowKind {
    /// From its byte; an unknown byte is no kind.
    fn from_u8(byte: u8) -> Option<RowKind> {
        [RowKind::Insert, RowKind::UpdateBefore, RowKind::UpdateAfter, RowKind::Delete, RowKind::NullValue]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// Whether the row takes something away (`UpdateBefore`, `Delete`).
    #[must_use]
    pub fn retracts(self) -> bool {
        matches!(self, RowKind::UpdateBefore | RowKind::Delete)
    }
}

/// The kinds of a batch's rows.
#[derive(Clone, Debug)]
pub enum Kinds {
    /// Every row is an insert: the common case of streams costs nothing.
    AllInsert,
    /// One byte a row, each a [`RowKind`].
    Each(Arc<[u8]>),
}

impl Kinds {
    /// From kinds a row; all inserts are recognised.
    #[must_use]
    pub fn from_rows(kinds: &[RowKind]) -> Kinds {
        if kinds.iter().all(|kind| *kind == RowKind::Insert) {
            Kinds::AllInsert
        } else {
            Kinds::Each(kinds.iter().map(|kind| *kind as u8).collect())
        }
    }

    /// The kind of one row.
    #[must_use]
    pub fn get(&self, row: usize) -> RowKind {
        match self {
            Kinds::AllInsert => RowKind::Insert,
            Kinds::Each(bytes) => {
                bytes.get(row).and_then(|byte| RowKind::from_u8(*byte)).unwrap_or(RowKind::Insert)
            }
        }
    }
}

/// Bounds of each row's window, in milliseconds of event time; the end is exclusive.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Start of the window.
    pub start_ms: ScalarBuffer<i64>,
    /// End of the window.
    pub end_ms: ScalarBuffer<i64>,
}

/// Record headers of a row, in order; names may repeat and values may be null.
pub type Headers = Arc<[(Arc<str>, Option<bytes::Bytes>)]>;

/// Rows with their kinds, event times and windows.
///
/// Invariant: every part has as many entries as `columns` has rows.
#[derive(Clone, Debug)]
pub struct ChangeBatch {
    /// The plan's columns.
    pub columns: RecordBatch,
    /// What each row says.
    pub kinds: Kinds,
    /// Event time of each row in milliseconds since the epoch.
    pub times_ms: ScalarBuffer<i64>,
    /// The window of each row, where the rows are windowed.
    pub windows: Option<Windows>,
    /// Record headers of each row, where any row has some.
    pub headers: Option<Arc<[Headers]>>,
    /// Which rows' records have a key, where one has none: a key whose columns are all null is not the
    /// same as no key. It goes with the key: what gives rows another key leaves it out.
    pub keyed: Option<NullBuffer>,
    /// Behind an exchange, stream time at each row: the greatest event time among the rows of its
    /// input up to it, those that went to other shards too. See [`ChangeBatch::stream_times_ms`].
    pub stream_times_ms: Option<ScalarBuffer<i64>>,
}

impl ChangeBatch {
    /// A batch of inserts without windows and headers.
    #[must_use]
    pub fn inserts(columns: RecordBatch, times_ms: ScalarBuffer<i64>) -> ChangeBatch {
        assert_eq!(columns.num_rows(), times_ms.len(), "each row has a time");
        let kinds = Kinds::AllInsert;
        let (windows, headers, keyed, stream_times_ms) = (None, None, None, None);
        ChangeBatch { columns, kinds, times_ms, windows, headers, keyed, stream_times_ms }
    }

    /// For each row, a time that stream time has reached with it: of rows from an exchange that of all
    /// shards, of others their own.
    #[must_use]
    pub fn stream_times_ms(&self) -> &ScalarBuffer<i64> {
        self.stream_times_ms.as_ref().unwrap_or(&self.times_ms)
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// Number of changes: a replaced row and the one in its place are one.
    #[must_use]
    pub fn changes(&self) -> u64 {
        let rows = match &self.kinds {
            Kinds::AllInsert => self.rows(),
            Kinds::Each(kinds) => kinds.iter().filter(|kind| **kind != RowKind::UpdateBefore as u8).count(),
        };
        rows as u64
    }

    /// The columns' schema.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    /// The same rows with other columns.
    #[must_use]
    pub fn with_columns(self, columns: RecordBatch) -> ChangeBatch {
        assert_eq!(columns.num_rows(), self.times_ms.len(), "each row has a time");
        ChangeBatch { columns, ..self }
    }

    /// The rows for which the mask is true (null is false).
    ///
    /// # Errors
    /// Arrow's, for a mask of another length.
    pub fn filter(&self, mask: &BooleanArray) -> Result<ChangeBatch> {
        if mask.null_count() == 0 && mask.true_count() == self.rows() {
            return Ok(self.clone());
        }
        let indices: UInt32Array = mask
            .iter()
            .enumerate()
            .filter(|(_, keep)| *keep == Some(true))
            .map(|(row, _)| row as u32)
            .collect();
        let plain = self.windows.is_none()
            && self.headers.is_none()
            && self.keyed.is_none()
            && self.stream_times_ms.is_none();
        if matches!(self.kinds, Kinds::AllInsert) && plain {
            let times = Int64Array::new(self.times_ms.clone(), None);
            let times = compute::filter(&times, mask)?;
            let columns = compute::filter_record_batch(&self.columns, mask)?;
            return Ok(ChangeBatch::inserts(columns, int64_values(&times)));
        }
        self.take(&indices)
    }

    /// The rows at the given positions, in that order.
    ///
    /// # Errors
    /// Arrow's, for a position outside the batch.
    pub fn take(&self, rows: &UInt32Array) -> Result<ChangeBatch> {
        let columns = compute::take_record_batch(&self.columns, rows)?;
        let pick = |values: &ScalarBuffer<i64>| -> ScalarBuffer<i64> {
            rows.values().iter().map(|row| values[*row as usize]).collect()
        };
        Ok(ChangeBatch {
            columns,
            kinds: match &self.kinds {
                Kinds::AllInsert => Kinds::AllInsert,
                Kinds::Each(bytes) => {
                    Kinds::Each(rows.values().iter().map(|row| bytes[*row as usize]).collect())
                }
            },
            times_ms: pick(&self.times_ms),
            windows: self
                .windows
                .as_ref()
                .map(|windows| Windows { start_ms: pick(&windows.start_ms), end_ms: pick(&windows.end_ms) }),
            headers: self
                .headers
                .as_ref()
                .map(|headers| rows.values().iter().map(|row| headers[*row as usize].clone()).collect()),
            keyed: self
                .keyed
                .as_ref()
                .map(|keyed| rows.values().iter().map(|row| keyed.is_valid(*row as usize)).collect()),
            stream_times_ms: self.stream_times_ms.as_ref().map(pick),
        })
    }

    /// A range of rows, without copying columns.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> ChangeBatch {
        ChangeBatch {
            columns: self.columns.slice(offset, length),
            kinds: match &self.kinds {
                Kinds::AllInsert => Kinds::AllInsert,
                Kinds::Each(bytes) => Kinds::Each(bytes[offset..offset + length].into()),
            },
            times_ms: self.times_ms.slice(offset, length),
            windows: self.windows.as_ref().map(|windows| Windows {
                start_ms: windows.start_ms.slice(offset, length),
                end_ms: windows.end_ms.slice(offset, length),
            }),
            headers: self.headers.as_ref().map(|headers| headers[offset..offset + length].into()),
            keyed: self.keyed.as_ref().map(|keyed| keyed.slice(offset, length)),
            stream_times_ms: self.stream_times_ms.as_ref().map(|times| times.slice(offset, length)),
        }
    }

    /// One batch of several with the same schema, in order.
    ///
    /// # Errors
    /// Arrow's, for differing schemas.
    pub fn concat(schema: &SchemaRef, batches: &[ChangeBatch]) -> Result<ChangeBatch> {
        if let [only] = batches {
            return Ok(only.clone());
        }
        let columns = compute::concat_batches(schema, batches.iter().map(|batch| &batch.columns))?;
        let gather = |part: &dyn Fn(&ChangeBatch) -> Option<ScalarBuffer<i64>>| -> ScalarBuffer<i64> {
            let mut values = Vec::with_capacity(columns.num_rows());
            for batch in batches {
                match part(batch) {
                    Some(buffer) => values.extend_from_slice(&buffer),
                    None => values.resize(values.len() + batch.rows(), 0),
                }
            }
            values.into()
        };
        let kinds = if batches.iter().all(|batch| matches!(batch.kinds, Kinds::AllInsert)) {
            Kinds::AllInsert
        } else {
            Kinds::Each(
                batches
                    .iter()
                    .flat_map(|batch| (0..batch.rows()).map(|row| batch.kinds.get(row) as u8))
                    .collect(),
            )
        };
        let windows = batches.iter().any(|batch| batch.windows.is_some()).then(|| Windows {
            start_ms: gather(&|batch| batch.windows.as_ref().map(|windows| windows.start_ms.clone())),
            end_ms: gather(&|batch| batch.windows.as_ref().map(|windows| windows.end_ms.clone())),
        });
        let headers = batches.iter().any(|batch| batch.headers.is_some()).then(|| {
            let none: Headers = Arc::from([]);
            batches
                .iter()
                .flat_map(|batch| {
                    (0..batch.rows())
                        .map(|row| batch.headers.as_ref().map_or_else(|| none.clone(), |h| h[row].clone()))
                })
                .collect()
        });
        let times_ms = gather(&|batch| Some(batch.times_ms.clone()));
        let stamped = batches.iter().any(|batch| batch.stream_times_ms.is_some());
        let stream_times_ms = stamped.then(|| gather(&|batch| Some(batch.stream_times_ms().clone())));
        let keyed = batches.iter().any(|batch| batch.keyed.is_some()).then(|| {
            let of_batch = |batch: &ChangeBatch| {
                batch.keyed.clone().unwrap_or_else(|| NullBuffer::new_valid(batch.rows()))
            };
            batches.iter().map(of_batch).flat_map(|keyed| keyed.iter().collect::<Vec<_>>()).collect()
        });
        Ok(ChangeBatch { columns, kinds, times_ms, windows, headers, keyed, stream_times_ms })
    }

    /// Bytes the batch holds in memory, roughly.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.columns.get_array_memory_size() + self.rows() * 9
    }
}

/// The values of an `Int64` array without nulls.
fn int64_values(array: &ArrayRef) -> ScalarBuffer<i64> {
    let data = array.to_data();
    ScalarBuffer::new(
        data.buffers().first().cloned().unwrap_or_else(|| Buffer::from(Vec::<i64>::new())),
        data.offset(),
        data.len(),
    )
}
