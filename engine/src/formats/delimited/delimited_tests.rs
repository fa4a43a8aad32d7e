//! Lines in and out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int32Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use proptest::prelude::*;

use super::Delimiter;
use crate::formats::{Decoded, EncodedPayloads, Format, Rejection, RowSelection, Wrapping};

fn format(delimiter: &str) -> Format {
    Format::Delimited { delimiter: Delimiter::parse(delimiter).unwrap() }
}

fn schema(types: &[DataType]) -> SchemaRef {
    let field =
        |(index, data_type): (usize, &DataType)| Field::new(format!("C{index}"), data_type.clone(), true);
    Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()))
}

fn decode(delimiter: &str, types: &[DataType], lines: &[&str]) -> (Decoded, Vec<Rejection>) {
    let schema = schema(types);
    let all: Vec<usize> = (0..types.len()).collect();
    let payloads: Vec<Option<&[u8]>> = lines.iter().map(|line| Some(line.as_bytes())).collect();
    let mut rejections = Vec::new();
    let mut decoder = format(delimiter).decoder(&schema, &all, Wrapping::Record).unwrap();
    (decoder.decode(&payloads, &mut rejections).unwrap(), rejections)
}

/// The values of one line, or the reason for rejecting it.
fn values(delimiter: &str, types: &[DataType], line: &str) -> Result<Vec<String>, String> {
    let (decoded, mut rejections) = decode(delimiter, types, &[line]);
    let shown = |column: &ArrayRef| {
        let options = FormatOptions::new().with_null("NULL");
        ArrayFormatter::try_new(column, &options).unwrap().value(0).to_string()
    };
    match rejections.pop() {
        None => Ok(decoded.columns.iter().map(shown).collect()),
        Some(rejection) => Err(rejection.reason),
    }
}

fn encode(delimiter: &str, columns: &[ArrayRef]) -> Vec<String> {
    let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
    let mut out = EncodedPayloads::new();
    format(delimiter)
        .encoder(&schema(&types), Wrapping::Record)
        .unwrap()
        .encode(columns, RowSelection::Range(0..columns[0].len()), &mut out)
        .unwrap();
    out.iter().map(|line| String::from_utf8(line.unwrap().to_vec()).unwrap()).collect()
}

#[test]
fn a_line_is_cut_by_the_dialects_rules() {
    let two = [DataType::Utf8, DataType::Utf8];
    for (line, expected) in [
        ("a,b", Ok(["a", "b"])),
        ("\"a\",\"b\"", Ok(["a", "b"])),
        ("\"a,\"\"x\"\"\ny\" \t,b", Ok(["a,\"x\"\ny", "b"])),
        (" a , b ", Ok([" a ", " b "])),
        ("a\"b\",c\"", Ok(["a\"b\"", "c\""])),
        (",", Ok(["NULL", "NULL"])),
        ("\"\",a", Ok(["NULL", "a"])),
        ("a,", Ok(["a", "NULL"])),
        ("\r\n\na,b\nc", Ok(["a", "b"])),
        ("é,😀", Ok(["é", "😀"])),
        ("", Err("no fields: the line is empty")),
        ("\n", Err("no fields: the line is empty")),
        ("a", Err("expected 2 fields, found 1")),
        ("a,b,c", Err("expected 2 fields, found 3")),
        ("\"a,b", Err("no closing quote for the value at byte 1")),
        ("\"a\"b,c", Err("expected the delimiter behind the closing quote at byte 3, found 'b'")),
    ] {
        let expected = expected.map(|values| values.map(str::to_owned).to_vec()).map_err(str::to_owned);
        assert_eq!(values(",", &two, line), expected, "{line:?}");
    }
    for delimiter in ["TAB", "SPACE", "|", "é"] {
        let character = Delimiter::parse(delimiter).unwrap().character();
        let line = format!("a{character}\"b{character}\"{character}");
        let three = [DataType::Utf8, DataType::Utf8, DataType::Utf8];
        let expected = vec!["a".to_owned(), format!("b{character}"), "NULL".to_owned()];
        assert_eq!(values(delimiter, &three, &line), Ok(expected));
    }
}

#[test]
fn values_are_read_by_type() {
    let time = DataType::Time32(TimeUnit::Millisecond);
    for (data_type, text, expected) in [
        (DataType::Boolean, "TRUE", Ok("true")),
        (DataType::Boolean, "yes", Ok("false")),
        (DataType::Int32, "-5", Ok("-5")),
        (DataType::Int32, "5.0", Err("column `C0`: expected INTEGER, found \"5.0\" at byte 0")),
        (
            DataType::Int32,
            "2147483648",
            Err("column `C0`: \"2147483648\" is out of range for INTEGER at byte 0"),
        ),
        (DataType::Int64, "9223372036854775807", Ok("9223372036854775807")),
        (DataType::Float64, "1e3", Ok("1000.0")),
        (DataType::Decimal128(4, 2), ".5", Ok("0.50")),
        (
            DataType::Decimal128(4, 2),
            "1.234",
            Err("column `C0`: \"1.234\" does not fit DECIMAL(4, 2) without rounding at byte 0"),
        ),
        (DataType::Binary, "AQI=", Ok("0102")),
        (DataType::Binary, "~", Err("column `C0`: expected BYTES as base64 text, found \"~\" at byte 0")),
        (DataType::Date32, "-10", Ok("1969-12-22")),
        (time, "1000", Ok("00:00:01")),
        (DataType::Timestamp(TimeUnit::Millisecond, None), "1000", Ok("1970-01-01T00:00:01")),
    ] {
        let expected = expected.map(|value| vec![value.to_owned()]).map_err(str::to_owned);
        assert_eq!(values(",", &[data_type], text), expected, "{text:?}");
    }
}

