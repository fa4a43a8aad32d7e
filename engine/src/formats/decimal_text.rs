//! Text of DECIMAL values, exact in both directions.
//!
//! Reading follows `java.math.BigDecimal`'s grammar (`12.50`, `.5`, `1e3`) and ksqlDB's rule for
//! records: a value must fit the declared precision and scale without rounding. Writing is plain
//! notation with all digits of the scale.

use arrow::array::ArrowNativeTypeOp;
use arrow::datatypes::i256;

/// Why a text is no value of a DECIMAL type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecimalError {
    /// The text is not a number.
    NotANumber,
    /// More digits before the point than precision minus scale.
    OutOfRange,
    /// Digits other than zero behind the last place of the scale.
    NeedsRounding,
}

/// The unscaled value of `text` in `DECIMAL(precision, scale)`: an `i128` up to 38 digits, an `i256` up
/// to 76.
///
/// # Errors
/// If the text is not a number, or does not fit without rounding.
pub fn parse_decimal<N: ArrowNativeTypeOp>(text: &str, precision: u8, scale: i8) -> Result<N, DecimalError> {
    let number = Number::parse(text).ok_or(DecimalError::NotANumber)?;
    number.unscaled(precision, scale)
}

/// Appends an unscaled value in plain notation: `-0.05` for -5 at scale 2.
pub fn write_decimal(unscaled: i128, scale: i8, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(unscaled.unsigned_abs()) {
        // 64-bit division is several times cheaper, and most amounts fit.
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(unscaled.unsigned_abs()),
    };
    write_plain(unscaled < 0, digits, scale, out);
}

/// As [`write_decimal`], for a value of more than 38 digits.
pub fn write_wide_decimal(unscaled: i256, scale: i8, out: &mut Vec<u8>) {
    let text = unscaled.to_string();
    let digits = text.strip_prefix('-');
    write_plain(digits.is_some(), digits.unwrap_or(&text), scale, out);
}

fn write_plain(negative: bool, digits: &str, scale: i8, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
    let places = usize::try_from(scale).unwrap_or(0);
    if places == 0 {
        out.extend_from_slice(digits.as_bytes());
        return;
    }
    match digits.len().checked_sub(places).filter(|whole| *whole > 0) {
        Some(whole) => {
            let (whole, fraction) = digits.split_at(whole);
            out.extend_from_slice(whole.as_bytes());
            out.push(b'.');
            out.extend_from_slice(fraction.as_bytes());
        }
        None => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (places - digits.len()), b'0');
            out.extend_from_slice(digits.as_bytes());
        }
    }
}

/// Appends a number's text as `java.math.BigDecimal.toString` shows it: the digits that were written,
/// scientific only for a positive exponent or a very small value (`1E+5`, `1E-7`).
///
/// Text that is not a number is appended as it is.
pub fn write_canonical_number(text: &str, out: &mut Vec<u8>) {
    let Some(number) = Number::parse(text) else {
        out.extend_from_slice(text.as_bytes());
        return;
    };
    let digits: Vec<u8> = number.significant_digits().collect();
    let digits: &[u8] = if digits.is_empty() { b"0" } else { &digits };
    if number.negative && number.significant_digits().next().is_some() {
        out.push(b'-');
    }
    let scale = number.scale();
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let exponent = length - 1 - scale;
    if scale == 0 {
        out.extend_from_slice(digits);
    } else if scale > 0 && exponent >= -6 {
        match usize::try_from(length - scale) {
            Ok(whole) if whole > 0 => {
                out.extend_from_slice(&digits[..whole]);
                out.push(b'.');
                out.extend_from_slice(&digits[whole..]);
            }
            _ => {
                out.extend_from_slice(b"0.");
                out.resize(out.len() + usize::try_from(scale - length).unwrap_or(0), b'0');
                out.extend_from_slice(digits);
            }
        }
    } else {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        if exponent != 0 {
            out.extend_from_slice(if exponent > 0 { b"E+" } else { b"E" });
            out.extend_from_slice(itoa::Buffer::new().format(exponent).as_bytes());
        }
    }
}

/// The whole part of a number's text, fraction cut off; `None` for no number or one beyond 64 bits.
#[must_use]
pub fn parse_truncated(text: &str) -> Option<i64> {
    let number = Number::parse(text)?;
    let kept = i64::try_from(number.significant_digits().count()).ok()? - number.scale();
    // 20 digits are beyond 64 bits, so the loop below is short whatever the exponent says.
    if kept <= 0 {
        return Some(0);
    }
    if kept > 19 {
        return number.significant_digits().next().is_none().then_some(0);
    }
    let mut magnitude: i128 = 0;
    let mut digits = number.significant_digits();
    for _ in 0..kept {
        magnitude = magnitude * 10 + i128::from(digits.next().unwrap_or(b'0') - b'0');
    }
    i64::try_from(if number.negative { -magnitude } else { magnitude }).ok()
}

