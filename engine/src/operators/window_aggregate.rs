//! GROUP BY without windows, and with TUMBLING and HOPPING ones.
//!
//! What it does with each kind of row:
//! - an insert adds to its group, in every open window its event time is in;
//! - an update takes the old row back and adds the new one: one result where both are in the same
//!   group, otherwise one of the old group, then one of the new;
//! - a delete takes the old row back; a group whose rows are all gone stays, counting 0;
//! - a row whose windows are all closed is late, and counted and reported as such.
//!
//! A result's event time is the greatest of its rows'. Results are passed on change by change, or once
//! a round for each group that changed, in the order of the last changes: what would be passed on
//! change by change, without what was replaced within the round. With EMIT FINAL they wait until their
//! window is closed; see [`super::suppress`].
//!
//! Groups live in memory ([`Groups`]) and are written at commit, see [`super::group_storage`]. One that is not in memory is looked
//! up first, unless the store is known to have none. Groups of closed windows are deleted.

use std::collections::HashMap;
use std::sync::Arc;

use tidemill_sql::plan::Emit;
use tidemill_storage::state::{StateStore, WriteBatch};

use super::aggregate::admission::admit;
use super::aggregate::calls::{Calls, SlotChanges, Values};
use super::aggregate::keys::EncodedKeys;
use super::aggregate::output::{Output, OutputRow, Results, ValuesAt};
use super::aggregate::steps::steps;
use super::aggregate::{AggregateSpec, Overtaken};
use super::suppress::{Closer, closers};
use super::{Context, Input, Operator};
use crate::batch::{ChangeBatch, Headers, Kinds, RowKind};
use crate::error::Result;
use crate::state::{Groups, RoomKeys, StateRoom, Stored, encoding};
use crate::windows::{FixedClosing, FixedWindows, retention_ms};

/// The most (row, window) pairs handled at a time, which bounds the memory of rows in many windows.
const ENTRIES_MAX: u64 = 65_536;

/// The most groups looked up in the store at a time.
const LOOKUP_KEYS_MAX: usize = 4_096;

/// Aggregates without windows, or in windows of fixed size.
pub(super) struct WindowAggregate {
    pub(super) calls: Calls,
    pub(super) output: Output,
    pub(super) groups: Groups,
    pub(super) room_keys: RoomKeys,
    pub(super) windows: Option<(FixedWindows, FixedClosing)>,
    pub(super) overtaken: Overtaken,
    pub(super) retention_ms: i64,
    emit: Emit,
    with_before: bool,
    group_columns: usize,
    progress: Progress,
    /// What of the progress the store has.
    committed: Progress,
    opened: bool,
    /// Number of the next change.
    change: u64,
    before: Before,
    /// Headers of the last change of each touched group, where records have some.
    headers: HashMap<u32, Headers, ahash::RandomState>,
}

/// How far an aggregation in windows has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Progress {
    /// The greatest event time seen.
    stream_time_ms: i64,
    /// Start of the latest window with stored groups.
    stored_start_ms: i64,
}

/// Nothing seen and nothing stored.
const NO_PROGRESS: Progress = Progress { stream_time_ms: i64::MIN, stored_start_ms: i64::MIN };

/// Results that changes of the round replace.
#[derive(Default)]
struct Before {
    sources: Vec<Vec<arrow::array::ArrayRef>>,
    rows: HashMap<u32, (ValuesAt, i64), ahash::RandomState>,
}

/// (row, window) pairs in order of rows, then windows.
struct Entries {
    /// Row of each; absent if they are all rows in order.
    rows: Option<Vec<u32>>,
    /// Start of the window of each, where there are windows.
    starts_ms: Option<Vec<i64>>,
}

impl WindowAggregate {
    /// Of a specification, in windows or without.
    ///
    /// # Errors
    /// Calls or groups that do not fit the input.
    pub(super) fn new(
        spec: &AggregateSpec,
        windows: Option<(FixedWindows, FixedClosing)>,
        room: StateRoom,
    ) -> Result<WindowAggregate> {
        let stored = if room.fresh { Stored::Nothing } else { Stored::Anything };
        Ok(WindowAggregate {
            calls: Calls::new(spec)?,
            output: Output::new(spec)?,
            groups: Groups::new(stored),
            room_keys: RoomKeys::new(&room),
            windows,
            overtaken: spec.policy.overtaken,
            retention_ms: spec.window.as_ref().map_or(0, retention_ms),
            emit: spec.emit,
            with_before: spec.with_before,
            group_columns: spec.groups.len(),
            progress: NO_PROGRESS,
            committed: NO_PROGRESS,
            opened: room.fresh || windows.is_none(),
            change: 0,
            before: Before::default(),
            headers: HashMap::default(),
        })
    }

