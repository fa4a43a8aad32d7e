//! Functions of STRINGs as a whole: length, case, search, replacement.
//!
//! Lengths and positions count units of UTF-16 ([`super::utf16`]).

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;
use md5::{Digest, Md5};

use super::arguments::{Buffer, Bytes, Texts, Values, texts, values};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::encoding::push_hex;
use super::utf16;
use crate::expressions::failures;

/// Declares a function of one STRING that gives a STRING.
macro_rules! of_text {
    ($name:literal, $description:literal, $write:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::String,
            description: $description,
            overloads: &[Overload {
                signature: "(text STRING)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let write: fn(&str, &mut Buffer) -> Option<()> = $write;
                    let text = Texts::of(columns, 0)?;
                    texts(text.len(), |row, out| write(text.get(row)?, out))
                }),
            }],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "len",
        category: Category::String,
        description: "The number of characters of a STRING, those beyond U+FFFF counted twice, or of bytes of \
                      BYTES.",
        overloads: &[
            Overload {
                signature: "(text STRING)",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let text = Texts::of(columns, 0)?;
                    Ok(values::<Int32Type>(text.len(), |row| {
                        i32::try_from(utf16::length(text.get(row)?)).ok()
                    }))
                }),
            },
            Overload {
                signature: "(bytes BYTES)",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let bytes = Bytes::of(columns, 0)?;
                    Ok(values::<Int32Type>(bytes.len(), |row| i32::try_from(bytes.get(row)?.len()).ok()))
                }),
            },
        ],
        examples: &["LEN('größer') = 6", "LEN(TO_BYTES('größer', 'utf8')) = 8"],
        is_deterministic: true,
    },
    of_text!("lcase", "The text in lower case.", lower_case, &["LCASE('Quiet') = 'quiet'"]),
    of_text!("ucase", "The text in upper case.", upper_case, &["UCASE('Loud') = 'LOUD'"]),
    of_text!(
        "trim",
        "The text without blanks and control characters at its ends.",
        |text, out| out.push_str(text.trim_matches(|character| character <= ' ')),
        &["TRIM('  in  between ') = 'in  between'"]
    ),
    of_text!(
        "initcap",
        "The text with the first letter of each word in upper case and all others in lower case; words are \
         set apart by white space.",
        capitalize,
        &["INITCAP('the QUICK fox') = 'The Quick Fox'"]
    ),
    of_text!(
        "md5",
        "The MD5 checksum of the text's UTF-8 bytes, in hexadecimal digits.",
        checksum,
        &["MD5('tide') = '97dc284cf580da5ebef4aa4b47c13dce'"]
    ),
    Declaration {
        name: "replace",
        category: Category::String,
        description: "The text with every occurrence of a part replaced.",
        overloads: &[Overload {
            signature: "(text STRING, part STRING, replacement STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(|columns, _| {
                let (text, part, replacement) =
                    (Texts::of(columns, 0)?, Texts::of(columns, 1)?, Texts::of(columns, 2)?);
                texts(text.len(), |row, out| {
                    replace(text.get(row)?, part.get(row)?, replacement.get(row)?, out)
                })
            }),
        }],
        examples: &["REPLACE('a-b-c', '-', '+') = 'a+b+c'"],
        is_deterministic: true,
    },
    Declaration {
        name: "instr",
        category: Category::String,
        description: "The position of a part in the text, counted from 1, or 0 where it is not there. The \
                      search begins at a position, from behind where that is negative, and goes to the \
                      first occurrence or the one that is asked for.",
        overloads: &[
            Overload {
                signature: "(text STRING, part STRING)",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Arrays(positions),
            },
            Overload {
                signature: "(text STRING, part STRING, position INTEGER)",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Arrays(positions),
            },
            Overload {
                signature: "(text STRING, part STRING, position INTEGER, occurrence INTEGER)",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Arrays(positions),
            },
        ],
        examples: &[
            "INSTR('low tide, high tide', 'tide') = 5",
            "INSTR('low tide, high tide', 'tide', -1) = 16",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "Chr",
        category: Category::String,
        description: "The character of a code point: of its number, or of its escape in UTF-16 (\\u597d).",
        overloads: &[
            Overload {
                signature: "(code INTEGER)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let code = Values::<Int32Type>::of(columns, 0)?;
                    texts(code.len(), |row, out| {
                        out.push(char::from_u32(u32::try_from(code.get(row)?).ok()?)?)
                    })
                }),
            },
            Overload {
                signature: "(escape STRING)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let escape = Texts::of(columns, 0)?;
                    texts(escape.len(), |row, out| unescape(escape.get(row)?, out))
                }),
            },
        ],
        examples: &["CHR(75) = 'K'", "CHR('\\u004b') = 'K'"],
        is_deterministic: true,
    },
    Declaration {
        name: "elt",
        category: Category::String,
        description: "The text at a position, counted from 1, or NULL where there is none.",
        overloads: &[Overload {
            signature: "(position INTEGER, texts STRING...)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(|columns, _| {
                let position = Values::<Int32Type>::of(columns, 0)?;
                let all = Texts::all(columns, 1)?;
                texts(position.len(), |row, out| {
                    let index = usize::try_from(position.get(row)?).ok()?.checked_sub(1)?;
                    out.push_str(all.get(index)?.get(row)?)
                })
            }),
        }],
        examples: &["ELT(2, 'ebb', 'flow') = 'flow'"],
        is_deterministic: true,
    },
    Declaration {
        name: "field",
        category: Category::String,
        description: "The position of the text among the others, counted from 1, or 0 where it is not there.",
        overloads: &[Overload {
            signature: "(text STRING, others STRING...)",
            returns: Returns::Type("INTEGER"),
            evaluate: Evaluate::Arrays(|columns, _| {
                let text = Texts::of(columns, 0)?;
                let all = Texts::all(columns, 1)?;
                Ok(values::<Int32Type>(text.len(), |row| {
                    let found = text.get(row).and_then(|text| {
                        all.iter().position(|other| other.get(row).is_some_and(|other| other == text))
                    });
                    i32::try_from(found.map_or(0, |index| index + 1)).ok()
                }))
            }),
        }],
        examples: &["FIELD('flow', 'ebb', 'flow') = 2"],
        is_deterministic: true,
    },
];

