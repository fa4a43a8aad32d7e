//! JSON_SR end to end: columns to payloads and back, and schemas to columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int32Array};
use arrow::datatypes::Int32Type;
use serde_json::{Value, json};

use super::JsonSchemaFormat;
use crate::formats::schema_format::{SchemaFormat, WriterSchema};
use crate::formats::schema_format_harness::{self, decode, described, encode, schema, shape};
use crate::formats::{EncodedPayloads, Format, RowSelection, Wrapping};
use crate::registry::{ResolvedSchema, SchemaDefinition, SchemaId, SchemaKind, SchemaRegistry};

fn schema_text(columns: &[(&str, &str)], wrapping: Wrapping) -> Value {
    schema_format_harness::schema_text(&JsonSchemaFormat, &schema(columns), &shape(wrapping))
}

fn resolved(schema: &Value, imports: &[(&str, Value)]) -> ResolvedSchema {
    ResolvedSchema {
        definition: SchemaDefinition::new(SchemaKind::Json, schema.to_string()),
        imports: imports.iter().map(|(name, text)| ((*name).to_owned(), text.to_string())).collect(),
    }
}

fn columns(schema: &Value, imports: &[(&str, Value)]) -> Vec<String> {
    let columns = JsonSchemaFormat.columns_of(&resolved(schema, imports), &shape(Wrapping::Record));
    described(&columns.expect("the schema has columns"))
}

#[test]
fn columns_are_described_as_confluents_converter_describes_them() {
    let optional = |index: usize, data_type: Value| json!({ "connect.index": index, "oneOf": [{ "type": "null" }, data_type] });
    let integer = json!({ "type": "integer", "connect.type": "int32" });
    assert_eq!(
        schema_text(
            &[
                ("FOO", "INTEGER"),
                ("D", "DECIMAL(4, 2)"),
                ("DAY", "DATE"),
                ("B", "BYTES"),
                ("L", "ARRAY<INTEGER>"),
                ("M", "MAP<STRING, BOOLEAN>"),
                ("S", "STRUCT<`A` DOUBLE>"),
            ],
            Wrapping::Record
        ),
        json!({
            "type": "object",
            "properties": {
                "FOO": optional(0, integer.clone()),
                "D": optional(1, json!({
                    "type": "number", "title": "org.apache.kafka.connect.data.Decimal", "connect.version": 1,
                    "connect.type": "bytes",
                    "connect.parameters": { "scale": "2", "connect.decimal.precision": "4" },
                })),
                "DAY": optional(2, json!({
                    "type": "integer", "title": "org.apache.kafka.connect.data.Date", "connect.version": 1,
                    "connect.type": "int32",
                })),
                "B": optional(3, json!({ "type": "string", "connect.type": "bytes" })),
                "L": optional(4, json!({ "type": "array", "items": { "oneOf": [{ "type": "null" }, integer] } })),
                "M": optional(5, json!({
                    "type": "object", "connect.type": "map",
                    "additionalProperties": { "oneOf": [{ "type": "null" }, { "type": "boolean" }] },
                })),
                "S": optional(6, json!({
                    "type": "object",
                    "properties": { "A": optional(0, json!({ "type": "number", "connect.type": "float64" })) },
                })),
            },
        })
    );
    assert_eq!(
        schema_text(&[("K", "STRUCT<`F1` STRING>")], Wrapping::Bare),
        json!({ "oneOf": [{ "type": "null" }, {
            "type": "object",
            "properties": { "F1": optional(0, json!({ "type": "string" })) },
        }] })
    );
}

#[test]
fn columns_are_what_they_were_described_as() {
    let declared = [
        ("Z", "INTEGER"),
        ("A", "BIGINT"),
        ("T", "TIME"),
        ("TS", "TIMESTAMP"),
        ("D", "DECIMAL(10, 3)"),
        ("B", "BYTES"),
        ("M", "MAP<STRING, ARRAY<DOUBLE>>"),
        ("S", "STRUCT<`Y` DATE, `X` BOOLEAN>"),
    ];
    let expected: Vec<String> =
        declared.iter().map(|(name, data_type)| format!("{name} {data_type}")).collect();
    assert_eq!(columns(&schema_text(&declared, Wrapping::Record), &[]), expected);
}

