//! Finds the bytes that mean something inside a JSON string: quote, backslash, control characters.
//!
//! Eight bytes are looked at together as one integer. Strings in records are short, so that this beats
//! a call into a vectorised search, and it also finds control characters, which those do not.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Position of the first quote, backslash or control character at or behind `from`, or the length.
#[inline]
pub(super) fn next(bytes: &[u8], from: usize) -> usize {
    let mut position = from;
    while let Some(eight) = bytes.get(position..).and_then(<[u8]>::first_chunk::<8>) {
        let hits = special(u64::from_le_bytes(*eight));
        if hits != 0 {
            return position + (hits.trailing_zeros() / 8) as usize;
        }
        position += 8;
    }
    while let Some(byte) = bytes.get(position) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            break;
        }
        position += 1;
    }
    position
}

/// The high bit of every special byte. Bits above the first hit may be wrong (a borrow runs upwards),
/// the first is right.
#[inline]
fn special(word: u64) -> u64 {
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word;
    let quotes = zero_bytes(word ^ (ONES * b'"' as u64));
    let backslashes = zero_bytes(word ^ (ONES * b'\\' as u64));
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_looking_at_each_byte(bytes in proptest::collection::vec(any::<u8>(), 0..40), from in 0usize..45) {
            let expected = (from..bytes.len())
                .find(|at| bytes[*at] == b'"' || bytes[*at] == b'\\' || bytes[*at] < 0x20)
                .unwrap_or(bytes.len().max(from));
            prop_assert_eq!(next(&bytes, from), expected);
        }
    }
}