fn lower_case(text: &str, out: &mut Buffer) -> Option<()> {
    if text.is_ascii() {
        out.push_mapped(text, u8::to_ascii_lowercase)
    } else {
        out.push_str(&text.to_lowercase())
    }
}

fn upper_case(text: &str, out: &mut Buffer) -> Option<()> {
    if text.is_ascii() {
        out.push_mapped(text, u8::to_ascii_uppercase)
    } else {
        out.push_str(&text.to_uppercase())
    }
}

fn capitalize(text: &str, out: &mut Buffer) -> Option<()> {
    // White space before the first word is dropped, as ksqlDB does.
    let text = text.trim_start_matches(is_space);
    let mut begins = true;
    for character in text.to_lowercase().chars() {
        if begins {
            for upper in character.to_uppercase() {
                out.push(upper)?;
            }
        } else {
            out.push(character)?;
        }
        begins = is_space(character);
    }
    Some(())
}

/// What separates words: Java's `\s`.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

fn checksum(text: &str, out: &mut Buffer) -> Option<()> {
    push_hex(&Md5::digest(text.as_bytes()), b"0123456789abcdef", out)
}

fn replace(text: &str, part: &str, replacement: &str, out: &mut Buffer) -> Option<()> {
    let mut copied = 0;
    // An empty part is found between all characters, and at both ends.
    for (at, found) in text.match_indices(part) {
        out.push_str(&text[copied..at])?;
        out.push_str(replacement)?;
        copied = at + found.len();
    }
    out.push_str(&text[copied..])
}

fn positions(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (text, part) = (Texts::of(columns, 0)?, Texts::of(columns, 1)?);
    let numbers = (2..columns.len())
        .map(|index| Values::<Int32Type>::of(columns, index))
        .collect::<Result<Vec<_>>>()?;
    Ok(values::<Int32Type>(text.len(), |row| {
        let number = |index: usize| numbers.get(index).map_or(Some(1), |column| column.get(row));
        let (position, occurrence) = (number(0)?, number(1)?);
        let found = match (text.get(row), part.get(row)) {
            (Some(text), Some(part)) => find(text, part, position, occurrence),
            _ => None,
        };
        i32::try_from(found.unwrap_or(0)).ok()
    }))
}

