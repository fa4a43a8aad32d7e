//! A log in memory, for tests and throwaway sessions.
//!
//! Everything is "durable" at once and gone with the process; in all else it behaves as the log on disk
//! does, which the conformance suite holds it to.

mod partition;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, PartitionId, ProducerEpoch, ProducerId, TopicId, TopicName, TopicPartition};
use crate::io::{Clock, Random, SystemClock, SystemRandom};
use crate::log::checks::{
    batches_by_partition, check_batch, check_client_producer, check_engine_producer, check_settings,
    first_record_matching, out_of_range, unknown_partition, unknown_topic,
};
use crate::log::memory::partition::Partition;
use crate::log::{
    Appended, Isolation, Log, Origin, PartitionOffsets, Slice, Staged, StagedOutput, TopicDescription,
    TopicSettings, TransactionEnd, Watermark,
};
use crate::record::header::sequence_plus;
use crate::record::{BatchHeader, HEADER_BYTES, HeaderBytes};

/// A log in memory.
#[derive(Debug)]
pub struct MemoryLog {
    topics: RwLock<BTreeMap<TopicName, Arc<Topic>>>,
    next_producer_id: AtomicI64,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

#[derive(Debug)]
struct Topic {
    description: TopicDescription,
    partitions: Vec<Arc<Partition>>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        MemoryLog::new(Arc::new(SystemClock::default()), Arc::new(SystemRandom))
    }
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> MemoryLog {
        MemoryLog { topics: RwLock::default(), next_producer_id: AtomicI64::new(0), clock, random }
    }

    fn find_topic(&self, name: &TopicName) -> Result<Arc<Topic>> {
        self.topics.read().get(name).cloned().ok_or_else(|| unknown_topic(name))
    }

    fn partition(&self, target: &TopicPartition) -> Result<(Arc<Topic>, Arc<Partition>)> {
        let topic = self.find_topic(&target.topic)?;
        match topic.partitions.get(target.partition.0 as usize) {
            Some(partition) => {
                let partition = Arc::clone(partition);
                Ok((topic, partition))
            }
            None => Err(unknown_partition(target)),
        }
    }

    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.clock.monotonic().as_millis()).unwrap_or(i64::MAX)
    }
}

/// An epoch's output.
struct Epoch {
    parts: Vec<Part>,
    ends: Vec<(TopicPartition, Offset)>,
}

struct Part {
    partition: Arc<Partition>,
    start: Offset,
    appended: Vec<BatchHeader>,
}

impl Staged for Epoch {
    fn ends(&self) -> &[(TopicPartition, Offset)] {
        &self.ends
    }

    fn publish(mut self: Box<Self>) {
        for part in std::mem::take(&mut self.parts) {
            let mut state = part.partition.state.lock();
            for header in &part.appended {
                state.producers.note_batch(header);
            }
            state.epoch_undecided = false;
            if !state.deleted {
                part.partition.advance(&mut state);
            }
            part.partition.decided.notify_all();
        }
    }

    fn abort(self: Box<Self>) {
        drop(self);
    }

    fn abandon(self: Box<Self>, _cause: &StorageError) {
        // This log is gone before anyone could tell.
        drop(self);
    }
}

impl Drop for Epoch {
    fn drop(&mut self) {
        for part in std::mem::take(&mut self.parts) {
            let mut state = part.partition.state.lock();
            state.cut_back(part.start);
            state.epoch_undecided = false;
            part.partition.decided.notify_all();
        }
    }
}

impl Log for MemoryLog {
    fn create_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription> {
        check_settings(&settings)?;
        let mut topics = self.topics.write();
        if topics.contains_key(name) {
            return Err(StorageError::new(
                ErrorKind::AlreadyExists,
                format!("topic '{name}' exists already"),
            ));
        }
        let bits = u128::from(self.random.next_u64()) << 64 | u128::from(self.random.next_u64());
        let id = TopicId(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid());
        let description = TopicDescription { name: name.clone(), id, settings };
        let partitions = partitions_from(0, &description);
        topics.insert(name.clone(), Arc::new(Topic { description: description.clone(), partitions }));
        Ok(description)
    }

    fn delete_topic(&self, name: &TopicName) -> Result<()> {
        let topic = self.topics.write().remove(name).ok_or_else(|| unknown_topic(name))?;
        for partition in &topic.partitions {
            let mut state = partition.state.lock();
            state.deleted = true;
            partition.watermark.send_replace(Watermark::Deleted);
            partition.decided.notify_all();
        }
        Ok(())
    }

    fn alter_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription> {
        check_settings(&settings)?;
        let mut topics = self.topics.write();
        let topic = topics.get(name).ok_or_else(|| unknown_topic(name))?;
        let before = topic.partitions.len() as u32;
        if settings.partitions < before {
            return Err(StorageError::invalid(format!(
                "topic '{name}' has {before} partitions; their number can only grow"
            )));
        }
        let description = TopicDescription { name: name.clone(), id: topic.description.id, settings };
        let mut partitions = topic.partitions.clone();
        partitions.extend(partitions_from(before, &description));
        topics.insert(name.clone(), Arc::new(Topic { description: description.clone(), partitions }));
        Ok(description)
    }

    fn topic(&self, name: &TopicName) -> Option<TopicDescription> {
        self.topics.read().get(name).map(|topic| topic.description.clone())
    }

    fn topics(&self) -> Vec<TopicDescription> {
        self.topics.read().values().map(|topic| topic.description.clone()).collect()
    }

