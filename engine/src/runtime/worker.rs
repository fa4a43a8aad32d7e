//! One partition's or shard's chain of operators.

use std::sync::Arc;

use tidemill_storage::state::{StateStore, WriteBatch};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::interleaved::{InputLedgers, Interleaved};
use crate::operators::{Context, Input, Ledger, Operator, REPORTS_MAX, Report};
use crate::runtime::dropped_ahead::Passed;
use crate::runtime::exchange::{self, Merged, Run, StreamTimes};
use crate::runtime::ledger::Counts;
use crate::runtime::memory_budget::proportion;
use crate::runtime::sink::{SinkOutput, SinkWriter};
use crate::runtime::source::PartitionReader;

/// Rows up to which the results of a join are put together before they go on.
const COMBINED_ROWS_MAX: usize = 16_384;

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
    /// What became of records, by the index of their source.
    pub ledgers: Vec<(usize, Counts)>,
    /// Results that were dropped behind the operator that made them.
    pub results_dropped: u64,
    /// For the processing log.
    pub reports: Vec<Report>,
}

/// Whose records come to a chain, and how far they are followed; see [`super::ledger`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Followed {
    /// Index of the source whose records come in on the left; `None` where rows are results already.
    pub left: Option<usize>,
    /// The same for the right.
    pub right: Option<usize>,
    /// Position of the operator that keeps the rows; `None` where the chain has none.
    pub keeper: Option<usize>,
}

impl Followed {
    fn source(&self, input: Input) -> Option<usize> {
        match input {
            Input::Left => self.left,
            Input::Right => self.right,
        }
    }
}

/// The operators of a worker.
pub struct Operators {
    /// In the order in which rows pass them.
    pub chain: Vec<Box<dyn Operator>>,
    /// Whose rows they are.
    pub followed: Followed,
    /// Every update of a key is passed on one by one.
    pub every_update: bool,
}

/// A partition or shard of one stage, with its operators and their state.
pub struct Worker {
    /// Where the rows come from, for a worker of a first stage.
    pub reader: Option<PartitionReader>,
    operators: Operators,
    sink: Option<SinkWriter>,
    store: Arc<dyn StateStore>,
}

impl Worker {
    /// Joins the parts.
    #[must_use]
    pub fn new(
        reader: Option<PartitionReader>,
        operators: Operators,
        sink: Option<SinkWriter>,
        store: Arc<dyn StateStore>,
    ) -> Worker {
        Worker { reader, operators, sink, store }
    }

    /// Reads ahead what the partition has; nothing passes yet.
    ///
    /// # Errors
    /// What ends the query.
    pub fn read_ahead(&mut self) -> Result<Output> {
        let mut output = Output::default();
        if let Some(reader) = &mut self.reader {
            reader.read_ahead()?;
            // What has not passed is read again after a restart: it counts when it passes.
            output.book_passed(self.operators.followed, 0, reader.take_dropped());
        }
        Ok(output)
    }

    /// Runs one round of a worker that reads: what was read ahead, up to the event time given, and
    /// without one whatever there is.
    ///
    /// # Errors
    /// What ends the query.
    pub fn read_round(&mut self, through_ms: Option<i64>) -> Result<Output> {
        let mut output = Output::default();
        let mut batches = Vec::new();
        if let Some(reader) = &mut self.reader {
            let followed = self.operators.followed;
            if through_ms.is_some() || reader.ahead().rows() > 0 {
                batches = reader.take_ahead(through_ms.unwrap_or(i64::MAX));
                let rows = batches.iter().map(|batch| batch.rows() as u64).sum();
                output.book_passed(followed, rows, reader.take_dropped());
            } else {
                let mut dropped = Ledger::default();
                let read = reader.read(&mut dropped, &mut output.reports)?;
                output.reports.truncate(REPORTS_MAX);
                output.book_read(followed, read.records, dropped);
                batches.extend(read.rows);
            }
        }
        let input = batches.into_iter().map(|batch| (Input::Left, batch)).collect();
        self.run(Merged::Batches(input), StreamTimes::default(), output)
    }

    /// Runs one round of a worker behind an exchange: what was sent to it, and how far stream time has
    /// come on all shards with that.
    ///
    /// # Errors
    /// What ends the query.
    pub fn exchanged_round(&mut self, runs: Vec<Run>, stream_times: StreamTimes) -> Result<Output> {
        self.run(exchange::merge(runs)?, stream_times, Output::default())
    }