#[test]
fn schemas_that_people_write_have_columns_too() {
    let written = json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer" },
            "price": { "type": ["number", "null"] },
            "state": { "enum": ["open", "closed"] },
            "owner": { "$ref": "#/$defs/person" },
            "place": { "$ref": "place.json#/definitions/town" },
            "either": { "anyOf": [{ "type": "string" }, { "type": "integer" }] },
            "both": { "allOf": [
                { "type": "object", "properties": { "a": { "type": "string" } } },
                { "type": "object", "properties": { "b": { "type": "boolean" } } },
            ] },
            "labels": { "type": "object", "additionalProperties": { "type": "string" } },
            "codes": { "type": "array", "connect.type": "map", "items": { "type": "object", "properties": {
                "key": { "type": "integer" }, "value": { "type": "string" },
            } } },
            "anything": {},
        },
        "$defs": { "person": { "type": "object", "properties": {
            "name": { "type": "string" }, "boss": { "$ref": "#/$defs/person" },
        } } },
    });
    let place = json!({ "definitions": { "town": { "type": "string" } } });
    let found = columns(&written, &[("place.json", place)]);
    assert_eq!(
        found,
        [
            "id BIGINT",
            "price DOUBLE",
            "state STRING",
            "owner STRUCT<`name` STRING>",
            "place STRING",
            "either STRUCT<`io.confluent.connect.json.OneOf.field.0` STRING, `io.confluent.connect.json.OneOf.field.1` BIGINT>",
            "both STRUCT<`a` STRING, `b` BOOLEAN>",
            "labels MAP<STRING, STRING>",
            "codes MAP<STRING, STRING>",
        ]
    );
}

#[test]
fn what_a_schema_says_about_itself_is_left_out() {
    let own = json!({ "type": "object", "properties": { "a": { "$ref": "#" }, "b": { "type": "string" } } });
    assert_eq!(columns(&own, &[]), ["b STRING"]);
}

#[test]
fn payloads_are_json_behind_the_schemas_id() {
    let columns = schema(&[("A", "INTEGER")]);
    let writer = WriterSchema {
        id: SchemaId(258),
        schema: Arc::new(resolved(&schema_text(&[("A", "INTEGER")], Wrapping::Record), &[])),
    };
    let values: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let shape = shape(Wrapping::Record);
    let payloads = encode(&JsonSchemaFormat, &columns, &shape, &writer, &[values]);
    assert_eq!(payloads.get(0), Some(&b"\x00\x00\x00\x01\x02{\"A\":1}"[..]));
    assert_eq!(payloads.get(1), Some(&b"\x00\x00\x00\x01\x02{\"A\":null}"[..]));
    let read: [Option<&[u8]>; 6] = [
        payloads.get(0),
        Some(b"{\"A\":2}"),
        None,
        Some(b"\x00\x00\x00\x00\x07{\"a\":3}"),
        Some(b"\x00\x00\x00\x00\x07{"),
        payloads.get(1),
    ];
    let registry = SchemaRegistry::in_memory();
    let (decoded, rejections) = decode(&JsonSchemaFormat, &registry, &columns, &shape, &read);
    assert_eq!(
        decoded.columns[0].as_primitive::<Int32Type>(),
        &Int32Array::from(vec![Some(1), None, Some(3), None])
    );
    let rejected: Vec<usize> = rejections.iter().map(|rejection| rejection.payload).collect();
    assert_eq!(rejected, [1, 4]);
    assert!(rejections[0].reason.starts_with("not written with a schema registry"), "{rejections:?}");
    assert!(rejections[1].reason.starts_with("not valid JSON"), "{rejections:?}");
}

