//! EMIT FINAL for windows of fixed size: one result of each group, when its window is closed.
//!
//! Windows close in the order of their starts, whatever the sizes of batches, because all of them live
//! equally long; the groups of a window are passed on in the order of their keys. So all windows that
//! a batch has closed can be passed on behind it: rows that came for them after that are late.
//!
//! Groups that are not in memory are read from the store in the same order, a batch of results at a time,
//! and forgotten again: a window may have more of them than memory holds.
//!
//! A result leaves with the event time of its own rows and the headers of the record that closed its
//! window. What becomes of results that this record's event time has overtaken is [`Overtaken`]'s
//! matter.

use std::cmp::Ordering;
use std::iter::Peekable;

use bytes::Bytes;
use tidemill_storage::state::StateStore;

use super::aggregate::Overtaken;
use super::aggregate::output::{OutputRow, Results, ValuesAt};
use super::window_aggregate::WindowAggregate;
use super::{Context, Dropped, Report, keep_report};
use crate::batch::{ChangeBatch, Headers, RowKind};
use crate::error::{Error, Result};
use crate::windows::{FixedClosing, FixedWindows};

/// What closed windows: the first row at which stream time was that or later.
pub(super) struct Closer {
    /// Stream time from there on.
    pub(super) time_ms: i64,
    /// The row's headers, where it has some.
    pub(super) headers: Option<Headers>,
}

impl Closer {
    /// A row of another shard.
    pub(super) fn elsewhere(time_ms: i64) -> Closer {
        Closer { time_ms, headers: None }
    }
}

impl WindowAggregate {
    /// Passes on and forgets the windows that some rows have closed, given stream time before them.
    pub(super) fn emit_closed(
        &mut self,
        time_before_ms: i64,
        closers: &[Closer],
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let Some((windows, closing)) = self.windows else { return Ok(()) };
        let (was_open_from_ms, open_from_ms) =
            (closing.open_from(time_before_ms), closing.open_from(self.stream_time_ms()));
        if was_open_from_ms == open_from_ms {
            return Ok(());
        }
        if !self.groups.any_absent_from(was_open_from_ms) {
            let mut nothing = std::iter::empty().peekable();
            while let Some(start_ms) = self.next_in_memory(open_from_ms) {
                self.emit_window(start_ms, (windows, closing), closers, &mut nothing, context, out)?;
            }
            return Ok(());
        }
        let snapshot = context.store.snapshot();
        let mut stored = snapshot.scan(self.room_keys.windows(was_open_from_ms..open_from_ms)).peekable();
        loop {
            let next_stored = match stored.peek() {
                None => None,
                Some(Ok((key, _))) => Some(self.room_keys.parse_timed(key)?.0),
                Some(Err(_)) => match stored.next() {
                    Some(Err(error)) => return Err(error.into()),
                    _ => None,
                },
            };
            let next = self.next_in_memory(open_from_ms).into_iter().chain(next_stored).min();
            let Some(start_ms) = next else { return Ok(()) };
            self.emit_window(start_ms, (windows, closing), closers, &mut stored, context, out)?;
        }
    }

    fn next_in_memory(&self, open_from_ms: i64) -> Option<i64> {
        self.groups.starts_before(open_from_ms).next()
    }

    /// Takes over a stored group that memory does not have.
    fn load_stored(
        &mut self,
        start_ms: i64,
        (key, value): (&[u8], &[u8]),
        store: &dyn StateStore,
    ) -> Result<u32> {
        let hash = self.groups.hash(key);
        let (mut slots, mut absent) = (Vec::new(), Vec::new());
        self.groups.resolve(&[hash], Some(&[start_ms]), |_| key, &mut slots, &mut absent);
        self.calls.resize(self.groups.slots());
        let [slot] = slots[..] else { return Err(Error::internal("a group has no slot")) };
        self.load(slot, value, store)?;
        Ok(slot)
    }

