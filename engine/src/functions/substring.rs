//! Parts of texts and of BYTES, and their padding to a length.
//!
//! Positions and lengths count units of UTF-16 of STRINGs ([`super::utf16`]) and bytes of BYTES. Positions begin
//! at 1, and at -1 from behind.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::arguments::{Buffer, Bytes, Texts, Values, binaries, texts};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::utf16;

/// Declares a function that brings text and bytes to a length.
macro_rules! padding {
    ($name:literal, $description:literal, $side:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::String,
            description: $description,
            overloads: &[
                Overload {
                    signature: "(text STRING, length INTEGER, padding STRING)",
                    returns: Returns::Type("STRING"),
                    evaluate: Evaluate::Arrays(|columns, _| pad_texts(columns, $side)),
                },
                Overload {
                    signature: "(bytes BYTES, length INTEGER, padding BYTES)",
                    returns: Returns::Type("BYTES"),
                    evaluate: Evaluate::Arrays(|columns, _| pad_bytes(columns, $side)),
                },
            ],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "substring",
        category: Category::String,
        description: "The part of a STRING or BYTES that begins at a position, counted from 1, and from \
                      behind where it is negative; of a length, or to the end.",
        overloads: &[
            Overload {
                signature: "(text STRING, position INTEGER)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(of_texts),
            },
            Overload {
                signature: "(text STRING, position INTEGER, length INTEGER)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(of_texts),
            },
            Overload {
                signature: "(bytes BYTES, position INTEGER)",
                returns: Returns::Type("BYTES"),
                evaluate: Evaluate::Arrays(of_bytes),
            },
            Overload {
                signature: "(bytes BYTES, position INTEGER, length INTEGER)",
                returns: Returns::Type("BYTES"),
                evaluate: Evaluate::Arrays(of_bytes),
            },
        ],
        examples: &["SUBSTRING('Tidemill', 5) = 'mill'", "SUBSTRING('Tidemill', -4, 2) = 'mi'"],
        is_deterministic: true,
    },
    padding!(
        "LPad",
        "The text or the bytes, brought to a length: filled up at the beginning, or cut at the end.",
        Side::Left,
        &["LPAD('7', 3, '0') = '007'"]
    ),
    padding!(
        "RPad",
        "The text or the bytes, brought to a length: filled up at the end, or cut there.",
        Side::Right,
        &["RPAD('ebb', 6, '.-') = 'ebb.-.'"]
    ),
];

/// Where padding is put.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Left,
    Right,
}

/// Position and length of the part of every row; none where a row has no part.
struct Parts<'a> {
    position: Values<'a, Int32Type>,
    length: Option<Values<'a, Int32Type>>,
}

