//! The digits of DOUBLE values that Java prints, where they are not the shortest ones.
//!
//! ksqlDB runs on versions of Java whose printer, older than the algorithms for shortest digits, makes one
//! digit after the other until what is left is less than half the distance to the next value. It gives
//! more digits than are needed for powers of two, which are nearer to the value below than to the one
//! above, for whole numbers that have more digits than a DOUBLE, and where the shortest digits stand half-way
//! between two values. Results are compared as text, so the digits are the same here.

use std::f64::consts::LOG10_2;

use bigdecimal::num_bigint::BigUint;

/// Bits of the fraction that are stored.
const FRACTION_BITS: i32 = 52;

/// What is added to the exponent that is stored.
const EXPONENT_BIAS: i32 = 1_023;

/// Below this whole numbers lie densely, and their digits are all there.
const DENSE_WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A number of at most so many digits is nearer to one value than to what lies half-way to the next one.
const UNDISPUTED_DIGITS: usize = 15;

/// Whether Java prints the shortest digits, of which there are so many, for a positive finite value. Some
/// values for which it does are denied.
pub(super) fn are_shortest(magnitude: f64, digits: usize) -> bool {
    let has_fraction_bits = magnitude.to_bits().trailing_zeros() < FRACTION_BITS.unsigned_abs();
    let is_dense = magnitude < DENSE_WHOLE_MAX && (digits <= UNDISPUTED_DIGITS || magnitude.fract() == 0.0);
    is_dense && has_fraction_bits && magnitude >= f64::MIN_POSITIVE
}

/// The digits of a positive finite value, as text, and the exponent of the first of them.
pub(super) fn digits(magnitude: f64) -> (Vec<u8>, i32) {
    let value = Binary::of(magnitude);
    if (0..=62).contains(&value.exponent) && magnitude.fract() == 0.0 {
        value.whole()
    } else {
        value.counted()
    }
}

/// A value as `significand × 2^(exponent - 52)`, where the significand has its highest bit at place 52.
struct Binary {
    significand: u64,
    exponent: i32,
    /// Bits of the significand that a neighbour of the value may differ in.
    precision: i32,
}

impl Binary {
    fn of(magnitude: f64) -> Binary {
        let bits = magnitude.to_bits();
        let (stored_exponent, fraction) = (bits >> FRACTION_BITS, bits & ((1 << FRACTION_BITS) - 1));
        if stored_exponent > 0 {
            let exponent = i32::try_from(stored_exponent).unwrap_or(i32::MAX) - EXPONENT_BIAS;
            return Binary {
                significand: fraction | (1 << FRACTION_BITS),
                exponent,
                precision: FRACTION_BITS + 1,
            };
        }
        // Values next to 0 have fewer bits.
        let bit_count = fraction.checked_ilog2().map_or(1, |highest| highest.cast_signed() + 1);
        let shift = FRACTION_BITS + 1 - bit_count;
        Binary { significand: fraction << shift, exponent: 1 - shift - EXPONENT_BIAS, precision: bit_count }
    }

    /// The digits of a whole number of at most 63 bits: without those that its bits do not tell.
    fn whole(&self) -> (Vec<u8>, i32) {
        let shift = self.exponent - FRACTION_BITS;
        let mut number =
            if shift >= 0 { self.significand << shift } else { self.significand >> shift.unsigned_abs() };
        let mut exponent = 0;
        if shift > 1 {
            let untold_digits = (1_u64 << (shift - 2)).ilog10();
            let unit = 10_u64.pow(untold_digits);
            let round_up = untold_digits > 0 && number % unit >= unit / 2;
            number = number / unit + u64::from(round_up);
            exponent += untold_digits.cast_signed();
        }
        while number > 0 && number.is_multiple_of(10) {
            number /= 10;
            exponent += 1;
        }
        let digits = number.to_string().into_bytes();
        let behind_first = i32::try_from(digits.len()).unwrap_or(i32::MAX) - 1;
        (digits, exponent + behind_first)
    }

