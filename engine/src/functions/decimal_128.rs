//! DECIMALs of at most 38 digits, computed with on their unscaled numbers in 128 bits.
//!
//! A value that outgrows 128 bits on the way, or does not fit its type, is left to who knows numbers of any
//! size, and what to tell of it: `exact` gives the unscaled result of one row.

use arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, Int64Type};

/// An operation on two DECIMALs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    /// Rounded half up.
    Divide,
    /// With the sign of what is divided.
    Modulo,
}

/// Which of the numbers around it a number becomes that loses digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rounding {
    Floor,
    Ceiling,
    /// The nearest one, of two as near the greater one.
    Nearest,
    /// The one towards zero.
    Cut,
}

impl Rounding {
    /// A multiple of a power of ten; none where it has more than 128 bits.
    #[inline]
    fn to_multiple(self, number: i128, unit: i128) -> Option<i128> {
        let below = |number: i128| number.checked_div_euclid(unit);
        let multiple = match self {
            Rounding::Floor => below(number),
            Rounding::Ceiling => below(number.checked_neg()?)?.checked_neg(),
            Rounding::Nearest => below(number.checked_add(unit / 2)?),
            Rounding::Cut => number.checked_div(unit),
        };
        multiple?.checked_mul(unit)
    }
}

/// The unscaled result of a row; none where it is NULL.
pub(super) type Exact<'a> = &'a dyn Fn(usize) -> Option<i128>;

/// The results of an operation on two columns; `None` where one of them, or the result, is no DECIMAL of at
/// most 38 digits.
pub(super) fn computed(
    operation: Operation,
    (left, right): (&ArrayRef, &ArrayRef),
    data_type: &DataType,
    exact: Exact<'_>,
) -> Option<Decimal128Array> {
    let left = left.as_primitive_opt::<Decimal128Type>()?;
    let right = right.as_primitive_opt::<Decimal128Type>()?;
    let target = Target::of(data_type)?;
    let (left_scale, right_scale) = (i32::from(left.scale()), i32::from(right.scale()));
    let common_scale = left_scale.max(right_scale);
    let (of_left, of_right) =
        (power_of_10(common_scale - left_scale)?, power_of_10(common_scale - right_scale)?);
    let shifted = |left: i128, right: i128| Some((left.checked_mul(of_left)?, right.checked_mul(of_right)?));
    let from_common = target.rescaling(common_scale)?;
    let unscaled = match operation {
        Operation::Add => each(left, right, exact, |left, right| {
            let (left, right) = shifted(left, right)?;
            from_common.apply(left.checked_add(right)?)
        }),
        Operation::Subtract => each(left, right, exact, |left, right| {
            let (left, right) = shifted(left, right)?;
            from_common.apply(left.checked_sub(right)?)
        }),
        Operation::Modulo => each(left, right, exact, |left, right| {
            let (left, right) = shifted(left, right)?;
            from_common.apply(left.checked_rem(right)?)
        }),
        Operation::Multiply => {
            let from_product = target.rescaling(left_scale + right_scale)?;
            each(left, right, exact, |left, right| from_product.apply(left.checked_mul(right)?))
        }
        Operation::Divide => {
            let shift = power_of_10(target.scale + right_scale - left_scale)?;
            let as_is = target.rescaling(target.scale)?;
            each(left, right, exact, |left, right| {
                as_is.apply(divided_half_up(left.checked_mul(shift)?, right)?)
            })
        }
    };
    target.typed(unscaled)
}

