//! GROUP BY with SESSION windows.
//!
//! A record joins the open sessions of its key that are at most the gap away, which thereby become
//! one, or begins a session of its own. A record whose session would be closed is late, and counted
//! and reported as such; closed sessions are joined by nothing.
//!
//! A session is known downstream by its bounds, so one that grows is withdrawn under its old bounds
//! and passed on under the new ones: a delete of each session that was joined, at that session's end,
//! then the result, at the end of the session it has become. Results are passed on change by change,
//! or once a round for each session that changed, in the order of the last changes. With EMIT FINAL
//! only closed sessions are passed on, once, in the order of (end, start, key).
//!
//! How sessions are stored is told in [`super::session_storage`].

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use tidemill_sql::plan::Emit;
use tidemill_storage::state::{StateStore, WriteBatch};

use super::aggregate::AggregateSpec;
use super::aggregate::admission::admit;
use super::aggregate::calls::{Calls, SlotChanges, Values};
use super::aggregate::output::{Output, OutputRow, Results, ValuesAt};
use super::aggregate::steps::steps;
use super::session_storage::Progress;
use super::suppress::{Closer, closers};
use super::{Context, Input, Operator};
use crate::batch::{ChangeBatch, Headers, RowKind};
use crate::error::Result;
use crate::state::{RoomKeys, Session, Sessions, StateRoom};
use crate::windows::{Bounds, SessionClosing};

/// The most keys that are over which one round takes from the timeline; the next round goes on.
const SWEPT_KEYS_MAX: usize = 4_096;

/// Aggregates in sessions.
pub(super) struct SessionAggregate {
    pub(super) calls: Calls,
    output: Output,
    pub(super) sessions: Sessions,
    pub(super) room_keys: RoomKeys,
    pub(super) closing: SessionClosing,
    emit: Emit,
    with_before: bool,
    group_columns: usize,
    pub(super) progress: Progress,
    /// What of the progress the store has.
    pub(super) committed: Progress,
    pub(super) opened: bool,
    /// The store may have all sessions of a key together.
    pub(super) may_be_together: bool,
    /// Stored keys whose earliest session ends before this have been dealt with.
    pub(super) swept_before_ms: i64,
    /// Results that changes of the round replace: their sources, and where each is.
    before: Vec<Vec<ArrayRef>>,
    before_rows: Vec<ValuesAt>,
    /// Headers of the last change of each touched session, where records have some.
    headers: HashMap<u32, Headers, ahash::RandomState>,
}

/// Changes that wait to be applied together.
#[derive(Default)]
struct Pending {
    slots: Vec<u32>,
    rows: Vec<u32>,
    sequence: Vec<u64>,
    /// Sessions whose results must be kept before the changes are applied.
    replaced: Vec<u32>,
}

/// A row that was taken.
struct Taken {
    id: u32,
    row: usize,
    stream_time_ms: i64,
}

impl SessionAggregate {
    /// Of a specification with sessions.
    ///
    /// # Errors
    /// Calls or groups that do not fit the input.
    pub(super) fn new(
        spec: &AggregateSpec,
        closing: SessionClosing,
        room: StateRoom,
    ) -> Result<SessionAggregate> {
        let none = Progress { stream_time_ms: i64::MIN, change: 0 };
        Ok(SessionAggregate {
            calls: Calls::new(spec)?,
            output: Output::new(spec)?,
            sessions: Sessions::new(room.fresh),
            room_keys: RoomKeys::new(&room),
            closing,
            emit: spec.emit,
            with_before: spec.with_before,
            group_columns: spec.groups.len(),
            progress: none,
            committed: none,
            opened: room.fresh,
            may_be_together: false,
            swept_before_ms: i64::MIN,
            before: Vec::new(),
            before_rows: Vec::new(),
            headers: HashMap::default(),
        })
    }

    /// Numbers of the keys of a batch's rows; what the store has of new ones is loaded.
    fn resolve(&mut self, batch: &ChangeBatch, store: &Arc<dyn StateStore>) -> Result<Vec<u32>> {
        let keys = self.output.codec().encode(&batch.columns.columns()[..self.group_columns])?;
        let (mut ids, mut absent) = (Vec::with_capacity(batch.rows()), Vec::new());
        self.sessions.resolve(batch.rows(), |row| keys.get(row), &mut ids, &mut absent);
        self.load_all(&absent, store)?;
        Ok(ids)
    }

