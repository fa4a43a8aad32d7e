//! A left table's expression with the right table's key: a table with the left one's key.
//!
//! Many left rows may meet one right row. A change on the left looks up one right row, and its result has
//! the later time of the two; a change on the right changes the results of all left rows that refer to
//! it, in the order of their keys, at the time of the change. A shard has its part of the left rows, by
//! their keys, and all right ones, since a left row may come to refer to any of them.
//!
//! What ends is told as ksqlDB tells it, which does not know whether there was a result: a left row that
//! no longer refers to a right one is answered with a delete unless there is a new result, and so is the
//! removal of a right row that never was. Whoever takes rows back must not be told to take back what
//! never was, and is told of results only.
//!
//! ```text
//! left rows   = 10, left key                 foreign key and row
//! right rows  = 11, right key                row
//! references  = 12, foreign key, left key    empty
//! ```
//!
//! No key is the beginning of another, so that the references to a right row are one range. They are
//! read from the store when a right row changes; in memory are only those changed since the last
//! commit but one, because the last one may still be on its way to the store.

use std::collections::BTreeMap;
use std::iter::Peekable;

use bytes::Bytes;
use tidemill_storage::state::WriteBatch;

use super::both_tables::BothTables;
use super::output::{Arrived, JoinOutput, Part, ResultRows};
use super::{JoinSpec, sub_room};
use crate::batch::{ChangeBatch, RowKind};
use crate::error::Result;
use crate::operators::remembered_rows::RememberedRow;
use crate::operators::row_keys::RowKeys;
use crate::operators::{Context, Input, Operator};
use crate::state::StateRoom;
use crate::state::encoding::{self, Reader};
use crate::state_keys::prefix_range;

/// Part of the room beside those of the tables.
const REFERENCES: u8 = 0x12;

/// Bytes a changed reference costs beside its key.
const REFERENCE_OVERHEAD_BYTES: usize = 48;

/// The most references followed at a time when a right row changes: it may have any number of them.
const REFERENCES_MAX: usize = 4_096;

/// Joins a table, on the left, with the rows of another it refers to.
pub(super) struct ForeignKeyJoin {
    primary_keys: RowKeys,
    foreign_keys: RowKeys,
    right_keys: RowKeys,
    output: JoinOutput,
    tables: BothTables,
    references: References,
    /// Whether left rows that meet no right row have a result.
    keeps_unmatched: bool,
    with_before: bool,
}

impl ForeignKeyJoin {
    /// Inner or left.
    ///
    /// # Errors
    /// `Unsupported`: another join, or a type that cannot be kept.
    pub(super) fn new(spec: &JoinSpec, room: &StateRoom) -> Result<ForeignKeyJoin> {
        let keeps_unmatched = spec.keeps_unmatched()?;
        Ok(ForeignKeyJoin {
            primary_keys: RowKeys::new(&spec.left.primary_key, &spec.left.schema)?,
            foreign_keys: RowKeys::new(&spec.left.key, &spec.left.schema)?,
            right_keys: RowKeys::new(&spec.right.key, &spec.right.schema)?,
            output: JoinOutput::new(spec)?,
            tables: BothTables::new(room),
            references: References { room: sub_room(room, REFERENCES), changed: BTreeMap::new(), bytes: 0 },
            keeps_unmatched,
            with_before: spec.with_before,
        })
    }