    /// Passes on the groups of a window, those in memory and those that `stored` has of it from its place
    /// on, and forgets it with all before.
    fn emit_window(
        &mut self,
        start_ms: i64,
        (windows, closing): (FixedWindows, FixedClosing),
        closers: &[Closer],
        stored: &mut Peekable<impl Iterator<Item = StoredEntry>>,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let closer =
            closers.get(closers.partition_point(|closer| closer.time_ms < closing.closes_at(start_ms)));
        let is_overtaken = closer.is_some_and(|closer| {
            windows.latest_start(closer.time_ms).saturating_sub(start_ms) > self.retention_ms
        });
        if is_overtaken && self.overtaken == Overtaken::Forget {
            let end_ms = windows.end(start_ms);
            let retention_ms = self.retention_ms;
            keep_report(context.reports, || {
                let reason = format!(
                    "the final results of the window [{start_ms}, {end_ms}) are lost: its retention of \
                     {retention_ms} ms was over when it was closed; a longer RETENTION keeps them",
                );
                Report::of_row(Dropped::Late, end_ms, reason)
            });
            while self.next_of_window(stored, start_ms)?.is_some() {}
            self.forget_before(start_ms.saturating_add(1));
            return Ok(());
        }
        let headers = closer.and_then(|closer| closer.headers.clone());
        let mut in_memory = self.groups.slots_of(start_ms).into_iter().peekable();
        let mut next_stored = self.next_of_window(stored, start_ms)?;
        loop {
            let mut results = Results::default();
            let (mut slots, mut loaded) = (Vec::new(), Vec::new());
            while !results.is_full() {
                let next = match (in_memory.peek(), &next_stored) {
                    (None, None) => break,
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some(slot), Some((key, _))) => self.groups.group(*slot).key[..].cmp(&key[..]),
                };
                match (next, next_stored.take()) {
                    (Ordering::Less, stored_later) => {
                        slots.extend(in_memory.next());
                        next_stored = stored_later;
                    }
                    (Ordering::Greater, Some((key, value))) => {
                        let slot =
                            self.load_stored(start_ms, (&key[..], &value[..]), context.store.as_ref())?;
                        loaded.push(slot);
                        slots.push(slot);
                        next_stored = self.next_of_window(stored, start_ms)?;
                    }
                    // What memory has is newer.
                    (Ordering::Equal | Ordering::Greater, _) => {
                        next_stored = self.next_of_window(stored, start_ms)?;
                        continue;
                    }
                }
                self.push_final(&slots, &headers, &mut results);
            }
            if slots.is_empty() {
                break;
            }
            results.add_source(self.calls.evaluate(&slots)?);
            self.output.emit(results, out)?;
            // More groups may be stored than memory holds.
            loaded.iter().for_each(|slot| self.calls.reset(*slot));
            self.groups.remove(&loaded);
        }
        self.forget_before(start_ms.saturating_add(1));
        Ok(())
    }

    /// Adds the row of the last of some slots.
    fn push_final(&self, slots: &[u32], headers: &Option<Headers>, results: &mut Results) {
        let Some((slot, before)) = slots.split_last() else { return };
        let group = self.groups.group(*slot);
        let row = OutputRow {
            kind: RowKind::Insert,
            window: self.window_of(*slot),
            row_time_ms: group.time_ms,
            time_ms: group.time_ms,
            values: ValuesAt { source: 0, row: before.len() },
            headers: headers.clone(),
        };
        results.push(&group.key, row);
    }

    /// The next stored group of a window: its key and its value.
    fn next_of_window(
        &self,
        stored: &mut Peekable<impl Iterator<Item = StoredEntry>>,
        start_ms: i64,
    ) -> Result<Option<(Bytes, Bytes)>> {
        let of_window = |entry: &StoredEntry| match entry {
            Ok((key, _)) => self.room_keys.parse_timed(key).is_ok_and(|(at_ms, _)| at_ms == start_ms),
            Err(_) => true,
        };
        let Some(entry) = stored.next_if(of_window) else { return Ok(None) };
        let (key, value) = entry?;
        let group_key = key.slice_ref(self.room_keys.parse_timed(&key)?.1);
        Ok(Some((group_key, value)))
    }
}

/// A key of the store and its value.
type StoredEntry = tidemill_storage::Result<(Bytes, Bytes)>;

/// The rows of a batch at which stream time advanced.
pub(super) fn closers(time_before_ms: i64, batch: &ChangeBatch) -> Vec<Closer> {
    let mut stream_time_ms = time_before_ms;
    let mut closers = Vec::new();
    for (row, time_ms) in batch.stream_times_ms().iter().enumerate() {
        if *time_ms > stream_time_ms {
            stream_time_ms = *time_ms;
            let headers = batch.headers.as_ref().map(|headers| headers[row].clone());
            closers.push(Closer { time_ms: stream_time_ms, headers });
        }
    }
    closers
}
