//! Records of two streams with the same key and near event times.
//!
//! A record meets those of the other side that are kept and near enough, in the order of their times,
//! and is then kept for those that follow. A result's time is the later of the two. Records whose key
//! is null meet nobody.
//!
//! Outer joins pass on unmatched records too. With a grace period a record waits until its window and
//! the grace are over, by stream time (the greatest event time of both sides), and is passed on alone
//! only if it met nobody; records are kept for the window and the grace. A record that comes when its
//! own window is over already does not wait for the grace: it is passed on alone at once, even if
//! somebody follows, as ksqlDB has it. Without a grace period nothing waits, and that is so of every
//! record.
//!
//! ```text
//! progress  = stream time of the left side, of the right side, of both; number of the next record;
//!             whether records are windowed (1 byte)
//! 10        = records of the left side, 11 = of the right side, 12 = waiting records
//! ```

use std::ops::{Range, RangeInclusive};

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::JoinType;
use tidemill_sql::plan::join::JoinKind;
use tidemill_storage::state::{StateStore, WriteBatch};

use super::output::{Arrived, EncodedRows, JoinOutput, Part, ResultRows, left_and_right};
use super::record_buffer::{Record, RecordBuffer};
use super::waiting::{Waiting, WaitingRecord};
use super::{JoinSpec, sub_room, unsupported};
use crate::batch::{ChangeBatch, RowKind};
use crate::error::{Error, Result};
use crate::operators::interleaved::{InputLedgers, Interleaved, process_in_turns};
use crate::operators::row_keys::RowKeys;
use crate::operators::{Context, Dropped, Input, Ledger, Operator, Report, keep_report};
use crate::state::encoding::Reader;
use crate::state::{RoomKeys, StateRoom, encoding};

const LEFT_RECORDS: u8 = 0x10;
const RIGHT_RECORDS: u8 = 0x11;
const WAITING_RECORDS: u8 = 0x12;

/// How long records are kept without a grace period, as ksqlDB does.
const RETENTION_MS: i64 = 24 * 60 * 60 * 1_000;

/// Joins two streams.
pub(super) struct StreamStreamJoin {
    matching: Matching,
    left_keys: RowKeys,
    right_keys: RowKeys,
    output: JoinOutput,
    left: RecordBuffer,
    right: RecordBuffer,
    waiting: Waiting,
    room_keys: RoomKeys,
    /// The greatest event time of both sides; none before the first record.
    stream_time_ms: Option<i64>,
    /// Number of the next record.
    sequence: u64,
    /// Whether records are windowed, as far as any has come.
    windowed: bool,
    /// No rows of the left side.
    no_rows: ChangeBatch,
    /// Whether what the store has must be read first.
    resumes: bool,
    /// Whether there was input since the last commit.
    progressed: bool,
}

/// Which records meet, and which are passed on alone.
struct Matching {
    before_ms: i64,
    after_ms: i64,
    grace_ms: Option<i64>,
    left_outer: bool,
    right_outer: bool,
}

impl Matching {
    /// The times of the records on the other side that a record meets.
    fn partners(&self, side: Input, time_ms: i64) -> RangeInclusive<i64> {
        let (back_ms, ahead_ms) = match side {
            Input::Left => (self.before_ms, self.after_ms),
            Input::Right => (self.after_ms, self.before_ms),
        };
        time_ms.saturating_sub(back_ms)..=time_ms.saturating_add(ahead_ms)
    }

    /// When the window of a record and its grace are over: stream time beyond that closes it.
    fn closes_ms(&self, side: Input, time_ms: i64) -> i64 {
        self.partners(side, time_ms).end().saturating_add(self.grace_ms.unwrap_or(0))
    }

    fn is_outer(&self, side: Input) -> bool {
        match side {
            Input::Left => self.left_outer,
            Input::Right => self.right_outer,
        }
    }

    fn retention_ms(&self) -> i64 {
        let span_ms = self.before_ms.saturating_add(self.after_ms);
        self.grace_ms.map_or(span_ms.max(RETENTION_MS), |grace_ms| span_ms.saturating_add(grace_ms))
    }
}