    /// Lets stream time advance row by row; gives the rows whose event time can be in a session.
    fn advance(&mut self, batch: &ChangeBatch, ids: &[u32], context: &mut Context<'_>) -> Vec<Taken> {
        let mut taken = Vec::with_capacity(ids.len());
        for (row, id) in ids.iter().enumerate() {
            let time_ms = batch.times_ms[row];
            if time_ms < 0 {
                context.reject(time_ms, || {
                    format!("its event time, {time_ms}, is before the epoch, where no session is")
                });
                continue;
            }
            let stream_time_ms = batch.stream_times_ms()[row].max(self.progress.stream_time_ms);
            self.progress.stream_time_ms = stream_time_ms;
            taken.push(Taken { id: *id, row, stream_time_ms });
        }
        taken
    }

    /// The sessions a row joins; `None`, counted and reported, if it is late.
    fn joined_by(&self, taken: &Taken, time_ms: i64, context: &mut Context<'_>) -> Option<Range<usize>> {
        let joined = self.sessions.joined_by(taken.id, time_ms, &self.closing, taken.stream_time_ms);
        if joined.is_none() {
            context.drop_late(time_ms, || {
                let open_from_ms = self.closing.open_from(taken.stream_time_ms);
                let stream_time_ms = taken.stream_time_ms;
                format!(
                    "its session is closed: sessions that end before {open_from_ms} are, at stream time {stream_time_ms}"
                )
            });
        }
        joined
    }

    /// Applies all rows; results wait for the end of the round, or of their session.
    fn change_all(
        &mut self,
        batch: &ChangeBatch,
        rows: &[Taken],
        values: &Values,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let mut pending = Pending::default();
        for taken in rows {
            let time_ms = batch.times_ms[taken.row];
            let Some(joined) = self.joined_by(taken, time_ms, context) else { continue };
            if self.with_before && self.emit == Emit::Changes {
                self.remember_replaced(taken.id, joined.clone(), &mut pending);
            }
            let sequence = self.progress.change;
            self.progress.change += 1;
            let (slot, absorbed) = self.sessions.join(taken.id, joined, time_ms, sequence);
            self.calls.resize(self.sessions.slots());
            if !absorbed.is_empty() {
                // What the sessions have so far must be in them before they merge.
                self.apply(&mut pending, values)?;
                for session in absorbed {
                    self.calls.merge(slot, session.slot)?;
                    self.headers.remove(&session.slot);
                    self.sessions.free_slot(session.slot);
                }
            }
            pending.slots.push(slot);
            pending.rows.push(taken.row as u32);
            pending.sequence.push(sequence);
            match &batch.headers {
                Some(headers) => {
                    self.headers.insert(slot, headers[taken.row].clone());
                }
                None => {
                    self.headers.remove(&slot);
                }
            }
        }
        self.apply(&mut pending, values)
    }

    /// Notes which results the row replaces, where they are not noted yet in this round.
    fn remember_replaced(&mut self, id: u32, joined: Range<usize>, pending: &mut Pending) {
        for session in &mut self.sessions.sessions_mut(id)[joined] {
            for (_, before) in session.known.iter_mut().filter(|(_, before)| before.is_none()) {
                *before = Some(self.before_rows.len() as u32);
                self.before_rows.push(ValuesAt { source: self.before.len(), row: pending.replaced.len() });
                pending.replaced.push(session.slot);
            }
        }
    }

    fn apply(&mut self, pending: &mut Pending, values: &Values) -> Result<()> {
        if !pending.replaced.is_empty() {
            self.before.push(self.calls.evaluate(&pending.replaced)?);
        }
        if !pending.slots.is_empty() {
            self.calls.update(
                values,
                &SlotChanges {
                    slots: &pending.slots,
                    rows: Some(&pending.rows),
                    retracted: None,
                    sequence: Some(&pending.sequence),
                },
            )?;
        }
        *pending = Pending::default();
        Ok(())
    }

