//! Continuous execution: the only crate that sees both the log and the planner.
//!
//! Front ends use three names: [`Engine`] (the open data directory), [`Session`] (who is asking, with
//! which settings) and [`Response`] (rows, finite or endless, or a finished command). The Kafka door
//! uses [`topics::Topics`] beside them: existence and limits are checked there, record bytes pass
//! untouched, and clients' [`transactions`] and [`group_offsets`] are reached through it. The HTTP door
//! speaks for the schema [`registry`], and tests of queries drive them by hand, with [`driver`].

pub mod aggregates;
pub mod batch;
pub mod catalog;
mod datafusion_error;
pub mod driver;
pub mod engine;
pub mod error;
pub mod expressions;
pub mod formats;
pub mod functions;
pub mod group_offsets;
pub mod lookup;
pub mod metrics;
pub mod names;
pub mod operators;
pub mod physical;
pub mod processing_log;
pub mod queries;
pub mod registry;
pub mod response;
pub mod runtime;
pub mod serving;
pub mod session;
pub mod state;
pub mod state_keys;
pub mod statements;
pub mod system_catalog;
pub mod time;
pub mod topics;
pub mod transactions;
pub mod windows;

#[cfg(test)]
mod session_harness;

pub use engine::Engine;
pub use error::{Error, ErrorKind, Position, Result};
pub use response::{Response, Rows};
pub use session::{Dialect, Prepared, Session, SessionOptions};
/// The terms of the log that doors need, so that they need not know the storage crate.
pub use tidemill_storage::{
    ErrorKind as StorageErrorKind, Offset, PartitionId, ProducerEpoch, ProducerId, StorageError, TopicId,
    TopicName, TopicPartition, log,
};
