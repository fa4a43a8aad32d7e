//! What every log must do, told once and run against each.
//!
//! A case gets an empty log and a clock. [`conformance!`] makes a test of each case for one kind of log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::ErrorKind;
use crate::ids::{Offset, PartitionId, ProducerEpoch, ProducerId, TopicName, TopicPartition};
use crate::io::ManualClock;
use crate::log::{
    Appended, Isolation, Log, Origin, StagedOutput, TopicSettings, TransactionEnd, Watermark, partitions_of,
};
use crate::record::{BatchBuilder, BatchHeader, BatchProducer, Batches, Codec};

/// A log to test, and what it lives on.
pub(crate) struct Fixture {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: ManualClock,
    /// Keeps a directory alive.
    pub(crate) _place: Option<tempfile::TempDir>,
}

macro_rules! conformance {
    ($module:ident, $make:expr) => {
        mod $module {
            use super::*;
            conformance!(@cases $make;
                topics_are_created_altered_and_deleted,
                illegal_settings_are_refused,
                a_batch_is_read_as_it_was_sent,
                offsets_are_dense_and_a_read_finds_the_middle_of_a_batch,
                a_read_returns_whole_batches_up_to_the_bound_and_at_least_one,
                offsets_outside_are_refused,
                damaged_and_oversize_batches_are_refused,
                compacted_topics_want_keys,
                an_idempotent_producer_is_answered_once,
                an_unknown_producer_must_begin_at_zero,
                transactions_hold_the_last_stable_offset,
                aborted_transactions_are_named_to_readers,
                a_transaction_ends_once_and_by_its_own_epoch,
                timestamps_are_found_exactly,
                trimming_moves_the_start,
                retention_drops_old_segments,
                retention_drops_large_logs,
                a_staged_epoch_is_visible_after_its_decision_only,
                an_aborted_epoch_leaves_no_trace,
                appends_wait_for_an_undecided_epoch,
                an_epoch_is_refused_as_a_whole,
                a_watch_tells_the_watermark_and_the_end,
                producer_ids_are_never_handed_out_twice,
            );
        }
    };
    (@cases $make:expr; $($case:ident,)*) => {
        $(#[test] fn $case() { super::$case(&$make()) })*
    };
}

conformance!(memory, || {
    let clock = ManualClock::new(1_000_000);
    let log = crate::log::MemoryLog::new(Arc::new(clock.clone()), Arc::new(crate::io::SeededRandom::new(1)));
    Fixture { log: Arc::new(log), clock, _place: None }
});

conformance!(embedded, || {
    let clock = ManualClock::new(1_000_000);
    let place = tempfile::tempdir().unwrap();
    let options = crate::log::Options {
        clock: Arc::new(clock.clone()),
        ..crate::log::Options::new(place.path().join("log"))
    };
    let nothing_decided: crate::log::Decisions = Arc::new(|_, _| None);
    let (log, _) = crate::log::EmbeddedLog::open(options, &nothing_decided).unwrap();
    Fixture { log: Arc::new(log), clock, _place: Some(place) }
});

const QUERY: ProducerId = ProducerId::ENGINE_FIRST;

fn name(text: &str) -> TopicName {
    TopicName::new(text).unwrap()
}

/// Creates topic `t` and answers its only partition.
fn one_partition(fixture: &Fixture, settings: TopicSettings) -> TopicPartition {
    let topic = fixture.log.create_topic(&name("t"), settings).unwrap();
    partitions_of(&topic).remove(0)
}

pub(crate) fn batch(first_timestamp: i64, count: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    for index in 0..count as i64 {
        builder.append(first_timestamp + index, Some(b"key"), Some(b"value"), &[]).unwrap();
    }
    builder.build().unwrap()
}

pub(crate) fn batch_of(id: ProducerId, epoch: i16, base_sequence: i32, transactional: bool) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.set_producer(BatchProducer { id, epoch: ProducerEpoch(epoch), base_sequence, transactional });
    builder.append(0, Some(b"key"), Some(b"value"), &[]).unwrap();
    builder.build().unwrap()
}

