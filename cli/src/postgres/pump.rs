//! The pump: rows from a query's stream to the client, as they come.
//!
//! As long as rows are ready they are collected in the output, which is sent on at 64 KiB or after
//! 10 ms. When none is ready, what there is goes out at once, and the pump waits for the next row, an
//! interrupt or the client's disappearance. So a slow endless query shows every row the moment it
//! exists, and a fast one costs one system call for many rows.

use std::task::Poll;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::BytesMut;
use futures::{StreamExt, poll};
use tidemill_engine::response::RowStream;
use tidemill_engine::serving::unreadable::Unreadable;
use tidemill_engine::{Result, Rows};
use tokio::time::Instant;

use super::encode::{Format, RowEncoder};
use super::failure::{Ending, Severity, notice};
use super::interrupts::Interrupts;
use super::sqlstate::SqlState;
use super::wire::{FLUSH_BYTES, Wire};

/// A query's rows and how far they have been passed on. Dropping it ends the query.
pub(super) struct RowSource {
    schema: SchemaRef,
    endless: bool,
    /// `None` when it is over.
    stream: Option<RowStream>,
    current: Option<RecordBatch>,
    next_row: usize,
    unreadable: Unreadable,
}

/// Where rows go.
pub(super) trait RowSink {
    /// Prepares the rows of a batch.
    fn prepare(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes a row of the batch prepared last.
    fn write(&mut self, row: usize, out: &mut BytesMut);
}

/// When the pump stops before the rows end.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    /// After so many rows.
    pub(super) rows_max: Option<u64>,
    /// Whether it stops as soon as no further row is ready.
    pub(super) idle: IdleRule,
}

/// What happens when no further row is ready.
#[derive(Clone, Copy)]
pub(super) enum IdleRule {
    /// The pump waits.
    Wait,
    /// It waits for the first row only, until the instant if there is one.
    StopAfterFirst(Option<Instant>),
}

/// Why the pump stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// There are no more rows.
    Exhausted,
    /// The limit's number of rows is reached.
    Limit,
    /// No further row is ready.
    Idle,
}

impl RowSource {
    /// The rows of a query from the first on.
    pub(super) fn new(rows: Rows) -> RowSource {
        RowSource {
            schema: rows.schema,
            endless: rows.endless,
            stream: Some(rows.stream),
            current: None,
            next_row: 0,
            unreadable: rows.unreadable,
        }
    }

    /// The rows' columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether the rows have no end of their own.
    pub(super) fn is_endless(&self) -> bool {
        self.endless
    }

    /// The row passed on last, as a batch of its own.
    pub(super) fn last_row(&self) -> Option<RecordBatch> {
        let row = self.next_row.checked_sub(1)?;
        self.current.as_ref().map(|batch| batch.slice(row, 1))
    }

    /// The batch that holds the next row, without waiting; `Ready(None)` at the end.
    async fn poll_batch(&mut self) -> Poll<Result<Option<&RecordBatch>>> {
        if !self.current_is_used_up() {
            return Poll::Ready(Ok(self.current.as_ref()));
        }
        let next = match &mut self.stream {
            None => Poll::Ready(None),
            Some(stream) => poll!(stream.next()),
        };
        match next {
            Poll::Pending => Poll::Pending,
            Poll::Ready(next) => Poll::Ready(self.take(next).map(|()| self.unused())),
        }
    }

    /// Waits for the batch that holds the next row; may be dropped and called again.
    async fn await_batch(&mut self) -> Result<()> {
        if let Some(stream) = &mut self.stream {
            let next = stream.next().await;
            self.take(next)?;
        }
        Ok(())
    }

    fn take(&mut self, next: Option<Result<RecordBatch>>) -> Result<()> {
        match next {
            Some(Ok(batch)) => {
                self.current = Some(batch);
                self.next_row = 0;
                Ok(())
            }
            Some(Err(error)) => {
                self.stream = None;
                Err(error)
            }
            None => {
                self.stream = None;
                Ok(())
            }
        }
    }

