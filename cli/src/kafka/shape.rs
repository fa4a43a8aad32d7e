//! The check that stands before the codec: does a request's body hold what it declares?
//!
//! The codec crate allocates an array as soon as it has read the array's count, so four bytes of a
//! hostile client could ask for more memory than the machine has, which aborts the process. Here the
//! body is walked along the layout of its request (see [`super::shape_table`]) without allocating:
//! every length must lie inside the bytes that are there, every count must be no larger than the
//! bytes that are left (an element takes at least one), and all elements together must stay under a
//! limit. Only then does the codec decode.
//!
//! A layout that is wrong cannot hide: a test encodes a filled request of every call and version with
//! the codec itself and demands that the walk ends exactly at its end. What the *values* mean (null
//! where none may be, text that is not UTF-8) is left to the codec, which answers with an error.

use std::fmt;

/// Most array elements and tagged fields one request may hold. A decoded element takes up to about
/// [`ELEMENT_BYTES`] of memory however short it is on the wire, so this bounds what a frame can be
/// blown up to. It is five times the number of partitions the server allows.
pub(crate) const ELEMENTS_MAX: usize = 100_000;

/// Memory a decoded element is taken to need, for the budget of requests in work.
pub(crate) const ELEMENT_BYTES: usize = 256;

/// How one value is laid out.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A value of a fixed number of bytes.
    Fixed(usize),
    /// Text with a 16-bit length, or a varint one in flexible versions. May be null.
    Text,
    /// Bytes with a 32-bit length, or a varint one in flexible versions. May be null.
    Data,
    /// An array with a 32-bit count, or a varint one in flexible versions. May be null.
    Array(&'static Kind),
    /// Fields one after the other, in flexible versions followed by tagged fields.
    Struct(&'static [Field]),
}

/// A field of a structure and the versions that have it.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    kind: Kind,
    since: i16,
    until: i16,
    tag: Option<u32>,
}

/// The layout of one request.
pub(crate) struct Shape {
    /// First version with compact lengths and tagged fields.
    pub(crate) flexible_since: i16,
    /// The body's fields.
    pub(crate) fields: &'static [Field],
}

/// A field that every version has.
pub(crate) const fn always(kind: Kind) -> Field {
    Field { kind, since: 0, until: i16::MAX, tag: None }
}

/// A field from a version on.
pub(crate) const fn since(version: i16, kind: Kind) -> Field {
    Field { kind, since: version, until: i16::MAX, tag: None }
}

/// A field up to and with a version.
pub(crate) const fn until(version: i16, kind: Kind) -> Field {
    Field { kind, since: 0, until: version, tag: None }
}

/// A field of some versions.
pub(crate) const fn between(first: i16, last: i16, kind: Kind) -> Field {
    Field { kind, since: first, until: last, tag: None }
}

/// A tagged field whose content the codec decodes.
pub(crate) const fn tagged(tag: u32, version: i16, kind: Kind) -> Field {
    Field { kind, since: version, until: i16::MAX, tag: Some(tag) }
}

/// What is wrong with a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Misshapen {
    /// A value reaches past the end.
    Truncated,
    /// A length or count is negative (and not the -1 of a null).
    NegativeLength(i64),
    /// An array says it has more elements than there are bytes left.
    CountTooLarge(u64),
    /// More than [`ELEMENTS_MAX`] elements.
    TooManyElements,
    /// A varint of more than 32 bits.
    Varint,
    /// A tagged field whose content is not as long as it says.
    TagLength(u32),
}

impl fmt::Display for Misshapen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misshapen::Truncated => f.write_str("a value reaches past the end of the frame"),
            Misshapen::NegativeLength(length) => write!(f, "a length of {length}"),
            Misshapen::CountTooLarge(count) => {
                write!(f, "an array of {count} elements in a frame that cannot hold them")
            }
            Misshapen::TooManyElements => write!(f, "more than {ELEMENTS_MAX} array elements"),
            Misshapen::Varint => f.write_str("a varint of more than 32 bits"),
            Misshapen::TagLength(tag) => write!(f, "tagged field {tag} is not as long as it says"),
        }
    }
}

/// What a walk found in a body that is in shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Walked {
    /// Array elements and tagged fields.
    pub(crate) elements: usize,
    /// Bytes behind the request's end; brokers have always ignored them.
    pub(crate) trailing: usize,
}

