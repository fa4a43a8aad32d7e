//! Builders of scalar columns, and the conversions of text that JSON and DELIMITED share.
//!
//! Every append adds exactly one entry, a null where the value does not fit: the columns of a row
//! therefore always stay equally long, and a row that failed is taken out at the end of the batch.

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    Decimal256Builder, Float64Builder, Int32Builder, Int64Builder, StringBuilder, Time32MillisecondBuilder,
    TimestampMillisecondBuilder,
};
use arrow::datatypes::{DataType, TimeUnit};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::sync::Arc;

use super::decimal_text::{DecimalError, parse_decimal};
use super::java_double::parse_double;
use super::sql_type::type_name;

/// BYTES in text: the standard alphabet, padded when written; padding is optional when read.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Milliseconds of a day: the largest TIME, as ksqlDB has it (midnight at the end of the day included).
const TIME_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// Why a value is not one of its column's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// It is something else, or text that does not read as the type.
    Type,
    /// It is a number beyond the type's range.
    Range,
    /// It has more decimal places than the type.
    Rounding,
    /// It is text that is not base64.
    Base64,
    /// It holds an escaped half of a surrogate pair, which no text can.
    Surrogate,
}

impl Fault {
    /// The fault as a sentence; `found` says what stood there.
    pub(super) fn describe(self, expected: &DataType, found: &str) -> String {
        let expected = type_name(expected);
        match self {
            Fault::Type => format!("expected {expected}, found {found}"),
            Fault::Range => format!("{found} is out of range for {expected}"),
            Fault::Rounding => format!("{found} does not fit {expected} without rounding"),
            Fault::Base64 => format!("expected {expected} as base64 text, found {found}"),
            Fault::Surrogate => format!("half a surrogate pair in {found} is no {expected}"),
        }
    }
}

/// A growing column of a scalar type.
pub(super) enum ScalarBuilder {
    Boolean(BooleanBuilder),
    Integer(Int32Builder),
    Bigint(Int64Builder),
    Double(Float64Builder),
    Decimal {
        values: Decimal128Builder,
        precision: u8,
        scale: i8,
    },
    /// DECIMAL of more than 38 digits.
    WideDecimal {
        values: Decimal256Builder,
        precision: u8,
        scale: i8,
    },
    String(StringBuilder),
    Bytes {
        values: BinaryBuilder,
        scratch: Vec<u8>,
    },
    Date(Date32Builder),
    Time(Time32MillisecondBuilder),
    Timestamp(TimestampMillisecondBuilder),
}

impl ScalarBuilder {
    /// An empty column with room for `rows`; `None` if the type is no scalar type of SQL.
    pub(super) fn new(data_type: &DataType, rows: usize) -> Option<ScalarBuilder> {
        Some(match data_type {
            DataType::Boolean => ScalarBuilder::Boolean(BooleanBuilder::with_capacity(rows)),
            DataType::Int32 => ScalarBuilder::Integer(Int32Builder::with_capacity(rows)),
            DataType::Int64 => ScalarBuilder::Bigint(Int64Builder::with_capacity(rows)),
            DataType::Float64 => ScalarBuilder::Double(Float64Builder::with_capacity(rows)),
            DataType::Decimal128(precision, scale) if *scale >= 0 => ScalarBuilder::Decimal {
                values: Decimal128Builder::with_capacity(rows)
                    .with_precision_and_scale(*precision, *scale)
                    .ok()?,
                precision: *precision,
                scale: *scale,
            },
            DataType::Decimal256(precision, scale) if *scale >= 0 => ScalarBuilder::WideDecimal {
                values: Decimal256Builder::with_capacity(rows)
                    .with_precision_and_scale(*precision, *scale)
                    .ok()?,
                precision: *precision,
                scale: *scale,
            },
            DataType::Utf8 => ScalarBuilder::String(StringBuilder::with_capacity(rows, rows * STRING_BYTES)),
            DataType::Binary => ScalarBuilder::Bytes {
                values: BinaryBuilder::with_capacity(rows, rows * STRING_BYTES),
                scratch: Vec::new(),
            },
            DataType::Date32 => ScalarBuilder::Date(Date32Builder::with_capacity(rows)),
            DataType::Time32(TimeUnit::Millisecond) => {
                ScalarBuilder::Time(Time32MillisecondBuilder::with_capacity(rows))
            }
            DataType::Timestamp(TimeUnit::Millisecond, None) => {
                ScalarBuilder::Timestamp(TimestampMillisecondBuilder::with_capacity(rows))
            }
            _ => return None,
        })
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        match self {
            ScalarBuilder::Boolean(values) => values.len(),
            ScalarBuilder::Integer(values) => values.len(),
            ScalarBuilder::Bigint(values) => values.len(),
            ScalarBuilder::Double(values) => values.len(),
            ScalarBuilder::Decimal { values, .. } => values.len(),
            ScalarBuilder::WideDecimal { values, .. } => values.len(),
            ScalarBuilder::String(values) => values.len(),
            ScalarBuilder::Bytes { values, .. } => values.len(),
            ScalarBuilder::Date(values) => values.len(),
            ScalarBuilder::Time(values) => values.len(),
            ScalarBuilder::Timestamp(values) => values.len(),
        }
    }