    fn run(&mut self, input: Merged, stream_times: StreamTimes, mut output: Output) -> Result<Output> {
        let followed = self.operators.followed;
        let mut round = Round::new(&mut self.operators, &self.store, &mut output.reports);
        let mut counts: Vec<(Input, Counts)> = Vec::new();
        match input {
            Merged::Batches(batches) => {
                for (side, batch) in batches {
                    round.pass(0, side, batch)?;
                    counts.push((side, round.take_counts()));
                }
            }
            Merged::Interleaved(rows) => counts.extend(round.pass_both(&rows)?),
        }
        for (side, counts) in counts {
            match followed.source(side) {
                Some(source) => output.ledgers.push((source, counts)),
                None => output.results_dropped += counts.filtered + counts.late + counts.rejected,
            }
        }
        round.advance(stream_times)?;
        round.flush()?;
        output.results_dropped += round.results_dropped.total();
        let results = std::mem::take(&mut round.results);
        output.rows_out = results.iter().map(|batch| batch.rows() as u64).sum();
        match &mut self.sink {
            Some(sink) => {
                let written: u64 = results.iter().map(ChangeBatch::changes).sum();
                let mut sunk = sink.write(results)?;
                output.reports.append(&mut sunk.reports);
                output.reports.truncate(REPORTS_MAX);
                let (filtered, rejected) = (sunk.keyless_rows, sunk.rejected_rows);
                if followed.keeper.is_none() {
                    let out = written - filtered - rejected;
                    output.book(followed.left, Counts { out, filtered, rejected, ..Counts::default() });
                } else {
                    output.results_dropped += filtered + rejected;
                }
                output.sink = Some(sunk);
            }
            None => output.batches = results,
        }
        Ok(output)
    }

    /// Appends the state changes since the last commit.
    ///
    /// # Errors
    /// A bug only.
    pub fn commit(&mut self, changes: &mut WriteBatch) -> Result<()> {
        self.operators.chain.iter_mut().try_for_each(|operator| operator.commit(changes))
    }

    /// Bytes of state in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.operators.chain.iter().map(|operator| operator.memory_bytes()).sum()
    }

    /// Bytes of records that were read and have not passed yet, and of the room for them.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.reader.as_ref().map_or(0, PartitionReader::memory_bytes)
    }

    /// Forgets clean state until at most `bytes_max` are held, where that is possible.
    pub fn evict(&mut self, bytes_max: usize) {
        let total = self.memory_bytes();
        for operator in &mut self.operators.chain {
            operator.evict(proportion(operator.memory_bytes(), bytes_max, total));
        }
    }
}

/// Forgets clean state of workers until all of them together hold at most `bytes_max`, where that is
/// possible: each keeps its part.
pub fn evict_all(mut workers: Vec<&mut Worker>, bytes_max: usize) {
    let total: usize = workers.iter().map(|worker| worker.memory_bytes()).sum();
    for worker in &mut workers {
        worker.evict(proportion(worker.memory_bytes(), bytes_max, total));
    }
}

impl Output {
    /// Books records that were read, and those of them that did not become rows.
    fn book_read(&mut self, followed: Followed, records: u64, dropped: Ledger) {
        self.records_in += records;
        let mut counts = Counts { records_in: records, ..Counts::default() };
        counts.add_dropped(dropped);
        self.book(followed.left, counts);
    }

    /// Books rows that were read ahead and pass now, and the records beside them that became none.
    fn book_passed(&mut self, followed: Followed, rows: u64, dropped: Passed) {
        self.reports.extend(dropped.reports);
        self.reports.truncate(REPORTS_MAX);
        self.book_read(followed, rows + dropped.counts.total(), dropped.counts);
    }

    fn book(&mut self, source: Option<usize>, counts: Counts) {
        if let Some(source) = source {
            self.ledgers.push((source, counts));
        }
    }
}

/// Batches put together, where they are small.
fn combined(batches: &[ChangeBatch]) -> Result<Vec<ChangeBatch>> {
    let mut combined = Vec::new();
    let mut from = 0;
    while let Some(first) = batches.get(from) {
        let mut rows = first.rows();
        let mut behind = from + 1;
        while let Some(batch) = batches.get(behind).filter(|batch| rows + batch.rows() <= COMBINED_ROWS_MAX) {
            rows += batch.rows();
            behind += 1;
        }
        combined.push(ChangeBatch::concat(&first.schema(), &batches[from..behind])?);
        from = behind;
    }
    Ok(combined)
}

/// One round of a chain.
struct Round<'a> {
    operators: &'a mut Operators,
    store: &'a Arc<dyn StateStore>,
    reports: &'a mut Vec<Report>,
    /// Rows dropped while they were followed.
    dropped: Ledger,
    /// Rows that were kept.
    kept: u64,
    /// Results dropped behind the keeper.
    results_dropped: Ledger,
    results: Vec<ChangeBatch>,
}