    /// Applies rows and passes on the results of each; see [`super::aggregate::steps`].
    fn change_each(
        &mut self,
        batch: &ChangeBatch,
        rows: &[Taken],
        values: &Values,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let mut results = Results::default();
        let mut produced: Vec<Vec<OutputRow>> = vec![Vec::new(); rows.len()];
        let first_change = self.progress.change;
        self.progress.change += rows.len() as u64;
        for step in steps(rows.iter().map(|taken| taken.id)) {
            let before_source = results.sources.len();
            let after_source = before_source + usize::from(self.with_before);
            let mut pending = Pending::default();
            let mut merges: Vec<(u32, u32)> = Vec::new();
            for position in step {
                let taken = &rows[position];
                let time_ms = batch.times_ms[taken.row];
                let Some(joined) = self.joined_by(taken, time_ms, context) else { continue };
                let headers = batch.headers.as_ref().map(|headers| headers[taken.row].clone());
                let sequence = first_change + position as u64;
                let old: Vec<(Bounds, u32)> = self.sessions.key(taken.id).sessions[joined.clone()]
                    .iter()
                    .map(|session| (session.bounds, session.slot))
                    .collect();
                let (slot, absorbed) = self.sessions.join(taken.id, joined, time_ms, sequence);
                merges.extend(absorbed.iter().map(|session| (slot, session.slot)));
                let instant = Bounds::instant(time_ms);
                let bounds = old.iter().fold(instant, |all, (one, _)| all.joined(*one));
                // Only a session of one instant stays where it is when a row of that instant comes. A
                // row inside a longer session withdraws it and passes it on again, as in ksqlDB.
                let stays = !old.is_empty() && bounds == instant;
                for (old, old_slot) in old {
                    let values = if self.with_before {
                        pending.replaced.push(old_slot);
                        ValuesAt { source: before_source, row: pending.replaced.len() - 1 }
                    } else {
                        ValuesAt::NULL
                    };
                    let kind = if stays { RowKind::UpdateBefore } else { RowKind::Delete };
                    if kind == RowKind::Delete || self.with_before {
                        produced[position].push(output_row(kind, old, values, headers.clone()));
                    }
                }
                let kind = if stays { RowKind::UpdateAfter } else { RowKind::Insert };
                let at = ValuesAt { source: after_source, row: pending.slots.len() };
                produced[position].push(output_row(kind, bounds, at, headers));
                pending.slots.push(slot);
                pending.rows.push(taken.row as u32);
                pending.sequence.push(sequence);
            }
            self.calls.resize(self.sessions.slots());
            if self.with_before {
                results.add_source(self.calls.evaluate(&std::mem::take(&mut pending.replaced))?);
            }
            for (into, from) in merges {
                self.calls.merge(into, from)?;
                self.sessions.free_slot(from);
            }
            let changed = pending.slots.clone();
            self.apply(&mut pending, values)?;
            results.add_source(self.calls.evaluate(&changed)?);
        }
        // Nothing is left for the end of the round.
        for id in self.sessions.take_touched() {
            self.sessions.sessions_mut(id).iter_mut().for_each(passed_on);
        }
        for (taken, rows) in rows.iter().zip(produced) {
            for row in rows {
                results.push(&self.sessions.key(taken.id).key, row);
            }
        }
        self.output.emit(results, out)
    }

    /// Passes on the results of the sessions that changed in the round.
    fn emit_touched(&mut self, out: &mut Vec<ChangeBatch>) -> Result<()> {
        let mut touched: Vec<(u64, u32, Session)> = Vec::new();
        for id in self.sessions.take_touched() {
            for session in self.sessions.sessions_mut(id).iter_mut().filter(|session| session.touched) {
                touched.push((session.touched_at, id, session.clone()));
                passed_on(session);
            }
        }
        touched.sort_unstable_by_key(|(touched_at, _, _)| *touched_at);
        let before = std::mem::take(&mut self.before);
        let before_rows = std::mem::take(&mut self.before_rows);
        let headers = std::mem::take(&mut self.headers);
        let mut rest = &touched[..];
        while !rest.is_empty() {
            let mut results = Results::default();
            let mut slots = Vec::new();
            for (_, id, session) in rest {
                if results.is_full() {
                    break;
                }
                let key = &self.sessions.key(*id).key;
                let headers = headers.get(&session.slot).cloned();
                let mut kind = RowKind::Insert;
                for (bounds, before) in &session.known {
                    let at = before.and_then(|before| before_rows.get(before as usize));
                    let values =
                        at.map_or(ValuesAt::NULL, |at| ValuesAt { source: at.source + 1, row: at.row });
                    if *bounds != session.bounds {
                        results.push(key, output_row(RowKind::Delete, *bounds, values, headers.clone()));
                        continue;
                    }
                    kind = RowKind::UpdateAfter;
                    if self.with_before {
                        results
                            .push(key, output_row(RowKind::UpdateBefore, *bounds, values, headers.clone()));
                    }
                }
                let values = ValuesAt { source: 0, row: slots.len() };
                results.push(key, output_row(kind, session.bounds, values, headers));
                slots.push(session.slot);
            }
            rest = &rest[slots.len()..];
            results.add_source(self.calls.evaluate(&slots)?);
            results.sources.extend(before.iter().cloned());
            self.output.emit(results, out)?;
        }
        Ok(())
    }

