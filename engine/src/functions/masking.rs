//! Texts that show their shape and not their content.
//!
//! Upper-case letters become `X`, lower-case letters `x`, digits `n` and all other characters `-`, or what
//! the call says instead; characters of a kind for which it says NULL stay.

use arrow::array::ArrayRef;
use arrow::datatypes::Int32Type;
use datafusion::common::Result;

use super::arguments::{Texts, Values, texts};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
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
    /// Whether the character at an index of a text of so many is masked.
    fn covers(self, index: usize, characters: usize, number: usize) -> bool {
        match self {
            Range::First => index < number,
            Range::AllButFirst => index >= number,
            Range::Last => index >= characters.saturating_sub(number),
            Range::AllButLast => index < characters.saturating_sub(number),
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

    fn mask(self, character: char) -> char {
        let mask = if character.is_uppercase() {
            self.upper
        } else if character.is_lowercase() {
            self.lower
        } else if character.is_numeric() {
            self.digit
        } else {
            self.other
        };
        mask.unwrap_or(character)
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
                Some((range, number, text.chars().count()))
            }
            _ => None,
        };
        text.chars().enumerate().try_for_each(|(index, character)| {
            let covers = |(range, number, all): (Range, usize, usize)| range.covers(index, all, number);
            out.push(if covered.is_none_or(covers) { masks.mask(character) } else { character })
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
