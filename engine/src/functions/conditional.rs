//! Values in the place of NULL, and NULL in the place of values.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use super::arguments::argument;
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::nested;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "COALESCE",
        category: Category::Conditional,
        description: "The first of its arguments that is not NULL.",
        overloads: &[Overload {
            signature: "(first T, rest T...)",
            returns: Returns::Type("T"),
            evaluate: Evaluate::Arrays(first_known),
        }],
        examples: &["COALESCE(NULL, 'b', 'c') = 'b'"],
        is_deterministic: true,
    },
    Declaration {
        name: "IFNULL",
        category: Category::Conditional,
        description: "The value, or the alternative where the value is NULL.",
        overloads: &[Overload {
            signature: "(value T, alternative T)",
            returns: Returns::Type("T"),
            evaluate: Evaluate::Arrays(first_known),
        }],
        examples: &["IFNULL(NULL, 0) = 0"],
        is_deterministic: true,
    },
    Declaration {
        name: "NULLIF",
        category: Category::Conditional,
        description: "The value, or NULL where it equals the other one.",
        overloads: &[Overload {
            signature: "(value T, other T)",
            returns: Returns::Type("T"),
            evaluate: Evaluate::Arrays(null_where_equal),
        }],
        examples: &["NULLIF('N/A', '') = 'N/A'"],
        is_deterministic: true,
    },
];

fn first_known(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let mut found = compute::cast(argument(columns, 0)?, data_type)?;
    for column in &columns[1..] {
        if found.null_count() == 0 {
            break;
        }
        let known = compute::is_not_null(&found)?;
        found = zip(&known, &found, &compute::cast(column, data_type)?)?;
    }
    Ok(found)
}

fn null_where_equal(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let equal = nested::equal(columns, &DataType::Boolean)?;
    let Some(equal) = equal.as_boolean_opt() else { return exec_err!("a comparison is BOOLEAN") };
    Ok(compute::nullif(argument(columns, 0)?, equal)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
    use arrow::datatypes::Int32Type;

    use crate::functions::sql_harness::{assert_values, evaluate_over, refusal};

    #[test]
    fn the_first_value_that_is_not_null_is_taken() {
        assert_values(&[
            ("COALESCE(NULL, NULL, 3, 4)", "INTEGER", Some("3")),
            ("COALESCE(CAST(NULL AS BIGINT), 7)", "BIGINT", Some("7")),
            ("COALESCE(CAST(NULL AS STRING), CAST(NULL AS STRING))", "STRING", None),
            ("COALESCE(CAST(NULL AS ARRAY<INTEGER>), ARRAY[1, 2])", "ARRAY<INTEGER>", Some("[1, 2]")),
            ("IFNULL(CAST(NULL AS DOUBLE), 1.5)", "DOUBLE", Some("1.5")),
            ("IFNULL('a', 'b')", "STRING", Some("a")),
        ]);
        assert_eq!(refusal("COALESCE()"), "Function 'COALESCE' does not accept parameters ().");
        assert_eq!(
            refusal("IFNULL(1, 'a')"),
            "Function 'IFNULL' does not accept parameters (INTEGER, STRING)."
        );
    }

    #[test]
    fn rows_are_decided_one_by_one() {
        let column = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
        let columns =
            [("A", column(vec![Some("a"), None, None])), ("B", column(vec![Some("b"), Some("b"), None]))];
        let (found, _) = evaluate_over(&columns, "COALESCE(A, B, 'c')");
        assert_eq!(found.as_string::<i32>(), &StringArray::from(vec!["a", "b", "c"]));
        let (differing, _) = evaluate_over(&columns, "NULLIF(B, COALESCE(A, 'b'))");
        assert_eq!(differing.as_string::<i32>(), &StringArray::from(vec![Some("b"), None, None]));
    }

    #[test]
    fn what_fails_takes_along_what_is_around_it() {
        assert_values(&[
            ("IFNULL(1 / 0, 7)", "INTEGER", None),
            ("1 / 0 IS NULL", "BOOLEAN", None),
            ("CASE WHEN 1 / 0 = 1 THEN 'a' ELSE 'b' END", "STRING", None),
            ("1 = 2 OR 1 / 0 = 1", "BOOLEAN", None),
            // What is not asked for does not fail.
            ("1 = 1 OR 1 / 0 = 1", "BOOLEAN", Some("true")),
            ("CASE WHEN 1 = 1 THEN 'a' WHEN 1 / 0 = 1 THEN 'b' END", "STRING", Some("a")),
            ("COALESCE(7, 1 / 0)", "INTEGER", None),
        ]);
        let divisors: ArrayRef = Arc::new(Int32Array::from(vec![1, 0, 2, 0]));
        let (quotients, failures) = evaluate_over(&[("D", divisors)], "IFNULL(10 / D, 7)");
        let expected = Int32Array::from(vec![Some(10), None, Some(5), None]);
        assert_eq!(quotients.as_primitive::<Int32Type>(), &expected);
        assert_eq!(failures, ["division by zero", "division by zero"]);
    }

    #[test]
    fn failures_are_caught_in_casts_parts_and_calls() {
        assert_values(&[
            ("IFNULL(CAST('x' AS INTEGER), 7)", "INTEGER", Some("7")),
            ("CAST('x' AS INTEGER) IS NULL", "BOOLEAN", Some("true")),
            ("COALESCE(PARSE_DATE('x', 'yyyy'), PARSE_DATE('2000', 'yyyy'))", "DATE", Some("2000-01-01")),
            ("ARRAY[1 / 0, 2]", "ARRAY<INTEGER>", Some("[null, 2]")),
            ("STRUCT(A := 1 / 0, B := 2)->B", "INTEGER", Some("2")),
        ]);
    }

    #[test]
    fn a_value_that_equals_the_other_becomes_null() {
        assert_values(&[
            ("NULLIF(1, 1)", "INTEGER", None),
            ("NULLIF(1, 2)", "INTEGER", Some("1")),
            ("NULLIF('a', NULL)", "STRING", Some("a")),
            ("NULLIF(CAST(NULL AS STRING), 'a')", "STRING", None),
            ("NULLIF(ARRAY[1, NULL], ARRAY[1, NULL])", "ARRAY<INTEGER>", None),
            ("NULLIF(MAP('a' := 1), MAP('a' := 2))", "MAP<STRING, INTEGER>", Some("{a=1}")),
        ]);
    }
}
