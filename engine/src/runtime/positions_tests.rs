//! Where queries go on, on a log and a store in memory.

use std::sync::Arc;

use tidemill_storage::log::{MemoryLog, Origin, TopicSettings};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::state::Durability;
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::{PartitionId, TopicName};

use super::*;
use crate::physical::scan::ScanSpec;
use crate::processing_log;
use crate::registry::SchemaRegistry;
use crate::runtime::source::PartitionReader;

const QUERY: u64 = 7;

fn name() -> TopicName {
    TopicName::new("t").unwrap()
}

fn target(partition: u32) -> TopicPartition {
    TopicPartition::new(name(), PartitionId(partition))
}

fn settings(partitions: u32) -> TopicSettings {
    TopicSettings { partitions, ..TopicSettings::default() }
}

fn append(log: &MemoryLog, partition: u32, records: usize) {
    let mut builder = BatchBuilder::new(Codec::None);
    for number in 0..records {
        builder.append(number as i64, None, Some(b"v"), &[]).unwrap();
    }
    log.append(&target(partition), builder.build().unwrap(), Origin::Server).unwrap();
}

fn store_positions(store: &MemoryStateStore, positions: Positions) {
    let mut changes = WriteBatch::default();
    record(&mut changes, QUERY, positions);
    store.write(&changes, Durability::Synced).unwrap();
}

fn restored(store: &MemoryStateStore, log: &MemoryLog) -> (Vec<i64>, usize) {
    let mut fresh = Positions::new();
    let topic = log.topic(&name()).unwrap();
    let offsets = restore(store, log, QUERY, &topic, 0, StartAt::Latest, &mut fresh).unwrap();
    (offsets.iter().map(|offset| offset.0).collect(), fresh.len())
}

#[test]
fn latest_is_where_the_query_was_made_for_idle_partitions_too() {
    let (log, store) = (MemoryLog::default(), MemoryStateStore::new());
    let topic = log.create_topic(&name(), settings(2)).unwrap();
    append(&log, 0, 3);
    let (offsets, fresh) = restored(&store, &log);
    assert_eq!((offsets, fresh), (vec![3, 0], 2));
    let at = |offset| Position { topic: topic.id, offset: Offset(offset) };
    store_positions(&store, Positions::from([((target(0), 0), at(3)), ((target(1), 0), at(0))]));
    append(&log, 1, 100);
    assert_eq!(restored(&store, &log), (vec![3, 0], 0), "what came in between is still to be read");
}

#[test]
fn a_partition_that_was_added_is_read_from_its_beginning() {
    let (log, store) = (MemoryLog::default(), MemoryStateStore::new());
    let topic = log.create_topic(&name(), settings(1)).unwrap();
    append(&log, 0, 3);
    store_positions(
        &store,
        Positions::from([((target(0), 0), Position { topic: topic.id, offset: Offset(3) })]),
    );
    log.alter_topic(&name(), settings(2)).unwrap();
    append(&log, 1, 5);
    assert_eq!(restored(&store, &log), (vec![3, 0], 1));
}

#[test]
fn a_topic_that_was_made_again_is_read_from_its_beginning() {
    let (log, store) = (MemoryLog::default(), MemoryStateStore::new());
    let topic = log.create_topic(&name(), settings(1)).unwrap();
    store_positions(
        &store,
        Positions::from([((target(0), 0), Position { topic: topic.id, offset: Offset(1_000) })]),
    );
    log.delete_topic(&name()).unwrap();
    log.create_topic(&name(), settings(1)).unwrap();
    append(&log, 0, 5);
    assert_eq!(restored(&store, &log), (vec![0], 1));
}

#[test]
fn readers_of_one_topic_go_on_where_each_of_them_was() {
    let (log, store) = (MemoryLog::default(), MemoryStateStore::new());
    let topic = log.create_topic(&name(), settings(1)).unwrap();
    append(&log, 0, 9);
    let at = |offset| Position { topic: topic.id, offset: Offset(offset) };
    let restored_by = |reader| {
        restore(&store, &log, QUERY, &topic, reader, StartAt::Latest, &mut Positions::new()).unwrap()
    };
    store_positions(&store, Positions::from([((target(0), 0), at(7))]));
    assert_eq!(restored_by(1), [Offset(7)], "a reader without its own goes on with the first");
    store_positions(&store, Positions::from([((target(0), 1), at(4))]));
    assert_eq!((restored_by(0), restored_by(1)), (vec![Offset(7)], vec![Offset(4)]));
    assert_eq!(committed(&store, QUERY, &target(0)).unwrap(), Some(at(4)), "all have read what lies below");
}

#[test]
fn a_damaged_position_is_told() {
    let (log, store) = (MemoryLog::default(), MemoryStateStore::new());
    let topic = log.create_topic(&name(), settings(1)).unwrap();
    let mut changes = WriteBatch::default();
    changes.put(state_keys::input_offset(QUERY, &target(0), 0), vec![1, 2, 3]);
    store.write(&changes, Durability::Synced).unwrap();
    let found = restore(&store, &log, QUERY, &topic, 0, StartAt::Latest, &mut Positions::new());
    assert_eq!(found.unwrap_err().kind, ErrorKind::Corrupt);
}

#[test]
fn a_position_behind_the_end_is_told_and_not_waited_for() {
    let log = Arc::new(MemoryLog::default());
    log.create_topic(&TopicName::new(processing_log::TOPIC).unwrap(), settings(1)).unwrap();
    let source = Arc::new(processing_log::source());
    let scan = ScanSpec::new(&source, &["REASON".to_owned()]).unwrap();
    let target = TopicPartition::new(scan.topic.clone(), PartitionId(0));
    let schemas = SchemaRegistry::in_memory();
    let at =
        |offset| PartitionReader::new(log.clone(), &schemas, &scan, target.clone(), Offset(offset)).unwrap();
    assert!(!at(0).has_input().unwrap());
    assert_eq!(at(1_000).has_input().unwrap_err().kind, ErrorKind::Corrupt);
}