    fn left_changes(
        &mut self,
        batch: &ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let keys = self.primary_keys.of(batch)?;
        let foreign_keys = self.foreign_keys.of(batch)?;
        self.tables.left.load(keys.iter().flatten(), context.store.as_ref())?;
        let mut referred: Vec<Bytes> = foreign_keys.iter().flatten().cloned().collect();
        for row in keys.iter().flatten().filter_map(|key| self.tables.left.get(key)) {
            referred.extend(LeftRow::open(row)?.foreign_key);
        }
        self.tables.right.load(referred.iter(), context.store.as_ref())?;
        let encoded = self.output.side(Input::Left).encode(batch)?;
        let mut rows = ResultRows::default();
        for (row, (key, foreign_key)) in keys.iter().zip(&foreign_keys).enumerate() {
            let kind = batch.kinds.get(row);
            // The row before is known here, whether the input tells it or not.
            if kind == RowKind::UpdateBefore {
                continue;
            }
            let Some(key) = key else {
                context.ledger.filtered += 1;
                continue;
            };
            let time_ms = batch.times_ms[row];
            let remains = matches!(kind, RowKind::Insert | RowKind::UpdateAfter);
            let foreign_key = foreign_key.as_ref().filter(|_| remains);
            let now = remains.then(|| LeftRow::seal(foreign_key, &encoded.copy(row), time_ms));
            let before = self.tables.left.replace(key, now);
            let before = before.as_ref().map(LeftRow::open).transpose()?;
            if before.is_none() && !remains {
                context.ledger.filtered += 1;
                continue;
            }
            let foreign_key_before = before.as_ref().and_then(|before| before.foreign_key.as_ref());
            if foreign_key_before != foreign_key {
                if let Some(foreign_key) = foreign_key_before {
                    self.references.set(foreign_key, key, false);
                }
                if let Some(foreign_key) = foreign_key {
                    self.references.set(foreign_key, key, true);
                }
            }
            let right_before = foreign_key_before.and_then(|key| self.tables.right.get(key));
            let right_now = foreign_key.and_then(|key| self.tables.right.get(key));
            let had = before.is_some() && (right_before.is_some() || self.keeps_unmatched);
            let has = remains && (right_now.is_some() || self.keeps_unmatched);
            let latest =
                |right: Option<&RememberedRow>| right.map_or(time_ms, |right| time_ms.max(right.time_ms));
            let no_longer_refers = foreign_key_before.is_some() && foreign_key_before != foreign_key;
            let ended_ms = match foreign_key {
                None if !self.keeps_unmatched => latest(right_before),
                _ => time_ms,
            };
            let mut push = |kind: RowKind, time_ms: i64, left: Part, right: Option<&RememberedRow>| {
                let right = Part::kept(right.map(|right| &right.row));
                rows.push(kind, time_ms, (batch, row), left, right);
            };
            let part_before = || Part::kept(before.as_ref().map(|before| &before.row));
            let part_now = Part::Arrived(row as u32);
            match (had, has) {
                (false, true) => push(RowKind::Insert, latest(right_now), part_now, right_now),
                (true, false) => push(RowKind::Delete, ended_ms, part_before(), right_before),
                (true, true) => {
                    if self.with_before {
                        push(RowKind::UpdateBefore, latest(right_now), part_before(), right_before);
                    }
                    push(RowKind::UpdateAfter, latest(right_now), part_now, right_now);
                }
                (false, false) if no_longer_refers && !self.with_before => {
                    push(RowKind::Delete, ended_ms, part_before(), None);
                }
                (false, false) => {}
            }
        }
        self.output.emit(Arrived::one(Input::Left, batch), rows, out)
    }

    fn right_changes(
        &mut self,
        batch: &ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let keys = self.right_keys.of(batch)?;
        self.tables.right.load(keys.iter().flatten(), context.store.as_ref())?;
        let encoded = self.output.side(Input::Right).encode(batch)?;
        let snapshot = context.store.snapshot();
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
            let now = matches!(kind, RowKind::Insert | RowKind::UpdateAfter)
                .then(|| RememberedRow { time_ms: batch.times_ms[row], row: encoded.copy(row) });
            let before = self.tables.right.replace(key, now.clone());
            if before.is_none() && now.is_none() && self.with_before {
                continue;
            }
            let range = self.references.range(key);
            let stored = if self.references.room.fresh { None } else { Some(snapshot.scan(range.clone())) };
            let mut referring = Merged {
                stored: stored.into_iter().flatten().peekable(),
                changed: self.references.changed.range(range).peekable(),
            };
            let prefix_bytes = self.references.room.prefix.len() + key.len();
            loop {
                let mut left_keys = Vec::new();
                while left_keys.len() < REFERENCES_MAX
                    && let Some(reference) = referring.next_reference()?
                {
                    left_keys.push(reference.slice(prefix_bytes..));
                }
                if left_keys.is_empty() {
                    break;
                }
                for left in self.tables.left.read(&left_keys, context.store.as_ref())?.into_iter().flatten() {
                    self.push_right_change(&mut rows, (batch, row), &left, before.as_ref(), now.is_some())?;
                }
                self.output.emit_full(Arrived::one(Input::Right, batch), &mut rows, out)?;
            }
        }
        self.output.emit(Arrived::one(Input::Right, batch), rows, out)
    }

    /// What a change of a right row means for the result of one left row.
    fn push_right_change(
        &self,
        rows: &mut ResultRows,
        (batch, row): (&ChangeBatch, usize),
        left: &RememberedRow,
        before: Option<&RememberedRow>,
        remains: bool,
    ) -> Result<()> {
        let time_ms = batch.times_ms[row];
        let left = Part::Kept(LeftRow::open(left)?.row);
        let part_before = Part::kept(before.map(|before| &before.row));
        let part_now = if remains { Part::Arrived(row as u32) } else { Part::Missing };
        let mut push =
            |kind: RowKind, right: Part| rows.push(kind, time_ms, (batch, row), left.clone(), right);
        match (before.is_some() || self.keeps_unmatched, remains || self.keeps_unmatched) {
            (false, true) => push(RowKind::Insert, part_now),
            (_, false) => push(RowKind::Delete, part_before),
            (true, true) => {
                if self.with_before {
                    push(RowKind::UpdateBefore, part_before);
                }
                push(RowKind::UpdateAfter, part_now);
            }
        }
        Ok(())
    }
}

