//! Rows as texts, for a reader inside of this process.

use arrow::array::RecordBatch;
use bytes::BytesMut;
use tidemill_engine::Result;

use super::text::write_text;
use super::values::ColumnValues;

/// The rows of a batch, cell by cell, as a client of the text format would get them; `None` is null.
///
/// # Errors
/// Where a column cannot be brought to its type on the wire.
pub(crate) fn cells(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>> {
    let columns = batch.columns().iter().map(ColumnValues::new).collect::<Result<Vec<_>>>()?;
    let mut written = BytesMut::new();
    let mut cell = |column: &ColumnValues, row: usize| {
        if column.is_null(row) {
            return None;
        }
        written.clear();
        write_text(column, row, &mut written);
        Some(String::from_utf8_lossy(&written).into_owned())
    };
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array, StringArray};

    use super::*;

    #[test]
    fn null_is_told_from_text() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "null"]));
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false]));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts), ("f", flags)]).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            cells(&batch).unwrap(),
            [[text("1"), text("a"), text("t")], [None, text("null"), text("f")]]
        );
    }
}
