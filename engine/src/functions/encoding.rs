//! Bytes as text and text as bytes; numbers of bytes.

use arrow::array::{ArrayRef, ArrowPrimitiveType};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use datafusion::common::Result;

use super::arguments::{Buffer, Bytes, Remembered, Texts, binaries, texts, values};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use crate::expressions::failures;

/// Declares a function that reads a number of as many bytes as it has.
macro_rules! number_of_bytes {
    ($name:literal, $description:literal, $type_name:literal, $number:ty, $big:expr, $little:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::Other,
            description: $description,
            overloads: &[
                Overload {
                    signature: "(bytes BYTES)",
                    returns: Returns::Type($type_name),
                    evaluate: Evaluate::Arrays(|columns, _| numbers::<$number, _>(columns, $big, $little)),
                },
                Overload {
                    signature: "(bytes BYTES, order STRING)",
                    returns: Returns::Type($type_name),
                    evaluate: Evaluate::Arrays(|columns, _| numbers::<$number, _>(columns, $big, $little)),
                },
            ],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "encode",
        category: Category::String,
        description: "The text, read in one encoding and written in another: hex, utf8, ascii or base64.",
        overloads: &[Overload {
            signature: "(text STRING, from STRING, to STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(encode),
        }],
        examples: &[
            "ENCODE('4d6f6f6e', 'hex', 'utf8') = 'Moon'",
            "ENCODE('Moon', 'utf8', 'base64') = 'TW9vbg=='",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "to_bytes",
        category: Category::String,
        description: "The bytes of a text in an encoding: hex, utf8, ascii or base64.",
        overloads: &[Overload {
            signature: "(text STRING, encoding STRING)",
            returns: Returns::Type("BYTES"),
            evaluate: Evaluate::Arrays(to_bytes),
        }],
        examples: &["FROM_BYTES(TO_BYTES('Moon', 'utf8'), 'hex') = '4D6F6F6E'"],
        is_deterministic: true,
    },
    Declaration {
        name: "from_bytes",
        category: Category::String,
        description: "The text of bytes in an encoding: hex, utf8, ascii or base64.",
        overloads: &[Overload {
            signature: "(bytes BYTES, encoding STRING)",
            returns: Returns::Type("STRING"),
            evaluate: Evaluate::Arrays(from_bytes),
        }],
        examples: &["FROM_BYTES(TO_BYTES('4D6F6F6E', 'hex'), 'ascii') = 'Moon'"],
        is_deterministic: true,
    },
    number_of_bytes!(
        "int_from_bytes",
        "The INTEGER of 4 bytes, in the order BIG_ENDIAN, or LITTLE_ENDIAN where that is asked for.",
        "INTEGER",
        Int32Type,
        i32::from_be_bytes,
        i32::from_le_bytes,
        &["INT_FROM_BYTES(TO_BYTES('000007E5', 'hex')) = 2021"]
    ),
    number_of_bytes!(
        "bigint_from_bytes",
        "The BIGINT of 8 bytes, in the order BIG_ENDIAN, or LITTLE_ENDIAN where that is asked for.",
        "BIGINT",
        Int64Type,
        i64::from_be_bytes,
        i64::from_le_bytes,
        &["BIGINT_FROM_BYTES(TO_BYTES('0100000000000000', 'hex'), 'LITTLE_ENDIAN') = 1"]
    ),
    number_of_bytes!(
        "double_from_bytes",
        "The DOUBLE of 8 bytes, in the order BIG_ENDIAN, or LITTLE_ENDIAN where that is asked for.",
        "DOUBLE",
        Float64Type,
        f64::from_be_bytes,
        f64::from_le_bytes,
        &["DOUBLE_FROM_BYTES(TO_BYTES('3FF8000000000000', 'hex')) = 1.5"]
    ),
];

/// How bytes are written as text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encoding {
    Hex,
    Utf8,
    Ascii,
    Base64,
}

