//! Why a command came to nothing: what everything under the commands fails with, told to people once.

use std::fmt;

/// Why a command ends with exit code 1: one line for people; none where it was told already.
#[derive(Debug)]
pub(crate) struct CommandFailure(pub(crate) String);

impl CommandFailure {
    /// Tells it, unless that was done.
    pub(crate) fn tell(self) -> CommandFailure {
        if !self.0.is_empty() {
            eprintln!("tidemill: {self}");
        }
        CommandFailure(String::new())
    }
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CommandFailure {}