/// The position of an occurrence, counted from 1, in a search that begins at a position. Backwards the
/// search sees the parts that end at or before its beginning.
fn find(text: &str, part: &str, position: i32, occurrence: i32) -> Option<usize> {
    let skipped = usize::try_from(position.unsigned_abs()).ok()?.checked_sub(1)?;
    let occurrence = usize::try_from(occurrence).ok()?.checked_sub(1)?;
    let length = utf16::length(text);
    if skipped >= length {
        return None;
    }
    if part.is_empty() {
        // An empty part is where the search begins.
        return Some(if position > 0 { skipped + 1 } else { length - skipped + 1 });
    }
    let at = if position > 0 {
        let from = utf16::place(text, skipped);
        // Nothing is found within a character.
        let half = text[from.at..].chars().next().map_or(0, char::len_utf8);
        let from = if from.is_within { from.at + half } else { from.at };
        from + overlapping(&text[from..], part).nth(occurrence)?
    } else {
        let to = utf16::place(text, length - skipped).at;
        overlapping_from_the_end(&text[..to], part).nth(occurrence)?
    };
    Some(utf16::length(&text[..at]) + 1)
}

/// Where a part that is not empty occurs in a text; occurrences may overlap.
fn overlapping<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + text.get(from..)?.find(part)?;
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
        Some(at)
    })
}

/// The same, the last one first.
fn overlapping_from_the_end<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = usize> + 'a {
    let last = part.chars().next_back().map_or(1, char::len_utf8);
    let mut to = text.len();
    std::iter::from_fn(move || {
        let at = text.get(..to)?.rfind(part)?;
        to = at + part.len() - last;
        Some(at)
    })
}

