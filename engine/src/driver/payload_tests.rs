//! Payloads as tests write them, to bytes and back.

use arrow::datatypes::DataType;
use serde_json::json;
use tidemill_sql::lookup::SourceKind;

use super::*;

fn payloads(key: (&str, DataType), value: &str, window: Option<WindowKind>) -> TopicPayloads {
    let source = Source {
        name: "S".to_owned(),
        kind: SourceKind::Stream,
        columns: vec![
            SourceColumn::new("K", key.1, ColumnRole::Key),
            SourceColumn::new("V", DataType::Utf8, ColumnRole::Value),
            SourceColumn::new("W", DataType::Utf8, ColumnRole::Value),
        ],
        topic: "s".to_owned(),
        partitions: 1,
        key_format: FormatSpec::named(key.0),
        value_format: FormatSpec::named(value),
        window,
        timestamp: None,
        read_only: false,
    };
    let schemas = SchemaRegistry::in_memory();
    TopicPayloads { source: Arc::new(source), schemas }
}

#[test]
fn a_key_is_written_as_its_type_says_and_read_back() {
    let decimal = |text: &str| WireValue::Decimal(text.parse().unwrap());
    for (data_type, value, bytes, read) in [
        (DataType::Int32, json!(7), 7_i32.to_be_bytes().to_vec(), WireValue::Integer(7)),
        (DataType::Int64, json!(-7), (-7_i64).to_be_bytes().to_vec(), WireValue::Integer(-7)),
        (DataType::Float64, json!(10), 10_f64.to_be_bytes().to_vec(), decimal("10.0")),
        (DataType::Utf8, json!("ä"), "ä".as_bytes().to_vec(), WireValue::Text("ä".to_owned())),
    ] {
        let payloads = payloads(("KAFKA", data_type), "JSON", None);
        let wire = payloads.json_to_wire(RecordPart::Key, &value).unwrap().unwrap();
        assert_eq!(wire, bytes, "{value}");
        assert_eq!(payloads.wire_to_value(RecordPart::Key, &wire).unwrap(), read);
    }
    let int = payloads(("KAFKA", DataType::Int32), "JSON", None);
    assert_eq!(int.json_to_wire(RecordPart::Key, &json!("x")).unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(int.wire_to_value(RecordPart::Key, b"abc").unwrap_err().kind, ErrorKind::Invalid);
}

#[test]
fn values_are_json_text_or_lines_and_null_is_a_tombstone() {
    let number: Value = serde_json::from_str("{\"a\": 1.50}").unwrap();
    let json = payloads(("KAFKA", DataType::Utf8), "JSON", None);
    assert_eq!(json.json_to_wire(RecordPart::Value, &number).unwrap().unwrap(), "{\"a\":1.50}");
    assert_eq!(json.json_to_wire(RecordPart::Value, &Value::Null).unwrap(), None);
    let line = payloads(("KAFKA", DataType::Utf8), "DELIMITED", None);
    assert_eq!(line.json_to_wire(RecordPart::Value, &json!("a,1")).unwrap().unwrap(), "a,1");
}

#[test]
fn a_windowed_key_is_cut_where_it_was_joined() {
    let sizes = [WindowKind::Tumbling { size_ms: 10 }, WindowKind::Session { gap_ms: 5 }];
    for (kind, is_session) in sizes.into_iter().zip([false, true]) {
        let payloads = payloads(("KAFKA", DataType::Utf8), "JSON", Some(kind));
        let window = Window { start_ms: 20, end_ms: 30, is_session };
        let key = window.with_key(b"k");
        assert_eq!(payloads.split_key(&key).unwrap(), (&b"k"[..], Some(window)));
        assert!(payloads.split_key(b"k").is_err());
    }
}
