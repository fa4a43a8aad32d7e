//! The commands, one file each.

pub(crate) mod demo;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod test;

use std::fmt;

/// Why a command ends with exit code 1: one line for people; none where it was told already.
#[derive(Debug)]
pub(crate) struct CommandError(pub(crate) String);

impl CommandError {
    /// Tells it, unless that was done.
    pub(crate) fn tell(self) -> CommandError {
        if !self.0.is_empty() {
            eprintln!("tidemill: {self}");
        }
        CommandError(String::new())
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CommandError {}