    /// Passes on the sessions that some rows have closed, given stream time before them.
    fn emit_closed(
        &mut self,
        time_before_ms: i64,
        closers: &[Closer],
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let open_from_ms = self.closing.open_from(self.progress.stream_time_ms);
        if open_from_ms == self.closing.open_from(time_before_ms) {
            return Ok(());
        }
        self.sweep(open_from_ms, usize::MAX, time_before_ms, context.store)?;
        let closed = self.sessions.close_before(open_from_ms);
        let mut rest = &closed[..];
        while !rest.is_empty() {
            let mut results = Results::default();
            let mut slots = Vec::new();
            for (id, session) in rest {
                if results.is_full() {
                    break;
                }
                let is_open = |closer: &Closer| !self.closing.is_closed(session.bounds, closer.time_ms);
                let closer = closers.get(closers.partition_point(is_open));
                let headers = closer.and_then(|closer| closer.headers.clone());
                let values = ValuesAt { source: 0, row: slots.len() };
                let row = output_row(RowKind::Insert, session.bounds, values, headers);
                results.push(&self.sessions.key(*id).key, row);
                slots.push(session.slot);
            }
            rest = &rest[slots.len()..];
            results.add_source(self.calls.evaluate(&slots)?);
            self.output.emit(results, out)?;
        }
        self.forget(&closed);
        Ok(())
    }

    fn forget(&mut self, closed: &[(u32, Session)]) {
        for (_, session) in closed {
            self.calls.reset(session.slot);
            self.sessions.free_slot(session.slot);
        }
    }
}

impl Operator for SessionAggregate {
    fn name(&self) -> &'static str {
        "SessionAggregate"
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
        let time_before_ms = self.progress.stream_time_ms;
        let ids = self.resolve(&batch, context.store)?;
        let rows = self.advance(&batch, &ids, context);
        let values = self.calls.values(&batch.columns)?;
        if self.emit == Emit::Changes && context.every_update {
            self.change_each(&batch, &rows, &values, context, out)?;
        } else {
            self.change_all(&batch, &rows, &values, context)?;
        }
        if let Some(time_ms) = batch.times_ms.last() {
            self.calls.report_troubles(*time_ms, context.reports);
        }
        if self.emit == Emit::Final {
            self.emit_closed(time_before_ms, &closers(time_before_ms, &batch), context, out)?;
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
        if stream_time_ms <= time_before_ms {
            return Ok(());
        }
        self.progress.stream_time_ms = stream_time_ms;
        match self.emit {
            Emit::Changes => Ok(()),
            Emit::Final => {
                self.emit_closed(time_before_ms, &[Closer::elsewhere(stream_time_ms)], context, out)
            }
        }
    }

    fn flush(&mut self, context: &mut Context<'_>, out: &mut Vec<ChangeBatch>) -> Result<()> {
        self.open(context.store)?;
        match self.emit {
            Emit::Changes => {
                self.emit_touched(out)?;
                let open_from_ms = self.closing.open_from(self.progress.stream_time_ms);
                // Once a gap is enough: a session that is over costs nothing but its place.
                let due = self.swept_before_ms.saturating_add(self.closing.gap_ms());
                if open_from_ms >= due {
                    self.sweep(open_from_ms, SWEPT_KEYS_MAX, self.progress.stream_time_ms, context.store)?;
                }
                let closed = self.sessions.close_before(open_from_ms);
                self.forget(&closed);
            }
            Emit::Final => {
                for id in self.sessions.take_touched() {
                    self.sessions.sessions_mut(id).iter_mut().for_each(passed_on);
                }
                self.headers.clear();
            }
        }
        Ok(())
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        self.store_changes(changes);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        let before: usize = self.before.iter().flatten().map(|column| column.get_array_memory_size()).sum();
        self.sessions.memory_bytes() + self.calls.memory_bytes() + before
    }

    fn evict(&mut self, bytes_max: usize) {
        let held = self.sessions.memory_bytes() + self.calls.memory_bytes();
        if held <= bytes_max || self.sessions.is_empty() {
            return;
        }
        let kept_max = self.sessions.len() as u128 * bytes_max as u128 / held as u128;
        let kept = self.sessions.retain_hottest(usize::try_from(kept_max).unwrap_or(usize::MAX));
        self.calls.retain(&kept);
        // Results that wait for the end of the round know their sessions by slots, which have moved.
        assert!(self.before_rows.is_empty() && self.headers.is_empty(), "the round is over");
    }
}

fn output_row(kind: RowKind, bounds: Bounds, values: ValuesAt, headers: Option<Headers>) -> OutputRow {
    let time_ms = bounds.end_ms;
    OutputRow {
        kind,
        window: Some((bounds.start_ms, time_ms)),
        row_time_ms: time_ms,
        time_ms,
        values,
        headers,
    }
}

/// Downstream knows the session as it is now.
fn passed_on(session: &mut Session) {
    session.touched = false;
    session.known = vec![(session.bounds, None)];
}
