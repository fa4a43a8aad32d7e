//! Division of whole numbers.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use crate::expressions::failures;

pub(super) fn result_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types {
        [left, right] if left == right => Ok(left.clone()),
        other => plan_err!("whole numbers are divided, not {other:?}"),
    }
}

pub(super) fn divide(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    match data_type {
        DataType::Int32 => apply::<Int32Type>(columns, i32::wrapping_div),
        DataType::Int64 => apply::<Int64Type>(columns, i64::wrapping_div),
        other => exec_err!("{other} is no whole number"),
    }
}

pub(super) fn modulo(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    match data_type {
        DataType::Int32 => apply::<Int32Type>(columns, i32::wrapping_rem),
        DataType::Int64 => apply::<Int64Type>(columns, i64::wrapping_rem),
        other => exec_err!("{other} is no whole number"),
    }
}

fn apply<T: ArrowPrimitiveType>(
    columns: &[ArrayRef],
    operation: fn(T::Native, T::Native) -> T::Native,
) -> Result<ArrayRef>
where
    T::Native: Default,
{
    let [left, right] = columns else { return exec_err!("two numbers are divided") };
    let (left, right) = (left.as_primitive::<T>(), right.as_primitive::<T>());
    let zero = T::Native::default();
    let values: PrimitiveArray<T> = left
        .iter()
        .zip(right)
        .map(|pair| match pair {
            (Some(_), Some(divisor)) if divisor == zero => {
                failures::note(|| "division by zero".to_owned());
                None
            }
            (Some(dividend), Some(divisor)) => Some(operation(dividend, divisor)),
            _ => None,
        })
        .collect();
    Ok(Arc::new(values))
}
