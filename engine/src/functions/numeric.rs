//! Powers, roots, logarithms, signs and magnitudes of numbers.

use std::f64::consts;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::arguments::{Values, argument, values};
use super::decimal_128;
use super::decimal_values::{computed_decimals, decimal_at};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};

/// Declares a function of one DOUBLE that gives a DOUBLE.
macro_rules! of_double {
    ($name:literal, $description:literal, $function:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::Mathematical,
            description: $description,
            overloads: &[Overload {
                signature: "(value DOUBLE)",
                returns: Returns::Type("DOUBLE"),
                evaluate: Evaluate::Arrays(|columns, _| double_of_double(columns, $function)),
            }],
            examples: $examples,
            is_deterministic: true,
        }
    };
}
pub(super) use of_double;

/// Declares a function of two DOUBLEs that gives a DOUBLE.
macro_rules! of_two_doubles {
    ($name:literal, $signature:literal, $description:literal, $function:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::Mathematical,
            description: $description,
            overloads: &[Overload {
                signature: $signature,
                returns: Returns::Type("DOUBLE"),
                evaluate: Evaluate::Arrays(|columns, _| double_of_doubles(columns, $function)),
            }],
            examples: $examples,
            is_deterministic: true,
        }
    };
}
pub(super) use of_two_doubles;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "Abs",
        category: Category::Mathematical,
        description: "The number without its sign.",
        overloads: &[
            Overload {
                signature: "(value INTEGER)",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let value = Values::<Int32Type>::of(columns, 0)?;
                    Ok(values::<Int32Type>(value.len(), |row| value.get(row).map(i32::wrapping_abs)))
                }),
            },
            Overload {
                signature: "(value BIGINT)",
                returns: Returns::Type("BIGINT"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let value = Values::<Int64Type>::of(columns, 0)?;
                    Ok(values::<Int64Type>(value.len(), |row| value.get(row).map(i64::wrapping_abs)))
                }),
            },
            Overload {
                signature: "(value DOUBLE)",
                returns: Returns::Type("DOUBLE"),
                evaluate: Evaluate::Arrays(|columns, _| double_of_double(columns, f64::abs)),
            },
            Overload {
                signature: "(value DECIMAL)",
                returns: Returns::Rule(type_of_first),
                evaluate: Evaluate::Arrays(|columns, data_type| {
                    let column = argument(columns, 0)?;
                    let in_128_bits = |_: decimal_128::Exact<'_>| decimal_128::absolute(column);
                    let number = |row: usize| Some(decimal_at(column, row)?.abs());
                    computed_decimals(column.len(), data_type, in_128_bits, number)
                }),
            },
        ],
        examples: &["ABS(-3.5) = 3.5"],
        is_deterministic: true,
    },
    Declaration {
        name: "sign",
        category: Category::Mathematical,
        description: "-1, 0 or 1, as the number is less than, equal to or greater than 0.",
        overloads: &[Overload {
            signature: "(value DOUBLE)",
            returns: Returns::Type("INTEGER"),
            evaluate: Evaluate::Arrays(|columns, _| {
                let value = Values::<Float64Type>::of(columns, 0)?;
                let sign = |value: f64| i32::from(value > 0.0) - i32::from(value < 0.0);
                Ok(values::<Int32Type>(value.len(), |row| value.get(row).map(sign)))
            }),
        }],
        examples: &["SIGN(-17) = -1", "SIGN(0.5) = 1"],
        is_deterministic: true,
    },
    of_double!("sqrt", "The square root, NaN of a negative number.", f64::sqrt, &["SQRT(16) = 4.0"]),
    of_double!("cbrt", "The cube root.", f64::cbrt, &["CBRT(-8) = -2.0"]),
    of_double!("exp", "Euler's number raised to a power.", f64::exp, &["EXP(0) = 1.0"]),
    of_double!(
        "ln",
        "The natural logarithm, -Infinity of 0 and NaN of a negative number.",
        f64::ln,
        &["LN(1) = 0.0"]
    ),
    Declaration {
        name: "log",
        category: Category::Mathematical,
        description: "The logarithm to a base, or the natural logarithm where no base is given.",
        overloads: &[
            Overload {
                signature: "(value DOUBLE)",
                returns: Returns::Type("DOUBLE"),
                evaluate: Evaluate::Arrays(|columns, _| double_of_double(columns, f64::ln)),
            },
            Overload {
                signature: "(base DOUBLE, value DOUBLE)",
                returns: Returns::Type("DOUBLE"),
                evaluate: Evaluate::Arrays(|columns, _| double_of_doubles(columns, logarithm)),
            },
        ],
        examples: &["LOG(2, 8) = 3.0"],
        is_deterministic: true,
    },
    of_two_doubles!(
        "power",
        "(base DOUBLE, exponent DOUBLE)",
        "A number raised to a power.",
        f64::powf,
        &["POWER(2, 10) = 1024.0"]
    ),
    Declaration {
        name: "pi",
        category: Category::Mathematical,
        description: "The number π.",
        overloads: &[Overload {
            signature: "()",
            returns: Returns::Type("DOUBLE"),
            evaluate: Evaluate::Rows(|rows| Ok(Arc::new(Float64Array::from(vec![consts::PI; rows])))),
        }],
        examples: &["PI() = 3.141592653589793"],
        is_deterministic: true,
    },
];

