//! Avro's binary encoding, read value by value from bytes that nobody vouches for.

/// Longest encoding of a 64-bit number: seven bits a byte.
const VARINT_BYTES_MAX: usize = 10;

/// Values read over without a byte of their own: a schema can name records without fields, inside each
/// other, so that what stands in no byte takes for ever to read.
const EMPTY_VALUES_MAX: usize = 1 << 16;

/// The bytes are not what the schema says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed {
    /// What should have stood there.
    pub(super) expected: &'static str,
    /// Where.
    pub(super) position: usize,
}

/// Reads a payload's body.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Items of arrays and maps still allowed: as many as there are bytes. Items may take no bytes at
    /// all (nulls, records without fields), and a count of them must not fill memory.
    items_left: usize,
    /// Values that may still be read over.
    skips_left: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        let skips_left = bytes.len().saturating_add(EMPTY_VALUES_MAX);
        Cursor { bytes, position: 0, items_left: bytes.len(), skips_left }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Counts a value that is read over.
    #[inline]
    pub(super) fn skip_one(&mut self) -> Result<(), Malformed> {
        match self.skips_left.checked_sub(1) {
            Some(left) => {
                self.skips_left = left;
                Ok(())
            }
            None => Err(self.malformed("fewer values")),
        }
    }

    /// Refuses bytes behind the last value.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.position == self.bytes.len() { Ok(()) } else { Err(self.malformed("the end")) }
    }

    #[inline]
    pub(super) fn boolean(&mut self) -> Result<bool, Malformed> {
        match self.bytes.get(self.position) {
            Some(0) => {
                self.position += 1;
                Ok(false)
            }
            Some(1) => {
                self.position += 1;
                Ok(true)
            }
            _ => Err(self.malformed("a boolean")),
        }
    }

    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Malformed> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let mut value: u64 = 0;
        for (index, byte) in rest.iter().take(VARINT_BYTES_MAX).enumerate() {
            // The tenth byte has room for one bit.
            if index + 1 == VARINT_BYTES_MAX && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.position += index + 1;
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(self.malformed("a number"))
    }

    #[inline]
    pub(super) fn int(&mut self) -> Result<i32, Malformed> {
        let start = self.position;
        let value = self.long()?;
        i32::try_from(value).map_err(|_| {
            self.position = start;
            self.malformed("a number of 32 bits")
        })
    }

    #[inline]
    pub(super) fn float(&mut self) -> Result<f32, Malformed> {
        let bytes = self.rest().first_chunk().ok_or_else(|| self.malformed("four bytes of a float"))?;
        self.position += bytes.len();
        Ok(f32::from_le_bytes(*bytes))
    }

    #[inline]
    pub(super) fn double(&mut self) -> Result<f64, Malformed> {
        let bytes = self.rest().first_chunk().ok_or_else(|| self.malformed("eight bytes of a double"))?;
        self.position += bytes.len();
        Ok(f64::from_le_bytes(*bytes))
    }

    /// Bytes behind their length.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let start = self.position;
        let length = self.long()?;
        let length = usize::try_from(length).ok().filter(|length| *length <= self.rest().len());
        match length {
            Some(length) => self.take(length, "the bytes of a value"),
            None => {
                self.position = start;
                Err(self.malformed("a length that fits the payload"))
            }
        }
    }

    /// So many bytes.
    #[inline]
    pub(super) fn take(&mut self, length: usize, expected: &'static str) -> Result<&'a [u8], Malformed> {
        match self.rest().get(..length) {
            Some(bytes) => {
                self.position += length;
                Ok(bytes)
            }
            None => Err(self.malformed(expected)),
        }
    }

    /// Text behind its length.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let start = self.position;
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| Malformed { expected: "text in UTF-8", position: start })
    }

    /// Which of so many branches of a union or symbols of an enum comes.
    #[inline]
    pub(super) fn choice(&mut self, count: usize, expected: &'static str) -> Result<usize, Malformed> {
        let start = self.position;
        let index = self.long()?;
        usize::try_from(index).ok().filter(|index| *index < count).ok_or_else(|| {
            self.position = start;
            self.malformed(expected)
        })
    }

    /// Number of items in the next block of an array or a map; 0 behind the last.
    #[inline]
    fn block(&mut self) -> Result<usize, Malformed> {
        let start = self.position;
        let count = self.long()?;
        if count < 0 {
            // The block tells its size, for readers that skip it.
            self.long()?;
        }
        match usize::try_from(count.unsigned_abs()).ok().and_then(|count| self.items_left.checked_sub(count))
        {
            Some(left) => {
                let count = self.items_left - left;
                self.items_left = left;
                Ok(count)
            }
            None => {
                self.position = start;
                Err(self.malformed("a number of items that fits the payload"))
            }
        }
    }

    /// Has every item of an array or a map read, through all of its blocks.
    ///
    /// # Errors
    /// That of the item that cannot be read, or of the blocks.
    #[inline]
    pub(super) fn items<E: From<Malformed>>(
        &mut self,
        mut read: impl FnMut(&mut Cursor<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let count = self.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                read(self)?;
            }
        }
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    #[cold]
    fn malformed(&self, expected: &'static str) -> Malformed {
        Malformed { expected, position: self.position }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_avro_writes_them() {
        for (bytes, expected) in [
            (&[0][..], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0x7f], -64),
            (&[0x80, 1], 64),
            (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MAX),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MIN),
        ] {
            assert_eq!(Cursor::new(bytes).long(), Ok(expected), "{bytes:?}");
        }
        for bytes in [&[][..], &[0x80], &[0xff; 10], &[0xff; 11]] {
            assert!(Cursor::new(bytes).long().is_err(), "{bytes:?}");
        }
        assert!(Cursor::new(&[0x80, 0x80, 0x80, 0x80, 0x20]).int().is_err());
    }

    #[test]
    fn lengths_and_counts_beyond_the_payload_are_refused() {
        // A string of 2^40 bytes, and an array of as many items.
        let long = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1];
        assert!(Cursor::new(&long).bytes().is_err());
        assert!(Cursor::new(&long).block().is_err());
        assert!(Cursor::new(&[1]).bytes().is_err());
        assert!(Cursor::new(&[8, b'a']).text().is_err());
        assert!(Cursor::new(&[4]).choice(2, "a branch").is_err());
        // Blocks share the bound.
        let mut cursor = Cursor::new(&[4, 4, 0]);
        assert_eq!(cursor.block(), Ok(2));
        assert!(cursor.block().is_err());
    }

    #[test]
    fn a_block_may_tell_its_size() {
        let mut cursor = Cursor::new(&[3, 4, 2, 4, 0]);
        assert_eq!(cursor.block(), Ok(2));
        assert_eq!((cursor.int(), cursor.int(), cursor.block()), (Ok(1), Ok(2), Ok(0)));
        assert_eq!(cursor.end(), Ok(()));
    }
}