impl<'a> Parts<'a> {
    fn of(columns: &'a [ArrayRef]) -> Result<Parts<'a>> {
        let length = if columns.len() > 2 { Some(Values::of(columns, 2)?) } else { None };
        Ok(Parts { position: Values::of(columns, 1)?, length })
    }

    /// How much of a value of `size` is before the part of a row, and how much is in it.
    fn get(&self, row: usize, size: impl FnOnce() -> usize) -> Option<(usize, usize)> {
        let position = self.position.get(row)?;
        let length = match self.length {
            Some(length) => usize::try_from(length.get(row)?).unwrap_or(0),
            None => usize::MAX,
        };
        let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
        let before = if position < 0 {
            size().saturating_sub(distance)
        } else {
            // Position 0 is the first one too.
            distance.saturating_sub(1)
        };
        Some((before, length))
    }
}

fn of_texts(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (text, parts) = (Texts::of(columns, 0)?, Parts::of(columns)?);
    texts(text.len(), |row, out| {
        let text = text.get(row)?;
        let (before, length) = parts.get(row, || utf16::length(text))?;
        utf16::push_part(text, before, before.saturating_add(length), out)
    })
}

fn of_bytes(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (bytes, parts) = (Bytes::of(columns, 0)?, Parts::of(columns)?);
    binaries(bytes.len(), |row, out| {
        let bytes = bytes.get(row)?;
        let (before, length) = parts.get(row, || bytes.len())?;
        let rest = &bytes[before.min(bytes.len())..];
        out.push_bytes(&rest[..length.min(rest.len())])
    })
}

fn pad_texts(columns: &[ArrayRef], side: Side) -> Result<ArrayRef> {
    let (text, padding) = (Texts::of(columns, 0)?, Texts::of(columns, 2)?);
    let length = Values::<Int32Type>::of(columns, 1)?;
    texts(text.len(), |row, out| {
        let (text, padding) = (text.get(row)?, padding.get(row)?);
        let length = usize::try_from(length.get(row)?).ok()?;
        if padding.is_empty() {
            return None;
        }
        let missing = length.saturating_sub(utf16::length(text));
        out.has_room(length)?;
        let fill = |out: &mut Buffer| {
            let of_padding = utf16::length(padding);
            (0..missing / of_padding).try_for_each(|_| out.push_str(padding))?;
            utf16::push_part(padding, 0, missing % of_padding, out)
        };
        match side {
            Side::Left => {
                fill(out)?;
                utf16::push_part(text, 0, length, out)
            }
            Side::Right => {
                utf16::push_part(text, 0, length, out)?;
                fill(out)
            }
        }
    })
}

fn pad_bytes(columns: &[ArrayRef], side: Side) -> Result<ArrayRef> {
    let (bytes, padding) = (Bytes::of(columns, 0)?, Bytes::of(columns, 2)?);
    let length = Values::<Int32Type>::of(columns, 1)?;
    binaries(bytes.len(), |row, out| {
        let (bytes, padding) = (bytes.get(row)?, padding.get(row)?);
        let length = usize::try_from(length.get(row)?).ok()?;
        if padding.is_empty() {
            return None;
        }
        let kept = &bytes[..length.min(bytes.len())];
        let missing = length - kept.len();
        out.has_room(length)?;
        let fill = |out: &mut Buffer| {
            padding.iter().cycle().take(missing).try_for_each(|byte| out.push_bytes(&[*byte]))
        };
        match side {
            Side::Left => {
                fill(out)?;
                out.push_bytes(kept)
            }
            Side::Right => {
                out.push_bytes(kept)?;
                fill(out)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};

    use crate::functions::sql_harness::{assert_values, evaluate, evaluate_over};

    #[test]
    fn parts_begin_at_a_position_from_either_end() {
        assert_values(&[
            ("SUBSTRING('größer', 3)", "STRING", Some("ößer")),
            ("SUBSTRING('größer', 3, 2)", "STRING", Some("öß")),
            ("SUBSTRING('abc', 0, 2)", "STRING", Some("ab")),
            ("SUBSTRING('abc', -2)", "STRING", Some("bc")),
            ("SUBSTRING('größer', -4, 2)", "STRING", Some("öß")),
            ("SUBSTRING('abc', -9, 2)", "STRING", Some("ab")),
            ("SUBSTRING('abc', 4)", "STRING", Some("")),
            ("SUBSTRING('abc', 2, -1)", "STRING", Some("")),
            ("SUBSTRING('abc', 2, 2147483647)", "STRING", Some("bc")),
            ("SUBSTRING('a🌊b', 2, 2)", "STRING", Some("🌊")),
            ("SUBSTRING('a🌊b', 3)", "STRING", Some("?b")),
            ("SUBSTRING('a🌊b', -2)", "STRING", Some("?b")),
            ("SUBSTRING('abc', NULL)", "STRING", None),
            ("SUBSTRING('abc', 1, NULL)", "STRING", None),
            ("FROM_BYTES(SUBSTRING(TO_BYTES('0A0B0C0D', 'hex'), -3, 2), 'hex')", "STRING", Some("0B0C")),
            ("FROM_BYTES(SUBSTRING(TO_BYTES('0A0B', 'hex'), 3), 'hex')", "STRING", Some("")),
        ]);
    }

    #[test]
    fn every_row_has_its_own_position() {
        let columns = [
            ("A", Arc::new(StringArray::from(vec![Some("abc"), Some("abc"), None])) as ArrayRef),
            ("P", Arc::new(Int32Array::from(vec![Some(2), None, Some(1)])) as ArrayRef),
        ];
        let (parts, _) = evaluate_over(&columns, "SUBSTRING(A, P, 1)");
        assert_eq!(parts.as_string::<i32>(), &StringArray::from(vec![Some("b"), None, None]));
    }

    #[test]
    fn texts_and_bytes_are_brought_to_a_length() {
        assert_values(&[
            ("LPAD('ö', 4, 'äb')", "STRING", Some("äbäö")),
            ("LPAD('öde', 2, 'x')", "STRING", Some("öd")),
            ("LPAD('🌊', 5, 'ab')", "STRING", Some("aba🌊")),
            ("RPAD('a', 4, '🌊')", "STRING", Some("a🌊?")),
            ("LPAD('abc', 0, 'x')", "STRING", Some("")),
            ("LPAD('abc', -1, 'x')", "STRING", None),
            ("LPAD('abc', 5, '')", "STRING", None),
            ("LPAD('abc', NULL, 'x')", "STRING", None),
            ("RPAD('ö', 4, 'äb')", "STRING", Some("öäbä")),
            ("RPAD('', 3, 'ab')", "STRING", Some("aba")),
            (
                "FROM_BYTES(LPAD(TO_BYTES('01', 'hex'), 4, TO_BYTES('0A0B', 'hex')), 'hex')",
                "STRING",
                Some("0A0B0A01"),
            ),
            (
                "FROM_BYTES(RPAD(TO_BYTES('0102', 'hex'), 1, TO_BYTES('0A', 'hex')), 'hex')",
                "STRING",
                Some("01"),
            ),
        ]);
        // Two thousand million characters are refused, not made.
        let (_, padded, failures) = evaluate("LPAD('abc', 2147483647, 'x')");
        assert_eq!((padded, failures.len()), (None, 1));
    }
}
