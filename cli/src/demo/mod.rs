//! The demo: this machine's own metrics through the whole server.
//!
//! [`sampler`] reads `/proc`, [`producer`] sends what it finds as any Kafka client would, [`scenario`]
//! is the SQL over it, and [`view`] shows the results. Everything passes through the doors; nothing
//! here reaches into the engine.

mod cpu;
mod disks;
mod layout;
mod memory;
mod network;
mod processes;
mod producer;
mod sampler;
mod scenario;
mod stage;
mod view;

pub(crate) use stage::{Doors, perform};
