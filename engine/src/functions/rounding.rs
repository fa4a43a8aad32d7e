//! Numbers without their digits behind some place.
//!
//! ROUND goes to the nearest number, and of two as near to the one above: -1.5 becomes -1. A DECIMAL keeps
//! its type where places are asked for, since the type cannot depend on a value.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use bigdecimal::num_bigint::Sign;
use bigdecimal::{BigDecimal, RoundingMode};
use datafusion::common::{Result, ScalarValue, plan_err};
use tidemill_sql::type_system::SqlType;

use super::arguments::{Values, argument, values};
use super::decimal_128::{self, Exact, Rounding};
use super::decimal_values::{computed_decimals, decimal_at};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::declared::arrow_type;
use super::numeric::{double_of_double, type_of_first};
use crate::expressions::failures;

/// Declares a function that gives a whole number in the type of its argument.
macro_rules! whole_number {
    ($name:literal, $description:literal, $of_double:expr, $rounding:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::Mathematical,
            description: $description,
            overloads: &[
                Overload {
                    signature: "(value INTEGER)",
                    returns: Returns::Type("INTEGER"),
                    evaluate: Evaluate::Arrays(|columns, _| argument(columns, 0).cloned()),
                },
                Overload {
                    signature: "(value BIGINT)",
                    returns: Returns::Type("BIGINT"),
                    evaluate: Evaluate::Arrays(|columns, _| argument(columns, 0).cloned()),
                },
                Overload {
                    signature: "(value DOUBLE)",
                    returns: Returns::Type("DOUBLE"),
                    evaluate: Evaluate::Arrays(|columns, _| double_of_double(columns, $of_double)),
                },
                Overload {
                    signature: "(value DECIMAL)",
                    returns: Returns::Rule(type_of_first),
                    evaluate: Evaluate::Arrays(|columns, data_type| {
                        decimals_to_places(argument(columns, 0)?, |_| Some(0), $rounding, data_type)
                    }),
                },
            ],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

/// Declares a function that takes away digits behind the point, or before it.
macro_rules! shortened {
    ($name:literal, $description:literal, $whole:expr, $rounding:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::Mathematical,
            description: $description,
            overloads: &[
                Overload {
                    signature: "(value INTEGER)",
                    returns: Returns::Type("BIGINT"),
                    evaluate: Evaluate::Arrays(|columns, _| {
                        let value = Values::<Int32Type>::of(columns, 0)?;
                        Ok(values::<Int64Type>(value.len(), |row| value.get(row).map(i64::from)))
                    }),
                },
                Overload {
                    signature: "(value BIGINT)",
                    returns: Returns::Type("BIGINT"),
                    evaluate: Evaluate::Arrays(|columns, _| argument(columns, 0).cloned()),
                },
                Overload {
                    signature: "(value DOUBLE)",
                    returns: Returns::Type("BIGINT"),
                    evaluate: Evaluate::Arrays(|columns, _| {
                        let whole: fn(f64) -> i64 = $whole;
                        let value = Values::<Float64Type>::of(columns, 0)?;
                        Ok(values::<Int64Type>(value.len(), |row| value.get(row).map(whole)))
                    }),
                },
                Overload {
                    signature: "(value DOUBLE, places INTEGER)",
                    returns: Returns::Type("DOUBLE"),
                    evaluate: Evaluate::Arrays(|columns, _| doubles_to_places(columns, $rounding)),
                },
                Overload {
                    signature: "(value DECIMAL)",
                    returns: Returns::Rule(whole_decimal),
                    evaluate: Evaluate::Arrays(|columns, data_type| {
                        decimals_to_places(argument(columns, 0)?, |_| Some(0), $rounding, data_type)
                    }),
                },
                Overload {
                    signature: "(value DECIMAL, places INTEGER)",
                    returns: Returns::Rule(type_of_first),
                    evaluate: Evaluate::Arrays(|columns, data_type| {
                        let places = Values::<Int32Type>::of(columns, 1)?;
                        let places = |row: usize| places.get(row);
                        decimals_to_places(argument(columns, 0)?, places, $rounding, data_type)
                    }),
                },
            ],
            examples: $examples,
            is_deterministic: true,
        }
    };
}
pub(super) const FUNCTIONS: &[Declaration] = &[
    whole_number!(
        "Ceil",
        "The smallest whole number that is not less.",
        f64::ceil,
        Rounding::Ceiling,
        &["CEIL(1.2) = 2.0"]
    ),
    whole_number!(
        "Floor",
        "The largest whole number that is not greater.",
        f64::floor,
        Rounding::Floor,
        &["FLOOR(-1.2) = -2.0"]
    ),
    shortened!(
        "Round",
        "The nearest number with so many digits behind the point, none where that is not told. Of two as \
         near the greater one.",
        nearest,
        Rounding::Nearest,
        &["ROUND(2.5) = 3", "ROUND(-2.5) = -2", "ROUND(1234.567, -2) = 1200.000"]
    ),
    shortened!(
        "trunc",
        "The number cut behind so many digits behind the point, behind the point where that is not told.",
        |value| value as i64,
        Rounding::Cut,
        &["TRUNC(-2.7) = -2", "TRUNC(1.239, 2) = 1.230"]
    ),
];

/// The nearest whole number, of two as near the greater one.
fn nearest(value: f64) -> i64 {
    let below = value.floor();
    // Rust's `as` saturates and makes NaN 0, as Java's conversion does.
    (if value - below >= 0.5 { below + 1.0 } else { below }) as i64
}

/// How a number is rounded, which may depend on its sign.
fn mode(rounding: Rounding, value: &BigDecimal) -> RoundingMode {
    match rounding {
        Rounding::Floor => RoundingMode::Floor,
        Rounding::Ceiling => RoundingMode::Ceiling,
        Rounding::Nearest if value.sign() == Sign::Minus => RoundingMode::HalfDown,
        Rounding::Nearest => RoundingMode::HalfUp,
        Rounding::Cut => RoundingMode::Down,
    }
}

/// The number with so many digits behind the point; before it, where they are less than none.
fn to_places(value: BigDecimal, places: i32, rounding: Rounding) -> BigDecimal {
    let places = i64::from(places);
    // More digits than there are would be written out as zeros.
    if places >= value.fractional_digit_count() {
        return value;
    }
    let mode = mode(rounding, &value);
    value.with_scale_round(places, mode)
}

fn decimals_to_places(
    column: &ArrayRef,
    places: impl Fn(usize) -> Option<i32>,
    rounding: Rounding,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let in_128_bits = |exact: Exact<'_>| decimal_128::rounded(column, &places, rounding, data_type, exact);
    let number = |row: usize| Some(to_places(decimal_at(column, row)?, places(row)?, rounding));
    computed_decimals(column.len(), data_type, in_128_bits, number)
}

fn doubles_to_places(columns: &[ArrayRef], rounding: Rounding) -> Result<ArrayRef> {
    let value = Values::<Float64Type>::of(columns, 0)?;
    let places = Values::<Int32Type>::of(columns, 1)?;
    let mut buffer = ryu::Buffer::new();
    Ok(values::<Float64Type>(value.len(), |row| {
        let (value, places) = (value.get(row)?, places.get(row)?);
        // A DOUBLE is taken by its shortest text: 0.1 is one tenth.
        let Ok(exact) = buffer.format(value).parse::<BigDecimal>() else {
            failures::note(|| format!("{value} has no digits to round"));
            return None;
        };
        to_places(exact, places, rounding).to_string().parse().ok()
    }))
}

/// The type of a DECIMAL without digits behind the point.
fn whole_decimal(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types.first().map(SqlType::from_arrow) {
        Some(Ok(SqlType::Decimal { precision, scale })) => {
            arrow_type(&SqlType::Decimal { precision: precision.saturating_sub(scale).max(1), scale: 0 })
        }
        other => plan_err!("a DECIMAL is rounded, not {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::assert_values;

    #[test]
    fn whole_numbers_below_and_above_keep_the_type() {
        assert_values(&[
            ("CEIL(3)", "INTEGER", Some("3")),
            ("CEIL(CAST('-1.5' AS DOUBLE))", "DOUBLE", Some("-1.0")),
            ("CEIL(1.01)", "DECIMAL(3, 2)", Some("2.00")),
            ("CEIL(9.99)", "DECIMAL(3, 2)", None),
            ("FLOOR(CAST(5000000000 AS BIGINT))", "BIGINT", Some("5000000000")),
            ("FLOOR(CAST('-1.5' AS DOUBLE))", "DOUBLE", Some("-2.0")),
            ("FLOOR(-1.01)", "DECIMAL(3, 2)", Some("-2.00")),
            ("FLOOR(CAST(NULL AS INTEGER))", "INTEGER", None),
        ]);
    }

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_halves_up() {
        assert_values(&[
            ("ROUND(7)", "BIGINT", Some("7")),
            ("ROUND(CAST('2.5' AS DOUBLE))", "BIGINT", Some("3")),
            ("ROUND(CAST('-2.5' AS DOUBLE))", "BIGINT", Some("-2")),
            // The largest number below one half: adding one half to it would give 1.
            ("ROUND(CAST('0.49999999999999994' AS DOUBLE))", "BIGINT", Some("0")),
            ("ROUND(CAST('1e300' AS DOUBLE))", "BIGINT", Some("9223372036854775807")),
            ("ROUND(CAST('NaN' AS DOUBLE))", "BIGINT", Some("0")),
            ("ROUND(CAST('2.345' AS DOUBLE), 2)", "DOUBLE", Some("2.35")),
            ("ROUND(CAST('-2.345' AS DOUBLE), 2)", "DOUBLE", Some("-2.34")),
            ("ROUND(CAST('1250.5' AS DOUBLE), -2)", "DOUBLE", Some("1300.0")),
            ("ROUND(CAST('1.5' AS DOUBLE), 2000000000)", "DOUBLE", Some("1.5")),
            ("ROUND(CAST('1.5' AS DOUBLE), -2000000000)", "DOUBLE", Some("0.0")),
            ("ROUND(CAST('NaN' AS DOUBLE), 1)", "DOUBLE", None),
            ("ROUND(CAST('1.5' AS DOUBLE), NULL)", "DOUBLE", None),
            ("ROUND(17.5)", "DECIMAL(2, 0)", Some("18")),
            ("ROUND(-17.5)", "DECIMAL(2, 0)", Some("-17")),
            ("ROUND(99.5)", "DECIMAL(2, 0)", None),
            ("ROUND(1.2345, 3)", "DECIMAL(5, 4)", Some("1.2350")),
            ("ROUND(1.2345, 9)", "DECIMAL(5, 4)", Some("1.2345")),
        ]);
    }

    #[test]
    fn numbers_are_cut_towards_zero() {
        assert_values(&[
            ("TRUNC(-7)", "BIGINT", Some("-7")),
            ("TRUNC(CAST('-2.9' AS DOUBLE))", "BIGINT", Some("-2")),
            ("TRUNC(CAST('2.999' AS DOUBLE), 2)", "DOUBLE", Some("2.99")),
            ("TRUNC(-17.9)", "DECIMAL(2, 0)", Some("-17")),
            ("TRUNC(1299.99, -2)", "DECIMAL(6, 2)", Some("1200.00")),
        ]);
    }
}
