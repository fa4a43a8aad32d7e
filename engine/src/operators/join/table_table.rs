//! Two tables on their keys: a table again.
//!
//! A change of either side changes the result of its key: it appears, is updated, or disappears. The
//! time of a result is the later one of its two rows and the change that led to it.
//!
//! The removal of a row that never was is answered as ksqlDB answers it where the key has a row on the
//! other side: with the result as it is, or a delete where there is none. Whoever takes rows back must
//! not be told to take back what never was, and is told nothing.

use datafusion::common::JoinType;
use tidemill_storage::state::WriteBatch;

use super::both_tables::BothTables;
use super::output::{Arrived, JoinOutput, Part, ResultRows, left_and_right};
use super::{JoinSpec, unsupported};
use crate::batch::{ChangeBatch, RowKind};
use crate::error::Result;
use crate::operators::remembered_rows::RememberedRow;
use crate::operators::row_keys::RowKeys;
use crate::operators::{Context, Input, Operator};
use crate::state::StateRoom;

/// Joins two tables.
pub(super) struct TableTableJoin {
    join_type: JoinType,
    left_keys: RowKeys,
    right_keys: RowKeys,
    output: JoinOutput,
    tables: BothTables,
    with_before: bool,
}

impl TableTableJoin {
    /// Inner, left, right or full.
    ///
    /// # Errors
    /// `Unsupported`: another join, or a type that cannot be kept.
    pub(super) fn new(spec: &JoinSpec, room: &StateRoom) -> Result<TableTableJoin> {
        if !matches!(spec.join_type, JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full) {
            return Err(unsupported(spec));
        }
        Ok(TableTableJoin {
            join_type: spec.join_type,
            left_keys: RowKeys::meeting(&spec.left.key, &spec.left.schema, spec.window)?,
            right_keys: RowKeys::meeting(&spec.right.key, &spec.right.schema, spec.window)?,
            output: JoinOutput::new(spec)?,
            tables: BothTables::new(room),
            with_before: spec.with_before,
        })
    }
}

/// Whether a key has a result, given whether the changing side and the other one have a row.
fn has_result(join_type: JoinType, changing: Input, own: bool, other: bool) -> bool {
    let (left, right) = match changing {
        Input::Left => (own, other),
        Input::Right => (other, own),
    };
    match join_type {
        JoinType::Left => left,
        JoinType::Right => right,
        JoinType::Full => left || right,
        _ => left && right,
    }
}

impl Operator for TableTableJoin {
    fn name(&self) -> &'static str {
        "TableTableJoin"
    }

    fn process(
        &mut self,
        input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let BothTables { left, right } = &mut self.tables;
        let (own_rows, other_rows, keys) = match input {
            Input::Left => (left, right, &self.left_keys),
            Input::Right => (right, left, &self.right_keys),
        };
        let keys = keys.of(&batch)?;
        own_rows.load(keys.iter().flatten(), context.store.as_ref())?;
        other_rows.load(keys.iter().flatten(), context.store.as_ref())?;
        let encoded = self.output.side(input).encode(&batch)?;
        let mut rows = ResultRows::default();
        for (row, key) in keys.iter().enumerate() {
            let kind = batch.kinds.get(row);
            if kind == RowKind::UpdateBefore {
                continue;
            }
            let Some(key) = key else {
                context.ledger.filtered += 1;
                continue;
            };
            let time_ms = batch.times_ms[row];
            let now = matches!(kind, RowKind::Insert | RowKind::UpdateAfter)
                .then(|| RememberedRow { time_ms, row: encoded.copy(row) });
            let remains = now.is_some();
            let before = own_rows.replace(key, now);
            let other = other_rows.get(key);
            let never_was = before.is_none() && !remains;
            if never_was && (self.with_before || other.is_none()) {
                context.ledger.filtered += 1;
                continue;
            }
            let time_ms = other.map_or(time_ms, |other| time_ms.max(other.time_ms));
            let mut push = |kind: RowKind, own: Part| {
                let (left, right) = left_and_right(input, own, Part::kept(other.map(|other| &other.row)));
                rows.push(kind, time_ms, (&batch, row), left, right);
            };
            let part_before = || Part::kept(before.as_ref().map(|before| &before.row));
            let part_now = if remains { Part::Arrived(row as u32) } else { Part::Missing };
            let had = has_result(self.join_type, input, before.is_some(), other.is_some());
            let has = has_result(self.join_type, input, remains, other.is_some());
            match (had, has) {
                // What was removed brings its key along, and nothing else.
                (false, false) if never_was => push(RowKind::Delete, Part::Arrived(row as u32)),
                (false, false) => {}
                (false, true) => push(RowKind::Insert, part_now),
                (true, false) => push(RowKind::Delete, part_before()),
                (true, true) => {
                    if self.with_before {
                        push(RowKind::UpdateBefore, part_before());
                    }
                    push(RowKind::UpdateAfter, part_now);
                }
            }
        }
        self.output.emit(Arrived::one(input, &batch), rows, out)
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        self.tables.commit(changes);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
    }

    fn evict(&mut self, bytes_max: usize) {
        self.tables.evict(bytes_max);
    }
}

#[cfg(test)]
#[path = "table_table_tests.rs"]
mod tests;