impl<'a> Round<'a> {
    fn new(
        operators: &'a mut Operators,
        store: &'a Arc<dyn StateStore>,
        reports: &'a mut Vec<Report>,
    ) -> Round<'a> {
        Round {
            operators,
            store,
            reports,
            dropped: Ledger::default(),
            kept: 0,
            results_dropped: Ledger::default(),
            results: Vec::new(),
        }
    }

    /// Passes one batch down the chain, beginning with the operator at a position.
    fn pass(&mut self, at: usize, input: Input, batch: ChangeBatch) -> Result<()> {
        if at == self.operators.chain.len() {
            self.results.push(batch);
            return Ok(());
        }
        let keeps = self.operators.followed.keeper == Some(at);
        let changes = if keeps { batch.changes() } else { 0 };
        let dropped_before = self.dropped.total();
        let mut out = Vec::new();
        let (operator, mut context) = self.operator(at);
        operator.process(input, batch, &mut context, &mut out)?;
        if keeps {
            self.kept += changes - (self.dropped.total() - dropped_before).min(changes);
        }
        self.pass_all(at + 1, out)
    }

    /// Passes rows of two inputs to the operator behind the exchange, and what it gives for all of them
    /// down the chain.
    fn pass_both(&mut self, rows: &Interleaved) -> Result<[(Input, Counts); 2]> {
        let keeps = self.operators.followed.keeper == Some(0);
        let mut dropped = InputLedgers::default();
        let mut out = Vec::new();
        if self.operators.chain.is_empty() {
            out.extend(rows.batches().map(|(_, batch)| batch));
        } else {
            let (operator, mut context) = self.operator(0);
            operator.process_both(rows, &mut context, &mut dropped, &mut out)?;
        }
        self.pass_all(1, combined(&out)?)?;
        Ok([Input::Left, Input::Right].map(|input| {
            let dropped = *dropped.of(input);
            let kept = if keeps { rows.of(input).changes().saturating_sub(dropped.total()) } else { 0 };
            let mut counts = Counts { out: kept, ..Counts::default() };
            counts.add_dropped(dropped);
            (input, counts)
        }))
    }

    fn pass_all(&mut self, at: usize, batches: Vec<ChangeBatch>) -> Result<()> {
        batches
            .into_iter()
            .filter(|batch| batch.rows() > 0)
            .try_for_each(|batch| self.pass(at, Input::Left, batch))
    }

    /// Tells the operator behind an exchange how far stream time has come.
    fn advance(&mut self, stream_times: StreamTimes) -> Result<()> {
        for side in [Input::Left, Input::Right] {
            let Some(stream_time_ms) = stream_times.of(side) else { continue };
            if self.operators.chain.is_empty() {
                continue;
            }
            let mut closed = Vec::new();
            let (operator, mut context) = self.operator(0);
            operator.advance(side, stream_time_ms, &mut context, &mut closed)?;
            self.pass_all(1, closed)?;
        }
        Ok(())
    }

    /// Lets every operator pass on what it held back.
    fn flush(&mut self) -> Result<()> {
        for at in 0..self.operators.chain.len() {
            let mut flushed = Vec::new();
            let (operator, mut context) = self.operator(at);
            operator.flush(&mut context, &mut flushed)?;
            self.pass_all(at + 1, flushed)?;
        }
        Ok(())
    }

    /// The operator at a position, and what it is lent.
    fn operator(&mut self, at: usize) -> (&mut dyn Operator, Context<'_>) {
        let is_followed = self.operators.followed.keeper.is_none_or(|keeper| at <= keeper);
        let context = Context {
            store: self.store,
            every_update: self.operators.every_update,
            ledger: if is_followed { &mut self.dropped } else { &mut self.results_dropped },
            reports: self.reports,
        };
        (self.operators.chain[at].as_mut(), context)
    }

    /// What became of the followed rows since the last call.
    fn take_counts(&mut self) -> Counts {
        let mut counts = Counts { out: std::mem::take(&mut self.kept), ..Counts::default() };
        counts.add_dropped(std::mem::take(&mut self.dropped));
        counts
    }
}

#[cfg(test)]
mod tests {
    use tidemill_storage::state::memory::MemoryStateStore;

    use super::*;

    /// Holds bytes and gives them up when it is told to.
    struct Holder(usize);

    impl Operator for Holder {
        fn name(&self) -> &'static str {
            "Holder"
        }

        fn process(
            &mut self,
            _input: Input,
            _batch: ChangeBatch,
            _context: &mut Context<'_>,
            _out: &mut Vec<ChangeBatch>,
        ) -> Result<()> {
            Ok(())
        }

        fn memory_bytes(&self) -> usize {
            self.0
        }

        fn evict(&mut self, bytes_max: usize) {
            self.0 = self.0.min(bytes_max);
        }
    }

    fn worker(held: &[usize]) -> Worker {
        let chain: Vec<Box<dyn Operator>> =
            held.iter().map(|bytes| Box::new(Holder(*bytes)) as Box<dyn Operator>).collect();
        let operators = Operators { chain, followed: Followed::default(), every_update: false };
        Worker::new(None, operators, None, Arc::new(MemoryStateStore::new()))
    }

    #[test]
    fn workers_forget_together_though_each_holds_less_than_all_may() {
        let mut workers = [worker(&[30]), worker(&[10, 20]), worker(&[30]), worker(&[]), worker(&[60])];
        evict_all(workers.iter_mut().collect(), 50);
        let held: Vec<usize> = workers.iter().map(Worker::memory_bytes).collect();
        assert_eq!(held, [10, 9, 10, 0, 20]);
    }
}