/// A number's text, taken apart.
struct Number<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Number<'a> {
    fn parse(text: &'a str) -> Option<Number<'a>> {
        let bytes = text.as_bytes();
        let (negative, bytes) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, rest) = split_digits(bytes);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            rest => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => {
                // Java's exponents are 32 bits; a longer one is no number there either.
                i64::from(std::str::from_utf8(rest).ok()?.parse::<i32>().ok()?)
            }
            _ => return None,
        };
        Some(Number { negative, whole, fraction, exponent })
    }

    /// Digits without leading zeros; none for zero.
    fn significant_digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.iter().chain(self.fraction).copied().skip_while(|digit| *digit == b'0')
    }

    /// Digits behind the point once the exponent is applied; negative if zeros follow the digits.
    fn scale(&self) -> i64 {
        i64::try_from(self.fraction.len()).unwrap_or(i64::MAX).saturating_sub(self.exponent)
    }

    fn unscaled<N: ArrowNativeTypeOp>(&self, precision: u8, scale: i8) -> Result<N, DecimalError> {
        let count = i64::try_from(self.significant_digits().count()).unwrap_or(i64::MAX);
        if count == 0 {
            return Ok(N::ZERO);
        }
        // Digits that stay when the value is written with `scale` places; those behind must be zeros.
        let kept = count.saturating_add(i64::from(scale)).saturating_sub(self.scale());
        if kept > i64::from(precision) {
            return Err(DecimalError::OutOfRange);
        }
        let kept = usize::try_from(kept).unwrap_or(0);
        let mut digits = self.significant_digits();
        let ten = N::usize_as(10);
        let mut unscaled = N::ZERO;
        for _ in 0..kept {
            // Nothing wraps: precision bounds `kept`, and the type holds all values of its precision.
            let digit = N::usize_as(usize::from(digits.next().unwrap_or(b'0') - b'0'));
            unscaled = unscaled.mul_wrapping(ten).add_wrapping(digit);
        }
        if digits.any(|digit| digit != b'0') {
            return Err(DecimalError::NeedsRounding);
        }
        Ok(if self.negative { unscaled.neg_wrapping() } else { unscaled })
    }
}

fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::DecimalError::{NeedsRounding, NotANumber, OutOfRange};
    use super::*;

    fn plain(unscaled: i128, scale: i8) -> String {
        let mut out = Vec::new();
        write_decimal(unscaled, scale, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_decimal_is_read_exactly_or_refused() {
        for (text, expected) in [
            ("12.34", Ok(1234)),
            ("12.3", Ok(1230)),
            ("-12.340", Ok(-1234)),
            ("+.5", Ok(50)),
            ("5.", Ok(500)),
            ("1e1", Ok(1000)),
            ("1234e-2", Ok(1234)),
            ("0e99999", Ok(0)),
            ("00099.99", Ok(9999)),
            ("100", Err(OutOfRange)),
            ("1e400", Err(OutOfRange)),
            ("12.345", Err(NeedsRounding)),
            ("1e-9", Err(NeedsRounding)),
            ("", Err(NotANumber)),
            (".", Err(NotANumber)),
            ("1e", Err(NotANumber)),
            ("12a", Err(NotANumber)),
            (" 1", Err(NotANumber)),
            ("1e99999999999", Err(NotANumber)),
        ] {
            assert_eq!(parse_decimal::<i128>(text, 4, 2), expected, "{text:?}");
        }
        let widest = "9".repeat(38);
        assert_eq!(parse_decimal(&widest, 38, 0), Ok(10i128.pow(38) - 1));
        assert_eq!(parse_decimal::<i128>(&format!("{widest}0"), 38, 0), Err(OutOfRange));
    }

    #[test]
    fn a_decimal_is_written_with_all_digits_of_its_scale() {
        assert_eq!(plain(0, 2), "0.00");
        assert_eq!(plain(-5, 2), "-0.05");
        assert_eq!(plain(1000, 2), "10.00");
        assert_eq!(plain(1234, 0), "1234");
        assert_eq!(plain(i128::MAX, 3), "170141183460469231731687303715884105.727");
    }

    #[test]
    fn decimals_of_76_digits_are_exact() {
        let text = format!("-{}.{}", "9".repeat(50), "8".repeat(26));
        let unscaled: i256 = parse_decimal(&text, 76, 26).unwrap();
        let mut out = Vec::new();
        write_wide_decimal(unscaled, 26, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);
        assert_eq!(parse_decimal::<i256>(&"9".repeat(77), 76, 0), Err(OutOfRange));
        assert_eq!(parse_decimal::<i256>("1.5", 76, 0), Err(NeedsRounding));
    }

    #[test]
    fn a_number_in_a_string_column_looks_like_javas_big_decimal() {
        for (text, expected) in [
            ("1.50", "1.50"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("1e5", "1E+5"),
            ("12e-1", "1.2"),
            ("123456E-9", "0.000123456"),
            ("0.0000001", "1E-7"),
            ("0.00000123", "0.00000123"),
            ("1.5e10", "1.5E+10"),
            ("0e3", "0E+3"),
            ("-12.5", "-12.5"),
        ] {
            let mut out = Vec::new();
            write_canonical_number(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_whole_part_of_a_number_is_cut_not_rounded() {
        for (text, expected) in [
            ("1.9", Some(1)),
            ("-1.9", Some(-1)),
            ("1e3", Some(1000)),
            ("12345e-3", Some(12)),
            ("0.00001", Some(0)),
            ("9223372036854775807.9", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("1e30", None),
            ("0e30", Some(0)),
            ("x", None),
        ] {
            assert_eq!(parse_truncated(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn written_decimals_read_back(unscaled in -(10i128.pow(38) - 1)..10i128.pow(38), scale in 0i8..=38) {
            prop_assert_eq!(parse_decimal(&plain(unscaled, scale), 38, scale), Ok(unscaled));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text in ".{0,40}|[-+0-9.eE]{0,60}") {
            let _ = parse_decimal::<i128>(&text, 38, 10);
            let _ = parse_decimal::<i256>(&text, 76, 10);
            let _ = parse_truncated(&text);
            write_canonical_number(&text, &mut Vec::new());
        }
    }
}
