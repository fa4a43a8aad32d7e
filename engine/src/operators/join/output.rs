//! Result rows of joins, gathered once a batch.
//!
//! While an operator works through a batch it only notes where the two parts of each result row are:
//! in the batch that has just arrived, among rows kept in state, or nowhere. The columns are made from
//! that at the end, a whole column at a time.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array, new_null_array};
use arrow::compute::{interleave, take};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::row::Rows;
use bytes::Bytes;
use tidemill_sql::lookup::WindowKind;

use super::{JoinSide, JoinSpec};
use crate::batch::{ChangeBatch, Headers, Kinds, RowKind, Windows};
use crate::error::Result;
use crate::operators::Input;
use crate::operators::interleaved::Interleaved;
use crate::operators::row_keys::window_of_row;
use crate::state::RowCodec;

/// Results after which a batch is passed on: one row may have any number of partners, a batch is to
/// stay of ordinary size.
pub(super) const RESULT_ROWS_MAX: usize = 8_192;

/// Where one side's part of a result row is.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Nowhere: its columns are null.
    Missing,
    /// That row of the batch which has just arrived.
    Arrived(u32),
    /// A row kept in state, encoded by [`SideRows::encode`].
    Kept(Bytes),
}

impl Part {
    /// A row that may be kept.
    pub(super) fn kept(row: Option<&Bytes>) -> Part {
        row.map_or(Part::Missing, |row| Part::Kept(row.clone()))
    }
}

/// The parts of a side and the other one as those of left and right.
pub(super) fn left_and_right(side: Input, own: Part, other: Part) -> (Part, Part) {
    match side {
        Input::Left => (own, other),
        Input::Right => (other, own),
    }
}

/// What has just arrived, of each side.
#[derive(Clone, Copy)]
pub(super) struct Arrived<'a> {
    left: Option<&'a ChangeBatch>,
    right: Option<&'a ChangeBatch>,
}

impl<'a> Arrived<'a> {
    /// A batch of one side.
    pub(super) fn one(side: Input, batch: &'a ChangeBatch) -> Arrived<'a> {
        match side {
            Input::Left => Arrived { left: Some(batch), right: None },
            Input::Right => Arrived { left: None, right: Some(batch) },
        }
    }

    /// Batches of both sides. Their headers are not passed on.
    pub(super) fn both(rows: &'a Interleaved) -> Arrived<'a> {
        Arrived { left: Some(rows.of(Input::Left)), right: Some(rows.of(Input::Right)) }
    }

    /// The headers of the only batch, if it has any.
    fn headers(&self) -> Option<&'a [Headers]> {
        match (self.left, self.right) {
            (Some(only), None) | (None, Some(only)) => only.headers.as_deref(),
            _ => None,
        }
    }
}

/// Result rows of what has arrived, in order.
#[derive(Default)]
pub(super) struct ResultRows {
    left: Vec<Part>,
    right: Vec<Part>,
    kinds: Vec<RowKind>,
    times_ms: Vec<i64>,
    /// The row of the arrived batch that led to each: its headers are passed on.
    origins: Vec<u32>,
    /// Where rows are windowed, each row's window.
    windows: Vec<(i64, i64)>,
}

impl ResultRows {
    /// Appends a row that a row of the arrived batch led to; its window is that row's.
    pub(super) fn push(
        &mut self,
        kind: RowKind,
        time_ms: i64,
        (arrived, origin): (&ChangeBatch, usize),
        left: Part,
        right: Part,
    ) {
        let window = window_of_row(arrived, origin);
        self.push_windowed(kind, time_ms, origin, window, (left, right));
    }

    /// Appends a row with a window of its own.
    pub(super) fn push_windowed(
        &mut self,
        kind: RowKind,
        time_ms: i64,
        origin: usize,
        window: Option<(i64, i64)>,
        (left, right): (Part, Part),
    ) {
        self.left.push(left);
        self.right.push(right);
        self.kinds.push(kind);
        self.times_ms.push(time_ms);
        self.origins.push(origin as u32);
        self.windows.extend(window);
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.kinds.len()
    }
}

/// Puts the two sides' columns together.
pub(super) struct JoinOutput {
    left: SideRows,
    right: SideRows,
    schema: SchemaRef,
    /// The size of the result's windows, where all have one: the right side's may have another.
    window_size_ms: Option<i64>,
}

impl JoinOutput {
    /// Of a join.
    ///
    /// # Errors
    /// `Unsupported`: a type that cannot be kept.
    pub(super) fn new(spec: &JoinSpec) -> Result<JoinOutput> {
        Ok(JoinOutput {
            left: SideRows::new(&spec.left)?,
            right: SideRows::new(&spec.right)?,
            schema: spec.output.clone(),
            window_size_ms: match spec.window {
                Some(WindowKind::Tumbling { size_ms } | WindowKind::Hopping { size_ms, .. }) => Some(size_ms),
                Some(WindowKind::Session { .. }) | None => None,
            },
        })
    }

    /// Rows of one side.
    pub(super) fn side(&self, input: Input) -> &SideRows {
        match input {
            Input::Left => &self.left,
            Input::Right => &self.right,
        }
    }

