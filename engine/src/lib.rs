//! Continuous execution: the only crate that sees both the log and the planner.
//!
//! Front ends use three names: [`Engine`] (the open data directory), [`Session`] (who is asking, with
//! which settings) and [`Response`] (rows, finite or endless, or a finished command). The Kafka door
//! uses [`topics::Topics`] beside them: existence and limits are checked there, record bytes pass
//! untouched, and clients' [`transactions`] and [`group_offsets`] are reached through it. The HTTP door
//! speaks for the schema [`registry`], and tests of queries drive them by hand, with [`driver`].
//!
//! Of [`formats`], [`serving`] and [`system_catalog`] the doors use terms: what a payload, a row that could
//! not be read, the number of a type is. [`aggregates`], [`batch`], [`operators`], [`runtime`], [`state`] and
//! [`state_keys`] are open to this crate's own benches and tests, and to nobody else.

// What the server says goes through `tracing`; what is printed is the commands'.
#![warn(clippy::print_stdout, clippy::print_stderr)]
#![allow(
    unreachable_pub,
    reason = "inside of the crate `pub` is for the other rooms; what leaves the crate is said here, by the modules"
)]

pub mod aggregates;
pub mod batch;
mod catalog;
mod datafusion_error;
pub mod driver;
pub mod engine;
mod error;
mod expressions;
pub mod formats;
mod functions;
pub mod group_offsets;
mod lookup;
mod metrics;
mod names;
pub mod operators;
mod physical;
mod processing_log;
mod queries;
pub mod registry;
pub mod response;
pub mod runtime;
pub mod serving;
mod session;
mod sql_words;
pub mod state;
pub mod state_keys;
mod statements;
pub mod system_catalog;
mod time;
pub mod topics;
pub mod transactions;
pub mod wall_clock;
mod windows;

#[cfg(test)]
mod session_harness;

/// A value that a client gives for a parameter of its statement.
pub use datafusion::scalar::ScalarValue;
pub use engine::{Engine, STACK_BYTES};
pub use error::{Error, ErrorKind, Position, Result};
pub use response::{Response, Rows};
pub use session::{Dialect, Prepared, Session, SessionOptions};
/// The terms of the log that doors need, so that they need not know the storage crate.
pub use tidemill_storage::{
    ErrorKind as StorageErrorKind, Offset, PartitionId, ProducerEpoch, ProducerId, StorageError, TopicId,
    TopicName, TopicPartition, log,
};