impl Shape {
    /// Walks a body.
    pub(crate) fn walk(&self, version: i16, body: &[u8]) -> Result<Walked, Misshapen> {
        let mut walk = Walk { rest: body, version, flexible: version >= self.flexible_since, elements: 0 };
        walk.structure(self.fields)?;
        Ok(Walked { elements: walk.elements, trailing: walk.rest.len() })
    }
}

/// Walks the tagged fields at the end of a flexible request header; gives the bytes behind them.
pub(crate) fn skip_tagged_fields(bytes: &[u8]) -> Result<&[u8], Misshapen> {
    let mut walk = Walk { rest: bytes, version: 0, flexible: true, elements: 0 };
    walk.tagged_fields(&[])?;
    Ok(walk.rest)
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements: usize,
}

impl Walk<'_> {
    fn structure(&mut self, fields: &[Field]) -> Result<(), Misshapen> {
        for field in fields {
            if field.tag.is_none() && field.is_in(self.version) {
                self.value(field.kind)?;
            }
        }
        if self.flexible { self.tagged_fields(fields) } else { Ok(()) }
    }

    fn tagged_fields(&mut self, known: &[Field]) -> Result<(), Misshapen> {
        let count = self.varint()?;
        self.count(u64::from(count))?;
        for _ in 0..count {
            let tag = self.varint()?;
            let length = self.varint()? as usize;
            let content = known.iter().find(|field| field.tag == Some(tag) && field.is_in(self.version));
            match content {
                // The codec decodes a known tag by its layout and trusts that the length agrees.
                Some(field) => {
                    let before = self.rest.len();
                    self.value(field.kind)?;
                    if before - self.rest.len() != length {
                        return Err(Misshapen::TagLength(tag));
                    }
                }
                None => self.skip(length)?,
            }
        }
        Ok(())
    }

    fn value(&mut self, kind: Kind) -> Result<(), Misshapen> {
        match kind {
            Kind::Fixed(bytes) => self.skip(bytes),
            Kind::Text => {
                let length = if self.flexible { self.compact_length()? } else { self.length(2)? };
                self.skip(length.unwrap_or(0) as usize)
            }
            Kind::Data => {
                let length = if self.flexible { self.compact_length()? } else { self.length(4)? };
                self.skip(length.unwrap_or(0) as usize)
            }
            Kind::Array(element) => {
                let count = if self.flexible { self.compact_length()? } else { self.length(4)? };
                self.array(count.unwrap_or(0), *element)
            }
            Kind::Struct(fields) => self.structure(fields),
        }
    }

    fn array(&mut self, count: u64, element: Kind) -> Result<(), Misshapen> {
        if count > self.rest.len() as u64 {
            return Err(Misshapen::CountTooLarge(count));
        }
        if let Kind::Fixed(bytes) = element {
            // Numbers take no more memory decoded than on the wire.
            let total = (count as usize).checked_mul(bytes).ok_or(Misshapen::CountTooLarge(count))?;
            return self.skip(total);
        }
        self.count(count)?;
        for _ in 0..count {
            self.value(element)?;
        }
        Ok(())
    }

    fn count(&mut self, elements: u64) -> Result<(), Misshapen> {
        if elements > (ELEMENTS_MAX - self.elements) as u64 {
            return Err(Misshapen::TooManyElements);
        }
        self.elements += elements as usize;
        Ok(())
    }

    fn skip(&mut self, bytes: usize) -> Result<(), Misshapen> {
        self.rest = self.rest.get(bytes..).ok_or(Misshapen::Truncated)?;
        Ok(())
    }

    /// A length of 2 or 4 bytes; -1 is null.
    fn length(&mut self, width: usize) -> Result<Option<u64>, Misshapen> {
        let (bytes, rest) = self.rest.split_at_checked(width).ok_or(Misshapen::Truncated)?;
        self.rest = rest;
        let length = match *bytes {
            [a, b] => i64::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
            _ => return Err(Misshapen::Truncated),
        };
        match length {
            -1 => Ok(None),
            0.. => Ok(Some(length.unsigned_abs())),
            _ => Err(Misshapen::NegativeLength(length)),
        }
    }

    /// A varint length plus one; 0 is null.
    fn compact_length(&mut self) -> Result<Option<u64>, Misshapen> {
        Ok(self.varint()?.checked_sub(1).map(u64::from))
    }

    fn varint(&mut self) -> Result<u32, Misshapen> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Misshapen::Truncated)?;
            self.rest = rest;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                return Err(Misshapen::Varint);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Misshapen::Varint)
    }
}

impl Field {
    const fn is_in(&self, version: i16) -> bool {
        self.since <= version && version <= self.until
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
