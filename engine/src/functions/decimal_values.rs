//! Columns of DECIMAL, of up to 38 digits or more, as exact numbers and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array};
use arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, i256};
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};
use datafusion::common::{Result, exec_err};

use super::decimal_128::Exact;
use crate::expressions::failures;

/// The value of a row; none for NULL, and for a column of another type.
pub(super) fn decimal_at(column: &ArrayRef, row: usize) -> Option<BigDecimal> {
    if column.is_null(row) {
        return None;
    }
    if let Some(values) = column.as_primitive_opt::<Decimal128Type>() {
        return Some(BigDecimal::new(values.value(row).into(), i64::from(values.scale())));
    }
    let values = column.as_primitive_opt::<Decimal256Type>()?;
    let unscaled = BigInt::from_signed_bytes_le(&values.value(row).to_le_bytes());
    Some(BigDecimal::new(unscaled, i64::from(values.scale())))
}

/// A column of a DECIMAL type from a number for each row, rounded half up where the type has fewer
/// digits behind the point. A number that has too many before it becomes NULL and is noted.
pub(super) fn decimals(
    numbers: impl Iterator<Item = Option<BigDecimal>>,
    data_type: &DataType,
) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Decimal128(precision, scale) => {
            let unscaled = numbers.map(|number| fit(&number?, *precision, *scale)?.to_i128());
            let values: Decimal128Array = unscaled.collect();
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        DataType::Decimal256(precision, scale) => {
            let unscaled = numbers.map(|number| wide(&fit(&number?, *precision, *scale)?));
            let values: Decimal256Array = unscaled.collect();
            Arc::new(values.with_precision_and_scale(*precision, *scale)?)
        }
        other => return exec_err!("{other} is no DECIMAL"),
    })
}

/// The same for so many rows of which nearly all can be computed in 128 bits: `in_128_bits` gives the column if
/// it can, and is told the results of single rows that it asks for; `number` gives those.
pub(super) fn computed_decimals(
    rows: usize,
    data_type: &DataType,
    in_128_bits: impl FnOnce(Exact<'_>) -> Option<Decimal128Array>,
    number: impl Fn(usize) -> Option<BigDecimal>,
) -> Result<ArrayRef> {
    if let DataType::Decimal128(precision, scale) = data_type {
        let exact = |row: usize| fit(&number(row)?, *precision, *scale)?.to_i128();
        if let Some(column) = in_128_bits(&exact) {
            return Ok(Arc::new(column));
        }
    }
    decimals((0..rows).map(number), data_type)
}

/// The unscaled value of a number in a DECIMAL type, rounded half up, which is away from zero; none, with a
/// note, where it has too many digits before the point.
fn fit(number: &BigDecimal, precision: u8, scale: i8) -> Option<BigInt> {
    // A text may have an exponent of ten digits: what cannot fit is not written out first.
    let digits = i64::try_from(number.digits()).unwrap_or(i64::MAX);
    let whole_digits = digits.saturating_sub(number.fractional_digit_count());
    if number.is_zero() || whole_digits < -i64::from(scale) {
        return Some(BigInt::default());
    }
    let unscaled = (whole_digits <= i64::from(precision)).then(|| {
        let rounded = number.with_scale_round(i64::from(scale), RoundingMode::HalfUp);
        rounded.into_bigint_and_exponent().0
    });
    let bound = BigInt::from(10).pow(u32::from(precision));
    let fitting = unscaled.filter(|unscaled| *unscaled < bound && -unscaled < bound);
    if fitting.is_none() {
        failures::note(|| format!("{number} does not fit DECIMAL({precision}, {scale})"));
    }
    fitting
}

fn wide(unscaled: &BigInt) -> Option<i256> {
    let bytes = unscaled.to_signed_bytes_le();
    let fill = if unscaled.sign() == bigdecimal::num_bigint::Sign::Minus { 0xff } else { 0 };
    let mut all = [fill; 32];
    all.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    Some(i256::from_le_bytes(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_width_come_back_as_they_went() {
        for (data_type, text) in [
            (DataType::Decimal128(5, 2), "-123.45"),
            (DataType::Decimal256(60, 20), "-1234567890123456789012345678901234567890.00000000000000000001"),
            (DataType::Decimal256(76, 0), "0"),
        ] {
            let number: BigDecimal = text.parse().expect("a number");
            let column = decimals([Some(number.clone()), None].into_iter(), &data_type).expect("a column");
            assert_eq!(column.data_type(), &data_type);
            assert_eq!((decimal_at(&column, 0), decimal_at(&column, 1)), (Some(number), None));
        }
    }

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
            assert_eq!(fit(&number, 4, 2), fitted.map(BigInt::from), "{text}");
        }
    }

    #[test]
    fn a_number_with_too_many_digits_becomes_null_and_is_noted() {
        let number: BigDecimal = "999.995".parse().expect("a number");
        let type_of_five = DataType::Decimal128(5, 2);
        let (column, noted) = failures::collect(|| decimals([Some(number)].into_iter(), &type_of_five));
        assert!(column.expect("a column").is_null(0));
        assert_eq!(noted.count, 1);
    }
}