    /// Takes up the progress of the last commit, once.
    fn open(&mut self, store: &Arc<dyn StateStore>) -> Result<()> {
        if self.opened {
            return Ok(());
        }
        if let Some(value) = store.get(&self.room_keys.progress())? {
            let mut body = encoding::open(&value)?;
            self.progress = Progress { stream_time_ms: body.i64()?, stored_start_ms: body.i64()? };
            body.finish()?;
            self.committed = self.progress;
            self.groups.opened(self.progress.stored_start_ms);
        }
        self.opened = true;
        Ok(())
    }

    /// Takes rows that all have a group.
    fn take(
        &mut self,
        batch: &ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let time_before_ms = self.progress.stream_time_ms;
        let entries = self.assign(batch, context);
        let slots = self.resolve(batch, &entries, context.store)?;
        let values = self.calls.values(&batch.columns)?;
        if context.every_update && self.emit == Emit::Changes {
            self.change_each(batch, &entries, &slots, &values, out)?;
        } else {
            self.change_all(batch, &entries, &slots, &values)?;
        }
        if let Some(time_ms) = batch.times_ms.last() {
            self.calls.report_troubles(*time_ms, context.reports);
        }
        if self.emit == Emit::Final {
            let closers = closers(time_before_ms, batch);
            self.emit_closed(time_before_ms, &closers, context, out)?;
        }
        Ok(())
    }

    /// Finds the windows of each row and lets stream time advance row by row.
    fn assign(&mut self, batch: &ChangeBatch, context: &mut Context<'_>) -> Entries {
        let Some((windows, closing)) = self.windows else {
            return Entries { rows: None, starts_ms: None };
        };
        let (times, stream_times) = (&batch.times_ms, batch.stream_times_ms());
        let (Some(earliest), Some(latest)) = (times.iter().min(), stream_times.iter().max()) else {
            return Entries { rows: None, starts_ms: Some(Vec::new()) };
        };
        let stream_time_ms = &mut self.progress.stream_time_ms;
        let none_is_late = *earliest >= 0
            && windows.latest_start(*earliest) >= closing.open_from(*latest.max(stream_time_ms));
        if windows.tumble() && none_is_late {
            *stream_time_ms = *latest.max(stream_time_ms);
            let mut start_ms = windows.latest_start(*earliest);
            let mut start_of = |time_ms: i64| {
                // Rows mostly come in order of time, so that the window is mostly the last one.
                if time_ms < start_ms || time_ms - start_ms >= windows.size_ms() {
                    start_ms = windows.latest_start(time_ms);
                }
                start_ms
            };
            return Entries {
                rows: None,
                starts_ms: Some(times.iter().map(|time| start_of(*time)).collect()),
            };
        }
        let mut rows = Vec::with_capacity(batch.rows());
        let mut starts_ms = Vec::with_capacity(batch.rows());
        for (row, (time_ms, reached_ms)) in times.iter().zip(stream_times).enumerate() {
            if *time_ms < 0 {
                context.reject(*time_ms, || {
                    format!("its event time, {time_ms}, is before the epoch, where no window is")
                });
                continue;
            }
            *stream_time_ms = *reached_ms.max(stream_time_ms);
            let open_from_ms = closing.open_from(*stream_time_ms);
            let entries_before = rows.len();
            let mut closed = None;
            for start_ms in windows.starts(*time_ms) {
                if start_ms >= open_from_ms {
                    rows.push(row as u32);
                    starts_ms.push(start_ms);
                } else {
                    closed = Some(start_ms);
                }
            }
            if rows.len() > entries_before {
                continue;
            }
            if let Some(start_ms) = closed {
                let end_ms = windows.end(start_ms);
                context.drop_late(*time_ms, || {
                    let closed_at = closing.closes_at(start_ms);
                    format!(
                        "its window [{start_ms}, {end_ms}) was closed at {closed_at}; stream time is {stream_time_ms}"
                    )
                });
            }
        }
        Entries { rows: Some(rows), starts_ms: Some(starts_ms) }
    }

