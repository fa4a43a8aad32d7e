//! Columns to messages and back, over all types; what other writers may send; bytes that are no message.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, i256};
use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MapKey, MessageDescriptor, Value};
use tidemill_sql::type_system::{SqlType, arrow_field};

use super::decoder::ProtobufDecoder;
use super::encoder::ProtobufEncoder;
use super::nullable::NullableRepresentation;
use super::root_message::{file_of, find};
use super::schema_of_columns::schema_of_columns;
use crate::formats::column_builder::ColumnBuilder;
use crate::formats::scalar::ScalarBuilder;
use crate::formats::schema_format_harness::{present, schema as columns};
use crate::formats::{
    Decoded, Decoder as _, EncodedPayloads, Encoder as _, Format, Rejection, RowSelection, Wrapping,
};

/// Numbers that follow from a seed: the test's only source of chance besides its inputs.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Where a column may have nulls that survive: those of scalars need a representation of their own.
#[derive(Clone, Copy)]
struct Nulls {
    scalars: bool,
    messages: bool,
}

const NO_NULLS: Nulls = Nulls { scalars: false, messages: false };

fn sql_type(numbers: &mut Numbers, depth: u32) -> SqlType {
    match numbers.below(if depth == 0 { 11 } else { 14 }) {
        0 => SqlType::Boolean,
        1 => SqlType::Integer,
        2 => SqlType::Bigint,
        3 => SqlType::Double,
        4 => SqlType::Decimal { precision: 9, scale: 2 },
        5 => SqlType::Decimal { precision: 60, scale: 30 },
        6 => SqlType::String,
        7 => SqlType::Bytes,
        8 => SqlType::Date,
        9 => SqlType::Time,
        10 => SqlType::Timestamp,
        11 => match sql_type(numbers, depth - 1) {
            SqlType::Array(_) | SqlType::Map { .. } => SqlType::array(SqlType::Integer),
            item => SqlType::array(item),
        },
        12 => SqlType::map(SqlType::String, sql_type(numbers, depth - 1)),
        _ => SqlType::Struct(
            (0..1 + numbers.below(3))
                .map(|index| {
                    tidemill_sql::type_system::StructField::new(
                        format!("f{index}"),
                        sql_type(numbers, depth - 1),
                    )
                })
                .collect(),
        ),
    }
}

fn append(column: &mut ColumnBuilder, numbers: &mut Numbers, nulls: Nulls, inside: Nulls) {
    let may_be_null = match column {
        ColumnBuilder::Scalar(
            ScalarBuilder::Decimal { .. }
            | ScalarBuilder::WideDecimal { .. }
            | ScalarBuilder::Date(_)
            | ScalarBuilder::Time(_)
            | ScalarBuilder::Timestamp(_),
        )
        | ColumnBuilder::Struct(_) => nulls.messages,
        ColumnBuilder::Scalar(_) => nulls.scalars,
        ColumnBuilder::List(_) | ColumnBuilder::Map(_) => false,
    };
    if may_be_null && numbers.below(4) == 0 {
        return column.append_null();
    }
    match column {
        ColumnBuilder::Scalar(column) => append_scalar(column, numbers),
        ColumnBuilder::List(list) => {
            for _ in 0..numbers.below(4) {
                append(&mut list.items, numbers, NO_NULLS, inside);
            }
            list.close(true);
        }
        ColumnBuilder::Map(map) => {
            for index in 0..numbers.below(20) {
                map.keys.append_value(format!("k{index}"));
                append(&mut map.values, numbers, inside, inside);
            }
            map.close(true);
        }
        ColumnBuilder::Struct(fields) => {
            for column in &mut fields.columns {
                append(column, numbers, inside, inside);
            }
            fields.close(true);
        }
    }
}

