//! Keys of several parts whose order as bytes is the order of the parts.
//!
//! ```text
//! key    = kind (1 byte), part*
//! u32    = 4 bytes, big-endian
//! u64    = 8 bytes, big-endian
//! i64    = 8 bytes, big-endian, sign bit flipped: negative numbers come first
//! bytes  = the bytes with 00 written as 00 FF, then 00 00
//! rest   = the bytes as they are; only as the last part
//! ```
//!
//! The end mark of `bytes` sorts below every continuation (00 00 < 00 FF < 01 …), so a string comes
//! before all longer ones that begin with it, and what follows it in the key does not disturb that.
//! No length is stored: a length in front would sort short strings before long ones.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;

use super::KeyKind;
use crate::error::{ErrorKind, Result, StorageError};

/// What a zero byte within `bytes` is written as, and what ends them.
const ZERO: u8 = 0x00;
const ESCAPED: u8 = 0xFF;
const END: u8 = 0x00;

/// The sign bit of an i64 in its two's complement form.
const SIGN: u64 = 1 << 63;

/// Bytes of a damaged key shown in an error.
const SHOWN_BYTES_MAX: usize = 32;

/// Writes a key. One builder can write many: keep the prefix's [`KeyBuilder::len`] and go back to it
/// by [`KeyBuilder::truncate`].
///
/// Invariant: the first byte is a key kind's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyBuilder {
    key: Vec<u8>,
}

impl KeyBuilder {
    /// Begins a key of a kind.
    #[must_use]
    pub fn new(kind: KeyKind) -> KeyBuilder {
        KeyBuilder { key: vec![kind.byte()] }
    }

    /// Adds a number.
    pub fn u32(&mut self, value: u32) -> &mut KeyBuilder {
        self.key.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Adds a number.
    pub fn u64(&mut self, value: u64) -> &mut KeyBuilder {
        self.key.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Adds a signed number.
    pub fn i64(&mut self, value: i64) -> &mut KeyBuilder {
        self.u64(value.cast_unsigned() ^ SIGN)
    }

    /// Adds bytes of any length that other parts may follow.
    pub fn bytes(&mut self, value: &[u8]) -> &mut KeyBuilder {
        let mut pieces = value.split(|byte| *byte == ZERO);
        // Splitting yields at least one piece, and one more for every zero.
        self.key.extend_from_slice(pieces.next().unwrap_or_default());
        for piece in pieces {
            self.key.extend_from_slice(&[ZERO, ESCAPED]);
            self.key.extend_from_slice(piece);
        }
        self.key.extend_from_slice(&[ZERO, END]);
        self
    }

    /// Adds bytes as they are. Nothing may be added after them.
    pub fn rest(&mut self, value: &[u8]) -> &mut KeyBuilder {
        self.key.extend_from_slice(value);
        self
    }

    /// Bytes written, the kind's included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a key has its kind at least")]
    pub fn len(&self) -> usize {
        self.key.len()
    }

    /// Drops what was written after the first `len` bytes. The kind stays.
    pub fn truncate(&mut self, len: usize) {
        self.key.truncate(len.max(1));
    }

    /// The key so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.key
    }

    /// The key so far, as a copy.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.key)
    }

    /// The key.
    #[must_use]
    pub fn finish(self) -> Bytes {
        self.key.into()
    }

    /// The range of all keys that begin with the key so far.
    #[must_use]
    pub fn prefix_range(&self) -> Range<Bytes> {
        prefix_range(&self.key)
    }
}

/// The range of all keys that begin with a prefix.
///
/// # Panics
/// Where the prefix does not begin with a key kind's byte, which is never 0xFF.
#[must_use]
pub fn prefix_range(prefix: &[u8]) -> Range<Bytes> {
    let mut end = prefix.to_vec();
    while end.last() == Some(&0xFF) {
        end.pop();
    }
    let last = end.last_mut().expect("a kind's byte is never 0xFF, so one byte is left");
    *last += 1;
    Bytes::copy_from_slice(prefix)..end.into()
}

