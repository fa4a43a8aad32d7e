//! Columns to framed JSON, as a schema of somebody else has it.

use arrow::array::{Array as _, ArrayRef, Scalar};
use arrow::compute;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::SchemaRef;

use super::members::OnNull;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Encoder;
use crate::formats::encoded::{EncodedPayloads, RowSelection, aligned_columns};
use crate::formats::json::JsonEncoder;
use crate::registry::SchemaId;

/// Encodes rows as JSON does, but for the NULLs that the schema has no place for.
pub(super) struct FilledJsonEncoder {
    columns: SchemaRef,
    id: SchemaId,
    /// By the column's position.
    nulls: Vec<(usize, OnNull)>,
    json: JsonEncoder,
}

impl FilledJsonEncoder {
    /// An encoder of rows of `columns` that `json` writes.
    pub(super) fn new(
        columns: SchemaRef,
        id: SchemaId,
        nulls: Vec<(usize, OnNull)>,
        json: JsonEncoder,
    ) -> FilledJsonEncoder {
        FilledJsonEncoder { columns, id, nulls, json }
    }
}

impl Encoder for FilledJsonEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()> {
        let mut columns = aligned_columns(&self.columns, columns, &rows)?;
        for (index, on_null) in &self.nulls {
            let Some(column) = columns.get_mut(*index).filter(|column| column.null_count() > 0) else {
                continue;
            };
            match on_null {
                OnNull::Default(default) => {
                    *column = zip(&compute::is_not_null(&*column)?, &*column, &Scalar::new(default.clone()))?;
                }
                OnNull::Refused => rows.for_each(|row| {
                    if column.is_valid(row) {
                        return Ok(());
                    }
                    let message = format!(
                        "a row cannot be written with JSON schema {}: column `{}` is NULL, and the schema \
                         requires a value",
                        self.id.0,
                        self.columns.field(*index).name()
                    );
                    Err(Error::new(ErrorKind::Evaluation, message))
                })?,
            }
        }
        self.json.encode(&columns, rows, out)
    }
}
