//! AVRO end to end: columns to payloads and back, through a registry.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use proptest::prelude::*;
use serde_json::{Value, json};
use tidemill_sql::type_system::SqlType;

use super::AvroFormat;
use crate::formats::schema_format::{PayloadShape, SchemaFormat};
use crate::formats::schema_format_harness::{
    self, described, framed, present, reasons, schema, shape, writer,
};
use crate::formats::{Decoded, EncodedPayloads, Format, RecordPart, Rejection, RowSelection, Wrapping};
use crate::registry::{RegisteredSchema, SchemaDefinition, SchemaId, SchemaKind, SchemaRegistry};

fn register(registry: &SchemaRegistry, subject: &str, schema: &Value) -> RegisteredSchema {
    let definition = SchemaDefinition::new(SchemaKind::Avro, schema.to_string());
    registry.register(subject, definition, false).expect("the schema is one")
}

fn schema_text(columns: &SchemaRef, shape: &PayloadShape) -> Value {
    schema_format_harness::schema_text(&AvroFormat, columns, shape)
}

fn decode(
    registry: &SchemaRegistry,
    columns: &SchemaRef,
    wrapping: Wrapping,
    payloads: &[Option<&[u8]>],
) -> (Decoded, Vec<Rejection>) {
    schema_format_harness::decode(&AvroFormat, registry, columns, &shape(wrapping), payloads)
}

fn encode(
    columns: &SchemaRef,
    wrapping: Wrapping,
    registered: &RegisteredSchema,
    values: &[ArrayRef],
) -> EncodedPayloads {
    let writer = writer(registered);
    schema_format_harness::encode(&AvroFormat, columns, &shape(wrapping), &writer, values)
}

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
fn columns_are_described_as_kafka_connect_describes_them() {
    let columns = schema(&[
        ("ID", "INTEGER"),
        ("AMOUNT", "DECIMAL(4, 2)"),
        ("AT", "TIMESTAMP"),
        ("TAGS", "ARRAY<STRING>"),
        ("COUNTS", "MAP<STRING, BIGINT>"),
        ("PLACE", "STRUCT<`TOWN` STRING>"),
    ]);
    let namespace = "io.confluent.ksql.avro_schemas";
    let decimal = json!({
        "type": "bytes", "scale": 2, "precision": 4, "connect.version": 1,
        "connect.parameters": { "scale": "2", "connect.decimal.precision": "4" },
        "connect.name": "org.apache.kafka.connect.data.Decimal", "logicalType": "decimal",
    });
    let timestamp = json!({
        "type": "long", "connect.version": 1, "connect.name": "org.apache.kafka.connect.data.Timestamp",
        "logicalType": "timestamp-millis",
    });
    let counts = json!({
        "type": "array",
        "items": {
            "type": "record", "name": "KsqlDataSourceSchema_COUNTS",
            "fields": [
                { "name": "key", "type": ["null", "string"], "default": null },
                { "name": "value", "type": ["null", "long"], "default": null },
            ],
            "connect.internal.type": "MapEntry",
        },
        "connect.name": format!("{namespace}.KsqlDataSourceSchema_COUNTS"),
    });
    let place = json!({
        "type": "record", "name": "KsqlDataSourceSchema_PLACE",
        "fields": [{ "name": "TOWN", "type": ["null", "string"], "default": null }],
        "connect.name": format!("{namespace}.KsqlDataSourceSchema_PLACE"),
    });
    let field =
        |name: &str, data_type: Value| json!({ "name": name, "type": ["null", data_type], "default": null });
    assert_eq!(
        schema_text(&columns, &shape(Wrapping::Record)),
        json!({
            "type": "record", "name": "KsqlDataSourceSchema", "namespace": namespace,
            "fields": [
                field("ID", json!("int")),
                field("AMOUNT", decimal),
                field("AT", timestamp),
                field("TAGS", json!({ "type": "array", "items": ["null", "string"] })),
                field("COUNTS", counts),
                field("PLACE", place),
            ],
            "connect.name": format!("{namespace}.KsqlDataSourceSchema"),
        })
    );
}

