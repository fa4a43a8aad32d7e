//! What rounds give until it is committed, and the commits of a query: one at a time, beside the rounds that
//! follow.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidemill_storage::TopicPartition;
use tidemill_storage::log::StagedOutput;
use tidemill_storage::state::{Durability, WriteBatch};
use tokio::task::JoinHandle;

use super::round::{returned, worker_task};
use super::{Query, QueryStatus};
use crate::error::{Error, Result};
use crate::operators::Report;
use crate::runtime::commit::{self, Epoch};
use crate::runtime::positions;

/// Bytes of output that wait for a commit; beyond it the rounds wait for the commit before.
const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// Rows that wait for a commit, for queries whose output is small and whose state is not.
const ROWS_MAX: u64 = 2_000_000;

/// State of a shard up to which it is frozen in the query's own task: less than a millisecond's work.
const FROZEN_INLINE_BYTES_MAX: usize = 256 << 10;

/// What the rounds since the last commit have produced.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) outputs: BTreeMap<TopicPartition, Vec<Bytes>>,
    /// Bytes of the output, and of the table rows among the changes.
    pub(super) output_bytes: usize,
    pub(super) changes: WriteBatch,
    pub(super) rows: u64,
    /// For the processing log, when all of it has happened.
    pub(super) reports: Vec<Report>,
    pub(super) dirty: bool,
}

impl Pending {
    /// Whether no more may be added to it.
    fn is_full(&self) -> bool {
        self.output_bytes >= OUTPUT_BYTES_MAX || self.rows >= ROWS_MAX
    }
}

impl Query {
    /// Makes everything up to now durable.
    pub(super) async fn commit_all(&mut self) -> Result<()> {
        self.wait_commit().await?;
        if self.pending.dirty {
            self.begin_commit().await?;
            self.wait_commit().await?;
        }
        Ok(())
    }

    /// Whether the pending output should be committed now.
    pub(super) fn commit_due(&self) -> bool {
        self.pending.dirty && self.commit_wait().is_zero()
    }

    /// How long until the next commit may begin.
    pub(super) fn commit_wait(&self) -> Duration {
        match self.last_commit {
            Some(last) if !self.pending.is_full() => {
                self.options.commit_interval.saturating_sub(last.elapsed())
            }
            _ => Duration::ZERO,
        }
    }

    /// Takes the result of a commit that has finished, without waiting for one that has not, except
    /// where too much is waiting behind it.
    pub(super) async fn reap_commit(&mut self) -> Result<()> {
        if self.pending.is_full() || self.in_flight.as_ref().is_some_and(JoinHandle::is_finished) {
            self.wait_commit().await?;
        }
        Ok(())
    }

    pub(super) async fn wait_commit(&mut self) -> Result<()> {
        if self.in_flight.is_some() {
            let result = finished(&mut self.in_flight).await;
            self.in_flight = None;
            result?;
        }
        Ok(())
    }

    /// Takes the state changes since the last commit. Shards with much state do so side by side: to
    /// encode it takes as long as a round.
    async fn freeze_state(&mut self, changes: &mut WriteBatch) -> Result<()> {
        let mut freezing = Vec::new();
        for (stage, slots) in self.stages.iter_mut().enumerate() {
            for (shard, slot) in slots.iter_mut().enumerate() {
                let Some(mut worker) = slot.take() else { continue };
                if worker.memory_bytes() < FROZEN_INLINE_BYTES_MAX {
                    worker.commit(changes)?;
                    *slot = Some(worker);
                } else {
                    let task = worker_task(&self.environment.compute, move || {
                        let mut changes = WriteBatch::default();
                        let frozen = worker.commit(&mut changes);
                        (worker, frozen.map(|()| changes))
                    });
                    freezing.push((stage, shard, task));
                }
            }
        }
        for (stage, shard, task) in freezing {
            let (worker, frozen) = returned(&self.identity, task).await?;
            self.stages[stage][shard] = Some(worker);
            changes.changes.append(&mut frozen?.changes);
        }
        Ok(())
    }

    /// Freezes what is pending and commits it beside the next rounds.
    pub(super) async fn begin_commit(&mut self) -> Result<()> {
        if self.in_flight.is_some() {
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        self.freeze_state(&mut pending.changes).await?;
        let positions = std::mem::take(&mut self.positions);
        positions::record(&mut pending.changes, self.identity.number, positions);
        self.ledgers.commit(&mut pending.changes);
        self.last_commit = Some(Instant::now());
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        let Some(producer) = self.identity.producer else {
            // A query of a session keeps its state to itself; nothing has to survive.
            self.environment.store.write(&pending.changes, Durability::Buffered)?;
            self.environment.processing_log.report_rows(&self.identity.id, pending.reports);
            return Ok(());
        };
        let outputs =
            pending.outputs.into_iter().map(|(target, batches)| StagedOutput { target, batches }).collect();
        let epoch = Epoch { producer, outputs, changes: pending.changes };
        let (log, store) = (self.environment.log.clone(), self.environment.store.clone());
        let (status, stop) = (self.status.clone(), self.stop.clone());
        let (processing_log, id) = (self.environment.processing_log.clone(), self.identity.id.clone());
        let reports = pending.reports;
        let commit = async move {
            let waits = |error: &Error| drop(status.send_replace(QueryStatus::Waiting(error.to_string())));
            let committed = commit::commit_when_there_is_space(log, store, epoch, stop, waits).await;
            status.send_if_modified(|status| {
                std::mem::replace(status, QueryStatus::Running) != QueryStatus::Running
            });
            if committed.is_ok() {
                processing_log.report_rows(&id, reports);
            }
            committed
        };
        self.in_flight = Some(self.environment.compute.spawn(commit));
        Ok(())
    }
}

/// The result of the commit in flight.
pub(super) async fn finished(in_flight: &mut Option<JoinHandle<Result<()>>>) -> Result<()> {
    match in_flight {
        Some(task) => match task.await {
            Ok(result) => result,
            Err(error) => Err(Error::internal(format!("a commit panicked: {error}"))),
        },
        None => Ok(()),
    }
}
