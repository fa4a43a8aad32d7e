//! One round of a query: every stage's workers take what there is for them, and meet at its end.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tidemill_storage::state::Change;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{Query, QueryIdentity};
use crate::error::{Error, Result};
use crate::operators::Report;
use crate::processing_log;
use crate::runtime::positions::Position;
use crate::runtime::read_ahead::{Bound, Passing, Place};
use crate::runtime::sink::SinkOutput;
use crate::runtime::source::PartitionReader;
use crate::runtime::worker::{Output, Worker};

/// Reports that wait for a commit; what is beyond is counted as lost.
const REPORTS_MAX: usize = 10_000;

/// A worker at its work; it comes back with what it gave.
type Running = JoinHandle<(Worker, Result<Output>)>;

impl Query {
    /// Runs one round; tells whether any record was read or any row given.
    pub(super) async fn round(&mut self) -> Result<bool> {
        let (mut worked, passing) = self.read_ahead().await?;
        for stage in 0..self.stages.len() {
            let mut delivery = self.mail.deliver(stage);
            let stream_times = delivery.stream_times;
            let mut running = Vec::new();
            for (shard, slot) in self.stages[stage].iter_mut().enumerate() {
                let runs = delivery.runs.remove(&shard).unwrap_or_default();
                let (mut through_ms, place) = (None, (stage, shard));
                let has_input = match (slot.as_ref().and_then(|worker| worker.reader.as_ref()), passing) {
                    (None, _) => delivery.advanced || !runs.is_empty(),
                    (Some(reader), Passing::All) => reader.ahead().rows() > 0 || reader.has_input()?,
                    (Some(_), Passing::Of(only)) => only == Some(place),
                    (Some(reader), Passing::Through(bound)) => {
                        reader.ahead().has_passing(*through_ms.insert(bound.through_ms(place)))
                    }
                };
                if has_input && let Some(mut worker) = slot.take() {
                    running.push((
                        shard,
                        worker_task(&self.environment.compute, move || {
                            let output = match &worker.reader {
                                Some(_) => worker.read_round(through_ms),
                                None => worker.exchanged_round(runs, stream_times),
                            };
                            (worker, output)
                        }),
                    ));
                }
            }
            worked |= !running.is_empty();
            self.finish_stage(stage, running).await?;
        }
        // All at once, so that whoever looks sees a ledger that adds up.
        self.ledgers.add(self.round_ledgers.drain(..));
        if worked {
            self.counters.rounds.fetch_add(1, Ordering::Relaxed);
            self.pending.dirty = true;
        }
        Ok(worked)
    }

    /// Where rows of several partitions meet, reads ahead of each; gives what passes in this round, and
    /// whether any record was read. What comes to a partition after it was looked at here is for the
    /// next round, which alone can compare it with the others.
    ///
    /// The sources are read one after the other, the tables of a join behind its stream: a table's row
    /// that was acknowledged before a stream's record was sent is then read no later than that.
    async fn read_ahead(&mut self) -> Result<(bool, Passing)> {
        if !self.mail.has_exchanges() {
            return Ok((false, Passing::All));
        }
        let sources: BTreeSet<usize> = self.readers().map(|((stage, _), _)| stage).collect();
        let mut busy = Vec::new();
        for (place, reader) in self.readers() {
            if reader.ahead().rows() > 0 || reader.has_input()? {
                busy.push(place);
            }
        }
        if sources.len() == 1 && busy.len() <= 1 {
            // Nobody to run ahead of.
            return Ok((false, Passing::Of(busy.first().copied())));
        }
        let mut worked = false;
        for stage in sources.into_iter().rev() {
            let mut running = Vec::new();
            for (shard, slot) in self.stages[stage].iter_mut().enumerate() {
                let reads = match slot.as_ref().and_then(|worker| worker.reader.as_ref()) {
                    Some(reader) => reader.wants_ahead() && reader.has_input()?,
                    None => false,
                };
                if reads && let Some(mut worker) = slot.take() {
                    let task = worker_task(&self.environment.compute, move || {
                        let output = worker.read_ahead();
                        (worker, output)
                    });
                    running.push((shard, task));
                }
            }
            worked |= !running.is_empty();
            self.finish_stage(stage, running).await?;
        }
        let mut unread: Vec<(Place, i64)> = Vec::new();
        for (place, reader) in self.readers() {
            if reader.holds_back()? {
                unread.push((place, reader.ahead().latest_ms()));
            }
        }
        Ok((worked, Passing::Through(Bound::of(unread.into_iter()))))
    }

