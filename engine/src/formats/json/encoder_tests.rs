//! What columns look like as JSON, and that it reads back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array,
    Int32Array, Int64Array, StringArray, StringViewArray, Time32MillisecondArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, i256};
use proptest::prelude::*;

use crate::formats::{EncodedPayloads, Format, RowSelection, Wrapping};

fn schema_of(columns: &[(&str, ArrayRef)]) -> SchemaRef {
    let field = |(name, column): &(&str, ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn encode(
    schema: &SchemaRef,
    columns: &[ArrayRef],
    rows: RowSelection<'_>,
    wrapping: Wrapping,
) -> EncodedPayloads {
    let mut out = EncodedPayloads::new();
    Format::Json.encoder(schema, wrapping).unwrap().encode(columns, rows, &mut out).unwrap();
    out
}

fn texts(payloads: &EncodedPayloads) -> Vec<Option<&str>> {
    payloads.iter().map(|payload| payload.map(|payload| std::str::from_utf8(payload).unwrap())).collect()
}

/// The columns that JSON texts of a column `A` decode to.
fn decoded(data_type: DataType, jsons: &[&str]) -> (SchemaRef, Vec<ArrayRef>) {
    let schema = Arc::new(Schema::new(vec![Field::new("A", data_type, true)]));
    let records: Vec<String> = jsons.iter().map(|json| format!("{{\"A\":{json}}}")).collect();
    let payloads: Vec<Option<&[u8]>> = records.iter().map(|record| Some(record.as_bytes())).collect();
    let mut rejections = Vec::new();
    let mut decoder = Format::Json.decoder(&schema, &[0], Wrapping::Record).unwrap();
    let columns = decoder.decode(&payloads, &mut rejections).unwrap().columns;
    assert_eq!(rejections, []);
    (schema, columns)
}

#[test]
fn every_type_has_its_form() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("BOOL", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("INT", Arc::new(Int32Array::from(vec![Some(i32::MIN), None]))),
        ("BIG", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
        ("DBL", Arc::new(Float64Array::from(vec![Some(10.0), Some(f64::NAN)]))),
        (
            "DEC",
            Arc::new(Decimal128Array::from(vec![Some(1010), None]).with_precision_and_scale(6, 2).unwrap()),
        ),
        (
            "WID",
            Arc::new(
                Decimal256Array::from(vec![Some(i256::from(5)), None])
                    .with_precision_and_scale(50, 3)
                    .unwrap(),
            ),
        ),
        ("str", Arc::new(StringArray::from(vec![Some("a\"b"), None]))),
        ("BYT", Arc::new(BinaryArray::from_opt_vec(vec![Some(&[1, 2, 255]), None]))),
        ("DAT", Arc::new(Date32Array::from(vec![Some(-1), None]))),
        ("TIM", Arc::new(Time32MillisecondArray::from(vec![Some(86_399_999), None]))),
        ("TS", Arc::new(TimestampMillisecondArray::from(vec![Some(1_700_000_000_000), None]))),
    ];
    let schema = schema_of(&columns);
    let columns: Vec<ArrayRef> = columns.into_iter().map(|(_, column)| column).collect();
    let payloads = encode(&schema, &columns, RowSelection::Range(0..2), Wrapping::Record);
    assert_eq!(
        texts(&payloads),
        [
            Some(
                r#"{"BOOL":true,"INT":-2147483648,"BIG":9223372036854775807,"DBL":10.0,"DEC":10.10,"WID":0.005,"str":"a\"b","BYT":"AQL/","DAT":-1,"TIM":86399999,"TS":1700000000000}"#
            ),
            Some(
                r#"{"BOOL":null,"INT":null,"BIG":null,"DBL":"NaN","DEC":null,"WID":null,"str":null,"BYT":null,"DAT":null,"TIM":null,"TS":null}"#
            ),
        ]
    );
}

#[test]
fn nested_values_are_written_as_they_were_read() {
    let struct_field =
        Field::new("F 1", DataType::List(Arc::new(Field::new("item", DataType::Float64, true))), true);
    let map_fields = vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Struct(vec![struct_field].into()), true),
    ];
    let map =
        DataType::Map(Arc::new(Field::new("entries", DataType::Struct(map_fields.into()), false)), false);
    let list = DataType::List(Arc::new(Field::new("item", map, true)));
    let jsons =
        [r#"[{"a b":{"F 1":[1.0,null]},"é\n":null},{},null]"#, "[]", "null", r#"[{"k":{"F 1":null}}]"#];
    let (schema, columns) = decoded(list, &jsons);
    let expected: Vec<String> = jsons.iter().map(|json| format!("{{\"A\":{json}}}")).collect();
    let payloads = encode(&schema, &columns, RowSelection::Range(0..4), Wrapping::Record);
    assert_eq!(texts(&payloads), expected.iter().map(|text| Some(text.as_str())).collect::<Vec<_>>());
    let sliced: Vec<ArrayRef> = columns.iter().map(|column| column.slice(3, 1)).collect();
    let payloads = encode(&schema, &sliced, RowSelection::Range(0..1), Wrapping::Record);
    assert_eq!(texts(&payloads), [Some(expected[3].as_str())]);
}

#[test]
fn rows_are_selected_and_appended_in_order() {
    let columns: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![1, 2, 3, 4]))];
    let schema = schema_of(&[("A", columns[0].clone())]);
    let mut encoder = Format::Json.encoder(&schema, Wrapping::Record).unwrap();
    let mut out = EncodedPayloads::new();
    encoder.encode(&columns, RowSelection::Range(1..3), &mut out).unwrap();
    out.push_null();
    encoder.encode(&columns, RowSelection::Indices(&[3, 0]), &mut out).unwrap();
    assert_eq!(
        texts(&out),
        [Some(r#"{"A":2}"#), Some(r#"{"A":3}"#), None, Some(r#"{"A":4}"#), Some(r#"{"A":1}"#)]
    );
    assert_eq!((out.len(), out.bytes_len(), out.get(2), out.get(9)), (5, 28, None, None));
    for outside in [RowSelection::Range(0..5), RowSelection::Indices(&[4])] {
        assert!(encoder.encode(&columns, outside, &mut out).is_err());
    }
}

#[test]
fn a_bare_null_is_a_null_payload() {
    let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec![Some("a"), None]))];
    let schema = schema_of(&[("A", columns[0].clone())]);
    let payloads = encode(&schema, &columns, RowSelection::Range(0..2), Wrapping::Bare);
    assert_eq!(texts(&payloads), [Some("\"a\""), None]);
}