    /// The column's type.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            ScalarBuilder::Boolean(_) => DataType::Boolean,
            ScalarBuilder::Integer(_) => DataType::Int32,
            ScalarBuilder::Bigint(_) => DataType::Int64,
            ScalarBuilder::Double(_) => DataType::Float64,
            ScalarBuilder::Decimal { precision, scale, .. } => DataType::Decimal128(*precision, *scale),
            ScalarBuilder::WideDecimal { precision, scale, .. } => DataType::Decimal256(*precision, *scale),
            ScalarBuilder::String(_) => DataType::Utf8,
            ScalarBuilder::Bytes { .. } => DataType::Binary,
            ScalarBuilder::Date(_) => DataType::Date32,
            ScalarBuilder::Time(_) => DataType::Time32(TimeUnit::Millisecond),
            ScalarBuilder::Timestamp(_) => DataType::Timestamp(TimeUnit::Millisecond, None),
        }
    }

    pub(super) fn append_null(&mut self) {
        match self {
            ScalarBuilder::Boolean(values) => values.append_null(),
            ScalarBuilder::Integer(values) => values.append_null(),
            ScalarBuilder::Bigint(values) => values.append_null(),
            ScalarBuilder::Double(values) => values.append_null(),
            ScalarBuilder::Decimal { values, .. } => values.append_null(),
            ScalarBuilder::WideDecimal { values, .. } => values.append_null(),
            ScalarBuilder::String(values) => values.append_null(),
            ScalarBuilder::Bytes { values, .. } => values.append_null(),
            ScalarBuilder::Date(values) => values.append_null(),
            ScalarBuilder::Time(values) => values.append_null(),
            ScalarBuilder::Timestamp(values) => values.append_null(),
        }
    }

    /// Appends what `text` says in the column's type; numbers as Java's parsers read them.
    pub(super) fn append_text(&mut self, text: &str) -> Result<(), Fault> {
        match self {
            ScalarBuilder::String(values) => {
                values.append_value(text);
                Ok(())
            }
            // Java's parseBoolean: everything but "true" is false.
            ScalarBuilder::Boolean(values) => {
                values.append_value(text.eq_ignore_ascii_case("true"));
                Ok(())
            }
            ScalarBuilder::Double(values) => {
                let value = parse_double(text);
                values.append_option(value);
                value.map(drop).ok_or(Fault::Type)
            }
            ScalarBuilder::Decimal { values, precision, scale } => {
                let value = parse_decimal(text, *precision, *scale);
                values.append_option(value.ok());
                value.map(drop).map_err(Fault::from)
            }
            ScalarBuilder::WideDecimal { values, precision, scale } => {
                let value = parse_decimal(text, *precision, *scale);
                values.append_option(value.ok());
                value.map(drop).map_err(Fault::from)
            }
            ScalarBuilder::Bytes { values, scratch } => {
                scratch.clear();
                match BASE64.decode_vec(text, scratch) {
                    Ok(()) => {
                        values.append_value(scratch.as_slice());
                        Ok(())
                    }
                    Err(_) => {
                        values.append_null();
                        Err(Fault::Base64)
                    }
                }
            }
            ScalarBuilder::Integer(_)
            | ScalarBuilder::Bigint(_)
            | ScalarBuilder::Date(_)
            | ScalarBuilder::Time(_)
            | ScalarBuilder::Timestamp(_) => match text.parse::<i64>() {
                Ok(value) => self.append_integer(value),
                Err(error) => {
                    self.append_null();
                    Err(match error.kind() {
                        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                            Fault::Range
                        }
                        _ => Fault::Type,
                    })
                }
            },
        }
    }

    /// Appends a whole number to a column of one of the types that are whole numbers in records:
    /// INTEGER, BIGINT, DATE (days), TIME and TIMESTAMP (milliseconds).
    pub(super) fn append_integer(&mut self, value: i64) -> Result<(), Fault> {
        match self {
            ScalarBuilder::Integer(values) => {
                let value = i32::try_from(value);
                values.append_option(value.ok());
                value.map(drop).map_err(|_| Fault::Range)
            }
            ScalarBuilder::Bigint(values) => {
                values.append_value(value);
                Ok(())
            }
            ScalarBuilder::Timestamp(values) => {
                values.append_value(value);
                Ok(())
            }
            ScalarBuilder::Date(values) => {
                let value = i32::try_from(value);
                values.append_option(value.ok());
                value.map(drop).map_err(|_| Fault::Range)
            }
            ScalarBuilder::Time(values) => {
                let value = Some(value)
                    .filter(|value| (0..=TIME_MAX_MS).contains(value))
                    .and_then(|value| i32::try_from(value).ok());
                values.append_option(value);
                value.map(drop).ok_or(Fault::Range)
            }
            other => {
                other.append_null();
                Err(Fault::Type)
            }
        }
    }

    /// The column so far; the builder is empty afterwards.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            ScalarBuilder::Boolean(values) => Arc::new(values.finish()),
            ScalarBuilder::Integer(values) => Arc::new(values.finish()),
            ScalarBuilder::Bigint(values) => Arc::new(values.finish()),
            ScalarBuilder::Double(values) => Arc::new(values.finish()),
            ScalarBuilder::Decimal { values, .. } => Arc::new(values.finish()),
            ScalarBuilder::WideDecimal { values, .. } => Arc::new(values.finish()),
            ScalarBuilder::String(values) => Arc::new(values.finish()),
            ScalarBuilder::Bytes { values, .. } => Arc::new(values.finish()),
            ScalarBuilder::Date(values) => Arc::new(values.finish()),
            ScalarBuilder::Time(values) => Arc::new(values.finish()),
            ScalarBuilder::Timestamp(values) => Arc::new(values.finish()),
        }
    }
}

impl From<DecimalError> for Fault {
    fn from(error: DecimalError) -> Fault {
        match error {
            DecimalError::NotANumber => Fault::Type,
            DecimalError::OutOfRange => Fault::Range,
            DecimalError::NeedsRounding => Fault::Rounding,
        }
    }
}

/// Bytes a string is first expected to have; a guess too low costs one growth of the buffer.
const STRING_BYTES: usize = 16;