    /// The digits of other numbers, one after the other.
    fn counted(&self) -> (Vec<u8>, i32) {
        let trailing_zeros = self.significand.trailing_zeros();
        let bit_count = FRACTION_BITS + 1 - trailing_zeros.cast_signed();
        let bits_behind_point = (bit_count - self.exponent - 1).max(0);
        let mut exponent = self.estimated_exponent();

        // The value is `rest / divisor × 10^exponent`, and half the distance to the next value is
        // `half_gap / divisor × 10^exponent`; all of them are multiplied so that they are whole.
        let (rest_fives, divisor_fives) = ((-exponent).max(0), exponent.max(0));
        let mut rest_twos = rest_fives + bits_behind_point + self.exponent;
        let mut divisor_twos = divisor_fives + bits_behind_point;
        let mut half_gap_twos = rest_twos - self.precision;
        rest_twos -= bit_count - 1;
        let common = rest_twos.min(divisor_twos);
        rest_twos -= common;
        divisor_twos -= common;
        half_gap_twos -= common;
        if bit_count == 1 {
            // A power of two is half as far from the value below.
            half_gap_twos -= 1;
        }
        if half_gap_twos < 0 {
            rest_twos -= half_gap_twos;
            divisor_twos -= half_gap_twos;
            half_gap_twos = 0;
        }
        let significand = BigUint::from(self.significand >> trailing_zeros);
        let mut rest = significand * power(5, rest_fives) * power(2, rest_twos);
        let divisor = power(5, divisor_fives) * power(2, divisor_twos);
        let mut half_gap = power(5, rest_fives) * power(2, half_gap_twos);
        let ten_divisors = &divisor * 10_u8;
        // With numbers of 64 bits a rest of exactly half the distance is not yet small enough.
        let is_narrow = bit_count + rest_twos + bits_of_fives(rest_fives) < 64
            && divisor_twos + 1 + bits_of_fives(divisor_fives + 1) < 64;

        let mut digits = Vec::with_capacity(20);
        loop {
            let digit = &rest / &divisor;
            rest = (rest - &digit * &divisor) * 10_u8;
            half_gap *= 10_u8;
            let digit = u8::try_from(digit).unwrap_or(9);
            let below = rest < half_gap;
            let reached = (&rest + &half_gap).cmp(&ten_divisors);
            let above = reached.is_gt() || (reached.is_eq() && !is_narrow);
            if digits.is_empty() && digit == 0 && !above {
                // The exponent was estimated too high.
                exponent -= 1;
                continue;
            }
            digits.push(b'0' + digit);
            // There are always two digits in scientific notation.
            let is_first = digits.len() == 1;
            if (below || above) && !is_first {
                let doubled = &rest * 2_u8;
                let last_is_odd = digit % 2 == 1;
                let nearer_above = doubled > ten_divisors || (doubled == ten_divisors && last_is_odd);
                if above && (!below || nearer_above) && !round_up(&mut digits) {
                    exponent += 1;
                }
                break;
            }
        }
        while digits.len() > 1 && digits.last() == Some(&b'0') {
            digits.pop();
        }
        (digits, exponent)
    }

    /// The exponent of the first decimal digit, or one more.
    fn estimated_exponent(&self) -> i32 {
        let significand = self.significand as f64 / (1_u64 << FRACTION_BITS) as f64;
        let logarithm = (significand - 1.5) * 0.289529654 + 0.176091259 + f64::from(self.exponent) * LOG10_2;
        logarithm.floor() as i32
    }
}

/// Makes digits one higher in their last place; false where they were nines and are one and zeros now.
fn round_up(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return true;
        }
        *digit = b'0';
    }
    if let Some(first) = digits.first_mut() {
        *first = b'1';
    }
    false
}

fn power(base: u32, exponent: i32) -> BigUint {
    BigUint::from(base).pow(exponent.max(0).unsigned_abs())
}

/// How many bits a power of five has, by Java's table, which goes on with three for each.
fn bits_of_fives(fives: i32) -> i32 {
    const COUNTED_MAX: i32 = 26;
    match fives {
        0 => 0,
        1..=COUNTED_MAX => 5_u64.pow(fives.unsigned_abs()).ilog2().cast_signed() + 1,
        _ => fives * 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(value: f64) -> (String, i32) {
        let (digits, exponent) = digits(value);
        (String::from_utf8(digits).expect("digits"), exponent)
    }

    #[test]
    fn digits_are_those_of_java() {
        for (value, digits, exponent) in [
            (2f64.powi(-44), "56843418860808015", -14),
            (2f64.powi(62), "46116860184273879", 18),
            (2f64.powi(70), "11805916207174113", 21),
            (1e23, "9999999999999999", 22),
            (2e23, "19999999999999998", 23),
            (4.9e-324, "49", -324),
            (9.9e-324, "1", -323),
            (f64::MIN_POSITIVE, "22250738585072014", -308),
            (f64::MAX, "17976931348623157", 308),
            (3e-4, "3", -4),
            (1.5e300, "15", 300),
            (9.5e18, "95", 18),
        ] {
            assert_eq!(shown(value), (digits.to_owned(), exponent));
        }
    }

    proptest! {
        #[test]
        fn digits_read_back_as_the_value(bits in 1_u64..0x7ff0 << 48) {
            let value = f64::from_bits(bits);
            let (digits, exponent) = shown(value);
            let text = format!("{}.{}e{exponent}", &digits[..1], &digits[1..]);
            prop_assert_eq!(text.trim_end_matches('.').parse::<f64>().map(f64::to_bits), Ok(bits));
            let shortest = format!("{value:e}");
            let shortest: String = shortest.split('e').next().unwrap_or_default().replace('.', "");
            if are_shortest(value, shortest.len()) {
                prop_assert_eq!(digits, shortest);
            }
        }
    }
}