fn append_scalar(column: &mut ScalarBuilder, numbers: &mut Numbers) {
    // Defaults and extremes come often: they are where the layouts differ.
    let pick = numbers.below(8);
    let number = match pick {
        0 => 0,
        1 => i64::MIN,
        2 => i64::MAX,
        3 => -1,
        4 => numbers.below(300) as i64,
        _ => numbers.next() as i64,
    };
    match column {
        ScalarBuilder::Boolean(values) => values.append_value(number % 2 == 0),
        ScalarBuilder::Integer(values) => values.append_value(number as i32),
        ScalarBuilder::Bigint(values) => values.append_value(number),
        ScalarBuilder::Double(values) => values.append_value(match pick {
            0 => 0.0,
            1 => -0.0,
            2 => f64::INFINITY,
            _ => number as f64 / 7.0,
        }),
        ScalarBuilder::Decimal { values, .. } => values.append_value(i128::from(number % 1_000_000_000)),
        ScalarBuilder::WideDecimal { values, .. } => {
            let wide = i256::from_i128(i128::from(number)).wrapping_mul(i256::from_i128(i128::from(number)));
            values.append_value(if pick == 3 { wide.wrapping_neg() } else { wide });
        }
        ScalarBuilder::String(values) => values.append_value("ü".repeat(numbers.below(80) as usize)),
        ScalarBuilder::Bytes { values, .. } => {
            values.append_value(vec![pick as u8; numbers.below(200) as usize]);
        }
        ScalarBuilder::Date(values) => values.append_value((number % 700_000) as i32),
        ScalarBuilder::Time(values) => values.append_value((number % 86_400_000).unsigned_abs() as i32),
        ScalarBuilder::Timestamp(values) => values.append_value(number / 1_000),
    }
}

fn message(text: &str) -> MessageDescriptor {
    find(&file_of(text), None).expect("a message")
}

fn encode(schema: &SchemaRef, message: &MessageDescriptor, arrays: &[ArrayRef]) -> Vec<Vec<u8>> {
    let mut encoder = ProtobufEncoder::new(schema.clone(), message, None).expect("an encoder");
    let mut out = EncodedPayloads::new();
    encoder.encode(arrays, RowSelection::Range(0..arrays[0].len()), &mut out).expect("payloads");
    out.iter().map(|payload| payload.expect("a payload").to_vec()).collect()
}

fn decode(
    schema: &SchemaRef,
    message: &MessageDescriptor,
    payloads: &[Vec<u8>],
) -> (Decoded, Vec<Rejection>) {
    let projection: Vec<usize> = (0..schema.fields().len()).collect();
    let mut decoder = ProtobufDecoder::unregistered(schema, &projection, message).expect("a decoder");
    let payloads = present(payloads);
    let mut rejections = Vec::new();
    let decoded = decoder.decode(&payloads, &mut rejections).expect("rows");
    (decoded, rejections)
}

/// The rows of one payload, as JSON text.
fn row(schema: &SchemaRef, message: &MessageDescriptor, payload: &[u8]) -> String {
    let (decoded, rejections) = decode(schema, message, &[payload.to_vec()]);
    match rejections.first() {
        Some(rejection) => rejection.reason.clone(),
        None => {
            let mut encoder = Format::Json.encoder(schema, Wrapping::Record).expect("an encoder");
            let mut out = EncodedPayloads::new();
            encoder.encode(&decoded.columns, RowSelection::Range(0..1), &mut out).expect("text");
            String::from_utf8(out.get(0).expect("a row").to_vec()).expect("text")
        }
    }
}

fn check_round_trip(seed: u64, nullable: NullableRepresentation) {
    let numbers = &mut Numbers(seed);
    let fields: Vec<Field> = (0..1 + numbers.below(5))
        .map(|index| arrow_field(&format!("C{index}"), &sql_type(numbers, 3)).expect("a field"))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let text = schema_of_columns(&schema, None, nullable).expect("a schema").canonical_text();
    let message = message(&text);
    let nulls = Nulls { scalars: nullable != NullableRepresentation::Default, messages: true };
    let arrays: Vec<ArrayRef> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut column = ColumnBuilder::new(field.data_type(), 0).expect("a type of SQL");
            for _ in 0..9 {
                append(&mut column, numbers, nulls, nulls);
            }
            column.finish().expect("a column")
        })
        .collect();
    let payloads = encode(&schema, &message, &arrays);
    for payload in &payloads {
        let parsed = DynamicMessage::decode(message.clone(), payload.as_slice()).expect("a message");
        assert_eq!(parsed.unknown_fields().count(), 0, "{text}");
    }
    let (decoded, rejections) = decode(&schema, &message, &payloads);
    assert_eq!(rejections, [], "{text}");
    assert_eq!(decoded.columns, arrays, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(seed: u64) {
        check_round_trip(seed, NullableRepresentation::Default);
    }

    #[test]
    fn nulls_are_read_back_where_the_schema_can_tell_them(seed: u64, wrapper: bool) {
        let nullable =
            if wrapper { NullableRepresentation::Wrapper } else { NullableRepresentation::Optional };
        check_round_trip(seed, nullable);
    }

    #[test]
    fn any_bytes_are_a_row_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let schema = all_columns();
        let message = message(ALL);
        let (decoded, rejections) = decode(&schema, &message, &[bytes]);
        prop_assert_eq!(decoded.rows + rejections.len(), 1);
        prop_assert!(decoded.columns.iter().all(|column| column.len() == decoded.rows));
    }

    #[test]
    fn a_spoiled_message_leaves_its_neighbours_alone(
        at in any::<prop::sample::Index>(),
        byte: u8,
        cut in any::<prop::sample::Index>(),
    ) {
        let schema = all_columns();
        let message = message(ALL);
        let good = sample(&message);
        let mut bad = good.clone();
        let at = at.index(bad.len());
        bad[at] ^= byte;
        bad.truncate(bad.len() - cut.index(bad.len() / 4));
        let (decoded, rejections) = decode(&schema, &message, &[good.clone(), bad, good.clone()]);
        prop_assert_eq!(decoded.rows + rejections.len(), 3);
        let (alone, _) = decode(&schema, &message, &[good]);
        let last = decoded.rows - 1;
        for (column, alone) in decoded.columns.iter().zip(&alone.columns) {
            prop_assert_eq!(&column.slice(0, 1), alone);
            prop_assert_eq!(&column.slice(last, 1), alone);
        }
    }
}

