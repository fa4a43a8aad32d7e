//! Which conversions there are, and the DataFusion expression that converts.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::ScalarValue;
use datafusion_expr::expr::{Cast, ScalarFunction};
use datafusion_expr::{Expr, ScalarUDF};

use crate::analyzer::decimal::Digits;
use crate::analyzer::expression::decimal_text;
use crate::analyzer::reserved;
use crate::error::SqlError;
use crate::lookup::Lookup;
use crate::type_system::{SqlType, StructField};

/// Whether CAST can convert values of `from` to `to`; some values may still fail.
#[must_use]
pub fn is_supported(from: &SqlType, to: &SqlType) -> bool {
    unsupported(from, to).is_none()
}

/// The types that stand in the way of a CAST from `from` to `to`: these, or those of parts of them.
#[must_use]
pub fn unsupported<'a>(from: &'a SqlType, to: &'a SqlType) -> Option<(&'a SqlType, &'a SqlType)> {
    match (from, to) {
        (SqlType::Array(from), SqlType::Array(to)) => unsupported(from, to),
        (SqlType::Map { key, value }, SqlType::Map { key: to_key, value: to_value }) => {
            unsupported(key, to_key).or_else(|| unsupported(value, to_value))
        }
        // Fields find each other by name; where none does, nothing of the value would be left.
        (SqlType::Struct(sources), SqlType::Struct(fields)) => {
            let counterpart = |field: &StructField| sources.iter().find(|source| source.name == field.name);
            if !sources.is_empty() && fields.iter().all(|field| counterpart(field).is_none()) {
                return Some((from, to));
            }
            fields.iter().find_map(|field| unsupported(&counterpart(field)?.data_type, &field.data_type))
        }
        _ => (!is_plain_supported(from, to)).then_some((from, to)),
    }
}

/// A field that values of `from` lose as `to`, since the STRUCT there has none of its name, and the fields
/// that it has. A CAST that is written out may leave fields behind; a value that is only stored must not.
#[must_use]
pub fn lost_field<'a>(from: &'a SqlType, to: &'a SqlType) -> Option<(&'a str, &'a [StructField])> {
    match (from, to) {
        (SqlType::Array(from), SqlType::Array(to)) => lost_field(from, to),
        (SqlType::Map { key, value }, SqlType::Map { key: to_key, value: to_value }) => {
            lost_field(key, to_key).or_else(|| lost_field(value, to_value))
        }
        (SqlType::Struct(from), SqlType::Struct(to)) => {
            from.iter().find_map(|field| match to.iter().find(|target| target.name == field.name) {
                Some(target) => lost_field(&field.data_type, &target.data_type),
                None => Some((field.name.as_str(), to.as_slice())),
            })
        }
        _ => None,
    }
}

/// The same for types that are not both of the same nested kind.
fn is_plain_supported(from: &SqlType, to: &SqlType) -> bool {
    if from == to {
        return true;
    }
    match (from, to) {
        (SqlType::Bytes, _) | (_, SqlType::Bytes) => false,
        (_, SqlType::String) => true,
        (from, to) if from.is_numeric() && to.is_numeric() => true,
        (SqlType::String, to) => {
            to.is_numeric()
                || matches!(to, SqlType::Boolean | SqlType::Date | SqlType::Time | SqlType::Timestamp)
        }
        (SqlType::Timestamp, SqlType::Date | SqlType::Time) | (SqlType::Date, SqlType::Timestamp) => true,
        _ => false,
    }
}

/// Whether every value of `from` has its exact counterpart in `to`, or for DOUBLE the nearest one, so
/// that Arrow's cast means the same as ksqlDB's.
#[must_use]
pub fn is_lossless(from: &SqlType, to: &SqlType) -> bool {
    match (from, to) {
        (SqlType::Integer, SqlType::Bigint)
        | (SqlType::Integer | SqlType::Bigint, SqlType::Double)
        | (SqlType::Date, SqlType::Timestamp) => true,
        (from, SqlType::Decimal { precision, scale }) => {
            let to = Digits { precision: *precision, scale: *scale };
            Digits::of(from).is_some_and(|from| to.holds(from))
        }
        _ => false,
    }
}

/// The expression that converts `expr` of type `from` (`None` for NULL) to `to`. Literals are
/// converted at once.
///
/// # Errors
/// The engine lacks a reserved function: a bug.
pub fn convert(
    expr: Expr,
    from: Option<&SqlType>,
    to: &SqlType,
    lookup: &dyn Lookup,
) -> Result<Expr, SqlError> {
    if from == Some(to) {
        return Ok(expr);
    }
    Target::new(to)?.convert(expr, from, lookup)
}

/// A type that several expressions are converted to; what they share of it is made once.
pub struct Target<'a> {
    sql_type: &'a SqlType,
    arrow: DataType,
    null: Expr,
}

impl<'a> Target<'a> {
    /// The type as a target.
    ///
    /// # Errors
    /// The type has no form in Arrow: a bug.
    pub fn new(sql_type: &'a SqlType) -> Result<Target<'a>, SqlError> {
        Ok(Target { sql_type, arrow: sql_type.to_arrow()?, null: null(sql_type)? })
    }

    /// As [`convert`].
    ///
    /// # Errors
    /// The engine lacks a reserved function: a bug.
    pub fn convert(&self, expr: Expr, from: Option<&SqlType>, lookup: &dyn Lookup) -> Result<Expr, SqlError> {
        let Some(from) = from else {
            return Ok(self.null.clone());
        };
        if from == self.sql_type {
            return Ok(expr);
        }
        if let (Expr::Literal(value, _), SqlType::Double) = (&expr, self.sql_type)
            && let Some(value) = decimal_as_double(value)
        {
            return Ok(Expr::Literal(ScalarValue::Float64(Some(value)), None));
        }
        if is_lossless(from, self.sql_type) {
            if let Expr::Literal(value, _) = &expr
                && let Ok(value) = value.cast_to(&self.arrow)
            {
                return Ok(Expr::Literal(value, None));
            }
            return Ok(Expr::Cast(Cast::new(Box::new(expr), self.arrow.clone())));
        }
        Ok(call(reserved_function(reserved::CAST, lookup)?, vec![expr, self.null.clone()]))
    }
}

/// NULL of a type.
///
/// # Errors
/// The type has no NULL in Arrow: a bug.
pub fn null(data_type: &SqlType) -> Result<Expr, SqlError> {
    let value = ScalarValue::try_new_null(&data_type.to_arrow()?)
        .map_err(|error| SqlError::internal(format!("no NULL of type {data_type}: {error}")))?;
    Ok(Expr::Literal(value, None))
}

/// A call of a scalar function.
#[must_use]
pub fn call(function: Arc<ScalarUDF>, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function, arguments))
}

/// A function that plans call by its reserved name.
///
/// # Errors
/// The engine lacks it: a bug.
pub fn reserved_function(name: &str, lookup: &dyn Lookup) -> Result<Arc<ScalarUDF>, SqlError> {
    lookup
        .scalar_function(name)
        .ok_or_else(|| SqlError::internal(format!("the engine has no function '{name}'")))
}

/// The text of a DECIMAL is what finds the nearest DOUBLE.
fn decimal_as_double(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::Decimal128(Some(unscaled), _, scale) => {
            decimal_text(*unscaled, u8::try_from(*scale).ok()?).parse().ok()
        }
        _ => None,
    }
}
