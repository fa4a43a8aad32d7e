//! Rows of results.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;

use super::AggregateSpec;
use super::keys::{KeyBuffer, KeyCodec};
use crate::batch::{ChangeBatch, Headers, Kinds, RowKind, Windows};
use crate::error::Result;

/// The most rows of one output batch: as many as make columnar work worth while, few enough that a
/// flush of millions of groups does not take their memory twice.
pub(in crate::operators) const BATCH_ROWS_MAX: usize = 16_384;

/// Makes output batches of an aggregation.
pub(in crate::operators) struct Output {
    schema: SchemaRef,
    codec: KeyCodec,
    windowed: bool,
}

/// One row of results, without its key and the values of the calls.
#[derive(Clone, Debug)]
pub(in crate::operators) struct OutputRow {
    /// What the row says.
    pub(in crate::operators) kind: RowKind,
    /// Start and end of its window.
    pub(in crate::operators) window: Option<(i64, i64)>,
    /// Event time of the result: its `ROWTIME`.
    pub(in crate::operators) row_time_ms: i64,
    /// Event time of the change: that of the result which comes about.
    pub(in crate::operators) time_ms: i64,
    /// Where the values of its calls are.
    pub(in crate::operators) values: ValuesAt,
    /// Headers of the record that caused it.
    pub(in crate::operators) headers: Option<Headers>,
}

/// A row of a source of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::operators) struct ValuesAt {
    /// Which source.
    pub(in crate::operators) source: usize,
    /// Which of its rows.
    pub(in crate::operators) row: usize,
}

impl ValuesAt {
    /// All values are null.
    pub(in crate::operators) const NULL: ValuesAt = ValuesAt { source: usize::MAX, row: 0 };
}

/// Rows on their way into a batch: their keys, the rows, and sources of their values.
#[derive(Default)]
pub(in crate::operators) struct Results {
    /// The key of each row.
    pub(in crate::operators) keys: KeyBuffer,
    /// The rows.
    pub(in crate::operators) rows: Vec<OutputRow>,
    /// Evaluated calls, a column each, of whatever groups.
    pub(in crate::operators) sources: Vec<Vec<ArrayRef>>,
}

impl Results {
    /// Adds a row.
    pub(in crate::operators) fn push(&mut self, key: &[u8], row: OutputRow) {
        self.keys.push(key);
        self.rows.push(row);
    }

    /// Whether a batch should end here.
    pub(in crate::operators) fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS_MAX || self.keys.is_full()
    }

    /// Adds a source of values and gives its number.
    pub(in crate::operators) fn add_source(&mut self, values: Vec<ArrayRef>) -> usize {
        self.sources.push(values);
        self.sources.len() - 1
    }
}

impl Output {
    /// Of an aggregation.
    ///
    /// # Errors
    /// `Unsupported`: group columns that cannot be a key.
    pub(in crate::operators) fn new(spec: &AggregateSpec) -> Result<Output> {
        let key_types: Vec<_> = spec.groups.iter().map(|group| group.data_type().clone()).collect();
        Ok(Output {
            schema: spec.output_schema(),
            codec: KeyCodec::new(&key_types)?,
            windowed: spec.window.is_some(),
        })
    }

    /// How keys are encoded.
    pub(in crate::operators) fn codec(&self) -> &KeyCodec {
        &self.codec
    }

    /// Appends the batch of some rows, if there are any.
    ///
    /// # Errors
    /// Arrow's.
    pub(in crate::operators) fn emit(&self, results: Results, out: &mut Vec<ChangeBatch>) -> Result<()> {
        let Results { keys, rows, sources } = results;
        if rows.is_empty() {
            return Ok(());
        }
        let mut columns = keys.columns(&self.codec)?;
        let calls_end = self.schema.fields().len() - 1 - if self.windowed { 2 } else { 0 };
        let calls = calls_end - columns.len();
        columns.extend(self.values(calls, columns.len(), &rows, sources)?);
        let column = |value: fn(&OutputRow) -> i64| -> Int64Array {
            rows.iter().map(value).collect::<Vec<_>>().into()
        };
        let windows = self.windowed.then(|| {
            let start = column(|row| row.window.map_or(0, |(start_ms, _)| start_ms));
            let end = column(|row| row.window.map_or(0, |(_, end_ms)| end_ms));
            (start, end)
        });
        if let Some((start, end)) = &windows {
            columns.push(Arc::new(start.clone()));
            columns.push(Arc::new(end.clone()));
        }
        columns.push(Arc::new(column(|row| row.row_time_ms)));
        let kinds: Vec<RowKind> = rows.iter().map(|row| row.kind).collect();
        let headers = rows.iter().any(|row| row.headers.is_some()).then(|| {
            let none: Headers = Arc::from([]);
            rows.iter().map(|row| row.headers.clone().unwrap_or_else(|| none.clone())).collect()
        });
        out.push(ChangeBatch {
            columns: RecordBatch::try_new(self.schema.clone(), columns)?,
            kinds: Kinds::from_rows(&kinds),
            times_ms: column(|row| row.time_ms).values().clone(),
            windows: windows.map(|(start, end)| Windows {
                start_ms: start.values().clone(),
                end_ms: end.values().clone(),
            }),
            headers,
            keyed: None,
            stream_times_ms: None,
        });
        Ok(())
    }

    /// The columns of the calls.
    fn values(
        &self,
        calls: usize,
        first: usize,
        rows: &[OutputRow],
        mut sources: Vec<Vec<ArrayRef>>,
    ) -> Result<Vec<ArrayRef>> {
        let in_order = rows.iter().enumerate().all(|(at, row)| row.values == ValuesAt { source: 0, row: at });
        if in_order && let Some(only) = sources.first_mut() {
            let values = std::mem::take(only);
            let complete = values.iter().all(|column| column.len() == rows.len());
            return Ok(if complete {
                values
            } else {
                values.iter().map(|v| v.slice(0, rows.len())).collect()
            });
        }
        let null_source = sources.len();
        let any_null = rows.iter().any(|row| row.values == ValuesAt::NULL);
        let indices: Vec<(usize, usize)> = rows
            .iter()
            .map(|row| match row.values {
                ValuesAt::NULL => (null_source, 0),
                ValuesAt { source, row } => (source, row),
            })
            .collect();
        (0..calls)
            .map(|call| {
                let null = any_null.then(|| new_null_array(self.schema.field(first + call).data_type(), 1));
                let arrays = sources.iter().map(|source| source[call].as_ref());
                let arrays: Vec<&dyn Array> = arrays.chain(null.as_deref()).collect();
                Ok(interleave(&arrays, &indices)?)
            })
            .collect()
    }
}