/// Whole numbers or DECIMALs as DECIMALs of another type, rounded half up; `None` for other columns, and where
/// one of the types has more than 38 digits.
pub(super) fn converted(
    column: &ArrayRef,
    data_type: &DataType,
    exact: Exact<'_>,
) -> Option<Decimal128Array> {
    let target = Target::of(data_type)?;
    let unscaled = match column.data_type() {
        DataType::Int32 => {
            let from_whole = target.rescaling(0)?;
            one(column.as_primitive::<Int32Type>().iter(), exact, |value| from_whole.apply(value.into()))
        }
        DataType::Int64 => {
            let from_whole = target.rescaling(0)?;
            one(column.as_primitive::<Int64Type>().iter(), exact, |value| from_whole.apply(value.into()))
        }
        DataType::Decimal128(_, scale) => {
            let from_scale = target.rescaling(i32::from(*scale))?;
            one(column.as_primitive::<Decimal128Type>().iter(), exact, |value| from_scale.apply(value))
        }
        _ => return None,
    };
    target.typed(unscaled)
}

/// DECIMALs without their digits behind a place, in a type that holds them; `None` for other columns and types.
pub(super) fn rounded(
    column: &ArrayRef,
    places: impl Fn(usize) -> Option<i32>,
    rounding: Rounding,
    data_type: &DataType,
    exact: Exact<'_>,
) -> Option<Decimal128Array> {
    let values = column.as_primitive_opt::<Decimal128Type>()?;
    let target = Target::of(data_type)?;
    let scale = i32::from(values.scale());
    let from_scale = target.rescaling(scale)?;
    let rows = values.iter().enumerate().map(|(row, value)| Some((value?, places(row)?)));
    let unscaled = one(rows, exact, |(value, places)| {
        // More digits than there are would be zeros.
        let shorter = if places >= scale {
            value
        } else {
            rounding.to_multiple(value, power_of_10(scale.checked_sub(places)?)?)?
        };
        from_scale.apply(shorter)
    });
    target.typed(unscaled)
}

/// DECIMALs without their sign; `None` for other columns.
pub(super) fn absolute(column: &ArrayRef) -> Option<Decimal128Array> {
    let values = column.as_primitive_opt::<Decimal128Type>()?;
    let absolute: Decimal128Array = values.unary(i128::wrapping_abs);
    absolute.with_precision_and_scale(values.precision(), values.scale()).ok()
}

/// The whole part of DECIMALs; `None` for other columns.
pub(super) fn whole_parts(column: &ArrayRef) -> Option<impl Iterator<Item = Option<i128>> + '_> {
    let values = column.as_primitive_opt::<Decimal128Type>()?;
    let unit = power_of_10(i32::from(values.scale()))?;
    Some(values.iter().map(move |value| value.map(|value| value / unit)))
}

/// DECIMALs as the nearest DOUBLEs; `None` for other columns. `exact` gives the DOUBLE of one row, where it is
/// not the quotient of two DOUBLEs that are exact.
pub(super) fn doubles(column: &ArrayRef, exact: &dyn Fn(usize) -> Option<f64>) -> Option<Float64Array> {
    /// Whole numbers and powers of ten up to these are DOUBLEs themselves.
    const EXACT_MAX: u128 = 1 << 53;
    const EXACT_EXPONENT_MAX: i8 = 22;
    let values = column.as_primitive_opt::<Decimal128Type>()?;
    if values.scale() > EXACT_EXPONENT_MAX {
        return None;
    }
    let unit = power_of_10(i32::from(values.scale()))? as f64;
    let rounded_once = |(row, value): (usize, Option<i128>)| match value? {
        value if value.unsigned_abs() <= EXACT_MAX => Some(value as f64 / unit),
        _ => exact(row),
    };
    Some(values.iter().enumerate().map(rounded_once).collect())
}

/// A type of DECIMAL whose unscaled numbers have 128 bits.
#[derive(Clone, Copy)]
struct Target {
    precision: u8,
    scale: i32,
}

impl Target {
    fn of(data_type: &DataType) -> Option<Target> {
        match data_type {
            DataType::Decimal128(precision, scale) => {
                Some(Target { precision: *precision, scale: i32::from(*scale) })
            }
            _ => None,
        }
    }

