//! Whether a value is the one that was expected.
//!
//! What is expected is JSON, and its numbers count as they are written: of a decimal the digits and the
//! scale have to be the same, so that `10.30` is not `10.3`. A floating point number may differ a little. A
//! whole number is compared with what is left of the expected one without its fraction, unless the case is
//! strict.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive};
use serde_json::Value;
use tidemill_engine::driver::WireValue;

/// The property by which a case says that decimals are compared as floating point numbers: the only one
/// that is not the session's.
pub(super) const EXACT_NUMBERS: &str = "use.exact.numeric.comparison";

/// How much floating point numbers may differ.
const DOUBLE_TOLERANCE: f64 = 1e-6;

/// Digits behind the point that are written one by one; a decimal with more has an exponent.
const PLAIN_SCALE_MAX: usize = 64;

/// How strictly numbers are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Numbers {
    /// Decimals by their digits and their scale.
    Exact,
    /// Decimals as floating point numbers.
    Approximate,
    /// Like `Exact`, and whole numbers only by whole numbers.
    AsWritten,
}

/// Whether a value is the one expected.
pub(super) fn matches(expected: &Value, actual: &WireValue, numbers: Numbers) -> bool {
    match (expected, actual) {
        (Value::Null, WireValue::Null) => true,
        // Formats that have no null write no bytes for it.
        (Value::Null, WireValue::Bytes(actual)) => actual.is_empty(),
        (Value::Bool(expected), WireValue::Boolean(actual)) => expected == actual,
        (Value::Number(expected), actual) => number_matches(&expected.to_string(), actual, numbers),
        (Value::String(expected), WireValue::Text(actual)) => expected == actual,
        (Value::String(expected), WireValue::Decimal(actual)) => {
            expected.parse::<BigDecimal>().is_ok_and(|expected| is_same(&expected, actual))
        }
        (Value::String(expected), WireValue::Double(actual)) => {
            special_double(*actual).is_some_and(|actual| actual == expected)
        }
        (Value::String(expected), WireValue::Bytes(actual)) => *expected == STANDARD.encode(actual),
        (Value::Array(expected), WireValue::List(actual)) => {
            expected.len() == actual.len()
                && expected.iter().zip(actual).all(|(expected, actual)| matches(expected, actual, numbers))
        }
        (Value::Object(expected), WireValue::Record(actual)) => {
            let member = |name: &str| actual.iter().find(|(own, _)| own == name).map(|(_, value)| value);
            expected.len() == actual.len()
                && expected.iter().all(|(name, expected)| {
                    match member(name).or_else(|| member(&name.to_uppercase())) {
                        Some(actual) => matches(expected, actual, numbers),
                        None => expected.is_null(),
                    }
                })
        }
        _ => false,
    }
}

/// How a double is written that no number stands for; `None` for all others.
pub(super) fn special_double(value: f64) -> Option<&'static str> {
    match (value.is_nan(), value.is_infinite(), value.is_sign_negative()) {
        (true, _, _) => Some("NaN"),
        (_, true, false) => Some("Infinity"),
        (_, true, true) => Some("-Infinity"),
        _ => None,
    }
}

/// A decimal with all of its digits and its scale, also where it is zero: what is read from the text is the
/// same decimal.
pub(super) fn decimal_text(value: &BigDecimal) -> String {
    let (digits, scale) = value.as_bigint_and_exponent();
    let digits = digits.to_string();
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.as_str()),
    };
    match usize::try_from(scale) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(scale) if scale <= PLAIN_SCALE_MAX => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let exponent = i128::from(scale).saturating_neg() + rest.len() as i128;
            format!("{sign}{first}{point}{rest}E{exponent}")
        }
    }
}

fn number_matches(expected: &str, actual: &WireValue, numbers: Numbers) -> bool {
    let Ok(decimal) = expected.parse::<BigDecimal>() else { return false };
    match actual {
        WireValue::Integer(actual) if numbers == Numbers::AsWritten => {
            is_whole(expected) && decimal == *actual
        }
        WireValue::Integer(actual) => {
            decimal.with_scale_round(0, RoundingMode::Down).to_i64() == Some(*actual)
        }
        WireValue::Double(actual) => is_close(&decimal, *actual),
        WireValue::Decimal(actual) if numbers == Numbers::Approximate => {
            actual.to_f64().is_some_and(|actual| is_close(&decimal, actual))
        }
        WireValue::Decimal(actual) if is_whole(expected) => {
            actual.fractional_digit_count() <= 0 && decimal == *actual
        }
        WireValue::Decimal(actual) => is_same(&decimal, actual),
        _ => false,
    }
}

