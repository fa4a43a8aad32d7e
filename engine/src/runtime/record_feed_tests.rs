//! Portions of records: where they end, and where the next one begins.

use tidemill_storage::log::{MemoryLog, Origin, TopicSettings};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::{PartitionId, TopicName};

use super::*;

/// A partition with so many batches of so many records, whose values are `value_bytes` zeros.
fn partition(batches: usize, records: usize, value_bytes: usize) -> (Arc<dyn Log>, TopicPartition) {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let topic = TopicName::new("clicks").expect("a legal name");
    log.create_topic(&topic, TopicSettings::default()).expect("the topic is new");
    let target = TopicPartition::new(topic, PartitionId(0));
    let value = vec![0; value_bytes];
    let mut builder = BatchBuilder::new(Codec::Zstd);
    for _ in 0..batches {
        for _ in 0..records {
            builder.append(0, None, Some(&value), &[]).expect("the record fits");
        }
        let batch = builder.build().expect("there are records");
        log.append(&target, batch, Origin::Client).expect("the log takes it");
    }
    (log, target)
}

/// Takes a portion; gives the offsets of its records and the bytes of their values.
fn take(feed: &mut RecordFeed, portion: Portion) -> (Vec<i64>, usize, Taken) {
    let (mut offsets, mut bytes) = (Vec::new(), 0);
    let taken = feed.take(portion, |record| {
        offsets.push(record.offset.0);
        bytes += record.value.map_or(0, <[u8]>::len);
        Ok(())
    });
    (offsets, bytes, taken.expect("the partition is read"))
}

#[test]
fn a_portion_ends_inside_a_batch_and_the_next_one_begins_there() {
    let (log, target) = partition(2, 5, 1);
    let mut feed = RecordFeed::new(log, target, Offset(1));
    let portion = Portion { records_max: 3, bytes_max: 1 << 20 };
    let mut portions = Vec::new();
    while feed.has_more().expect("the topic is there") {
        let (offsets, _, taken) = take(&mut feed, portion);
        assert_eq!(feed.position().0, offsets[offsets.len() - 1] + 1);
        assert_eq!(taken.more, feed.position().0 < 10);
        portions.push(offsets);
    }
    assert_eq!(portions, [vec![1, 2, 3], vec![4, 5, 6], vec![7, 8, 9]]);
}

#[test]
fn a_portion_is_bounded_in_decompressed_bytes() {
    // A hundred megabytes of zeros, in a few kilobytes of the log.
    let (log, target) = partition(10, 100, 100_000);
    let mut feed = RecordFeed::new(log, target, Offset::ZERO);
    let portion = Portion { records_max: usize::MAX, bytes_max: 1_000_000 };
    let mut records = 0;
    while feed.has_more().expect("the topic is there") {
        let (offsets, bytes, _) = take(&mut feed, portion);
        assert!(bytes <= 1_100_000, "{bytes} bytes at once");
        records += offsets.len();
    }
    assert_eq!(records, 1_000);
}

#[test]
fn what_was_read_and_not_taken_is_not_read_again() {
    let (log, target) = partition(10, 10, 1);
    let mut feed = RecordFeed::new(log.clone(), target.clone(), Offset::ZERO);
    let portion = Portion { records_max: 15, bytes_max: 1 << 20 };
    take(&mut feed, portion);
    // Whoever read again now would find nothing but a gap.
    log.trim(&target, Offset(100)).expect("all records are dropped");
    let (offsets, _, taken) = take(&mut feed, portion);
    assert_eq!(offsets, (15..30).collect::<Vec<_>>());
    assert_eq!(taken.gap, None);
}

#[test]
fn records_that_retention_dropped_are_told_as_a_gap() {
    let (log, target) = partition(2, 10, 1);
    log.trim(&target, Offset(10)).expect("the first batch is dropped");
    let mut feed = RecordFeed::new(log, target, Offset(4));
    let (offsets, _, taken) = take(&mut feed, Portion { records_max: 2, bytes_max: 1 << 20 });
    assert_eq!(offsets, [10, 11]);
    assert_eq!(taken.gap, Some(Offset(4)..Offset(10)));
}