    /// The slot of each entry; what the store has of new ones is loaded.
    fn resolve(
        &mut self,
        batch: &ChangeBatch,
        entries: &Entries,
        store: &Arc<dyn StateStore>,
    ) -> Result<Vec<u32>> {
        let keys: EncodedKeys = self.output.codec().encode(&batch.columns.columns()[..self.group_columns])?;
        let hashes: Vec<u64> = (0..batch.rows()).map(|row| self.groups.hash(keys.get(row))).collect();
        let (mut slots, mut absent) = (Vec::with_capacity(batch.rows()), Vec::new());
        let starts_ms = entries.starts_ms.as_deref();
        match &entries.rows {
            None => self.groups.resolve(&hashes, starts_ms, |row| keys.get(row), &mut slots, &mut absent),
            Some(rows) => {
                let hashes: Vec<u64> = rows.iter().map(|row| hashes[*row as usize]).collect();
                let key = |entry: usize| keys.get(rows[entry] as usize);
                self.groups.resolve(&hashes, starts_ms, key, &mut slots, &mut absent);
            }
        }
        self.calls.resize(self.groups.slots());
        for slots in absent.chunks(LOOKUP_KEYS_MAX) {
            let keys: Vec<_> = slots.iter().map(|slot| self.store_key(*slot).into()).collect();
            for (slot, value) in slots.iter().zip(store.multi_get(&keys)?) {
                if let Some(value) = value {
                    self.load(*slot, &value, store.as_ref())?;
                }
            }
        }
        Ok(slots)
    }

    /// Applies all changes; results wait for the end of the round, or of their window.
    fn change_all(
        &mut self,
        batch: &ChangeBatch,
        entries: &Entries,
        slots: &[u32],
        values: &Values,
    ) -> Result<()> {
        let rows = entries.rows.as_deref();
        let mut replaced = Vec::new();
        for (entry, slot) in slots.iter().enumerate() {
            let row = rows.map_or(entry, |rows| rows[entry] as usize);
            let time_before_ms = self.groups.group(*slot).time_ms;
            let first = self.groups.touch(*slot, batch.times_ms[row], self.change);
            self.change += 1;
            if first && self.with_before && self.groups.is_known(*slot) {
                let at = ValuesAt { source: self.before.sources.len(), row: replaced.len() };
                self.before.rows.insert(*slot, (at, time_before_ms));
                replaced.push(*slot);
            }
        }
        if self.emit == Emit::Changes {
            self.note_headers(batch, rows, slots);
        }
        if !replaced.is_empty() {
            self.before.sources.push(self.calls.evaluate(&replaced)?);
        }
        let retracted = retracted(batch, rows);
        self.calls
            .update(values, &SlotChanges { slots, rows, retracted: retracted.as_deref(), sequence: None })
    }

    fn note_headers(&mut self, batch: &ChangeBatch, rows: Option<&[u32]>, slots: &[u32]) {
        match &batch.headers {
            None if self.headers.is_empty() => {}
            None => slots.iter().for_each(|slot| {
                self.headers.remove(slot);
            }),
            Some(headers) => {
                for (entry, slot) in slots.iter().enumerate() {
                    let row = rows.map_or(entry, |rows| rows[entry] as usize);
                    self.headers.insert(*slot, headers[row].clone());
                }
            }
        }
    }

    /// Applies changes and passes on the result of each.
    ///
    /// Changes are applied step by step; see [`super::aggregate::steps`].
    fn change_each(
        &mut self,
        batch: &ChangeBatch,
        entries: &Entries,
        slots: &[u32],
        values: &Values,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let rows = entries.rows.as_deref();
        let row_of = |entry: usize| rows.map_or(entry, |rows| rows[entry] as usize);
        let retracted = retracted(batch, rows);
        let events = events(batch, slots, &row_of);
        let mut results = Results::default();
        let mut produced: Vec<Vec<OutputRow>> = vec![Vec::new(); events.len()];
        for step in steps(events.iter().map(|event| event.slot)) {
            let of_step: Vec<u32> = step.iter().map(|event| events[*event].slot).collect();
            let known: Vec<u32> =
                of_step.iter().copied().filter(|slot| self.groups.is_known(*slot)).collect();
            let before = if self.with_before && !known.is_empty() {
                Some(results.add_source(self.calls.evaluate(&known)?))
            } else {
                None
            };
            let changed: Vec<usize> = step.iter().flat_map(|event| events[*event].entries.clone()).collect();
            let step_slots: Vec<u32> = changed.iter().map(|entry| slots[*entry]).collect();
            let step_rows: Vec<u32> = changed.iter().map(|entry| row_of(*entry) as u32).collect();
            let step_retracted: Option<Vec<bool>> =
                retracted.as_ref().map(|retracted| changed.iter().map(|entry| retracted[*entry]).collect());
            self.calls.update(
                values,
                &SlotChanges {
                    slots: &step_slots,
                    rows: Some(&step_rows),
                    retracted: step_retracted.as_deref(),
                    sequence: None,
                },
            )?;
            let after = results.add_source(self.calls.evaluate(&of_step)?);
            let mut known = 0;
            for (at, event) in step.iter().enumerate() {
                let event = &events[*event];
                let row = row_of(event.entries.end - 1);
                let was_known = self.groups.is_known(event.slot);
                let time_before_ms = self.groups.group(event.slot).time_ms;
                self.groups.touch(event.slot, batch.times_ms[row], self.change + event.entries.start as u64);
                self.groups.set_known(event.slot);
                let time_ms = self.groups.group(event.slot).time_ms;
                let headers = batch.headers.as_ref().map(|headers| headers[row].clone());
                let window = self.window_of(event.slot);
                let result = |kind, row_time_ms, values| OutputRow {
                    kind,
                    window,
                    row_time_ms,
                    time_ms,
                    values,
                    headers: headers.clone(),
                };
                let produced = &mut produced[step[at]];
                if was_known && let Some(source) = before {
                    let values = ValuesAt { source, row: known };
                    produced.push(result(RowKind::UpdateBefore, time_before_ms, values));
                    known += 1;
                }
                let kind = if was_known { RowKind::UpdateAfter } else { RowKind::Insert };
                produced.push(result(kind, time_ms, ValuesAt { source: after, row: at }));
            }
        }
        self.change += slots.len() as u64;
        // Nothing is left for the end of the round.
        self.groups.take_touched();
        for (event, rows) in events.iter().zip(produced) {
            for row in rows {
                results.push(&self.groups.group(event.slot).key, row);
            }
        }
        self.output.emit(results, out)
    }

