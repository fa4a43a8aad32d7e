//! From records to rows: what is taken out, and what is counted.

use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{AsArray, StringArray};
use arrow::datatypes::DataType;
use tidemill_sql::lookup::{ColumnRole, FormatSpec, SourceColumn, TimestampColumn};
use tidemill_storage::PartitionId;
use tidemill_storage::log::{Log, MemoryLog, Origin, TopicSettings};
use tidemill_storage::record::{BatchBuilder, Codec};

use super::*;
use crate::runtime::source::PartitionReader;

/// A stream with an INT key `K` and a JSON value of a BIGINT `T` and a STRING `V`.
fn stream(timestamp: Option<&str>) -> Arc<Source> {
    Arc::new(Source {
        name: "CLICKS".to_owned(),
        kind: SourceKind::Stream,
        columns: vec![
            SourceColumn::new("K", DataType::Int32, ColumnRole::Key),
            SourceColumn::new("T", DataType::Int64, ColumnRole::Value),
            SourceColumn::new("V", DataType::Utf8, ColumnRole::Value),
        ],
        topic: "clicks".to_owned(),
        partitions: 1,
        key_format: FormatSpec::named("KAFKA"),
        value_format: FormatSpec::named("JSON"),
        window: None,
        timestamp: timestamp.map(|column| TimestampColumn { column: column.to_owned(), format: None }),
        read_only: false,
    })
}

fn decoder(source: &Arc<Source>) -> RowDecoder {
    let scan = ScanSpec::new(source, &["K".to_owned(), "V".to_owned()]).expect("the columns are there");
    let target = TopicPartition::new(scan.topic.clone(), PartitionId(0));
    RowDecoder::new(&scan, target, &SchemaRegistry::in_memory()).expect("the formats have the types")
}

/// Keys as INT, and values.
fn gathered(rows: &[(&[u8], Option<&str>, i64)]) -> Gathered {
    let mut gathered = Gathered::default();
    for (key, value, time_ms) in rows {
        gathered.push_row(Some(key), value.map(str::as_bytes), *time_ms, None).expect("the row fits");
    }
    gathered
}

/// Counts how often it is asked.
struct Counting {
    decoder: Box<dyn Decoder>,
    calls: Arc<AtomicUsize>,
}

impl Decoder for Counting {
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.decoder.decode(payloads, rejections)
    }
}

#[test]
fn a_record_that_does_not_decode_is_taken_out_of_both_parts_without_decoding_again() {
    let mut decoder = decoder(&stream(None));
    let calls = Arc::new(AtomicUsize::new(0));
    for part in [&mut decoder.key, &mut decoder.value] {
        let inner = part.decoder.take().expect("both parts have columns");
        part.decoder = Some(Box::new(Counting { decoder: inner, calls: calls.clone() }));
    }
    let rows = gathered(&[
        (&[0, 0, 0, 1], Some(r#"{"V":"a"}"#), 0),
        (&[0, 0], Some(r#"{"V":"bad key"}"#), 0),
        (&[0, 0, 0, 3], Some("no JSON"), 0),
        (&[0], Some("neither"), 0),
        (&[0, 0, 0, 5], None, 0),
        (&[0, 0, 0, 6], Some(r#"{"V":"f"}"#), 0),
    ]);
    let (mut ledger, mut reports) = (Ledger::default(), Vec::new());
    let batch = decoder.decode(&rows, &mut ledger, &mut reports).expect("decodes").expect("has rows");
    let keys: &Int32Array = batch.columns.column(0).as_primitive();
    let values: &StringArray = batch.columns.column(1).as_string();
    assert_eq!(keys.values(), &[1, 5, 6]);
    assert_eq!(values.iter().collect::<Vec<_>>(), [Some("a"), None, Some("f")]);
    assert_eq!(batch.kinds.get(1), RowKind::NullValue);
    assert_eq!((ledger.rejected, reports.len()), (3, 4));
    assert_eq!(calls.load(Ordering::Relaxed), 2, "each part is decoded once");
}

#[test]
fn a_record_is_good_or_bad_whatever_is_read_of_it() {
    let rows = gathered(&[
        (&[0, 0, 0, 1], Some(r#"{"T":1,"V":"a"}"#), 0),
        (&[0, 0, 0, 2], Some(r#"{"T":"no number","V":"b"}"#), 0),
        (&[0, 0], Some(r#"{"T":3,"V":"c"}"#), 0),
    ]);
    for columns in [&["T"][..], &["V"], &["K"], &[]] {
        let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let scan = ScanSpec::new(&stream(None), &columns).expect("the columns are there");
        let target = TopicPartition::new(scan.topic.clone(), PartitionId(0));
        let mut decoder =
            RowDecoder::new(&scan, target, &SchemaRegistry::in_memory()).expect("the formats have the types");
        let (mut ledger, mut reports) = (Ledger::default(), Vec::new());
        let batch = decoder.decode(&rows, &mut ledger, &mut reports).expect("decodes");
        assert_eq!((batch.map(|batch| batch.rows()), ledger.rejected), (Some(1), 2), "{columns:?}");
    }
}

#[test]
fn no_row_has_a_time_before_1970_wherever_its_time_is_from() {
    let rows = gathered(&[
        (&[0, 0, 0, 1], Some(r#"{"T":5,"V":"a"}"#), -1),
        (&[0, 0, 0, 2], None, -1),
        (&[0, 0, 0, 3], Some(r#"{"T":-5,"V":"c"}"#), 7),
        (&[0, 0, 0, 4], None, 9),
    ]);
    for (timestamp, expected) in [(Some("T"), [5, 9]), (None, [7, 9])] {
        let (mut ledger, mut reports) = (Ledger::default(), Vec::new());
        let batch = decoder(&stream(timestamp)).decode(&rows, &mut ledger, &mut reports);
        let batch = batch.expect("decodes").expect("has rows");
        assert_eq!(batch.times_ms.as_ref(), expected);
        assert_eq!((ledger.rejected, reports.len()), (2, 2));
    }
}

#[test]
fn records_that_retention_took_are_in_the_ledger() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let source = stream(None);
    let scan = ScanSpec::new(&source, &["K".to_owned()]).expect("the column is there");
    log.create_topic(&scan.topic, TopicSettings::default()).expect("the topic is new");
    let target = TopicPartition::new(scan.topic.clone(), PartitionId(0));
    for _ in 0..2 {
        let mut builder = BatchBuilder::new(Codec::None);
        for _ in 0..5 {
            builder.append(0, Some(&[0, 0, 0, 1]), Some(b"{}"), &[]).expect("the record fits");
        }
        let batch = builder.build().expect("there are records");
        log.append(&target, batch, Origin::Client).expect("the log takes it");
    }
    log.trim(&target, Offset(5)).expect("the first batch is dropped");
    let mut reader = PartitionReader::new(log, &SchemaRegistry::in_memory(), &scan, target, Offset(2))
        .expect("the formats have the types");
    let (mut ledger, mut reports) = (Ledger::default(), Vec::new());
    let read = reader.read(&mut ledger, &mut reports).expect("reads");
    assert_eq!((read.records, read.rows.map(|batch| batch.rows())), (8, Some(5)));
    assert_eq!((ledger.rejected, reports.len()), (3, 1));
}
