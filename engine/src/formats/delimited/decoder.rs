//! Lines to columns.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema};

use super::Delimiter;
use super::line::{FieldSpan, split};
use crate::error::Result;
use crate::formats::decoded::{Decoded, Rejection, RowTracker, ValueFault, quoted};
use crate::formats::scalar::ScalarBuilder;
use crate::formats::{Decoder, check_batch_size, unsupported_column};

/// Decodes lines that have one field for every column of the schema. The values of columns that are not
/// projected are checked all the same: a record is good or bad whatever a query reads of it.
pub(in crate::formats) struct DelimitedDecoder {
    delimiter: char,
    field_count: usize,
    /// The projected columns, then the others, except for text, which every field is.
    columns: Vec<Column>,
    /// How many of them are projected.
    projected: usize,
    fields: Vec<FieldSpan>,
    scratch: String,
}

/// A projected column.
struct Column {
    name: String,
    data_type: DataType,
    /// Its position in the line.
    field: usize,
    values: ScalarBuilder,
}

impl DelimitedDecoder {
    pub(in crate::formats) fn new(
        schema: &Schema,
        projection: &[usize],
        delimiter: Delimiter,
    ) -> Result<DelimitedDecoder> {
        let column = |index: &usize| {
            let field = schema.field(*index);
            Ok(Column {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                field: *index,
                values: ScalarBuilder::new(field.data_type(), 0)
                    .ok_or_else(|| unsupported_column("DELIMITED", field))?,
            })
        };
        let others: Vec<usize> = (0..schema.fields().len())
            .filter(|index| {
                !projection.contains(index) && *schema.field(*index).data_type() != DataType::Utf8
            })
            .collect();
        Ok(DelimitedDecoder {
            delimiter: delimiter.character(),
            field_count: schema.fields().len(),
            columns: projection.iter().chain(&others).map(column).collect::<Result<_>>()?,
            projected: projection.len(),
            fields: Vec::new(),
            scratch: String::new(),
        })
    }

    /// Finds the fields of a payload and gives it back as text.
    fn split<'a>(&mut self, payload: &'a [u8]) -> std::result::Result<&'a str, String> {
        let line = std::str::from_utf8(payload)
            .map_err(|error| format!("not valid UTF-8 at byte {}", error.valid_up_to()))?;
        split(line, self.delimiter, &mut self.fields)?;
        if self.fields.len() == self.field_count {
            return Ok(line);
        }
        Err(format!("expected {} fields, found {}", self.field_count, self.fields.len()))
    }

    /// Appends one entry to every column, whatever it returns.
    fn append(&mut self, line: &str) -> std::result::Result<(), String> {
        let mut result = Ok(());
        for column in &mut self.columns {
            let field = self.fields.get(column.field).copied();
            let text = field.map_or("", |field| field.text(line, &mut self.scratch));
            if text.is_empty() || result.is_err() {
                column.values.append_null();
            } else if let Err(fault) = column.values.append_text(text) {
                let position = field.map_or(0, |field| field.start);
                let fault = ValueFault::new(fault, &column.data_type, quoted(text), position);
                result = Err(fault.reason(&column.name));
            }
        }
        result
    }
}

impl Decoder for DelimitedDecoder {
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        check_batch_size(payloads)?;
        for column in &mut self.columns {
            if let Some(roomy) = ScalarBuilder::new(&column.data_type, payloads.len()) {
                column.values = roomy;
            }
        }
        let mut rows = RowTracker::new(payloads.len());
        for (index, payload) in payloads.iter().enumerate() {
            let Some(payload) = payload else {
                self.columns.iter_mut().for_each(|column| column.values.append_null());
                rows.null_row();
                continue;
            };
            let line = match self.split(payload) {
                Ok(line) => line,
                Err(reason) => {
                    rejections.push(Rejection { payload: index, reason });
                    continue;
                }
            };
            match self.append(line) {
                Ok(()) => rows.row(),
                Err(reason) => {
                    rows.spoiled_row();
                    rejections.push(Rejection { payload: index, reason });
                }
            }
        }
        let mut columns: Vec<ArrayRef> =
            self.columns.iter_mut().map(|column| column.values.finish()).collect();
        columns.truncate(self.projected);
        rows.finish(columns)
    }
}
