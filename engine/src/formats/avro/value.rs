//! Scalar values of Avro into columns.

use arrow::array::StringBuilder;
use arrow::datatypes::{DataType, TimeUnit, i256};

use super::cursor::{Cursor, Malformed};
use super::decimal;
use super::reader::Stop;
use super::schema::{AvroType, Kind, Logical};
use crate::formats::decimal_text::write_wide_decimal;
use crate::formats::decoded::{ValueFault, quoted};
use crate::formats::java_double::double_to_string;
use crate::formats::scalar::{Fault, ScalarBuilder};

/// What stands in the payload, of a kind that the column takes.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(Vec<String>),
    /// An unscaled number; in so many bytes, where it does not tell.
    Decimal {
        scale: i64,
        bytes: Option<usize>,
    },
}

/// A value, read.
enum Value<'a> {
    Boolean(bool),
    Whole(i64),
    Float(f32),
    Double(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    /// An unscaled number; none where it has more than 256 bits.
    Decimal(Option<i256>, i64),
}

impl Source {
    /// How values of an Avro type are read for a column; `None` where the column does not take them.
    pub(super) fn new(data_type: &AvroType, column: &DataType) -> Option<Source> {
        let source = match (&data_type.kind, data_type.logical) {
            (Kind::Bytes, Some(Logical::Decimal { scale, .. })) => {
                Source::Decimal { scale: i64::try_from(scale).ok()?, bytes: None }
            }
            (Kind::Fixed { bytes }, Some(Logical::Decimal { scale, .. })) => {
                Source::Decimal { scale: i64::try_from(scale).ok()?, bytes: Some(*bytes) }
            }
            (Kind::Boolean, _) => Source::Boolean,
            (Kind::Int, _) => Source::Int,
            (Kind::Long, _) => Source::Long,
            (Kind::Float, _) => Source::Float,
            (Kind::Double, _) => Source::Double,
            (Kind::Bytes, _) => Source::Bytes,
            (Kind::Fixed { bytes }, _) => Source::Fixed(*bytes),
            (Kind::String, _) => Source::String,
            (Kind::Enum { symbols }, _) => Source::Enum(symbols.clone()),
            (
                Kind::Null | Kind::Array { .. } | Kind::Map { .. } | Kind::Record { .. } | Kind::Union { .. },
                _,
            ) => {
                return None;
            }
        };
        let takes = match column {
            DataType::Boolean => matches!(source, Source::Boolean),
            DataType::Int32 | DataType::Date32 | DataType::Time32(TimeUnit::Millisecond) => {
                matches!(source, Source::Int)
            }
            DataType::Int64 | DataType::Timestamp(TimeUnit::Millisecond, _) => {
                matches!(source, Source::Int | Source::Long)
            }
            DataType::Float64 => matches!(source, Source::Float | Source::Double),
            DataType::Decimal128(..) | DataType::Decimal256(..) => matches!(source, Source::Decimal { .. }),
            DataType::Binary => matches!(source, Source::Bytes | Source::Fixed(_)),
            DataType::Utf8 => !matches!(source, Source::Bytes | Source::Fixed(_) | Source::Decimal { .. }),
            _ => false,
        };
        takes.then_some(source)
    }

    #[inline]
    fn read<'v, 'p: 'v>(&'v self, cursor: &mut Cursor<'p>) -> Result<Value<'v>, Malformed> {
        Ok(match self {
            Source::Boolean => Value::Boolean(cursor.boolean()?),
            Source::Int => Value::Whole(i64::from(cursor.int()?)),
            Source::Long => Value::Whole(cursor.long()?),
            Source::Float => Value::Float(cursor.float()?),
            Source::Double => Value::Double(cursor.double()?),
            Source::Bytes => Value::Bytes(cursor.bytes()?),
            Source::String => Value::Text(cursor.text()?),
            Source::Fixed(bytes) => Value::Bytes(cursor.take(*bytes, "the bytes of a fixed")?),
            Source::Enum(symbols) => {
                let symbol = cursor.choice(symbols.len(), "a symbol of an enum")?;
                Value::Text(symbols.get(symbol).map_or("", String::as_str))
            }
            Source::Decimal { scale, bytes: None } => Value::Decimal(decimal::read(cursor.bytes()?), *scale),
            Source::Decimal { scale, bytes: Some(bytes) } => {
                Value::Decimal(decimal::read(cursor.take(*bytes, "the bytes of a fixed")?), *scale)
            }
        })
    }