pub(crate) fn wait(appended: Appended) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(appended.durable()).unwrap();
}

fn append(fixture: &Fixture, target: &TopicPartition, batch: Bytes) -> (i64, i64) {
    let appended = fixture.log.append(target, batch, Origin::Client).unwrap();
    let offsets = (appended.base_offset.0, appended.last_offset.0);
    wait(appended);
    offsets
}

/// Offsets of the records a reader sees.
fn seen(fixture: &Fixture, target: &TopicPartition, from: i64, isolation: Isolation) -> Vec<i64> {
    let mut offsets = Vec::new();
    let mut from = Offset(from);
    loop {
        let slice = fixture.log.read(target, from, 1 << 20, isolation).unwrap();
        if slice.batches.is_empty() {
            return offsets;
        }
        let mut reader = slice.reader(from);
        while let Some(batch) = reader.next_batch().unwrap() {
            offsets.extend(batch.records().map(|record| record.unwrap().offset.0));
        }
        assert!(reader.next_offset() > from, "a read that is not empty gets on");
        from = reader.next_offset();
    }
}

fn kind<T>(result: crate::Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

fn topics_are_created_altered_and_deleted(fixture: &Fixture) {
    let log = &fixture.log;
    let first = log.create_topic(&name("b"), TopicSettings::default()).unwrap();
    log.create_topic(&name("a"), TopicSettings::default()).unwrap();
    assert_eq!(kind(log.create_topic(&name("b"), TopicSettings::default())), ErrorKind::AlreadyExists);
    let names: Vec<_> = log.topics().into_iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);

    let grown = TopicSettings { partitions: 3, retention_ms: None, ..TopicSettings::default() };
    let altered = log.alter_topic(&name("b"), grown.clone()).unwrap();
    assert_eq!((altered.id, &altered.settings), (first.id, &grown));
    append(fixture, &TopicPartition::new(name("b"), PartitionId(2)), batch(0, 1));
    assert_eq!(kind(log.alter_topic(&name("b"), TopicSettings::default())), ErrorKind::Invalid);
    assert_eq!(kind(log.alter_topic(&name("c"), TopicSettings::default())), ErrorKind::NotFound);

    log.delete_topic(&name("b")).unwrap();
    assert_eq!(kind(log.delete_topic(&name("b"))), ErrorKind::NotFound);
    assert!(log.topic(&name("b")).is_none());
    let again = log.create_topic(&name("b"), TopicSettings::default()).unwrap();
    assert_ne!(again.id, first.id, "a topic made anew is another one");
    assert_eq!(log.offsets(&partitions_of(&again)[0]).unwrap().end, Offset::ZERO);
}

fn illegal_settings_are_refused(fixture: &Fixture) {
    for settings in [
        TopicSettings { partitions: 0, ..TopicSettings::default() },
        TopicSettings { segment_bytes: 0, ..TopicSettings::default() },
        TopicSettings { max_message_bytes: 10, ..TopicSettings::default() },
        TopicSettings { retention_ms: Some(-5), ..TopicSettings::default() },
    ] {
        assert_eq!(kind(fixture.log.create_topic(&name("t"), settings)), ErrorKind::Invalid);
    }
    assert!(fixture.log.topics().is_empty());
}

fn a_batch_is_read_as_it_was_sent(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    append(fixture, &target, batch(0, 3));
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(codec);
        builder.append(7, None, Some(&[42; 500]), &[(b"h", None), (b"h", Some(b"twice"))]).unwrap();
        let sent = builder.build().unwrap();
        let (base, _) = append(fixture, &target, sent.clone());
        let slice = fixture.log.read(&target, Offset(base), 1 << 20, Isolation::ReadUncommitted).unwrap();
        assert_eq!(slice.batches[12..], sent[12..], "{}", codec.name());
        assert_eq!(BatchHeader::parse(&slice.batches).unwrap().base_offset, Offset(base));
    }
}

