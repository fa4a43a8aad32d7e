//! What can go wrong in storage. A kind tells what to do about it, the message what happened.

use std::fmt;
use std::path::PathBuf;

/// Result of everything in this crate.
pub type Result<T> = std::result::Result<T, StorageError>;

/// What the caller should do about an error. A new kind must be decided by every protocol mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The request itself is wrong: correct it.
    Invalid,
    /// A record batch is damaged (CRC, framing): send it again.
    CorruptBatch,
    /// A batch or record is over a limit: make it smaller.
    TooLarge,
    /// The topic or partition is not there.
    NotFound,
    /// The topic is there already.
    AlreadyExists,
    /// The offset is outside the partition.
    OffsetOutOfRange,
    /// A gap in an idempotent producer's sequence.
    OutOfOrderSequence,
    /// A newer incarnation of the producer exists.
    ProducerFenced,
    /// The producer id is not known to the partition and the batch does not start at sequence 0.
    UnknownProducer,
    /// The transaction is not in a state that allows the call.
    InvalidTransactionState,
    /// The disk is full, or the process may open no more files: free some, then retry.
    DiskFull,
    /// Another process holds the data directory, or its format is of another version.
    Unusable,
    /// Bytes on disk are damaged. Nothing was cut off; the message names the file.
    Corrupt,
    /// A write or sync failed; the log refuses everything until a restart re-reads the device.
    Poisoned,
    /// Any other failure of the operating system.
    Io,
}

/// An error of storage.
#[derive(Clone, Debug)]
pub struct StorageError {
    kind: ErrorKind,
    message: String,
}

impl StorageError {
    /// Makes an error of a kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> StorageError {
        StorageError { kind, message: message.into() }
    }

    /// The request is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> StorageError {
        StorageError::new(ErrorKind::Invalid, message)
    }

    /// An operating system error while doing `action` to `path`.
    #[must_use]
    pub fn io(action: &str, path: impl Into<PathBuf>, error: &std::io::Error) -> StorageError {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
            _ if is_out_of_files(error) => ErrorKind::DiskFull,
            _ => ErrorKind::Io,
        };
        StorageError::new(kind, format!("could not {action} {}: {error}", path.into().display()))
    }

    /// What to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// Whether a file could not be opened because the process or the machine has too many open.
fn is_out_of_files(error: &std::io::Error) -> bool {
    let limits = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    limits.iter().any(|limit| error.raw_os_error() == Some(limit.raw_os_error()))
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StorageError {}
