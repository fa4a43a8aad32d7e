//! Values of scanned numbers in the types of columns.

use super::scanner::NumberToken;
use crate::formats::decimal_text::{DecimalError, parse_decimal, parse_truncated, write_canonical_number};

/// Powers of ten that a DOUBLE holds exactly.
const DOUBLE_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Whole numbers up to here are DOUBLEs without loss.
const DOUBLE_WHOLE_MAX: u64 = 1 << 53;

impl NumberToken {
    /// The number cut to a whole one, as Java's `longValue` cuts; `None` beyond 64 bits, where Java
    /// would silently keep the low bits.
    #[inline]
    pub(super) fn to_i64(self, text: &str) -> Option<i64> {
        if !self.exact || self.exponent != 0 {
            return parse_truncated(self.span.of(text));
        }
        if self.negative {
            0i64.checked_sub_unsigned(self.mantissa)
        } else {
            i64::try_from(self.mantissa).ok()
        }
    }

    /// The nearest DOUBLE; infinity beyond its range.
    #[inline]
    pub(super) fn to_f64(self, text: &str) -> f64 {
        let power = DOUBLE_POWERS.get(self.exponent.unsigned_abs() as usize);
        match power {
            // One correctly rounded operation on two exact values is the nearest value.
            Some(power) if self.exact && self.mantissa <= DOUBLE_WHOLE_MAX => {
                let whole = self.mantissa as f64;
                let magnitude = if self.exponent < 0 { whole / power } else { whole * power };
                if self.negative { -magnitude } else { magnitude }
            }
            // JSON's grammar of numbers is part of Rust's.
            _ => self.span.of(text).parse().unwrap_or(f64::NAN),
        }
    }

    /// The unscaled value in `DECIMAL(precision, scale)`, without rounding.
    #[inline]
    pub(super) fn to_decimal(self, text: &str, precision: u8, scale: i8) -> Result<i128, DecimalError> {
        let shift = i32::from(scale) + self.exponent;
        if !self.exact || self.exponent > 0 || shift < 0 {
            return parse_decimal(self.span.of(text), precision, scale);
        }
        let unscaled = power_of_ten(shift.unsigned_abs())
            .and_then(|power| power.checked_mul(i128::from(self.mantissa)))
            .filter(|unscaled| power_of_ten(u32::from(precision)).is_some_and(|limit| *unscaled < limit))
            .ok_or(DecimalError::OutOfRange);
        unscaled.map(|unscaled| if self.negative { -unscaled } else { unscaled })
    }

    /// Appends the number as a STRING column shows it.
    pub(super) fn write_text(self, text: &str, out: &mut Vec<u8>) {
        let number = self.span.of(text);
        let negative_zero = self.negative && self.mantissa == 0;
        if self.exponent == 0 && !negative_zero && !number.contains(['.', 'e', 'E']) {
            out.extend_from_slice(number.as_bytes());
        } else {
            write_canonical_number(number, out);
        }
    }
}

#[inline]
fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}