    /// How numbers of another scale become those of the type.
    fn rescaling(self, scale: i32) -> Option<Rescaling> {
        let bound = power_of_10(i32::from(self.precision))?.unsigned_abs();
        if self.scale >= scale {
            Some(Rescaling { factor: power_of_10(self.scale - scale)?, divisor: 1, bound })
        } else {
            Some(Rescaling { factor: 1, divisor: power_of_10(scale - self.scale)?, bound })
        }
    }

    fn typed(self, unscaled: Decimal128Array) -> Option<Decimal128Array> {
        let scale = i8::try_from(self.scale).ok()?;
        unscaled.with_precision_and_scale(self.precision, scale).ok()
    }
}

/// From one scale to another.
#[derive(Clone, Copy)]
struct Rescaling {
    factor: i128,
    divisor: i128,
    /// What the numbers stay below.
    bound: u128,
}

impl Rescaling {
    /// None for a number that has too many digits.
    #[inline]
    fn apply(self, unscaled: i128) -> Option<i128> {
        let shifted = if self.divisor == 1 {
            unscaled.checked_mul(self.factor)?
        } else {
            divided_half_up(unscaled, self.divisor)?
        };
        (shifted.unsigned_abs() < self.bound).then_some(shifted)
    }
}

/// The quotient rounded half up, which is away from zero; none for a division by zero.
#[inline]
fn divided_half_up(number: i128, divisor: i128) -> Option<i128> {
    let quotient = number.checked_div(divisor)?;
    let rest = number.checked_rem(divisor)?.unsigned_abs();
    let rounds_up = rest >= divisor.unsigned_abs() - rest;
    let away_from_zero = if (number < 0) == (divisor < 0) { 1 } else { -1 };
    if rounds_up { quotient.checked_add(away_from_zero) } else { Some(quotient) }
}

/// None for a negative exponent, and for a power that has more than 128 bits.
fn power_of_10(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent).ok()?)
}

fn each(
    left: &PrimitiveArray<Decimal128Type>,
    right: &PrimitiveArray<Decimal128Type>,
    exact: Exact<'_>,
    compute: impl Fn(i128, i128) -> Option<i128>,
) -> Decimal128Array {
    let pairs = left.iter().zip(right).map(|(left, right)| left.zip(right));
    one(pairs, exact, |(left, right)| compute(left, right))
}

