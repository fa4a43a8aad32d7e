//! One partition's or shard's chain of operators.

use std::sync::Arc;

use tidemill_storage::state::{StateStore, WriteBatch};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::{Context, Input, Ledger, Operator, Report};
use crate::runtime::exchange::{self, Run};
use crate::runtime::sink::{SinkOutput, SinkWriter};
use crate::runtime::source::PartitionReader;

/// Most reports a worker keeps for the processing log in one round; what is beyond is only counted.
const REPORTS_MAX: usize = 1_000;

/// What a worker gives in one round.
#[derive(Default)]
pub struct Output {
    /// Rows for the exchange, in order.
    pub batches: Vec<ChangeBatch>,
    /// Rows that became records and table rows, of a worker of the last stage.
    pub sink: Option<SinkOutput>,
    /// Records taken from the partition.
    pub records_in: u64,
    /// Rows of the result.
    pub rows_out: u64,
    /// Dropped rows.
    pub ledger: Ledger,
    /// For the processing log.
    pub reports: Vec<Report>,
    /// Whether the partition had more than the round's bound.
    pub more: bool,
}

/// A partition or shard of one stage, with its operators and their state.
pub struct Worker {
    /// Where the rows come from, for a worker of a first stage.
    pub reader: Option<PartitionReader>,
    operators: Vec<Box<dyn Operator>>,
    sink: Option<SinkWriter>,
    store: Arc<dyn StateStore>,
    every_update: bool,
}

impl Worker {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        reader: Option<PartitionReader>,
        operators: Vec<Box<dyn Operator>>,
        sink: Option<SinkWriter>,
        store: Arc<dyn StateStore>,
        every_update: bool,
    ) -> Worker {
        Worker { reader, operators, sink, store, every_update }
    }

    /// Runs one round: what the partition has, or what the exchange sent.
    ///
    /// # Errors
    /// What ends the query.
    pub fn round(&mut self, runs: Vec<Run>) -> Result<Output> {
        let mut output = Output::default();
        let mut input: Vec<(Input, ChangeBatch)> = exchange::merge(runs)?;
        if let Some(reader) = &mut self.reader {
            let read = reader.read(&mut output.ledger, &mut output.reports)?;
            output.records_in = read.records;
            output.more = read.more;
            input.extend(read.batch.map(|batch| (Input::Left, batch)));
        }
        let mut context = Context {
            store: &self.store,
            every_update: self.every_update,
            ledger: &mut output.ledger,
            reports: &mut output.reports,
        };
        let mut results = Vec::new();
        for (side, batch) in input {
            run_chain(&mut self.operators, side, batch, &mut context, &mut results)?;
            context.reports.truncate(REPORTS_MAX);
        }
        for index in 0..self.operators.len() {
            let mut flushed = Vec::new();
            self.operators[index].flush(&mut context, &mut flushed)?;
            for batch in flushed {
                run_chain(&mut self.operators[index + 1..], Input::Left, batch, &mut context, &mut results)?;
            }
        }
        context.reports.truncate(REPORTS_MAX);
        output.rows_out = results.iter().map(|batch| batch.rows() as u64).sum();
        match &mut self.sink {
            Some(sink) => output.sink = Some(sink.write(results)?),
            None => output.batches = results,
        }
        Ok(output)
    }

    /// Appends the state changes since the last commit.
    ///
    /// # Errors
    /// A bug only.
    pub fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        self.operators.iter_mut().try_for_each(|operator| operator.commit(changes))
    }

    /// Bytes of state in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.operators.iter().map(|operator| operator.memory_bytes()).sum()
    }

    /// Forgets clean state until at most `bytes_max` are held, where that is possible.
    pub fn evict(&mut self, bytes_max: usize) {
        let total = self.memory_bytes().max(1);
        for operator in &mut self.operators {
            let share = operator.memory_bytes() as u128 * bytes_max as u128 / total as u128;
            operator.evict(usize::try_from(share).unwrap_or(usize::MAX));
        }
    }
}

/// Passes one batch down a chain.
fn run_chain(
    operators: &mut [Box<dyn Operator>],
    input: Input,
    batch: ChangeBatch,
    context: &mut Context<'_>,
    results: &mut Vec<ChangeBatch>,
) -> Result<()> {
    let Some((first, rest)) = operators.split_first_mut() else {
        results.push(batch);
        return Ok(());
    };
    let mut out = Vec::new();
    first.process(input, batch, context, &mut out)?;
    for batch in out {
        if batch.rows() > 0 {
            run_chain(rest, Input::Left, batch, context, results)?;
        }
    }
    Ok(())
}
