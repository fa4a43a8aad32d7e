//! A stream's record with the row its key has in a table at that moment.
//!
//! Only the stream side gives results: one for each record, in the order in which the inputs are
//! processed, not that of event times. The table side only changes what later records meet. Time and
//! headers of a result are those of the stream's record.

use std::ops::Range;

use bytes::Bytes;
use tidemill_storage::state::WriteBatch;

use super::JoinSpec;
use super::output::{Arrived, EncodedRows, JoinOutput, Part, ResultRows};
use crate::batch::{ChangeBatch, RowKind};
use crate::error::Result;
use crate::operators::interleaved::{InputLedgers, Interleaved};
use crate::operators::remembered_rows::{RememberedRow, RememberedRows};
use crate::operators::row_keys::RowKeys;
use crate::operators::{Context, Input, Ledger, Operator};
use crate::state::StateRoom;

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
        let keeps_unmatched = spec.keeps_unmatched()?;
        Ok(StreamTableJoin {
            left_keys: RowKeys::meeting(&spec.left.key, &spec.left.schema, spec.window)?,
            right_keys: RowKeys::meeting(&spec.right.key, &spec.right.schema, spec.window)?,
            output: JoinOutput::new(spec)?,
            table: RememberedRows::new(room),
            keeps_unmatched,
        })
    }

    fn take_table_changes(&mut self, side: &Side<'_>, rows: Range<usize>, ledger: &mut Ledger) {
        for row in rows {
            let Some(key) = &side.keys[row] else {
                ledger.filtered += 1;
                continue;
            };
            let now = match side.batch.kinds.get(row) {
                RowKind::UpdateBefore => continue,
                RowKind::Delete | RowKind::NullValue => None,
                RowKind::Insert | RowKind::UpdateAfter => {
                    Some(RememberedRow { time_ms: side.batch.times_ms[row], row: side.encoded.copy(row) })
                }
            };
            self.table.replace(key, now);
        }
    }

    /// The stream's records, of which the keys' rows have been loaded.
    fn join(
        &self,
        batch: &ChangeBatch,
        keys: &[Option<Bytes>],
        rows: Range<usize>,
        results: &mut ResultRows,
        ledger: &mut Ledger,
    ) {
        for row in rows {
            let table_row = keys[row].as_ref().and_then(|key| self.table.get(key));
            // A record without a value has nothing to join.
            let has_value = batch.kinds.get(row) != RowKind::NullValue;
            if !has_value || (table_row.is_none() && !self.keeps_unmatched) {
                ledger.filtered += 1;
                continue;
            }
            let right = Part::kept(table_row.map(|table_row| &table_row.row));
            let left = Part::Arrived(row as u32);
            results.push(RowKind::Insert, batch.times_ms[row], (batch, row), left, right);
        }
    }

    fn table_side<'a>(&self, batch: &'a ChangeBatch) -> Result<Side<'a>> {
        let keys = self.right_keys.of(batch)?;
        Ok(Side { batch, keys, encoded: self.output.side(Input::Right).encode(batch)? })
    }

    /// The keys of the stream's records, whose rows are in memory then.
    fn stream_keys(&mut self, batch: &ChangeBatch, context: &Context<'_>) -> Result<Vec<Option<Bytes>>> {
        let keys = self.left_keys.of(batch)?;
        self.table.load(keys.iter().flatten(), context.store.as_ref())?;
        Ok(keys)
    }
}

/// The table's changes, ready to be taken.
struct Side<'a> {
    batch: &'a ChangeBatch,
    keys: Vec<Option<Bytes>>,
    encoded: EncodedRows,
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
        let rows = 0..batch.rows();
        if input == Input::Right {
            let side = self.table_side(&batch)?;
            self.take_table_changes(&side, rows, context.ledger);
            return Ok(());
        }
        let keys = self.stream_keys(&batch, context)?;
        let mut results = ResultRows::default();
        self.join(&batch, &keys, rows, &mut results, context.ledger);
        self.output.emit(Arrived::one(Input::Left, &batch), results, out)
    }

    fn process_both(
        &mut self,
        rows: &Interleaved,
        context: &mut Context<'_>,
        dropped: &mut InputLedgers,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let stream = rows.of(Input::Left);
        let side = self.table_side(rows.of(Input::Right))?;
        let keys = self.stream_keys(stream, context)?;
        let mut results = ResultRows::default();
        for (input, turn) in rows.turns() {
            let ledger = dropped.of(input);
            match input {
                Input::Left => self.join(stream, &keys, turn, &mut results, ledger),
                Input::Right => self.take_table_changes(&side, turn, ledger),
            }
        }
        self.output.emit(Arrived::one(Input::Left, stream), results, out)
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