fn offsets_are_dense_and_a_read_finds_the_middle_of_a_batch(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { segment_bytes: 500, ..TopicSettings::default() });
    let mut expected = 0;
    for count in 1..=20 {
        let (base, last) = append(fixture, &target, batch(0, count));
        assert_eq!((base, last), (expected, expected + count as i64 - 1));
        expected = last + 1;
    }
    for from in 0..expected {
        let rest: Vec<i64> = (from..expected).collect();
        assert_eq!(seen(fixture, &target, from, Isolation::ReadUncommitted), rest);
    }
}

fn a_read_returns_whole_batches_up_to_the_bound_and_at_least_one(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    let size = batch(0, 10).len();
    for _ in 0..5 {
        append(fixture, &target, batch(0, 10));
    }
    let batches = |bytes_max| {
        let slice = fixture.log.read(&target, Offset(10), bytes_max, Isolation::ReadUncommitted).unwrap();
        Batches::new(slice.batches).map(Result::unwrap).count()
    };
    assert_eq!(batches(0), 1);
    assert_eq!(batches(size), 1);
    assert_eq!(batches(2 * size + 60), 2);
    assert_eq!(batches(1 << 20), 4);
}

fn offsets_outside_are_refused(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    append(fixture, &target, batch(0, 2));
    let read = |from| fixture.log.read(&target, Offset(from), 1000, Isolation::ReadUncommitted);
    assert_eq!(kind(read(-1)), ErrorKind::OffsetOutOfRange);
    assert_eq!(kind(read(3)), ErrorKind::OffsetOutOfRange);
    assert!(read(2).unwrap().batches.is_empty(), "the end itself is where a follower waits");
    let elsewhere = TopicPartition::new(name("t"), PartitionId(1));
    assert_eq!(
        kind(fixture.log.read(&elsewhere, Offset(0), 1, Isolation::ReadCommitted)),
        ErrorKind::NotFound
    );
    assert_eq!(kind(fixture.log.append(&elsewhere, batch(0, 1), Origin::Client)), ErrorKind::NotFound);
}

fn damaged_and_oversize_batches_are_refused(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { max_message_bytes: 200, ..TopicSettings::default() });
    let append = |batch: Bytes| fixture.log.append(&target, batch, Origin::Client);
    assert_eq!(kind(append(batch(0, 100))), ErrorKind::TooLarge);
    let mut damaged = batch(0, 1).to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(kind(append(damaged.into())), ErrorKind::CorruptBatch);
    let two = [batch(0, 1), batch(0, 1)].concat();
    assert_eq!(kind(append(two.into())), ErrorKind::CorruptBatch);
    assert_eq!(kind(append(Bytes::new())), ErrorKind::CorruptBatch);
    let of_engine = batch_of(QUERY, 0, 0, false);
    assert_eq!(kind(append(of_engine.clone())), ErrorKind::Invalid);
    assert_eq!(kind(fixture.log.append(&target, of_engine, Origin::Server)), ErrorKind::Invalid);
    assert_eq!(fixture.log.offsets(&target).unwrap().end, Offset::ZERO);
}

fn compacted_topics_want_keys(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { compact: true, ..TopicSettings::default() });
    append(fixture, &target, batch(0, 2));
    let mut builder = BatchBuilder::new(Codec::Gzip);
    builder.append(0, None, Some(b"value"), &[]).unwrap();
    let keyless = builder.build().unwrap();
    assert_eq!(kind(fixture.log.append(&target, keyless, Origin::Client)), ErrorKind::Invalid);
}

fn an_idempotent_producer_is_answered_once(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    let id = fixture.log.allocate_producer_id().unwrap();
    let send =
        |epoch, sequence| fixture.log.append(&target, batch_of(id, epoch, sequence, false), Origin::Client);
    let first = send(0, 0).unwrap();
    send(0, 1).unwrap();
    let again = send(0, 0).unwrap();
    assert!(again.duplicate && !first.duplicate);
    assert_eq!((again.base_offset, again.last_offset), (first.base_offset, first.last_offset));
    wait(again);
    assert_eq!(kind(send(0, 3)), ErrorKind::OutOfOrderSequence);
    wait(send(1, 0).unwrap());
    assert_eq!(kind(send(0, 2)), ErrorKind::ProducerFenced);
    assert_eq!(seen(fixture, &target, 0, Isolation::ReadCommitted), [0, 1, 2]);
}

