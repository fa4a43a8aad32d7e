//! A log on a faulty disk, and a model of what it has promised.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tidemill_storage::io::{FaultyDisk, ManualClock, SeededRandom, Tail};
use tidemill_storage::log::{
    Appended, Decisions, EmbeddedLog, Isolation, Log, Options, Origin, RecoveryReport, Staged, StagedOutput,
    TopicSettings, TransactionEnd,
};
use tidemill_storage::record::{BatchBuilder, BatchProducer, Batches, Codec, Records};
use tidemill_storage::{
    ErrorKind, Offset, PartitionId, ProducerEpoch, ProducerId, Result, StorageError, TopicName,
    TopicPartition,
};

pub(crate) const DIRECTORY: &str = "/log";
pub(crate) const QUERY: ProducerId = ProducerId::ENGINE_FIRST;

/// A log and its model.
pub(crate) struct World {
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: ManualClock,
    log: Option<EmbeddedLog>,
    decided: Arc<Mutex<BTreeMap<(ProducerId, TopicPartition), Offset>>>,
    pub(crate) model: Model,
    /// Appends that are not acknowledged yet.
    waiting: Vec<(TopicPartition, Appended)>,
    values: u64,
}

/// What the log has promised.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) topics: BTreeMap<TopicName, Existence>,
    pub(crate) partitions: BTreeMap<TopicPartition, PartitionModel>,
    /// Batches of idempotent producers, oldest first.
    pub(crate) sequenced: Vec<SequencedSend>,
    /// Largest producer id handed out.
    pub(crate) producer_id_max: Option<ProducerId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Existence {
    /// It was created, and the creation answered.
    There,
    /// A creation or deletion failed half way: both is right.
    Either,
    /// It was deleted, and the deletion answered.
    Gone,
}

#[derive(Clone, Default)]
pub(crate) struct PartitionModel {
    /// Every record in the order of offsets, acknowledged or not.
    pub(crate) entries: Vec<Entry>,
    /// What lies below is acknowledged.
    pub(crate) acknowledged: usize,
    /// The log's start lies between what was answered and what was asked for.
    pub(crate) log_start: (usize, usize),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Record(String),
    InTransaction(ProducerId, String),
    Marker(ProducerId, TransactionEnd),
}

#[derive(Clone)]
pub(crate) struct SequencedSend {
    pub(crate) target: TopicPartition,
    pub(crate) batch: Bytes,
    pub(crate) base_offset: usize,
    pub(crate) values: Vec<String>,
}

/// An epoch that is staged and not decided.
pub(crate) struct OpenEpoch {
    staged: Box<dyn Staged>,
    values: Vec<(TopicPartition, Vec<String>)>,
}

pub(crate) fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

pub(crate) fn partition(topic: &str, number: u32) -> TopicPartition {
    TopicPartition::new(name(topic), PartitionId(number))
}

pub(crate) fn segment_path(target: &TopicPartition, base: usize) -> PathBuf {
    PathBuf::from(format!("{DIRECTORY}/topics/{}/{}/{base:020}.log", target.topic, target.partition))
}

impl World {
    /// An empty disk, no log yet.
    pub(crate) fn new() -> World {
        let clock = ManualClock::new(1_700_000_000_000);
        World {
            disk: FaultyDisk::new(Arc::new(clock.clone())),
            clock,
            log: None,
            decided: Arc::default(),
            model: Model::default(),
            waiting: Vec::new(),
            values: 0,
        }
    }

    /// A world whose log is open.
    pub(crate) fn opened() -> World {
        let mut world = World::new();
        world.open().unwrap();
        world
    }

    pub(crate) fn log(&self) -> &EmbeddedLog {
        self.log.as_ref().expect("the log is open")
    }

