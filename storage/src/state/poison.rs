//! [`Poison`]: the rule of what a store does after a failed write, which every implementation shares.
//!
//! A failed sync may have dropped pages the system will never write again, while a second sync of
//! the same file reports success. Only opening the files anew shows what is on disk, so the store
//! stops here. A full disk is the exception: it is reported before anything is given up.

use std::sync::OnceLock;

use crate::error::{ErrorKind, Result, StorageError};

/// The first failed write, if there was one.
#[derive(Default, Debug)]
pub(super) struct Poison {
    cause: OnceLock<StorageError>,
}

impl Poison {
    /// Whether a write may be tried.
    pub(super) fn check(&self) -> Result<()> {
        match self.cause.get() {
            None => Ok(()),
            Some(cause) => Err(StorageError::new(
                ErrorKind::Poisoned,
                format!(
                    "the state store takes no writes until it is opened again, since one failed: {cause}"
                ),
            )),
        }
    }

    /// The first failed write.
    pub(super) fn cause(&self) -> Option<StorageError> {
        self.cause.get().cloned()
    }

    /// Remembers a failed write, unless it is one to be tried again, and hands the error on.
    pub(super) fn after(&self, error: StorageError) -> StorageError {
        if error.kind() != ErrorKind::DiskFull {
            // A later failure adds nothing to the first.
            let _ = self.cause.set(error.clone());
        }
        error
    }
}