const ALL: &str = r#"syntax = "proto3";
import "google/protobuf/timestamp.proto"; import "google/protobuf/wrappers.proto";
import "google/type/date.proto"; import "google/type/timeofday.proto"; import "confluent/type/decimal.proto";
message All {
  enum Suit { SPADES = 0; HEARTS = 1; }
  message Inner { int32 x = 1; string y = 2; repeated sint64 z = 3; }
  int32 i = 1; uint32 u = 2; sint64 s = 3; fixed32 f = 4; sfixed64 g = 5; float h = 6; double d = 7; bool b = 8;
  string t = 9; bytes y = 10; Suit e = 11; Inner n = 12; repeated int32 l = 13; repeated Inner m = 14;
  map<string, Inner> p = 15; map<int32, string> q = 16; google.protobuf.Timestamp ts = 17;
  google.type.Date da = 18; google.type.TimeOfDay ti = 19; confluent.type.Decimal de = 20;
  google.protobuf.StringValue w = 21; optional int64 o = 22; repeated string ls = 23;
  oneof choice { string a = 24; Inner c = 25; int32 k = 26; }
}"#;

fn all_columns() -> SchemaRef {
    columns(&[
        ("CHOICE_0", "STRUCT<A STRING, C STRUCT<X INT>, K INT>"),
        ("I", "INT"),
        ("U", "BIGINT"),
        ("S", "BIGINT"),
        ("F", "BIGINT"),
        ("G", "BIGINT"),
        ("H", "DOUBLE"),
        ("D", "DOUBLE"),
        ("B", "BOOLEAN"),
        ("T", "STRING"),
        ("Y", "BYTES"),
        ("E", "STRING"),
        ("N", "STRUCT<X INT, Y STRING, Z ARRAY<BIGINT>>"),
        ("L", "ARRAY<INT>"),
        ("M", "ARRAY<STRUCT<Y STRING, UNKNOWN INT>>"),
        ("P", "MAP<STRING, STRUCT<X INT>>"),
        ("Q", "MAP<STRING, STRING>"),
        ("TS", "TIMESTAMP"),
        ("DA", "DATE"),
        ("TI", "TIME"),
        ("DE", "DECIMAL(6, 2)"),
        ("W", "STRING"),
        ("O", "BIGINT"),
        ("LS", "ARRAY<STRING>"),
        ("NOT_THERE", "INT"),
    ])
}

