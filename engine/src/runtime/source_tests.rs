//! Reading ahead: what is booked when, across a restart in the middle.

use arrow::datatypes::DataType;
use tidemill_sql::lookup::{ColumnRole, FormatSpec, Source, SourceColumn, SourceKind};
use tidemill_storage::log::{MemoryLog, Origin, TopicSettings};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::{PartitionId, TopicName};

use super::*;

/// A table with a STRING key and a JSON value of a BIGINT `N`.
fn table() -> Arc<Source> {
    Arc::new(Source {
        name: "COUNTS".to_owned(),
        kind: SourceKind::Table,
        columns: vec![
            SourceColumn::new("K", DataType::Utf8, ColumnRole::Key),
            SourceColumn::new("N", DataType::Int64, ColumnRole::Value),
        ],
        topic: "counts".to_owned(),
        partitions: 1,
        key_format: FormatSpec::named("KAFKA"),
        value_format: FormatSpec::named("JSON"),
        window: None,
        timestamp: None,
        read_only: false,
    })
}

const GOOD: &[u8] = br#"{"N": 1}"#;
const BAD: &[u8] = b"{";

/// A partition whose records have these keys, values and times.
fn partition(records: &[(Option<&str>, &[u8], i64)]) -> (Arc<dyn Log>, TopicPartition) {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let topic = TopicName::new("counts").expect("a legal name");
    log.create_topic(&topic, TopicSettings::default()).expect("the topic is new");
    let target = TopicPartition::new(topic, PartitionId(0));
    let mut builder = BatchBuilder::new(Codec::None);
    for (key, value, time_ms) in records {
        builder.append(*time_ms, key.map(str::as_bytes), Some(value), &[]).expect("the record fits");
    }
    log.append(&target, builder.build().expect("there are records"), Origin::Client).expect("is appended");
    (log, target)
}

fn reader(log: &Arc<dyn Log>, target: &TopicPartition, position: Offset) -> PartitionReader {
    let scan = ScanSpec::new(&table(), &["K".to_owned(), "N".to_owned()]).expect("the columns are there");
    let schemas = SchemaRegistry::in_memory();
    PartitionReader::new(log.clone(), &schemas, &scan, target.clone(), position)
        .expect("the formats have the types")
}

/// Takes what passes up to a time: number of rows, of records rejected, filtered, and reported.
fn pass(reader: &mut PartitionReader, through_ms: i64) -> [u64; 4] {
    let rows = reader.take_ahead(through_ms).iter().map(|batch| batch.rows() as u64).sum();
    let Passed { counts, reports } = reader.take_dropped();
    [rows, counts.rejected, counts.filtered, reports.len() as u64]
}

#[test]
fn a_record_dropped_while_reading_ahead_counts_once_though_a_restart_reads_it_again() {
    let (log, target) = partition(&[
        (Some("a"), GOOD, 1),
        (Some("b"), BAD, 2),
        (None, GOOD, 3),
        (Some("c"), GOOD, 100),
        (Some("d"), BAD, 101),
        (Some("e"), GOOD, 102),
        (None, GOOD, 103),
    ]);
    let mut before = reader(&log, &target, Offset(0));
    before.read_ahead().expect("is read");
    assert_eq!(pass(&mut before, 0), [0, 0, 0, 0]);
    assert_eq!(before.position(), Offset(0));
    assert_eq!(pass(&mut before, 50), [1, 1, 1, 1]);
    assert_eq!(before.position(), Offset(3));

    let mut after = reader(&log, &target, before.position());
    after.read_ahead().expect("is read");
    assert_eq!(pass(&mut after, 100), [1, 1, 0, 1]);
    assert_eq!(pass(&mut after, i64::MAX), [1, 0, 1, 0]);
    assert_eq!(after.position(), Offset(7));
}

#[test]
fn records_with_no_row_among_them_pass_at_once() {
    let (log, target) = partition(&[(Some("a"), BAD, 1), (None, GOOD, 2)]);
    let mut reader = reader(&log, &target, Offset(0));
    reader.read_ahead().expect("is read");
    assert_eq!(pass(&mut reader, i64::MIN), [0, 1, 1, 1]);
    assert_eq!(reader.position(), Offset(2));
}