    /// Reads a key of a map, as text; whether it is one.
    pub(super) fn append_key(
        &self,
        cursor: &mut Cursor<'_>,
        keys: &mut StringBuilder,
    ) -> Result<bool, Malformed> {
        match self {
            Source::String => keys.append_value(cursor.text()?),
            Source::Enum(symbols) => {
                let symbol = cursor.choice(symbols.len(), "a symbol of an enum")?;
                keys.append_value(symbols.get(symbol).map_or("", String::as_str));
            }
            Source::Int | Source::Long | Source::Boolean => append_text(keys, &self.read(cursor)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Reads a value into a column; one entry is added, whatever comes.
#[inline]
pub(super) fn append(
    source: &Source,
    values: &mut ScalarBuilder,
    cursor: &mut Cursor<'_>,
) -> Result<(), Stop> {
    let position = cursor.position();
    let value = match source.read(cursor) {
        Ok(value) => value,
        Err(malformed) => {
            values.append_null();
            return Err(malformed.into());
        }
    };
    append_value(values, &value)
        .map_err(|fault| Stop::Value(ValueFault::new(fault, &values.data_type(), found(&value), position)))
}

#[inline]
fn append_value(values: &mut ScalarBuilder, value: &Value<'_>) -> Result<(), Fault> {
    match (values, value) {
        (ScalarBuilder::String(values), value) => {
            append_text(values, value);
            Ok(())
        }
        (ScalarBuilder::Boolean(values), Value::Boolean(value)) => {
            values.append_value(*value);
            Ok(())
        }
        (ScalarBuilder::Double(values), Value::Double(value)) => {
            values.append_value(*value);
            Ok(())
        }
        (ScalarBuilder::Double(values), Value::Float(value)) => {
            values.append_value(f64::from(*value));
            Ok(())
        }
        (ScalarBuilder::Bytes { values, .. }, Value::Bytes(value)) => {
            values.append_value(value);
            Ok(())
        }
        (ScalarBuilder::Decimal { values, precision, scale }, Value::Decimal(value, from)) => {
            let value = value
                .ok_or(Fault::Range)
                .and_then(|value| decimal::rescale(value, *from, *precision, *scale))
                .and_then(|value| value.to_i128().ok_or(Fault::Range));
            values.append_option(value.as_ref().ok().copied());
            value.map(drop)
        }
        (ScalarBuilder::WideDecimal { values, precision, scale }, Value::Decimal(value, from)) => {
            let value = value
                .ok_or(Fault::Range)
                .and_then(|value| decimal::rescale(value, *from, *precision, *scale));
            values.append_option(value.as_ref().ok().copied());
            value.map(drop)
        }
        (values, Value::Whole(value)) => values.append_integer(*value),
        (values, _) => {
            values.append_null();
            Err(Fault::Type)
        }
    }
}

/// Appends the text that a STRING column has for a value.
fn append_text(values: &mut StringBuilder, value: &Value<'_>) {
    match value {
        Value::Text(text) => values.append_value(text),
        Value::Boolean(value) => values.append_value(if *value { "true" } else { "false" }),
        Value::Whole(value) => values.append_value(itoa::Buffer::new().format(*value)),
        Value::Float(value) => {
            // The digits of the float itself, not those of the double nearest to it.
            let nearest = value.to_string().parse().unwrap_or_else(|_| f64::from(*value));
            values.append_value(double_to_string(nearest));
        }
        Value::Double(value) => values.append_value(double_to_string(*value)),
        // No STRING column is read from these.
        Value::Bytes(_) | Value::Decimal(..) => values.append_null(),
    }
}

/// What stands there, for a reason.
fn found(value: &Value<'_>) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Whole(value) => format!("the number {value}"),
        Value::Float(value) => format!("the number {value}"),
        Value::Double(value) => format!("the number {value}"),
        Value::Text(text) => format!("the string {}", quoted(text)),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Decimal(Some(unscaled), scale) => match i8::try_from(*scale) {
            Ok(scale) => {
                let mut text = b"the decimal ".to_vec();
                write_wide_decimal(*unscaled, scale, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
            Err(_) => format!("the decimal {unscaled}E-{scale}"),
        },
        Value::Decimal(None, _) => "a decimal of more than 256 bits".to_owned(),
    }
}
