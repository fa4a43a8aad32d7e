//! Arithmetic of DECIMAL: exact, rounded half up, failing where a result does not fit its type.
//!
//! Numbers of any size are computed with here, row by row; what has a place in 128 bits, nearly all, is
//! computed by [`decimal_128`].

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, Zero};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use tidemill_sql::analyzer::decimal::{self, Digits};
use tidemill_sql::type_system::SqlType;

use super::decimal_128::{self, Exact, Operation};
use super::decimal_values::{computed_decimals, decimal_at};
use crate::expressions::failures;

/// Digits behind the point to which a quotient is computed before it is rounded to its type. A type has
/// fewer, so that rounding twice cannot be told from rounding once.
const QUOTIENT_DIGITS: i64 = 80;

fn digits(types: &[DataType]) -> Result<(Digits, Digits)> {
    let of = |data_type: &DataType| SqlType::from_arrow(data_type).ok().as_ref().and_then(Digits::of);
    match types {
        [left, right] => match (of(left), of(right)) {
            (Some(left), Some(right)) => Ok((left, right)),
            _ => plan_err!("decimals are computed with, not {left} and {right}"),
        },
        other => plan_err!("two decimals are computed with, not {}", other.len()),
    }
}

fn arrow_type(digits: Digits) -> Result<DataType> {
    digits.sql_type().to_arrow().map_err(|error| datafusion::error::DataFusionError::Plan(error.message))
}

pub(super) fn add_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (left, right) = digits(types)?;
    arrow_type(decimal::add(left, right))
}

pub(super) fn multiply_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (left, right) = digits(types)?;
    arrow_type(decimal::multiply(left, right))
}

pub(super) fn divide_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (left, right) = digits(types)?;
    arrow_type(decimal::divide(left, right))
}

pub(super) fn modulo_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (left, right) = digits(types)?;
    arrow_type(decimal::modulo(left, right))
}

pub(super) fn add(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, Operation::Add)
}

pub(super) fn subtract(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, Operation::Subtract)
}

pub(super) fn multiply(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, Operation::Multiply)
}

pub(super) fn divide(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, Operation::Divide)
}

pub(super) fn modulo(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, Operation::Modulo)
}

/// The quotient, cut behind so many digits that rounding it further gives what rounding the exact one
/// would.
fn quotient(left: &BigDecimal, right: &BigDecimal) -> Option<BigDecimal> {
    if right.is_zero() {
        return None;
    }
    let (left_digits, left_scale) = left.as_bigint_and_exponent();
    let (right_digits, right_scale) = right.as_bigint_and_exponent();
    let shift = (QUOTIENT_DIGITS + right_scale - left_scale).max(0);
    let shifted = left_digits * BigInt::from(10).pow(u32::try_from(shift).unwrap_or(u32::MAX));
    Some(BigDecimal::new(shifted / right_digits, left_scale + shift - right_scale))
}

/// The result of an operation; none where it divides by zero.
fn computed(operation: Operation, left: &BigDecimal, right: &BigDecimal) -> Option<BigDecimal> {
    match operation {
        Operation::Add => Some(left + right),
        Operation::Subtract => Some(left - right),
        Operation::Multiply => Some(left * right),
        Operation::Divide => quotient(left, right),
        Operation::Modulo => (!right.is_zero()).then(|| left % right),
    }
}

fn apply(columns: &[ArrayRef], data_type: &DataType, operation: Operation) -> Result<ArrayRef> {
    let [left, right] = columns else { return exec_err!("two decimals give a decimal") };
    let result = |row: usize| {
        let result = computed(operation, &decimal_at(left, row)?, &decimal_at(right, row)?);
        if result.is_none() {
            failures::note(|| "division by zero".to_owned());
        }
        result
    };
    let in_128_bits = |exact: Exact<'_>| decimal_128::computed(operation, (left, right), data_type, exact);
    computed_decimals(left.len(), data_type, in_128_bits, result)
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::assert_values;

    #[test]
    fn arithmetic_is_exact_up_to_the_most_digits_there_are() {
        assert_values(&[
            ("1.25 + 3", "DECIMAL(13, 2)", Some("4.25")),
            ("1.25 - 3.5", "DECIMAL(4, 2)", Some("-2.25")),
            ("1.25 * 3.5", "DECIMAL(6, 3)", Some("4.375")),
            ("1.25 / 0.5", "DECIMAL(8, 6)", Some("2.500000")),
            ("7.5 % 2.25", "DECIMAL(3, 2)", Some("0.75")),
            ("1.5 / 0.0", "DECIMAL(8, 6)", None),
            (
                "CAST('12345678901234567890123456789012345678.9' AS DECIMAL(40, 1)) + 0.05",
                "DECIMAL(42, 2)",
                Some("12345678901234567890123456789012345678.95"),
            ),
            (
                "CAST('-123456789012345678901.5' AS DECIMAL(30, 5)) * CAST('1000000000.5' AS DECIMAL(30, 5))",
                "DECIMAL(61, 10)",
                Some("-123456789074074073407672839450.7500000000"),
            ),
            (
                "CAST('12345678901234567890123456789012345678.9' AS DECIMAL(40, 1)) % 10.0",
                "DECIMAL(3, 1)",
                Some("8.9"),
            ),
            ("CAST(2 AS DECIMAL(70, 0)) / CAST(3 AS DECIMAL(70, 60))", "DECIMAL(76, 6)", Some("0.666667")),
        ]);
    }
}
