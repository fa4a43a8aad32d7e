//! Staged epochs: the output of a query's epoch, durable before its decision and visible only after.
//!
//! A partition takes one epoch at a time, and no other append while it is undecided. Partitions are
//! taken in their order, so two epochs never wait for each other. All of an epoch's partitions are
//! synced side by side.

use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Result, StorageError};
use crate::ids::{Offset, ProducerEpoch, ProducerId, TopicPartition};
use crate::log::checks::{batches_by_partition, check_batch, check_engine_producer};
use crate::log::embedded::append::records_of;
use crate::log::embedded::format::LogPosition;
use crate::log::embedded::partition::{Partition, Writer};
use crate::log::embedded::segment::Segment;
use crate::log::embedded::segment_index::IndexMark;
use crate::log::embedded::shared::Shared;
use crate::log::{Origin, Staged, StagedOutput, TopicSettings};
use crate::record::header::sequence_plus;
use crate::record::{BatchHeader, HeaderBytes};

/// The engine's queries are never fenced: a query has one incarnation per process, and the log one
/// process.
const ENGINE_EPOCH: ProducerEpoch = ProducerEpoch(0);

/// An epoch whose output is durable.
struct Epoch {
    shared: Arc<Shared>,
    parts: Vec<Part>,
    ends: Vec<(TopicPartition, Offset)>,
}

/// The epoch's output in one partition.
struct Part {
    partition: Arc<Partition>,
    start: LogPosition,
    /// The segment the epoch began in, and its index before.
    began_in: Option<(Arc<Segment>, IndexMark)>,
    appended: Vec<BatchHeader>,
}

/// Appends the outputs of an epoch and makes them durable.
pub(super) fn stage(
    shared: &Arc<Shared>,
    producer: ProducerId,
    outputs: Vec<StagedOutput>,
) -> Result<Box<dyn Staged>> {
    check_engine_producer(producer)?;
    let mut targets = Vec::new();
    for (target, batches) in batches_by_partition(outputs) {
        let (topic, partition) = shared.partition(&target)?;
        for batch in &batches {
            check_batch(batch, topic.settings(), Origin::Server)?;
        }
        targets.push((topic, partition, batches));
    }
    // From here on the drop of the epoch cuts off again what was appended so far.
    let mut epoch = Epoch { shared: Arc::clone(shared), parts: Vec::new(), ends: Vec::new() };
    for (_, partition, _) in &targets {
        epoch.parts.push(Part::begin(shared, partition)?);
    }
    for (part, (topic, _, batches)) in epoch.parts.iter_mut().zip(&targets) {
        part.append(shared, topic.settings(), producer, batches)?;
        shared.sync_queue.request(&part.partition);
    }
    for part in &epoch.parts {
        part.partition.wait_durable(shared)?;
    }
    epoch.ends = epoch.parts.iter().map(Part::end).collect();
    Ok(Box::new(epoch))
}

impl Staged for Epoch {
    fn ends(&self) -> &[(TopicPartition, Offset)] {
        &self.ends
    }

    fn publish(mut self: Box<Self>) {
        for part in std::mem::take(&mut self.parts) {
            part.publish();
        }
    }

    fn abort(self: Box<Self>) {
        drop(self);
    }

    fn abandon(self: Box<Self>, cause: &StorageError) {
        // A log that failed leaves the disk alone when the epoch is dropped.
        self.shared.poison(cause);
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        for part in std::mem::take(&mut self.parts) {
            part.abort(&self.shared);
        }
    }
}

impl Part {
    /// Takes a partition for an epoch.
    fn begin(shared: &Shared, partition: &Arc<Partition>) -> Result<Part> {
        let mut writer = partition.lock_writer(shared)?;
        let began_in = match &writer.active {
            Some(active) => Some((Arc::clone(active), active.mark(&*shared.disk)?)),
            None => None,
        };
        writer.epoch_undecided = true;
        partition.view.lock().begin_epoch(writer.end);
        Ok(Part { partition: Arc::clone(partition), start: writer.end, began_in, appended: Vec::new() })
    }

    fn append(
        &mut self,
        shared: &Shared,
        settings: &TopicSettings,
        producer: ProducerId,
        batches: &[Bytes],
    ) -> Result<()> {
        let mut writer = self.partition.writer.lock();
        if let Some(refusal) = &writer.refusal {
            return Err(refusal.clone());
        }
        let mut sequence = writer.producers.next_sequence(producer);
        for batch in batches {
            let mut header = BatchHeader::parse(batch)?;
            let mut bytes = HeaderBytes::of(batch)?;
            header.base_offset = writer.end.offset;
            header.producer_id = producer;
            header.producer_epoch = ENGINE_EPOCH;
            header.base_sequence = sequence;
            bytes.set_base_offset(header.base_offset);
            bytes.set_producer(producer, ENGINE_EPOCH, sequence, records_of(batch).len());
            let segment =
                self.partition.write(shared, settings, &mut writer, &header, &bytes, records_of(batch))?;
            self.partition.view.lock().note_append(&segment, writer.end, batch.len() as u64);
            sequence = sequence_plus(header.last_sequence(), 1);
            self.appended.push(header);
        }
        Ok(())
    }

    fn end(&self) -> (TopicPartition, Offset) {
        let end = self.appended.last().map_or(self.start.offset, BatchHeader::next_offset);
        (self.partition.target().clone(), end)
    }

    fn publish(self) {
        let mut writer = self.partition.writer.lock();
        for header in &self.appended {
            writer.producers.note_batch(header);
        }
        let mut view = self.partition.view.lock();
        if view.publish_epoch() && !view.deleted {
            self.partition.announce(&view);
        }
        drop(view);
        self.decided(&mut writer);
    }

    fn abort(self, shared: &Shared) {
        let mut writer = self.partition.writer.lock();
        let mut view = self.partition.view.lock();
        let deleted = view.deleted;
        let began_in = self.began_in.as_ref().map(|(segment, _)| segment.base());
        let gone = view.abort_epoch(self.start, began_in);
        drop(view);
        // After a failure the disk is left alone; the next start finds the epoch undecided.
        if !deleted && shared.check().is_ok() && (!gone.is_empty() || !self.appended.is_empty()) {
            self.cut_off(shared, &gone);
        }
        writer.active = self.began_in.as_ref().map(|(segment, _)| Arc::clone(segment));
        writer.end = self.start;
        self.decided(&mut writer);
    }

    fn cut_off(&self, shared: &Shared, gone: &[Arc<Segment>]) {
        let disk = &*shared.disk;
        for segment in gone {
            if let Err(error) = segment.remove(disk) {
                shared.poison(&StorageError::io("remove", segment.path(), &error));
                return;
            }
        }
        if let Some((segment, mark)) = &self.began_in
            && let Err(error) = segment.cut_back(disk, self.start.byte, *mark)
        {
            shared.poison(&StorageError::io("truncate", segment.path(), &error));
        }
    }

    fn decided(&self, writer: &mut Writer) {
        writer.epoch_undecided = false;
        self.partition.decided.notify_all();
    }
}
