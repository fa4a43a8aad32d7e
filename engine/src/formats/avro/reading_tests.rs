//! AVRO payloads of other writers: which column takes what, and what is rejected.

use arrow::array::{AsArray, Int32Array, StringArray};
use arrow::datatypes::{Int64Type, SchemaRef};
use serde_json::json;

use super::AvroFormat;
use super::test_schemas::{Trial, record};
use crate::formats::Wrapping;
use crate::formats::schema_format::SchemaFormat as _;
use crate::formats::schema_format_harness::{framed, present, reasons, schema, shape};
use crate::registry::SchemaId;

#[test]
fn records_of_several_schemas_stand_in_one_batch_and_bad_ones_are_told() {
    let trial = Trial::of(&record(json!([{ "name": "a", "type": "int" }])));
    let new = trial.register(
        "t-value",
        &record(json!([
            { "name": "extra", "type": { "type": "array", "items": "string" }, "default": [] },
            { "name": "A", "type": "int", "default": 0 },
            { "name": "b", "type": ["null", "string"], "default": null },
        ])),
    );
    let other = trial.register("other-value", &record(json!([{ "name": "a", "type": "string" }])));
    let payloads = [
        trial.payload(&[2]),
        framed(new.id, &[4, 2, b'x', 0, 0, 4, 2, 2, b'y']),
        framed(other.id, &[2, b'z']),
        framed(SchemaId(999), &[2]),
        b"{}".to_vec(),
        trial.payload(&[]),
        trial.payload(&[6, 0]),
        trial.payload(&[6]),
    ];
    let payloads = present(&payloads);
    let columns = schema(&[("A", "INTEGER"), ("B", "STRING")]);
    let (decoded, rejections) = trial.decode(&columns, &payloads);
    assert_eq!(decoded.rows, 3);
    assert_eq!(decoded.columns[0].as_primitive(), &Int32Array::from(vec![1, 2, 3]));
    assert_eq!(decoded.columns[1].as_string(), &StringArray::from(vec![None, Some("y"), None]));
    let expected = [
        (2, format!("schema {}: column `A`: expected INTEGER, and the schema has string", other.id)),
        (3, "the schema registry has no schema 999".to_owned()),
        (4, "not written with a schema registry: 2 bytes, where 5 tell the schema".to_owned()),
        (5, "not what its schema says: expected a number at byte 0".to_owned()),
        (6, "not what its schema says: expected the end at byte 1".to_owned()),
    ];
    let expected: Vec<_> = expected.iter().map(|(payload, reason)| (*payload, reason.as_str())).collect();
    assert_eq!(reasons(&rejections), expected);
}

#[test]
fn narrower_types_are_taken_and_a_string_column_takes_numbers_as_text() {
    let trial = Trial::of(&record(json!([
        { "name": "whole", "type": "int" },
        { "name": "real", "type": "float" },
        { "name": "word", "type": { "type": "enum", "name": "E", "symbols": ["NO", "YES"] } },
        { "name": "flag", "type": "boolean" },
    ])));
    let payload = trial.payload(&[14, 0xcd, 0xcc, 0x8c, 0x3f, 2, 1]);
    let wide = schema(&[("WHOLE", "BIGINT"), ("REAL", "DOUBLE"), ("WORD", "STRING"), ("FLAG", "BOOLEAN")]);
    let decoded = trial.read(&wide, &[Some(&payload)]);
    assert_eq!(decoded.columns[0].as_primitive::<Int64Type>().value(0), 7);
    assert_eq!(decoded.columns[2].as_string::<i32>().value(0), "YES");
    let text = schema(&[("WHOLE", "STRING"), ("REAL", "STRING"), ("WORD", "STRING"), ("FLAG", "STRING")]);
    let decoded = trial.read(&text, &[Some(&payload)]);
    let texts: Vec<&str> = decoded.columns.iter().map(|column| column.as_string::<i32>().value(0)).collect();
    assert_eq!(texts, ["7", "1.1", "YES", "true"]);
}

