//! TRANSFORM, FILTER and REDUCE: functions that take lambdas.
//!
//! TRANSFORM and FILTER evaluate their lambdas once for all elements of a batch; REDUCE goes from position
//! to position, for all rows at once. A row for which a lambda fails has no value.

mod filter;
mod reduce;
mod transform;

use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "transform",
        category: Category::Lambda,
        description: "Gives an ARRAY or a MAP with a lambda applied to every element. Of a MAP one lambda \
                      gives the new keys, which must differ, and another the new values.",
        overloads: &[
            Overload {
                signature: "(array ARRAY<T>, lambda (T) => R)",
                returns: Returns::Type("ARRAY<R>"),
                evaluate: Evaluate::Lambdas(transform::array),
            },
            Overload {
                signature: "(map MAP<K, V>, keys (K, V) => L, values (K, V) => W)",
                returns: Returns::Type("MAP<L, W>"),
                evaluate: Evaluate::Lambdas(transform::map),
            },
        ],
        examples: &[
            "TRANSFORM(ARRAY[3, 6], x => x * 2) = ARRAY[6, 12]",
            "TRANSFORM(MAP('a' := 1), (k, v) => UCASE(k), (k, v) => v + 1) = MAP('A' := 2)",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "filter",
        category: Category::Lambda,
        description: "Gives the elements of an ARRAY, or the entries of a MAP, for which a lambda is true.",
        overloads: &[
            Overload {
                signature: "(array ARRAY<T>, lambda (T) => BOOLEAN)",
                returns: Returns::Type("ARRAY<T>"),
                evaluate: Evaluate::Lambdas(filter::filter),
            },
            Overload {
                signature: "(map MAP<K, V>, lambda (K, V) => BOOLEAN)",
                returns: Returns::Type("MAP<K, V>"),
                evaluate: Evaluate::Lambdas(filter::filter),
            },
        ],
        examples: &[
            "FILTER(ARRAY[1, 12, 5], x => x > 4) = ARRAY[12, 5]",
            "FILTER(MAP('a' := 1, 'b' := 2), (k, v) => v > 1) = MAP('b' := 2)",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "reduce",
        category: Category::Lambda,
        description: "Goes through an ARRAY or a MAP from the first element to the last: the lambda gets what \
                      it gave for the element before, at first the initial state, and the element. Gives what \
                      the lambda gave last; the initial state where there are no elements.",
        overloads: &[
            Overload {
                signature: "(array ARRAY<T>, state S, lambda (S, T) => S)",
                returns: Returns::Type("S"),
                evaluate: Evaluate::Lambdas(reduce::reduce),
            },
            Overload {
                signature: "(map MAP<K, V>, state S, lambda (S, K, V) => S)",
                returns: Returns::Type("S"),
                evaluate: Evaluate::Lambdas(reduce::reduce),
            },
        ],
        examples: &[
            "REDUCE(ARRAY[2, 3, 4], 1, (product, x) => product * x) = 24",
            "REDUCE(MAP('a' := 1, 'b' := 2), 0, (sum, k, v) => sum + v) = 3",
        ],
        is_deterministic: true,
    },
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, StringArray};

    use crate::functions::sql_harness::{assert_values, evaluate, evaluate_over, failure_reasons, refusal};

    #[test]
    fn lambdas_are_applied_to_elements_and_entries() {
        assert_values(&[
            ("TRANSFORM(ARRAY[3, 6], x => x * 2)", "ARRAY<INTEGER>", Some("[6, 12]")),
            (
                "TRANSFORM(ARRAY[1, 2], x => ARRAY[x, NULL])",
                "ARRAY<ARRAY<INTEGER>>",
                Some("[[1, null], [2, null]]"),
            ),
            (
                "TRANSFORM(MAP('a' := 1, 'b' := 2), (k, v) => k + 'x', (k, v) => v * 10)",
                "MAP<STRING, INTEGER>",
                Some("{bx=20, ax=10}"),
            ),
            ("FILTER(ARRAY[5, NULL, 12], x => x > 6)", "ARRAY<INTEGER>", Some("[12]")),
            ("FILTER(MAP('a' := 1, 'b' := 2), (k, v) => v = 2)", "MAP<STRING, INTEGER>", Some("{b=2}")),
            ("REDUCE(ARRAY[2, 3, 4], 1, (s, x) => s * x)", "INTEGER", Some("24")),
            ("REDUCE(ARRAY[2, 3], CAST(1 AS BIGINT), (s, x) => s + x)", "BIGINT", Some("6")),
            ("REDUCE(MAP('a' := 1, 'b' := 2), '', (s, k, v) => s + k)", "STRING", Some("ab")),
            ("REDUCE(MAP('h' := 1, 'c' := 2, 'b' := 3), '', (s, k, v) => s + k)", "STRING", Some("hbc")),
            ("REDUCE(CAST(NULL AS ARRAY<INTEGER>), 7, (s, x) => s + x)", "INTEGER", Some("7")),
            ("REDUCE(ARRAY[1], CAST(NULL AS INTEGER), (s, x) => s + x)", "INTEGER", None),
        ]);
    }

    #[test]
    fn lambdas_stand_in_each_other_and_hide_variables() {
        assert_values(&[
            (
                "TRANSFORM(ARRAY[ARRAY[1, 2], ARRAY[3]], x => REDUCE(x, 0, (s, y) => s + y + ARRAY_LENGTH(x)))",
                "ARRAY<INTEGER>",
                Some("[7, 4]"),
            ),
            (
                "TRANSFORM(ARRAY[1, 2], x => TRANSFORM(ARRAY['a'], x => x + '!'))",
                "ARRAY<ARRAY<STRING>>",
                Some("[[a!], [a!]]"),
            ),
            (
                "TRANSFORM(ARRAY[1, 2], x => FILTER(ARRAY[1, 2, 3], y => y > x AND y > 1))",
                "ARRAY<ARRAY<INTEGER>>",
                Some("[[2, 3], [3]]"),
            ),
        ]);
    }

    #[test]
    fn lambdas_name_columns_of_their_row() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(5), None]));
        let (sums, _) = evaluate_over(
            &[("N", numbers.clone())],
            "REDUCE(TRANSFORM(GENERATE_SERIES(1, N), x => x * N), 0, (s, x) => s + x)",
        );
        assert_eq!(sums.as_ref(), &Int32Array::from(vec![1, 75, 0]) as &dyn arrow::array::Array);
        let (lengths, _) =
            evaluate_over(&[("N", numbers)], "ARRAY_JOIN(FILTER(ARRAY[1, 5], x => x IS DISTINCT FROM N))");
        let expected = StringArray::from(vec!["5", "1", "1,5"]);
        assert_eq!(lengths.as_ref(), &expected as &dyn arrow::array::Array);
    }

    #[test]
    fn arithmetic_on_null_fails_where_it_is_reached() {
        assert_values(&[
            ("TRANSFORM(ARRAY[5, NULL], x => x + 5)", "ARRAY<INTEGER>", None),
            ("TRANSFORM(ARRAY[5, NULL], x => -x)", "ARRAY<INTEGER>", None),
            (
                "TRANSFORM(ARRAY[5, NULL], x => CASE WHEN x > 1 THEN x + 5 ELSE 0 END)",
                "ARRAY<INTEGER>",
                Some("[10, 0]"),
            ),
            ("TRANSFORM(ARRAY[5, NULL], x => CASE WHEN x > 1 THEN 0 ELSE x + 5 END)", "ARRAY<INTEGER>", None),
            ("TRANSFORM(ARRAY[5, NULL], x => ARRAY[x + 5])", "ARRAY<ARRAY<INTEGER>>", Some("[[10], [null]]")),
            ("FILTER(ARRAY[4, NULL], x => x % 2 = 0)", "ARRAY<INTEGER>", None),
            ("FILTER(ARRAY[4, NULL], x => x IS NOT NULL AND x % 2 = 0)", "ARRAY<INTEGER>", Some("[4]")),
            ("REDUCE(ARRAY[1, NULL, 2], 0, (s, x) => s + x)", "INTEGER", None),
            (
                "TRANSFORM(ARRAY[ARRAY[1], ARRAY[NULL, 2]], x => TRANSFORM(x, y => y + 1))",
                "ARRAY<ARRAY<INTEGER>>",
                None,
            ),
        ]);
    }

    #[test]
    fn what_fails_for_one_element_fails_for_its_row_alone() {
        let divisors: ArrayRef = Arc::new(Int32Array::from(vec![1, 0, 2, 0]));
        let (quotients, failures) =
            evaluate_over(&[("D", divisors)], "TRANSFORM(ARRAY[10, 20], x => x / (D * x))");
        let quotients: Vec<bool> = (0..4).map(|row| quotients.is_valid(row)).collect();
        assert_eq!(quotients, [true, false, true, false]);
        assert!(!failures.is_empty());
        let (_, doubled, failures) =
            evaluate("TRANSFORM(MAP('a' := 1, 'b' := 2), (k, v) => 'x', (k, v) => v)");
        assert_eq!(doubled, None);
        assert_eq!(failures, ["two entries of the MAP would have the same key"]);
        let (_, kept, failures) = evaluate("FILTER(MAP('a' := NULL, 'b' := 2), (k, v) => TRUE)");
        assert_eq!((kept, failures.len()), (None, 1));
    }

    #[test]
    fn a_call_that_fails_is_told_as_it_would_be_written_and_once_for_a_row() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![0]));
        let failing = "REDUCE(TRANSFORM(ARRAY[1, 2], a => a / N), 0, (s, b) => s + b)";
        let reasons = failure_reasons(&[("N", numbers)], failing);
        assert_eq!(
            reasons,
            ["REDUCE(TRANSFORM(ARRAY[1, 2], x0 => x0 / ROWS.N), 0, (x0, x1) => x0 + x1): division by zero"]
        );
    }

    #[test]
    fn lambdas_that_do_not_fit_are_refused() {
        assert!(
            refusal("TRANSFORM(ARRAY[1], (x, y) => x)").starts_with("Function 'transform' does not accept")
        );
        assert_eq!(
            refusal("REDUCE(ARRAY[1], 'a', (s, x) => x)"),
            "Function 'reduce' wants a lambda that gives STRING, not INTEGER."
        );
        assert!(refusal("ARRAY_LENGTH(x => x)").starts_with("A lambda can only be an argument"));
        assert!(refusal("TRANSFORM(NULL, x => x)").contains("cannot tell the types"));
    }
}