/// A message with all fields set, written by the library.
fn sample(descriptor: &MessageDescriptor) -> Vec<u8> {
    let mut inner = DynamicMessage::new(field_message(descriptor, "n"));
    inner.set_field_by_name("x", Value::I32(-5));
    inner.set_field_by_name("y", Value::String("in".to_owned()));
    inner.set_field_by_name("z", Value::List(vec![Value::I64(-1), Value::I64(300)]));
    let mut all = DynamicMessage::new(descriptor.clone());
    let mut numbers = |name: &str, fields: &[(&str, Value)]| {
        let mut message = DynamicMessage::new(field_message(descriptor, name));
        for (field, value) in fields {
            message.set_field_by_name(field, value.clone());
        }
        all.set_field_by_name(name, Value::Message(message));
    };
    numbers("ts", &[("seconds", Value::I64(-1)), ("nanos", Value::I32(999_000_000))]);
    numbers("da", &[("year", Value::I32(2024)), ("month", Value::I32(2)), ("day", Value::I32(29))]);
    numbers("ti", &[("hours", Value::I32(23)), ("minutes", Value::I32(1)), ("nanos", Value::I32(5_000_000))]);
    numbers("de", &[("value", Value::Bytes(vec![0xff, 0x85].into())), ("scale", Value::I32(1))]);
    numbers("w", &[("value", Value::String(String::new()))]);
    for (name, value) in [
        ("i", Value::I32(-7)),
        ("u", Value::U32(u32::MAX)),
        ("s", Value::I64(-8)),
        ("f", Value::U32(9)),
        ("g", Value::I64(-10)),
        ("h", Value::F32(1.5)),
        ("d", Value::F64(-2.5)),
        ("b", Value::Bool(true)),
        ("t", Value::String("text".to_owned())),
        ("y", Value::Bytes(vec![1, 2].into())),
        ("e", Value::EnumNumber(1)),
        ("n", Value::Message(inner.clone())),
        ("l", Value::List(vec![Value::I32(1), Value::I32(-1)])),
        ("m", Value::List(vec![Value::Message(inner.clone())])),
        ("p", Value::Map([(MapKey::String("k".to_owned()), Value::Message(inner.clone()))].into())),
        ("q", Value::Map([(MapKey::I32(-3), Value::String("v".to_owned()))].into())),
        ("o", Value::I64(0)),
        ("ls", Value::List(vec![Value::String("a".to_owned()), Value::String(String::new())])),
        ("c", Value::Message(inner)),
    ] {
        all.set_field_by_name(name, value);
    }
    all.encode_to_vec()
}

fn field_message(descriptor: &MessageDescriptor, name: &str) -> MessageDescriptor {
    let field = descriptor.get_field_by_name(name).expect("a field");
    field.kind().as_message().expect("a message").clone()
}

#[test]
fn a_message_of_another_writer_is_read_field_by_field() {
    let message = message(ALL);
    assert_eq!(
        row(&all_columns(), &message, &sample(&message)),
        "{\"CHOICE_0\":{\"A\":null,\"C\":{\"X\":-5},\"K\":null},\"I\":-7,\"U\":4294967295,\"S\":-8,\"F\":9,\"G\":-10,\
         \"H\":1.5,\"D\":-2.5,\"B\":true,\"T\":\"text\",\"Y\":\"AQI=\",\"E\":\"HEARTS\",\
         \"N\":{\"X\":-5,\"Y\":\"in\",\"Z\":[-1,300]},\"L\":[1,-1],\"M\":[{\"Y\":\"in\",\"UNKNOWN\":null}],\
         \"P\":{\"k\":{\"X\":-5}},\"Q\":{\"-3\":\"v\"},\"TS\":-1,\"DA\":19782,\"TI\":82860005,\"DE\":-12.30,\
         \"W\":\"\",\"O\":0,\"LS\":[\"a\",\"\"],\"NOT_THERE\":null}"
    );
}

#[test]
fn fields_that_are_not_set_are_defaults_or_null_where_the_schema_tells() {
    assert_eq!(
        row(&all_columns(), &message(ALL), &[]),
        "{\"CHOICE_0\":null,\"I\":0,\"U\":0,\"S\":0,\"F\":0,\"G\":0,\"H\":0.0,\"D\":0.0,\"B\":false,\"T\":\"\",\"Y\":\"\",\
         \"E\":\"SPADES\",\"N\":null,\"L\":[],\"M\":[],\"P\":{},\"Q\":{},\"TS\":null,\"DA\":null,\"TI\":null,\
         \"DE\":null,\"W\":null,\"O\":null,\"LS\":[],\"NOT_THERE\":null}"
    );
}