#[test]
fn a_column_takes_the_field_of_its_name_in_any_case() {
    let trial =
        Trial::of(&record(json!([{ "name": "Total", "type": "int" }, { "name": "NET", "type": "int" }])));
    let payload = trial.payload(&[2, 4]);
    let columns = schema(&[("TOTAL", "INTEGER"), ("net", "INTEGER")]);
    let decoded = trial.read(&columns, &[Some(&payload)]);
    assert_eq!(decoded.columns[0].as_primitive(), &Int32Array::from(vec![1]));
    assert_eq!(decoded.columns[1].as_primitive(), &Int32Array::from(vec![2]));
}

#[test]
fn a_value_that_does_not_fit_spoils_its_row_alone_and_tells_where_it_stands() {
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3 });
    let trial = Trial::of(&record(
        json!([{ "name": "a", "type": { "type": "array", "items": decimal } }, { "name": "b", "type": "int" }]),
    ));
    let columns = schema(&[("A", "ARRAY<DECIMAL(4, 2)>"), ("B", "INTEGER")]);
    let payloads = [
        // 1.230, then 1.234, then 1000.000 behind 0.
        trial.payload(&[2, 4, 0x04, 0xce, 0, 2]),
        trial.payload(&[2, 4, 0x04, 0xd2, 0, 4]),
        trial.payload(&[4, 0, 6, 0x0f, 0x42, 0x40, 0, 6]),
        trial.payload(&[0, 8]),
    ];
    let payloads = present(&payloads);
    let (decoded, rejections) = trial.decode(&columns, &payloads);
    assert_eq!(decoded.columns[1].as_primitive(), &Int32Array::from(vec![1, 4]));
    assert_eq!(decoded.columns[0].as_list::<i32>().value_length(0), 1);
    assert_eq!(
        reasons(&rejections),
        [
            (1, "column `A`[0]: the decimal 1.234 does not fit DECIMAL(4, 2) without rounding at byte 1"),
            (2, "column `A`[1]: the decimal 1000.000 is out of range for DECIMAL(4, 2) at byte 2"),
        ]
    );
}

#[test]
fn a_column_that_nobody_asks_for_is_looked_at_all_the_same() {
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 0 });
    let trial = Trial::of(&record(json!([
        { "name": "a", "type": decimal },
        { "name": "b", "type": "int" },
        { "name": "c", "type": "string" },
    ])));
    let columns = schema(&[("A", "DECIMAL(2, 0)"), ("B", "INTEGER"), ("C", "STRING")]);
    let payloads =
        [trial.payload(&[2, 99, 2, 0]), trial.payload(&[2, 100, 4, 0]), trial.payload(&[2, 99, 6, 2, 0xff])];
    let payloads = present(&payloads);
    let read = |columns: &SchemaRef| {
        let mut decoder =
            AvroFormat.decoder(columns, &[1], &shape(Wrapping::Record), &trial.registry).unwrap();
        let mut rejections = Vec::new();
        (decoder.decode(&payloads, &mut rejections).unwrap(), rejections)
    };
    let (decoded, rejections) = read(&columns);
    assert_eq!(decoded.columns.len(), 1);
    assert_eq!(decoded.columns[0].as_primitive(), &Int32Array::from(vec![1]));
    let expected = [
        (1, "column `A`: the decimal 100 is out of range for DECIMAL(2, 0) at byte 0"),
        (2, "not what its schema says: expected text in UTF-8 at byte 3"),
    ];
    assert_eq!(reasons(&rejections), expected);
    let (decoded, rejections) = read(&schema(&[("A", "DECIMAL(2, 0)"), ("B", "INTEGER"), ("C", "BIGINT")]));
    assert_eq!((decoded.rows, rejections.len()), (0, 3));
}
