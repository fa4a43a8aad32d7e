//! Values in Avro's binary encoding.

/// Appends a number, the sign in its last bit, seven bits a byte.
#[inline]
pub(super) fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends bytes behind their length.
#[inline]
pub(super) fn write_bytes(value: &[u8], out: &mut Vec<u8>) {
    write_length(value.len(), out);
    out.extend_from_slice(value);
}

/// Appends a length, a count, or the number of a branch or a symbol.
#[inline]
pub(super) fn write_length(length: usize, out: &mut Vec<u8>) {
    write_long(i64::try_from(length).expect("what is in memory has less than 2^63 parts"), out);
}

#[cfg(test)]
mod tests {
    use super::super::cursor::Cursor;
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        for value in [0, 1, -1, 63, -64, 64, 1 << 40, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_long(value, &mut out);
            assert_eq!(Cursor::new(&out).long(), Ok(value));
        }
    }
}
