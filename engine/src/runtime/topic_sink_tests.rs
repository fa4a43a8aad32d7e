//! Record batches within the bounds of their topic.

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tidemill_sql::lookup::{ColumnRole, FormatSpec, SourceColumn};
use tidemill_storage::log::{MemoryLog, Origin, TopicSettings};

use super::*;
use crate::registry::SchemaRegistry;

/// A table of strings over a topic that takes batches of up to so many bytes, and its sink.
fn sink(max_message_bytes: u32) -> (Arc<dyn Log>, TopicSink) {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let settings = TopicSettings { max_message_bytes, ..TopicSettings::default() };
    log.create_topic(&TopicName::new("t").expect("a legal name"), settings).expect("the topic is new");
    let column = |name: &str, role| SourceColumn::new(name, DataType::Utf8, role);
    let source = Source {
        name: "T".to_owned(),
        kind: SourceKind::Table,
        columns: vec![column("K", ColumnRole::Key), column("V", ColumnRole::Value)],
        topic: "t".to_owned(),
        partitions: 1,
        key_format: FormatSpec::named("KAFKA"),
        value_format: FormatSpec::named("KAFKA"),
        window: None,
        timestamp: None,
        read_only: false,
    };
    let table = Some(StoredTable { rows: TableRows::new(1, None), expiry: None });
    let schemas = SchemaRegistry::in_memory();
    let encoder = RowEncoder::new(&source, &schema(), &schemas).expect("the columns fit");
    let sink = TopicSink::new(log.clone(), &source, encoder, 1, 0, table).expect("the topic's name is legal");
    (log, sink)
}

fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![field("K"), field("V")]))
}

/// Rows whose values are so long.
fn rows(lengths: &[usize]) -> ChangeBatch {
    let keys: StringArray = (0..lengths.len()).map(|row| Some(row.to_string())).collect();
    let values: StringArray = lengths.iter().map(|length| Some("x".repeat(*length))).collect();
    let columns = RecordBatch::try_new(schema(), vec![Arc::new(keys), Arc::new(values)]);
    ChangeBatch::inserts(columns.expect("columns fit the schema"), vec![0; lengths.len()].into())
}

/// Appends what the sink gave; gives how many batches that were.
fn append(log: &dyn Log, output: &SinkOutput) -> usize {
    let mut appended = 0;
    for (target, batches) in &output.records {
        for batch in batches {
            log.append(target, batch.clone(), Origin::Server).expect("the log takes every batch");
            appended += 1;
        }
    }
    appended
}

#[test]
fn no_batch_is_larger_than_its_topic_takes() {
    for (max_message_bytes, batches) in [((1 << 20) + 12, 2), (700_000, 2), (300_000, 3)] {
        let (log, mut sink) = sink(max_message_bytes);
        let mut lengths = vec![1_000; 500];
        lengths.push(max_message_bytes as usize - 1_000);
        let output = sink.write(&[rows(&lengths)]).expect("writes");
        assert_eq!((append(log.as_ref(), &output), output.rejected_rows), (batches, 0));
        assert_eq!(output.table_rows.changes.len(), 501);
    }
}

#[test]
fn a_row_that_is_too_large_for_the_topic_is_reported_and_the_others_go_on() {
    let (log, mut sink) = sink(10_000);
    let output = sink.write(&[rows(&[10, 20_000, 10])]).expect("writes");
    assert_eq!(append(log.as_ref(), &output), 2, "one in front of it and one behind");
    assert_eq!((output.rejected_rows, output.table_rows.changes.len()), (1, 2));
    let reason = &output.reports[0].reason;
    assert!(reason.contains("max.message.bytes of topic 't', 10000"), "{reason}");
}
