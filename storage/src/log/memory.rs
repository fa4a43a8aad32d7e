//! A log in memory, for tests and throwaway sessions.
//!
//! Everything is "durable" at once and gone with the process; in all else it behaves as the log on disk
//! does, which the conformance suite holds it to.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::{Bytes, BytesMut};
use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use tokio::sync::watch;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, PartitionId, ProducerEpoch, ProducerId, TopicId, TopicName, TopicPartition};
use crate::io::{Clock, Random, SystemClock, SystemRandom};
use crate::log::checks::{
    batches_by_partition, check_batch, check_client_producer, check_engine_producer, check_settings,
    first_record_matching, no_open_transaction, out_of_range, unknown_partition, unknown_topic,
};
use crate::log::producer_state::{Producers, Sequenced};
use crate::log::transactions::Transactions;
use crate::log::{
    Appended, Isolation, Log, Origin, PartitionOffsets, Slice, Staged, StagedOutput, TopicDescription,
    TopicSettings, TransactionEnd, Watermark,
};
use crate::record::control::{self, Marker};
use crate::record::header::sequence_plus;
use crate::record::{BatchHeader, HEADER_BYTES, HeaderBytes};

/// A log in memory.
#[derive(Debug)]
pub struct MemoryLog {
    topics: RwLock<HashMap<TopicName, Arc<Topic>>>,
    next_producer_id: AtomicI64,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

#[derive(Debug)]
struct Topic {
    description: TopicDescription,
    partitions: Vec<Arc<Partition>>,
}

#[derive(Debug)]
struct Partition {
    target: TopicPartition,
    state: Mutex<State>,
    /// Signalled when an epoch was decided or the partition deleted.
    decided: Condvar,
    watermark: watch::Sender<Watermark>,
}

#[derive(Default, Debug)]
struct State {
    /// Oldest first; the last one takes appends.
    segments: VecDeque<Segment>,
    log_start: Offset,
    last_stable: Offset,
    high_watermark: Offset,
    end: Offset,
    producers: Producers,
    transactions: Transactions,
    epoch_undecided: bool,
    deleted: bool,
}

#[derive(Debug)]
struct Segment {
    base: Offset,
    bytes: u64,
    appended_ms: i64,
    batches: Vec<(BatchHeader, Bytes)>,
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

impl Partition {
    fn new(target: TopicPartition) -> Arc<Partition> {
        let (watermark, _) = watch::channel(Watermark::At(Offset::ZERO));
        Arc::new(Partition { target, state: Mutex::default(), decided: Condvar::new(), watermark })
    }

    /// The state, once no epoch is undecided.
    fn lock_to_append(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock();
        while state.epoch_undecided && !state.deleted {
            self.decided.wait(&mut state);
        }
        if state.deleted { Err(unknown_partition(&self.target)) } else { Ok(state) }
    }

    fn append(
        &self,
        settings: &TopicSettings,
        batch: &Bytes,
        origin: Origin,
        now_ms: i64,
    ) -> Result<Appended> {
        let mut header = check_batch(batch, settings, origin)?;
        let mut bytes = HeaderBytes::of(batch)?;
        if bytes.max_timestamp() != header.max_timestamp {
            bytes.set_max_timestamp(header.max_timestamp, batch.len() - HEADER_BYTES);
        }
        let sequenced = origin == Origin::Client && header.producer_id != ProducerId::NONE;
        let mut state = self.lock_to_append()?;
        if sequenced
            && let Sequenced::Duplicate { base_offset, last_offset } = state.producers.check(&header)?
        {
            return Ok(self.appended(&state, base_offset, last_offset, true));
        }
        header.base_offset = state.end;
        state.write(settings, header, bytes, batch, now_ms);
        if sequenced {
            let begins = header.attributes.is_transactional()
                && state.producers.open_transaction(header.producer_id).is_none();
            if begins {
                state.transactions.begin(header.producer_id, header.base_offset);
            }
            state.producers.note_batch(&header);
        }
        self.advance(&mut state);
        Ok(self.appended(&state, header.base_offset, header.last_offset(), false))
    }

    fn end_transaction(
        &self,
        settings: &TopicSettings,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        end: TransactionEnd,
        clock: &dyn Clock,
        now_ms: i64,
    ) -> Result<Appended> {
        let marker = match end {
            TransactionEnd::Commit => Marker::Commit,
            TransactionEnd::Abort => Marker::Abort,
        };
        let batch = control::build(marker, producer_id, epoch, clock.wall_ms())?;
        let mut header = BatchHeader::parse(&batch)?;
        let bytes = HeaderBytes::of(&batch)?;
        let mut state = self.lock_to_append()?;
        state.producers.check_epoch(producer_id, epoch)?;
        let first_offset = state
            .producers
            .open_transaction(producer_id)
            .ok_or_else(|| no_open_transaction(producer_id, &self.target))?;
        header.base_offset = state.end;
        state.write(settings, header, bytes, &batch, now_ms);
        state.producers.note_end(producer_id, epoch);
        state.transactions.end(first_offset, header.base_offset, marker);
        self.advance(&mut state);
        Ok(self.appended(&state, header.base_offset, header.last_offset(), false))
    }

