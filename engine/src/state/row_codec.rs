//! Rows of any columns as bytes and back.
//!
//! The bytes are Arrow's row format: equal rows have equal bytes, and the order of the bytes is the
//! order of the rows (nulls first). Whole columns are encoded and decoded at a time. The format is
//! kept on disk; a test pins it, so that a version of Arrow which changes it is noticed.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, RowParser, Rows, SortField};

use super::map_order::{contains_map, with_ordered_maps};
use crate::error::{Error, ErrorKind, Result};

/// Encodes and decodes rows of given column types.
pub struct RowCodec {
    converter: RowConverter,
    parser: RowParser,
    maps: bool,
}

impl RowCodec {
    /// For columns of these types.
    ///
    /// # Errors
    /// `Unsupported`: a type that has no row form.
    pub fn new(data_types: &[DataType]) -> Result<RowCodec> {
        let fields: Vec<SortField> = data_types.iter().cloned().map(SortField::new).collect();
        let converter = RowConverter::new(fields).map_err(|error| {
            Error::new(ErrorKind::Unsupported, format!("cannot keep such values: {error}"))
        })?;
        let parser = converter.parser();
        Ok(RowCodec { converter, parser, maps: data_types.iter().any(contains_map) })
    }

    /// The rows of some columns.
    ///
    /// # Errors
    /// Arrow's, for columns of other types.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        if self.maps {
            let ordered = columns.iter().map(with_ordered_maps).collect::<Result<Vec<_>>>()?;
            return Ok(self.converter.convert_columns(&ordered)?);
        }
        Ok(self.converter.convert_columns(columns)?)
    }

    /// The columns of some rows. The bytes MUST be those of rows encoded with the same types: bytes
    /// from disk pass the checksum of [`super::encoding::open`] first.
    ///
    /// # Errors
    /// Arrow's, for text that is no UTF-8.
    pub fn decode<'a>(&'a self, rows: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        Ok(self.converter.convert_rows(rows.into_iter().map(|row| self.parser.parse(row)))?)
    }
}

#[cfg(test)]
#[path = "row_codec_tests.rs"]
mod tests;