#[test]
fn the_last_value_of_a_field_counts_and_messages_are_merged() {
    let message = message(
        "syntax = \"proto3\"; message M { message N { int32 a = 1; int32 b = 2; repeated int32 c = 3; } \
         int32 i = 1; N n = 2; repeated int32 l = 3; map<string, int32> m = 4; \
         oneof o { int32 x = 5; N y = 6; } }",
    );
    let schema = columns(&[
        ("i", "INT"),
        ("n", "STRUCT<`a` INT, `b` INT, `c` ARRAY<INT>>"),
        ("l", "ARRAY<INT>"),
        ("m", "MAP<STRING, INT>"),
        ("o_0", "STRUCT<`x` INT, `y` STRUCT<`a` INT, `b` INT>>"),
    ]);
    let payload = [
        &[0x08, 1, 0x12, 4, 0x08, 1, 0x18, 7][..],
        // One item, then two packed ones, with another field between them.
        &[0x18, 1, 0x08, 2, 0x1a, 2, 2, 3],
        &[0x12, 4, 0x10, 2, 0x18, 8],
        &[0x22, 5, 0x0a, 1, b'k', 0x10, 1, 0x22, 3, 0x0a, 1, b'z', 0x22, 5, 0x0a, 1, b'k', 0x10, 9],
        &[0x32, 2, 0x08, 1, 0x28, 5, 0x32, 2, 0x08, 3, 0x32, 2, 0x10, 4],
    ]
    .concat();
    assert_eq!(
        row(&schema, &message, &payload),
        "{\"i\":2,\"n\":{\"a\":1,\"b\":2,\"c\":[7,8]},\"l\":[1,2,3],\"m\":{\"z\":0,\"k\":9},\
         \"o_0\":{\"x\":null,\"y\":{\"a\":3,\"b\":4}}}"
    );
}

#[test]
fn of_many_entries_with_one_key_the_last_one_counts() {
    let message = message("syntax = \"proto3\"; message M { map<int32, int32> m = 1; }");
    let schema = columns(&[("m", "MAP<STRING, INT>")]);
    for count in [2u8, 16, 17, 100] {
        let entries: Vec<u8> =
            (1..=count).flat_map(|value| [0x0a, 4, 0x08, value % 2, 0x10, value]).collect();
        let (odd, even) = if count % 2 == 0 { (count - 1, count) } else { (count, count - 1) };
        let expected = if count % 2 == 0 {
            format!("{{\"m\":{{\"1\":{odd},\"0\":{even}}}}}")
        } else {
            format!("{{\"m\":{{\"0\":{even},\"1\":{odd}}}}}")
        };
        assert_eq!(row(&schema, &message, &entries), expected);
    }
}

#[test]
fn fields_of_the_old_syntax_have_their_defaults_and_requirements() {
    let message = message(
        "message M { enum E { A = 3; B = 4; } required int32 r = 1; optional int32 i = 2 [default = -5]; \
         optional string s = 3 [default = \"x\"]; optional E e = 4 [default = B]; optional sint32 z = 5 \
         [default = -2]; repeated int32 l = 6 [packed = true]; }",
    );
    let schema =
        columns(&[("i", "INT"), ("s", "STRING"), ("e", "STRING"), ("z", "INT"), ("l", "ARRAY<INT>")]);
    assert_eq!(row(&schema, &message, &[0x08, 1]), "{\"i\":-5,\"s\":\"x\",\"e\":\"B\",\"z\":-2,\"l\":[]}");
    assert_eq!(
        row(&schema, &message, &[0x08, 1, 0x20, 9]),
        "{\"i\":-5,\"s\":\"x\",\"e\":\"B\",\"z\":-2,\"l\":[]}"
    );
    assert_eq!(row(&schema, &message, &[0x10, 1]), "the message lacks its required field 'r'");
    let refusal = ProtobufEncoder::new(columns(&[("i", "INT")]), &message, None).err().expect("a refusal");
    assert!(
        refusal.to_string().contains("Missing default value for required Protobuf field: [r]"),
        "{refusal}"
    );
}

#[test]
fn an_enum_number_without_a_name_still_has_a_text() {
    let message = message("syntax = \"proto3\"; message M { enum Suit { SPADES = 0; } Suit s = 1; }");
    let schema = columns(&[("s", "STRING")]);
    assert_eq!(row(&schema, &message, &[0x08, 7]), "{\"s\":\"UNKNOWN_ENUM_VALUE_Suit_7\"}");
}

