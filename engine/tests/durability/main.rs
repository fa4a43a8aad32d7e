//! What an engine carries over from one life to the next, beside its results.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;
mod lives;
mod replacement;
mod retention;
