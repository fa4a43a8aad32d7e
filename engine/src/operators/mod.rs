//! Continuous operators: one file each, one small synchronous interface.
//!
//! An operator sees batches of changes and its own part of the keyed state; it knows no threads, no
//! topics and no clock. The runtime drives it in rounds: some batches in, then [`Operator::flush`],
//! and from time to time [`Operator::commit`], after which everything before it is durable together
//! with the input offsets and the output of those rounds.
//!
//! What must hold of every operator:
//! - the same input gives the same output, whatever the size of the batches: per-record semantics
//!   (stream time, lateness, order of updates) are kept inside a batch;
//! - stream time is that of all shards: rows bring it along, and [`Operator::advance`] tells it to the
//!   shards that had no row, so that the number of shards changes no result;
//! - nothing vanishes: a row that is neither passed on nor aggregated is counted as filtered, late or
//!   rejected in [`Ledger`], and a rejected or late one is reported with its reason;
//! - an expression that fails for a row is that row's affair and never ends the query.

pub mod aggregate;
pub mod explode;
pub mod filter;
mod group_storage;
pub mod interleaved;
pub mod join;
pub mod partition_by;
pub mod project;
mod remembered_rows;
mod row_keys;
mod session_aggregate;
mod session_storage;
mod suppress;
pub mod table_state;
mod window_aggregate;

#[cfg(test)]
pub(crate) mod driver;

use std::sync::Arc;

use tidemill_storage::state::{StateStore, WriteBatch};
use tidemill_storage::{Offset, TopicPartition};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::expressions::Failure;
use interleaved::{InputLedgers, Interleaved};

/// Where the rows of an operator come from, for operators with two inputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The only input, or the left one of a join.
    Left,
    /// The right input of a join.
    Right,
}

/// Rows that were dropped. Changes are counted: a replaced row and the one in its place are one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ledger {
    /// Rows that a predicate, an inner join or a null key took out.
    pub filtered: u64,
    /// Rows behind their window's end and grace.
    pub late: u64,
    /// Rows that could not be decoded or evaluated.
    pub rejected: u64,
}

impl Ledger {
    /// Rows dropped for whatever reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.filtered + self.late + self.rejected
    }

    /// Counts rows that were dropped: as rejected at most as many as could not be evaluated, the others
    /// as filtered.
    fn count_dropped(&mut self, dropped: u64, failed: u64) {
        let rejected = dropped.min(failed);
        self.rejected += rejected;
        self.filtered += dropped - rejected;
    }

    /// Adds the counts of others.
    pub fn add(&mut self, other: Ledger) {
        self.filtered += other.filtered;
        self.late += other.late;
        self.rejected += other.rejected;
    }
}

/// Why a row was dropped, for the processing log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dropped {
    /// Its window was closed.
    Late,
    /// An expression failed; the text says which and why. Where the row goes on without the value, as
    /// one of a SELECT list does, it is reported and in no count.
    Rejected,
}

/// One report for the processing log.
#[derive(Clone, Debug)]
pub struct Report {
    /// What happened.
    pub dropped: Dropped,
    /// Event time of the row.
    pub time_ms: i64,
    /// Why, for people.
    pub reason: String,
    /// The record, where the row still is one.
    pub origin: Option<(TopicPartition, Offset)>,
}

impl Report {
    /// Of a row that is no longer a record of a topic.
    #[must_use]
    pub fn of_row(dropped: Dropped, time_ms: i64, reason: impl Into<String>) -> Report {
        Report { dropped, time_ms, reason: reason.into(), origin: None }
    }
}

/// The most reports that a worker keeps of a round; what is beyond is only counted.
pub const REPORTS_MAX: usize = 1_000;

/// Keeps a report as long as there is room for it; otherwise it is not even made.
pub fn keep_report(reports: &mut Vec<Report>, report: impl FnOnce() -> Report) {
    if reports.len() < REPORTS_MAX {
        reports.push(report());
    }
}