/// Reads base64 with and without padding; what is no digit has been left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Encoding {
    fn of(name: &str) -> Option<Encoding> {
        match name.to_lowercase().as_str() {
            "hex" => Some(Encoding::Hex),
            "utf8" => Some(Encoding::Utf8),
            "ascii" => Some(Encoding::Ascii),
            "base64" => Some(Encoding::Base64),
            _ => None,
        }
    }

    /// The bytes that a text stands for.
    fn decode(self, text: &str, out: &mut Buffer) -> Option<()> {
        match self {
            Encoding::Utf8 => out.push_str(text),
            Encoding::Ascii => text
                .chars()
                .try_for_each(|character| out.push(if character.is_ascii() { character } else { '?' })),
            Encoding::Hex => {
                let digits = text.as_bytes();
                if !digits.len().is_multiple_of(2) {
                    failures::note(|| format!("'{text}' has an odd number of hexadecimal digits"));
                    return None;
                }
                for pair in digits.chunks_exact(2) {
                    let (Some(high), Some(low)) = (hex_digit(pair[0]), hex_digit(pair[1])) else {
                        failures::note(|| format!("'{text}' is not hexadecimal"));
                        return None;
                    };
                    out.push_bytes(&[high << 4 | low])?;
                }
                Some(())
            }
            Encoding::Base64 => {
                let digits: Vec<u8> = text
                    .bytes()
                    .take_while(|byte| *byte != b'=')
                    .filter_map(|byte| match byte {
                        b'-' => Some(b'+'),
                        b'_' => Some(b'/'),
                        byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => Some(byte),
                        _ => None,
                    })
                    .collect();
                match BASE64.decode(digits) {
                    Ok(bytes) => out.push_bytes(&bytes),
                    Err(error) => {
                        failures::note(|| format!("'{text}' is not base64: {error}"));
                        None
                    }
                }
            }
        }
    }

    /// The text that stands for bytes.
    fn encode(self, bytes: &[u8], hex_digits: &[u8; 16], out: &mut Buffer) -> Option<()> {
        match self {
            Encoding::Utf8 => out.push_str(&String::from_utf8_lossy(bytes)),
            Encoding::Ascii => bytes.iter().try_for_each(|byte| {
                let is_ascii = byte.is_ascii();
                out.push(if is_ascii { char::from(*byte) } else { char::REPLACEMENT_CHARACTER })
            }),
            Encoding::Hex => push_hex(bytes, hex_digits, out),
            Encoding::Base64 => out.push_str(&BASE64.encode(bytes)),
        }
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Writes bytes as pairs of hexadecimal digits.
pub(super) fn push_hex(bytes: &[u8], digits: &[u8; 16], out: &mut Buffer) -> Option<()> {
    bytes.iter().try_for_each(|byte| {
        out.push_bytes(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]])
    })
}

const LOWER_CASE: &[u8; 16] = b"0123456789abcdef";
const UPPER_CASE: &[u8; 16] = b"0123456789ABCDEF";

/// The encodings of a column of their names.
struct Encodings<'a> {
    names: Texts<'a>,
    last: Remembered<Option<Encoding>>,
}

