//! AVRO payloads that are read and written: what one gives the other takes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use serde_json::json;

use super::test_schemas::{Trial, record, schema_text};
use crate::formats::schema_format_harness::{present, reasons, schema, shape};
use crate::formats::{Format, Wrapping};

/// Columns from lines of JSON.
fn rows(columns: &SchemaRef, lines: &[&str]) -> Vec<ArrayRef> {
    let projection: Vec<usize> = (0..columns.fields().len()).collect();
    let mut decoder =
        Format::Json.decoder(columns, &projection, Wrapping::Record).expect("JSON has the columns");
    let lines: Vec<Option<&[u8]>> = lines.iter().map(|line| Some(line.as_bytes())).collect();
    let mut rejections = Vec::new();
    let decoded = decoder.decode(&lines, &mut rejections).expect("a batch is decoded");
    assert_eq!(reasons(&rejections), []);
    decoded.columns
}

#[test]
fn every_type_is_read_back_as_it_was_written() {
    let columns = schema(&[
        ("BO", "BOOLEAN"),
        ("I", "INTEGER"),
        ("L", "BIGINT"),
        ("D", "DOUBLE"),
        ("DE", "DECIMAL(6, 2)"),
        ("S", "STRING"),
        ("DA", "DATE"),
        ("TI", "TIME"),
        ("TS", "TIMESTAMP"),
        ("A", "ARRAY<ARRAY<INTEGER>>"),
        ("M", "MAP<STRING, STRUCT<`X` DOUBLE, `Y` STRING>>"),
        ("ST", "STRUCT<`A` ARRAY<STRING>, `B` STRUCT<`C` INTEGER>>"),
    ]);
    let values = rows(
        &columns,
        &[
            r#"{"BO":true,"I":-7,"L":9007199254740993,"D":1.5,"DE":-12.30,"S":"é","DA":2,"TI":1000,"TS":2000,
                "A":[[1,null],[],null],"M":{"k":{"X":1.0,"Y":null},"l":null},"ST":{"A":["x",null],"B":{"C":3}}}"#,
            r#"{"I":2147483647,"L":-1,"DE":0.00,"S":"","A":[],"M":{},"ST":{"A":null,"B":null}}"#,
            "{}",
        ],
    );
    let trial = Trial::of(&schema_text(&columns, &shape(Wrapping::Record)));
    let payloads = trial.encode(&columns, &values);
    let decoded = trial.read(&columns, &payloads.iter().collect::<Vec<_>>());
    assert_eq!(decoded.present, None);
    for (column, expected) in decoded.columns.iter().zip(&values) {
        assert_eq!(column, expected);
    }
}

#[test]
fn bytes_are_those_of_avros_specification() {
    let trial = Trial::of(&json!({
        "type": "record", "name": "test",
        "fields": [{ "name": "a", "type": "long" }, { "name": "b", "type": "string" }],
    }));
    let columns = schema(&[("B", "STRING"), ("A", "BIGINT")]);
    let payload = trial.payload(&[0x36, 0x06, 0x66, 0x6f, 0x6f]);
    let decoded = trial.read(&columns, &[Some(&payload), None]);
    assert_eq!(decoded.columns[0].as_string::<i32>(), &StringArray::from(vec![Some("foo"), None]));
    assert_eq!(decoded.columns[1].as_primitive::<Int64Type>().value(0), 27);
    assert_eq!(decoded.present.map(|present| present.null_count()), Some(1));
    let written = trial
        .encode(&columns, &[Arc::new(StringArray::from(vec!["foo"])), Arc::new(Int64Array::from(vec![27]))]);
    assert_eq!(written.get(0), Some(payload.as_slice()));
}

#[test]
fn keys_of_maps_that_are_no_text_are_read_and_written_as_text() {
    for (key_type, key, encoded) in [
        (json!("int"), "-3", vec![5]),
        (json!(["null", "long"]), "7", vec![2, 14]),
        (json!("boolean"), "true", vec![1]),
    ] {
        let entry = json!({
            "type": "record", "name": "MapEntry", "namespace": "io.confluent.connect.avro",
            "fields": [{ "name": "key", "type": key_type }, { "name": "value", "type": "int" }],
        });
        let trial = Trial::of(&record(json!([{ "name": "M", "type": { "type": "array", "items": entry } }])));
        assert_eq!(trial.columns(), ["M MAP<STRING, INTEGER>"]);
        let columns = schema(&[("M", "MAP<STRING, INTEGER>")]);
        let payload = trial.payload(&[vec![2], encoded, vec![4, 0]].concat());
        let decoded = trial.read(&columns, &[Some(&payload)]);
        assert_eq!(decoded.columns[0].as_map().keys().as_string::<i32>().value(0), key);
        let written = trial.encode(&columns, &decoded.columns);
        assert_eq!(written.get(0), Some(payload.as_slice()));
    }
}

#[test]
fn a_union_of_several_types_is_a_struct_of_which_one_field_is_there() {
    let place = json!({ "type": "record", "name": "P", "fields": [{ "name": "x", "type": "long" }] });
    let trial = Trial::of(&record(json!([{ "name": "u", "type": ["null", "int", "string", place] }])));
    assert_eq!(trial.columns(), ["u STRUCT<`int` INTEGER, `string` STRING, `P` STRUCT<`x` BIGINT>>"]);
    let columns = schema(&[("U", "STRUCT<`INT` INTEGER, `P` STRUCT<`X` BIGINT>, `STRING` STRING>")]);
    let payloads = [trial.payload(&[2, 10]), trial.payload(&[6, 14]), trial.payload(&[0])];
    let payloads = present(&payloads);
    let decoded = trial.read(&columns, &payloads);
    let union = decoded.columns[0].as_struct();
    assert_eq!(union.column(0).as_primitive(), &Int32Array::from(vec![Some(5), None, None]));
    assert_eq!(union.column(1).null_count(), 2);
    assert!(union.is_null(2));
    let written = trial.encode(&columns, &decoded.columns);
    assert_eq!(written.iter().collect::<Vec<_>>(), payloads);
}

#[test]
fn bare_values_are_whole_payloads_and_null_is_no_payload() {
    let columns = schema(&[("V", "STRUCT<`A` INTEGER>")]);
    let trial = Trial::bare(&schema_text(&columns, &shape(Wrapping::Bare)));
    let fields = match columns.field(0).data_type() {
        DataType::Struct(fields) => fields.clone(),
        other => panic!("{other}"),
    };
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, None]));
    let present = vec![true, true, false].into();
    let values: ArrayRef = Arc::new(StructArray::new(fields, vec![numbers], Some(present)));
    let written = trial.encode(&columns, std::slice::from_ref(&values));
    let some = [trial.payload(&[2, 2]), trial.payload(&[0])];
    let payloads = [Some(some[0].as_slice()), Some(some[1].as_slice()), None];
    assert_eq!(written.iter().collect::<Vec<_>>(), payloads);
    let decoded = trial.read(&columns, &payloads);
    assert_eq!(&decoded.columns[0], &values);
    assert_eq!(decoded.present.map(|present| present.null_count()), Some(1));
}
