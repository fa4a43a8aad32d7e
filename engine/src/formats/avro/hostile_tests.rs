//! Bytes that are no AVRO payload, or one that is meant to do harm.

use arrow::datatypes::SchemaRef;
use proptest::prelude::*;
use serde_json::json;

use super::test_schemas::Trial;
use crate::formats::schema_format_harness::{present, reasons, schema};

/// A schema with everything that hostile bytes could play with: types within themselves, counts, lengths.
fn hostile() -> (Trial, SchemaRef) {
    let entry = json!({
        "type": "record", "name": "Entry",
        "fields": [{ "name": "value", "type": "int" }, { "name": "key", "type": ["null", "string"] }],
    });
    let texts = json!({ "type": "array", "items": ["null", "string"] });
    let decimal = json!({
        "type": "fixed", "name": "F", "size": 40, "logicalType": "decimal", "precision": 20, "scale": 2,
    });
    let trial = Trial::of(&json!({
        "type": "record", "name": "Node",
        "fields": [
            { "name": "children", "type": { "type": "array", "items": "Node" } },
            { "name": "nothing", "type": { "type": "array", "items": "null" } },
            { "name": "m", "type": { "type": "map", "values": texts } },
            { "name": "e", "type": { "type": "array", "items": entry } },
            { "name": "d", "type": decimal },
        ],
    }));
    let columns = schema(&[
        ("NOTHING", "ARRAY<INTEGER>"),
        ("M", "MAP<STRING, ARRAY<STRING>>"),
        ("E", "MAP<STRING, INTEGER>"),
        ("D", "DECIMAL(10, 2)"),
    ]);
    (trial, columns)
}

#[test]
fn values_deeper_inside_each_other_than_allowed_are_rejected() {
    let (trial, columns) = hostile();
    // Each node has one child: a block of one, for ever.
    let payload = trial.payload(&[2; 10_000]);
    let (decoded, rejections) = trial.decode(&columns, &[Some(&payload)]);
    assert_eq!(decoded.rows, 0);
    assert!(rejections[0].reason.contains("expected values less deep inside each other"), "{rejections:?}");
}

proptest! {
    #[test]
    fn any_bytes_give_a_row_or_a_rejection(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let (trial, columns) = hostile();
        let payloads: Vec<Vec<u8>> = bodies.iter().map(|body| trial.payload(body)).collect();
        let payloads = present(&payloads);
        let (decoded, rejections) = trial.decode(&columns, &payloads);
        prop_assert_eq!(decoded.rows + rejections.len(), payloads.len());
        prop_assert!(decoded.columns.iter().all(|column| column.len() == decoded.rows));
    }

    #[test]
    fn no_part_of_a_payload_passes_for_the_whole(cut in 0usize..64) {
        let (trial, columns) = hostile();
        let mut body = vec![0, 4, 0, 2, 2, b'k', 4, 2, 2, b'v', 0, 0, 0, 2, 6, 2, 2, b'x', 0];
        body.extend_from_slice(&[0; 40]);
        let whole = trial.payload(&body);
        let (decoded, rejections) = trial.decode(&columns, &[Some(&whole)]);
        prop_assert_eq!((decoded.rows, reasons(&rejections)), (1, vec![]));
        let part = &whole[..cut.min(whole.len() - 1)];
        let (decoded, rejections) = trial.decode(&columns, &[Some(part)]);
        prop_assert_eq!((decoded.rows, rejections.len()), (0, 1));
    }
}
