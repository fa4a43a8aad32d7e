//! Event time: where it comes from.

pub mod java_pattern;
pub mod timestamp_column;
