//! Texts that show their shape and not their content.
//!
//! Upper-case letters become `X`, lower-case letters `x`, digits `n` and all other characters `-`, or what
//! the call says instead; characters of a kind for which it says NULL stay. Kinds are the general categories of
//! Unicode. Numbers of characters count units of UTF-16 ([`super::utf16`]), of which each is masked: the second
//! half of a character is another character.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use arrow::datatypes::Int32Type;
use datafusion::common::Result;
use regex::Regex;

use super::arguments::{Buffer, Texts, Values, texts};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::utf16;
use crate::expressions::failures;

/// Declares a function that masks the characters of a text on one side of a place.
macro_rules! masking {
    ($name:literal, $description:literal, $range:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::String,
            description: $description,
            overloads: &[
                Overload {
                    signature: "(text STRING, characters INTEGER)",
                    returns: Returns::Type("STRING"),
                    evaluate: Evaluate::Arrays(|columns, _| mask(columns, Some($range))),
                },
                Overload {
                    signature: "(text STRING, characters INTEGER, upper STRING, lower STRING, digit STRING, \
                                other STRING)",
                    returns: Returns::Type("STRING"),
                    evaluate: Evaluate::Arrays(|columns, _| mask(columns, Some($range))),
                },
            ],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "mask",
        category: Category::String,
        description: "The text with every character replaced by one that tells its kind.",
        overloads: &[
            Overload {
                signature: "(text STRING)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| mask(columns, None)),
            },
            Overload {
                signature: "(text STRING, upper STRING, lower STRING, digit STRING, other STRING)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| mask(columns, None)),
            },
        ],
        examples: &["MASK('Pier 39') = 'Xxxx-nn'", "MASK('Pier 39', '*', NULL, '#', NULL) = '*ier ##'"],
        is_deterministic: true,
    },
    masking!(
        "mask_left",
        "As MASK, of the first characters alone.",
        Range::First,
        &["MASK_LEFT('Pier 39', 5) = 'Xxxx-39'"]
    ),
    masking!(
        "mask_right",
        "As MASK, of the last characters alone.",
        Range::Last,
        &["MASK_RIGHT('Pier 39', 5) = 'Pixx-nn'"]
    ),
    masking!(
        "mask_keep_left",
        "As MASK, of all but the first characters.",
        Range::AllButFirst,
        &["MASK_KEEP_LEFT('Pier 39', 5) = 'Pier nn'"]
    ),
    masking!(
        "mask_keep_right",
        "As MASK, of all but the last characters.",
        Range::AllButLast,
        &["MASK_KEEP_RIGHT('Pier 39', 5) = 'Xxer 39'"]
    ),
];

/// Which characters are masked, in terms of a number of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Range {
    First,
    Last,
    AllButFirst,
    AllButLast,
}

impl Range {
    /// Whether the unit at an index of a text of so many is masked.
    fn covers(self, index: usize, units: usize, number: usize) -> bool {
        match self {
            Range::First => index < number,
            Range::AllButFirst => index >= number,
            Range::Last => index >= units.saturating_sub(number),
            Range::AllButLast => index < units.saturating_sub(number),
        }
    }
}

/// What the characters of each kind become; none where they stay.
#[derive(Clone, Copy)]
struct Masks {
    upper: Option<char>,
    lower: Option<char>,
    digit: Option<char>,
    other: Option<char>,
}

impl Masks {
    const DEFAULT: Masks = Masks { upper: Some('X'), lower: Some('x'), digit: Some('n'), other: Some('-') };

    /// What a character becomes.
    fn mask(self, character: char) -> char {
        let mask = match Kind::of(character) {
            Kind::Upper => self.upper,
            Kind::Lower => self.lower,
            Kind::Digit => self.digit,
            Kind::Other => self.other,
        };
        mask.unwrap_or(character)
    }

    /// Appends a character of which the first unit and the last one, which may be the same, are masked or not.
    fn push(self, character: char, first: bool, last: bool, out: &mut Buffer) -> Option<()> {
        let masked = self.mask(character);
        match (first, last) {
            (false, false) => out.push(character),
            (true, true) => {
                out.push(masked)?;
                let has_second = character.len_utf16() > 1 && masked != character;
                self.other.filter(|_| has_second).map_or(Some(()), |other| out.push(other))
            }
            (first, _) => {
                let other = self.other.unwrap_or(utf16::HALF);
                let halves = if first { [other, utf16::HALF] } else { [utf16::HALF, other] };
                halves.into_iter().try_for_each(|half| out.push(half))
            }
        }
    }
}

/// What kind of character it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Upper,
    Lower,
    Digit,
    Other,
}

