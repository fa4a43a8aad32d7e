//! A stream's record with the row its key has in a table at that moment.
//!
//! Only the stream side gives results: one for each record, in the order in which the inputs are
//! processed, not that of event times. The table side only changes what later records meet. Time and
//! headers of a result are those of the stream's record.

use datafusion::common::JoinType;
use tidemill_storage::state::WriteBatch;

use super::output::{JoinOutput, Part, ResultRows};
use super::{JoinSpec, unsupported};
use crate::batch::{ChangeBatch, RowKind};
use crate::error::Result;
use crate::operators::remembered_rows::{RememberedRow, RememberedRows};
use crate::operators::row_keys::RowKeys;
use crate::operators::{Context, Input, Operator, StateRoom};

/// Joins a stream, on the left, with a table.
pub(super) struct StreamTableJoin {
    left_keys: RowKeys,
    right_keys: RowKeys,
    output: JoinOutput,
    table: RememberedRows,
    /// Whether records that meet no row are passed on.
    keeps_unmatched: bool,
}

impl StreamTableJoin {
    /// Inner or left.
    ///
    /// # Errors
    /// `Unsupported`: another join, or a type that cannot be kept.
    pub(super) fn new(spec: &JoinSpec, room: StateRoom) -> Result<StreamTableJoin> {
        let keeps_unmatched = match spec.join_type {
            JoinType::Inner => false,
            JoinType::Left => true,
            _ => return Err(unsupported(spec)),
        };
        Ok(StreamTableJoin {
            left_keys: RowKeys::new(&spec.left.key, &spec.left.schema)?,
            right_keys: RowKeys::new(&spec.right.key, &spec.right.schema)?,
            output: JoinOutput::new(spec)?,
            table: RememberedRows::new(room),
            keeps_unmatched,
        })
    }

    fn take_table_changes(&mut self, batch: &ChangeBatch, context: &mut Context<'_>) -> Result<()> {
        let keys = self.right_keys.of(batch)?;
        let encoded = self.output.side(Input::Right).encode(batch)?;
        for (row, key) in keys.iter().enumerate() {
            let Some(key) = key else {
                context.ledger.filtered += 1;
                continue;
            };
            let now = match batch.kinds.get(row) {
                RowKind::UpdateBefore => continue,
                RowKind::Delete | RowKind::NullValue => None,
                RowKind::Insert | RowKind::UpdateAfter => {
                    Some(RememberedRow { time_ms: batch.times_ms[row], row: encoded.copy(row) })
                }
            };
            self.table.replace(key, now);
        }
        Ok(())
    }
}

impl Operator for StreamTableJoin {
    fn name(&self) -> &'static str {
        "StreamTableJoin"
    }

    fn process(
        &mut self,
        input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        if input == Input::Right {
            return self.take_table_changes(&batch, context);
        }
        let keys = self.left_keys.of(&batch)?;
        self.table.load(keys.iter().flatten(), context.store.as_ref())?;
        let mut rows = ResultRows::default();
        for (row, key) in keys.iter().enumerate() {
            let table_row = key.as_ref().and_then(|key| self.table.get(key));
            // A record without a value has nothing to join.
            let has_value = batch.kinds.get(row) != RowKind::NullValue;
            if !has_value || (table_row.is_none() && !self.keeps_unmatched) {
                context.ledger.filtered += 1;
                continue;
            }
            let right = Part::kept(table_row.map(|table_row| &table_row.row));
            let left = Part::Arrived(row as u32);
            rows.push(RowKind::Insert, batch.times_ms[row], (&batch, row), left, right);
        }
        self.output.emit(Input::Left, &batch, rows, out)
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        self.table.commit(changes);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }

    fn evict(&mut self, bytes_max: usize) {
        self.table.evict(bytes_max);
    }
}

#[cfg(test)]
#[path = "stream_table_tests.rs"]
mod tests;
