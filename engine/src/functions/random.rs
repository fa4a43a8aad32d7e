//! Values that are another one for every row.

use std::sync::Arc;

use arrow::array::Float64Array;
use uuid::{Builder, Uuid};

use super::arguments::{Bytes, texts};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "random",
        category: Category::Mathematical,
        description: "A random number from 0 to 1, 1 excluded.",
        overloads: &[Overload {
            signature: "()",
            returns: Returns::Type("DOUBLE"),
            evaluate: Evaluate::Rows(|rows| {
                let numbers: Vec<f64> = rand::random_iter().take(rows).collect();
                Ok(Arc::new(Float64Array::from(numbers)))
            }),
        }],
        examples: &["RANDOM() < 1 = true"],
        is_deterministic: false,
    },
    Declaration {
        name: "uuid",
        category: Category::String,
        description: "A random UUID (version 4), or the UUID of 16 bytes; NULL of any other number of bytes.",
        overloads: &[
            Overload {
                signature: "()",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Rows(|rows| {
                    texts(rows, |_, out| {
                        let uuid = Builder::from_random_bytes(rand::random()).into_uuid();
                        out.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
                    })
                }),
            },
            Overload {
                signature: "(bytes BYTES)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let bytes = Bytes::of(columns, 0)?;
                    texts(bytes.len(), |row, out| {
                        let bytes = bytes.get(row)?;
                        let uuid = Uuid::from_slice(bytes).ok()?;
                        out.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
                    })
                }),
            },
        ],
        examples: &["LEN(UUID()) = 36"],
        is_deterministic: false,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int32Array};
    use arrow::datatypes::Float64Type;

    use crate::functions::sql_harness::{assert_values, evaluate_over};

    #[test]
    fn every_row_has_a_value_of_its_own() {
        let rows = [("A", Arc::new(Int32Array::from(vec![1; 100])) as ArrayRef)];
        let (numbers, _) = evaluate_over(&rows, "RANDOM()");
        let numbers = numbers.as_primitive::<Float64Type>();
        assert_eq!(numbers.len(), 100);
        assert!(numbers.values().iter().all(|number| (0.0..1.0).contains(number)));
        let (ids, _) = evaluate_over(&rows, "UUID()");
        let ids: HashSet<&str> = ids.as_string::<i32>().iter().flatten().collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'4'));
    }

    #[test]
    fn a_uuid_is_written_from_its_bytes() {
        assert_values(&[
            (
                "UUID(TO_BYTES('00112233445566778899AABBCCDDEEFF', 'hex'))",
                "STRING",
                Some("00112233-4455-6677-8899-aabbccddeeff"),
            ),
            ("UUID(TO_BYTES('00', 'hex'))", "STRING", None),
        ]);
    }
}
