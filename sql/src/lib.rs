//! Text to typed logical plan: the language half of Tidemill.
//!
//! This crate is pure. It turns SQL text into statements ([`parser`]), finds out what their expressions
//! mean ([`analyzer`]) and plans them ([`planner`], [`plan`]), or writes them as text again
//! ([`print`](mod@print)); it knows SQL's types ([`type_system`]) and errors ([`error`]), and asks a
//! [`lookup`] about the world; it does no I/O, keeps no state and knows nothing of storage, execution or any
//! wire protocol. Whoever executes a statement asks this crate what the statement means and does the rest
//! itself.

// What the server says goes through `tracing`; what is printed is the commands'.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod analyzer;
pub mod error;
pub mod lookup;
pub mod parser;
pub mod plan;
pub mod planner;
pub mod print;
pub mod type_system;

pub use error::{Position, SqlError, SqlErrorKind, Stage, WholeText, closest};