#[test]
fn a_record_without_columns_is_an_empty_object() {
    let payloads = encode(&schema_of(&[]), &[], RowSelection::Range(0..1), Wrapping::Record);
    assert_eq!(texts(&payloads), [Some("{}")]);
}

#[test]
fn other_physical_forms_of_a_type_are_written_alike() {
    let schema = schema_of(&[("A", Arc::new(StringArray::from(vec!["x"])) as ArrayRef)]);
    let views: Vec<ArrayRef> = vec![Arc::new(StringViewArray::from(vec!["x"]))];
    let payloads = encode(&schema, &views, RowSelection::Range(0..1), Wrapping::Record);
    assert_eq!(texts(&payloads), [Some(r#"{"A":"x"}"#)]);
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        rows in prop::collection::vec(
            (
                (any::<Option<bool>>(), any::<Option<i32>>(), any::<Option<i64>>(), any::<Option<f64>>()),
                (any::<Option<String>>(), any::<Option<Vec<u8>>>(), any::<Option<i32>>(), any::<Option<i64>>()),
                prop::option::of(-(10i128.pow(20))..10i128.pow(20)),
            ),
            0..20,
        )
    ) {
        let column = |array: ArrayRef| array;
        let decimals = Decimal128Array::from_iter(rows.iter().map(|row| row.2));
        let columns: Vec<ArrayRef> = vec![
            column(Arc::new(BooleanArray::from_iter(rows.iter().map(|row| row.0.0)))),
            column(Arc::new(Int32Array::from_iter(rows.iter().map(|row| row.0.1)))),
            column(Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.0.2)))),
            column(Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.0.3)))),
            column(Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1.0.clone())))),
            column(Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.1.1.clone())))),
            column(Arc::new(Date32Array::from_iter(rows.iter().map(|row| row.1.2)))),
            column(Arc::new(TimestampMillisecondArray::from_iter(rows.iter().map(|row| row.1.3)))),
            column(Arc::new(decimals.with_precision_and_scale(38, 7).unwrap())),
        ];
        let named: Vec<(&str, ArrayRef)> =
            ["A", "b", "C c", "\"D\"", "É", "F", "G", "H", "I"].into_iter().zip(columns.iter().cloned()).collect();
        let schema = schema_of(&named);
        let encoded = encode(&schema, &columns, RowSelection::Range(0..rows.len()), Wrapping::Record);
        let payloads: Vec<Option<&[u8]>> = encoded.iter().collect();
        let all: Vec<usize> = (0..columns.len()).collect();
        let mut rejections = Vec::new();
        let mut decoder = Format::Json.decoder(&schema, &all, Wrapping::Record).unwrap();
        let decoded = decoder.decode(&payloads, &mut rejections).unwrap();
        prop_assert_eq!(rejections, []);
        prop_assert_eq!(decoded.columns, columns);
    }
}

#[test]
fn a_type_that_is_none_of_sqls_is_refused() {
    let schema = Arc::new(Schema::new(vec![Field::new("A", DataType::Time64(TimeUnit::Nanosecond), true)]));
    assert!(Format::Json.encoder(&schema, Wrapping::Record).is_err());
    assert!(Format::Json.decoder(&schema, &[0], Wrapping::Record).is_err());
}
