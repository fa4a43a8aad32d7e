//! Result rows on their way to a session.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute;
use arrow::datatypes::SchemaRef;

use crate::batch::{ChangeBatch, RowKind};
use crate::error::Result;
use crate::response::TOMBSTONES;
use crate::runtime::sink::SinkOutput;

/// Gives rows to a session: what is now, and of a deleted row its key alone.
pub struct SessionSink {
    schema: SchemaRef,
    /// The same for rows that are deletions.
    tombstones: SchemaRef,
    key: Vec<usize>,
}

impl SessionSink {
    /// Of a result with the given schema and key columns.
    #[must_use]
    pub fn new(schema: SchemaRef, key: Vec<usize>) -> SessionSink {
        let mut metadata = schema.metadata().clone();
        metadata.insert(TOMBSTONES.to_owned(), true.to_string());
        let tombstones = Arc::new(schema.as_ref().clone().with_metadata(metadata));
        SessionSink { schema, tombstones, key }
    }

    /// Takes a round's rows.
    ///
    /// # Errors
    /// Columns that do not fit the session's.
    pub(super) fn write(&mut self, batches: &[ChangeBatch]) -> Result<SinkOutput> {
        let mut rows = Vec::with_capacity(batches.len());
        for batch in batches {
            // A record without a value is no row of its stream.
            let is_row =
                |row: &usize| !matches!(batch.kinds.get(*row), RowKind::UpdateBefore | RowKind::NullValue);
            let kept: Vec<u32> = (0..batch.rows()).filter(is_row).map(|row| row as u32).collect();
            let batch = if kept.len() == batch.rows() {
                batch.clone()
            } else {
                batch.take(&UInt32Array::from(kept))?
            };
            let gone: BooleanArray =
                (0..batch.rows()).map(|row| Some(batch.kinds.get(row) == RowKind::Delete)).collect();
            let columns = if gone.true_count() == 0 {
                batch.columns.columns().to_vec()
            } else {
                self.without_values(&batch, &gone)?
            };
            let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.rows()));
            let shown = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
            let mut from = 0;
            while from < batch.rows() {
                let is_deletion = batch.kinds.get(from) == RowKind::Delete;
                let mut to = from + 1;
                while to < batch.rows() && (batch.kinds.get(to) == RowKind::Delete) == is_deletion {
                    to += 1;
                }
                let stretch = shown.slice(from, to - from);
                let schema = if is_deletion { &self.tombstones } else { &self.schema };
                rows.push(stretch.with_schema(schema.clone())?);
                from = to;
            }
        }
        Ok(SinkOutput { rows, ..SinkOutput::default() })
    }

    fn without_values(&self, batch: &ChangeBatch, gone: &BooleanArray) -> Result<Vec<ArrayRef>> {
        batch
            .columns
            .columns()
            .iter()
            .enumerate()
            .map(|(index, column)| {
                if self.key.contains(&index) {
                    return Ok(column.clone());
                }
                let nulls = new_null_array(column.data_type(), 1);
                let nulls = arrow::array::Scalar::new(nulls);
                Ok(compute::kernels::zip::zip(gone, &nulls, &column.as_ref() as &dyn arrow::array::Datum)?)
            })
            .collect()
    }
}
