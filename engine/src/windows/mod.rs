//! Pure arithmetic of time: which windows an instant belongs to and when a window is over.
//!
//! Everything here is a function of its arguments: no state, no clock, no rows. Times are
//! milliseconds since the epoch; sums saturate, so that an instant at the end of time is merely never
//! late instead of wrapping round to be always late.

mod fixed;
mod grace;
mod session;

pub use fixed::FixedWindows;
pub use grace::{FixedClosing, SessionClosing, retention_ms, row_retention_ms};
pub use session::Bounds;
