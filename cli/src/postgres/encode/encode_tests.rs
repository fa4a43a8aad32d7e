//! Values in both formats, as Postgres itself writes them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, MapBuilder, NullArray,
    RecordBatch, StringArray, StringBuilder, StringViewArray, StructArray, Time64MicrosecondArray,
    TimestampMillisecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, IntervalMonthDayNano};
use bytes::BytesMut;

use super::binary::write_binary;
use super::{ColumnValues, Format, RowEncoder, write_text};

fn texts(array: impl arrow::array::Array + 'static) -> Vec<String> {
    let array: ArrayRef = Arc::new(array);
    let column = ColumnValues::new(&array).expect("has a wire type");
    (0..array.len())
        .map(|row| {
            if column.is_null(row) {
                return "∅".to_owned();
            }
            let mut out = BytesMut::new();
            write_text(&column, row, &mut out);
            String::from_utf8(out.to_vec()).expect("is text")
        })
        .collect()
}

fn binary(array: impl arrow::array::Array + 'static) -> Vec<u8> {
    let array: ArrayRef = Arc::new(array);
    let column = ColumnValues::new(&array).expect("has a wire type");
    let mut out = BytesMut::new();
    write_binary(&column, 0, &mut out);
    out.to_vec()
}

fn decimal(value: i128, scale: i8) -> Decimal128Array {
    Decimal128Array::from(vec![value]).with_precision_and_scale(38, scale).expect("is a decimal")
}

/// The 16-bit words of a binary numeric: group count, weight, sign, scale, groups.
fn numeric(value: i128, scale: i8) -> Vec<i16> {
    binary(decimal(value, scale)).chunks(2).map(|word| i16::from_be_bytes([word[0], word[1]])).collect()
}

#[test]
fn texts_hold_no_character_that_clients_take_for_their_end() {
    let values = vec![Some("a\0b"), Some("\0"), Some("plain")];
    assert_eq!(texts(StringArray::from(values)), ["a\u{fffd}b", "\u{fffd}", "plain"]);
    assert_eq!(binary(StringArray::from(vec!["a\0"])), "a\u{fffd}".as_bytes());
}

#[test]
fn floats_are_the_shortest_text_that_reads_back() {
    let values = vec![
        1.0,
        -0.5,
        0.1,
        1e14,
        1e15,
        1.5e20,
        0.0001,
        0.00001,
        123_456.789,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        f64::MIN_POSITIVE,
    ];
    let expected = [
        "1",
        "-0.5",
        "0.1",
        "100000000000000",
        "1e+15",
        "1.5e+20",
        "0.0001",
        "1e-05",
        "123456.789",
        "NaN",
        "Infinity",
        "-Infinity",
        "-0",
        "2.2250738585072014e-308",
    ];
    assert_eq!(texts(Float64Array::from(values)), expected);
    assert_eq!(texts(Float32Array::from(vec![0.1, 100_000.0, 1_000_000.0])), ["0.1", "100000", "1e+06"]);
}

#[test]
fn decimals_keep_their_scale() {
    assert_eq!(texts(decimal(12_345, 2)), ["123.45"]);
    assert_eq!(texts(decimal(-5, 3)), ["-0.005"]);
    assert_eq!(texts(decimal(0, 2)), ["0.00"]);
    assert_eq!(texts(decimal(7, -2)), ["700"]);
    assert_eq!(texts(UInt64Array::from(vec![u64::MAX])), ["18446744073709551615"]);
}

#[test]
fn binary_decimals_are_groups_of_four_digits() {
    assert_eq!(numeric(1_234_567, 2), [3, 1, 0, 2, 1, 2345, 6700]);
    assert_eq!(numeric(-123, 5), [2, -1, 0x4000, 5, 12, 3000]);
    assert_eq!(numeric(0, 2), [0, 0, 0, 2]);
    assert_eq!(numeric(10_000, 0), [1, 1, 0, 0, 1]);
    assert_eq!(numeric(1, 8), [1, -2, 0, 8, 1]);
    assert_eq!(numeric(7, -5), [1, 1, 0, 0, 70]);
}

#[test]
fn dates_and_times_are_iso() {
    assert_eq!(
        texts(Date32Array::from(vec![0, 20_778, -719_529])),
        ["1970-01-01", "2026-11-21", "0002-12-31 BC"]
    );
    assert_eq!(
        texts(Time64MicrosecondArray::from(vec![0, 45_296_789_000, 86_399_999_999])),
        ["00:00:00", "12:34:56.789", "23:59:59.999999"]
    );
    let instants = TimestampMillisecondArray::from(vec![1_795_270_280_250, -1, i64::MAX, i64::MIN]);
    let expected = ["2026-11-21 14:11:20.25", "1969-12-31 23:59:59.999", "infinity", "-infinity"];
    assert_eq!(texts(instants.clone()), expected);
    let zoned: Vec<String> = texts(instants.with_timezone("UTC"));
    assert_eq!(zoned[0], "2026-11-21 14:11:20.25+00");
}

