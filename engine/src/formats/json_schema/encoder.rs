//! Columns to framed JSON, as a schema of somebody else has it.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Scalar, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{Fields, SchemaRef};

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
        let top = || Place { id: self.id, rows: &rows, path: String::new(), around: None };
        fill(&mut columns, self.columns.fields(), &self.nulls, &top())?;
        self.json.encode(&columns, rows, out)
    }
}

/// Where columns stand.
struct Place<'a> {
    id: SchemaId,
    /// The rows that are written.
    rows: &'a RowSelection<'a>,
    /// What stands in front of a column's name.
    path: String,
    /// The rows in which there are columns at all, where not in all.
    around: Option<NullBuffer>,
}

/// Puts defaults in the place of NULLs, and refuses those that the schema has no place for.
fn fill(
    columns: &mut [ArrayRef],
    fields: &Fields,
    nulls: &[(usize, OnNull)],
    place: &Place<'_>,
) -> Result<()> {
    for (position, on_null) in nulls {
        let (Some(column), Some(field)) = (columns.get_mut(*position), fields.get(*position)) else {
            continue;
        };
        match on_null {
            OnNull::Default(default) if column.null_count() > 0 => {
                *column = zip(&compute::is_not_null(&*column)?, &*column, &Scalar::new(default.clone()))?;
            }
            OnNull::Refused if column.null_count() > 0 => place.refuse_nulls(column, field.name())?,
            OnNull::Default(_) | OnNull::Refused | OnNull::Omitted => {}
            OnNull::Within(nulls) => {
                let Some(record) = column.as_struct_opt() else { continue };
                let (fields, mut columns, present) = record.clone().into_parts();
                fill(&mut columns, &fields, nulls, &place.within(field.name(), present.as_ref()))?;
                *column = Arc::new(StructArray::try_new(fields, columns, present)?);
            }
        }
    }
    Ok(())
}

impl<'a> Place<'a> {
    fn within(&self, field: &str, present: Option<&NullBuffer>) -> Place<'a> {
        Place {
            id: self.id,
            rows: self.rows,
            path: format!("{}`{field}`->", self.path),
            around: NullBuffer::union(self.around.as_ref(), present),
        }
    }

    fn refuse_nulls(&self, column: &ArrayRef, name: &str) -> Result<()> {
        self.rows.for_each(|row| {
            let is_there = self.around.as_ref().is_none_or(|around| around.is_valid(row));
            if column.is_valid(row) || !is_there {
                return Ok(());
            }
            let message = format!(
                "a row cannot be written with JSON schema {}: column {}`{name}` is NULL, and the schema requires \
                 a value",
                self.id.0, self.path
            );
            Err(Error::new(ErrorKind::Evaluation, message))
        })
    }
}
