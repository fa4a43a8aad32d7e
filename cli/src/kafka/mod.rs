//! The Kafka door: the wire protocol over the engine's topics and committed offsets.
//!
//! ```text
//! bytes ─▶ frame ─▶ request (header) ─▶ shape (is it what it declares?) ─▶ codec ─▶ handler
//!                                                                                     │
//! bytes ◀── connection (in order) ◀── dispatch (encode) ◀─────────── answer ◀─────────┘
//! ```
//!
//! A handler translates: it asks [`tidemill_engine::topics::Topics`] or the group coordinator and puts
//! the outcome into the protocol's terms. Record batches pass through untouched, both ways. The room
//! must not know SQL, Arrow or the storage crate. What the protocol keeps between calls (group
//! membership) lives in `groups`; what has to survive a restart belongs to the engine.
//!
//! Everything a client can make the server hold has a bound, see `options`; whatever is malformed
//! closes that connection, or is answered with the protocol's error where it has one.

mod authorized_operations;
mod blocking;
mod broker_config;
mod connection;
mod dispatch;
mod door;
#[cfg(test)]
mod door_tests;
mod error_code;
mod frame;
mod groups;
mod handlers;
mod options;
mod partition;
mod producer;
mod refusal;
mod request;
#[cfg(test)]
mod samples;
mod server;
mod shape;
mod shape_table;
mod topic_config;
mod topic_ids;
mod versions;

pub(crate) use door::KafkaDoor;
pub(crate) use options::KafkaOptions;