impl StreamStreamJoin {
    /// Inner, left, right or full.
    ///
    /// # Errors
    /// `Unsupported`: another join, or a type that cannot be kept.
    pub(super) fn new(spec: &JoinSpec, room: &StateRoom) -> Result<StreamStreamJoin> {
        let JoinKind::StreamStream { before_ms, after_ms, grace_ms } = spec.kind else {
            return Err(unsupported(spec));
        };
        let (left_outer, right_outer) = match spec.join_type {
            JoinType::Inner => (false, false),
            JoinType::Left => (true, false),
            JoinType::Right => (false, true),
            JoinType::Full => (true, true),
            _ => return Err(unsupported(spec)),
        };
        if before_ms < 0 || after_ms < 0 || grace_ms.is_some_and(|grace_ms| grace_ms < 0) {
            return Err(Error::internal(format!("a join's window is negative: {spec}")));
        }
        let matching = Matching { before_ms, after_ms, grace_ms, left_outer, right_outer };
        let span_ms = before_ms.saturating_add(after_ms);
        let buffer =
            |section: u8| RecordBuffer::new(&sub_room(room, section), span_ms, matching.retention_ms());
        Ok(StreamStreamJoin {
            left_keys: RowKeys::meeting(&spec.left.key, &spec.left.schema, spec.window)?,
            right_keys: RowKeys::meeting(&spec.right.key, &spec.right.schema, spec.window)?,
            output: JoinOutput::new(spec)?,
            left: buffer(LEFT_RECORDS),
            right: buffer(RIGHT_RECORDS),
            waiting: Waiting::new(&sub_room(room, WAITING_RECORDS)),
            room_keys: RoomKeys::new(room),
            stream_time_ms: None,
            sequence: 0,
            windowed: false,
            no_rows: ChangeBatch::inserts(RecordBatch::new_empty(spec.left.schema.clone()), vec![].into()),
            resumes: !room.fresh,
            progressed: false,
            matching,
        })
    }

    /// Goes on where the state in the store ends.
    fn resume(&mut self, store: &dyn StateStore) -> Result<()> {
        if !self.resumes {
            return Ok(());
        }
        if let Some(value) = store.get(&self.room_keys.progress())? {
            let mut reader = encoding::open(&value)?;
            self.left.resume(read_time(&mut reader)?);
            self.right.resume(read_time(&mut reader)?);
            self.stream_time_ms = read_time(&mut reader)?;
            self.sequence = reader.varint()?;
            let [windowed] = reader.array()?;
            self.windowed = windowed != 0;
            reader.finish()?;
            self.waiting.resume(store)?;
        }
        self.resumes = false;
        Ok(())
    }

