//! The greatest and the least of several values.
//!
//! NULLs are passed over. The values have one type; which one is never guessed where several would do.

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute;
use arrow::compute::kernels::cmp;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use tidemill_sql::analyzer::decimal::{Digits, common};
use tidemill_sql::type_system::SqlType;

use super::arguments::argument;
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::declared::arrow_type;

/// Declares a function that chooses one of its arguments.
macro_rules! chosen {
    ($name:literal, $description:literal, $choose:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::Mathematical,
            description: $description,
            overloads: &[
                chosen!("(value INTEGER, others INTEGER...)", Returns::Type("INTEGER"), $choose),
                chosen!("(value BIGINT, others BIGINT...)", Returns::Type("BIGINT"), $choose),
                chosen!("(value DOUBLE, others DOUBLE...)", Returns::Type("DOUBLE"), $choose),
                chosen!("(value STRING, others STRING...)", Returns::Type("STRING"), $choose),
                chosen!("(value DECIMAL, others DECIMAL...)", Returns::Rule(widest_decimal), $choose),
                chosen!("(value BYTES, others BYTES...)", Returns::Type("BYTES"), $choose),
                chosen!("(value DATE, others DATE...)", Returns::Type("DATE"), $choose),
                chosen!("(value TIME, others TIME...)", Returns::Type("TIME"), $choose),
                chosen!("(value TIMESTAMP, others TIMESTAMP...)", Returns::Type("TIMESTAMP"), $choose),
            ],
            examples: $examples,
            is_deterministic: true,
        }
    };
    ($signature:literal, $returns:expr, $choose:expr) => {
        Overload { signature: $signature, returns: $returns, evaluate: Evaluate::Arrays($choose) }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    chosen!(
        "greatest",
        "The greatest of its arguments that are not NULL.",
        greatest,
        &["GREATEST(3, NULL, 7, 5) = 7", "GREATEST('a', 'c', 'b') = 'c'"]
    ),
    chosen!("least", "The least of its arguments that are not NULL.", least, &["LEAST(3, NULL, 7, 5) = 3"]),
];

/// Which rows of the first column come before those of the second.
type Before = fn(&ArrayRef, &ArrayRef) -> std::result::Result<BooleanArray, arrow::error::ArrowError>;

fn greatest(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    choose(columns, data_type, |left, right| cmp::gt(left, right))
}

fn least(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    choose(columns, data_type, |left, right| cmp::lt(left, right))
}

fn choose(columns: &[ArrayRef], data_type: &DataType, before: Before) -> Result<ArrayRef> {
    let mut chosen = compute::cast(argument(columns, 0)?, data_type)?;
    for column in &columns[1..] {
        let column = compute::cast(column, data_type)?;
        let better = before(&column, &chosen)?;
        let replaced: Vec<bool> = (0..column.len())
            .map(|row| column.is_valid(row) && (chosen.is_null(row) || better.value(row)))
            .collect();
        chosen = zip(&BooleanArray::from(replaced), &column, &chosen)?;
    }
    Ok(chosen)
}

/// The smallest DECIMAL that holds all arguments; NULLs have no say.
fn widest_decimal(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let is_null = |index: usize| constants.get(index).copied().flatten().is_some_and(ScalarValue::is_null);
    let mut widest: Option<Digits> = None;
    for (index, data_type) in types.iter().enumerate() {
        if is_null(index) {
            continue;
        }
        let Some(digits) = SqlType::from_arrow(data_type).ok().as_ref().and_then(Digits::of) else {
            return plan_err!("decimals are compared, not {data_type}");
        };
        widest = Some(widest.map_or(digits, |widest| common(widest, digits)));
    }
    match (widest, types.first()) {
        (Some(widest), _) => arrow_type(&widest.sql_type()),
        (None, Some(first)) => Ok(first.clone()),
        (None, None) => plan_err!("the function has an argument"),
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::{assert_values, refusal};

    #[test]
    fn the_greatest_and_the_least_are_found_in_every_type() {
        assert_values(&[
            ("GREATEST(1, 3, NULL, 2)", "INTEGER", Some("3")),
            ("LEAST(CAST(NULL AS BIGINT), CAST(-5 AS BIGINT))", "BIGINT", Some("-5")),
            ("GREATEST(1, CAST('2.5' AS DOUBLE))", "DOUBLE", Some("2.5")),
            ("LEAST('b', 'a', 'ab')", "STRING", Some("a")),
            ("GREATEST(1.25, 10.5, NULL)", "DECIMAL(4, 2)", Some("10.50")),
            ("LEAST(1.25, CAST(3 AS DECIMAL(12, 0)))", "DECIMAL(14, 2)", Some("1.25")),
            (
                "FROM_BYTES(GREATEST(TO_BYTES('01', 'hex'), TO_BYTES('FF', 'hex')), 'hex')",
                "STRING",
                Some("FF"),
            ),
            ("GREATEST(CAST('2020-05-01' AS DATE), '2020-06-01')", "DATE", Some("2020-06-01")),
            ("LEAST('08:00', CAST('07:30:00' AS TIME))", "TIME", Some("07:30:00")),
            (
                "LEAST(CAST('2020-05-01T10:00:00' AS TIMESTAMP), NULL, '2020-05-01')",
                "TIMESTAMP",
                Some("2020-05-01T00:00:00.000"),
            ),
            ("GREATEST(CAST(NULL AS STRING), CAST(NULL AS STRING))", "STRING", None),
        ]);
    }

    #[test]
    fn a_type_is_not_guessed() {
        assert_eq!(
            refusal("GREATEST(1, CAST(2 AS BIGINT))"),
            "Function 'greatest' cannot be resolved due to ambiguous method parameters (INTEGER, BIGINT)."
        );
        assert_eq!(
            refusal("LEAST(NULL, NULL)"),
            "Function 'least' cannot be resolved due to ambiguous method parameters (null, null)."
        );
        assert_eq!(refusal("LEAST()"), "Function 'least' does not accept parameters ().");
        assert_eq!(
            refusal("GREATEST('a', 1)"),
            "Function 'greatest' does not accept parameters (STRING, INTEGER)."
        );
    }
}
