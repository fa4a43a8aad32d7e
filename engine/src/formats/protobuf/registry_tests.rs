//! PROTOBUF through a schema registry: frames, messages of one schema, schemas of one topic.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray};
use arrow::datatypes::SchemaRef;

use super::{NULLABLE_REPRESENTATION, Protobuf};
use crate::error::Result;
use crate::formats::schema_format::{PayloadShape, SchemaFormat};
use crate::formats::schema_format_harness::{self, decode, framed, present, schema as columns, writer};
use crate::formats::{EncodedPayloads, Encoder, Format, Rejection, RowSelection, Wrapping};
use crate::registry::{
    RegisteredSchema, SchemaDefinition, SchemaId, SchemaKind, SchemaReference, SchemaRegistry,
};

fn register(registry: &SchemaRegistry, subject: &str, text: &str) -> RegisteredSchema {
    let definition = SchemaDefinition::new(SchemaKind::Protobuf, text);
    registry.register(subject, definition, false).expect("the schema is one")
}

fn shape(full_name: Option<&str>) -> PayloadShape {
    let full_name = full_name.map(str::to_owned);
    PayloadShape { full_name, ..schema_format_harness::shape(Wrapping::Record) }
}

fn encoder(
    columns: &SchemaRef,
    registered: &RegisteredSchema,
    full_name: Option<&str>,
) -> Result<Box<dyn Encoder>> {
    Protobuf.encoder(columns, &shape(full_name), &writer(registered))
}

fn encode(
    columns: &SchemaRef,
    registered: &RegisteredSchema,
    full_name: Option<&str>,
    values: &[ArrayRef],
) -> Vec<Vec<u8>> {
    let (shape, writer) = (shape(full_name), writer(registered));
    let payloads = schema_format_harness::encode(&Protobuf, columns, &shape, &writer, values);
    payloads.iter().map(|payload| payload.expect("a payload").to_vec()).collect()
}

/// The rows as JSON texts, and what was rejected.
fn read(
    registry: &SchemaRegistry,
    columns: &SchemaRef,
    payloads: &[Vec<u8>],
) -> (Vec<String>, Vec<Rejection>) {
    let payloads = present(payloads);
    let (decoded, rejections) = decode(&Protobuf, registry, columns, &shape(None), &payloads);
    let mut json = Format::Json.encoder(columns, Wrapping::Record).expect("JSON has the columns");
    let mut texts = EncodedPayloads::new();
    json.encode(&decoded.columns, RowSelection::Range(0..decoded.rows), &mut texts).expect("texts");
    let text = |payload: Option<&[u8]>| String::from_utf8_lossy(payload.expect("a text")).into_owned();
    (texts.iter().map(text).collect(), rejections)
}

#[test]
fn payloads_have_the_id_and_the_place_of_their_message_in_front() {
    let registry = SchemaRegistry::in_memory();
    let text = "syntax = \"proto3\"; message A { message B { int32 x = 1; } int32 x = 1; } message C { int32 x = 1; }";
    let registered = register(&registry, "t-value", text);
    let columns = columns(&[("x", "INT")]);
    let values: [ArrayRef; 1] = [Arc::new(Int32Array::from(vec![5]))];
    for (full_name, body) in
        [(None, &[0, 0x08, 5][..]), (Some("A.B"), &[4, 0, 0, 0x08, 5]), (Some("C"), &[2, 2, 0x08, 5])]
    {
        let payloads = encode(&columns, &registered, full_name, &values);
        assert_eq!(payloads, [framed(registered.id, body)]);
        assert_eq!(read(&registry, &columns, &payloads).0, ["{\"x\":5}"]);
    }
    let refusal = encoder(&columns, &registered, Some("D")).err().expect("a refusal");
    assert!(refusal.to_string().contains("no record of that name"), "{refusal}");
}

#[test]
fn each_payload_is_read_by_the_schema_it_was_written_with() {
    let registry = SchemaRegistry::in_memory();
    let first = register(&registry, "a", "syntax = \"proto3\"; message M { int32 x = 1; string y = 2; }");
    let second = register(
        &registry,
        "b",
        "syntax = \"proto3\"; message N { string Y = 1; uint32 X = 2; bool z = 3; }",
    );
    let other = register(&registry, "c", "syntax = \"proto3\"; message O { bytes x = 1; }");
    let avro = registry
        .register("d", SchemaDefinition::new(SchemaKind::Avro, "\"string\""), false)
        .expect("the schema is one");
    let payloads = [
        framed(first.id, &[0, 0x08, 1, 0x12, 1, b'a']),
        framed(second.id, &[0, 0x10, 2, 0x0a, 1, b'b']),
        framed(other.id, &[0]),
        framed(SchemaId(999), &[0]),
        framed(avro.id, &[0]),
        framed(first.id, &[2, 4]),
        b"\x01".to_vec(),
        framed(first.id, &[0, 0x08]),
        framed(first.id, &[0]),
    ];
    let (rows, rejections) = read(&registry, &columns(&[("X", "BIGINT"), ("Y", "STRING")]), &payloads);
    assert_eq!(rows, ["{\"X\":1,\"Y\":\"a\"}", "{\"X\":2,\"Y\":\"b\"}", "{\"X\":0,\"Y\":\"\"}"]);
    let expected = [
        (
            2,
            format!(
                "schema {}: column `X`: the schema has bytes 'x', which cannot be read as BIGINT",
                other.id
            ),
        ),
        (3, "the schema registry has no schema 999".to_owned()),
        (4, format!("schema {}: it is no Protobuf schema", avro.id)),
        (5, format!("schema {}: the schema has no message of the payload's indexes", first.id)),
        (6, "not written with a schema registry".to_owned()),
        (7, "no valid Protobuf: an end inside a number".to_owned()),
    ];
    assert_eq!(rejections.len(), expected.len(), "{rejections:?}");
    for (rejection, (payload, reason)) in rejections.iter().zip(expected) {
        assert_eq!(rejection.payload, payload);
        assert!(rejection.reason.starts_with(&reason), "{rejection:?}");
    }
}

