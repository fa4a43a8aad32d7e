//! Runs an operator in memory, for tests: batches in, rows out, with commits, restarts and evictions
//! wherever a test wants them. Time is that of the rows; there is no clock.
//!
//! Rows are written as text, one a line: the kind (`+I`, `-U`, `+U`, `-D`, or `+N` for a record without
//! a value), the event time, for windowed ones the window, and the columns; `_` is NULL: `+I 12 a 2`, and
//! `+I 12 [0,30) a 2` in a window. Results read the same.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::state::{Durability, StateStore, WriteBatch};

use super::{Context, Input, Ledger, Operator, Report};
use crate::batch::{ChangeBatch, Kinds, RowKind, Windows};
use crate::error::Result;
use crate::operators::interleaved::{InputLedgers, Interleaved};
use crate::state::StateRoom;
use crate::state_keys;

/// An operator with the store it runs on.
pub(crate) struct Driver {
    build: Box<dyn Fn(StateRoom) -> Result<Box<dyn Operator>>>,
    operator: Box<dyn Operator>,
    store: Arc<dyn StateStore>,
    every_update: bool,
    /// What the operator gave and nobody has taken yet.
    pub(crate) out: Vec<ChangeBatch>,
    /// Counts of dropped rows.
    pub(crate) ledger: Ledger,
    /// Reports of dropped rows.
    pub(crate) reports: Vec<Report>,
}

impl Driver {
    /// An operator in an empty store that passes on every update.
    pub(crate) fn new(build: impl Fn(StateRoom) -> Result<Box<dyn Operator>> + 'static) -> Driver {
        let operator = build(room(true)).expect("a legal specification");
        Driver {
            build: Box::new(build),
            operator,
            store: Arc::new(MemoryStateStore::new()),
            every_update: true,
            out: Vec::new(),
            ledger: Ledger::default(),
            reports: Vec::new(),
        }
    }

    /// Lets the updates of a key within a round be combined.
    pub(crate) fn combining(mut self) -> Driver {
        self.every_update = false;
        self
    }

    /// Gives the operator a batch.
    pub(crate) fn push(&mut self, input: Input, batch: ChangeBatch) -> Result<()> {
        let mut context = Context {
            store: &self.store,
            every_update: self.every_update,
            ledger: &mut self.ledger,
            reports: &mut self.reports,
        };
        self.operator.process(input, batch, &mut context, &mut self.out)
    }

    /// Gives the operator rows of both inputs.
    pub(crate) fn push_both(&mut self, rows: &Interleaved) -> Result<()> {
        let mut context = Context {
            store: &self.store,
            every_update: self.every_update,
            ledger: &mut self.ledger,
            reports: &mut self.reports,
        };
        let mut dropped = InputLedgers::default();
        self.operator.process_both(rows, &mut context, &mut dropped, &mut self.out)?;
        self.ledger.add(*dropped.of(Input::Left));
        self.ledger.add(*dropped.of(Input::Right));
        Ok(())
    }

    /// Lets it know the stream time of an input, as rows of other shards advance it.
    pub(crate) fn advance(&mut self, input: Input, stream_time_ms: i64) -> Result<()> {
        let mut context = Context {
            store: &self.store,
            every_update: self.every_update,
            ledger: &mut self.ledger,
            reports: &mut self.reports,
        };
        self.operator.advance(input, stream_time_ms, &mut context, &mut self.out)
    }

