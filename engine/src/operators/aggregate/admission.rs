//! Which rows of a batch an aggregation takes.
//!
//! A record without a value and a row whose group key has a null part belong to no group; both count
//! as filtered.

use arrow::array::{Array, UInt32Array};

use crate::batch::{ChangeBatch, Kinds, RowKind};
use crate::error::{Error, Result};

/// The rows of a batch that have a group: all columns and parts of it, without the others.
///
/// # Errors
/// A batch with fewer columns than groups, and Arrow's.
pub(in crate::operators) fn admit(
    batch: ChangeBatch,
    group_columns: usize,
    filtered: &mut u64,
) -> Result<ChangeBatch> {
    let Some(groups) = batch.columns.columns().get(..group_columns) else {
        return Err(Error::internal("an aggregation's input has fewer columns than groups"));
    };
    let no_null_values = matches!(batch.kinds, Kinds::AllInsert);
    if no_null_values && groups.iter().all(|column| column.null_count() == 0) {
        return Ok(batch);
    }
    let rows: UInt32Array = (0..batch.rows())
        .filter(|row| {
            batch.kinds.get(*row) != RowKind::NullValue && groups.iter().all(|column| column.is_valid(*row))
        })
        .map(|row| row as u32)
        .collect();
    if rows.len() == batch.rows() {
        return Ok(batch);
    }
    let admitted = batch.take(&rows)?;
    *filtered += batch.changes() - admitted.changes();
    Ok(admitted)
}