#[test]
fn a_bare_column_is_described_by_its_type_alone_and_records_are_called_as_the_statement_says() {
    let key = PayloadShape { part: RecordPart::Key, source: "MY_OUTPUT".to_owned(), ..shape(Wrapping::Bare) };
    assert_eq!(schema_text(&schema(&[("K", "STRING")]), &key), json!("string"));
    let text = schema_text(&schema(&[("K", "STRUCT<`A` INTEGER>")]), &key);
    assert_eq!(text["name"], json!("MyOutputKey"));
    let named = PayloadShape { full_name: Some("com.example.Sale".to_owned()), ..shape(Wrapping::Record) };
    let text = schema_text(&schema(&[("A", "INTEGER")]), &named);
    assert_eq!((&text["namespace"], &text["name"]), (&json!("com.example"), &json!("Sale")));
}

#[test]
fn names_that_avro_does_not_allow_are_refused() {
    let columns = schema(&[("A", "INTEGER"), ("B", "STRUCT<`1st` INTEGER>")]);
    let refused = AvroFormat.schema_of(&columns, &shape(Wrapping::Record)).unwrap_err();
    assert_eq!(refused, "Schema is not compatible with Avro: Illegal initial character: 1st");
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
    let registry = SchemaRegistry::in_memory();
    let registered = register(&registry, "t-value", &schema_text(&columns, &shape(Wrapping::Record)));
    let payloads = encode(&columns, Wrapping::Record, &registered, &values);
    let (decoded, rejections) =
        decode(&registry, &columns, Wrapping::Record, &payloads.iter().collect::<Vec<_>>());
    assert_eq!(reasons(&rejections), []);
    assert_eq!(decoded.present, None);
    for (column, expected) in decoded.columns.iter().zip(&values) {
        assert_eq!(column, expected);
    }
}

#[test]
fn bytes_are_those_of_avros_specification() {
    let registry = SchemaRegistry::in_memory();
    let registered = register(
        &registry,
        "t-value",
        &json!({
            "type": "record", "name": "test",
            "fields": [{ "name": "a", "type": "long" }, { "name": "b", "type": "string" }],
        }),
    );
    let columns = schema(&[("B", "STRING"), ("A", "BIGINT")]);
    let payload = framed(registered.id, &[0x36, 0x06, 0x66, 0x6f, 0x6f]);
    let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &[Some(&payload), None]);
    assert_eq!(reasons(&rejections), []);
    assert_eq!(decoded.columns[0].as_string::<i32>(), &StringArray::from(vec![Some("foo"), None]));
    assert_eq!(decoded.columns[1].as_primitive::<Int64Type>().value(0), 27);
    assert_eq!(decoded.present.map(|present| present.null_count()), Some(1));
    let written = encode(
        &columns,
        Wrapping::Record,
        &registered,
        &[Arc::new(StringArray::from(vec!["foo"])), Arc::new(arrow::array::Int64Array::from(vec![27]))],
    );
    assert_eq!(written.get(0), Some(payload.as_slice()));
}