    pub(super) fn window_of(&self, slot: u32) -> Option<(i64, i64)> {
        let start_ms = self.groups.group(slot).start_ms;
        self.windows.map(|(windows, _)| (start_ms, windows.end(start_ms)))
    }

    /// Passes on the results of the groups that changed in the round.
    fn emit_touched(&mut self, out: &mut Vec<ChangeBatch>) -> Result<()> {
        let touched = self.groups.take_touched();
        let before = std::mem::take(&mut self.before);
        let headers = std::mem::take(&mut self.headers);
        let mut rest = &touched[..];
        while !rest.is_empty() {
            let mut results = Results::default();
            let mut taken = 0;
            while taken < rest.len() && !results.is_full() {
                let slot = rest[taken];
                let time_ms = self.groups.group(slot).time_ms;
                let result = |kind, row_time_ms, values| OutputRow {
                    kind,
                    window: self.window_of(slot),
                    row_time_ms,
                    time_ms,
                    values,
                    headers: headers.get(&slot).cloned(),
                };
                let known = self.groups.is_known(slot);
                let key = &self.groups.group(slot).key;
                if let Some((at, row_time_ms)) = before.rows.get(&slot) {
                    let values = ValuesAt { source: at.source + 1, row: at.row };
                    results.push(key, result(RowKind::UpdateBefore, *row_time_ms, values));
                }
                let kind = if known { RowKind::UpdateAfter } else { RowKind::Insert };
                results.push(key, result(kind, time_ms, ValuesAt { source: 0, row: taken }));
                taken += 1;
            }
            let (slots, others) = rest.split_at(taken);
            rest = others;
            results.add_source(self.calls.evaluate(slots)?);
            results.sources.extend(before.sources.iter().cloned());
            self.output.emit(results, out)?;
            slots.iter().for_each(|slot| self.groups.set_known(*slot));
        }
        Ok(())
    }

    /// Forgets the groups of windows that start before a bound.
    pub(super) fn forget_before(&mut self, open_from_ms: i64) {
        for slot in self.groups.remove_before(open_from_ms) {
            self.calls.reset(slot);
        }
    }

    /// Stream time now.
    pub(super) fn stream_time_ms(&self) -> i64 {
        self.progress.stream_time_ms
    }
}