#[test]
fn binary_instants_count_from_2000() {
    let epoch = 946_684_800_000_i64;
    assert_eq!(binary(TimestampMillisecondArray::from(vec![epoch + 1])), 1_000_i64.to_be_bytes());
    assert_eq!(binary(TimestampMillisecondArray::from(vec![i64::MAX])), i64::MAX.to_be_bytes());
    assert_eq!(binary(Date32Array::from(vec![10_958])), 1_i32.to_be_bytes());
}

#[test]
fn intervals_mark_signs_as_postgres_does() {
    let interval = |months, days, nanoseconds| IntervalMonthDayNano::new(months, days, nanoseconds);
    let hour = 3_600_000_000_000;
    let intervals = vec![
        interval(0, 0, 0),
        interval(14, 3, hour),
        interval(0, -1, 2 * hour),
        interval(0, 0, -1_500_000_000),
        interval(1, 0, 0),
    ];
    let expected = ["00:00:00", "1 year 2 mons 3 days 01:00:00", "-1 days +02:00:00", "-00:00:01.5", "1 mon"];
    assert_eq!(texts(IntervalMonthDayNanoArray::from(intervals)), expected);
}

#[test]
fn arrays_quote_what_would_be_misread() {
    let words: ListArray = {
        let mut builder = arrow::array::ListBuilder::new(StringBuilder::new());
        for word in [Some("plain"), Some("a b"), Some(""), Some("NULL"), Some("q\"\\"), None, Some("a,b")] {
            builder.values().append_option(word);
        }
        builder.append(true);
        builder.append(true);
        builder.append(false);
        builder.finish()
    };
    assert_eq!(texts(words), ["{plain,\"a b\",\"\",\"NULL\",\"q\\\"\\\\\",NULL,\"a,b\"}", "{}", "∅"]);
}

#[test]
fn binary_arrays_say_dimension_element_type_and_nulls() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(7), None])]);
    let mut expected = Vec::new();
    for word in [1_i32, 1, 23, 2, 1, 4, 7, -1] {
        expected.extend(word.to_be_bytes());
    }
    assert_eq!(binary(list), expected);
    let empty = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(Vec::<Option<i32>>::new())]);
    assert_eq!(binary(empty), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23]);
}

#[test]
fn structs_and_maps_are_json() {
    let fields: Vec<(Arc<Field>, ArrayRef)> = vec![
        (Arc::new(Field::new("N", DataType::Decimal128(38, 1), true)), Arc::new(decimal(15, 1))),
        (Arc::new(Field::new("T", DataType::Utf8, true)), Arc::new(StringArray::from(vec!["a\"\n\u{1}é"]))),
        (
            Arc::new(Field::new("B", DataType::Binary, true)),
            Arc::new(BinaryArray::from(vec![b"\x01\xff".as_slice()])),
        ),
        (Arc::new(Field::new("F", DataType::Float64, true)), Arc::new(Float64Array::from(vec![f64::NAN]))),
        (
            Arc::new(Field::new("L", DataType::new_list(DataType::Int32, true), true)),
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])])),
        ),
    ];
    assert_eq!(
        texts(StructArray::from(fields)),
        ["{\"N\":1.5,\"T\":\"a\\\"\\n\\u0001é\",\"B\":\"\\\\x01ff\",\"F\":\"NaN\",\"L\":[1,null]}"]
    );
    let mut map = MapBuilder::new(None, StringBuilder::new(), arrow::array::Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(5);
    map.append(true).expect("has as many keys as values");
    assert_eq!(texts(map.finish()), ["{\"k\":5}"]);
}

#[test]
fn other_representations_of_a_type_are_written_alike() {
    assert_eq!(texts(StringViewArray::from(vec!["a"])), ["a"]);
    let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None].into_iter().collect();
    assert_eq!(texts(dictionary), ["x", "∅"]);
    assert_eq!(texts(NullArray::new(1)), ["∅"]);
    assert_eq!(texts(BinaryArray::from(vec![b"\x00\xab".as_slice()])), ["\\x00ab"]);
    assert_eq!(texts(BooleanArray::from(vec![true, false])), ["t", "f"]);
}

#[test]
fn a_row_is_one_message_with_a_length_before_each_field() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(258)]));
    let nulls: ArrayRef = Arc::new(Int64Array::from(vec![None]));
    let batch = RecordBatch::try_from_iter([("a", numbers.clone()), ("b", numbers), ("c", nulls)])
        .expect("is a batch");
    let encoder =
        RowEncoder::new(&batch, &[Format::Text, Format::Binary, Format::Text]).expect("is prepared");
    let mut out = BytesMut::new();
    encoder.write_message(0, &mut out);
    let expected = b"D\0\0\0\x19\0\x03\0\0\0\x03258\0\0\0\x04\0\0\x01\x02\xff\xff\xff\xff";
    assert_eq!(&out[..], expected);
}
