//! The values behind the keys of operator state: framing, and the numbers and bytes inside.
//!
//! ```text
//! value   = version (1 byte), CRC-32C of the body (4 bytes, big-endian), body
//! varint  = 7 bits a byte, lowest first, high bit set on all but the last
//! i64     = varint of the zigzag form: small numbers of either sign are short
//! bytes   = varint length, bytes
//! ```
//!
//! Bodies are only read after their checksum fits. The decoders behind (those of rows above all) trust
//! what they are given, so a damaged value must be found here.

use crate::error::{Error, ErrorKind, Result};

/// Version of the framing and of everything operators put into it.
const VERSION: u8 = 1;

/// Version of a value of which parts are stored by themselves.
const VERSION_IN_PARTS: u8 = 2;

/// Version and checksum.
const HEADER_BYTES: usize = 5;

/// Begins a value at the end of a buffer; [`seal`] completes it. Gives where it begins.
pub fn begin(bytes: &mut Vec<u8>) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&[VERSION, 0, 0, 0, 0]);
    start
}

/// As [`begin`], for a value of which parts are stored by themselves.
pub fn begin_in_parts(bytes: &mut Vec<u8>) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&[VERSION_IN_PARTS, 0, 0, 0, 0]);
    start
}

/// Completes the value that began there and reaches to the end of the buffer.
pub fn seal(bytes: &mut [u8], start: usize) {
    let body = start + HEADER_BYTES;
    let checksum = crc32c::crc32c(&bytes[body..]);
    bytes[start + 1..body].copy_from_slice(&checksum.to_be_bytes());
}

/// Opens a value.
///
/// # Errors
/// `Corrupt`: another version, or a checksum that does not fit.
pub fn open(value: &[u8]) -> Result<Reader<'_>> {
    match open_either(value)? {
        (false, body) => Ok(body),
        (true, _) => Err(damaged("parts of it are stored by themselves, which is not done there")),
    }
}

/// Opens a value that may be stored in parts; tells whether it is.
///
/// # Errors
/// As [`open`].
pub fn open_either(value: &[u8]) -> Result<(bool, Reader<'_>)> {
    let [version, c0, c1, c2, c3, body @ ..] = value else {
        return Err(damaged("it is shorter than its header"));
    };
    if ![VERSION, VERSION_IN_PARTS].contains(version) {
        let newest = VERSION_IN_PARTS;
        return Err(damaged(&format!(
            "version {version} is unknown, this server knows those up to {newest}"
        )));
    }
    if crc32c::crc32c(body) != u32::from_be_bytes([*c0, *c1, *c2, *c3]) {
        return Err(damaged("its checksum does not fit"));
    }
    Ok((*version == VERSION_IN_PARTS, Reader { rest: body }))
}

/// Appends an unsigned number.
pub fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends a signed number.
pub fn put_i64(bytes: &mut Vec<u8>, value: i64) {
    put_varint(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends bytes with their length.
pub fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    put_varint(bytes, value.len() as u64);
    bytes.extend_from_slice(value);
}

/// Reads the body of a value, part by part.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads bytes that were part of a value.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The next bytes, as many as asked for.
    ///
    /// # Errors
    /// `Corrupt`: fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| damaged("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A fixed number of bytes, for numbers of that width.
    ///
    /// # Errors
    /// `Corrupt`: fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| damaged("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// `Corrupt`: it does not end, or is too large.
    pub fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(damaged("a number in it is too large"))
    }

    /// A number of things that follow, each at least one byte long.
    ///
    /// # Errors
    /// `Corrupt`: more than bytes are left, so that nobody reserves memory for them.
    pub fn count(&mut self) -> Result<usize> {
        let count = self.varint()?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= self.rest.len())
            .ok_or_else(|| damaged("it announces more than it holds"))
    }

    /// A signed number.
    ///
    /// # Errors
    /// As [`Reader::varint`].
    pub fn i64(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Bytes with their length.
    ///
    /// # Errors
    /// `Corrupt`: fewer are left than announced.
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    /// Whether everything has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `Corrupt`: something is left.
    pub fn finish(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged("it is longer than what it describes")) }
    }
}

/// The error of a value that cannot be read.
#[must_use]
pub fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("an entry of an operator's state cannot be read: {why}"))
        .with_hint("recreate the query that owns the state, so that it is computed anew from its input")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sealed(body: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        let start = begin(&mut value);
        value.extend_from_slice(body);
        seal(&mut value, start);
        value
    }

    #[test]
    fn a_value_with_a_flipped_bit_is_refused() {
        let value = sealed(b"body");
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&damaged).expect_err("refused").kind, ErrorKind::Corrupt, "bit {bit}");
        }
        assert!(open(&value).is_ok());
    }

    #[test]
    fn a_cut_value_is_refused() {
        let value = sealed(b"body");
        for length in 0..value.len() {
            assert!(open(&value[..length]).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_put_is_read_back(number: i64, unsigned: u64, text: Vec<u8>) {
            let mut body = Vec::new();
            put_i64(&mut body, number);
            put_varint(&mut body, unsigned);
            put_bytes(&mut body, &text);
            let value = sealed(&body);
            let mut reader = open(&value).expect("whole");
            prop_assert_eq!(reader.i64().expect("a number"), number);
            prop_assert_eq!(reader.varint().expect("a number"), unsigned);
            prop_assert_eq!(reader.bytes().expect("bytes"), &text[..]);
            prop_assert!(reader.finish().is_ok());
        }

        #[test]
        fn any_body_is_read_or_refused(body: Vec<u8>) {
            let mut reader = Reader { rest: &body };
            while reader.varint().is_ok() && reader.bytes().is_ok() {}
        }
    }
}
