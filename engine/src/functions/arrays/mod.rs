//! Functions on ARRAYs.
//!
//! Elements are compared as values of their type are, NULLs equal to each other; where an order is needed
//! it is that of the type, TRUE behind FALSE, text by its characters.

mod join;
mod order;
mod parts;
mod search;
mod series;
mod sets;

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use tidemill_sql::type_system::{SqlType, StructField};

use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::declared::{arrow_type, sql_type};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "array_concat",
        category: Category::Array,
        description: "Gives the elements of one ARRAY and then those of another; where one of them is NULL, \
                      the other.",
        overloads: &[of_two_arrays(sets::concat)],
        examples: &["ARRAY_CONCAT(ARRAY[1, 2], ARRAY[2, 3]) = ARRAY[1, 2, 2, 3]"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_contains",
        category: Category::Array,
        description: "Whether an ARRAY is not NULL and has such an element.",
        overloads: &[Overload {
            signature: "(array ARRAY<T>, value T)",
            returns: Returns::Type("BOOLEAN"),
            evaluate: Evaluate::Arrays(search::contains),
        }],
        examples: &["ARRAY_CONTAINS(ARRAY[1, 2], 2) = TRUE"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_distinct",
        category: Category::Array,
        description: "Gives every different element of an ARRAY once, where it occurs first.",
        overloads: &[of_one_array(sets::distinct)],
        examples: &["ARRAY_DISTINCT(ARRAY[1, 2, 1]) = ARRAY[1, 2]"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_except",
        category: Category::Array,
        description: "Gives every different element of an ARRAY that is not in another.",
        overloads: &[of_two_arrays(sets::except)],
        examples: &["ARRAY_EXCEPT(ARRAY[1, 2, 3, 1], ARRAY[2]) = ARRAY[1, 3]"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_intersect",
        category: Category::Array,
        description: "Gives every different element of an ARRAY that is also in another.",
        overloads: &[of_two_arrays(sets::intersect)],
        examples: &["ARRAY_INTERSECT(ARRAY[3, 1, 2], ARRAY[1, 3]) = ARRAY[3, 1]"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_join",
        category: Category::Array,
        description: "Gives the elements of an ARRAY as one text, with a delimiter between them: a comma, \
                      unless another is given. NULLs are written 'null'.",
        overloads: &[
            Overload {
                signature: "(array ARRAY<T>)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(join::join),
            },
            Overload {
                signature: "(array ARRAY<T>, delimiter STRING)",
                returns: Returns::Type("STRING"),
                evaluate: Evaluate::Arrays(join::join),
            },
        ],
        examples: &["ARRAY_JOIN(ARRAY[1, 2]) = '1,2'", "ARRAY_JOIN(ARRAY['a', 'b'], '; ') = 'a; b'"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_length",
        category: Category::Array,
        description: "Gives the number of elements of an ARRAY.",
        overloads: &[Overload {
            signature: "(array ARRAY<T>)",
            returns: Returns::Type("INTEGER"),
            evaluate: Evaluate::Arrays(parts::length),
        }],
        examples: &["ARRAY_LENGTH(ARRAY['a', 'b']) = 2"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_max",
        category: Category::Array,
        description: "Gives the greatest element of an ARRAY; NULL where all of them are.",
        overloads: &[Overload {
            signature: "(array ARRAY<T>)",
            returns: Returns::Type("T"),
            evaluate: Evaluate::Arrays(order::max),
        }],
        examples: &["ARRAY_MAX(ARRAY[2, 7, 5]) = 7"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_min",
        category: Category::Array,
        description: "Gives the least element of an ARRAY; NULL where all of them are.",
        overloads: &[Overload {
            signature: "(array ARRAY<T>)",
            returns: Returns::Type("T"),
            evaluate: Evaluate::Arrays(order::min),
        }],
        examples: &["ARRAY_MIN(ARRAY[2, 7, 5]) = 2"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_remove",
        category: Category::Array,
        description: "Gives the elements of an ARRAY without those that are equal to a value.",
        overloads: &[Overload {
            signature: "(array ARRAY<T>, value T)",
            returns: Returns::Type("ARRAY<T>"),
            evaluate: Evaluate::Arrays(search::remove),
        }],
        examples: &["ARRAY_REMOVE(ARRAY[1, 2, 1], 1) = ARRAY[2]"],
        is_deterministic: true,
    },
    Declaration {
        name: "array_sort",
        category: Category::Array,
        description: "Gives the elements of an ARRAY in their order, 'ASC' or 'DESC'; NULLs come last.",
        overloads: &[
            of_one_array(order::sort),
            Overload {
                signature: "(array ARRAY<T>, direction STRING)",
                returns: Returns::Type("ARRAY<T>"),
                evaluate: Evaluate::Arrays(order::sort),
            },
        ],
        examples: &[
            "ARRAY_SORT(ARRAY[2, 1, 3]) = ARRAY[1, 2, 3]",
            "ARRAY_SORT(ARRAY[2, 1, 3], 'DESC') = ARRAY[3, 2, 1]",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "array_union",
        category: Category::Array,
        description: "Gives every different element of two ARRAYs once, where it occurs first.",
        overloads: &[of_two_arrays(sets::union)],
        examples: &["ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3]) = ARRAY[1, 2, 3]"],
        is_deterministic: true,
    },
    Declaration {
        name: "slice",
        category: Category::Array,
        description: "Gives the elements of an ARRAY from one position, counted from 1, up to another; NULL \
                      where there is no such position. A position that is NULL is the first or the last.",
        overloads: &[Overload {
            signature: "(array ARRAY<T>, from INTEGER, to INTEGER)",
            returns: Returns::Type("ARRAY<T>"),
            evaluate: Evaluate::Arrays(parts::slice),
        }],
        examples: &["SLICE(ARRAY['a', 'b', 'c'], 2, 3) = ARRAY['b', 'c']"],
        is_deterministic: true,
    },
    Declaration {
        name: "generate_series",
        category: Category::Array,
        description: "Gives the numbers from one to another, both included, in steps of 1 or of another \
                      length.",
        overloads: &[
            series("(start INTEGER, end INTEGER)", "ARRAY<INTEGER>"),
            series("(start INTEGER, end INTEGER, step INTEGER)", "ARRAY<INTEGER>"),
            series("(start BIGINT, end BIGINT)", "ARRAY<BIGINT>"),
            series("(start BIGINT, end BIGINT, step INTEGER)", "ARRAY<BIGINT>"),
        ],
        examples: &[
            "GENERATE_SERIES(1, 4) = ARRAY[1, 2, 3, 4]",
            "GENERATE_SERIES(9, 0, -4) = ARRAY[9, 5, 1]",
        ],
        is_deterministic: true,
    },
    Declaration {
        name: "entries",
        category: Category::Map,
        description: "Gives the entries of a MAP as an ARRAY of STRUCTs with the fields K and V, in the order \
                      of their keys or as they are.",
        overloads: &[Overload {
            signature: "(map MAP<STRING, V>, sorted BOOLEAN)",
            returns: Returns::Rule(entries_type),
            evaluate: Evaluate::Arrays(parts::entries),
        }],
        examples: &["ENTRIES(MAP('a' := 1), TRUE) = ARRAY[STRUCT(K := 'a', V := 1)]"],
        is_deterministic: true,
    },
];

type Compute = fn(&[arrow::array::ArrayRef], &DataType) -> Result<arrow::array::ArrayRef>;

const fn of_one_array(compute: Compute) -> Overload {
    Overload {
        signature: "(array ARRAY<T>)",
        returns: Returns::Type("ARRAY<T>"),
        evaluate: Evaluate::Arrays(compute),
    }
}

const fn of_two_arrays(compute: Compute) -> Overload {
    Overload {
        signature: "(left ARRAY<T>, right ARRAY<T>)",
        returns: Returns::Type("ARRAY<T>"),
        evaluate: Evaluate::Arrays(compute),
    }
}

const fn series(signature: &'static str, result: &'static str) -> Overload {
    Overload { signature, returns: Returns::Type(result), evaluate: Evaluate::Arrays(series::generate) }
}

fn entries_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let Some(SqlType::Map { value, .. }) = types.first().map(sql_type).transpose()? else {
        return plan_err!("ENTRIES takes a MAP");
    };
    let fields = vec![StructField::new("K", SqlType::String), StructField::new("V", *value)];
    arrow_type(&SqlType::array(SqlType::Struct(fields)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, Int64Array};

    use crate::functions::sql_harness::{assert_values, evaluate, evaluate_over, refusal};

    #[test]
    fn arrays_are_put_together_and_told_apart() {
        assert_values(&[
            ("ARRAY_CONCAT(ARRAY[4, NULL], ARRAY[4])", "ARRAY<INTEGER>", Some("[4, null, 4]")),
            ("ARRAY_CONCAT(NULL, ARRAY[4])", "ARRAY<INTEGER>", Some("[4]")),
            ("ARRAY_CONCAT(CAST(NULL AS ARRAY<STRING>), NULL)", "ARRAY<STRING>", None),
            ("ARRAY_DISTINCT(ARRAY['b', NULL, 'a', 'b', NULL])", "ARRAY<STRING>", Some("[b, null, a]")),
            (
                "ARRAY_DISTINCT(ARRAY[MAP('a' := 1, 'b' := 2), MAP('b' := 2, 'a' := 1)])",
                "ARRAY<MAP<STRING, INTEGER>>",
                Some("[{a=1, b=2}]"),
            ),
            ("ARRAY_UNION(ARRAY[3, 1, 3], ARRAY[2, 1])", "ARRAY<INTEGER>", Some("[3, 1, 2]")),
            ("ARRAY_UNION(ARRAY[3], NULL)", "ARRAY<INTEGER>", None),
            ("ARRAY_EXCEPT(ARRAY[3, NULL, 1, 3], ARRAY[1])", "ARRAY<INTEGER>", Some("[3, null]")),
            ("ARRAY_EXCEPT(ARRAY[1], ARRAY[1, 2])", "ARRAY<INTEGER>", Some("[]")),
            ("ARRAY_INTERSECT(ARRAY[3, NULL, 1, 3], ARRAY[NULL, 3])", "ARRAY<INTEGER>", Some("[3, null]")),
        ]);
        assert!(
            refusal("ARRAY_UNION(ARRAY[1], ARRAY['a'])")
                .starts_with("Function 'array_union' does not accept")
        );
    }

    #[test]
    fn elements_are_found_and_removed_by_their_value() {
        assert_values(&[
            ("ARRAY_CONTAINS(ARRAY[CAST(7 AS BIGINT)], 7)", "BOOLEAN", Some("true")),
            ("ARRAY_CONTAINS(ARRAY[1, 2], NULL)", "BOOLEAN", Some("false")),
            ("ARRAY_CONTAINS(ARRAY[1, NULL], NULL)", "BOOLEAN", Some("true")),
            ("ARRAY_CONTAINS(NULL, 'a')", "BOOLEAN", Some("false")),
            ("ARRAY_REMOVE(ARRAY[1.50, 2.5, 1.5], 1.5)", "ARRAY<DECIMAL(3, 2)>", Some("[2.50]")),
            ("ARRAY_REMOVE(ARRAY[NULL, 'a'], NULL)", "ARRAY<STRING>", Some("[a]")),
            ("ARRAY_REMOVE(ARRAY[ARRAY[1], ARRAY[2]], ARRAY[1])", "ARRAY<ARRAY<INTEGER>>", Some("[[2]]")),
        ]);
    }

    #[test]
    fn the_order_of_elements_is_that_of_their_type() {
        assert_values(&[
            ("ARRAY_MAX(ARRAY[-3, NULL, 12, 4])", "INTEGER", Some("12")),
            ("ARRAY_MIN(ARRAY['fo', 'Food', 'F'])", "STRING", Some("F")),
            ("ARRAY_MAX(ARRAY[FALSE, TRUE])", "BOOLEAN", Some("true")),
            ("ARRAY_MIN(ARRAY[-1.5, 0.25])", "DECIMAL(3, 2)", Some("-1.50")),
            ("ARRAY_MAX(ARRAY[CAST(NULL AS INTEGER)])", "INTEGER", None),
            ("ARRAY_SORT(ARRAY[2, NULL, -1])", "ARRAY<INTEGER>", Some("[-1, 2, null]")),
            ("ARRAY_SORT(ARRAY[2, NULL, -1], 'Descending')", "ARRAY<INTEGER>", Some("[2, -1, null]")),
            ("ARRAY_SORT(ARRAY[2, 1], 'up')", "ARRAY<INTEGER>", None),
        ]);
    }

    #[test]
    fn parts_are_counted_from_one() {
        assert_values(&[
            ("ARRAY_LENGTH(ARRAY[NULL, 1])", "INTEGER", Some("2")),
            ("ARRAY_LENGTH(NULL)", "INTEGER", None),
            ("SLICE(ARRAY['a', 'b', 'c'], 2, 3)", "ARRAY<STRING>", Some("[b, c]")),
            ("SLICE(ARRAY['a', 'b', 'c'], NULL, 1)", "ARRAY<STRING>", Some("[a]")),
            ("SLICE(ARRAY['a', 'b', 'c'], 3, NULL)", "ARRAY<STRING>", Some("[c]")),
            ("SLICE(ARRAY['a'], 0, 1)", "ARRAY<STRING>", None),
            ("SLICE(ARRAY['a'], 1, 2)", "ARRAY<STRING>", None),
            ("SLICE(ARRAY['a', 'b'], 2, 1)", "ARRAY<STRING>", Some("[]")),
            (
                "ENTRIES(MAP('b' := 2, 'a' := NULL), TRUE)",
                "ARRAY<STRUCT<`K` STRING, `V` INTEGER>>",
                Some("[Struct{K=a}, Struct{K=b,V=2}]"),
            ),
            (
                "ENTRIES(MAP('h' := 1, 'c' := 2, 'b' := 3), FALSE)",
                "ARRAY<STRUCT<`K` STRING, `V` INTEGER>>",
                Some("[Struct{K=h,V=1}, Struct{K=b,V=3}, Struct{K=c,V=2}]"),
            ),
        ]);
    }

    #[test]
    fn joined_elements_are_text() {
        assert_values(&[
            ("ARRAY_JOIN(ARRAY[1.5, NULL])", "STRING", Some("1.5,null")),
            ("ARRAY_JOIN(ARRAY[TRUE, FALSE], ' or ')", "STRING", Some("true or false")),
            ("ARRAY_JOIN(ARRAY['a', 'b'], NULL)", "STRING", Some("ab")),
        ]);
        let (_, text, failures) = evaluate("ARRAY_JOIN(ARRAY[ARRAY[1]])");
        assert_eq!((text, failures.len()), (None, 1));
    }

    #[test]
    fn a_series_has_both_bounds_and_its_steps_go_towards_the_end() {
        assert_values(&[
            ("GENERATE_SERIES(1, 3)", "ARRAY<INTEGER>", Some("[1, 2, 3]")),
            ("GENERATE_SERIES(2, 2)", "ARRAY<INTEGER>", Some("[2]")),
            ("GENERATE_SERIES(CAST(7 AS BIGINT), 0, -3)", "ARRAY<BIGINT>", Some("[7, 4, 1]")),
        ]);
        let ends: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), Some(-2), None, Some(i64::MAX)]));
        let steps: ArrayRef = Arc::new(Int32Array::from(vec![0, 1, 1, 1]));
        let columns = [("E", ends), ("S", steps)];
        let (series, failures) = evaluate_over(&columns, "GENERATE_SERIES(CAST(0 AS BIGINT), E, S)");
        assert_eq!(series.null_count(), 4);
        assert_eq!(
            failures,
            [
                "GENERATE_SERIES step cannot be zero",
                "GENERATE_SERIES step has wrong sign",
                "a bound or the step of the series is NULL",
                "GENERATE_SERIES gives at most 1048576 numbers",
            ]
        );
    }
}