    /// The readers of partitions, with their places.
    fn readers(&self) -> impl Iterator<Item = (Place, &PartitionReader)> {
        self.stages.iter().enumerate().flat_map(|(stage, workers)| {
            workers
                .iter()
                .enumerate()
                .filter_map(move |(shard, worker)| Some(((stage, shard), worker.as_ref()?.reader.as_ref()?)))
        })
    }

    /// Waits for the workers of a stage, and takes what they gave in the order of their shards.
    async fn finish_stage(&mut self, stage: usize, running: Vec<(usize, Running)>) -> Result<()> {
        for (shard, task) in running {
            let (worker, output) = returned(&self.identity, task).await?;
            self.stages[stage][shard] = Some(worker);
            self.take_output(stage, shard, output?).await?;
        }
        Ok(())
    }

    /// Books what a worker gave and sends it on.
    async fn take_output(&mut self, stage: usize, shard: usize, output: Output) -> Result<()> {
        self.round_ledgers.extend(output.ledgers);
        self.counters.results_dropped.fetch_add(output.results_dropped, Ordering::Relaxed);
        self.keep_reports(output.reports);
        if let Some(reader) = self.stages[stage][shard].as_ref().and_then(|worker| worker.reader.as_ref()) {
            let target = reader.target();
            if let Some(form) = self.topics.get(&target.topic) {
                let position = Position { topic: form.id, offset: reader.position() };
                self.positions.insert((target.clone(), self.reader_numbers[stage]), position);
            }
        }
        if let Some(sink) = output.sink {
            self.ledgers.add_rows_out(output.rows_out);
            self.pending.rows += output.rows_out;
            self.take_sink_output(sink).await?;
        }
        self.pending.rows += output.records_in;
        self.mail.send(stage, output.batches, |stage| self.stages[stage].len())
    }

    async fn take_sink_output(&mut self, output: SinkOutput) -> Result<()> {
        if let Some(session) = &self.session {
            for batch in output.rows {
                let rows = match &mut self.limit {
                    Some(left) => {
                        let taken = batch.num_rows().min(usize::try_from(*left).unwrap_or(usize::MAX));
                        *left -= taken as u64;
                        taken
                    }
                    None => batch.num_rows(),
                };
                // A session that has gone is noticed by the loop; its rows have nowhere to go.
                if rows > 0 && session.send(batch.slice(0, rows)).await.is_err() {
                    break;
                }
            }
        }
        for (target, batches) in output.records {
            self.pending.output_bytes += batches.iter().map(Bytes::len).sum::<usize>();
            self.pending.outputs.entry(target).or_default().extend(batches);
        }
        self.pending.output_bytes += output.table_rows.changes.iter().map(Change::bytes).sum::<usize>();
        self.pending.changes.changes.extend(output.table_rows.changes);
        Ok(())
    }

    /// Keeps reports until the epoch is committed that they belong to. A query over the processing log would
    /// read its own reports, and report on those, without end: its rows are counted and not reported.
    fn keep_reports(&mut self, mut reports: Vec<Report>) {
        if reports.is_empty() || self.plan.reads_topic(processing_log::TOPIC) {
            return;
        }
        let room = REPORTS_MAX.saturating_sub(self.pending.reports.len());
        self.environment.processing_log.count_lost(reports.len().saturating_sub(room));
        reports.truncate(room);
        self.pending.reports.append(&mut reports);
    }
}

/// Runs a worker's round on a compute thread.
pub(super) fn worker_task<T: Send + 'static>(
    compute: &Handle,
    run: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    compute.spawn(async move { run() })
}

/// A worker that comes back, with what it gave.
pub(super) async fn returned<T>(query: &QueryIdentity, task: JoinHandle<T>) -> Result<T> {
    task.await.map_err(|error| Error::internal(format!("a worker of query {} panicked: {error}", query.id)))
}
