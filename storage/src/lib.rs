//! Durable bytes: a partitioned log with Kafka's semantics, and keyed state.
//!
//! The crate knows bytes, offsets and keys. It knows no SQL, no Arrow and no protocol handler; the
//! engine joins it with the planner. Two seams face the engine, each with one conformance suite that
//! every implementation passes:
//!
//! - [`log::Log`]: topics and partitions, append and read, staged epochs;
//! - [`state::StateStore`]: ordered keys, atomic write batches, snapshots.
//!
//! Disk, clock and randomness pass only through [`io`], so that faults can be injected and a run can
//! be replayed from a seed.

// What the server says goes through `tracing`; what is printed is the commands'.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod data_dir;
pub mod error;
pub mod ids;
pub mod io;
pub mod log;
pub mod record;
pub mod state;

pub use error::{ErrorKind, Result, StorageError};
pub use ids::{Offset, PartitionId, ProducerEpoch, ProducerId, TopicId, TopicName, TopicPartition};
