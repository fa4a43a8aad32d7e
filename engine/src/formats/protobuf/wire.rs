//! The wire format: fields of a message as they stand in its bytes, and the bytes of fields.
//!
//! Reading checks every bound and allocates nothing; what a field means is not known here. A group,
//! which only old schemas have, is stepped over as a whole.

/// Bytes of the longest varint: 64 bits, seven in each.
const VARINT_BYTES_MAX: usize = 10;

/// Groups within groups that are stepped over: what other implementations allow at most.
const GROUP_DEPTH_MAX: usize = 100;

/// How the value of a field is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// A field as it stands in a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum WireValue<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    /// A group, without its content.
    Group,
}

/// Bytes that are no message: what was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed(pub(super) &'static str);

/// The fields of a message, in the order in which they stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct WireFields<'a> {
    rest: &'a [u8],
}

impl<'a> WireFields<'a> {
    pub(super) fn new(message: &'a [u8]) -> WireFields<'a> {
        WireFields { rest: message }
    }

    /// The next field's number and value; `None` at the message's end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, WireValue<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            0 => WireValue::Varint(read_varint(&mut self.rest)?),
            1 => WireValue::Fixed64(read_fixed64(&mut self.rest)?),
            2 => WireValue::Bytes(read_bytes(&mut self.rest)?),
            3 => {
                self.skip_group(number)?;
                WireValue::Group
            }
            5 => WireValue::Fixed32(read_fixed32(&mut self.rest)?),
            4 => return Err(Malformed("the end of a group that did not begin")),
            _ => return Err(Malformed("a field of an unknown wire type")),
        };
        Ok(Some((number, value)))
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = read_varint(&mut self.rest)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number != 0);
        match number {
            Some(number) => Ok((number, (tag & 7) as u8)),
            None => Err(Malformed("a field number that cannot be")),
        }
    }

    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Malformed> {
        let mut open = vec![number];
        while let Some(innermost) = open.last().copied() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                0 => drop(read_varint(&mut self.rest)?),
                1 => drop(read_fixed64(&mut self.rest)?),
                2 => drop(read_bytes(&mut self.rest)?),
                3 if open.len() < GROUP_DEPTH_MAX => open.push(number),
                3 => return Err(Malformed("groups nested too deeply")),
                4 if number == innermost => drop(open.pop()),
                4 => return Err(Malformed("the end of a group that did not begin")),
                5 => drop(read_fixed32(&mut self.rest)?),
                _ => return Err(Malformed("a field of an unknown wire type")),
            }
        }
        Ok(())
    }
}

/// Takes a varint off the front.
#[inline]
pub(super) fn read_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    if let Some((first, behind)) = rest.split_first()
        && *first < 0x80
    {
        *rest = behind;
        return Ok(u64::from(*first));
    }
    read_long_varint(rest)
}

fn read_long_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0u64;
    for (index, byte) in rest.iter().take(VARINT_BYTES_MAX).enumerate() {
        // The tenth byte has one bit that counts; others keep what Java and C++ keep: nothing.
        value |= u64::from(byte & 0x7f).wrapping_shl(7 * index as u32);
        if *byte < 0x80 {
            *rest = &rest[index + 1..];
            return Ok(value);
        }
    }
    Err(Malformed(if rest.len() < VARINT_BYTES_MAX {
        "an end inside a number"
    } else {
        "a number of more than ten bytes"
    }))
}

/// Takes eight bytes off the front.
#[inline]
pub(super) fn read_fixed64(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let (bytes, behind) = rest.split_first_chunk().ok_or(Malformed("an end inside a number of 8 bytes"))?;
    *rest = behind;
    Ok(u64::from_le_bytes(*bytes))
}

/// Takes four bytes off the front.
#[inline]
pub(super) fn read_fixed32(rest: &mut &[u8]) -> Result<u32, Malformed> {
    let (bytes, behind) = rest.split_first_chunk().ok_or(Malformed("an end inside a number of 4 bytes"))?;
    *rest = behind;
    Ok(u32::from_le_bytes(*bytes))
}

/// Takes a length and as many bytes off the front.
#[inline]
pub(super) fn read_bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let length = read_varint(rest)?;
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (bytes, behind) = split.ok_or(Malformed("a length beyond the end"))?;
    *rest = behind;
    Ok(bytes)
}

/// Appends a varint.
#[inline]
pub(super) fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the tag of a field.
#[inline]
pub(super) fn write_tag(number: u32, wire_type: WireType, out: &mut Vec<u8>) {
    write_varint(u64::from(number) << 3 | wire_type as u64, out);
}

/// Appends bytes behind their length.
#[inline]
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Appends what `write` appends, behind its length. Most contents are short: room for a length of one
/// byte is left, and only a longer content is moved.
#[inline]
pub(super) fn write_with_length<T>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = out.len();
    out.push(0);
    let result = write(out);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
    } else {
        let mut prefix = Vec::with_capacity(VARINT_BYTES_MAX);
        write_varint(length as u64, &mut prefix);
        out.splice(start..=start, prefix);
    }
    result
}

/// Small numbers of either sign as small numbers: 0, -1, 1, -2 …
#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The number that [`zigzag`] made.
#[inline]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(message: &[u8]) -> Result<Vec<(u32, WireValue<'_>)>, Malformed> {
        let mut fields = WireFields::new(message);
        let mut all = Vec::new();
        while let Some(field) = fields.next()? {
            all.push(field);
        }
        Ok(all)
    }

    #[test]
    fn numbers_survive_the_way_through_bytes() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            write_varint(value, &mut bytes);
            assert_eq!(read_varint(&mut bytes.as_slice()), Ok(value));
        }
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn a_message_gives_its_fields_in_order_and_groups_are_stepped_over() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x01, b'a', 0x1b, 0x08, 0x01, 0x1c, 0x25, 1, 0, 0, 0];
        assert_eq!(
            fields(&message),
            Ok(vec![
                (1, WireValue::Varint(150)),
                (2, WireValue::Bytes(b"a")),
                (3, WireValue::Group),
                (4, WireValue::Fixed32(1)),
            ])
        );
    }

    #[test]
    fn bytes_that_end_early_or_lie_about_their_length_are_malformed() {
        for message in [
            &[0x08][..],
            &[0x80],
            &[0x08, 0x80],
            &[0x00, 0x01],
            &[0x12, 0x05, b'a'],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x0d, 1, 2, 3],
            &[0x09, 1, 2, 3, 4, 5, 6, 7],
            &[0x0e],
            &[0x0c],
            &[0x0b, 0x14],
            &[0x0b; 200],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert!(fields(message).is_err(), "{message:?}");
        }
    }

    #[test]
    fn a_long_content_gets_a_long_length() {
        for length in [0usize, 1, 127, 128, 20_000] {
            let mut bytes = vec![7];
            write_with_length(&mut bytes, |out| out.resize(out.len() + length, 9));
            let mut rest = &bytes[1..];
            assert_eq!(read_bytes(&mut rest), Ok(vec![9; length].as_slice()));
            assert!(rest.is_empty());
        }
    }
}
