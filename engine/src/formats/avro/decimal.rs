//! Decimals as Avro has them: the unscaled value in two's complement, big-endian, as short as it goes.

use arrow::datatypes::i256;

use crate::formats::scalar::Fault;

/// Bytes of the widest value.
const WIDE_BYTES: usize = 32;

/// The unscaled value of the bytes; `None` where it has more than 256 bits.
pub(super) fn read(bytes: &[u8]) -> Option<i256> {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let filler = if negative { 0xff } else { 0 };
    // Fixed values may be wider than their numbers.
    let excess = bytes.len().saturating_sub(WIDE_BYTES);
    let (sign, number) = bytes.split_at(excess);
    let sign_follows = number.first().is_none_or(|first| (first & 0x80 != 0) == negative);
    if !sign_follows || sign.iter().any(|byte| *byte != filler) {
        return None;
    }
    let mut wide = [filler; WIDE_BYTES];
    wide[WIDE_BYTES - number.len()..].copy_from_slice(number);
    Some(i256::from_be_bytes(wide))
}

/// The value at another scale, in so many digits.
///
/// # Errors
/// It does not fit, or not without rounding.
pub(super) fn rescale(value: i256, from: i64, precision: u8, to: i8) -> Result<i256, Fault> {
    let difference = i64::from(to) - from;
    let factor = u32::try_from(difference.unsigned_abs()).ok().and_then(power_of_ten);
    let rescaled = match (difference, factor) {
        (0, _) => value,
        _ if value == i256::ZERO => value,
        (1.., Some(factor)) => value.checked_mul(factor).ok_or(Fault::Range)?,
        (1.., None) => return Err(Fault::Range),
        (_, Some(factor)) => {
            if value.wrapping_rem(factor) != i256::ZERO {
                return Err(Fault::Rounding);
            }
            value.wrapping_div(factor)
        }
        (_, None) => return Err(Fault::Rounding),
    };
    let bound = power_of_ten(u32::from(precision)).ok_or(Fault::Range)?;
    let magnitude = rescaled.checked_abs().ok_or(Fault::Range)?;
    if magnitude < bound { Ok(rescaled) } else { Err(Fault::Range) }
}

/// Appends the shortest bytes of a value.
pub(super) fn write(value: i256, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let filler = if value.is_negative() { 0xff } else { 0 };
    let mut start = 0;
    // A byte goes as long as the next one still tells the sign.
    while start + 1 < bytes.len() && bytes[start] == filler && (bytes[start + 1] ^ filler) & 0x80 == 0 {
        start += 1;
    }
    out.extend_from_slice(&bytes[start..]);
}

fn power_of_ten(exponent: u32) -> Option<i256> {
    i256::from_i128(10).checked_pow(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_as_few_bytes_as_their_sign_allows() {
        for (value, bytes) in [
            (0, &[0][..]),
            (1, &[1]),
            (-1, &[0xff]),
            (127, &[0x7f]),
            (128, &[0, 0x80]),
            (-128, &[0x80]),
            (-129, &[0xff, 0x7f]),
            (1060, &[4, 0x24]),
        ] {
            let value = i256::from_i128(value);
            let mut out = Vec::new();
            write(value, &mut out);
            assert_eq!((out.as_slice(), read(bytes)), (bytes, Some(value)));
        }
        for value in [i256::MAX, i256::MIN] {
            let mut out = Vec::new();
            write(value, &mut out);
            assert_eq!((out.len(), read(&out)), (32, Some(value)));
        }
        assert_eq!(read(&[]), Some(i256::ZERO));
        assert_eq!(read(&[0xff; 40]), Some(i256::MINUS_ONE));
        assert_eq!(read(&[1; 33]), None);
    }

    #[test]
    fn a_scale_changes_only_without_loss() {
        let value = i256::from_i128;
        assert_eq!(rescale(value(15), 1, 4, 2), Ok(value(150)));
        assert_eq!(rescale(value(150), 2, 4, 1), Ok(value(15)));
        assert_eq!(rescale(value(151), 2, 4, 1), Err(Fault::Rounding));
        assert_eq!(rescale(value(10_000), 0, 4, 0), Err(Fault::Range));
        assert_eq!(rescale(value(9_999), 0, 4, 0), Ok(value(9_999)));
        assert_eq!(rescale(value(1), 0, 4, 4), Err(Fault::Range));
        assert_eq!(rescale(value(1), i64::MAX, 4, 4), Err(Fault::Rounding));
        assert_eq!(rescale(value(0), i64::MAX, 4, 4), Ok(value(0)));
    }
}