/// Writes a text in which characters are escaped as Java escapes them.
fn unescape(escaped: &str, out: &mut Buffer) -> Option<()> {
    const SHORTEST: usize = 6;
    if escaped.len() < SHORTEST || !escaped.starts_with("\\u") {
        return None;
    }
    let invalid = || {
        failures::note(|| format!("'{escaped}' is no escaped text"));
        None
    };
    let mut units: Vec<u16> = Vec::with_capacity(escaped.len());
    let mut rest = escaped.chars();
    while let Some(character) = rest.next() {
        let plain = if character == '\\' {
            match rest.next() {
                Some('u') => {
                    let digits = rest.as_str().trim_start_matches('u');
                    let Some(unit) = digits.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok())
                    else {
                        return invalid();
                    };
                    units.push(unit);
                    rest = digits[4..].chars();
                    continue;
                }
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            }
        } else {
            character
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    match String::from_utf16(&units) {
        Ok(text) => out.push_str(&text),
        Err(_) => invalid(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StringArray};
    use arrow::datatypes::Int32Type;

    use crate::functions::sql_harness::{assert_values, evaluate, evaluate_over};

    #[test]
    fn lengths_count_units_of_utf_16_and_bytes() {
        assert_values(&[
            ("LEN('')", "INTEGER", Some("0")),
            ("LEN('héllo')", "INTEGER", Some("5")),
            ("LEN('hi 🌊')", "INTEGER", Some("5")),
            ("LEN(TO_BYTES('héllo', 'utf8'))", "INTEGER", Some("6")),
            ("LEN(CAST(NULL AS STRING))", "INTEGER", None),
        ]);
    }

    #[test]
    fn case_and_blanks_are_changed() {
        assert_values(&[
            ("LCASE('ÀB c')", "STRING", Some("àb c")),
            ("UCASE('àB c')", "STRING", Some("ÀB C")),
            ("UCASE(NULL)", "STRING", None),
            ("TRIM(CONCAT(CHR(9), ' a b ', CHR(10)))", "STRING", Some("a b")),
            ("INITCAP('the qUICK  br0wn')", "STRING", Some("The Quick  Br0wn")),
            ("INITCAP('  two-part name')", "STRING", Some("Two-part Name")),
        ]);
    }

    #[test]
    fn checksums_are_hexadecimal() {
        assert_values(&[
            ("MD5('')", "STRING", Some("d41d8cd98f00b204e9800998ecf8427e")),
            ("MD5('message digest')", "STRING", Some("f96b697d7cb7938d525a2f31aaf161d0")),
            ("MD5(NULL)", "STRING", None),
        ]);
    }

    #[test]
    fn parts_are_replaced_wherever_they_are() {
        assert_values(&[
            ("REPLACE('banana', 'an', '*')", "STRING", Some("b**a")),
            ("REPLACE('banana', 'x', '*')", "STRING", Some("banana")),
            ("REPLACE('ab', '', '-')", "STRING", Some("-a-b-")),
            ("REPLACE('ab', 'a', NULL)", "STRING", None),
        ]);
    }

    #[test]
    fn a_replacement_that_makes_a_text_too_long_gives_null_and_is_noted() {
        let text = StringArray::from(vec!["a".repeat(100_000)]);
        let columns = [("A", Arc::new(text) as ArrayRef)];
        let (replaced, failures) = evaluate_over(&columns, "REPLACE(A, 'a', A)");
        assert_eq!((replaced.null_count(), failures.len()), (1, 1));
    }

    #[test]
    fn parts_are_found_from_both_ends() {
        assert_values(&[
            ("INSTR('abcabc', 'c')", "INTEGER", Some("3")),
            ("INSTR('abcabc', 'x')", "INTEGER", Some("0")),
            ("INSTR('äbcäbc', 'c', 4)", "INTEGER", Some("6")),
            ("INSTR('abcabc', 'c', 1, 2)", "INTEGER", Some("6")),
            ("INSTR('abcabc', 'c', 1, 3)", "INTEGER", Some("0")),
            ("INSTR('abcabc', 'ab', -1)", "INTEGER", Some("4")),
            ("INSTR('abcabc', 'ab', -3)", "INTEGER", Some("1")),
            ("INSTR('aaaa', 'aa', -1, 2)", "INTEGER", Some("2")),
            ("INSTR('aaaa', 'aa', -1, 4)", "INTEGER", Some("0")),
            ("INSTR('ßßß', 'ßß', -1, 2)", "INTEGER", Some("1")),
            ("INSTR('abcabc', 'ab', -1, 2)", "INTEGER", Some("1")),
            ("INSTR('aaa', 'aa', 1, 2)", "INTEGER", Some("2")),
            ("INSTR('🌊a🌊a', 'a')", "INTEGER", Some("3")),
            ("INSTR('🌊a🌊a', 'a', 4)", "INTEGER", Some("6")),
            ("INSTR('🌊a🌊a', 'a', 5)", "INTEGER", Some("6")),
            ("INSTR('🌊a🌊a', '🌊', -1)", "INTEGER", Some("4")),
            ("INSTR('🌊a🌊a', '🌊', -3)", "INTEGER", Some("1")),
            ("INSTR('abc', '', 2, 2)", "INTEGER", Some("2")),
            ("INSTR('abc', '', -2)", "INTEGER", Some("3")),
            ("INSTR('', '')", "INTEGER", Some("0")),
            ("INSTR('abc', 'a', 7)", "INTEGER", Some("0")),
            ("INSTR('abc', 'a', 0)", "INTEGER", Some("0")),
            ("INSTR('abc', NULL)", "INTEGER", Some("0")),
            ("INSTR('abc', 'a', CAST(NULL AS INTEGER))", "INTEGER", None),
        ]);
        let columns = [
            ("A", Arc::new(StringArray::from(vec![Some("xay"), Some("a"), None])) as ArrayRef),
            ("P", Arc::new(Int32Array::from(vec![1, 2, 1])) as ArrayRef),
        ];
        let (found, _) = evaluate_over(&columns, "INSTR(A, 'a', P)");
        assert_eq!(found.as_primitive::<Int32Type>(), &Int32Array::from(vec![2, 0, 0]));
    }

    #[test]
    fn characters_come_of_their_codes() {
        assert_values(&[
            ("CHR(8364)", "STRING", Some("€")),
            ("CHR(-1)", "STRING", None),
            ("CHR(1114112)", "STRING", None),
            ("CHR('\\u20ac')", "STRING", Some("€")),
            ("CHR('\\ud83c\\udf0a')", "STRING", Some("🌊")),
            ("CHR('8364')", "STRING", None),
            ("CHR('\\u20')", "STRING", None),
        ]);
        // Half of a pair is no text.
        let (_, value, failures) = evaluate("CHR('\\ud83c')");
        assert_eq!((value, failures.len()), (None, 1));
    }

    #[test]
    fn texts_are_chosen_and_found_by_position() {
        assert_values(&[
            ("ELT(1, 'a', 'b')", "STRING", Some("a")),
            ("ELT(3, 'a', 'b')", "STRING", None),
            ("ELT(0, 'a', 'b')", "STRING", None),
            ("ELT(-1)", "STRING", None),
            ("FIELD('b', 'a', 'b')", "INTEGER", Some("2")),
            ("FIELD('b', 'a', NULL)", "INTEGER", Some("0")),
            ("FIELD(NULL, 'a', NULL)", "INTEGER", Some("0")),
        ]);
    }
}
