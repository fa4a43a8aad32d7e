//! Cursors: queries whose rows the client fetches piece by piece, in SQL.
//!
//! They go forward only. A cursor on an endless query gives what is ready: FETCH waits for the first row
//! (as long as `WITH (TIMEOUT = '1s')` says, or without an end) and then for no further one, so that a
//! client that fetches in a loop follows the query live. Unlike in Postgres a cursor may be declared
//! outside of a transaction block too; it then lives until it is closed.

use std::collections::HashMap;
use std::time::Duration;

use arrow::array::RecordBatch;
use tidemill_sql::parser::ast::FetchDirection;
use tokio::time::Instant;

use super::encode::Format;
use super::failure::{Ending, Failure};
use super::interrupts::Interrupts;
use super::pump::{IdleRule, Limit, RowSink, RowSource, SkippedRows, Stop, pump};
use super::sqlstate::SqlState;
use super::wire::Wire;

/// Cursors of one connection: each keeps a query running.
const CURSORS_MAX: usize = 256;

/// An open cursor.
pub(super) struct Cursor {
    source: RowSource,
    /// Whether rows are sent in binary format where the protocol does not ask.
    binary: bool,
    /// Whether it closes with the transaction block it was declared in.
    closes_with_block: bool,
    /// Rows passed so far: 0 before the first.
    position: u64,
    exhausted: bool,
}

/// The cursors of a connection.
#[derive(Default)]
pub(super) struct Cursors {
    open: HashMap<String, Cursor>,
}

/// What FETCH and MOVE ask for.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct FetchRequest {
    pub(super) cursor: String,
    pub(super) direction: FetchDirection,
    pub(super) timeout: Option<Duration>,
}

/// A direction as steps forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Steps {
    /// Give the last row once more.
    Again,
    /// Pass over some rows and give some.
    Forward { skip: u64, take: Option<u64> },
}

impl Cursors {
    /// Makes sure that a cursor of this name can be opened.
    pub(super) fn check_free(&self, name: &str) -> Result<(), Failure> {
        if self.open.contains_key(name) {
            return Err(Failure::new(
                SqlState::DUPLICATE_CURSOR,
                format!("cursor \"{name}\" already exists"),
            ));
        }
        if self.open.len() >= CURSORS_MAX {
            return Err(Failure::new(
                SqlState::CONFIGURATION_LIMIT_EXCEEDED,
                format!("a connection has at most {CURSORS_MAX} open cursors"),
            )
            .with_hint("CLOSE those that are no longer needed"));
        }
        Ok(())
    }

    /// Opens a cursor.
    pub(super) fn open(&mut self, name: String, source: RowSource, binary: bool, closes_with_block: bool) {
        let cursor = Cursor { source, binary, closes_with_block, position: 0, exhausted: false };
        self.open.insert(name, cursor);
    }

    /// A cursor by name.
    pub(super) fn get(&mut self, name: &str) -> Result<&mut Cursor, Failure> {
        self.open.get_mut(name).ok_or_else(|| {
            Failure::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"))
        })
    }

    /// Closes a cursor, which ends its query.
    pub(super) fn close(&mut self, name: &str) -> Result<(), Failure> {
        self.get(name)?;
        self.remove(name);
        Ok(())
    }

    /// Closes a cursor if there is one of this name.
    pub(super) fn remove(&mut self, name: &str) {
        self.open.remove(name);
    }

    /// Closes all.
    pub(super) fn close_all(&mut self) {
        self.open.clear();
    }

    /// Closes those that do not outlive a transaction block.
    pub(super) fn end_block(&mut self) {
        self.open.retain(|_, cursor| !cursor.closes_with_block);
    }
}

impl Cursor {
    /// The format of rows where the protocol does not ask for one.
    pub(super) fn format(&self) -> Format {
        if self.binary { Format::Binary } else { Format::Text }
    }

    /// The rows' source, for their columns.
    pub(super) fn source(&self) -> &RowSource {
        &self.source
    }

    /// Passes the rows asked for to a sink; tells how many.
    pub(super) async fn fetch(
        &mut self,
        wire: &mut Wire,
        sink: &mut impl RowSink,
        request: &FetchRequest,
        interrupts: &Interrupts,
    ) -> Result<u64, Ending> {
        let until = request.timeout.map(|timeout| Instant::now() + timeout);
        match self.steps(request.direction)? {
            Steps::Again => self.repeat(wire, sink),
            Steps::Forward { skip, take } => {
                if skip > 0 {
                    let skipped = self.advance(wire, &mut SkippedRows, Some(skip), until, interrupts).await?;
                    if skipped < skip {
                        return Ok(0);
                    }
                }
                self.advance(wire, sink, take, until, interrupts).await
            }
        }
    }

    async fn advance(
        &mut self,
        wire: &mut Wire,
        sink: &mut impl RowSink,
        rows_max: Option<u64>,
        until: Option<Instant>,
        interrupts: &Interrupts,
    ) -> Result<u64, Ending> {
        let idle = if self.source.is_endless() || until.is_some() {
            IdleRule::StopAfterFirst(until)
        } else {
            IdleRule::Wait
        };
        let limit = Limit { rows_max, idle };
        let (rows, stop) = pump(wire, &mut self.source, sink, limit, interrupts).await?;
        self.position += rows;
        self.exhausted |= stop == Stop::Exhausted;
        Ok(rows)
    }

    fn repeat(&mut self, wire: &mut Wire, sink: &mut impl RowSink) -> Result<u64, Ending> {
        let last: Option<RecordBatch> = self.source.last_row().filter(|_| !self.exhausted);
        match last {
            Some(row) => {
                sink.prepare(&row)?;
                sink.write(0, wire.output());
                Ok(1)
            }
            None => Ok(0),
        }
    }

    fn steps(&self, direction: FetchDirection) -> Result<Steps, Failure> {
        let forward = |skip: u64, take: Option<u64>| Ok(Steps::Forward { skip, take });
        match direction {
            FetchDirection::All => forward(0, None),
            FetchDirection::Count(0) | FetchDirection::Relative(0) => Ok(Steps::Again),
            FetchDirection::Count(count) => match u64::try_from(count) {
                Ok(count) => forward(0, Some(count)),
                Err(_) => Err(forward_only()),
            },
            FetchDirection::Relative(rows) => match u64::try_from(rows) {
                Ok(rows) => forward(rows - 1, Some(1)),
                Err(_) => Err(forward_only()),
            },
            FetchDirection::First => self.absolute(1),
            FetchDirection::Absolute(row) => {
                u64::try_from(row).map_err(|_| forward_only()).and_then(|row| self.absolute(row))
            }
            FetchDirection::Last | FetchDirection::BackwardAll => Err(forward_only()),
        }
    }

    fn absolute(&self, row: u64) -> Result<Steps, Failure> {
        if row > 0 && row == self.position && !self.exhausted {
            return Ok(Steps::Again);
        }
        match row.checked_sub(self.position + 1) {
            Some(skip) => Ok(Steps::Forward { skip, take: Some(1) }),
            None => Err(forward_only()),
        }
    }
}

fn forward_only() -> Failure {
    Failure::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward")
        .with_hint("declare a new cursor to begin again")
}
