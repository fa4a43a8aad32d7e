//! The value of a key or a value as it stands in a record, whatever its format.
//!
//! It keeps apart what a comparison has to keep apart: a whole number, a decimal number with its scale,
//! and a floating point number. Numbers of JSON are taken from their text: those with a point or an
//! exponent are decimals.

use bigdecimal::BigDecimal;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum WireValue {
    /// None.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A floating point number.
    Double(f64),
    /// A decimal number with its scale.
    Decimal(BigDecimal),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<WireValue>),
    /// A record or a map: names with their values, in order.
    Record(Vec<(String, WireValue)>),
}

impl WireValue {
    /// The value of a JSON text.
    ///
    /// # Errors
    /// `InvalidText`.
    pub fn from_json_text(text: &[u8]) -> Result<WireValue> {
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            let shown = String::from_utf8_lossy(text);
            Error::new(ErrorKind::InvalidText, format!("'{shown}' is no JSON: {error}"))
        })?;
        WireValue::from_json(value)
    }

    fn from_json(value: Value) -> Result<WireValue> {
        Ok(match value {
            Value::Null => WireValue::Null,
            Value::Bool(value) => WireValue::Boolean(value),
            Value::Number(number) => WireValue::from_number(&number.to_string())?,
            Value::String(text) => WireValue::Text(text),
            Value::Array(items) => {
                WireValue::List(items.into_iter().map(WireValue::from_json).collect::<Result<_>>()?)
            }
            Value::Object(members) => {
                let member = |(name, value): (String, Value)| Ok((name, WireValue::from_json(value)?));
                WireValue::Record(members.into_iter().map(member).collect::<Result<_>>()?)
            }
        })
    }

    /// The value of a number's text. What has neither point nor exponent is whole, and a decimal only
    /// where 64 bits do not hold it.
    ///
    /// # Errors
    /// `InvalidText`.
    pub fn from_number(text: &str) -> Result<WireValue> {
        if !text.contains(['.', 'e', 'E'])
            && let Ok(whole) = text.parse()
        {
            return Ok(WireValue::Integer(whole));
        }
        let decimal = text.parse().map_err(|error| {
            Error::new(ErrorKind::InvalidText, format!("'{text}' is no decimal number: {error}"))
        })?;
        Ok(WireValue::Decimal(decimal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_json_keep_the_scale_they_are_written_with() {
        let decimal = |text: &str| WireValue::Decimal(text.parse().unwrap());
        for (text, expected) in [
            ("7", WireValue::Integer(7)),
            ("-10.30", decimal("-10.30")),
            ("1.0E10", decimal("1.0E10")),
            ("98765432109876543210", decimal("98765432109876543210")),
        ] {
            assert_eq!(WireValue::from_json_text(text.as_bytes()).unwrap(), expected, "{text}");
        }
        let scale = |text: &str| match WireValue::from_json_text(text.as_bytes()) {
            Ok(WireValue::Decimal(decimal)) => decimal.as_bigint_and_exponent().1,
            other => panic!("{text} is {other:?}"),
        };
        assert_eq!((scale("10.30"), scale("10.3"), scale("1.0E10")), (2, 1, -9));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert_eq!(WireValue::from_json_text(b"{\"a\":").unwrap_err().kind, ErrorKind::InvalidText);
    }
}
