//! SQL's types: what they are called, how they print, what they are in Arrow.
//!
//! [`SqlType`] is the type of a column or an expression as its author sees it. How values of a type
//! are converted, compared or encoded is decided elsewhere; this module knows names and shapes.

mod arrow;
mod sql_type;
mod syntax_tree;

pub use arrow::arrow_field;
pub use sql_type::{MAX_DECIMAL_PRECISION, SqlType, StructField, TYPE_NAMES};