#[test]
fn a_schema_of_somebody_else_fills_in_its_defaults_and_refuses_null_where_it_requires_a_value() {
    let foreign = |required: &[&str]| WriterSchema {
        id: SchemaId(7),
        schema: Arc::new(resolved(
            &json!({
                "type": "object",
                "properties": {
                    "a": { "type": "integer" },
                    "b": { "type": "string", "default": "x" },
                    "c": { "type": "string" },
                    "d": { "oneOf": [{ "type": "null" }, { "type": "number", "default": 1.5 }] },
                },
                "required": required,
            }),
            &[],
        )),
    };
    let columns = schema(&[("a", "INTEGER"), ("d", "DOUBLE")]);
    let shape = shape(Wrapping::Record);
    let values: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(5), None])),
        Arc::new(Float64Array::from(vec![None, Some(2.0)])),
    ];
    let payloads = encode(&JsonSchemaFormat, &columns, &shape, &foreign(&["b", "d"]), &values);
    let texts: Vec<&[u8]> = payloads.iter().flatten().map(|payload| &payload[5..]).collect();
    let expected = [br#"{"a":5,"d":1.5,"b":"x"}"#.as_slice(), br#"{"d":2.0,"b":"x"}"#.as_slice()];
    assert_eq!(texts, expected);

    let mut encoder = JsonSchemaFormat.encoder(&columns, &shape, &foreign(&["a"])).expect("the columns fit");
    let mut payloads = EncodedPayloads::new();
    encoder.encode(&values, RowSelection::Indices(&[0]), &mut payloads).expect("the row has a value");
    let error = encoder.encode(&values, RowSelection::Range(0..2), &mut payloads).expect_err("a refusal");
    assert!(error.message.contains("column `a` is NULL, and the schema requires a value"), "{error}");

    let error = JsonSchemaFormat.encoder(&columns, &shape, &foreign(&["c"])).err().expect("a refusal");
    assert!(error.message.starts_with("Missing default value for required field: [c]."), "{error}");
}

#[test]
fn null_is_written_where_a_schema_of_somebody_else_requires_a_member_that_may_be_null() {
    let writer = WriterSchema {
        id: SchemaId(7),
        schema: Arc::new(resolved(
            &json!({
                "type": "object",
                "properties": { "a": { "enum": [1, null] }, "b": {}, "c": { "type": ["string", "null"] } },
                "required": ["a", "b", "c"],
            }),
            &[],
        )),
    };
    let values: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let columns = schema(&[("a", "INTEGER")]);
    let payloads = encode(&JsonSchemaFormat, &columns, &shape(Wrapping::Record), &writer, &[values]);
    let texts: Vec<&[u8]> = payloads.iter().flatten().map(|payload| &payload[5..]).collect();
    let expected =
        [br#"{"a":1,"b":null,"c":null}"#.as_slice(), br#"{"a":null,"b":null,"c":null}"#.as_slice()];
    assert_eq!(texts, expected);
}

#[test]
fn what_a_schema_of_somebody_else_says_of_objects_holds_inside_structs() {
    let writer = WriterSchema {
        id: SchemaId(7),
        schema: Arc::new(resolved(
            &json!({
                "type": "object",
                "properties": { "s": { "oneOf": [{ "type": "null" }, { "$ref": "point.json#/$defs/point" }] } },
            }),
            &[(
                "point.json",
                json!({ "$defs": {
                    "point": {
                        "type": "object",
                        "properties": {
                            "x": { "$ref": "#/$defs/number" },
                            "y": { "type": "string" },
                            "z": { "$ref": "#/$defs/perhaps" },
                            "w": { "type": "boolean" },
                        },
                        "required": ["y", "z"],
                    },
                    "number": { "type": "integer", "default": 3 },
                    "perhaps": { "oneOf": [{ "type": "null" }, { "type": "boolean" }] },
                } }),
            )],
        )),
    };
    let columns = schema(&[("s", "STRUCT<`w` BOOLEAN, `x` INTEGER, `y` STRING, `z` BOOLEAN>")]);
    let mut decoder = Format::Json.decoder(&columns, &[0], Wrapping::Record).expect("JSON has the columns");
    let mut rows = |lines: &[&str]| {
        let lines: Vec<Option<&[u8]>> = lines.iter().map(|line| Some(line.as_bytes())).collect();
        decoder.decode(&lines, &mut Vec::new()).expect("a batch is decoded").columns
    };
    let mut encoder =
        JsonSchemaFormat.encoder(&columns, &shape(Wrapping::Record), &writer).expect("the columns fit");
    let mut payloads = EncodedPayloads::new();
    let values = rows(&[r#"{"s":{"y":"a"}}"#, r#"{"s":null}"#]);
    encoder.encode(&values, RowSelection::Range(0..2), &mut payloads).expect("the rows are written");
    let texts: Vec<&[u8]> = payloads.iter().flatten().map(|payload| &payload[5..]).collect();
    assert_eq!(texts, [br#"{"s":{"x":3,"y":"a","z":null}}"#.as_slice(), br#"{"s":null}"#.as_slice()]);

    let values = rows(&[r#"{"s":{"x":1}}"#]);
    let error = encoder.encode(&values, RowSelection::Range(0..1), &mut payloads).expect_err("a refusal");
    assert!(error.message.contains("column `s`->`y` is NULL"), "{error}");
}
