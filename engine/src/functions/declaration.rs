//! What is known of a scalar function, said once: for the planner, for DESCRIBE FUNCTION and completion,
//! and for the expressions that call it.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result as DfResult, ScalarValue};

use super::lambda::BoundLambda;

/// A scalar function that statements may name.
#[derive(Clone, Copy)]
pub(super) struct Declaration {
    /// Its name, as messages show it; statements may write it in any case.
    pub name: &'static str,
    /// What kind of function it is.
    pub category: Category,
    /// One line for people.
    pub description: &'static str,
    /// The forms in which it may be called.
    pub overloads: &'static [Overload],
    /// Calls that show what it is for, with what they give.
    pub examples: &'static [&'static str],
    /// Whether the same arguments always give the same result.
    pub is_deterministic: bool,
}

/// What kind of function it is, as SHOW FUNCTIONS groups them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Category {
    /// Numbers.
    Mathematical,
    /// Text and BYTES.
    String,
    /// Regular expressions.
    RegularExpression,
    /// ARRAY.
    Array,
    /// MAP.
    Map,
    /// JSON in text.
    Json,
    /// DATE, TIME and TIMESTAMP.
    DateTime,
    /// Parts of URLs.
    Url,
    /// NULLs and choices.
    Conditional,
    /// Functions that take a lambda.
    Lambda,
    /// Functions that give rows.
    Table,
    /// What is in no other category.
    Other,
}

impl Category {
    /// The name that people see.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Category::Mathematical => "MATHEMATICAL",
            Category::String => "STRING",
            Category::RegularExpression => "REGULAR EXPRESSION",
            Category::Array => "ARRAY",
            Category::Map => "MAP",
            Category::Json => "JSON",
            Category::DateTime => "DATE / TIME",
            Category::Url => "URL",
            Category::Conditional => "CONDITIONAL",
            Category::Lambda => "LAMBDA",
            Category::Table => "TABLE",
            Category::Other => "OTHER",
        }
    }
}

/// One form of a function.
#[derive(Clone, Copy)]
pub(super) struct Overload {
    /// Its parameters, as [`super::signature`] reads them: `(text STRING, length INTEGER)`.
    pub signature: &'static str,
    /// Type of the result.
    pub returns: Returns,
    /// How it is computed.
    pub evaluate: Evaluate,
}

/// Type of a result.
#[derive(Clone, Copy)]
pub(super) enum Returns {
    /// A type in which the signature's letters may stand: `ARRAY<T>`.
    Type(&'static str),
    /// What a rule tells from the types of the arguments, as they are passed, and the values of those that
    /// are literals. An error that begins with `Function '` is shown to people as it is.
    Rule(fn(&[DataType], &[Option<&ScalarValue>]) -> DfResult<DataType>),
}

/// How values are computed: for all rows of a batch at once. A row for which there is no value becomes
/// NULL and is noted with [`crate::expressions::failures::note`]; an error fails the batch, which is then
/// evaluated again in halves, so it is for what should not happen.
#[derive(Clone, Copy)]
pub(super) enum Evaluate {
    /// From the arguments, all with as many rows, and the type of the result.
    Arrays(fn(&[ArrayRef], &DataType) -> DfResult<ArrayRef>),
    /// From the number of rows, for forms without arguments.
    Rows(fn(usize) -> DfResult<ArrayRef>),
    /// From the arguments that are values, and the lambdas in their order.
    Lambdas(fn(&[ArrayRef], &[BoundLambda<'_>], &DataType) -> DfResult<ArrayRef>),
}
