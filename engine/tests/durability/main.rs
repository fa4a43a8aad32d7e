//! What an engine carries over from one life to the next, and queries from one statement, topic or full
//! disk to the next.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod held_store;
mod ledger;
mod lives;
mod positions;
mod refusals;
mod replacement;
mod retention;
mod transactions;
mod turns;