    /// Lets stream time go on, and passes on the waiting records whose windows that has closed; `row` of
    /// what has arrived, if anything, is what closed them.
    fn advance_to(
        &mut self,
        stream_time_ms: i64,
        (arrived, row): (Arrived<'_>, usize),
        rows: &mut ResultRows,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        if self.stream_time_ms.is_some_and(|known_ms| stream_time_ms <= known_ms) {
            return Ok(());
        }
        self.stream_time_ms = Some(stream_time_ms);
        for closed in self.waiting.take_closed(stream_time_ms) {
            let window = if self.windowed { self.left_keys.window_of(&closed.key) } else { None };
            let parts = left_and_right(closed.side, Part::Kept(closed.row), Part::Missing);
            rows.push_windowed(RowKind::Insert, closed.time_ms, row, window, parts);
            self.output.emit_full(arrived, rows, out)?;
        }
        Ok(())
    }

    /// Makes the records of a batch ready to be joined: whom they may meet is in memory then.
    fn arriving<'a>(
        &mut self,
        input: Input,
        batch: &'a ChangeBatch,
        store: &dyn StateStore,
    ) -> Result<Arriving<'a>> {
        let keys = match input {
            Input::Left => self.left_keys.of(batch)?,
            Input::Right => self.right_keys.of(batch)?,
        };
        let matching = &self.matching;
        let keyed = || {
            keys.iter()
                .zip(batch.times_ms.iter().copied())
                .filter_map(|(key, time_ms)| key.as_ref().map(|key| (key, time_ms)))
        };
        let (own, other) = match input {
            Input::Left => (&mut self.left, &mut self.right),
            Input::Right => (&mut self.right, &mut self.left),
        };
        own.load(keyed().map(|(key, time_ms)| (key, time_ms..=time_ms)), store)?;
        other.load(keyed().map(|(key, time_ms)| (key, matching.partners(input, time_ms))), store)?;
        let encoded = self.output.side(input).encode(batch)?;
        Ok(Arriving { input, batch, keys, encoded })
    }

    /// Joins some records of a batch, and keeps them.
    fn join(
        &mut self,
        arriving: &Arriving<'_>,
        rows: Range<usize>,
        arrived: Arrived<'_>,
        (ledger, reports): (&mut Ledger, &mut Vec<Report>),
        results: &mut ResultRows,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let Arriving { input, batch, keys, encoded } = arriving;
        for row in rows {
            let (time_ms, reached_ms) = (batch.times_ms[row], batch.stream_times_ms()[row]);
            self.advance_to(reached_ms, (arrived, row), results, out)?;
            let own_part = || Part::Arrived(row as u32);
            let outer = self.matching.is_outer(*input);
            // A record without a value has nothing to join.
            let has_value = batch.kinds.get(row) != RowKind::NullValue;
            let Some(key) = keys[row].as_ref().filter(|_| has_value) else {
                if outer && has_value {
                    let (left, right) = left_and_right(*input, own_part(), Part::Missing);
                    results.push(RowKind::Insert, time_ms, (*batch, row), left, right);
                } else {
                    ledger.filtered += 1;
                }
                continue;
            };
            let (own, other) = match input {
                Input::Left => (&mut self.left, &self.right),
                Input::Right => (&mut self.right, &self.left),
            };
            own.advance(reached_ms);
            let mut matched = false;
            for partner in other.find(key, self.matching.partners(*input, time_ms)) {
                let closes_ms = self.matching.closes_ms(other_side(*input), partner.time_ms);
                self.waiting.remove(closes_ms, partner.sequence);
                let (left, right) = left_and_right(*input, own_part(), Part::Kept(partner.row.clone()));
                results.push(RowKind::Insert, time_ms.max(partner.time_ms), (*batch, row), left, right);
                self.output.emit_full(arrived, results, out)?;
                matched = true;
            }
            let sequence = self.sequence;
            self.sequence += 1;
            let record = Record { time_ms, sequence, row: encoded.copy(row) };
            let kept_row = record.row.clone();
            let kept = own.insert(key, record);
            if matched {
                continue;
            }
            if !outer {
                if !kept {
                    ledger.late += 1;
                    keep_report(reports, || {
                        let reason = "the time in which the join could match the record is over";
                        Report::of_row(Dropped::Late, time_ms, reason)
                    });
                }
                continue;
            }
            let window_end_ms = *self.matching.partners(*input, time_ms).end();
            let is_over = self.stream_time_ms.is_some_and(|stream_time_ms| window_end_ms < stream_time_ms);
            if self.matching.grace_ms.is_none() || is_over {
                let (left, right) = left_and_right(*input, own_part(), Part::Missing);
                results.push(RowKind::Insert, time_ms, (*batch, row), left, right);
            } else {
                let key = Bytes::copy_from_slice(key);
                let waits = WaitingRecord { side: *input, time_ms, key, row: kept_row };
                self.waiting.insert(self.matching.closes_ms(*input, time_ms), sequence, waits);
            }
        }
        Ok(())
    }
}

/// Records of one side that are to be joined.
struct Arriving<'a> {
    input: Input,
    batch: &'a ChangeBatch,
    keys: Vec<Option<Bytes>>,
    encoded: EncodedRows,
}

fn other_side(side: Input) -> Input {
    match side {
        Input::Left => Input::Right,
        Input::Right => Input::Left,
    }
}