#[test]
fn records_of_several_schemas_stand_in_one_batch_and_bad_ones_are_told() {
    let registry = SchemaRegistry::in_memory();
    let old = register(
        &registry,
        "t-value",
        &json!({ "type": "record", "name": "R", "fields": [{ "name": "a", "type": "int" }] }),
    );
    let new = register(
        &registry,
        "t-value",
        &json!({
            "type": "record", "name": "R",
            "fields": [
                { "name": "extra", "type": { "type": "array", "items": "string" }, "default": [] },
                { "name": "A", "type": "int", "default": 0 },
                { "name": "b", "type": ["null", "string"], "default": null },
            ],
        }),
    );
    let other = register(
        &registry,
        "other-value",
        &json!({ "type": "record", "name": "O", "fields": [{ "name": "a", "type": "string" }] }),
    );
    let payloads = [
        framed(old.id, &[2]),
        framed(new.id, &[4, 2, b'x', 0, 0, 4, 2, 2, b'y']),
        framed(other.id, &[2, b'z']),
        framed(SchemaId(999), &[2]),
        b"{}".to_vec(),
        framed(old.id, &[]),
        framed(old.id, &[6, 0]),
        framed(old.id, &[6]),
    ];
    let payloads = present(&payloads);
    let columns = schema(&[("A", "INTEGER"), ("B", "STRING")]);
    let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &payloads);
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
    let registry = SchemaRegistry::in_memory();
    let registered = register(
        &registry,
        "t-value",
        &json!({
            "type": "record", "name": "R",
            "fields": [
                { "name": "whole", "type": "int" },
                { "name": "real", "type": "float" },
                { "name": "word", "type": { "type": "enum", "name": "E", "symbols": ["NO", "YES"] } },
                { "name": "flag", "type": "boolean" },
            ],
        }),
    );
    let payload = framed(registered.id, &[14, 0xcd, 0xcc, 0x8c, 0x3f, 2, 1]);
    let wide = schema(&[("WHOLE", "BIGINT"), ("REAL", "DOUBLE"), ("WORD", "STRING"), ("FLAG", "BOOLEAN")]);
    let (decoded, rejections) = decode(&registry, &wide, Wrapping::Record, &[Some(&payload)]);
    assert_eq!(reasons(&rejections), []);
    assert_eq!(decoded.columns[0].as_primitive::<Int64Type>().value(0), 7);
    assert_eq!(decoded.columns[2].as_string::<i32>().value(0), "YES");
    let text = schema(&[("WHOLE", "STRING"), ("REAL", "STRING"), ("WORD", "STRING"), ("FLAG", "STRING")]);
    let (decoded, _) = decode(&registry, &text, Wrapping::Record, &[Some(&payload)]);
    let texts: Vec<&str> = decoded.columns.iter().map(|column| column.as_string::<i32>().value(0)).collect();
    assert_eq!(texts, ["7", "1.1", "YES", "true"]);
}

#[test]
fn keys_of_maps_that_are_no_text_are_read_and_written_as_text() {
    for (key_type, key, encoded) in [
        (json!("int"), "-3", vec![5]),
        (json!(["null", "long"]), "7", vec![2, 14]),
        (json!("boolean"), "true", vec![1]),
    ] {
        let registry = SchemaRegistry::in_memory();
        let entry = json!({
            "type": "record", "name": "MapEntry", "namespace": "io.confluent.connect.avro",
            "fields": [{ "name": "key", "type": key_type }, { "name": "value", "type": "int" }],
        });
        let registered = register(
            &registry,
            "t-value",
            &json!({
                "type": "record", "name": "R",
                "fields": [{ "name": "M", "type": { "type": "array", "items": entry } }],
            }),
        );
        let inferred = AvroFormat
            .columns_of(&registered.schema, &shape(Wrapping::Record))
            .expect("the schema has columns");
        assert_eq!(described(&inferred), ["M MAP<STRING, INTEGER>"]);
        let columns = schema(&[("M", "MAP<STRING, INTEGER>")]);
        let payload = framed(registered.id, &[vec![2], encoded, vec![4, 0]].concat());
        let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &[Some(&payload)]);
        assert_eq!(reasons(&rejections), []);
        assert_eq!(decoded.columns[0].as_map().keys().as_string::<i32>().value(0), key);
        let written = encode(&columns, Wrapping::Record, &registered, &decoded.columns);
        assert_eq!(written.get(0), Some(payload.as_slice()));
    }
}

