//! Reads the members of an object into one token a column.
//!
//! Records of a topic mostly have the same members in the same order, spelled the same way. So the
//! reader remembers every spelling it has met together with the columns it feeds and the spelling that
//! followed it: for the next record a name costs one comparison of bytes, no hashing and no folding of
//! case. What the names mean is ksqlDB's rule: a column takes the member of exactly its name, else the
//! member whose upper-cased name is its name, and of several such the last.

use hashbrown::HashMap;

use super::scanner::{Scanner, Span, SyntaxError, Token};
use super::string::unescape;

/// Spellings remembered. Records with ever new names (maps written as objects) must not fill memory;
/// names beyond the bound are looked up each time.
const SPELLINGS_MAX: usize = 1024;

/// Longest spelling remembered, in bytes, for the same reason.
const SPELLING_BYTES_MAX: usize = 256;

/// No column, or no spelling.
const NONE: u32 = u32::MAX;

/// In the place of a spelling: the start of an object.
const START: u32 = u32::MAX - 1;

/// Reads objects for a fixed list of columns.
pub(super) struct ObjectReader {
    columns: HashMap<Box<str>, u32, ahash::RandomState>,
    slots: Vec<Slot>,
    spellings: Vec<Spelling>,
    by_bytes: HashMap<Box<[u8]>, u32, ahash::RandomState>,
    /// The spelling that the last object began with.
    first: u32,
    scratch: String,
}

/// What one column takes from the current object.
#[derive(Clone, Copy)]
struct Slot {
    token: Token,
    /// The member had exactly the column's name.
    exact: bool,
}

/// The columns that a member name feeds.
#[derive(Clone, Copy)]
struct Targets {
    /// The column of exactly this name.
    exact: u32,
    /// The column whose name is this one in upper case.
    folded: u32,
}

/// A member name as it stands in records.
struct Spelling {
    bytes: NameBytes,
    targets: Targets,
    /// The spelling that came next, last time.
    next: u32,
}