fn an_unknown_producer_must_begin_at_zero(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    let late = batch_of(ProducerId(77), 0, 5, false);
    assert_eq!(kind(fixture.log.append(&target, late, Origin::Client)), ErrorKind::UnknownProducer);
}

fn transactions_hold_the_last_stable_offset(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    let (a, b) = (ProducerId(1), ProducerId(2));
    append(fixture, &target, batch(0, 1));
    append(fixture, &target, batch_of(a, 0, 0, true));
    append(fixture, &target, batch_of(b, 0, 0, true));
    append(fixture, &target, batch(0, 1));
    let stable = || fixture.log.offsets(&target).unwrap().last_stable.0;
    assert_eq!(stable(), 1);
    assert_eq!(seen(fixture, &target, 0, Isolation::ReadCommitted), [0]);
    assert_eq!(seen(fixture, &target, 0, Isolation::ReadUncommitted), [0, 1, 2, 3]);
    wait(fixture.log.end_transaction(&target, a, ProducerEpoch(0), TransactionEnd::Commit).unwrap());
    assert_eq!(stable(), 2);
    wait(fixture.log.end_transaction(&target, b, ProducerEpoch(0), TransactionEnd::Commit).unwrap());
    assert_eq!(stable(), 6, "two markers have offsets of their own");
    assert_eq!(seen(fixture, &target, 0, Isolation::ReadCommitted), [0, 1, 2, 3]);
    let outside = batch_of(a, 0, 1, true);
    append(fixture, &target, outside);
    let not_transactional = batch_of(a, 0, 2, false);
    assert_eq!(
        kind(fixture.log.append(&target, not_transactional, Origin::Client)),
        ErrorKind::InvalidTransactionState
    );
}

fn aborted_transactions_are_named_to_readers(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { segment_bytes: 150, ..TopicSettings::default() });
    let (a, b) = (ProducerId(1), ProducerId(2));
    append(fixture, &target, batch_of(a, 0, 0, true));
    append(fixture, &target, batch_of(b, 0, 0, true));
    append(fixture, &target, batch_of(a, 0, 1, true));
    wait(fixture.log.end_transaction(&target, a, ProducerEpoch(0), TransactionEnd::Abort).unwrap());
    wait(fixture.log.end_transaction(&target, b, ProducerEpoch(0), TransactionEnd::Commit).unwrap());
    append(fixture, &target, batch_of(a, 1, 0, true));
    wait(fixture.log.end_transaction(&target, a, ProducerEpoch(1), TransactionEnd::Commit).unwrap());
    assert_eq!(seen(fixture, &target, 0, Isolation::ReadCommitted), [1, 5]);
    assert_eq!(seen(fixture, &target, 2, Isolation::ReadCommitted), [5], "from within the aborted one");
    assert_eq!(seen(fixture, &target, 0, Isolation::ReadUncommitted), [0, 1, 2, 5]);
}

fn a_transaction_ends_once_and_by_its_own_epoch(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    let id = ProducerId(1);
    let end = |epoch, how| fixture.log.end_transaction(&target, id, ProducerEpoch(epoch), how);
    assert_eq!(kind(end(0, TransactionEnd::Commit)), ErrorKind::InvalidTransactionState);
    append(fixture, &target, batch_of(id, 3, 0, true));
    assert_eq!(kind(end(2, TransactionEnd::Commit)), ErrorKind::ProducerFenced);
    wait(end(4, TransactionEnd::Abort).unwrap());
    assert_eq!(kind(end(4, TransactionEnd::Abort)), ErrorKind::InvalidTransactionState);
    let zombie = batch_of(id, 3, 1, true);
    assert_eq!(kind(fixture.log.append(&target, zombie, Origin::Client)), ErrorKind::ProducerFenced);
    assert_eq!(
        kind(fixture.log.end_transaction(&target, QUERY, ProducerEpoch(0), TransactionEnd::Commit)),
        ErrorKind::Invalid
    );
}

