//! Which DECIMAL comes out of arithmetic on DECIMALs.
//!
//! The rules are ksqlDB's: enough digits that nothing can be lost, except where a quotient has no end.
//! ksqlDB has no bound on digits; here there is one ([`MAX_DECIMAL_PRECISION`]). Where a result would
//! need more, digits behind the point are given up first, but not below [`MIN_KEPT_SCALE`]; what then
//! still does not fit fails at run time, row by row.

use crate::type_system::{MAX_DECIMAL_PRECISION, SqlType};

/// Digits behind the point that are kept when a result type has to be shortened.
pub const MIN_KEPT_SCALE: u16 = 6;

/// Digits that hold any INTEGER.
pub const INTEGER_DIGITS: u8 = 10;

/// Digits that hold any BIGINT.
pub const BIGINT_DIGITS: u8 = 19;

/// Precision and scale of a DECIMAL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digits {
    /// Digits in all.
    pub precision: u8,
    /// Digits behind the point, at most `precision`.
    pub scale: u8,
}

impl Digits {
    /// Digits before the point.
    #[must_use]
    pub fn whole(self) -> u8 {
        self.precision.saturating_sub(self.scale)
    }

    /// Whether every value of `other` is also one of these.
    #[must_use]
    pub fn holds(self, other: Digits) -> bool {
        self.whole() >= other.whole() && self.scale >= other.scale
    }

    /// The digits of a number type as a DECIMAL; `None` for DOUBLE and what is no number.
    #[must_use]
    pub fn of(data_type: &SqlType) -> Option<Digits> {
        match data_type {
            SqlType::Integer => Some(Digits { precision: INTEGER_DIGITS, scale: 0 }),
            SqlType::Bigint => Some(Digits { precision: BIGINT_DIGITS, scale: 0 }),
            SqlType::Decimal { precision, scale } => Some(Digits { precision: *precision, scale: *scale }),
            _ => None,
        }
    }

    /// The DECIMAL type with these digits.
    #[must_use]
    pub fn sql_type(self) -> SqlType {
        SqlType::Decimal { precision: self.precision, scale: self.scale }
    }
}

/// The type of a sum or a difference.
#[must_use]
pub fn add(left: Digits, right: Digits) -> Digits {
    let scale = wide(left.scale.max(right.scale));
    shorten(wide(left.whole().max(right.whole())) + scale + 1, scale)
}

/// The type of a product.
#[must_use]
pub fn multiply(left: Digits, right: Digits) -> Digits {
    shorten(wide(left.precision) + wide(right.precision) + 1, wide(left.scale) + wide(right.scale))
}

/// The type of a quotient.
#[must_use]
pub fn divide(left: Digits, right: Digits) -> Digits {
    let scale = (wide(left.scale) + wide(right.precision) + 1).max(MIN_KEPT_SCALE);
    shorten(wide(left.whole()) + wide(right.scale) + scale, scale)
}

/// The type of a remainder.
#[must_use]
pub fn modulo(left: Digits, right: Digits) -> Digits {
    let scale = wide(left.scale.max(right.scale));
    shorten((wide(left.whole().min(right.whole())) + scale).max(1), scale)
}

/// The smallest DECIMAL that holds the values of both.
#[must_use]
pub fn common(left: Digits, right: Digits) -> Digits {
    let scale = wide(left.scale.max(right.scale));
    shorten(wide(left.whole().max(right.whole())) + scale, scale)
}

fn wide(digits: u8) -> u16 {
    u16::from(digits)
}

fn shorten(precision: u16, scale: u16) -> Digits {
    let max = wide(MAX_DECIMAL_PRECISION);
    let surplus = precision.saturating_sub(max);
    let scale = scale.saturating_sub(surplus).max(scale.min(MIN_KEPT_SCALE));
    let narrow = |digits: u16| u8::try_from(digits.min(max)).unwrap_or(MAX_DECIMAL_PRECISION);
    Digits { precision: narrow(precision), scale: narrow(scale) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(precision: u8, scale: u8) -> Digits {
        Digits { precision, scale }
    }

    #[test]
    fn results_have_the_digits_that_lose_nothing() {
        assert_eq!(add(digits(4, 2), digits(5, 3)), digits(6, 3));
        assert_eq!(multiply(digits(4, 2), digits(5, 3)), digits(10, 5));
        assert_eq!(modulo(digits(4, 2), digits(5, 3)), digits(5, 3));
        assert_eq!(common(digits(10, 0), digits(4, 2)), digits(12, 2));
    }

    #[test]
    fn quotients_have_at_least_six_digits_behind_the_point() {
        assert_eq!(divide(digits(2, 1), digits(2, 1)), digits(8, 6));
        assert_eq!(divide(digits(10, 2), digits(10, 2)), digits(23, 13));
    }

    #[test]
    fn beyond_the_bound_digits_behind_the_point_go_first() {
        assert_eq!(multiply(digits(76, 0), digits(76, 0)), digits(76, 0));
        assert_eq!(multiply(digits(40, 20), digits(40, 20)), digits(76, 35));
        assert_eq!(divide(digits(33, 16), digits(33, 16)), digits(76, 43));
        assert_eq!(divide(digits(76, 2), digits(76, 2)), digits(76, 6));
    }
}