fn is_close(expected: &BigDecimal, actual: f64) -> bool {
    expected
        .to_f64()
        .is_some_and(|expected| expected == actual || (expected - actual).abs() < DOUBLE_TOLERANCE)
}

/// The same digits and the same scale.
fn is_same(left: &BigDecimal, right: &BigDecimal) -> bool {
    left.as_bigint_and_exponent() == right.as_bigint_and_exponent()
}

fn is_whole(number: &str) -> bool {
    !number.contains(['.', 'e', 'E'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    fn wire(text: &str) -> WireValue {
        WireValue::from_json_text(text.as_bytes()).unwrap()
    }

    #[test]
    fn numbers_are_compared_by_their_digits_and_their_scale() {
        for (expected, actual, same) in [
            ("10.30", "10.30", true),
            ("10.30", "10.3", false),
            ("1.0E-5", "0.000010", true),
            ("1E+1", "10.0", false),
            ("3.0", "3", true),
            ("3", "3.0", false),
            ("3", "3", true),
            ("12345678901234567890123", "12345678901234567890123", true),
        ] {
            assert_eq!(matches(&json(expected), &wire(actual), Numbers::Exact), same, "{expected} {actual}");
        }
        assert!(matches(&json("10.30"), &wire("10.3"), Numbers::Approximate));
        assert!(!matches(&json("10.30"), &wire("10.4"), Numbers::Approximate));
        assert!(matches(&json("0.3"), &WireValue::Double(0.1 + 0.2), Numbers::Exact));
    }

    #[test]
    fn a_decimal_is_written_as_it_was_read() {
        for text in ["0", "0.0", "-0.05", "10.30", "-7", "9.0E9", "5E+2", "0E-3", "1.25E-70", "-1E-100"] {
            let read: BigDecimal = text.parse().unwrap();
            let written = decimal_text(&read);
            assert!(is_same(&read, &written.parse().unwrap()), "{text} {written}");
            assert!(serde_json::from_str::<Value>(&written).is_ok(), "{text} {written}");
        }
        assert_eq!(decimal_text(&"9.0E9".parse().unwrap()), "9.0E9");
        assert_eq!(decimal_text(&"-0.0".parse().unwrap()), "0.0");
        assert_eq!(decimal_text(&"1E-7".parse().unwrap()), "0.0000001");
    }

    #[test]
    fn doubles_that_are_no_numbers_are_expected_as_texts() {
        for (text, double) in
            [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)]
        {
            let expected = Value::from(text);
            assert!(matches(&expected, &WireValue::Double(double), Numbers::Exact), "{text}");
            assert!(!matches(&expected, &WireValue::Double(1.0), Numbers::Exact), "{text}");
        }
    }

    #[test]
    fn a_fraction_is_no_whole_number_where_numbers_count_as_they_are_written() {
        for (expected, numbers, same) in [
            ("1.9", Numbers::Exact, true),
            ("1.9", Numbers::AsWritten, false),
            ("1.0", Numbers::AsWritten, false),
            ("1", Numbers::AsWritten, true),
        ] {
            assert_eq!(matches(&json(expected), &wire("1"), numbers), same, "{expected} {numbers:?}");
        }
    }

    #[test]
    fn objects_have_the_same_members_in_either_case() {
        for (expected, actual, same) in [
            (r#"{"a": 1, "B": null}"#, r#"{"B": null, "A": 1}"#, true),
            (r#"{"a": 1}"#, r#"{"A": 1, "B": null}"#, false),
            (r#"{"a": 1, "b": null}"#, r#"{"A": 1}"#, false),
            (r#"{"A": 1}"#, r#"{"a": 1}"#, false),
            (r#"[1, {"x": [true]}]"#, r#"[1, {"X": [true]}]"#, true),
            ("[1, 2]", "[2, 1]", false),
        ] {
            assert_eq!(matches(&json(expected), &wire(actual), Numbers::Exact), same, "{expected} {actual}");
        }
    }

    #[test]
    fn texts_stand_for_decimals_and_for_bytes() {
        assert!(matches(&json("\"5.40\""), &wire("5.40"), Numbers::Exact));
        assert!(!matches(&json("\"5.40\""), &wire("5.4"), Numbers::Exact));
        assert!(matches(&json("\"AQI=\""), &WireValue::Bytes(vec![1, 2]), Numbers::Exact));
        assert!(matches(&Value::Null, &WireValue::Bytes(Vec::new()), Numbers::Exact));
        assert!(!matches(&Value::Null, &WireValue::Bytes(vec![1]), Numbers::Exact));
        assert!(!matches(&json("\"1\""), &wire("1"), Numbers::Exact));
    }
}