fn timestamps_are_found_exactly(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { segment_bytes: 400, ..TopicSettings::default() });
    let find = |timestamp| {
        fixture.log.offset_for_timestamp(&target, timestamp).unwrap().map(|(offset, time)| (offset.0, time))
    };
    let latest =
        || fixture.log.offset_of_max_timestamp(&target).unwrap().map(|(offset, time)| (offset.0, time));
    assert_eq!((find(0), latest()), (None, None));
    for index in 0..30 {
        append(fixture, &target, batch(index * 100, 3));
    }
    append(fixture, &target, batch(500, 2));
    assert_eq!(find(-5), Some((0, 0)));
    assert_eq!(find(101), Some((4, 101)));
    assert_eq!(find(103), Some((6, 200)));
    assert_eq!(find(2902), Some((89, 2902)));
    assert_eq!(find(2903), None);
    assert_eq!(latest(), Some((89, 2902)));
    fixture.log.trim(&target, Offset(5)).unwrap();
    assert_eq!(find(0), Some((5, 102)), "what is trimmed is not found");
    fixture.log.trim(&target, Offset(90)).unwrap();
    assert_eq!(latest(), Some((91, 501)));
    let id = ProducerId(1);
    append(fixture, &target, batch_of(id, 0, 0, true));
    wait(fixture.log.end_transaction(&target, id, ProducerEpoch(0), TransactionEnd::Commit).unwrap());
    assert_eq!(latest(), Some((91, 501)), "a marker is no record");
}

fn trimming_moves_the_start(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { segment_bytes: 300, ..TopicSettings::default() });
    for _ in 0..20 {
        append(fixture, &target, batch(0, 5));
    }
    let size = fixture.log.size_bytes(&target).unwrap();
    fixture.log.trim(&target, Offset(52)).unwrap();
    let offsets = fixture.log.offsets(&target).unwrap();
    assert_eq!((offsets.log_start, offsets.end), (Offset(52), Offset(100)));
    assert!(fixture.log.size_bytes(&target).unwrap() < size / 2 + 200);
    assert_eq!(seen(fixture, &target, 52, Isolation::ReadUncommitted)[0], 52);
    assert_eq!(
        kind(fixture.log.read(&target, Offset(51), 1000, Isolation::ReadUncommitted)),
        ErrorKind::OffsetOutOfRange
    );
    fixture.log.trim(&target, Offset(10)).unwrap();
    assert_eq!(fixture.log.offsets(&target).unwrap().log_start, Offset(52), "the start never goes back");
    assert_eq!(kind(fixture.log.trim(&target, Offset(101))), ErrorKind::OffsetOutOfRange);
    fixture.log.trim(&target, Offset(100)).unwrap();
    assert_eq!(append(fixture, &target, batch(0, 1)), (100, 100));
}

fn retention_drops_old_segments(fixture: &Fixture) {
    let settings =
        TopicSettings { segment_bytes: 300, retention_ms: Some(60_000), ..TopicSettings::default() };
    let target = one_partition(fixture, settings);
    let far_future = 1 << 50;
    for _ in 0..5 {
        append(fixture, &target, batch(far_future, 10));
    }
    fixture.clock.advance(Duration::from_secs(50));
    append(fixture, &target, batch(0, 10));
    assert_eq!(fixture.log.enforce_retention().unwrap(), 0);
    fixture.clock.set_wall_ms(1 << 48);
    assert_eq!(fixture.log.enforce_retention().unwrap(), 0, "a jump of the wall clock makes nothing old");
    fixture.clock.advance(Duration::from_secs(20));
    assert_eq!(fixture.log.enforce_retention().unwrap(), 5, "a time in the future makes nothing young");
    assert_eq!(fixture.log.offsets(&target).unwrap().log_start, Offset(50));
    fixture.clock.advance(Duration::from_secs(70));
    assert_eq!(fixture.log.enforce_retention().unwrap(), 1, "the last segment too");
    let offsets = fixture.log.offsets(&target).unwrap();
    assert_eq!((offsets.log_start, offsets.end), (Offset(60), Offset(60)));
    assert_eq!(append(fixture, &target, batch(0, 1)), (60, 60));
}

