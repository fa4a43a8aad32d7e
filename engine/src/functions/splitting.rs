//! Texts and BYTES cut at a delimiter.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use indexmap::IndexMap;
use memchr::memmem::Finder;

use super::arguments::{Bytes, Texts};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "split",
        category: Category::String,
        description: "The parts of a STRING or BYTES between delimiters; its single characters or bytes \
                      where the delimiter is empty.",
        overloads: &[
            Overload {
                signature: "(text STRING, delimiter STRING)",
                returns: Returns::Type("ARRAY<STRING>"),
                evaluate: Evaluate::Arrays(split_texts),
            },
            Overload {
                signature: "(bytes BYTES, delimiter BYTES)",
                returns: Returns::Type("ARRAY<BYTES>"),
                evaluate: Evaluate::Arrays(split_bytes),
            },
        ],
        examples: &["SPLIT('a,,b', ',') = ARRAY['a', '', 'b']", "SPLIT('abc', '') = ARRAY['a', 'b', 'c']"],
        is_deterministic: true,
    },
    Declaration {
        name: "split_to_map",
        category: Category::String,
        description: "The entries of a text as a MAP: a delimiter stands between entries, another one between \
                      key and value. Of equal keys the last one counts.",
        overloads: &[Overload {
            signature: "(text STRING, entry_delimiter STRING, value_delimiter STRING)",
            returns: Returns::Type("MAP<STRING, STRING>"),
            evaluate: Evaluate::Arrays(split_to_map),
        }],
        examples: &["SPLIT_TO_MAP('a:1/b:2', '/', ':') = MAP('a' := '1', 'b' := '2')"],
        is_deterministic: true,
    },
];

/// An ARRAY of STRINGs for each of so many rows: `parts` gives those of a row, or tells that there are none.
pub(super) fn text_lists(
    rows: usize,
    mut parts: impl FnMut(usize, &mut StringBuilder) -> Option<()>,
) -> ArrayRef {
    let mut lists = ListBuilder::with_capacity(StringBuilder::new(), rows);
    for row in 0..rows {
        let known = parts(row, lists.values()).is_some();
        lists.append(known);
    }
    Arc::new(lists.finish())
}

fn split_texts(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (text, delimiter) = (Texts::of(columns, 0)?, Texts::of(columns, 1)?);
    Ok(text_lists(text.len(), |row, parts| {
        let (text, delimiter) = (text.get(row)?, delimiter.get(row)?);
        if delimiter.is_empty() {
            split_characters(text, parts);
        } else {
            text.split(delimiter).for_each(|part| parts.append_value(part));
        }
        Some(())
    }))
}

/// The characters of a text; the empty text is its only part.
fn split_characters(text: &str, parts: &mut StringBuilder) {
    if text.is_empty() {
        parts.append_value(text);
    }
    for character in text.chars() {
        parts.append_value(character.encode_utf8(&mut [0; 4]));
    }
}

fn split_bytes(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (bytes, delimiter) = (Bytes::of(columns, 0)?, Bytes::of(columns, 1)?);
    let mut lists = ListBuilder::with_capacity(BinaryBuilder::new(), bytes.len());
    for row in 0..bytes.len() {
        let (Some(bytes), Some(delimiter)) = (bytes.get(row), delimiter.get(row)) else {
            lists.append(false);
            continue;
        };
        if delimiter.is_empty() && !bytes.is_empty() {
            bytes.iter().for_each(|byte| lists.values().append_value([*byte]));
        } else {
            let mut copied = 0;
            let found = Finder::new(delimiter);
            // In nothing an empty delimiter is found once; nothing is cut there.
            for at in found.find_iter(bytes).filter(|_| !bytes.is_empty()) {
                lists.values().append_value(&bytes[copied..at]);
                copied = at + delimiter.len();
            }
            lists.values().append_value(&bytes[copied..]);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn split_to_map(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let text = Texts::of(columns, 0)?;
    let (between_entries, behind_keys) = (Texts::of(columns, 1)?, Texts::of(columns, 2)?);
    let names =
        MapFieldNames { entry: "entries".to_owned(), key: "key".to_owned(), value: "value".to_owned() };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    let mut entries: IndexMap<&str, &str> = IndexMap::new();
    for row in 0..text.len() {
        let known = match (text.get(row), between_entries.get(row), behind_keys.get(row)) {
            (Some(text), Some(between), Some(behind)) if is_separable(between, behind) => {
                entries.clear();
                for entry in text.split(between) {
                    let mut parts = entry.split(behind);
                    if let (Some(key), Some(value)) = (parts.next(), parts.next()) {
                        entries.insert(key, value);
                    }
                }
                for (key, value) in &entries {
                    maps.keys().append_value(key);
                    maps.values().append_value(value);
                }
                true
            }
            _ => false,
        };
        maps.append(known)?;
    }
    Ok(Arc::new(maps.finish()))
}

/// Whether entries can be told from keys and values.
fn is_separable(between_entries: &str, behind_keys: &str) -> bool {
    !between_entries.is_empty() && !behind_keys.is_empty() && between_entries != behind_keys
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::{assert_values, evaluate};

    #[test]
    fn parts_between_delimiters_may_be_empty() {
        assert_values(&[
            ("SPLIT('a|b||', '|')", "ARRAY<STRING>", Some("[a, b, , ]")),
            ("SPLIT('abc', 'bc')", "ARRAY<STRING>", Some("[a, ]")),
            ("SPLIT('abc', 'x')", "ARRAY<STRING>", Some("[abc]")),
            ("SPLIT('a.c', '.')", "ARRAY<STRING>", Some("[a, c]")),
            ("SPLIT('äö', '')", "ARRAY<STRING>", Some("[ä, ö]")),
            ("SPLIT('', ',')", "ARRAY<STRING>", Some("[]")),
            ("SPLIT('a', NULL)", "ARRAY<STRING>", None),
        ]);
    }

    #[test]
    fn bytes_are_split_as_texts_are() {
        let part = |bytes: &str, delimiter: &str, index: i32| {
            let split = format!("SPLIT(TO_BYTES('{bytes}', 'hex'), TO_BYTES('{delimiter}', 'hex'))");
            evaluate(&format!("FROM_BYTES({split}[{index}], 'hex')")).1
        };
        assert_eq!(part("0A000B", "00", 1).as_deref(), Some("0A"));
        assert_eq!(part("0A000B", "00", 2).as_deref(), Some("0B"));
        assert_eq!(part("0A00", "00", 2).as_deref(), Some(""));
        assert_eq!(part("0A0B", "", 2).as_deref(), Some("0B"));
        assert_eq!((part("", "", 1).as_deref(), part("", "", 2)), (Some(""), None));
    }

    #[test]
    fn entries_become_a_map() {
        let map = "MAP<STRING, STRING>";
        assert_values(&[
            ("SPLIT_TO_MAP('a=1;b=2;a=3', ';', '=')", map, Some("{a=3, b=2}")),
            ("SPLIT_TO_MAP(';;a=1=2;b;', ';', '=')", map, Some("{a=1}")),
            ("SPLIT_TO_MAP('', ';', '=')", map, Some("{}")),
            ("SPLIT_TO_MAP('a=1', '', '=')", map, None),
            ("SPLIT_TO_MAP('a=1', '=', '=')", map, None),
            ("SPLIT_TO_MAP('a=1', NULL, '=')", map, None),
        ]);
    }
}