impl Operator for StreamStreamJoin {
    fn name(&self) -> &'static str {
        "StreamStreamJoin"
    }

    fn process(
        &mut self,
        input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let store: &dyn StateStore = context.store.as_ref();
        self.resume(store)?;
        self.progressed = true;
        self.windowed = batch.windows.is_some();
        let arriving = self.arriving(input, &batch, store)?;
        let arrived = Arrived::one(input, &batch);
        let mut results = ResultRows::default();
        let books = (&mut *context.ledger, &mut *context.reports);
        self.join(&arriving, 0..batch.rows(), arrived, books, &mut results, out)?;
        self.output.emit(arrived, results, out)
    }

    fn process_both(
        &mut self,
        rows: &Interleaved,
        context: &mut Context<'_>,
        dropped: &mut InputLedgers,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let (left, right) = (rows.of(Input::Left), rows.of(Input::Right));
        if left.headers.is_some() || right.headers.is_some() {
            // A result has the headers of the record that led to it, which one batch of both sides cannot tell.
            return process_in_turns(self, rows, context, dropped, out);
        }
        let store: &dyn StateStore = context.store.as_ref();
        self.resume(store)?;
        self.progressed = true;
        self.windowed = left.windows.is_some();
        let arriving_left = self.arriving(Input::Left, left, store)?;
        let arriving_right = self.arriving(Input::Right, right, store)?;
        let arrived = Arrived::both(rows);
        let mut results = ResultRows::default();
        for (input, turn) in rows.turns() {
            let arriving = match input {
                Input::Left => &arriving_left,
                Input::Right => &arriving_right,
            };
            let books = (dropped.of(input), &mut *context.reports);
            self.join(arriving, turn, arrived, books, &mut results, out)?;
        }
        self.output.emit(arrived, results, out)
    }

    fn advance(
        &mut self,
        input: Input,
        stream_time_ms: i64,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        self.resume(context.store.as_ref())?;
        self.progressed = true;
        match input {
            Input::Left => self.left.advance(stream_time_ms),
            Input::Right => self.right.advance(stream_time_ms),
        }
        let no_rows = self.no_rows.clone();
        let mut rows = ResultRows::default();
        let nothing = Arrived::one(Input::Left, &no_rows);
        self.advance_to(stream_time_ms, (nothing, 0), &mut rows, out)?;
        self.output.emit(nothing, rows, out)
    }

    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        if !self.progressed {
            return Ok(());
        }
        self.progressed = false;
        self.left.commit(changes);
        self.right.commit(changes);
        self.waiting.commit(changes);
        let mut value = Vec::new();
        let start = encoding::begin(&mut value);
        put_time(&mut value, self.left.stream_time_ms());
        put_time(&mut value, self.right.stream_time_ms());
        put_time(&mut value, self.stream_time_ms);
        encoding::put_varint(&mut value, self.sequence);
        value.push(u8::from(self.windowed));
        encoding::seal(&mut value, start);
        changes.put(self.room_keys.progress(), value);
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.left.memory_bytes() + self.right.memory_bytes() + self.waiting.memory_bytes()
    }

    fn evict(&mut self, bytes_max: usize) {
        let records_max = bytes_max.saturating_sub(self.waiting.memory_bytes());
        let right_max = records_max.saturating_sub(self.left.memory_bytes()).max(records_max / 2);
        self.right.evict(right_max);
        self.left.evict(records_max.saturating_sub(self.right.memory_bytes()));
    }
}

/// A time that may not be there yet: a presence byte, and the time.
fn put_time(bytes: &mut Vec<u8>, time_ms: Option<i64>) {
    bytes.push(u8::from(time_ms.is_some()));
    encoding::put_i64(bytes, time_ms.unwrap_or(0));
}

fn read_time(reader: &mut Reader<'_>) -> Result<Option<i64>> {
    let [present] = reader.array()?;
    let time_ms = reader.i64()?;
    Ok((present != 0).then_some(time_ms))
}

#[cfg(test)]
#[path = "stream_stream_tests.rs"]
mod tests;
