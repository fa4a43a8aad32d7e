//! The value that written text is, where a value of another type is wanted.

use arrow_schema::DECIMAL128_MAX_PRECISION;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{Engine as _, alphabet};
use datafusion_common::ScalarValue;
use sqlparser::tokenizer::Span;

use crate::analyzer::expression::{Literal, decimal_text};
use crate::analyzer::resolve::number;
use crate::analyzer::time_text;
use crate::type_system::SqlType;

/// BYTES in text: the padding may be missing, as in records.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The value of type `target` that the text stands for; `None` if it is none.
#[must_use]
pub fn value_of_text(text: &str, target: &SqlType) -> Option<ScalarValue> {
    match target {
        SqlType::String => Some(ScalarValue::Utf8(Some(text.to_owned()))),
        SqlType::Boolean => boolean(text).map(|value| ScalarValue::Boolean(Some(value))),
        SqlType::Date => time_text::parse_date(text).map(|days| ScalarValue::Date32(Some(days))),
        SqlType::Time => {
            time_text::parse_time(text).map(|millis| ScalarValue::Time32Millisecond(Some(millis)))
        }
        SqlType::Timestamp => time_text::parse_timestamp(text)
            .map(|millis| ScalarValue::TimestampMillisecond(Some(millis), None)),
        SqlType::Bytes => BASE64.decode(text).ok().map(|bytes| ScalarValue::Binary(Some(bytes))),
        SqlType::Integer | SqlType::Bigint | SqlType::Double | SqlType::Decimal { .. } => {
            numeric(&number(text.trim(), Span::empty()).ok()?, target)
        }
        SqlType::Array(_) | SqlType::Map { .. } | SqlType::Struct(_) | SqlType::Custom(_) => None,
    }
}

/// The truth value that a text begins to spell: `true`, `yes`, `t`, `n` and the like, in any case.
fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    let begins = |words: [&str; 2]| !text.is_empty() && words.iter().any(|word| word.starts_with(&text));
    if begins(["true", "yes"]) { Some(true) } else { begins(["false", "no"]).then_some(false) }
}

/// A written number as a number of another type, if it is one without loss.
fn numeric(literal: &Literal, target: &SqlType) -> Option<ScalarValue> {
    let (unscaled, scale) = match literal {
        Literal::Integer(value) => (i128::from(*value), 0),
        Literal::Bigint(value) => (i128::from(*value), 0),
        Literal::Decimal { unscaled, scale, .. } => (*unscaled, *scale),
        Literal::Double(value) => {
            return (*target == SqlType::Double).then_some(ScalarValue::Float64(Some(*value)));
        }
        _ => return None,
    };
    match target {
        SqlType::Integer => whole(unscaled, scale).map(|value| ScalarValue::Int32(i32::try_from(value).ok())),
        SqlType::Bigint => whole(unscaled, scale).map(|value| ScalarValue::Int64(i64::try_from(value).ok())),
        SqlType::Double => {
            decimal_text(unscaled, scale).parse().ok().map(|value| ScalarValue::Float64(Some(value)))
        }
        SqlType::Decimal { scale: wanted, .. } if *wanted >= scale => {
            ScalarValue::Decimal128(Some(unscaled), DECIMAL128_MAX_PRECISION, scale.cast_signed())
                .cast_to(&target.to_arrow().ok()?)
                .ok()
        }
        _ => None,
    }
    .filter(|value| !value.is_null())
}

fn whole(unscaled: i128, scale: u8) -> Option<i128> {
    let divisor = 10_i128.checked_pow(u32::from(scale))?;
    (unscaled % divisor == 0).then_some(unscaled / divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_the_type_that_is_wanted() {
        let decimal = SqlType::Decimal { precision: 5, scale: 2 };
        for (text, target, expected) in [
            ("tr", SqlType::Boolean, Some(ScalarValue::Boolean(Some(true)))),
            ("No", SqlType::Boolean, Some(ScalarValue::Boolean(Some(false)))),
            ("", SqlType::Boolean, None),
            (" 12 ", SqlType::Integer, Some(ScalarValue::Int32(Some(12)))),
            ("4.000", SqlType::Integer, Some(ScalarValue::Int32(Some(4)))),
            ("4.5", SqlType::Integer, None),
            ("2147483648", SqlType::Integer, None),
            ("0.1", SqlType::Double, Some(ScalarValue::Float64(Some(0.1)))),
            ("1E2", SqlType::Double, Some(ScalarValue::Float64(Some(100.0)))),
            ("-1.5", decimal.clone(), Some(ScalarValue::Decimal128(Some(-150), 5, 2))),
            ("1000", decimal.clone(), None),
            ("1.555", decimal, None),
            ("aGk=", SqlType::Bytes, Some(ScalarValue::Binary(Some(b"hi".to_vec())))),
            ("aGk", SqlType::Bytes, Some(ScalarValue::Binary(Some(b"hi".to_vec())))),
            ("no base64", SqlType::Bytes, None),
            ("1970-01-02", SqlType::Date, Some(ScalarValue::Date32(Some(1)))),
        ] {
            assert_eq!(value_of_text(text, &target), expected, "{text:?} as {target}");
        }
    }
}