/// Takes a key apart, part by part, as it was built.
#[derive(Clone, Debug)]
pub struct KeyReader<'a> {
    key: &'a [u8],
    position: usize,
}

impl<'a> KeyReader<'a> {
    /// Reads the kind, which must be the one expected.
    ///
    /// # Errors
    /// `Corrupt` where the key is of another kind or empty.
    pub fn new(key: &'a [u8], kind: KeyKind) -> Result<KeyReader<'a>> {
        let mut reader = KeyReader { key, position: 0 };
        match reader.take(1, "its kind")? {
            [byte] if *byte == kind.byte() => Ok(reader),
            _ => Err(damaged(key, &format!("it is not one of kind '{kind}'"))),
        }
    }

    /// Reads a number.
    ///
    /// # Errors
    /// `Corrupt` where the key ends first.
    pub fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(size_of::<u32>(), "a number of 4 bytes")?;
        Ok(u32::from_be_bytes(bytes.try_into().expect("as many bytes as were asked for")))
    }

    /// Reads a number.
    ///
    /// # Errors
    /// `Corrupt` where the key ends first.
    pub fn u64(&mut self) -> Result<u64> {
        let bytes = self.take(size_of::<u64>(), "a number of 8 bytes")?;
        Ok(u64::from_be_bytes(bytes.try_into().expect("as many bytes as were asked for")))
    }

    /// Reads a signed number.
    ///
    /// # Errors
    /// `Corrupt` where the key ends first.
    pub fn i64(&mut self) -> Result<i64> {
        Ok((self.u64()? ^ SIGN).cast_signed())
    }

    /// Reads bytes written by [`KeyBuilder::bytes`]; borrowed unless they hold a zero.
    ///
    /// # Errors
    /// `Corrupt` where their end is missing or an escape is not one.
    pub fn bytes(&mut self) -> Result<Cow<'a, [u8]>> {
        let mut value = Cow::Borrowed(&[][..]);
        loop {
            let ahead = self.ahead();
            let Some(zero) = ahead.iter().position(|byte| *byte == ZERO) else {
                return Err(damaged(self.key, "a byte string in it has no end"));
            };
            let (piece, mark) = ahead.split_at(zero);
            if value.is_empty() {
                value = Cow::Borrowed(piece);
            } else {
                value.to_mut().extend_from_slice(piece);
            }
            self.position += zero + 2;
            match mark.get(1) {
                Some(&END) => return Ok(value),
                Some(&ESCAPED) => value.to_mut().push(ZERO),
                _ => {
                    return Err(damaged(
                        self.key,
                        "a byte string in it has neither an escape nor an end after a zero",
                    ));
                }
            }
        }
    }

    /// Reads whatever is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.ahead();
        self.position = self.key.len();
        rest
    }

    /// Checks that everything has been read.
    ///
    /// # Errors
    /// `Corrupt` where bytes are left.
    pub fn finish(self) -> Result<()> {
        if self.ahead().is_empty() {
            return Ok(());
        }
        Err(damaged(self.key, &format!("more follows its last part, which ends at byte {}", self.position)))
    }

    fn ahead(&self) -> &'a [u8] {
        self.key.get(self.position..).unwrap_or_default()
    }

    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let taken = self
            .ahead()
            .get(..count)
            .ok_or_else(|| damaged(self.key, &format!("it ends within {what} at byte {}", self.position)))?;
        self.position += count;
        Ok(taken)
    }
}

fn damaged(key: &[u8], how: &str) -> StorageError {
    let mut shown = String::new();
    for byte in key.iter().take(SHOWN_BYTES_MAX) {
        let _ = write!(shown, "{byte:02x}");
    }
    if key.len() > SHOWN_BYTES_MAX {
        shown.push('…');
    }
    StorageError::new(ErrorKind::Corrupt, format!("the state key '{shown}' is damaged: {how}"))
}

#[cfg(test)]
#[path = "key_encoding_tests.rs"]
mod tests;