    fn append(&self, target: &TopicPartition, batch: Bytes, origin: Origin) -> Result<Appended> {
        let (topic, partition) = self.partition(target)?;
        partition.append(&topic.description.settings, &batch, origin, self.monotonic_ms())
    }

    fn append_waits(&self, target: &TopicPartition) -> bool {
        self.partition(target).is_ok_and(|(_, partition)| partition.append_waits())
    }

    fn read(
        &self,
        target: &TopicPartition,
        from: Offset,
        bytes_max: usize,
        isolation: Isolation,
    ) -> Result<Slice> {
        self.partition(target)?.1.read(from, bytes_max, isolation)
    }

    fn offsets(&self, target: &TopicPartition) -> Result<PartitionOffsets> {
        Ok(self.partition(target)?.1.state.lock().offsets())
    }

    fn offset_for_timestamp(
        &self,
        target: &TopicPartition,
        timestamp_ms: i64,
    ) -> Result<Option<(Offset, i64)>> {
        let (_, partition) = self.partition(target)?;
        let state = partition.state.lock();
        for (_, batch) in state.visible_data().filter(|(header, _)| header.max_timestamp >= timestamp_ms) {
            let found = first_record_matching(batch, state.log_start, |t| t >= timestamp_ms)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn offset_of_max_timestamp(&self, target: &TopicPartition) -> Result<Option<(Offset, i64)>> {
        let (_, partition) = self.partition(target)?;
        let state = partition.state.lock();
        let mut best: Option<(Offset, i64)> = None;
        for (_, batch) in state.visible_data() {
            let mut better = true;
            while better {
                let found = first_record_matching(batch, state.log_start, |timestamp| {
                    best.is_none_or(|(_, time)| timestamp > time)
                })?;
                better = found.is_some();
                best = found.or(best);
            }
        }
        Ok(best)
    }

    fn watch(&self, target: &TopicPartition) -> Result<watch::Receiver<Watermark>> {
        Ok(self.partition(target)?.1.watermark.subscribe())
    }

    fn trim(&self, target: &TopicPartition, offset: Offset) -> Result<()> {
        let (_, partition) = self.partition(target)?;
        let mut state = partition.state.lock();
        if offset > state.high_watermark {
            return Err(out_of_range(target, offset, &state.offsets()));
        }
        state.trim(offset);
        Ok(())
    }

    fn size_bytes(&self, target: &TopicPartition) -> Result<u64> {
        let (_, partition) = self.partition(target)?;
        let state = partition.state.lock();
        Ok(state.segments.iter().map(|segment| segment.bytes).sum())
    }

    fn allocate_producer_id(&self) -> Result<ProducerId> {
        Ok(ProducerId(self.next_producer_id.fetch_add(1, Ordering::Relaxed)))
    }

    fn end_transaction(
        &self,
        target: &TopicPartition,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        end: TransactionEnd,
    ) -> Result<Appended> {
        check_client_producer(producer_id, epoch)?;
        let (topic, partition) = self.partition(target)?;
        let settings = &topic.description.settings;
        partition.end_transaction(settings, producer_id, epoch, end, &*self.clock, self.monotonic_ms())
    }

    fn stage(&self, producer: ProducerId, outputs: Vec<StagedOutput>) -> Result<Box<dyn Staged>> {
        check_engine_producer(producer)?;
        let mut targets = Vec::new();
        for (target, batches) in batches_by_partition(outputs) {
            let (topic, partition) = self.partition(&target)?;
            for batch in &batches {
                check_batch(batch, &topic.description.settings, Origin::Server)?;
            }
            targets.push((target, topic, partition, batches));
        }
        let mut epoch = Epoch { parts: Vec::new(), ends: Vec::new() };
        for (target, topic, partition, batches) in targets {
            let mut state = partition.lock_to_append()?;
            state.epoch_undecided = true;
            let start = state.end;
            let mut appended = Vec::new();
            let mut sequence = state.producers.next_sequence(producer);
            for batch in &batches {
                let mut header = BatchHeader::parse(batch)?;
                let mut bytes = HeaderBytes::of(batch)?;
                header.base_offset = state.end;
                header.producer_id = producer;
                header.producer_epoch = ProducerEpoch(0);
                header.base_sequence = sequence;
                bytes.set_producer(producer, ProducerEpoch(0), sequence, batch.len() - HEADER_BYTES);
                state.write(&topic.description.settings, header, bytes, batch, self.monotonic_ms());
                sequence = sequence_plus(header.last_sequence(), 1);
                appended.push(header);
            }
            epoch.ends.push((target, state.end));
            drop(state);
            epoch.parts.push(Part { partition, start, appended });
        }
        Ok(Box::new(epoch))
    }

    fn enforce_retention(&self) -> Result<usize> {
        let topics: Vec<_> = self.topics.read().values().cloned().collect();
        let now_ms = self.monotonic_ms();
        let partitions = topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| (partition, &topic.description.settings))
        });
        Ok(partitions.map(|(partition, settings)| partition.enforce_retention(settings, now_ms)).sum())
    }

    fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    fn failure(&self) -> Option<StorageError> {
        None
    }
}

fn partitions_from(first: u32, topic: &TopicDescription) -> Vec<Arc<Partition>> {
    (first..topic.settings.partitions)
        .map(|number| Partition::new(TopicPartition::new(topic.name.clone(), PartitionId(number))))
        .collect()
}