#[test]
fn columns_take_narrower_numbers_and_text_takes_every_scalar() {
    let message = message(
        "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; \
         message M { int32 a = 1; float b = 2; bool c = 3; int64 d = 4; google.protobuf.Timestamp e = 5; }",
    );
    let schema =
        columns(&[("a", "BIGINT"), ("b", "STRING"), ("c", "STRING"), ("d", "TIMESTAMP"), ("e", "BIGINT")]);
    let mut payload = vec![0x08, 5, 0x15];
    payload.extend_from_slice(&0.1f32.to_le_bytes());
    payload.extend_from_slice(&[0x18, 1, 0x20, 9, 0x2a, 2, 0x08, 2]);
    assert_eq!(row(&schema, &message, &payload), "{\"a\":5,\"b\":\"0.1\",\"c\":\"true\",\"d\":9,\"e\":2000}");
}

#[test]
fn a_column_that_cannot_hold_its_field_is_told() {
    let message = message(
        "syntax = \"proto3\"; message M { int64 a = 1; repeated int32 b = 2; message N {} N c = 3; }",
    );
    for (name, sql, reason) in [
        ("A", "INT", "column `A`: the schema has int64 'a', which cannot be read as INTEGER"),
        ("B", "INT", "column `B`: the schema has repeated int32 'b', which cannot be read as INTEGER"),
        ("B", "ARRAY<STRING>", ""),
        ("A", "ARRAY<BIGINT>", "column `A`: the schema has int64 'a', which cannot be read as ARRAY<BIGINT>"),
        ("C", "STRING", "column `C`: the schema has M.N 'c', which cannot be read as STRING"),
    ] {
        let schema = columns(&[(name, sql)]);
        match super::decode_plan::MessagePlan::new(schema.fields().iter().map(AsRef::as_ref), &message) {
            Ok(_) => assert_eq!(reason, ""),
            Err(found) => assert_eq!(found, reason),
        }
    }
}

#[test]
fn values_that_are_none_of_the_type_reject_their_row_and_say_where() {
    let message = message(ALL);
    let schema = all_columns();
    for (payload, reason) in [
        (&[0x4a, 1, 0xff][..], "column `T`: text that is not UTF-8 at byte 0"),
        (&[0x92, 0x01, 2, 0x08, 1], "column `DA`: there is no date of year 1, month 0 and day 0"),
        (&[0x9a, 0x01, 2, 0x08, 24], "column `TI`: there is no time of day 24:0:0 and 0 ns"),
        (&[0xa2, 0x01, 5, 0x0a, 1, 5, 0x18, 3], "column `DE`: 5 with 3 decimal places does not fit"),
        (&[0xa2, 0x01, 0], "column `DE`: a Decimal of 0 bytes; 1 to 32 are read"),
        (&[0x72, 3, 0x12, 1, 0xff], "column `M`->`Y`: text that is not UTF-8 at byte 0"),
        (&[0x7a, 3, 0x0a, 1, 0xff], "column `P`: text that is not UTF-8 at byte 0"),
        (&[0x62, 5, 1], "no valid Protobuf: a length beyond the end"),
    ] {
        let found = row(&schema, &message, payload);
        assert!(found.starts_with(reason), "{found}");
    }
}

#[test]
fn a_message_of_empty_messages_cannot_fill_memory() {
    let message = message("syntax = \"proto3\"; message M { message N { int32 a = 1; } repeated N n = 1; }");
    let fields: Vec<String> = (0..200).map(|index| format!("F{index} INT")).collect();
    let schema = columns(&[("n", &format!("ARRAY<STRUCT<{}>>", fields.join(", ")))]);
    let payload = [0x0a, 0].repeat(1_000);
    assert_eq!(
        row(&schema, &message, &payload),
        "column `n`: more values than the bytes of a record may stand for"
    );
}

#[test]
fn numbers_beyond_their_field_and_names_beyond_their_enum_are_not_written() {
    let message = message("syntax = \"proto3\"; message M { enum E { A = 0; } uint32 u = 1; E e = 2; }");
    for (name, sql, array, reason) in [
        (
            "u",
            "INT",
            Arc::new(Int32Array::from(vec![-1])) as ArrayRef,
            "column `u`: -1 is out of range for the field",
        ),
        ("e", "STRING", Arc::new(StringArray::from(vec!["B"])), "column `e`: enum 'E' has no value 'B'"),
    ] {
        let mut encoder = ProtobufEncoder::new(columns(&[(name, sql)]), &message, None).expect("an encoder");
        let mut out = EncodedPayloads::new();
        let error = encoder.encode(&[array], RowSelection::Range(0..1), &mut out).expect_err("a refusal");
        assert_eq!(error.to_string(), reason);
    }
}

