//! Floating point and decimal numbers as Postgres writes them.

use std::io::Write;

use bytes::{BufMut, BytesMut};

/// Exponent from which Postgres writes a `float8` in scientific notation: the digits a double is sure
/// to hold.
const FLOAT64_EXPONENT_MAX: i32 = 15;

/// The same for a `float4`.
const FLOAT32_EXPONENT_MAX: i32 = 6;

/// Exponent below which Postgres writes scientific notation.
const EXPONENT_MIN: i32 = -4;

/// Digits of one group of the binary format of numerics.
const GROUP_DIGITS: usize = 4;

/// Sign word of a negative numeric.
const NUMERIC_NEGATIVE: u16 = 0x4000;

/// Writes the shortest text that reads back as the same `float8`.
pub(super) fn write_float64(value: f64, out: &mut BytesMut) {
    if value.is_finite() {
        let mut text = [0_u8; 32];
        write_scientific(scientific(&mut text, value), FLOAT64_EXPONENT_MAX, out);
    } else {
        write_not_finite(value, out);
    }
}

/// Writes the shortest text that reads back as the same `float4`.
pub(super) fn write_float32(value: f32, out: &mut BytesMut) {
    if value.is_finite() {
        let mut text = [0_u8; 32];
        write_scientific(scientific(&mut text, value), FLOAT32_EXPONENT_MAX, out);
    } else {
        write_not_finite(f64::from(value), out);
    }
}

/// Writes a decimal given by its digits and the number of them behind the point.
pub(super) fn write_decimal(negative: bool, digits: &str, scale: i8, out: &mut BytesMut) {
    if negative {
        out.put_u8(b'-');
    }
    let Ok(scale) = usize::try_from(scale) else {
        out.put_slice(digits.as_bytes());
        if digits != "0" {
            out.put_bytes(b'0', usize::from(scale.unsigned_abs()));
        }
        return;
    };
    let integer_digits = digits.len().saturating_sub(scale);
    let (integer, fraction) = digits.split_at(integer_digits);
    out.put_slice(if integer.is_empty() { b"0" } else { integer.as_bytes() });
    if scale > 0 {
        out.put_u8(b'.');
        out.put_bytes(b'0', scale - fraction.len());
        out.put_slice(fraction.as_bytes());
    }
}

/// Writes a decimal in the binary format: groups of four decimal digits around the point.
pub(super) fn write_numeric(negative: bool, digits: &str, scale: i8, out: &mut BytesMut) {
    // A negative scale stands for zeros before the point.
    let zeros_behind = usize::from(if scale < 0 { scale.unsigned_abs() } else { 0 });
    let scale = usize::try_from(scale).unwrap_or(0);
    let digits = digits.trim_start_matches('0').as_bytes();
    let integer_digits = (digits.len() + zeros_behind).saturating_sub(scale);
    let leading_zeros = scale.saturating_sub(digits.len() + zeros_behind);

    // Position of a digit, counted from the first group's beginning, is `shift` more than its index.
    let integer_groups = integer_digits.div_ceil(GROUP_DIGITS);
    let shift = integer_groups * GROUP_DIGITS - integer_digits + leading_zeros;
    let group_count = (shift + digits.len() + zeros_behind).div_ceil(GROUP_DIGITS);
    let group = |index: usize| -> u16 {
        (0..GROUP_DIGITS).fold(0, |number, place| {
            let digit = (index * GROUP_DIGITS + place)
                .checked_sub(shift)
                .and_then(|position| digits.get(position))
                .map_or(0, |digit| u16::from(digit - b'0'));
            number * 10 + digit
        })
    };
    let first = (0..group_count).find(|index| group(*index) != 0).unwrap_or(group_count);
    let last = (first..group_count).rev().find(|index| group(*index) != 0).map_or(first, |index| index + 1);

    let weight = if first == last { 0 } else { integer_groups as i16 - 1 - first as i16 };
    out.put_u16((last - first) as u16);
    out.put_i16(weight);
    out.put_u16(if negative && last > first { NUMERIC_NEGATIVE } else { 0 });
    out.put_u16(scale as u16);
    for index in first..last {
        out.put_u16(group(index));
    }
}

fn write_not_finite(value: f64, out: &mut BytesMut) {
    out.put_slice(if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    });
}

/// Rust's shortest `1.5e-7` form of a number, in `text`.
fn scientific(text: &mut [u8; 32], value: impl std::fmt::LowerExp) -> &[u8] {
    let mut rest = &mut text[..];
    write!(rest, "{value:e}").expect("the longest double has 17 digits, a sign, a point and an exponent");
    let length = 32 - rest.len();
    &text[..length]
}

/// Writes digits and exponent the way Postgres lays them out.
fn write_scientific(number: &[u8], exponent_max: i32, out: &mut BytesMut) {
    let (negative, number) = match number.strip_prefix(b"-") {
        Some(number) => (true, number),
        None => (false, number),
    };
    let e = number.iter().position(|byte| *byte == b'e').unwrap_or(number.len());
    let exponent: i32 = std::str::from_utf8(&number[(e + 1).min(number.len())..])
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let first = &number[..1];
    let others = number.get(2..e).unwrap_or_default();
    if negative {
        out.put_u8(b'-');
    }
    if exponent < EXPONENT_MIN || exponent >= exponent_max {
        out.put_slice(first);
        if !others.is_empty() {
            out.put_u8(b'.');
            out.put_slice(others);
        }
        out.put_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let digits = exponent.unsigned_abs();
        if digits < 10 {
            out.put_u8(b'0');
        }
        out.put_slice(itoa::Buffer::new().format(digits).as_bytes());
    } else if exponent < 0 {
        out.put_slice(b"0.");
        out.put_bytes(b'0', exponent.unsigned_abs() as usize - 1);
        out.put_slice(first);
        out.put_slice(others);
    } else {
        let integer_rest = exponent as usize;
        out.put_slice(first);
        out.put_slice(&others[..integer_rest.min(others.len())]);
        out.put_bytes(b'0', integer_rest.saturating_sub(others.len()));
        if others.len() > integer_rest {
            out.put_u8(b'.');
            out.put_slice(&others[integer_rest..]);
        }
    }
}