fn retention_drops_large_logs(fixture: &Fixture) {
    let size = batch(0, 10).len() as u64;
    let settings =
        TopicSettings { segment_bytes: size, retention_bytes: Some(3 * size), ..TopicSettings::default() };
    let target = one_partition(fixture, settings.clone());
    for _ in 0..10 {
        append(fixture, &target, batch(0, 10));
    }
    assert_eq!(fixture.log.enforce_retention().unwrap(), 7);
    assert_eq!(seen(fixture, &target, 70, Isolation::ReadUncommitted).len(), 30);
    let compacted =
        TopicSettings { compact: true, retention_ms: None, retention_bytes: None, ..settings.clone() };
    fixture.log.alter_topic(&name("t"), compacted).unwrap();
    assert_eq!(fixture.log.enforce_retention().unwrap(), 0, "without bounds a compacted topic keeps all");
    let both = TopicSettings { compact: true, retention_bytes: Some(size), ..settings };
    fixture.log.alter_topic(&name("t"), both).unwrap();
    assert_eq!(fixture.log.enforce_retention().unwrap(), 2, "compact,delete drops by the bounds as well");
}

fn stage(fixture: &Fixture, outputs: &[(&TopicPartition, &[Bytes])]) -> Box<dyn crate::log::Staged> {
    let outputs = outputs
        .iter()
        .map(|(target, batches)| StagedOutput { target: (*target).clone(), batches: batches.to_vec() })
        .collect();
    fixture.log.stage(QUERY, outputs).unwrap()
}

fn a_staged_epoch_is_visible_after_its_decision_only(fixture: &Fixture) {
    let settings = TopicSettings { partitions: 2, segment_bytes: 300, ..TopicSettings::default() };
    let topic = fixture.log.create_topic(&name("t"), settings).unwrap();
    let [a, b] = <[_; 2]>::try_from(partitions_of(&topic)).unwrap();
    append(fixture, &a, batch(0, 5));
    let staged = stage(fixture, &[(&b, &[batch(0, 3)]), (&a, &[batch(0, 10), batch(0, 10)])]);
    assert_eq!(staged.ends(), [(a.clone(), Offset(25)), (b.clone(), Offset(3))]);
    let offsets = fixture.log.offsets(&a).unwrap();
    assert_eq!((offsets.high_watermark, offsets.end), (Offset(5), Offset(25)));
    assert_eq!(seen(fixture, &a, 0, Isolation::ReadUncommitted).len(), 5);
    assert_eq!(seen(fixture, &b, 0, Isolation::ReadUncommitted).len(), 0);
    assert_eq!(fixture.log.offset_of_max_timestamp(&b).unwrap(), None);
    assert!(fixture.log.append_waits(&a), "an append would wait for the decision");
    staged.publish();
    assert!(!fixture.log.append_waits(&a));
    assert_eq!(seen(fixture, &a, 0, Isolation::ReadCommitted), (0..25).collect::<Vec<_>>());
    assert_eq!(seen(fixture, &b, 0, Isolation::ReadCommitted), [0, 1, 2]);

    stage(fixture, &[(&a, &[batch(0, 2)])]).publish();
    let slice = fixture.log.read(&a, Offset(5), 1 << 20, Isolation::ReadUncommitted).unwrap();
    let header = BatchHeader::parse(&slice.batches).unwrap();
    assert_eq!((header.producer_id, header.base_sequence), (QUERY, 0));
    let slice = fixture.log.read(&a, Offset(25), 1 << 20, Isolation::ReadUncommitted).unwrap();
    let header = BatchHeader::parse(&slice.batches).unwrap();
    assert_eq!((header.producer_id, header.base_sequence), (QUERY, 20));
    assert!(header.verify_crc(&slice.batches).is_ok());
}