    /// Opens the log as a new process would.
    pub(crate) fn open(&mut self) -> Result<RecoveryReport> {
        self.close();
        let options = Options {
            disk: Arc::new(self.disk.clone()),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(self.disk.calls())),
            sync_threads: 0,
            ..Options::new(DIRECTORY)
        };
        let decided = Arc::clone(&self.decided);
        let decisions: Decisions =
            Arc::new(move |producer, target| decided.lock().get(&(producer, target.clone())).copied());
        let (log, report) = EmbeddedLog::open(options, &decisions)?;
        self.log = Some(log);
        Ok(report)
    }

    pub(crate) fn close(&mut self) {
        self.log = None;
        self.waiting.clear();
    }

    pub(crate) fn create_topic(&mut self, topic: &str, settings: TopicSettings) -> Result<()> {
        let topic = name(topic);
        let created = self.log().create_topic(&topic, settings.clone());
        self.note_existence(&topic, created.map(drop), Existence::There)?;
        for number in 0..settings.partitions {
            let target = TopicPartition::new(topic.clone(), PartitionId(number));
            self.model.partitions.insert(target, PartitionModel::default());
        }
        Ok(())
    }

    pub(crate) fn alter_topic(&mut self, topic: &str, settings: TopicSettings) -> Result<()> {
        let topic = name(topic);
        self.log().alter_topic(&topic, settings.clone())?;
        for number in 0..settings.partitions {
            let target = TopicPartition::new(topic.clone(), PartitionId(number));
            self.model.partitions.entry(target).or_default();
        }
        Ok(())
    }

    pub(crate) fn delete_topic(&mut self, topic: &str) -> Result<()> {
        let topic = name(topic);
        let deleted = self.log().delete_topic(&topic);
        self.note_existence(&topic, deleted, Existence::Gone)?;
        self.model.partitions.retain(|target, _| target.topic != topic);
        self.model.sequenced.retain(|send| send.target.topic != topic);
        Ok(())
    }

    fn note_existence(&mut self, topic: &TopicName, done: Result<()>, then: Existence) -> Result<()> {
        match done {
            Ok(()) => {
                self.model.topics.insert(topic.clone(), then);
                Ok(())
            }
            Err(error) => {
                if error.kind() != ErrorKind::DiskFull {
                    self.model.topics.insert(topic.clone(), Existence::Either);
                }
                Err(error)
            }
        }
    }

    /// Appends a batch of `count` records without waiting for the disk.
    pub(crate) fn append(&mut self, target: &TopicPartition, count: usize) -> Result<()> {
        let values = self.new_values(count);
        let batch = build(&values, None);
        let entries = values.into_iter().map(Entry::Record).collect();
        self.send(target, batch, entries).map(drop)
    }

    /// Appends a batch of an idempotent producer.
    pub(crate) fn append_sequenced(
        &mut self,
        target: &TopicPartition,
        id: ProducerId,
        base_sequence: i32,
        count: usize,
    ) -> Result<()> {
        let values = self.new_values(count);
        let batch = build(&values, Some(producer(id, base_sequence, false)));
        let base_offset = self.model.partitions[target].entries.len();
        let send = SequencedSend {
            target: target.clone(),
            batch: batch.clone(),
            base_offset,
            values: values.clone(),
        };
        let sent = self.send(target, batch, values.into_iter().map(Entry::Record).collect());
        if !sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::DiskFull) {
            self.model.sequenced.push(send);
        }
        sent.map(drop)
    }

    /// Appends a batch within a client's transaction.
    pub(crate) fn append_in_transaction(
        &mut self,
        target: &TopicPartition,
        id: ProducerId,
        base_sequence: i32,
        count: usize,
    ) -> Result<()> {
        let values = self.new_values(count);
        let batch = build(&values, Some(producer(id, base_sequence, true)));
        let entries = values.into_iter().map(|value| Entry::InTransaction(id, value)).collect();
        self.send(target, batch, entries).map(drop)
    }

    pub(crate) fn end_transaction(
        &mut self,
        target: &TopicPartition,
        id: ProducerId,
        end: TransactionEnd,
    ) -> Result<()> {
        let appended = self.log().end_transaction(target, id, ProducerEpoch(0), end);
        self.note_append(target, appended, vec![Entry::Marker(id, end)]).map(drop)
    }

    fn send(&mut self, target: &TopicPartition, batch: Bytes, entries: Vec<Entry>) -> Result<()> {
        let appended = self.log().append(target, batch, Origin::Client);
        self.note_append(target, appended, entries)
    }

    /// A refused append leaves nothing; one that failed may be there after a restart.
    fn note_append(
        &mut self,
        target: &TopicPartition,
        appended: Result<Appended>,
        entries: Vec<Entry>,
    ) -> Result<()> {
        let model = self.model.partitions.get_mut(target).unwrap();
        match appended {
            Ok(appended) => {
                assert_eq!(appended.base_offset.0 as usize, model.entries.len(), "offsets are dense");
                model.entries.extend(entries);
                assert_eq!(appended.last_offset.0 as usize + 1, model.entries.len());
                self.waiting.push((target.clone(), appended));
                Ok(())
            }
            Err(error) => {
                if error.kind() != ErrorKind::DiskFull {
                    model.entries.extend(entries);
                }
                Err(error)
            }
        }
    }

    /// Syncs, and takes the acknowledgements.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.log().sync();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut failure = None;
        for (target, appended) in std::mem::take(&mut self.waiting) {
            let end = appended.last_offset.0 as usize + 1;
            match runtime.block_on(appended.durable()) {
                Ok(()) => {
                    if let Some(model) = self.model.partitions.get_mut(&target) {
                        model.acknowledged = model.acknowledged.max(end);
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Stages an epoch of one batch per partition.
    pub(crate) fn stage(&mut self, targets: &[(&TopicPartition, usize)]) -> Result<OpenEpoch> {
        let values: Vec<(TopicPartition, Vec<String>)> =
            targets.iter().map(|(target, count)| ((*target).clone(), self.new_values(*count))).collect();
        let outputs = values
            .iter()
            .map(|(target, values)| StagedOutput {
                target: target.clone(),
                // Two batches, so that an epoch can be torn between them.
                batches: values.chunks(values.len().div_ceil(2)).map(|half| build(half, None)).collect(),
            })
            .collect();
        let staged = self.log().stage(QUERY, outputs)?;
        // Staging waits for the disk, and what was appended before is durable with it.
        for (target, _) in &values {
            let model = self.model.partitions.get_mut(target).unwrap();
            model.acknowledged = model.entries.len();
        }
        for (target, end) in staged.ends() {
            let (_, staged_values) = values.iter().find(|(staged, _)| staged == target).unwrap();
            let before = self.model.partitions[target].entries.len();
            assert_eq!(end.0 as usize, before + staged_values.len());
        }
        Ok(OpenEpoch { staged, values })
    }

    /// The state store says durably that the epoch counts.
    pub(crate) fn decide(&mut self, epoch: &OpenEpoch) {
        let mut decided = self.decided.lock();
        for (target, end) in epoch.staged.ends() {
            decided.insert((QUERY, target.clone()), *end);
        }
        for (target, values) in &epoch.values {
            let model = self.model.partitions.get_mut(target).unwrap();
            model.entries.extend(values.iter().cloned().map(Entry::Record));
            model.acknowledged = model.entries.len();
        }
    }

    /// The engine forgets the decisions of queries that are gone.
    pub(crate) fn forget_decisions(&self) {
        self.decided.lock().clear();
    }

    pub(crate) fn publish(&mut self, epoch: OpenEpoch) {
        epoch.staged.publish();
    }

    pub(crate) fn abort(&mut self, epoch: OpenEpoch) -> Result<()> {
        epoch.staged.abort();
        self.log().failure().map_or(Ok(()), Err)
    }

    /// The process ends with the epoch undecided.
    pub(crate) fn forget(epoch: OpenEpoch) {
        std::mem::forget(epoch.staged);
    }

    pub(crate) fn trim(&mut self, target: &TopicPartition, offset: usize) -> Result<()> {
        self.model.partitions.get_mut(target).unwrap().log_start.1 = offset;
        self.log().trim(target, Offset(offset as i64))?;
        self.model.partitions.get_mut(target).unwrap().log_start = (offset, offset);
        Ok(())
    }

    pub(crate) fn enforce_retention(&mut self) -> Result<()> {
        for model in self.model.partitions.values_mut() {
            model.log_start.1 = model.acknowledged;
        }
        let done = self.log().enforce_retention().map(drop);
        let starts: Vec<_> = self.model.partitions.keys().cloned().collect();
        if done.is_ok() {
            for target in starts {
                let start = self.log().offsets(&target)?.log_start.0 as usize;
                self.model.partitions.get_mut(&target).unwrap().log_start = (start, start);
            }
        }
        done
    }

    pub(crate) fn allocate_producer_id(&mut self) -> Result<ProducerId> {
        let id = self.log().allocate_producer_id()?;
        assert!(self.model.producer_id_max.is_none_or(|max| id > max), "{id:?} was handed out before");
        self.model.producer_id_max = Some(id);
        Ok(id)
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn new_values(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                self.values += 1;
                format!("value {:04} {}", self.values, "x".repeat((self.values % 37) as usize))
            })
            .collect()
    }

    /// Compares the log with the model, and takes what is there now as promised.
    pub(crate) fn verify(&mut self, context: &str) {
        for (topic, existence) in self.model.topics.clone() {
            let there = self.log().topic(&topic).is_some();
            match existence {
                Existence::There => assert!(there, "{context}: topic {topic} is lost"),
                Existence::Gone => assert!(!there, "{context}: topic {topic} is back"),
                Existence::Either => {
                    let now = if there { Existence::There } else { Existence::Gone };
                    self.model.topics.insert(topic.clone(), now);
                    if !there {
                        self.model.partitions.retain(|target, _| target.topic != topic);
                        self.model.sequenced.retain(|send| send.target.topic != topic);
                    }
                }
            }
        }
        for target in self.model.partitions.keys().cloned().collect::<Vec<_>>() {
            self.verify_partition(&target, context);
        }
        let id = self.log().allocate_producer_id().unwrap();
        assert!(self.model.producer_id_max.is_none_or(|max| id > max), "{context}: {id:?} came twice");
        self.model.producer_id_max = Some(id);
    }

    fn verify_partition(&mut self, target: &TopicPartition, context: &str) {
        let context = format!("{context}, {target}");
        let offsets = match self.log().offsets(target) {
            Ok(offsets) => offsets,
            // The partition may have been added by an alteration that never answered.
            Err(error) => {
                let model = &self.model.partitions[target];
                assert_eq!(model.acknowledged, 0, "{context}: {error}");
                self.model.partitions.remove(target);
                return;
            }
        };
        assert!(
            offsets.log_start <= offsets.last_stable
                && offsets.last_stable <= offsets.high_watermark
                && offsets.high_watermark == offsets.end,
            "{context}: {offsets:?}"
        );
        let found = read_raw(self.log(), target, offsets.log_start).unwrap();
        let model = self.model.partitions.get_mut(target).unwrap();
        let start = offsets.log_start.0 as usize;
        let end = offsets.end.0 as usize;
        assert!(
            (model.log_start.0..=model.log_start.1).contains(&start),
            "{context}: the log starts at {start}, not within {:?}",
            model.log_start
        );
        assert_eq!(found.len(), end - start, "{context}: offsets are dense");
        assert!(
            end >= model.acknowledged,
            "{context}: {} records were acknowledged, {end} are there",
            model.acknowledged
        );
        assert!(end <= model.entries.len(), "{context}: {end} records, {} were sent", model.entries.len());
        assert_eq!(found, model.entries[start..end], "{context}");
        model.entries.truncate(end);
        model.acknowledged = end;
        // What was trimmed without an answer may come back by another power cut.
        model.log_start.1 = model.log_start.1.max(start);
        let committed = committed(&model.entries, start);
        let (stable, visible) = read_committed(self.log(), target, offsets.log_start);
        assert_eq!(stable, committed.0, "{context}: last stable offset");
        assert_eq!(visible, committed.1, "{context}: committed records");
    }

    /// Sends the batches of idempotent producers again, as a client does whose answers were lost: what
    /// is there already must be told apart from what is not.
    pub(crate) fn resend(&mut self, context: &str) {
        let sends = std::mem::take(&mut self.model.sequenced);
        for send in sends.iter().skip(sends.len().saturating_sub(4)) {
            let there = self.model.partitions[&send.target].entries.len();
            let appended = self.log().append(&send.target, send.batch.clone(), Origin::Client).unwrap();
            let is_there = send.base_offset < there;
            assert_eq!(appended.duplicate, is_there, "{context}: batch at {}", send.base_offset);
            if is_there {
                assert_eq!(appended.base_offset.0 as usize, send.base_offset, "{context}");
            } else {
                let entries = send.values.iter().cloned().map(Entry::Record).collect();
                self.note_append(&send.target, Ok(appended), entries).unwrap();
            }
        }
        self.model.sequenced = sends;
    }

    /// Starts after an end, and once more after a power cut: what the first start found, although it may
    /// have stood in the page cache only, is there to stay. Then goes on.
    pub(crate) fn come_back_twice(&mut self, context: &str) {
        self.open().unwrap_or_else(|error| panic!("{context}: {error}"));
        self.verify(context);
        self.disk.power_cut(Tail::Lost);
        self.open().unwrap();
        self.verify(&format!("{context}, then the power was cut"));
        self.go_on(context);
    }

    /// The life after a restart: every partition takes records, and they stay.
    pub(crate) fn go_on(&mut self, context: &str) {
        self.resend(context);
        let targets: Vec<_> = self.model.partitions.keys().cloned().collect();
        for target in &targets {
            self.append(target, 2).unwrap_or_else(|error| panic!("{context}: {error}"));
        }
        self.sync().unwrap();
        for target in &targets {
            let epoch = self.stage(&[(target, 3)]).unwrap();
            self.decide(&epoch);
            self.publish(epoch);
        }
        self.verify(&format!("{context}, going on"));
    }
}

fn producer(id: ProducerId, base_sequence: i32, transactional: bool) -> BatchProducer {
    BatchProducer { id, epoch: ProducerEpoch(0), base_sequence, transactional }
}

fn build(values: &[String], producer: Option<BatchProducer>) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Some(producer) = producer {
        builder.set_producer(producer);
    }
    for (index, value) in values.iter().enumerate() {
        builder.append(index as i64, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.build().unwrap()
}

/// Everything below the high watermark, markers included.
pub(crate) fn read_raw(log: &EmbeddedLog, target: &TopicPartition, from: Offset) -> Result<Vec<Entry>> {
    let mut found = Vec::new();
    let mut at = from;
    loop {
        let slice = log.read(target, at, 700, Isolation::ReadUncommitted)?;
        if slice.batches.is_empty() {
            return Ok(found);
        }
        for batch in Batches::new(slice.batches) {
            let batch = batch?;
            assert!(batch.header.base_offset <= at, "no hole before {at}");
            for record in Records::new(&batch.header, batch.records()).from_offset(at) {
                let record = record?;
                assert_eq!(record.offset, at);
                at = at.next();
                let id = batch.header.producer_id;
                let text = String::from_utf8(record.value.unwrap_or_default().to_vec());
                found.push(if batch.header.attributes.is_control() {
                    let commit = record.key.is_some_and(|key| key == [0, 0, 0, 1]);
                    let end = if commit { TransactionEnd::Commit } else { TransactionEnd::Abort };
                    Entry::Marker(id, end)
                } else if batch.header.attributes.is_transactional() {
                    Entry::InTransaction(id, text.unwrap())
                } else {
                    Entry::Record(text.unwrap())
                });
            }
        }
    }
}

/// The last stable offset and the values a read_committed reader sees.
fn read_committed(log: &EmbeddedLog, target: &TopicPartition, from: Offset) -> (usize, Vec<String>) {
    let mut at = from;
    let mut values = Vec::new();
    loop {
        let slice = log.read(target, at, 700, Isolation::ReadCommitted).unwrap();
        if slice.batches.is_empty() {
            return (slice.offsets.last_stable.0 as usize, values);
        }
        let mut reader = slice.reader(at);
        while let Some(batch) = reader.next_batch().unwrap() {
            values.extend(
                batch
                    .records()
                    .map(|record| String::from_utf8(record.unwrap().value.unwrap().to_vec()).unwrap()),
            );
        }
        at = reader.next_offset();
    }
}

/// The same by the model.
fn committed(entries: &[Entry], start: usize) -> (usize, Vec<String>) {
    let end_of = |id: ProducerId, from: usize| {
        entries[from..].iter().find_map(|entry| match entry {
            Entry::Marker(ended, end) if *ended == id => Some(*end),
            _ => None,
        })
    };
    let mut stable = entries.len();
    let mut visible = Vec::new();
    for (offset, entry) in entries.iter().enumerate() {
        match entry {
            Entry::InTransaction(id, value) => match end_of(*id, offset) {
                Some(TransactionEnd::Commit) => visible.push((offset, value.clone())),
                Some(TransactionEnd::Abort) => {}
                None => stable = stable.min(offset),
            },
            Entry::Record(value) => visible.push((offset, value.clone())),
            Entry::Marker(..) => {}
        }
    }
    let stable = stable.max(start);
    visible.retain(|(offset, _)| (start..stable).contains(offset));
    (stable, visible.into_iter().map(|(_, value)| value).collect())
}

/// Whether an error means that the log has ended, or only that the call was refused.
pub(crate) fn is_refusal(error: &StorageError) -> bool {
    error.kind() == ErrorKind::DiskFull
}