    /// Ends a round.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let mut context = Context {
            store: &self.store,
            every_update: self.every_update,
            ledger: &mut self.ledger,
            reports: &mut self.reports,
        };
        self.operator.flush(&mut context, &mut self.out)
    }

    /// Ends a round and commits.
    pub(crate) fn commit(&mut self) {
        let changes = self.begin_commit();
        self.finish_commit(changes);
    }

    /// Ends a round and begins a commit, whose changes are on their way to the store while the next
    /// rounds run.
    pub(crate) fn begin_commit(&mut self) -> WriteBatch {
        self.flush().expect("flushes");
        let mut changes = WriteBatch::default();
        self.operator.commit(&mut changes).expect("commits");
        changes
    }

    /// Lets the changes of a commit reach the store: before the next one begins.
    pub(crate) fn finish_commit(&mut self, changes: WriteBatch) {
        self.store.write(&changes, Durability::Synced).expect("memory takes writes");
    }

    /// Forgets what is committed, as far as the operator can.
    pub(crate) fn evict_all(&mut self) {
        self.operator.evict(0);
    }

    /// Begins again from the last commit, as after a crash.
    pub(crate) fn restart(&mut self) {
        let fresh = self.store.snapshot().scan(state_keys::prefix_range(&room(true).prefix)).next().is_none();
        self.operator = (self.build)(room(fresh)).expect("a legal specification");
    }

    /// Number of entries in the operator's room.
    pub(crate) fn stored_entries(&self) -> usize {
        self.store.snapshot().scan(state_keys::prefix_range(&room(true).prefix)).count()
    }

    /// Flips the last bit of every stored value.
    pub(crate) fn damage_values(&self) {
        let mut changes = WriteBatch::default();
        for entry in self.store.snapshot().scan(state_keys::prefix_range(&room(true).prefix)) {
            let (key, value) = entry.expect("readable");
            let mut value = value.to_vec();
            if let Some(last) = value.last_mut() {
                *last ^= 1;
            }
            changes.put(key, value);
        }
        self.store.write(&changes, Durability::Synced).expect("memory takes writes");
    }

    /// Bytes the operator holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.operator.memory_bytes()
    }

    /// Takes the rows that came out, as text.
    pub(crate) fn take_rows(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out).iter().flat_map(rows_as_text).collect()
    }
}

fn room(fresh: bool) -> StateRoom {
    StateRoom { prefix: state_keys::operator_state(1, 1, 0), fresh }
}

/// Makes a batch of rows written as text.
pub(crate) fn batch(schema: &SchemaRef, text: &str) -> ChangeBatch {
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .filter(|line: &Vec<_>| !line.is_empty())
        .collect();
    let kinds: Vec<RowKind> = lines
        .iter()
        .map(|line| match line[0] {
            "+I" => RowKind::Insert,
            "-U" => RowKind::UpdateBefore,
            "+U" => RowKind::UpdateAfter,
            "-D" => RowKind::Delete,
            "+N" => RowKind::NullValue,
            other => panic!("no kind of row: {other}"),
        })
        .collect();
    let times_ms: Vec<i64> = lines.iter().map(|line| line[1].parse().expect("a time")).collect();
    let bounds: Vec<(i64, i64)> = lines.iter().filter_map(|line| window(line.get(2)?)).collect();
    let first_column = if bounds.is_empty() { 2 } else { 3 };
    assert!(bounds.is_empty() || bounds.len() == lines.len(), "all rows have a window, or none");
    let windows = (!bounds.is_empty()).then(|| Windows {
        start_ms: bounds.iter().map(|(start_ms, _)| *start_ms).collect(),
        end_ms: bounds.iter().map(|(_, end_ms)| *end_ms).collect(),
    });
    let column = |(index, field): (usize, &Arc<arrow::datatypes::Field>)| -> ArrayRef {
        let cells = lines.iter().map(|line| Some(line[index + first_column]).filter(|cell| *cell != "_"));
        let cells: ArrayRef = Arc::new(StringArray::from_iter(cells));
        cast(&cells, field.data_type()).expect("cells of the column's type")
    };
    let columns = schema.fields().iter().enumerate().map(column).collect();
    ChangeBatch {
        columns: RecordBatch::try_new(schema.clone(), columns).expect("columns of the schema"),
        kinds: Kinds::from_rows(&kinds),
        times_ms: times_ms.into(),
        windows,
        headers: None,
        keyed: None,
        stream_times_ms: None,
    }
}

/// The bounds of a window written as `[start,end)`.
fn window(text: &str) -> Option<(i64, i64)> {
    let (start, end) = text.strip_prefix('[')?.strip_suffix(')')?.split_once(',')?;
    Some((start.parse().ok()?, end.parse().ok()?))
}

/// Writes the rows of a batch as text.
pub(crate) fn rows_as_text(batch: &ChangeBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("_");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).expect("printable"))
        .collect();
    (0..batch.rows())
        .map(|row| {
            let kind = match batch.kinds.get(row) {
                RowKind::Insert => "+I",
                RowKind::UpdateBefore => "-U",
                RowKind::UpdateAfter => "+U",
                RowKind::Delete => "-D",
                RowKind::NullValue => "+N",
            };
            let mut text = format!("{kind} {}", batch.times_ms[row]);
            if let Some(windows) = &batch.windows {
                text += &format!(" [{},{})", windows.start_ms[row], windows.end_ms[row]);
            }
            for column in &columns {
                text += &format!(" {}", column.value(row));
            }
            text
        })
        .collect()
}
