//! Columns to lines.

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;

use super::Delimiter;
use crate::error::{Error, Result};
use crate::formats::encoded::{EncodedPayloads, RowSelection, aligned_columns};
use crate::formats::scalar::ScalarBuilder;
use crate::formats::scalar_values::ScalarValues;
use crate::formats::{Encoder, unsupported_column};

/// Encodes rows as lines without an end-of-line.
pub(in crate::formats) struct DelimitedEncoder {
    schema: SchemaRef,
    delimiter: char,
    scratch: Vec<u8>,
}

impl DelimitedEncoder {
    pub(in crate::formats) fn new(schema: SchemaRef, delimiter: Delimiter) -> Result<DelimitedEncoder> {
        for field in schema.fields() {
            if ScalarBuilder::new(field.data_type(), 0).is_none() {
                return Err(unsupported_column("DELIMITED", field));
            }
        }
        Ok(DelimitedEncoder { schema, delimiter: delimiter.character(), scratch: Vec::new() })
    }
}

impl Encoder for DelimitedEncoder {
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()> {
        let columns = aligned_columns(&self.schema, columns, &rows)?;
        let columns = columns
            .iter()
            .map(|column| {
                ScalarValues::of(column)
                    .ok_or_else(|| Error::internal("a column of an unexpected type in a delimited line"))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut encoded = [0; 4];
        let delimiter = self.delimiter.encode_utf8(&mut encoded).as_bytes();
        let scratch = &mut self.scratch;
        rows.for_each(|row| {
            out.push_with(|line| {
                for (index, values) in columns.iter().enumerate() {
                    if index > 0 {
                        line.extend_from_slice(delimiter);
                    }
                    if !values.is_null(row) {
                        let start = line.len();
                        values.write_text(row, line);
                        if needs_quotes(&line[start..], delimiter, index == 0) {
                            quote(line, start, scratch);
                        }
                    }
                }
            })
        })
    }
}

/// Commons CSV's minimal quoting. The first value of a line is quoted unless it begins with a letter or
/// a digit of ASCII, an empty one included, so that no line is empty or looks like a comment.
fn needs_quotes(value: &[u8], delimiter: &[u8], first: bool) -> bool {
    let (Some(begin), Some(end)) = (value.first(), value.last()) else { return first };
    (first && !begin.is_ascii_alphanumeric())
        || *begin <= b'#'
        || *end <= b' '
        || contains_any(value, [b'\n', b'\r', b'"', delimiter.first().copied().unwrap_or(b'"')])
            && (value.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'"'))
                || value.windows(delimiter.len()).any(|window| window == delimiter))
}

/// Looks at every byte, without stopping at the first hit: so the compiler compares many at once.
fn contains_any(value: &[u8], bytes: [u8; 4]) -> bool {
    value.iter().fold(false, |found, byte| found | bytes.contains(byte))
}

/// Puts the value at the end of the line into quotes.
fn quote(line: &mut Vec<u8>, start: usize, scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.extend_from_slice(&line[start..]);
    line.truncate(start);
    line.push(b'"');
    for byte in scratch.iter() {
        if *byte == b'"' {
            line.push(b'"');
        }
        line.push(*byte);
    }
    line.push(b'"');
}
