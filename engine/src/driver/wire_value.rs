//! The value of a key or a value as it stands in a record, whatever its format.
//!
//! It keeps apart what a comparison has to keep apart: a whole number, a decimal number with its scale,
//! and a floating point number. Numbers of JSON are taken from their text: those with a point or an
//! exponent are decimals.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type, TimeUnit};
use arrow::util::display::array_value_to_string;
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

    /// The value at a place of an array; times are whole numbers, as records have them.
    ///
    /// # Errors
    /// An array of no SQL type: a bug.
    pub fn from_array(array: &ArrayRef, row: usize) -> Result<WireValue> {
        if array.is_null(row) {
            return Ok(WireValue::Null);
        }
        let many = |items: &ArrayRef| {
            (0..items.len()).map(|item| WireValue::from_array(items, item)).collect::<Result<Vec<_>>>()
        };
        Ok(match array.data_type() {
            DataType::Boolean => WireValue::Boolean(array.as_boolean().value(row)),
            DataType::Float64 => WireValue::Double(array.as_primitive::<Float64Type>().value(row)),
            DataType::Utf8 => WireValue::Text(array.as_string::<i32>().value(row).to_owned()),
            DataType::Binary => WireValue::Bytes(array.as_binary::<i32>().value(row).to_vec()),
            DataType::Decimal128(..) | DataType::Decimal256(..) => {
                WireValue::Decimal(decimal(&array_value_to_string(array, row)?)?)
            }
            DataType::Int32 | DataType::Int64 => whole(array, row)?,
            DataType::Date32 | DataType::Time32(TimeUnit::Millisecond) => {
                whole(&cast(array, &DataType::Int32)?, row)?
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => whole(&cast(array, &DataType::Int64)?, row)?,
            DataType::List(_) => WireValue::List(many(&array.as_list::<i32>().value(row))?),
            DataType::Map(..) => {
                let entries = array.as_map().value(row);
                let values = many(entries.column(1))?;
                let keys = entries.column(0).as_string::<i32>().iter();
                let keys = keys.map(|key| key.unwrap_or_default().to_owned());
                WireValue::Record(keys.zip(values).collect())
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns().iter().zip(fields);
                let member = |(column, field): (&ArrayRef, &FieldRef)| {
                    Ok((field.name().clone(), WireValue::from_array(column, row)?))
                };
                WireValue::Record(columns.map(member).collect::<Result<_>>()?)
            }
            other => return Err(Error::internal(format!("a value of type {other} in a record"))),
        })
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
        Ok(WireValue::Decimal(decimal(text)?))
    }
}

fn decimal(text: &str) -> Result<BigDecimal> {
    text.parse().map_err(|error| {
        Error::new(ErrorKind::InvalidText, format!("'{text}' is no decimal number: {error}"))
    })
}

fn whole(array: &ArrayRef, row: usize) -> Result<WireValue> {
    let wide = cast(array, &DataType::Int64)?;
    Ok(WireValue::Integer(wide.as_primitive::<Int64Type>().value(row)))
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
