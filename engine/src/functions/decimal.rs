//! Arithmetic of DECIMAL: exact, rounded half up, failing where a result does not fit its type.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type};
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use tidemill_sql::analyzer::decimal::{self, Digits};
use tidemill_sql::type_system::SqlType;

use crate::expressions::failures;

/// Operands and result of an operation: none where it has no result.
type Operation = fn(&BigDecimal, &BigDecimal) -> Option<BigDecimal>;

/// Digits behind the point to which a quotient is computed before it is rounded to its type. A type
/// has at most 38, so rounding twice cannot be told from rounding once but at the exact half.
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
    apply(columns, data_type, |left, right| Some(left + right))
}

pub(super) fn subtract(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, |left, right| Some(left - right))
}

pub(super) fn multiply(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, |left, right| Some(left * right))
}

pub(super) fn divide(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, quotient)
}

pub(super) fn modulo(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    apply(columns, data_type, |left, right| (!right.is_zero()).then(|| left % right))
}

/// The quotient, cut behind so many digits that rounding it further gives what rounding the exact one
/// would: digits cut off count as a last one that is not zero.
fn quotient(left: &BigDecimal, right: &BigDecimal) -> Option<BigDecimal> {
    if right.is_zero() {
        return None;
    }
    let (left_digits, left_scale) = left.as_bigint_and_exponent();
    let (right_digits, right_scale) = right.as_bigint_and_exponent();
    let ten = BigInt::from(10);
    let shifted = left_digits * ten.pow(u32::try_from(QUOTIENT_DIGITS).unwrap_or(u32::MAX));
    Some(BigDecimal::new(shifted / right_digits, left_scale - right_scale + QUOTIENT_DIGITS))
}

fn apply(columns: &[ArrayRef], data_type: &DataType, operation: Operation) -> Result<ArrayRef> {
    let ([left, right], DataType::Decimal128(precision, scale)) = (columns, data_type) else {
        return exec_err!("two decimals give a decimal, not {data_type}");
    };
    let (left, right) = (left.as_primitive::<Decimal128Type>(), right.as_primitive::<Decimal128Type>());
    let (left_scale, right_scale) = (i64::from(left.scale()), i64::from(right.scale()));
    let values: Decimal128Array = left
        .iter()
        .zip(right)
        .map(|pair| {
            let (Some(left), Some(right)) = pair else { return None };
            let (left, right) =
                (BigDecimal::new(left.into(), left_scale), BigDecimal::new(right.into(), right_scale));
            let Some(result) = operation(&left, &right) else {
                failures::note(|| "division by zero".to_owned());
                return None;
            };
            let fitted = fit(&result, *precision, *scale);
            if fitted.is_none() {
                failures::note(|| format!("{result} does not fit DECIMAL({precision}, {scale})"));
            }
            fitted
        })
        .collect();
    Ok(Arc::new(values.with_precision_and_scale(*precision, *scale)?))
}

/// The unscaled value of a number in DECIMAL(precision, scale), rounded half up (away from zero);
/// none where it has too many digits before the point.
pub(super) fn fit(value: &BigDecimal, precision: u8, scale: i8) -> Option<i128> {
    // A text may have an exponent of ten digits: what cannot fit is not written out first.
    let whole_digits = i64::try_from(value.digits()).ok()?.saturating_sub(value.fractional_digit_count());
    if value.is_zero() || whole_digits < -i64::from(scale) {
        return Some(0);
    }
    if whole_digits > i64::from(precision) {
        return None;
    }
    let rounded = value.with_scale_round(i64::from(scale), RoundingMode::HalfUp);
    let (unscaled, _) = rounded.as_bigint_and_exponent();
    let unscaled = unscaled.to_i128()?;
    let bound = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled.unsigned_abs() < bound.unsigned_abs()).then_some(unscaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_fits_by_its_digits_and_not_by_its_exponent() {
        for (text, fitted) in [
            ("1.5", Some(150)),
            ("-0.005", Some(-1)),
            ("0.0049", Some(0)),
            ("99.99", Some(9_999)),
            ("99.995", None),
            ("1e1", Some(1_000)),
            ("100", None),
            // Written out, these have two thousand million digits.
            ("1e2000000000", None),
            ("-1e2000000000", None),
            ("1e-2000000000", Some(0)),
            ("0e2000000000", Some(0)),
        ] {
            let number: BigDecimal = text.parse().expect("a number");
            assert_eq!(fit(&number, 4, 2), fitted, "{text}");
        }
    }
}
