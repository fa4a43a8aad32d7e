//! What the tests of the whole share: the repository's files, the program under test, a server of one's own,
//! and the runner of golden files.

mod files;
pub mod golden;
mod program;
mod server;

pub use files::{files, repository};
pub use program::program;
pub use server::{Server, wait_for_ports};

/// Until something that should happen must have happened. Generous: a slow machine is no failure.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
