//! The time of day, for what is stamped with it: when something was made or committed, records that are
//! inserted without a time, and the two functions that ask for it.
//!
//! It is read nowhere else in the program, which the linter holds everyone to: what a query gives depends on
//! its input alone.

use chrono::Utc;

/// Milliseconds since the epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place where the clock is read")]
pub fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}
