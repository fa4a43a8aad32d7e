//! Event time: where it comes from, and how times are written.

pub mod java_pattern;
pub mod timestamp_column;
pub mod zone;
