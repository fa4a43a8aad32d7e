//! Numbers as aggregates keep them: how they add up, and how they are stored.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMillisecondType, i256,
};

use crate::error::{Error, Result};
use crate::state::encoding::Reader;

/// Primitive values of a fixed width, as they are stored.
pub(super) trait Stored: ArrowPrimitiveType {
    fn put(value: Self::Native, bytes: &mut Vec<u8>);
    fn read(bytes: &mut Reader<'_>) -> Result<Self::Native>;
}

macro_rules! stored {
    ($($arrow:ty => $native:ty),* $(,)?) => {$(
        impl Stored for $arrow {
            fn put(value: $native, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&value.to_be_bytes());
            }

            fn read(bytes: &mut Reader<'_>) -> Result<$native> {
                Ok(<$native>::from_be_bytes(bytes.array()?))
            }
        }
    )*};
}

stored! {
    Int32Type => i32,
    Int64Type => i64,
    Float64Type => f64,
    Decimal128Type => i128,
    Decimal256Type => i256,
    Date32Type => i32,
    Time32MillisecondType => i32,
    TimestampMillisecondType => i64,
}

/// Numbers whose sums, however long, neither overflow nor lose digits that the number type has.
pub(super) trait Summand: ArrowPrimitiveType {
    /// Holds the sum of any number of rows.
    type Sum: Copy + Default + Send + 'static;
    fn plus(sum: Self::Sum, value: Self::Native) -> Self::Sum;
    fn minus(sum: Self::Sum, value: Self::Native) -> Self::Sum;
    fn merged(left: Self::Sum, right: Self::Sum) -> Self::Sum;
    fn sum_as_f64(sum: Self::Sum) -> f64;
    fn as_f64(value: Self::Native) -> f64;
    fn put_sum(sum: Self::Sum, bytes: &mut Vec<u8>);
    fn read_sum(bytes: &mut Reader<'_>) -> Result<Self::Sum>;
}

macro_rules! summand {
    ($($arrow:ty => $native:ty, $sum:ty);* $(;)?) => {$(
        impl Summand for $arrow {
            type Sum = $sum;

            fn plus(sum: $sum, value: $native) -> $sum {
                sum + <$sum>::from(value)
            }

            fn minus(sum: $sum, value: $native) -> $sum {
                sum - <$sum>::from(value)
            }

            fn merged(left: $sum, right: $sum) -> $sum {
                left + right
            }

            fn sum_as_f64(sum: $sum) -> f64 {
                sum as f64
            }

            fn as_f64(value: $native) -> f64 {
                value as f64
            }

            fn put_sum(sum: $sum, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&sum.to_be_bytes());
            }

            fn read_sum(bytes: &mut Reader<'_>) -> Result<$sum> {
                Ok(<$sum>::from_be_bytes(bytes.array()?))
            }
        }
    )*};
}

summand! {
    Int32Type => i32, i128;
    Int64Type => i64, i128;
    Float64Type => f64, f64;
}

/// A column of a batch as the primitive array it must be.
///
/// # Errors
/// Internal: it is missing or of another type.
pub(super) fn primitive<T: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    index: usize,
) -> Result<&PrimitiveArray<T>> {
    columns
        .get(index)
        .and_then(|column| column.as_primitive_opt())
        .ok_or_else(|| wrong_argument(columns, index, &T::DATA_TYPE))
}

/// A column of numbers as DOUBLE.
///
/// # Errors
/// Internal: it is missing or has no numbers.
pub(super) fn doubles(columns: &[ArrayRef], index: usize) -> Result<PrimitiveArray<Float64Type>> {
    let column = columns.get(index).ok_or_else(|| wrong_argument(columns, index, &DataType::Float64))?;
    Ok(cast(column, &DataType::Float64)?.as_primitive().clone())
}

/// The first column as numbers of a type; a DECIMAL becomes a DOUBLE where that is the type.
///
/// # Errors
/// Internal: it is missing or has no such numbers.
pub(super) fn own_or_double<T: ArrowPrimitiveType>(columns: &[ArrayRef]) -> Result<PrimitiveArray<T>> {
    if T::DATA_TYPE == DataType::Float64 {
        let doubles: ArrayRef = Arc::new(doubles(columns, 0)?);
        return Ok(primitive(&[doubles], 0)?.clone());
    }
    Ok(primitive(columns, 0)?.clone())
}

/// The error of a column that is not what the call was resolved for.
pub(super) fn wrong_argument(columns: &[ArrayRef], index: usize, expected: &DataType) -> Error {
    let found = columns.get(index).map_or("nothing".to_owned(), |column| column.data_type().to_string());
    Error::internal(format!("argument {} of an aggregate is {found} instead of {expected}", index + 1))
}