fn one<T>(
    values: impl Iterator<Item = Option<T>>,
    exact: Exact<'_>,
    compute: impl Fn(T) -> Option<i128>,
) -> Decimal128Array {
    values.enumerate().map(|(row, value)| compute(value?).or_else(|| exact(row))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Array;
    use bigdecimal::num_bigint::BigInt;
    use bigdecimal::{BigDecimal, RoundingMode};
    use proptest::prelude::*;

    use super::*;

    const OPERATIONS: [Operation; 5] =
        [Operation::Add, Operation::Subtract, Operation::Multiply, Operation::Divide, Operation::Modulo];

    fn column(unscaled: i128, scale: i8) -> ArrayRef {
        let values = Decimal128Array::from(vec![Some(unscaled), None]);
        Arc::new(values.with_precision_and_scale(38, scale).expect("a DECIMAL"))
    }

    /// What an operation gives; `Err` where numbers of any size are asked.
    fn result(operation: Operation, left: (i128, i8), right: (i128, i8), scale: i8) -> Result<i128, ()> {
        let (left, right) = (column(left.0, left.1), column(right.0, right.1));
        let asked = std::cell::Cell::new(false);
        let exact = |_: usize| -> Option<i128> {
            asked.set(true);
            None
        };
        let found = computed(operation, (&left, &right), &DataType::Decimal128(38, scale), &exact);
        let found = found.ok_or(())?;
        assert!(found.is_null(1), "what is NULL stays NULL");
        if asked.get() { Err(()) } else { Ok(found.value(0)) }
    }

    #[test]
    fn quotients_and_shorter_scales_are_rounded_away_from_zero_at_a_half() {
        for (left, right, quotient) in
            [(1, 2, 1), (-1, 2, -1), (1, -2, -1), (1, 3, 0), (2, 3, 1), (-5, -3, 2)]
        {
            assert_eq!(result(Operation::Divide, (left, 0), (right, 0), 0), Ok(quotient), "{left} / {right}");
        }
        assert_eq!(result(Operation::Multiply, (15, 1), (15, 1), 1), Ok(23));
        assert_eq!(result(Operation::Modulo, (-75, 1), (20, 1), 1), Ok(-15));
    }

    #[test]
    fn what_has_no_place_in_128_bits_is_left_to_numbers_of_any_size() {
        let most = 10_i128.pow(38) - 1;
        assert_eq!(result(Operation::Add, (most, 0), (1, 0), 0), Err(()));
        assert_eq!(result(Operation::Multiply, (most, 0), (most, 0), 0), Err(()));
        assert_eq!(result(Operation::Divide, (1, 0), (0, 0), 0), Err(()));
        assert_eq!(result(Operation::Modulo, (1, 0), (0, 0), 0), Err(()));
        assert_eq!(result(Operation::Divide, (1, 38), (1, 0), 0), Err(()));
    }

    #[test]
    fn numbers_lose_digits_to_the_side_that_is_asked_for() {
        for (unscaled, floor, ceiling, nearest, cut) in
            [(25, 20, 30, 30, 20), (-25, -30, -20, -20, -20), (-26, -30, -20, -30, -20), (40, 40, 40, 40, 40)]
        {
            for (rounding, expected) in [
                (Rounding::Floor, floor),
                (Rounding::Ceiling, ceiling),
                (Rounding::Nearest, nearest),
                (Rounding::Cut, cut),
            ] {
                assert_eq!(rounding.to_multiple(unscaled, 10), Some(expected), "{unscaled} by {rounding:?}");
            }
        }
    }

    #[test]
    fn doubles_are_rounded_once() {
        let not_asked = |_: usize| -> Option<f64> { None };
        for (unscaled, scale, text) in [(1, 1, "0.1"), (-12345, 4, "-1.2345"), (3, 22, "3e-22"), (0, 2, "0")]
        {
            let found = doubles(&column(unscaled, scale), &not_asked).expect("DECIMALs");
            assert_eq!(found.value(0), text.parse::<f64>().expect("a number"), "{text}");
        }
        let asked = doubles(&column((1 << 53) + 1, 0), &|_| Some(1.5)).expect("DECIMALs");
        assert_eq!(asked.value(0), 1.5);
    }

    proptest! {
        #[test]
        fn results_are_those_of_numbers_of_any_size(
            left in -(10_i128.pow(20))..10_i128.pow(20),
            right in -(10_i128.pow(12))..10_i128.pow(12),
            left_scale in 0_i8..8,
            right_scale in 0_i8..8,
            scale in 0_i8..12,
            operation in proptest::sample::select(&OPERATIONS[..]),
        ) {
            prop_assume!(right != 0 || !matches!(operation, Operation::Divide | Operation::Modulo));
            let number = |unscaled: i128, scale: i8| BigDecimal::new(BigInt::from(unscaled), i64::from(scale));
            let (big_left, big_right) = (number(left, left_scale), number(right, right_scale));
            let exact = match operation {
                Operation::Add => &big_left + &big_right,
                Operation::Subtract => &big_left - &big_right,
                Operation::Multiply => &big_left * &big_right,
                // So many digits that rounding them again gives what rounding the exact quotient would.
                Operation::Divide => {
                    let shifted = BigInt::from(left) * BigInt::from(10).pow(60);
                    let digits = shifted / BigInt::from(right);
                    BigDecimal::new(digits, i64::from(left_scale) + 60 - i64::from(right_scale))
                }
                Operation::Modulo => &big_left % &big_right,
            };
            let expected = exact.with_scale_round(i64::from(scale), RoundingMode::HalfUp);
            let found = result(operation, (left, left_scale), (right, right_scale), scale);
            if let Ok(found) = found {
                prop_assert_eq!(BigInt::from(found), expected.into_bigint_and_exponent().0);
            }
        }
    }
}