#[test]
fn a_schema_without_a_column_of_the_query_is_refused() {
    let message = message("syntax = \"proto3\"; message M { int32 a = 1; }");
    let refusal = ProtobufEncoder::new(columns(&[("A", "INT")]), &message, None).err().expect("a refusal");
    assert_eq!(refusal.to_string(), "Schema from Schema Registry misses field with name: A");
    let refusal = ProtobufEncoder::new(columns(&[("a", "STRING")]), &message, None).err().expect("a refusal");
    assert!(refusal.to_string().contains("cannot be written as int32"), "{refusal}");
}

#[test]
fn nulls_in_lists_keep_their_place_and_the_first_choice_that_is_set_is_written() {
    let message = message(
        "syntax = \"proto3\"; message M { repeated int32 l = 1; oneof o { int32 a = 2; string b = 3; } }",
    );
    let schema = columns(&[("l", "ARRAY<INT>"), ("o_0", "STRUCT<`a` INT, `b` STRING>")]);
    let list =
        arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None, Some(3)])]);
    let DataType::Struct(fields) = schema.field(1).data_type() else { panic!("a struct") };
    let choice: Vec<ArrayRef> =
        vec![Arc::new(Int32Array::from(vec![None::<i32>])), Arc::new(StringArray::from(vec![""]))];
    let choice = StructArray::new(fields.clone(), choice, None);
    let payloads = encode(&schema, &message, &[Arc::new(list), Arc::new(choice)]);
    assert_eq!(payloads, [[0x0a, 3, 1, 0, 3, 0x1a, 0]]);
    assert_eq!(row(&schema, &message, &payloads[0]), "{\"l\":[1,0,3],\"o_0\":{\"a\":null,\"b\":\"\"}}");
}

#[test]
fn nulls_in_lists_of_messages_are_written_as_values_that_can_be_read() {
    let message = message(
        "syntax = \"proto3\"; import \"confluent/type/decimal.proto\"; import \"google/type/date.proto\"; \
         message M { repeated confluent.type.Decimal n = 1; repeated google.type.Date d = 2; }",
    );
    let schema = columns(&[("n", "ARRAY<DECIMAL(4, 2)>"), ("d", "ARRAY<DATE>")]);
    let mut json = Format::Json.decoder(&schema, &[0, 1], Wrapping::Record).expect("JSON has the columns");
    let line: &[u8] = b"{\"n\":[1.25,null],\"d\":[null,7]}";
    let decoded = json.decode(&[Some(line)], &mut Vec::new()).expect("a row");
    let payloads = encode(&schema, &message, &decoded.columns);
    assert_eq!(row(&schema, &message, &payloads[0]), "{\"n\":[1.25,0.00],\"d\":[0,7]}");
}

#[test]
fn keys_of_maps_are_text_in_columns_whatever_the_schema_has() {
    let message =
        message("syntax = \"proto3\"; message M { map<sint32, int32> n = 1; map<bool, int32> b = 2; }");
    let schema = columns(&[("n", "MAP<STRING, INT>"), ("b", "MAP<STRING, INT>")]);
    let payload = [0x0a, 4, 0x08, 5, 0x10, 1, 0x12, 4, 0x08, 1, 0x10, 2];
    assert_eq!(row(&schema, &message, &payload), "{\"n\":{\"-3\":1},\"b\":{\"true\":2}}");
    let (decoded, _) = decode(&schema, &message, &[payload.to_vec()]);
    assert_eq!(encode(&schema, &message, &decoded.columns), [payload]);
}

#[test]
fn rows_of_nulls_stand_for_payloads_that_are_null() {
    let message = message("syntax = \"proto3\"; message M { int64 a = 1; }");
    let schema = columns(&[("A", "BIGINT")]);
    let mut decoder = ProtobufDecoder::unregistered(&schema, &[0], &message).expect("a decoder");
    let mut rejections = Vec::new();
    let decoded =
        decoder.decode(&[Some(&[0x08, 1]), None, Some(&[0x08]), Some(&[])], &mut rejections).expect("rows");
    assert_eq!((decoded.rows, rejections.len()), (3, 1));
    let values: Vec<_> = decoded.columns[0].as_primitive::<Int64Type>().iter().collect();
    assert_eq!(values, [Some(1), None, Some(0)]);
    assert_eq!(decoded.present.map(|present| present.null_count()), Some(1));
}