#[test]
fn a_column_takes_the_field_of_its_name_or_of_a_name_that_it_is_in_upper_case() {
    let registry = SchemaRegistry::in_memory();
    let registered = register(
        &registry,
        "t-value",
        &json!({
            "type": "record", "name": "R",
            "fields": [{ "name": "Total", "type": "int" }, { "name": "NET", "type": "int" }],
        }),
    );
    let payload = framed(registered.id, &[2, 4]);
    let columns = schema(&[("TOTAL", "INTEGER"), ("net", "INTEGER")]);
    let (decoded, _) = decode(&registry, &columns, Wrapping::Record, &[Some(&payload)]);
    assert_eq!(decoded.columns[0].as_primitive(), &Int32Array::from(vec![1]));
    assert!(decoded.columns[1].is_null(0));
}

#[test]
fn a_value_that_does_not_fit_spoils_its_row_alone_and_tells_where_it_stands() {
    let registry = SchemaRegistry::in_memory();
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3 });
    let registered = register(
        &registry,
        "t-value",
        &json!({
            "type": "record", "name": "R",
            "fields": [{ "name": "a", "type": { "type": "array", "items": decimal } }, { "name": "b", "type": "int" }],
        }),
    );
    let columns = schema(&[("A", "ARRAY<DECIMAL(4, 2)>"), ("B", "INTEGER")]);
    let payloads = [
        // 1.230, then 1.234, then 1000.000 behind 0.
        framed(registered.id, &[2, 4, 0x04, 0xce, 0, 2]),
        framed(registered.id, &[2, 4, 0x04, 0xd2, 0, 4]),
        framed(registered.id, &[4, 0, 6, 0x0f, 0x42, 0x40, 0, 6]),
        framed(registered.id, &[0, 8]),
    ];
    let payloads = present(&payloads);
    let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &payloads);
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
    let registry = SchemaRegistry::in_memory();
    let decimal = json!({ "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 0 });
    let fields = json!([{ "name": "a", "type": decimal }, { "name": "b", "type": "int" }, { "name": "c", "type": "string" }]);
    let registered =
        register(&registry, "t-value", &json!({ "type": "record", "name": "R", "fields": fields }));
    let columns = schema(&[("A", "DECIMAL(2, 0)"), ("B", "INTEGER"), ("C", "STRING")]);
    let payloads = [
        framed(registered.id, &[2, 99, 2, 0]),
        framed(registered.id, &[2, 100, 4, 0]),
        framed(registered.id, &[2, 99, 6, 2, 0xff]),
    ];
    let payloads = present(&payloads);
    let read = |columns: &SchemaRef| {
        let mut decoder = AvroFormat.decoder(columns, &[1], &shape(Wrapping::Record), &registry).unwrap();
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

#[test]
fn a_union_of_several_types_is_a_struct_of_which_one_field_is_there() {
    let registry = SchemaRegistry::in_memory();
    let union = json!({
        "type": "record", "name": "R",
        "fields": [{ "name": "u", "type": ["null", "int", "string", { "type": "record", "name": "P", "fields": [{ "name": "x", "type": "long" }] }] }],
    });
    let registered = register(&registry, "t-value", &union);
    let inferred = AvroFormat.columns_of(&registered.schema, &shape(Wrapping::Record)).unwrap();
    assert_eq!(described(&inferred), ["u STRUCT<`int` INTEGER, `string` STRING, `P` STRUCT<`x` BIGINT>>"]);
    let columns = schema(&[("U", "STRUCT<`INT` INTEGER, `P` STRUCT<`X` BIGINT>, `STRING` STRING>")]);
    let payloads =
        [framed(registered.id, &[2, 10]), framed(registered.id, &[6, 14]), framed(registered.id, &[0])];
    let payloads = present(&payloads);
    let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &payloads);
    assert_eq!(reasons(&rejections), []);
    let union = decoded.columns[0].as_struct();
    assert_eq!(union.column(0).as_primitive(), &Int32Array::from(vec![Some(5), None, None]));
    assert_eq!(union.column(1).null_count(), 2);
    assert!(union.is_null(2));
    let written = encode(&columns, Wrapping::Record, &registered, &decoded.columns);
    assert_eq!(written.iter().collect::<Vec<_>>(), payloads);
}

#[test]
fn what_a_schema_holds_is_told_as_columns() {
    let registry = SchemaRegistry::in_memory();
    let registered = register(
        &registry,
        "t-value",
        &json!({
            "type": "record", "name": "R", "namespace": "n",
            "fields": [
                { "name": "f", "type": "float" },
                { "name": "e", "type": { "type": "enum", "name": "E", "symbols": ["A"] } },
                { "name": "x", "type": { "type": "fixed", "name": "X", "size": 3 } },
                { "name": "d", "type": { "type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 1 } },
                { "name": "day", "type": { "type": "int", "logicalType": "date" } },
                { "name": "time", "type": { "type": "int", "logicalType": "time-millis" } },
                { "name": "at", "type": ["null", { "type": "long", "logicalType": "timestamp-millis" }] },
                { "name": "micros", "type": { "type": "long", "logicalType": "timestamp-micros" } },
                { "name": "m", "type": { "type": "map", "values": ["null", "int"] } },
                { "name": "n", "type": "null" },
                { "name": "self", "type": ["null", "R"] },
                { "name": "again", "type": "E" },
            ],
        }),
    );
    let columns = AvroFormat.columns_of(&registered.schema, &shape(Wrapping::Record)).unwrap();
    assert_eq!(
        described(&columns),
        [
            "f DOUBLE",
            "e STRING",
            "x BYTES",
            "d DECIMAL(5, 1)",
            "day DATE",
            "time TIME",
            "at TIMESTAMP",
            "micros BIGINT",
            "m MAP<STRING, INTEGER>",
            "again STRING",
        ]
    );
    let int = register(&registry, "k-key", &json!("int"));
    let key = PayloadShape { part: RecordPart::Key, ..shape(Wrapping::Bare) };
    let columns = AvroFormat.columns_of(&int.schema, &key).unwrap();
    assert_eq!((columns[0].name.as_str(), &columns[0].data_type), ("ROWKEY", &SqlType::Integer));
    let refused = AvroFormat.columns_of(&int.schema, &shape(Wrapping::Record)).unwrap_err();
    assert!(refused.contains("set 'WRAP_SINGLE_VALUE=false'"), "{refused}");
}

#[test]
fn a_foreign_schema_gives_its_defaults_for_what_is_null_or_missing() {
    let registry = SchemaRegistry::in_memory();
    let registered = register(
        &registry,
        "t-value",
        &json!({
            "type": "record", "name": "R",
            "fields": [
                { "name": "kind", "type": "string", "default": "none" },
                { "name": "a", "type": "int", "default": 9 },
                { "name": "b", "type": ["null", "int"] },
                { "name": "c", "type": ["null", "int"] },
            ],
        }),
    );
    let columns = schema(&[("A", "INTEGER"), ("C", "INTEGER")]);
    let null: ArrayRef = Arc::new(Int32Array::from(vec![None]));
    let written = encode(&columns, Wrapping::Record, &registered, &[null.clone(), null.clone()]);
    assert_eq!(
        written.get(0),
        Some(framed(registered.id, &[8, b'n', b'o', b'n', b'e', 18, 0, 0]).as_slice())
    );
    let strict = register(
        &registry,
        "u-value",
        &json!({ "type": "record", "name": "R", "fields": [{ "name": "a", "type": "int" }, { "name": "z", "type": "int" }] }),
    );
    let writer = writer(&strict);
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

#[test]
fn bare_values_are_whole_payloads_and_null_is_no_payload() {
    let registry = SchemaRegistry::in_memory();
    let columns = schema(&[("V", "STRUCT<`A` INTEGER>")]);
    let registered = register(&registry, "t-value", &schema_text(&columns, &shape(Wrapping::Bare)));
    let fields = match columns.field(0).data_type() {
        DataType::Struct(fields) => fields.clone(),
        other => panic!("{other}"),
    };
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, None]));
    let present = vec![true, true, false].into();
    let values: ArrayRef = Arc::new(StructArray::new(fields, vec![numbers], Some(present)));
    let written = encode(&columns, Wrapping::Bare, &registered, std::slice::from_ref(&values));
    let some = [framed(registered.id, &[2, 2]), framed(registered.id, &[0])];
    let payloads = [Some(some[0].as_slice()), Some(some[1].as_slice()), None];
    assert_eq!(written.iter().collect::<Vec<_>>(), payloads);
    let (decoded, _) = decode(&registry, &columns, Wrapping::Bare, &payloads);
    assert_eq!(&decoded.columns[0], &values);
    assert_eq!(decoded.present.map(|present| present.null_count()), Some(1));
}

/// A schema with everything that hostile bytes could play with: types within themselves, counts, lengths.
fn hostile(registry: &SchemaRegistry) -> (SchemaId, SchemaRef) {
    let registered = register(
        registry,
        "h-value",
        &json!({
            "type": "record", "name": "Node",
            "fields": [
                { "name": "children", "type": { "type": "array", "items": "Node" } },
                { "name": "nothing", "type": { "type": "array", "items": "null" } },
                { "name": "m", "type": { "type": "map", "values": { "type": "array", "items": ["null", "string"] } } },
                { "name": "e", "type": { "type": "array", "items": {
                    "type": "record", "name": "Entry", "fields": [{ "name": "value", "type": "int" }, { "name": "key", "type": ["null", "string"] }],
                } } },
                { "name": "d", "type": { "type": "fixed", "name": "F", "size": 40, "logicalType": "decimal", "precision": 20, "scale": 2 } },
            ],
        }),
    );
    let columns = schema(&[
        ("NOTHING", "ARRAY<INTEGER>"),
        ("M", "MAP<STRING, ARRAY<STRING>>"),
        ("E", "MAP<STRING, INTEGER>"),
        ("D", "DECIMAL(10, 2)"),
    ]);
    (registered.id, columns)
}

#[test]
fn values_deeper_inside_each_other_than_allowed_are_rejected() {
    let registry = SchemaRegistry::in_memory();
    let (id, columns) = hostile(&registry);
    // Each node has one child: a block of one, for ever.
    let payload = framed(id, &[2; 10_000]);
    let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &[Some(&payload)]);
    assert_eq!(decoded.rows, 0);
    assert!(rejections[0].reason.contains("expected values less deep inside each other"), "{rejections:?}");
}

proptest! {
    #[test]
    fn any_bytes_give_a_row_or_a_rejection(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let registry = SchemaRegistry::in_memory();
        let (id, columns) = hostile(&registry);
        let payloads: Vec<Vec<u8>> = bodies.iter().map(|body| framed(id, body)).collect();
        let payloads = present(&payloads);
        let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &payloads);
        prop_assert_eq!(decoded.rows + rejections.len(), payloads.len());
        prop_assert!(decoded.columns.iter().all(|column| column.len() == decoded.rows));
    }

    #[test]
    fn no_part_of_a_payload_passes_for_the_whole(cut in 0usize..64) {
        let registry = SchemaRegistry::in_memory();
        let (id, columns) = hostile(&registry);
        let mut body = vec![0, 4, 0, 2, 2, b'k', 4, 2, 2, b'v', 0, 0, 0, 2, 6, 2, 2, b'x', 0];
        body.extend_from_slice(&[0; 40]);
        let whole = framed(id, &body);
        let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &[Some(&whole)]);
        prop_assert_eq!((decoded.rows, reasons(&rejections)), (1, vec![]));
        let part = &whole[..cut.min(whole.len() - 1)];
        let (decoded, rejections) = decode(&registry, &columns, Wrapping::Record, &[Some(part)]);
        prop_assert_eq!((decoded.rows, rejections.len()), (0, 1));
    }
}