    fn current_is_used_up(&self) -> bool {
        self.current.as_ref().is_none_or(|batch| self.next_row >= batch.num_rows())
    }

    fn unused(&self) -> Option<&RecordBatch> {
        self.current.as_ref().filter(|batch| self.next_row < batch.num_rows())
    }

    fn is_over(&self) -> bool {
        self.stream.is_none() && self.current_is_used_up()
    }
}

/// Passes rows on until they end or the limit says so; tells how many and why it stopped.
pub(super) async fn pump(
    wire: &mut Wire,
    source: &mut RowSource,
    sink: &mut impl RowSink,
    limit: Limit,
    interrupts: &Interrupts,
) -> std::result::Result<(u64, Stop), Ending> {
    let mut rows = 0;
    let mut prepared = false;
    loop {
        if limit.rows_max.is_some_and(|rows_max| rows >= rows_max) {
            return Ok((rows, Stop::Limit));
        }
        interrupts.check()?;
        let fresh = source.current_is_used_up();
        match source.poll_batch().await {
            Poll::Ready(batch) => {
                let Some(batch) = batch? else {
                    if source.is_over() {
                        for told in source.unreadable.take() {
                            wire.put(&notice(Severity::Warning, SqlState::WARNING, &told));
                        }
                        return Ok((rows, Stop::Exhausted));
                    }
                    // A batch without rows; nothing to write.
                    continue;
                };
                if fresh || !prepared {
                    sink.prepare(batch)?;
                    prepared = true;
                }
                let available = batch.num_rows();
                rows += write_rows(wire, source, sink, available, limit.rows_max.map(|max| max - rows));
                if wire.flush_is_due() {
                    interrupts.flush(wire).await?;
                }
            }
            Poll::Pending => match limit.idle {
                IdleRule::StopAfterFirst(_) if rows > 0 => return Ok((rows, Stop::Idle)),
                IdleRule::Wait | IdleRule::StopAfterFirst(None) => {
                    interrupts.run(wire, source.await_batch()).await??;
                    prepared = false;
                }
                IdleRule::StopAfterFirst(Some(until)) => {
                    let first = tokio::time::timeout_at(until, source.await_batch());
                    match interrupts.run(wire, first).await? {
                        Ok(arrived) => arrived?,
                        Err(_elapsed) => return Ok((rows, Stop::Idle)),
                    }
                    prepared = false;
                }
            },
        }
    }
}

/// Writes rows of the current batch until it is used up, the output is full or so many are written.
fn write_rows(
    wire: &mut Wire,
    source: &mut RowSource,
    sink: &mut impl RowSink,
    available: usize,
    rows_max: Option<u64>,
) -> u64 {
    let start = source.next_row;
    let end = rows_max
        .and_then(|rows_max| usize::try_from(rows_max).ok())
        .map_or(available, |rows_max| available.min(start.saturating_add(rows_max)));
    let out = wire.output();
    let mut row = start;
    while row < end {
        sink.write(row, out);
        row += 1;
        if out.len() >= FLUSH_BYTES {
            break;
        }
    }
    source.next_row = row;
    (row - start) as u64
}

/// Rows as DataRow messages.
pub(super) struct DataRows {
    formats: Vec<Format>,
    encoder: Option<RowEncoder>,
}

impl DataRows {
    /// Rows with a format for each column.
    pub(super) fn new(formats: Vec<Format>) -> DataRows {
        DataRows { formats, encoder: None }
    }
}

impl RowSink for DataRows {
    fn prepare(&mut self, batch: &RecordBatch) -> Result<()> {
        self.encoder = Some(RowEncoder::new(batch, &self.formats)?);
        Ok(())
    }

    fn write(&mut self, row: usize, out: &mut BytesMut) {
        if let Some(encoder) = &self.encoder {
            encoder.write_message(row, out);
        }
    }
}

/// Rows that are only counted, as MOVE does.
pub(super) struct SkippedRows;

impl RowSink for SkippedRows {
    fn prepare(&mut self, _batch: &RecordBatch) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, _row: usize, _out: &mut BytesMut) {}
}
