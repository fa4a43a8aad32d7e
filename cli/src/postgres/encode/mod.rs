//! Rows in Postgres' formats.
//!
//! A batch is prepared once per column ([`values`]): downcast to its typed arrays and brought to one
//! of a few forms. After that a cell is written by index, without a lookup of its type's
//! implementation and without an allocation, straight into the connection's output.

mod binary;
mod calendar;
mod cells;
mod json;
mod number;
mod row;
mod text;
mod values;

pub(crate) use cells::cells;
pub(super) use json::write_json_object;
pub(super) use row::{Format, RowEncoder, result_formats};
pub(super) use text::write_text;
pub(super) use values::ColumnValues;

#[cfg(test)]
mod encode_tests;
