//! AVRO payloads by a schema that somebody else has registered.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use arrow::datatypes::SchemaRef;
use serde_json::json;

use super::AvroFormat;
use super::test_schemas::{Trial, record};
use crate::formats::schema_format::SchemaFormat as _;
use crate::formats::schema_format_harness::{schema, shape, writer};
use crate::formats::{EncodedPayloads, RowSelection, Wrapping};

#[test]
fn a_foreign_schema_gives_its_defaults_for_what_is_null_or_missing() {
    let trial = Trial::of(&record(json!([
        { "name": "kind", "type": "string", "default": "none" },
        { "name": "a", "type": "int", "default": 9 },
        { "name": "b", "type": ["null", "int"] },
        { "name": "c", "type": ["null", "int"] },
    ])));
    let columns = schema(&[("A", "INTEGER"), ("C", "INTEGER")]);
    let null: ArrayRef = Arc::new(Int32Array::from(vec![None]));
    let written = trial.encode(&columns, &[null.clone(), null.clone()]);
    assert_eq!(written.get(0), Some(trial.payload(&[8, b'n', b'o', b'n', b'e', 18, 0, 0]).as_slice()));
    let fields = json!([{ "name": "a", "type": "int" }, { "name": "z", "type": "int" }]);
    let writer = writer(&trial.register("u-value", &record(fields)));
    let refusal = |columns: SchemaRef| {
        AvroFormat
            .encoder(&columns, &shape(Wrapping::Record), &writer)
            .err()
            .expect("it does not fit")
            .message
    };
    assert!(
        refusal(schema(&[("A", "INTEGER")]))
            .starts_with("Missing default value for required Avro field: [z]")
    );
    assert!(refusal(columns).starts_with("Schema from Schema Registry misses field with name: C"));
    assert!(
        refusal(schema(&[("A", "STRING"), ("Z", "INTEGER")]))
            .contains("STRING cannot be written as Avro's int")
    );
    let both = schema(&[("A", "INTEGER"), ("Z", "INTEGER")]);
    let mut encoder = AvroFormat.encoder(&both, &shape(Wrapping::Record), &writer).unwrap();
    let failed =
        encoder.encode(&[null.clone(), null], RowSelection::Range(0..1), &mut EncodedPayloads::new());
    assert!(failed.unwrap_err().message.contains("column `A`: it is NULL"));
}
