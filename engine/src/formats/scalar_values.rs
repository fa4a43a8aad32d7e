//! Columns of scalar types, ready to be written value by value.

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int32Type,
    Int64Type, Time32MillisecondType, TimeUnit, TimestampMillisecondType,
};

use super::decimal_text::{write_decimal, write_wide_decimal};
use super::encoded::write_base64;
use super::java_double::write_double;

/// A column of a scalar type.
pub(crate) enum ScalarValues<'a> {
    Boolean(&'a BooleanArray),
    Integer(&'a PrimitiveArray<Int32Type>),
    Bigint(&'a PrimitiveArray<Int64Type>),
    Double(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a PrimitiveArray<Decimal128Type>, i8),
    /// DECIMAL of more than 38 digits.
    WideDecimal(&'a PrimitiveArray<Decimal256Type>, i8),
    String(&'a StringArray),
    Bytes(&'a BinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time32MillisecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMillisecondType>),
}

impl<'a> ScalarValues<'a> {
    /// The values of an array; `None` if its type is no scalar type of SQL.
    pub(crate) fn of(array: &'a ArrayRef) -> Option<ScalarValues<'a>> {
        Some(match array.data_type() {
            DataType::Boolean => ScalarValues::Boolean(array.as_boolean()),
            DataType::Int32 => ScalarValues::Integer(array.as_primitive()),
            DataType::Int64 => ScalarValues::Bigint(array.as_primitive()),
            DataType::Float64 => ScalarValues::Double(array.as_primitive()),
            DataType::Decimal128(_, scale) => ScalarValues::Decimal(array.as_primitive(), *scale),
            DataType::Decimal256(_, scale) => ScalarValues::WideDecimal(array.as_primitive(), *scale),
            DataType::Utf8 => ScalarValues::String(array.as_string()),
            DataType::Binary => ScalarValues::Bytes(array.as_binary()),
            DataType::Date32 => ScalarValues::Date(array.as_primitive()),
            DataType::Time32(TimeUnit::Millisecond) => ScalarValues::Time(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => ScalarValues::Timestamp(array.as_primitive()),
            _ => return None,
        })
    }

    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            ScalarValues::Boolean(values) => values.is_null(row),
            ScalarValues::Integer(values) => values.is_null(row),
            ScalarValues::Bigint(values) => values.is_null(row),
            ScalarValues::Double(values) => values.is_null(row),
            ScalarValues::Decimal(values, _) => values.is_null(row),
            ScalarValues::WideDecimal(values, _) => values.is_null(row),
            ScalarValues::String(values) => values.is_null(row),
            ScalarValues::Bytes(values) => values.is_null(row),
            ScalarValues::Date(values) => values.is_null(row),
            ScalarValues::Time(values) => values.is_null(row),
            ScalarValues::Timestamp(values) => values.is_null(row),
        }
    }

    /// Appends the text of a value that is not null: as in a STRING column, BYTES as base64, dates and
    /// times as numbers.
    #[inline]
    pub(crate) fn write_text(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            ScalarValues::Boolean(values) => {
                out.extend_from_slice(if values.value(row) { b"true" } else { b"false" });
            }
            ScalarValues::Integer(values) => write_integer(values, row, out),
            ScalarValues::Bigint(values) => write_integer(values, row, out),
            ScalarValues::Double(values) => write_double(values.value(row), out),
            ScalarValues::Decimal(values, scale) => write_decimal(values.value(row), *scale, out),
            ScalarValues::WideDecimal(values, scale) => write_wide_decimal(values.value(row), *scale, out),
            ScalarValues::String(values) => out.extend_from_slice(values.value(row).as_bytes()),
            ScalarValues::Bytes(values) => write_base64(values.value(row), out),
            ScalarValues::Date(values) => write_integer(values, row, out),
            ScalarValues::Time(values) => write_integer(values, row, out),
            ScalarValues::Timestamp(values) => write_integer(values, row, out),
        }
    }
}

#[inline]
fn write_integer<T>(values: &PrimitiveArray<T>, row: usize, out: &mut Vec<u8>)
where
    T: ArrowPrimitiveType,
    T::Native: itoa::Integer,
{
    out.extend_from_slice(itoa::Buffer::new().format(values.value(row)).as_bytes());
}