/// What the runtime lends an operator while it runs.
pub struct Context<'a> {
    /// The server's keyed state as of the last commit.
    pub store: &'a Arc<dyn StateStore>,
    /// Every update is passed on one by one, as ksqlDB without its cache does. Otherwise the updates
    /// of a key within a round may be combined into the last one.
    pub every_update: bool,
    /// Counts of dropped rows.
    pub ledger: &'a mut Ledger,
    /// Reports for the processing log, to which [`keep_report`] adds.
    pub reports: &'a mut Vec<Report>,
}

impl Context<'_> {
    /// Counts and reports a row that is behind its window's end and grace.
    fn drop_late(&mut self, time_ms: i64, reason: impl FnOnce() -> String) {
        self.ledger.late += 1;
        keep_report(self.reports, || Report::of_row(Dropped::Late, time_ms, reason()));
    }

    /// Counts and reports a row that cannot be taken.
    fn reject(&mut self, time_ms: i64, reason: impl FnOnce() -> String) {
        self.ledger.rejected += 1;
        keep_report(self.reports, || Report::of_row(Dropped::Rejected, time_ms, reason()));
    }

    /// Reports rows of a batch for which `what` could not be computed and is NULL, and returns how many
    /// they are.
    fn report_nulls(&mut self, batch: &ChangeBatch, failures: Vec<Failure>, what: &str) -> u64 {
        let mut rows = 0;
        for failure in failures {
            rows += failure.rows;
            keep_report(self.reports, || {
                // What was caught is NULL where it failed, and not as a whole.
                let null = if failure.may_be_caught { "part" } else { what };
                let reason = format!("{} (the {null} is NULL)", failure.reason);
                Report::of_row(Dropped::Rejected, batch.times_ms[failure.row], reason)
            });
        }
        rows
    }
}

/// A continuous operator.
pub trait Operator: Send {
    /// For EXPLAIN and metrics.
    fn name(&self) -> &'static str;

    /// Takes one batch and appends what follows from it to `out`, in order.
    ///
    /// # Errors
    /// Only what ends the query: state that cannot be read, a limit, a bug.
    fn process(
        &mut self,
        input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()>;

    /// Takes rows of both inputs in their order, for operators with two. What is dropped is counted in
    /// `dropped`, not in the context's ledger.
    ///
    /// # Errors
    /// As [`Operator::process`].
    fn process_both(
        &mut self,
        rows: &Interleaved,
        context: &mut Context<'_>,
        dropped: &mut InputLedgers,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        interleaved::process_in_turns(self, rows, context, dropped, out)
    }

    /// Stream time has reached this on an input, in this shard or another one: called at the end of a
    /// round's input, before [`Operator::flush`]. Whoever holds windows closes them by it.
    ///
    /// # Errors
    /// As [`Operator::process`].
    fn advance(
        &mut self,
        input: Input,
        stream_time_ms: i64,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let _ = (input, stream_time_ms, context, out);
        Ok(())
    }

    /// The round's input is complete: passes on what was held back to be combined.
    ///
    /// # Errors
    /// As [`Operator::process`].
    fn flush(&mut self, context: &mut Context<'_>, out: &mut Vec<ChangeBatch>) -> Result<()> {
        let _ = (context, out);
        Ok(())
    }

    /// Appends every state change since the last commit to `changes`. If the write then fails the
    /// query ends, so there is no undoing.
    ///
    /// # Errors
    /// A bug only.
    fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        let _ = changes;
        Ok(())
    }

    /// Bytes of state held in memory, roughly.
    fn memory_bytes(&self) -> usize {
        0
    }

    /// Called right after a commit when memory is short: forgets clean state, coldest first, until
    /// at most `bytes_max` are held, as far as that is possible.
    fn evict(&mut self, bytes_max: usize) {
        let _ = bytes_max;
    }
}
