//! Columns to Avro payloads of one schema.

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;

use super::bytes::write_length;
use super::schema::{AvroSchema, Kind};
use super::writer::{FieldWriter, Writer, record, write_fields};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::column_values::ColumnValues;
use crate::formats::encoded::{EncodedPayloads, RowSelection, aligned_columns};
use crate::formats::schema_format::WriterSchema;
use crate::formats::{Encoder, Wrapping, framing};
use crate::registry::SchemaId;

/// Encodes rows as records with a field a column, or the single column as a bare value.
pub(super) struct AvroEncoder {
    columns: SchemaRef,
    id: SchemaId,
    /// What stands in front of every value: the frame, and the branch where the schema is a union.
    head: Vec<u8>,
    root: Root,
}

enum Root {
    Record(Vec<FieldWriter>),
    Bare(Writer),
}

impl AvroEncoder {
    /// An encoder of rows of `columns`.
    pub(super) fn new(columns: SchemaRef, wrapping: Wrapping, writer: &WriterSchema) -> Result<AvroEncoder> {
        let unfit = |reason: String| {
            Error::new(ErrorKind::Invalid, format!("{reason} (Avro schema {})", writer.id.0))
        };
        let schema = AvroSchema::parse(&writer.schema).map_err(unfit)?;
        let mut head = Vec::new();
        framing::write(writer.id, &mut head);
        let root = match (wrapping, columns.fields().as_ref()) {
            (Wrapping::Bare, [column]) => {
                Root::Bare(Writer::new(&schema, schema.root(), column.data_type()).map_err(unfit)?)
            }
            (Wrapping::Bare, _) => return Err(Error::internal("a bare Avro value has exactly one column")),
            (Wrapping::Record, _) => {
                let inner = schema.non_null(schema.root());
                if let Kind::Union { branches } = &schema.get(schema.root()).kind {
                    let branch = branches.iter().position(|branch| *branch == inner);
                    write_length(branch.unwrap_or(0), &mut head);
                }
                Root::Record(record(&schema, inner, columns.fields()).map_err(unfit)?)
            }
        };
        Ok(AvroEncoder { columns, id: writer.id, head, root })
    }
}

impl Encoder for AvroEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()> {
        let columns = aligned_columns(&self.columns, columns, &rows)?;
        let values = columns.iter().map(ColumnValues::of).collect::<Result<Vec<_>>>()?;
        rows.for_each(|row| {
            if let (Root::Bare(_), [value]) = (&self.root, values.as_slice())
                && value.is_null(row)
            {
                out.push_null();
                return Ok(());
            }
            let mut written = Ok(());
            out.push_with(|bytes| {
                bytes.extend_from_slice(&self.head);
                written = match (&self.root, values.as_slice()) {
                    (Root::Bare(writer), [value]) => writer.write(value, row, bytes),
                    (Root::Bare(_), _) => Ok(()),
                    (Root::Record(fields), values) => write_fields(fields, values, row, bytes),
                };
            })?;
            written.map_err(|reason| {
                let message = format!("a row cannot be written with Avro schema {}: {reason}", self.id.0);
                Error::new(ErrorKind::Evaluation, message)
            })
        })
    }
}
