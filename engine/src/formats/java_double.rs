//! Text of DOUBLE values as ksqlDB's users know it: Java's `Double.toString` and
//! `Double.parseDouble`.
//!
//! The digits are the shortest that read back as the same value, but for the few values of which Java
//! prints more (`java_digits`). In form Java differs from other shortest printers: always a digit on
//! both sides of the point, and scientific notation outside 10⁻³ ≤ |x| < 10⁷. JSON, DELIMITED and
//! `CAST(… AS STRING)` print through this file, so that a value looks the same wherever it is read.

use super::java_digits;

/// Appends the text of `value`: `10.0`, `1.0E10`, `1.0E-5`, `NaN`, `-Infinity`.
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    if !value.is_finite() {
        let text: &[u8] = match (value.is_nan(), value > 0.0) {
            (true, _) => b"NaN",
            (false, true) => b"Infinity",
            (false, false) => b"-Infinity",
        };
        out.extend_from_slice(text);
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let shortest = buffer.format_finite(value).as_bytes();
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        // In this range the shortest printer's plain notation is Java's, point and zeros included.
        out.extend_from_slice(shortest);
        return;
    }
    let mut decimal = Scientific::of(shortest);
    if !java_digits::are_shortest(magnitude, decimal.length) {
        let (digits, exponent) = java_digits::digits(magnitude);
        decimal = Scientific::new(&digits, exponent);
    }
    decimal.write(value.is_sign_negative(), out);
}

/// The text of `value` as an owned string.
#[must_use]
pub fn double_to_string(value: f64) -> String {
    let mut out = Vec::with_capacity(24);
    write_double(value, &mut out);
    String::from_utf8(out).expect("digits, signs, point and the words NaN and Infinity are ASCII")
}

/// The value of a text, by the rules of Java's `Double.parseDouble`: surrounding blanks, a sign, `NaN`,
/// `Infinity`, and a trailing `d` or `f` are allowed. Hexadecimal floating point is not read.
#[must_use]
pub fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" if text.starts_with('-') => return Some(f64::NEG_INFINITY),
        "Infinity" => return Some(f64::INFINITY),
        _ => {}
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        // Keeps out `inf`, `nan` and a second sign, which Rust's parser takes.
        return None;
    }
    let number = match text.strip_suffix(['d', 'D', 'f', 'F']) {
        Some(rest) if rest.ends_with(|c: char| c.is_ascii_digit() || c == '.') => rest,
        Some(_) => return None,
        None => text,
    };
    number.parse().ok()
}

/// Digits and the exponent of the first one: `d.ddd × 10^exponent`.
struct Scientific {
    digits: [u8; 24],
    length: usize,
    exponent: i32,
}

impl Scientific {
    /// From a shortest printer's text, plain or scientific.
    fn of(text: &[u8]) -> Scientific {
        let mut decimal = Scientific { digits: [b'0'; 24], length: 0, exponent: -1 };
        let mut fraction = false;
        for (index, byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    let leading_zero = *byte == b'0' && decimal.length == 0;
                    if !fraction && !leading_zero {
                        decimal.exponent += 1;
                    }
                    if fraction && leading_zero {
                        decimal.exponent -= 1;
                    }
                    if !leading_zero && decimal.length < decimal.digits.len() {
                        decimal.digits[decimal.length] = *byte;
                        decimal.length += 1;
                    }
                }
                b'.' => fraction = true,
                b'e' => {
                    let exponent: i32 = std::str::from_utf8(&text[index + 1..])
                        .ok()
                        .and_then(|digits| digits.parse().ok())
                        .unwrap_or(0);
                    decimal.exponent += exponent;
                    break;
                }
                _ => {}
            }
        }
        while decimal.length > 1 && decimal.digits[decimal.length - 1] == b'0' {
            decimal.length -= 1;
        }
        decimal
    }

    fn new(digits: &[u8], exponent: i32) -> Scientific {
        let mut decimal = Scientific { digits: [b'0'; 24], length: 1, exponent };
        for (place, digit) in decimal.digits.iter_mut().zip(digits) {
            *place = *digit;
        }
        decimal.length = digits.len().clamp(1, decimal.digits.len());
        decimal
    }

    fn write(&self, negative: bool, out: &mut Vec<u8>) {
        if negative {
            out.push(b'-');
        }
        out.push(self.digits[0]);
        out.push(b'.');
        match &self.digits[1..self.length] {
            [] => out.push(b'0'),
            rest => out.extend_from_slice(rest),
        }
        out.push(b'E');
        out.extend_from_slice(itoa::Buffer::new().format(self.exponent).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_that_of_java() {
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (10.0, "10.0"),
            (-12.5, "-12.5"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (0.00123, "0.00123"),
            (1e-5, "1.0E-5"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (1e10, "1.0E10"),
            (-1.5e300, "-1.5E300"),
            (2f64.powi(63) / 3.0, "3.0744573456182584E18"),
            (2f64.powi(-44), "5.6843418860808015E-14"),
            (2e23, "1.9999999999999998E23"),
            (8.41e21, "8.409999999999999E21"),
            (1e22, "1.0E22"),
            (2f64.powi(62), "4.6116860184273879E18"),
            (2e-3, "0.002"),
            (100.0, "100.0"),
            (123_456.0, "123456.0"),
            (1.0 / 3.0, "0.3333333333333333"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (5e-324, "4.9E-324"),
            (1e-323, "1.0E-323"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_to_string(value), expected);
        }
    }

    #[test]
    fn text_is_read_as_java_reads_it() {
        for (text, expected) in [
            ("1", Some(1.0)),
            (" 1.5 ", Some(1.5)),
            ("+2.", Some(2.0)),
            (".5", Some(0.5)),
            ("-1e3", Some(-1000.0)),
            ("1d", Some(1.0)),
            ("1.5F", Some(1.5)),
            ("Infinity", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1e400", Some(f64::INFINITY)),
            ("inf", None),
            ("infinity", None),
            ("nan", None),
            ("", None),
            (".", None),
            ("d", None),
            ("1e", None),
            ("1ed", None),
            ("--1", None),
            ("1 2", None),
            ("0x10", None),
        ] {
            assert_eq!(parse_double(text), expected, "{text:?}");
        }
        assert!(parse_double("NaN").is_some_and(f64::is_nan));
    }

    proptest! {
        #[test]
        fn every_value_reads_back_as_itself(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            let back = parse_double(&double_to_string(value)).expect("own text is readable");
            prop_assert!(back.to_bits() == bits || (back.is_nan() && value.is_nan()));
        }
    }
}
