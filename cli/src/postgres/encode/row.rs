//! Rows of a batch as DataRow messages.

use arrow::array::RecordBatch;
use bytes::{BufMut, BytesMut};
use pgwire::messages::data::{FORMAT_CODE_BINARY, FORMAT_CODE_TEXT, MESSAGE_TYPE_BYTE_DATA_ROW};
use tidemill_engine::Result;

use super::binary::{write_binary_with_length, write_text_with_length};
use super::values::ColumnValues;
use crate::postgres::failure::Failure;
use crate::postgres::sqlstate::SqlState;

/// In which format a value travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::postgres) enum Format {
    /// As people would type it.
    Text,
    /// As Postgres' own binary representation.
    Binary,
}

impl Format {
    /// The number that stands for it in messages.
    pub(in crate::postgres) fn code(self) -> i16 {
        match self {
            Format::Text => FORMAT_CODE_TEXT,
            Format::Binary => FORMAT_CODE_BINARY,
        }
    }

    /// What a number in a message stands for.
    pub(in crate::postgres) fn from_code(code: i16) -> std::result::Result<Format, Failure> {
        match code {
            FORMAT_CODE_TEXT => Ok(Format::Text),
            FORMAT_CODE_BINARY => Ok(Format::Binary),
            _ => Err(Failure::new(
                SqlState::PROTOCOL_VIOLATION,
                format!("unsupported format code: {code}, expected 0 (text) or 1 (binary)"),
            )),
        }
    }
}

/// The format of each of `columns` columns that the codes of a Bind message ask for: none means text,
/// one is for all, otherwise there is one each.
pub(in crate::postgres) fn result_formats(
    codes: &[i16],
    columns: usize,
) -> std::result::Result<Vec<Format>, Failure> {
    match codes {
        [] => Ok(vec![Format::Text; columns]),
        [code] => Ok(vec![Format::from_code(*code)?; columns]),
        _ if codes.len() == columns => codes.iter().map(|code| Format::from_code(*code)).collect(),
        _ => Err(Failure::new(
            SqlState::PROTOCOL_VIOLATION,
            format!("bind message has {} result formats but query has {columns} columns", codes.len()),
        )),
    }
}

/// A batch, ready to be written row by row.
pub(in crate::postgres) struct RowEncoder {
    columns: Vec<(ColumnValues, Format)>,
}

impl RowEncoder {
    /// Prepares a batch; there is a format for each of its columns.
    ///
    /// # Errors
    /// Where a column cannot be brought to its type on the wire.
    pub(in crate::postgres) fn new(batch: &RecordBatch, formats: &[Format]) -> Result<RowEncoder> {
        let columns = batch
            .columns()
            .iter()
            .zip(formats.iter().copied().chain(std::iter::repeat(Format::Text)))
            .map(|(array, format)| Ok((ColumnValues::new(array)?, format)))
            .collect::<Result<_>>()?;
        Ok(RowEncoder { columns })
    }

    /// Writes a row as a whole message.
    pub(in crate::postgres) fn write_message(&self, row: usize, out: &mut BytesMut) {
        out.put_u8(MESSAGE_TYPE_BYTE_DATA_ROW);
        let length_at = out.len();
        out.put_i32(0);
        self.write_fields(row, out);
        let length = (out.len() - length_at) as i32;
        out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
    }

    /// Writes the number of a row's fields and the fields, as DataRow and binary COPY have them.
    pub(in crate::postgres) fn write_fields(&self, row: usize, out: &mut BytesMut) {
        out.put_i16(self.columns.len() as i16);
        for (column, format) in &self.columns {
            match format {
                Format::Text => write_text_with_length(column, row, out),
                Format::Binary => write_binary_with_length(column, row, out),
            }
        }
    }
}
