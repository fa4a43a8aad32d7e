//! Event time: where it comes from.

pub mod timestamp_column;