fn an_aborted_epoch_leaves_no_trace(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { segment_bytes: 300, ..TopicSettings::default() });
    stage(fixture, &[(&target, &[batch(5_000, 10), batch(5_000, 10)])]).abort();
    assert_eq!(fixture.log.offsets(&target).unwrap().end, Offset::ZERO);
    append(fixture, &target, batch(0, 5));
    let before = fixture.log.size_bytes(&target).unwrap();
    drop(stage(fixture, &[(&target, &[batch(9_000, 10), batch(9_000, 10), batch(9_000, 10)])]));
    let offsets = fixture.log.offsets(&target).unwrap();
    assert_eq!((offsets.high_watermark, offsets.end), (Offset(5), Offset(5)));
    assert_eq!(fixture.log.size_bytes(&target).unwrap(), before);
    assert_eq!(append(fixture, &target, batch(10, 20)), (5, 24));
    assert_eq!(seen(fixture, &target, 0, Isolation::ReadUncommitted).len(), 25);
    assert_eq!(fixture.log.offset_for_timestamp(&target, 5_000).unwrap(), None);
    assert_eq!(fixture.log.offset_of_max_timestamp(&target).unwrap(), Some((Offset(24), 29)));
    stage(fixture, &[(&target, &[batch(0, 1)])]).publish();
    let slice = fixture.log.read(&target, Offset(25), 1 << 20, Isolation::ReadUncommitted).unwrap();
    assert_eq!(BatchHeader::parse(&slice.batches).unwrap().base_sequence, 0, "nothing was written before");
}

fn appends_wait_for_an_undecided_epoch(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    for publish in [true, false] {
        let begin = fixture.log.offsets(&target).unwrap().end.0;
        let staged = stage(fixture, &[(&target, &[batch(0, 2)])]);
        let (log, place) = (Arc::clone(&fixture.log), target.clone());
        let client = std::thread::spawn(move || {
            let appended = log.append(&place, batch(0, 1), Origin::Client).unwrap();
            let base = appended.base_offset.0;
            wait(appended);
            base
        });
        if publish {
            staged.publish();
        } else {
            staged.abort();
        }
        assert_eq!(client.join().unwrap(), begin + if publish { 2 } else { 0 });
    }
}

fn an_epoch_is_refused_as_a_whole(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings { max_message_bytes: 300, ..TopicSettings::default() });
    let nowhere = TopicPartition::new(name("nowhere"), PartitionId(0));
    let output = |target: &TopicPartition, count| StagedOutput {
        target: target.clone(),
        batches: vec![batch(0, count)],
    };
    let refused = fixture.log.stage(QUERY, vec![output(&target, 1), output(&nowhere, 1)]);
    assert_eq!(kind(refused), ErrorKind::NotFound);
    let refused = fixture.log.stage(QUERY, vec![output(&target, 1), output(&target, 100)]);
    assert_eq!(kind(refused), ErrorKind::TooLarge);
    assert_eq!(kind(fixture.log.stage(ProducerId(5), vec![output(&target, 1)])), ErrorKind::Invalid);
    assert_eq!(fixture.log.offsets(&target).unwrap().end, Offset::ZERO);
    assert_eq!(append(fixture, &target, batch(0, 1)), (0, 0), "nothing waits for a decision");
}

fn a_watch_tells_the_watermark_and_the_end(fixture: &Fixture) {
    let target = one_partition(fixture, TopicSettings::default());
    let watch = fixture.log.watch(&target).unwrap();
    assert!(matches!(*watch.borrow(), Watermark::At(Offset(0))));
    append(fixture, &target, batch(0, 3));
    assert!(matches!(*watch.borrow(), Watermark::At(Offset(3))));
    fixture.log.delete_topic(&name("t")).unwrap();
    assert!(matches!(*watch.borrow(), Watermark::Deleted));
    assert_eq!(kind(fixture.log.append(&target, batch(0, 1), Origin::Client)), ErrorKind::NotFound);
}

fn producer_ids_are_never_handed_out_twice(fixture: &Fixture) {
    let ids: std::collections::BTreeSet<_> =
        (0..2500).map(|_| fixture.log.allocate_producer_id().unwrap()).collect();
    assert_eq!(ids.len(), 2500);
    assert!(ids.iter().all(|id| !id.is_engine()));
}