#[test]
fn a_rejected_line_leaves_nothing_behind() {
    let types = [DataType::Utf8, DataType::Int32, DataType::Utf8];
    let (decoded, rejections) = decode(",", &types, &["a,1,x", "b,no,y", "c", "d,2,z"]);
    assert_eq!(decoded.rows, 2);
    assert_eq!(*decoded.columns[0], StringArray::from(vec!["a", "d"]));
    assert_eq!(*decoded.columns[1], Int32Array::from(vec![1, 2]));
    assert_eq!(*decoded.columns[2], StringArray::from(vec!["x", "z"]));
    assert_eq!(rejections.iter().map(|rejection| rejection.payload).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn only_projected_columns_are_produced_and_all_are_checked() {
    let schema = schema(&[DataType::Int32, DataType::Utf8, DataType::Int32]);
    let mut decoder = format(",").decoder(&schema, &[2], Wrapping::Record).unwrap();
    let mut rejections = Vec::new();
    let decoded = decoder.decode(&[Some(b"1,y,3"), Some(b"x,y,4"), None], &mut rejections).unwrap();
    assert_eq!(rejections.iter().map(|rejection| rejection.payload).collect::<Vec<_>>(), [1]);
    assert_eq!(*decoded.columns[0], Int32Array::from(vec![Some(3), None]));
    assert_eq!(decoded.present.unwrap().iter().collect::<Vec<_>>(), [true, false]);
}

#[test]
fn values_are_quoted_when_they_must_be() {
    let first: ArrayRef = Arc::new(StringArray::from(vec![
        Some("plain"),
        Some("a,b"),
        Some("say \"hi\""),
        Some("two\nlines"),
        Some(" blank"),
        Some("blank "),
        Some("-1"),
        Some("é"),
        Some(""),
        None,
    ]));
    let second: ArrayRef = Arc::new(StringArray::from(vec![
        Some("-1"),
        Some("é"),
        Some("#x"),
        Some("x#"),
        Some("\t"),
        Some(""),
        None,
        Some("1"),
        Some("x"),
        Some("y"),
    ]));
    let lines = encode(",", &[first, second]);
    assert_eq!(
        lines,
        [
            "plain,-1",
            "\"a,b\",é",
            "\"say \"\"hi\"\"\",\"#x\"",
            "\"two\nlines\",x#",
            "\" blank\",\"\t\"",
            "\"blank \",",
            "\"-1\",",
            "\"é\",1",
            "\"\",x",
            ",y",
        ]
    );
}

#[test]
fn numbers_are_written_as_ksqldb_writes_them() {
    let doubles: ArrayRef = Arc::new(Float64Array::from(vec![10.0, 1e10, -1.5, f64::NAN]));
    assert_eq!(encode(",", std::slice::from_ref(&doubles)), ["10.0", "1.0E10", "\"-1.5\"", "NaN"]);
    assert_eq!(encode("-", &[doubles.clone(), doubles])[2], "\"-1.5\"-\"-1.5\"");
}

#[test]
fn a_delimiter_is_one_character_or_a_word() {
    for (text, expected) in [
        (";", Ok(';')),
        ("TAB", Ok('\t')),
        ("SPACE", Ok(' ')),
        ("", Err("Delimiter cannot be empty")),
        (" ", Err("Delimiter cannot be empty")),
        ("\t", Err("Delimiter cannot be empty")),
        ("::", Err("Invalid delimiter value: '::'. Delimiter must be a single character or TAB,SPACE")),
        ("\"", Err("Delimiter cannot be '\"'")),
    ] {
        match (Delimiter::parse(text), expected) {
            (Ok(delimiter), Ok(expected)) => assert_eq!(delimiter.character(), expected),
            (Err(reason), Err(expected)) => assert!(reason.starts_with(expected), "{reason}"),
            (result, _) => panic!("{text:?} gave {result:?}"),
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_but_for_empty_strings(
        rows in prop::collection::vec((any::<Option<String>>(), any::<i32>(), any::<Option<String>>()), 1..10),
        delimiter in prop::sample::select(vec![",", ";", "TAB", "SPACE", "-", "0", "ü"]),
    ) {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter(rows.iter().map(|row| row.0.clone()))),
            Arc::new(Int32Array::from_iter(rows.iter().map(|row| row.1))),
            Arc::new(StringArray::from_iter(rows.iter().map(|row| row.2.clone()))),
        ];
        let lines = encode(delimiter, &columns);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (decoded, rejections) = decode(delimiter, &[DataType::Utf8, DataType::Int32, DataType::Utf8], &lines);
        prop_assert_eq!(rejections, []);
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        prop_assert_eq!(&*decoded.columns[0], &StringArray::from_iter(rows.iter().map(|row| some(&row.0))) as &dyn Array);
        prop_assert_eq!(&decoded.columns[1], &columns[1]);
        prop_assert_eq!(&*decoded.columns[2], &StringArray::from_iter(rows.iter().map(|row| some(&row.2))) as &dyn Array);
    }

    #[test]
    fn arbitrary_bytes_give_a_row_or_a_rejection(payload in prop::collection::vec(any::<u8>(), 0..40)) {
        let schema = schema(&[DataType::Utf8, DataType::Int32]);
        let mut decoder = format(",").decoder(&schema, &[0, 1], Wrapping::Record).unwrap();
        let mut rejections = Vec::new();
        let decoded = decoder.decode(&[Some(&payload)], &mut rejections).unwrap();
        prop_assert_eq!(decoded.rows + rejections.len(), 1);
    }
}