/// The type of the first argument.
pub(super) fn type_of_first(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types.first() {
        Some(first) => Ok(first.clone()),
        None => plan_err!("the function has an argument"),
    }
}

pub(super) fn double_of_double(columns: &[ArrayRef], function: fn(f64) -> f64) -> Result<ArrayRef> {
    let Some(column) = argument(columns, 0)?.as_primitive_opt::<Float64Type>() else {
        return exec_err!("the argument is no DOUBLE");
    };
    Ok(Arc::new(column.unary::<_, Float64Type>(function)))
}

pub(super) fn double_of_doubles(columns: &[ArrayRef], function: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let first = Values::<Float64Type>::of(columns, 0)?;
    let second = Values::<Float64Type>::of(columns, 1)?;
    Ok(values::<Float64Type>(first.len(), |row| Some(function(first.get(row)?, second.get(row)?))))
}

fn logarithm(base: f64, value: f64) -> f64 {
    if base <= 0.0 || base == 1.0 { f64::NAN } else { value.ln() / base.ln() }
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::assert_values;

    #[test]
    fn magnitudes_and_signs_keep_the_type_of_the_number() {
        assert_values(&[
            ("ABS(-7)", "INTEGER", Some("7")),
            ("ABS(CAST('-9223372036854775808' AS BIGINT))", "BIGINT", Some("-9223372036854775808")),
            ("ABS(CAST('-0.25' AS DOUBLE))", "DOUBLE", Some("0.25")),
            ("ABS(-12.340)", "DECIMAL(5, 3)", Some("12.340")),
            ("ABS(CAST(NULL AS DOUBLE))", "DOUBLE", None),
            ("SIGN(-4)", "INTEGER", Some("-1")),
            ("SIGN(0)", "INTEGER", Some("0")),
            ("SIGN(2.5)", "INTEGER", Some("1")),
            ("SIGN(CAST('NaN' AS DOUBLE))", "INTEGER", Some("0")),
            ("SIGN(NULL)", "INTEGER", None),
        ]);
    }

    #[test]
    fn roots_powers_and_logarithms_are_doubles() {
        assert_values(&[
            ("SQRT(2)", "DOUBLE", Some("1.4142135623730951")),
            ("SQRT(-1)", "DOUBLE", Some("NaN")),
            ("CBRT(-27)", "DOUBLE", Some("-3.0")),
            ("EXP(1)", "DOUBLE", Some("2.718281828459045")),
            ("EXP(1000)", "DOUBLE", Some("Infinity")),
            ("LN(0)", "DOUBLE", Some("-Infinity")),
            ("LN(-1)", "DOUBLE", Some("NaN")),
            ("LOG(EXP(2))", "DOUBLE", Some("2.0")),
            ("LOG(2, 8)", "DOUBLE", Some("3.0")),
            ("LOG(2, 0)", "DOUBLE", Some("-Infinity")),
            ("LOG(1, 8)", "DOUBLE", Some("NaN")),
            ("LOG(-2, 8)", "DOUBLE", Some("NaN")),
            ("LOG(NULL, 8)", "DOUBLE", None),
            ("POWER(2, 0.5)", "DOUBLE", Some("1.4142135623730951")),
            ("POWER(10, 400)", "DOUBLE", Some("Infinity")),
            ("POWER(2, NULL)", "DOUBLE", None),
            ("PI()", "DOUBLE", Some("3.141592653589793")),
        ]);
    }
}