#[test]
fn a_schema_may_refer_to_others() {
    let registry = SchemaRegistry::in_memory();
    register(&registry, "event.proto", "syntax = \"proto3\"; message Event { int64 timestamp = 1; }");
    let text = "syntax = \"proto3\"; import \"event.proto\"; message Logistics { Event event = 1; }";
    let reference =
        SchemaReference { name: "event.proto".to_owned(), subject: "event.proto".to_owned(), version: 1 };
    let definition =
        SchemaDefinition { references: vec![reference], ..SchemaDefinition::new(SchemaKind::Protobuf, text) };
    let registered = registry.register("t-value", definition, false).expect("the schema is one");
    let found = Protobuf.columns_of(&registered.schema, &shape(None)).expect("columns");
    assert_eq!(found[0].data_type.to_string(), "STRUCT<`timestamp` BIGINT>");
    let payload = framed(registered.id, &[0, 0x0a, 2, 0x08, 9]);
    let (rows, rejections) = read(&registry, &columns(&[("EVENT", "STRUCT<TIMESTAMP BIGINT>")]), &[payload]);
    assert_eq!((rows, rejections), (vec!["{\"EVENT\":{\"TIMESTAMP\":9}}".to_owned()], vec![]));
}

#[test]
fn fields_of_a_registered_schema_that_no_column_has_are_left_unset() {
    let registry = SchemaRegistry::in_memory();
    let registered =
        register(&registry, "t-value", "syntax = \"proto3\"; message M { int64 c1 = 3; string c2 = 2; }");
    let payloads =
        encode(&columns(&[("c1", "BIGINT")]), &registered, None, &[Arc::new(Int64Array::from(vec![4]))]);
    assert_eq!(payloads, [framed(registered.id, &[0, 0x18, 4])]);
    let (rows, _) = read(&registry, &columns(&[("C1", "BIGINT"), ("C2", "STRING")]), &payloads);
    assert_eq!(rows, ["{\"C1\":4,\"C2\":\"\"}"]);
}

#[test]
fn the_schema_of_columns_is_written_and_read_with_the_representation_of_nulls() {
    let registry = SchemaRegistry::in_memory();
    let columns = columns(&[("A", "STRING"), ("B", "MAP<STRING, INT>")]);
    for (representation, expected) in [
        (None, "{\"A\":\"\",\"B\":{}}"),
        (Some("OPTIONAL"), "{\"A\":null,\"B\":{}}"),
        (Some("wrapper"), "{\"A\":null,\"B\":{}}"),
    ] {
        let mut shape = shape(Some("shop.Order"));
        shape
            .properties
            .extend(representation.map(|text| (NULLABLE_REPRESENTATION.to_owned(), text.to_owned())));
        let definition = Protobuf.schema_of(&columns, &shape).expect("a schema");
        let subject = representation.unwrap_or("none");
        let registered = registry.register(subject, definition, false).expect("the schema is one");
        let nulls: Vec<ArrayRef> =
            columns.fields().iter().map(|field| arrow::array::new_null_array(field.data_type(), 1)).collect();
        let payloads = encode(&columns, &registered, Some("shop.Order"), &nulls);
        let (rows, rejections) = read(&registry, &columns, &payloads);
        assert_eq!((rows, rejections), (vec![expected.to_owned()], vec![]), "{representation:?}");
        let inferred = Protobuf.columns_of(&registered.schema, &shape).expect("columns");
        let inferred: Vec<_> = inferred.iter().map(|column| column.data_type.to_string()).collect();
        assert_eq!(inferred, ["STRING", "MAP<STRING, INTEGER>"]);
    }
    let mut wrong = shape(None);
    wrong.properties.insert(NULLABLE_REPRESENTATION.to_owned(), "maybe".to_owned());
    assert!(Protobuf.schema_of(&columns, &wrong).is_err_and(|reason| reason.contains("OPTIONAL, WRAPPER")));
}

#[test]
fn a_name_that_messages_without_one_are_given_is_no_name() {
    let registry = SchemaRegistry::in_memory();
    let columns = columns(&[("S", "STRUCT<`A` INT>")]);
    let definition = |name| Protobuf.schema_of(&columns, &shape(name)).expect("a schema");
    let named = definition(Some("ConnectDefault1"));
    assert_eq!(named, definition(None));
    let registered = registry.register("t-value", named, false).expect("the schema is one");
    let inferred = Protobuf.columns_of(&registered.schema, &shape(Some("ConnectDefault7"))).expect("columns");
    assert_eq!(schema_format_harness::described(&inferred), ["S STRUCT<`A` INTEGER>"]);
}

#[test]
fn equal_rows_are_equal_bytes_whatever_the_order_of_columns() {
    let registry = SchemaRegistry::in_memory();
    let registered =
        register(&registry, "t-key", "syntax = \"proto3\"; message K { string b = 2; int64 a = 1; }");
    let number: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let one = encode(
        &columns(&[("a", "BIGINT"), ("b", "STRING")]),
        &registered,
        None,
        &[number.clone(), text.clone()],
    );
    let other = encode(&columns(&[("b", "STRING"), ("a", "BIGINT")]), &registered, None, &[text, number]);
    assert_eq!(one, other);
}
