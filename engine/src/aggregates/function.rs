//! What is known of an aggregate function, said once: for the planner, for DESCRIBE FUNCTION and
//! completion, and for the operator that runs it.

use std::fmt;

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use tidemill_sql::lookup::AggregateFunction;
use tidemill_sql::type_system::SqlType;

use super::Accumulator;
use crate::error::Result;

/// An aggregate function.
///
/// Its arguments are values, which change with every row, followed by parameters, which are literals
/// and configure the call (`TOPK(price, 3)`).
#[derive(Clone, Copy)]
pub struct Function {
    /// Upper-case name.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// The arguments there may be, for people: `(value INTEGER, k INTEGER)`.
    pub signatures: &'static [&'static str],
    /// A call that shows what it is for.
    pub example: &'static str,
    /// Whether it can take back a row.
    pub retractable: bool,
    /// How many of so many arguments are values.
    pub(super) values: fn(usize) -> usize,
    /// Type of the result for types of arguments and values of literals; `None` if there is none.
    pub(super) resolve: fn(&[DataType], &[Option<ScalarValue>]) -> Resolved,
    /// The accumulator of a call that was resolved.
    pub(super) create: fn(&ResolvedCall) -> Result<Box<dyn Accumulator>>,
}

/// What resolving gives: a type, or why there is none.
pub(super) type Resolved = std::result::Result<DataType, Mismatch>;

/// Why a call has no type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Mismatch {
    /// The function has no such arguments.
    Arguments,
    /// The parameter at that position, from 0, is no literal.
    NotLiteral(usize),
    /// A parameter's value is not legal; the text says which and why.
    Value(String),
}

/// A call as its accumulator needs to know it.
#[derive(Clone, Debug)]
pub struct ResolvedCall {
    /// Types of all arguments.
    pub arguments: Vec<DataType>,
    /// Values of the arguments that are literals.
    pub constants: Vec<Option<ScalarValue>>,
    /// Type of the result.
    pub return_type: DataType,
    /// Whether rows may be taken back.
    pub retracts: bool,
    /// The most entries a collection may hold, where that is limited; further ones are not collected.
    pub entries_max: Option<usize>,
    /// Whether a sum that does not fit its type ends the query; otherwise it is NULL while that is so.
    pub overflow_ends_query: bool,
}

impl Function {
    /// How many of so many arguments are values; the rest are parameters.
    #[must_use]
    pub fn values(&self, arguments: usize) -> usize {
        (self.values)(arguments).min(arguments)
    }

    /// The accumulator of a call.
    ///
    /// # Errors
    /// Internal: arguments for which the function has no result.
    pub fn accumulator(&self, call: &ResolvedCall) -> Result<Box<dyn Accumulator>> {
        (self.create)(call)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

impl AggregateFunction for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn return_type(
        &self,
        arguments: &[DataType],
        constants: &[Option<ScalarValue>],
    ) -> std::result::Result<DataType, String> {
        (self.resolve)(arguments, constants).map_err(|mismatch| match mismatch {
            Mismatch::Arguments => {
                let arguments: Vec<String> = arguments.iter().map(type_name).collect();
                let (name, arguments) = (self.name, arguments.join(", "));
                let alternatives: Vec<String> =
                    self.signatures.iter().map(|signature| format!("{name}{signature}")).collect();
                let alternatives = alternatives.join("\n");
                format!(
                    "Function '{name}' does not accept parameters ({arguments}).\nValid alternatives are:\n\
                     {alternatives}"
                )
            }
            Mismatch::NotLiteral(position) => {
                let (position, name) = (position + 1, self.name);
                format!("Parameter {position} passed to function {name} must be a literal constant")
            }
            Mismatch::Value(reason) => format!("Invalid argument of function {}: {reason}", self.name),
        })
    }

    fn is_literal(&self, index: usize, count: usize) -> bool {
        index >= self.values(count)
    }

    fn retractable(&self) -> bool {
        self.retractable
    }

    fn description(&self) -> &str {
        self.description
    }
}

/// A type as users write it.
pub(super) fn type_name(data_type: &DataType) -> String {
    SqlType::from_arrow(data_type).map_or_else(|_| data_type.to_string(), |sql_type| sql_type.to_string())
}

/// Calls without parameters: all arguments are values.
pub(super) fn all_values(arguments: usize) -> usize {
    arguments
}

/// Calls whose first argument is the only value.
pub(super) fn first_is_value(_: usize) -> usize {
    1
}

/// Types with an order that SQL compares by.
pub(super) fn is_ordered(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::Binary => true,
        DataType::Date32 | DataType::Time32(_) | DataType::Timestamp(..) => true,
        other => is_number(other),
    }
}

/// INTEGER, BIGINT, DOUBLE and DECIMAL.
pub(super) fn is_number(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int32
            | DataType::Int64
            | DataType::Float64
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

/// A parameter that says how many: a positive INTEGER literal.
pub(super) fn count_parameter(
    position: usize,
    constants: &[Option<ScalarValue>],
    count_max: usize,
) -> std::result::Result<usize, Mismatch> {
    let count = match constants.get(position) {
        None | Some(None) => return Err(Mismatch::NotLiteral(position)),
        Some(Some(ScalarValue::Int32(Some(count)))) => i64::from(*count),
        Some(Some(ScalarValue::Int64(Some(count)))) => *count,
        Some(Some(_)) => return Err(Mismatch::Arguments),
    };
    match usize::try_from(count) {
        Ok(count @ 1..) if count <= count_max => Ok(count),
        _ => Err(Mismatch::Value(format!("it must be from 1 to {count_max}, not {count}"))),
    }
}