/// The kinds of characters beyond ASCII.
static KINDS: LazyLock<[(Regex, Kind); 3]> = LazyLock::new(|| {
    [(r"^\p{Lu}", Kind::Upper), (r"^\p{Ll}", Kind::Lower), (r"^\p{Nd}", Kind::Digit)]
        .map(|(category, kind)| (Regex::new(category).expect("a category that there is"), kind))
});

impl Kind {
    fn of(character: char) -> Kind {
        match character {
            'A'..='Z' => Kind::Upper,
            'a'..='z' => Kind::Lower,
            '0'..='9' => Kind::Digit,
            _ if character.is_ascii() => Kind::Other,
            _ => {
                let mut buffer = [0; 4];
                let text: &str = character.encode_utf8(&mut buffer);
                let known = KINDS.iter().find(|(category, _)| category.is_match(text));
                known.map_or(Kind::Other, |(_, kind)| *kind)
            }
        }
    }
}

fn mask(columns: &[ArrayRef], range: Option<Range>) -> Result<ArrayRef> {
    let text = Texts::of(columns, 0)?;
    let number = if range.is_some() { Some(Values::<Int32Type>::of(columns, 1)?) } else { None };
    let given = Texts::all(columns, 1 + usize::from(range.is_some()))?;
    texts(text.len(), |row, out| {
        let text = text.get(row)?;
        let masks = match given.as_slice() {
            [upper, lower, digit, other] => Masks {
                upper: single(upper.get(row))?,
                lower: single(lower.get(row))?,
                digit: single(digit.get(row))?,
                other: single(other.get(row))?,
            },
            _ => Masks::DEFAULT,
        };
        let covered = match (range, number) {
            (Some(range), Some(number)) => {
                let number = number.get(row)?;
                let Ok(number) = usize::try_from(number) else {
                    failures::note(|| format!("{number} characters cannot be masked or kept"));
                    return None;
                };
                Some((range, number, utf16::length(text)))
            }
            _ => None,
        };
        let covers = |index: usize| {
            covered.is_none_or(|(range, number, units): (Range, usize, usize)| {
                range.covers(index, units, number)
            })
        };
        let mut index = 0;
        text.chars().try_for_each(|character| {
            let (first, last) = (index, index + character.len_utf16() - 1);
            index = last + 1;
            masks.push(character, covers(first), covers(last), out)
        })
    })
}

/// The one character of a mask, `None` inside for NULL; none, with a note, where it has another number.
fn single(mask: Option<&str>) -> Option<Option<char>> {
    let Some(mask) = mask else { return Some(None) };
    let mut characters = mask.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Some(Some(only)),
        _ => {
            failures::note(|| format!("a mask is one character, not '{mask}'"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::assert_values;

    #[test]
    fn characters_are_masked_by_their_kind() {
        assert_values(&[
            ("MASK('Äb 3-c')", "STRING", Some("Xx-n-x")),
            ("MASK('Ab3-', '1', '2', '3', '4')", "STRING", Some("1234")),
            ("MASK('Ab3-', NULL, '2', NULL, '4')", "STRING", Some("A234")),
            ("MASK('Ab3-', 'XX', 'x', 'n', '-')", "STRING", None),
            ("MASK(CAST(NULL AS STRING))", "STRING", None),
            // A fraction is a number and no digit, a circled letter a symbol.
            ("MASK('½٣Ⓐª')", "STRING", Some("-n--")),
            ("MASK('a🌊b')", "STRING", Some("x--x")),
            ("MASK_LEFT('a🌊b', 2)", "STRING", Some("x-?b")),
            ("MASK_KEEP_LEFT('a🌊b', 3)", "STRING", Some("a🌊x")),
        ]);
    }

    #[test]
    fn characters_outside_of_the_range_stay() {
        assert_values(&[
            ("MASK_LEFT('Abc12', 4)", "STRING", Some("Xxxn2")),
            ("MASK_LEFT('Abc12', 9)", "STRING", Some("Xxxnn")),
            ("MASK_RIGHT('Abc12', 3)", "STRING", Some("Abxnn")),
            ("MASK_KEEP_LEFT('Abc12', 1)", "STRING", Some("Axxnn")),
            ("MASK_KEEP_RIGHT('Abc12', 1)", "STRING", Some("Xxxn2")),
            ("MASK_KEEP_RIGHT('Abc12', 9)", "STRING", Some("Abc12")),
            ("MASK_KEEP_LEFT('Abc12', 2, '#', '#', '#', '#')", "STRING", Some("Ab###")),
            ("MASK_LEFT('Abc12', -1)", "STRING", None),
            ("MASK_LEFT('Abc12', NULL)", "STRING", None),
        ]);
    }
}
