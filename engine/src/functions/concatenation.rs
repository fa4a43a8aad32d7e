//! Texts and BYTES put together. NULLs among them are passed over.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::arguments::{Bytes, Texts, binaries, texts};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "concat",
        category: Category::String,
        description: "Its arguments, one after the other.",
        overloads: &[
            Overload {
                signature: "(first STRING, second STRING, rest STRING...)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let parts = Texts::all(columns, 0)?;
                    texts(rows(columns), |row, out| {
                        parts.iter().filter_map(|part| part.get(row)).try_for_each(|part| out.push_str(part))
                    })
                }),
            },
            Overload {
                signature: "(first BYTES, second BYTES, rest BYTES...)",
                returns: Returns::Type("BYTES"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let parts = Bytes::all(columns, 0)?;
                    binaries(rows(columns), |row, out| {
                        let known = parts.iter().filter_map(|part| part.get(row));
                        known.into_iter().try_for_each(|part| out.push_bytes(part))
                    })
                }),
            },
        ],
        examples: &["CONCAT('high ', NULL, 'tide') = 'high tide'"],
        is_deterministic: true,
    },
    Declaration {
        name: "concat_ws",
        category: Category::String,
        description: "Its arguments, one after the other, with the separator between them; NULL where the \
                      separator is NULL.",
        overloads: &[
            Overload {
                signature: "(separator STRING, parts STRING...)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(join_texts),
            },
            Overload {
                signature: "(separator BYTES, parts BYTES...)",
                returns: Returns::Type("BYTES"),
                evaluate: Evaluate::Arrays(join_bytes),
            },
        ],
        examples: &["CONCAT_WS(', ', 'ebb', NULL, 'flow') = 'ebb, flow'"],
        is_deterministic: true,
    },
];

fn join_texts(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (separator, parts) = (Texts::of(columns, 0)?, Texts::all(columns, 1)?);
    texts(separator.len(), |row, out| {
        let separator = separator.get(row)?;
        parts.iter().filter_map(|part| part.get(row)).enumerate().try_for_each(|(index, part)| {
            if index > 0 {
                out.push_str(separator)?;
            }
            out.push_str(part)
        })
    })
}

fn join_bytes(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (separator, parts) = (Bytes::of(columns, 0)?, Bytes::all(columns, 1)?);
    binaries(separator.len(), |row, out| {
        let separator = separator.get(row)?;
        parts.iter().filter_map(|part| part.get(row)).enumerate().try_for_each(|(index, part)| {
            if index > 0 {
                out.push_bytes(separator)?;
            }
            out.push_bytes(part)
        })
    })
}

fn rows(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(0, |column| column.len())
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::{assert_values, refusal};

    #[test]
    fn parts_that_are_null_are_passed_over() {
        assert_values(&[
            ("CONCAT('a', 'b', 'c')", "STRING", Some("abc")),
            ("CONCAT('a', NULL)", "STRING", Some("a")),
            ("CONCAT(CAST(NULL AS STRING), CAST(NULL AS STRING))", "STRING", Some("")),
            (
                "FROM_BYTES(CONCAT(TO_BYTES('0A', 'hex'), NULL, TO_BYTES('0B', 'hex')), 'hex')",
                "STRING",
                Some("0A0B"),
            ),
            ("CONCAT_WS('-', 'a', NULL, 'b', '')", "STRING", Some("a-b-")),
            ("CONCAT_WS('-', NULL, 'b')", "STRING", Some("b")),
            ("CONCAT_WS(NULL, 'a', 'b')", "STRING", None),
            (
                "FROM_BYTES(CONCAT_WS(TO_BYTES('2D', 'hex'), TO_BYTES('a', 'utf8'), TO_BYTES('b', 'utf8')), 'utf8')",
                "STRING",
                Some("a-b"),
            ),
        ]);
        assert_eq!(
            refusal("CONCAT('a', 1)"),
            "Function 'concat' does not accept parameters (STRING, INTEGER)."
        );
    }
}
