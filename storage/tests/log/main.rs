//! The embedded log under power cuts, failing devices and damaged files.
//!
//! [`world`] holds a log on a disk in memory beside a model of what the log promised. [`scenario`] is a
//! script of everything the log does. The tests run the script with a fault at every single call to the
//! disk, open the log again and compare it with the model.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod concurrency;
mod damage;
mod directory;
mod io_errors;
mod power_cut;
mod scenario;
mod world;
