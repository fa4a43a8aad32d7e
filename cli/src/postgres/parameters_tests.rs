//! Values of parameters as drivers send them.

use super::*;

fn text(wire_type: Type, value: &str) -> Result<ScalarValue, Failure> {
    read_parameters(&[wire_type], &[], &[Some(Bytes::copy_from_slice(value.as_bytes()))])
        .map(|mut values| values.remove(0))
}

fn binary(wire_type: Type, value: &[u8]) -> Result<ScalarValue, Failure> {
    read_parameters(&[wire_type], &[1], &[Some(Bytes::copy_from_slice(value))])
        .map(|mut values| values.remove(0))
}

fn words(words: &[i32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn decimal(unscaled: i128, scale: i8) -> ScalarValue {
    ScalarValue::Decimal128(Some(unscaled), 38, scale)
}

#[test]
fn a_time_in_the_place_of_a_bigint_is_left_to_be_compared_as_text() {
    for time in ["2024-02-29", "2024-02-29T12:00:00.5+0100"] {
        assert_eq!(text(Type::INT8, time), Ok(ScalarValue::Utf8(Some(time.to_owned()))));
        assert!(text(Type::INT4, time).is_err());
    }
    assert_eq!(text(Type::INT8, "2024"), Ok(ScalarValue::Int64(Some(2024))));
    assert!(text(Type::INT8, "never").is_err());
}

#[test]
fn texts_become_values_of_their_type() {
    assert_eq!(text(Type::INT8, " 42 "), Ok(ScalarValue::Int64(Some(42))));
    assert_eq!(text(Type::BOOL, "t"), Ok(ScalarValue::Boolean(Some(true))));
    assert_eq!(text(Type::TEXT, " a "), Ok(ScalarValue::Utf8(Some(" a ".into()))));
    assert_eq!(text(Type::FLOAT8, "1e3"), Ok(ScalarValue::Float64(Some(1000.0))));
    assert_eq!(text(Type::DATE, "1970-01-02"), Ok(ScalarValue::Date32(Some(1))));
    assert_eq!(
        text(Type::TIMESTAMP, "1970-01-01 00:00:01.5"),
        Ok(ScalarValue::TimestampMicrosecond(Some(1_500_000), None))
    );
    assert_eq!(
        text(Type::TIMESTAMPTZ, "1970-01-01 01:00:00+01"),
        Ok(ScalarValue::TimestampMicrosecond(Some(0), Some("UTC".into())))
    );
    assert_eq!(text(Type::BYTEA, "\\x00ff"), Ok(ScalarValue::Binary(Some(vec![0, 255]))));
    assert_eq!(text(Type::BYTEA, "a\\\\\\001"), Ok(ScalarValue::Binary(Some(b"a\\\x01".to_vec()))));
}

#[test]
fn a_text_that_is_no_value_names_type_and_parameter() {
    let failure = text(Type::INT4, "many").expect_err("is no number");
    assert_eq!(failure.state, SqlState::INVALID_TEXT_REPRESENTATION);
    let response = format!("{:?}", failure.response());
    assert!(
        response.contains("invalid input syntax for type int4: \\\"many\\\" (parameter $1)"),
        "{response}"
    );
    assert!(text(Type::BYTEA, "\\xabc").is_err());
    assert!(text(Type::NUMERIC, "1.2.3").is_err());
    assert!(text(Type::NUMERIC, "NaN").is_err());
}

#[test]
fn decimals_keep_the_digits_they_were_given() {
    assert_eq!(text(Type::NUMERIC, "-12.50"), Ok(decimal(-1250, 2)));
    assert_eq!(text(Type::NUMERIC, "1.25e1"), Ok(decimal(125, 1)));
    assert_eq!(text(Type::NUMERIC, "1E+3"), Ok(decimal(1000, 0)));
    assert_eq!(text(Type::NUMERIC, ".5"), Ok(decimal(5, 1)));
    assert!(text(Type::NUMERIC, &"9".repeat(39)).is_err());
}

#[test]
fn binary_decimals_are_read_from_their_groups() {
    let numeric = |parts: &[u16]| parts.iter().flat_map(|part| part.to_be_bytes()).collect::<Vec<u8>>();
    assert_eq!(binary(Type::NUMERIC, &numeric(&[3, 1, 0, 2, 1, 2345, 6700])), Ok(decimal(1_234_567, 2)));
    assert_eq!(binary(Type::NUMERIC, &numeric(&[2, 0xffff, 0x4000, 5, 12, 3000])), Ok(decimal(-123, 5)));
    assert_eq!(binary(Type::NUMERIC, &numeric(&[0, 0, 0, 2])), Ok(decimal(0, 2)));
    assert_eq!(binary(Type::NUMERIC, &numeric(&[1, 1, 0, 0, 1])), Ok(decimal(10_000, 0)));
    // Not a number, far too large, and shorter than it says.
    assert!(binary(Type::NUMERIC, &numeric(&[0, 0, 0xc000, 0])).is_err());
    assert!(binary(Type::NUMERIC, &numeric(&[1, 0x7fff, 0, 0, 1])).is_err());
    assert!(binary(Type::NUMERIC, &numeric(&[9, 0, 0, 0, 1])).is_err());
}

#[test]
fn binary_values_must_have_their_length() {
    assert_eq!(binary(Type::INT4, &7_i32.to_be_bytes()), Ok(ScalarValue::Int32(Some(7))));
    assert_eq!(binary(Type::DATE, &0_i32.to_be_bytes()), Ok(ScalarValue::Date32(Some(10_957))));
    assert!(binary(Type::INT4, &7_i64.to_be_bytes()).is_err());
    assert!(binary(Type::INT8, b"").is_err());
    assert!(binary(Type::TEXT, b"\xff").is_err());
    assert!(binary(Type::TIMESTAMP, &i64::MAX.to_be_bytes()).is_err());
    assert_eq!(binary(Type::JSONB, b"\x01{}"), Ok(ScalarValue::Utf8(Some("{}".into()))));
}

#[test]
fn arrays_of_one_dimension_are_lists() {
    let expected = |values: &[Option<i64>]| {
        let values: Vec<_> = values.iter().map(|value| ScalarValue::Int64(*value)).collect();
        ScalarValue::List(ScalarValue::new_list(&values, &DataType::Int64, true))
    };
    assert_eq!(text(Type::INT8_ARRAY, "{1, NULL,3}"), Ok(expected(&[Some(1), None, Some(3)])));
    assert_eq!(text(Type::INT8_ARRAY, "{}"), Ok(expected(&[])));
    assert!(text(Type::INT8_ARRAY, "{{1}}").is_err());
    assert!(text(Type::INT8_ARRAY, "{1").is_err());
    let words_of_array = [words(&[1, 1, 20, 2, 1, 8]), 5_i64.to_be_bytes().to_vec(), words(&[-1])].concat();
    assert_eq!(binary(Type::INT8_ARRAY, &words_of_array), Ok(expected(&[Some(5), None])));
    let texts = [Some("a b"), Some("c\"d"), None, Some("null")]
        .map(|value| ScalarValue::Utf8(value.map(str::to_owned)));
    assert_eq!(
        text(Type::TEXT_ARRAY, "{\"a b\",c\\\"d,null,\"null\"}"),
        Ok(ScalarValue::List(ScalarValue::new_list(&texts, &DataType::Utf8, true)))
    );
}

#[test]
fn array_counts_beyond_the_message_are_refused() {
    assert!(binary(Type::INT8_ARRAY, &words(&[1, 0, 20, i32::MAX, 1])).is_err());
    assert!(binary(Type::INT8_ARRAY, &words(&[1, 0, 20, 1, 1, i32::MAX])).is_err());
    assert!(binary(Type::INT8_ARRAY, &words(&[2, 0, 20, 1, 1, 1, 1])).is_err());
    assert!(binary(Type::INT8_ARRAY, b"\0").is_err());
}

#[test]
fn nulls_have_the_type_of_their_parameter() {
    let values = read_parameters(&[Type::INT4, Type::NUMERIC], &[], &[None, None]).expect("are values");
    assert_eq!(values, [ScalarValue::Int32(None), ScalarValue::Null]);
}

#[test]
fn counts_must_agree() {
    assert!(read_parameters(&[Type::INT4], &[], &[]).is_err());
    assert!(read_parameters(&[Type::INT4], &[0, 1], &[None]).is_err());
    assert!(read_parameters(&[Type::INT4], &[7], &[Some(Bytes::from_static(b"1"))]).is_err());
}
