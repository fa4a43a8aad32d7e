//! The row codec: round trips, damage, and the stored form that must not change.

use std::sync::Arc;

use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray,
    StringArray, StructArray, Time32MillisecondArray, TimestampMillisecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Field, Fields, Int32Type};

use super::*;

fn column(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// One column of every SQL type, each with a value and a null.
fn columns() -> Vec<ArrayRef> {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let structs = StructArray::new(
        Fields::from(vec![Field::new("A", DataType::Utf8, true)]),
        vec![column(StringArray::from(vec![Some("x"), None]))],
        Some(NullBuffer::from(vec![true, false])),
    );
    vec![
        column(BooleanArray::from(vec![Some(true), None])),
        column(Int32Array::from(vec![Some(-2), None])),
        column(Int64Array::from(vec![Some(3), None])),
        column(Float64Array::from(vec![Some(0.5), None])),
        column(Decimal128Array::from(vec![Some(450), None]).with_precision_and_scale(4, 2).expect("fits")),
        column(StringArray::from(vec![Some("tide"), None])),
        column(BinaryArray::from(vec![Some(&b"\x00\xFF"[..]), None])),
        column(Date32Array::from(vec![Some(19_000), None])),
        column(Time32MillisecondArray::from(vec![Some(1), None])),
        column(TimestampMillisecondArray::from(vec![Some(-1), None])),
        column(list),
        column(structs),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_type_reads_back() {
    for column in columns() {
        let codec = RowCodec::new(&[column.data_type().clone()]).expect("supported");
        let rows = codec.encode(std::slice::from_ref(&column)).expect("encodes");
        let decoded = codec.decode(rows.iter().map(|row| row.data())).expect("decodes");
        assert_eq!(&decoded[0], &column);
    }
}

#[test]
fn the_bytes_of_every_type_are_those_on_disk() {
    let encoded: Vec<String> = columns()
        .iter()
        .map(|column| {
            let codec = RowCodec::new(&[column.data_type().clone()]).expect("supported");
            let rows = codec.encode(std::slice::from_ref(column)).expect("encodes");
            format!("{} {}", hex(rows.row(0).data()), hex(rows.row(1).data()))
        })
        .collect();
    let expected: Vec<&str> = include_str!("row_codec_fixture.txt").lines().collect();
    assert_eq!(encoded, expected, "stored state would no longer be read");
}
