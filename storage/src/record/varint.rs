//! Zig-zag variable-length integers, as records use them for every length and delta.
//!
//! Reading takes the number off the front of a slice, or answers `None` where the bytes end or the
//! number does not fit its type.

/// Takes a 32-bit number off the front of `bytes`.
#[inline]
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<i32> {
    if let [first, rest @ ..] = *bytes
        && *first < 0x80
    {
        *bytes = rest;
        return Some(unzigzag_32(u32::from(*first)));
    }
    let value = take_unsigned(bytes, 5)?;
    u32::try_from(value).ok().map(unzigzag_32)
}

/// Takes a 64-bit number off the front of `bytes`.
#[inline]
pub(crate) fn take_varlong(bytes: &mut &[u8]) -> Option<i64> {
    if let [first, rest @ ..] = *bytes
        && *first < 0x80
    {
        *bytes = rest;
        return Some(unzigzag_64(u64::from(*first)));
    }
    take_unsigned(bytes, 10).map(unzigzag_64)
}

/// Appends a 32-bit number.
#[inline]
pub(crate) fn put_varint(into: &mut Vec<u8>, value: i32) {
    put_unsigned(into, u64::from(zigzag_32(value)));
}

/// Appends a 64-bit number.
#[inline]
pub(crate) fn put_varlong(into: &mut Vec<u8>, value: i64) {
    put_unsigned(into, zigzag_64(value));
}

/// Bytes that [`put_varint`] writes.
#[inline]
pub(crate) fn varint_bytes(value: i32) -> usize {
    unsigned_bytes(u64::from(zigzag_32(value)))
}

/// Bytes that [`put_varlong`] writes.
#[inline]
pub(crate) fn varlong_bytes(value: i64) -> usize {
    unsigned_bytes(zigzag_64(value))
}

#[inline]
pub(crate) fn unzigzag_32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
pub(crate) fn unzigzag_64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
fn zigzag_32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

#[inline]
fn zigzag_64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn take_unsigned(bytes: &mut &[u8], bytes_max: usize) -> Option<u64> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(bytes_max).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index;
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

#[inline]
fn put_unsigned(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value as u8) | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

#[inline]
fn unsigned_bytes(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_at_the_edges_survive_a_round_trip() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i64::from(i32::MAX), i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_varlong(&mut bytes, value);
            assert_eq!(bytes.len(), varlong_bytes(value));
            let mut rest = bytes.as_slice();
            assert_eq!(take_varlong(&mut rest), Some(value));
            assert!(rest.is_empty());
        }
        for value in [0, -1, 64, i32::MAX, i32::MIN] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_bytes(value));
            assert_eq!(take_varint(&mut bytes.as_slice()), Some(value));
        }
    }

    #[test]
    fn a_number_that_ends_early_or_is_too_long_is_refused() {
        assert_eq!(take_varint(&mut [0x80, 0x80].as_slice()), None);
        assert_eq!(take_varint(&mut [].as_slice()), None);
        assert_eq!(take_varint(&mut [0xff, 0xff, 0xff, 0xff, 0x1f].as_slice()), None, "33 bits");
        assert_eq!(take_varlong(&mut [0xff; 11].as_slice()), None);
        let mut too_wide = [0xff; 10];
        too_wide[9] = 0x02;
        assert_eq!(take_varlong(&mut too_wide.as_slice()), None, "65 bits");
    }
}