    /// Makes a batch of the rows if there are enough for one, and begins anew.
    ///
    /// # Errors
    /// Arrow's.
    pub(super) fn emit_full(
        &self,
        arrived: Arrived<'_>,
        rows: &mut ResultRows,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        if rows.len() < RESULT_ROWS_MAX {
            return Ok(());
        }
        self.emit(arrived, std::mem::take(rows), out)
    }

    /// Makes a batch of the rows, if there are any, and appends it to `out`.
    ///
    /// # Errors
    /// Arrow's.
    pub(super) fn emit(
        &self,
        arrived: Arrived<'_>,
        rows: ResultRows,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        if rows.len() == 0 {
            return Ok(());
        }
        let mut columns = self.left.gather(arrived.left, &rows.left)?;
        columns.extend(self.right.gather(arrived.right, &rows.right)?);
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let windows = (rows.windows.len() == rows.len()).then(|| Windows {
            start_ms: rows.windows.iter().map(|(start_ms, _)| *start_ms).collect(),
            end_ms: match self.window_size_ms {
                Some(size_ms) => {
                    rows.windows.iter().map(|(start_ms, _)| start_ms.saturating_add(size_ms)).collect()
                }
                None => rows.windows.iter().map(|(_, end_ms)| *end_ms).collect(),
            },
        });
        out.push(ChangeBatch {
            columns: RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?,
            kinds: Kinds::from_rows(&rows.kinds),
            windows,
            headers: arrived
                .headers()
                .map(|headers| rows.origins.iter().map(|row| headers[*row as usize].clone()).collect()),
            times_ms: rows.times_ms.into(),
            keyed: None,
            stream_times_ms: None,
        });
        Ok(())
    }
}

/// The output columns of one side: kept as bytes, given back as columns.
pub(super) struct SideRows {
    codec: RowCodec,
    data_types: Vec<DataType>,
}

impl SideRows {
    fn new(side: &JoinSide) -> Result<SideRows> {
        let data_types: Vec<DataType> = side
            .schema
            .fields()
            .iter()
            .take(side.output_columns)
            .map(|field| field.data_type().clone())
            .collect();
        Ok(SideRows { codec: RowCodec::new(&data_types)?, data_types })
    }

    /// The output columns of every row of a batch of this side, to be kept.
    ///
    /// # Errors
    /// Arrow's, for columns of other types.
    pub(super) fn encode(&self, batch: &ChangeBatch) -> Result<EncodedRows> {
        // Without columns the encoder could not tell how many rows there are.
        if self.data_types.is_empty() {
            return Ok(EncodedRows { rows: None });
        }
        Ok(EncodedRows { rows: Some(self.codec.encode(&batch.columns.columns()[..self.data_types.len()])?) })
    }

    /// The columns of the parts: `arrived` is the batch of this side, if it is this side's.
    fn gather(&self, arrived: Option<&ChangeBatch>, parts: &[Part]) -> Result<Vec<ArrayRef>> {
        if self.data_types.is_empty() {
            return Ok(Vec::new());
        }
        let kept: Vec<&[u8]> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Kept(row) => Some(row.as_ref()),
                Part::Missing | Part::Arrived(_) => None,
            })
            .collect();
        if kept.len() == parts.len() {
            return self.codec.decode(kept);
        }
        if let (Some(arrived), true) = (arrived, kept.is_empty()) {
            let rows: UInt32Array = parts
                .iter()
                .map(|part| match part {
                    Part::Arrived(row) => Some(*row),
                    Part::Missing | Part::Kept(_) => None,
                })
                .collect();
            let columns = arrived.columns.columns().iter().take(self.data_types.len());
            return columns.map(|column| Ok(take(column, &rows, None)?)).collect();
        }
        let mut next_kept = 0;
        let picks: Vec<(usize, usize)> = parts
            .iter()
            .map(|part| match part {
                Part::Missing => (0, 0),
                Part::Arrived(row) => (1, *row as usize),
                Part::Kept(_) => {
                    next_kept += 1;
                    (2, next_kept - 1)
                }
            })
            .collect();
        let kept: Vec<ArrayRef> =
            if kept.is_empty() { self.empty_columns() } else { self.codec.decode(kept)? };
        let empty = self.empty_columns();
        let mut columns = Vec::with_capacity(self.data_types.len());
        for (index, data_type) in self.data_types.iter().enumerate() {
            let null = new_null_array(data_type, 1);
            let arrived = arrived.map_or(&empty[index], |batch| batch.columns.column(index));
            columns.push(interleave(&[null.as_ref(), arrived.as_ref(), kept[index].as_ref()], &picks)?);
        }
        Ok(columns)
    }

    fn empty_columns(&self) -> Vec<ArrayRef> {
        self.data_types.iter().map(new_empty_array).collect()
    }
}

/// Encoded rows of a batch.
pub(super) struct EncodedRows {
    rows: Option<Rows>,
}

impl EncodedRows {
    /// A copy of one row, to be kept.
    pub(super) fn copy(&self, row: usize) -> Bytes {
        self.rows.as_ref().map_or_else(Bytes::new, |rows| Bytes::copy_from_slice(rows.row(row).as_ref()))
    }
}
