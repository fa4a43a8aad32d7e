//! Text to typed logical plan. Pure: text and a lookup in, a plan out; no I/O, no async.

pub mod lookup;
pub mod plan;