    fn read(&self, from: Offset, bytes_max: usize, isolation: Isolation) -> Result<Slice> {
        let state = self.state.lock();
        let offsets = state.offsets();
        if from < offsets.log_start || from > offsets.end {
            return Err(out_of_range(&self.target, from, &offsets));
        }
        let limit = match isolation {
            Isolation::ReadUncommitted => offsets.high_watermark,
            Isolation::ReadCommitted => offsets.last_stable,
        };
        let mut found: Vec<&(BatchHeader, Bytes)> = Vec::new();
        let mut total = 0;
        for batch in state.batches_from(from).take_while(|(header, _)| header.base_offset < limit) {
            if !found.is_empty() && total + batch.1.len() > bytes_max {
                break;
            }
            total += batch.1.len();
            found.push(batch);
        }
        let aborted = match (isolation, found.first(), found.last()) {
            (Isolation::ReadCommitted, Some((first, _)), Some((last, _))) => {
                state.transactions.aborted_within(&(first.base_offset..last.next_offset()))
            }
            _ => Vec::new(),
        };
        let batches = match found.as_slice() {
            [(_, single)] => single.clone(),
            several => {
                let mut bytes = BytesMut::with_capacity(total);
                several.iter().for_each(|(_, batch)| bytes.extend_from_slice(batch));
                bytes.freeze()
            }
        };
        Ok(Slice { batches, offsets, aborted })
    }

    fn enforce_retention(&self, settings: &TopicSettings, now_ms: i64) -> usize {
        let mut state = self.state.lock();
        if settings.compact || state.epoch_undecided {
            return 0;
        }
        let is_old = |segment: &Segment| {
            settings.retention_ms.is_some_and(|max| now_ms.saturating_sub(segment.appended_ms) > max)
        };
        let active_is_old = state.segments.back().is_some_and(|active| active.bytes > 0 && is_old(active));
        if active_is_old && state.last_stable == state.end {
            state.roll(now_ms);
        }
        let mut left: u64 = state.segments.iter().map(|segment| segment.bytes).sum();
        let mut dropped = 0;
        while let (Some(first), Some(next)) = (state.segments.front(), state.segments.get(1)) {
            left -= first.bytes;
            let superfluous = settings.retention_bytes.is_some_and(|max| left >= max);
            let next = next.base;
            if !(is_old(first) || superfluous) || next > state.last_stable {
                break;
            }
            state.trim(next);
            dropped += 1;
        }
        dropped
    }

    fn advance(&self, state: &mut State) {
        if !state.epoch_undecided {
            state.high_watermark = state.end;
        }
        let stable = state.transactions.last_stable(state.high_watermark);
        state.last_stable = state.last_stable.max(stable).max(state.log_start);
        self.watermark.send_replace(Watermark::At(state.high_watermark));
    }

    fn appended(&self, state: &State, base_offset: Offset, last_offset: Offset, duplicate: bool) -> Appended {
        Appended::new(base_offset, last_offset, duplicate, state.log_start, self.watermark.subscribe())
    }
}

impl State {
    fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            log_start: self.log_start,
            last_stable: self.last_stable,
            high_watermark: self.high_watermark,
            end: self.end,
        }
    }

    fn roll(&mut self, now_ms: i64) {
        self.segments.push_back(Segment {
            base: self.end,
            bytes: 0,
            appended_ms: now_ms,
            batches: Vec::new(),
        });
    }

    fn write(
        &mut self,
        settings: &TopicSettings,
        header: BatchHeader,
        mut bytes: HeaderBytes,
        batch: &[u8],
        now_ms: i64,
    ) {
        bytes.set_base_offset(header.base_offset);
        let mut stored = BytesMut::with_capacity(batch.len());
        stored.extend_from_slice(bytes.as_bytes());
        stored.extend_from_slice(&batch[HEADER_BYTES..]);
        let total = stored.len() as u64;
        let fits = self
            .segments
            .back()
            .is_some_and(|active| active.bytes == 0 || active.bytes + total <= settings.segment_bytes);
        if !fits {
            self.roll(now_ms);
        }
        if let Some(active) = self.segments.back_mut() {
            active.bytes += total;
            active.appended_ms = now_ms;
            active.batches.push((header, stored.freeze()));
        }
        self.end = header.next_offset();
    }

    /// The batches from the one that holds an offset.
    fn batches_from(&self, from: Offset) -> impl Iterator<Item = &(BatchHeader, Bytes)> {
        let first = self.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        self.segments.range(first..).flat_map(move |segment| {
            let begin = segment.batches.partition_point(|(header, _)| header.next_offset() <= from);
            &segment.batches[begin..]
        })
    }

    /// The visible batches of data.
    fn visible_data(&self) -> impl Iterator<Item = &(BatchHeader, Bytes)> {
        self.batches_from(self.log_start)
            .take_while(|(header, _)| header.base_offset < self.high_watermark)
            .filter(|(header, _)| !header.attributes.is_control())
    }

    fn trim(&mut self, offset: Offset) {
        self.log_start = self.log_start.max(offset);
        self.last_stable = self.last_stable.max(self.log_start);
        self.transactions.trim(self.log_start);
        while self.segments.get(1).is_some_and(|next| next.base <= self.log_start) {
            self.segments.pop_front();
        }
    }

    /// Cuts everything from an offset on off again.
    fn cut_back(&mut self, end: Offset) {
        self.end = end;
        self.segments.retain(|segment| segment.base < end || segment.base == Offset::ZERO);
        if let Some(active) = self.segments.back_mut() {
            let kept = active.batches.partition_point(|(header, _)| header.base_offset < end);
            active.batches.truncate(kept);
            active.bytes = active.batches.iter().map(|(_, batch)| batch.len() as u64).sum();
        }
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
        let mut topics: Vec<_> = self.topics.read().values().map(|topic| topic.description.clone()).collect();
        topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        topics
    }

    fn append(&self, target: &TopicPartition, batch: Bytes, origin: Origin) -> Result<Appended> {
        let (topic, partition) = self.partition(target)?;
        partition.append(&topic.description.settings, &batch, origin, self.monotonic_ms())
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