impl Operator for WindowAggregate {
    fn name(&self) -> &'static str {
        if self.windows.is_some() { "WindowAggregate" } else { "Aggregate" }
    }

    fn process(
        &mut self,
        _input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        self.open(context.store)?;
        let batch = admit(batch, self.group_columns, &mut context.ledger.filtered)?;
        let windows_per_row = self.windows.map_or(1, |(windows, _)| windows.per_instant_max());
        // Rows of tables come in pairs that belong together; they have no windows and are not divided.
        let rows_max = match self.windows {
            None => batch.rows().max(1),
            Some(_) => (ENTRIES_MAX / windows_per_row).max(1) as usize,
        };
        let mut from = 0;
        while from < batch.rows() {
            let rows = rows_max.min(batch.rows() - from);
            if rows == batch.rows() {
                return self.take(&batch, context, out);
            }
            self.take(&batch.slice(from, rows), context, out)?;
            from += rows;
        }
        Ok(())
    }

    fn advance(
        &mut self,
        _input: Input,
        stream_time_ms: i64,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        self.open(context.store)?;
        let time_before_ms = self.progress.stream_time_ms;
        if self.windows.is_none() || stream_time_ms <= time_before_ms {
            return Ok(());
        }
        self.progress.stream_time_ms = stream_time_ms;
        if self.emit == Emit::Final {
            self.emit_closed(time_before_ms, &[Closer::elsewhere(stream_time_ms)], context, out)?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_>, out: &mut Vec<ChangeBatch>) -> Result<()> {
        self.open(context.store)?;
        match self.emit {
            Emit::Changes => self.emit_touched(out)?,
            Emit::Final => {
                self.groups.take_touched();
                self.headers.clear();
            }
        }
        if let Some((_, closing)) = self.windows {
            self.forget_before(closing.open_from(self.progress.stream_time_ms));
        }
        Ok(())
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        if let Some((_, closing)) = self.windows {
            let deleted_before_ms = closing.open_from(self.committed.stream_time_ms);
            let open_from_ms = closing.open_from(self.progress.stream_time_ms);
            let any_stored = self.committed.stored_start_ms >= deleted_before_ms;
            if open_from_ms > deleted_before_ms && any_stored {
                self.delete_windows(deleted_before_ms..open_from_ms, changes);
            }
        }
        let mut value = Vec::new();
        let dirty = self.groups.take_dirty();
        for slot in &dirty {
            self.store_group(*slot, &mut value, changes);
            let stored_start_ms = &mut self.progress.stored_start_ms;
            *stored_start_ms = (*stored_start_ms).max(self.groups.group(*slot).start_ms);
        }
        if self.windows.is_none() {
            if !dirty.is_empty() {
                self.groups.committed(Stored::Anything);
            }
            return Ok(());
        }
        if self.progress != self.committed {
            value.clear();
            let start = encoding::begin(&mut value);
            encoding::put_i64(&mut value, self.progress.stream_time_ms);
            encoding::put_i64(&mut value, self.progress.stored_start_ms);
            encoding::seal(&mut value, start);
            changes.put(self.room_keys.progress(), value);
            self.committed = self.progress;
            self.groups.committed(Stored::Through(self.progress.stored_start_ms));
        }
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        let before: usize =
            self.before.sources.iter().flatten().map(|column| column.get_array_memory_size()).sum();
        self.groups.memory_bytes() + self.calls.memory_bytes() + before
    }

    fn evict(&mut self, bytes_max: usize) {
        let held = self.groups.memory_bytes() + self.calls.memory_bytes();
        if held <= bytes_max || self.groups.slots() == 0 {
            return;
        }
        let kept_max = self.groups.slots() as u128 * bytes_max as u128 / held as u128;
        let kept = self.groups.hottest(usize::try_from(kept_max).unwrap_or(usize::MAX));
        self.groups.retain(&kept);
        self.calls.retain(&kept);
        // Results that wait for the end of the round know their groups by slots, which have moved.
        assert!(self.before.rows.is_empty() && self.headers.is_empty(), "the round is over");
    }
}

/// Entries that change one group and have one result: one row, or the old and the new row of an update
/// that stays in its group.
struct Event {
    slot: u32,
    entries: std::ops::Range<usize>,
}

fn events(batch: &ChangeBatch, slots: &[u32], row_of: &dyn Fn(usize) -> usize) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::with_capacity(slots.len());
    let each = matches!(batch.kinds, Kinds::Each(_));
    for (entry, slot) in slots.iter().enumerate() {
        let completes_update = each
            && entry > 0
            && batch.kinds.get(row_of(entry)) == RowKind::UpdateAfter
            && batch.kinds.get(row_of(entry - 1)) == RowKind::UpdateBefore;
        match events.last_mut() {
            Some(last) if completes_update && last.slot == *slot => last.entries.end = entry + 1,
            _ => events.push(Event { slot: *slot, entries: entry..entry + 1 }),
        }
    }
    events
}

/// Which entries take a row back; `None` if none does.
fn retracted(batch: &ChangeBatch, rows: Option<&[u32]>) -> Option<Vec<bool>> {
    let Kinds::Each(_) = batch.kinds else { return None };
    let retracts = |row: usize| batch.kinds.get(row).retracts();
    Some(match rows {
        None => (0..batch.rows()).map(retracts).collect(),
        Some(rows) => rows.iter().map(|row| retracts(*row as usize)).collect(),
    })
}