impl Operator for ForeignKeyJoin {
    fn name(&self) -> &'static str {
        "ForeignKeyJoin"
    }

    fn process(
        &mut self,
        input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        match input {
            Input::Left => self.left_changes(&batch, context, out),
            Input::Right => self.right_changes(&batch, context, out),
        }
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        self.tables.commit(changes);
        self.references.commit(changes);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes() + self.references.bytes
    }

    fn evict(&mut self, bytes_max: usize) {
        self.tables.evict(bytes_max);
    }
}

/// A left row with the foreign key it had: a presence byte, the foreign key, the row.
struct LeftRow {
    foreign_key: Option<Bytes>,
    row: Bytes,
}

impl LeftRow {
    fn seal(foreign_key: Option<&Bytes>, row: &[u8], time_ms: i64) -> RememberedRow {
        let foreign_key_bytes = foreign_key.map_or(&[] as &[u8], |key| &key[..]);
        let mut bytes = Vec::with_capacity(foreign_key_bytes.len() + row.len() + 12);
        bytes.push(u8::from(foreign_key.is_some()));
        encoding::put_bytes(&mut bytes, foreign_key_bytes);
        encoding::put_bytes(&mut bytes, row);
        RememberedRow { time_ms, row: bytes.into() }
    }

    fn open(kept: &RememberedRow) -> Result<LeftRow> {
        let mut reader = Reader::of(&kept.row);
        let [present] = reader.array()?;
        let foreign_key = kept.row.slice_ref(reader.bytes()?);
        let row = kept.row.slice_ref(reader.bytes()?);
        reader.finish()?;
        Ok(LeftRow { foreign_key: (present != 0).then_some(foreign_key), row })
    }
}

/// Which left rows refer to a right key.
struct References {
    room: StateRoom,
    /// Stored keys set or removed since the last commit but one.
    changed: BTreeMap<Bytes, Change>,
    bytes: usize,
}

/// What became of a reference.
#[derive(Clone, Copy)]
struct Change {
    refers: bool,
    /// Since the last commit.
    dirty: bool,
}

impl References {
    fn set(&mut self, foreign_key: &[u8], key: &[u8], refers: bool) {
        let stored: Bytes = [self.room.prefix.as_ref(), foreign_key, key].concat().into();
        let stored_bytes = stored.len();
        if self.changed.insert(stored, Change { refers, dirty: true }).is_none() {
            self.bytes += stored_bytes + REFERENCE_OVERHEAD_BYTES;
        }
    }

    fn range(&self, foreign_key: &[u8]) -> std::ops::Range<Bytes> {
        prefix_range(&[self.room.prefix.as_ref(), foreign_key].concat())
    }

    fn commit(&mut self, changes: &mut WriteBatch) {
        // The commit before is in the store by now, this one is not yet.
        self.changed.retain(|_, change| change.dirty);
        self.bytes = 0;
        for (stored, change) in &mut self.changed {
            change.dirty = false;
            self.bytes += stored.len() + REFERENCE_OVERHEAD_BYTES;
            if change.refers {
                changes.put(stored.clone(), Bytes::new());
            } else {
                changes.delete(stored.clone());
            }
        }
        // From now on there are references in the store only.
        self.room.fresh &= self.changed.is_empty();
    }
}

/// The stored references with those changed since, in order.
struct Merged<S: Iterator, C: Iterator> {
    stored: Peekable<S>,
    changed: Peekable<C>,
}

impl<'c, S, C> Merged<S, C>
where
    S: Iterator<Item = tidemill_storage::Result<(Bytes, Bytes)>>,
    C: Iterator<Item = (&'c Bytes, &'c Change)>,
{
    fn next_reference(&mut self) -> Result<Option<Bytes>> {
        loop {
            let stored = match self.stored.peek() {
                Some(Ok((stored, _))) => Some(stored),
                Some(Err(_)) => match self.stored.next() {
                    Some(Err(error)) => return Err(error.into()),
                    _ => continue,
                },
                None => None,
            };
            let changed_first = match (stored, self.changed.peek()) {
                (None, None) => return Ok(None),
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (Some(stored), Some((changed, _))) => {
                    // A change overrides what is stored.
                    if stored == *changed {
                        self.stored.next();
                        continue;
                    }
                    *changed < stored
                }
            };
            if !changed_first {
                return Ok(self.stored.next().transpose()?.map(|(stored, _)| stored));
            }
            if let Some((changed, Change { refers: true, .. })) = self.changed.next() {
                return Ok(Some(changed.clone()));
            }
        }
    }
}

#[cfg(test)]
#[path = "foreign_key_tests.rs"]
mod tests;