impl ObjectReader {
    /// A reader for columns of these names, in this order.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectReader {
        let columns: HashMap<Box<str>, u32, ahash::RandomState> =
            names.into_iter().zip(0..).map(|(name, column)| (name.into(), column)).collect();
        ObjectReader {
            slots: vec![Slot { token: Token::Missing, exact: false }; columns.len()],
            columns,
            spellings: Vec::new(),
            by_bytes: HashMap::default(),
            first: NONE,
            scratch: String::new(),
        }
    }

    /// What a column takes from the object read last.
    #[inline]
    pub(super) fn token(&self, column: usize) -> Token {
        self.slots.get(column).map_or(Token::Missing, |slot| slot.token)
    }

    /// Reads the object behind whose `{` the scanner stands, up to behind its `}`.
    pub(super) fn read(&mut self, scanner: &mut Scanner<'_>, text: &str) -> Result<(), SyntaxError> {
        self.slots.fill(Slot { token: Token::Missing, exact: false });
        let mut more = scanner.first_name()?;
        let mut before = START;
        while more {
            let (targets, spelling) = self.name(scanner, text, before)?;
            before = spelling;
            scanner.colon()?;
            let token = scanner.value()?;
            if let Some(slot) = self.slots.get_mut(targets.exact as usize) {
                *slot = Slot { token, exact: true };
            }
            if let Some(slot) = self.slots.get_mut(targets.folded as usize)
                && !slot.exact
            {
                slot.token = token;
            }
            more = scanner.next_name()?;
        }
        Ok(())
    }

    /// Reads a name, behind its opening quote.
    #[inline]
    fn name(
        &mut self,
        scanner: &mut Scanner<'_>,
        text: &str,
        before: u32,
    ) -> Result<(Targets, u32), SyntaxError> {
        let predicted = if before == START {
            self.first
        } else {
            self.spellings.get(before as usize).map_or(NONE, |spelling| spelling.next)
        };
        if let Some(spelling) = self.spellings.get(predicted as usize)
            && spelling.bytes.start(scanner.rest())
        {
            scanner.advance(spelling.bytes.length);
            return Ok((spelling.targets, predicted));
        }
        self.unpredicted_name(scanner, text, before)
    }

    fn unpredicted_name(
        &mut self,
        scanner: &mut Scanner<'_>,
        text: &str,
        before: u32,
    ) -> Result<(Targets, u32), SyntaxError> {
        let name = scanner.string_rest()?;
        let with_quote = Span { start: name.span.start, end: name.span.end + 1 };
        let bytes = with_quote.of(text).as_bytes();
        let known = self.by_bytes.get(bytes).copied();
        let (targets, spelling) =
            match known.and_then(|known| Some((known, self.spellings.get(known as usize)?))) {
                Some((known, spelling)) => (spelling.targets, known),
                None => {
                    let targets = self.resolve(name.span.of(text), name.escaped);
                    (targets, self.remember(bytes, targets))
                }
            };
        if before == START {
            self.first = spelling;
        } else if let Some(before) = self.spellings.get_mut(before as usize) {
            before.next = spelling;
        }
        Ok((targets, spelling))
    }

    fn remember(&mut self, bytes: &[u8], targets: Targets) -> u32 {
        let index = self.spellings.len();
        if index >= SPELLINGS_MAX || bytes.len() > SPELLING_BYTES_MAX {
            return NONE;
        }
        let index = index as u32;
        self.spellings.push(Spelling { bytes: NameBytes::new(bytes), targets, next: NONE });
        self.by_bytes.insert(bytes.into(), index);
        index
    }

    /// Which columns a name feeds, by its meaning.
    fn resolve(&mut self, inside: &str, escaped: bool) -> Targets {
        self.scratch.clear();
        let name = if !escaped {
            inside
        } else if unescape(inside, &mut self.scratch) {
            &self.scratch
        } else {
            // Half a surrogate pair is in no column's name.
            return Targets { exact: NONE, folded: NONE };
        };
        let exact = self.columns.get(name).copied().unwrap_or(NONE);
        let upper = name.to_uppercase();
        let folded = if upper == name { NONE } else { self.columns.get(&*upper).copied().unwrap_or(NONE) };
        Targets { exact, folded }
    }
}

/// The bytes of a name from behind its opening quote, the closing quote included: then text that starts
/// with them starts with the whole name.
struct NameBytes {
    bytes: Box<[u8]>,
    length: usize,
    /// The first eight bytes as a number, zeros behind a shorter name.
    first: u64,
    /// Ones where `first` has bytes of the name.
    first_mask: u64,
    /// The last eight bytes of a name that has as many.
    last: u64,
}

impl NameBytes {
    fn new(bytes: &[u8]) -> NameBytes {
        let mut padded = [0; 8];
        let length = bytes.len().min(8);
        padded[..length].copy_from_slice(&bytes[..length]);
        NameBytes {
            bytes: bytes.into(),
            length: bytes.len(),
            first: u64::from_le_bytes(padded),
            first_mask: u64::MAX >> (64 - 8 * length.max(1)),
            last: bytes.last_chunk().map_or(0, |eight| u64::from_le_bytes(*eight)),
        }
    }

    /// Whether `text` starts with the name. Names of up to 16 bytes are compared as two numbers, which
    /// takes a fraction of what a call to compare memory takes.
    #[inline]
    fn start(&self, text: &[u8]) -> bool {
        let word =
            |at: usize| text.get(at..).and_then(<[u8]>::first_chunk).map(|eight| u64::from_le_bytes(*eight));
        match word(0) {
            Some(first) if first & self.first_mask != self.first => false,
            Some(_) if self.length <= 8 => true,
            Some(_) if self.length <= 16 => word(self.length - 8) == Some(self.last),
            // Long names, and names near the end of the text.
            _ => text.starts_with(&self.bytes),
        }
    }
}
