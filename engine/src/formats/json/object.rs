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

/// Reads objects for a fixed list of columns.
pub(super) struct ObjectReader {
    columns: HashMap<Box<str>, u32, ahash::RandomState>,
    slots: Vec<Slot>,
    spellings: Vec<Spelling>,
    by_bytes: HashMap<Box<[u8]>, u32, ahash::RandomState>,
    /// The spelling that records have begun with.
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
    /// Its bytes from behind the opening quote, the closing quote included: then a prefix of the
    /// remaining text that equals them is the whole name.
    bytes: Box<[u8]>,
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
        let mut before = NONE;
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
        let predicted = self.spellings.get(before as usize).map_or(self.first, |spelling| spelling.next);
        if let Some(spelling) = self.spellings.get(predicted as usize)
            && scanner.rest().starts_with(&spelling.bytes)
        {
            scanner.advance(spelling.bytes.len());
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
        match self.spellings.get_mut(before as usize) {
            Some(before) => before.next = spelling,
            None => self.first = spelling,
        }
        Ok((targets, spelling))
    }

    fn remember(&mut self, bytes: &[u8], targets: Targets) -> u32 {
        let index = self.spellings.len();
        if index >= SPELLINGS_MAX || bytes.len() > SPELLING_BYTES_MAX {
            return NONE;
        }
        let index = index as u32;
        self.spellings.push(Spelling { bytes: bytes.into(), targets, next: NONE });
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