impl<'a> Encodings<'a> {
    fn of(columns: &'a [ArrayRef], index: usize) -> Result<Encodings<'a>> {
        Ok(Encodings { names: Texts::of(columns, index)?, last: Remembered::new() })
    }

    /// The encoding of a row; none, with a note, where the name means none.
    fn get(&mut self, row: usize) -> Option<Encoding> {
        let name = self.names.get(row)?;
        let found = *self.last.get(name, Encoding::of);
        if found.is_none() {
            failures::note(|| format!("'{name}' is no encoding: use hex, utf8, ascii or base64"));
        }
        found
    }
}

fn encode(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let text = Texts::of(columns, 0)?;
    let (mut from, mut to) = (Encodings::of(columns, 1)?, Encodings::of(columns, 2)?);
    let mut bytes = Buffer::default();
    texts(text.len(), |row, out| {
        let text = text.get(row)?;
        let (from, to) = (from.get(row)?, to.get(row)?);
        bytes.clear();
        match (from, hex_in_literal(text)) {
            (Encoding::Hex, Some((pad, digits))) => {
                // An odd digit in front stands for a byte of its own.
                let (first, rest) = digits.split_at(if pad { 1 } else { 0 });
                if pad {
                    Encoding::Hex.decode(&format!("0{first}"), &mut bytes)?;
                }
                Encoding::Hex.decode(rest, &mut bytes)?;
            }
            _ => from.decode(text, &mut bytes)?,
        }
        to.encode(bytes.as_slice(), LOWER_CASE, out)
    })
}

/// The digits of `0xAB79` and `X'AB79'`, and whether they lack one in front.
fn hex_in_literal(text: &str) -> Option<(bool, &str)> {
    if let Some(digits) = text.strip_prefix("0x") {
        let begins_with_digit = digits.as_bytes().first().is_some_and(u8::is_ascii);
        return Some((digits.len() % 2 != 0 && begins_with_digit, digits));
    }
    let quoted = text.strip_prefix(['x', 'X'])?.strip_prefix('\'')?.strip_suffix('\'')?;
    Some((false, quoted))
}

fn to_bytes(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (text, mut encoding) = (Texts::of(columns, 0)?, Encodings::of(columns, 1)?);
    binaries(text.len(), |row, out| {
        let text = text.get(row)?;
        encoding.get(row)?.decode(text, out)
    })
}

fn from_bytes(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (bytes, mut encoding) = (Bytes::of(columns, 0)?, Encodings::of(columns, 1)?);
    texts(bytes.len(), |row, out| {
        let bytes = bytes.get(row)?;
        encoding.get(row)?.encode(bytes, UPPER_CASE, out)
    })
}

fn numbers<T: ArrowPrimitiveType, const N: usize>(
    columns: &[ArrayRef],
    big_endian: fn([u8; N]) -> T::Native,
    little_endian: fn([u8; N]) -> T::Native,
) -> Result<ArrayRef> {
    let bytes = Bytes::of(columns, 0)?;
    let order = if columns.len() > 1 { Some(Texts::of(columns, 1)?) } else { None };
    Ok(values::<T>(bytes.len(), |row| {
        let bytes = bytes.get(row)?;
        let read = match order {
            None => big_endian,
            Some(order) => match order.get(row)? {
                order if order.eq_ignore_ascii_case("BIG_ENDIAN") => big_endian,
                order if order.eq_ignore_ascii_case("LITTLE_ENDIAN") => little_endian,
                order => {
                    failures::note(|| format!("'{order}' is no byte order: use BIG_ENDIAN or LITTLE_ENDIAN"));
                    return None;
                }
            },
        };
        let Ok(bytes) = <[u8; N]>::try_from(bytes) else {
            failures::note(|| format!("the number has {N} bytes, not {}", bytes.len()));
            return None;
        };
        Some(read(bytes))
    }))
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::{assert_values, evaluate};

    #[test]
    fn text_goes_from_one_encoding_to_another() {
        assert_values(&[
            ("ENCODE('4869', 'hex', 'ascii')", "STRING", Some("Hi")),
            ("ENCODE('0x4869', 'HEX', 'Utf8')", "STRING", Some("Hi")),
            ("ENCODE('0xA48', 'hex', 'hex')", "STRING", Some("0a48")),
            ("ENCODE('X''4869''', 'hex', 'base64')", "STRING", Some("SGk=")),
            ("ENCODE('', 'hex', 'utf8')", "STRING", Some("")),
            ("ENCODE('c3a4', 'hex', 'utf8')", "STRING", Some("ä")),
            ("ENCODE('c3a4', 'hex', 'ascii')", "STRING", Some("\u{fffd}\u{fffd}")),
            ("ENCODE('ä', 'ascii', 'hex')", "STRING", Some("3f")),
            ("ENCODE('ä', 'utf8', 'hex')", "STRING", Some("c3a4")),
            ("ENCODE('S Gk', 'base64', 'utf8')", "STRING", Some("Hi")),
            ("ENCODE('-_8=', 'base64', 'hex')", "STRING", Some("fbff")),
            ("ENCODE(NULL, 'hex', 'utf8')", "STRING", None),
        ]);
        for refused in [
            "ENCODE('486', 'hex', 'utf8')",
            "ENCODE('4g', 'hex', 'utf8')",
            "ENCODE('x''48', 'hex', 'utf8')",
            "ENCODE('48', 'hex', 'utf16')",
            "ENCODE('S', 'base64', 'utf8')",
        ] {
            let (_, value, failures) = evaluate(refused);
            assert_eq!((value, failures.len()), (None, 1), "{refused}");
        }
    }

    #[test]
    fn bytes_are_read_and_written() {
        assert_values(&[
            ("FROM_BYTES(TO_BYTES('00ffA0', 'hex'), 'hex')", "STRING", Some("00FFA0")),
            ("FROM_BYTES(TO_BYTES('ß', 'utf8'), 'base64')", "STRING", Some("w58=")),
            ("FROM_BYTES(TO_BYTES('w58=', 'base64'), 'utf8')", "STRING", Some("ß")),
            ("FROM_BYTES(TO_BYTES('aß', 'ascii'), 'ascii')", "STRING", Some("a?")),
            ("FROM_BYTES(TO_BYTES(NULL, 'ascii'), 'ascii')", "STRING", None),
            ("FROM_BYTES(TO_BYTES('x', 'none'), 'ascii')", "STRING", None),
        ]);
    }

    #[test]
    fn numbers_are_read_in_either_order() {
        assert_values(&[
            ("INT_FROM_BYTES(TO_BYTES('FFFFFFFE', 'hex'))", "INTEGER", Some("-2")),
            ("INT_FROM_BYTES(TO_BYTES('01000000', 'hex'), 'little_endian')", "INTEGER", Some("1")),
            (
                "BIGINT_FROM_BYTES(TO_BYTES('0000000100000000', 'hex'), 'BIG_ENDIAN')",
                "BIGINT",
                Some("4294967296"),
            ),
            (
                "DOUBLE_FROM_BYTES(TO_BYTES('000000000000F8BF', 'hex'), 'LITTLE_ENDIAN')",
                "DOUBLE",
                Some("-1.5"),
            ),
            ("INT_FROM_BYTES(TO_BYTES('0001', 'hex'))", "INTEGER", None),
            ("INT_FROM_BYTES(TO_BYTES('00000001', 'hex'), 'MIDDLE')", "INTEGER", None),
        ]);
    }
}
