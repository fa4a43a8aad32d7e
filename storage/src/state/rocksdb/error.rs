//! RocksDB's errors as ours.
//!
//! RocksDB hands its errors over as text, beginning with their class. What the class does not tell
//! (a full disk, a lock held) is read from the system's words in it, which the tests of the store
//! hold fast.

use std::path::Path;

use ::rocksdb::ErrorKind as RocksDbErrorKind;

use crate::error::{ErrorKind, StorageError};

/// `strerror` of ENOSPC, which RocksDB also treats apart from other failures: it goes on by itself
/// once there is space.
const NO_SPACE: &str = "No space left on device";

/// What RocksDB says when another process, or another store in this one, has the directory.
const LOCK_HELD: [&str; 2] = ["While lock file", "lock hold by current process"];

/// An error of reading or writing.
pub(super) fn storage_error(action: &str, directory: &Path, error: &::rocksdb::Error) -> StorageError {
    let kind = match error.kind() {
        RocksDbErrorKind::Corruption => ErrorKind::Corrupt,
        _ if error.as_ref().contains(NO_SPACE) => ErrorKind::DiskFull,
        _ => ErrorKind::Io,
    };
    StorageError::new(kind, format!("could not {action} the state in {}: {error}", directory.display()))
}

/// An error of opening.
pub(super) fn open_error(directory: &Path, error: &::rocksdb::Error) -> StorageError {
    if LOCK_HELD.iter().any(|held| error.as_ref().contains(held)) {
        return StorageError::new(
            ErrorKind::Unusable,
            format!(
                "the state in {} is in use by another process: stop that one, or use another directory",
                directory.display()
            ),
        );
    }
    match error.kind() {
        RocksDbErrorKind::InvalidArgument | RocksDbErrorKind::NotSupported => StorageError::new(
            ErrorKind::Unusable,
            format!(
                "the state in {} was written by a version that is not understood: {error}",
                directory.display()
            ),
        ),
        _ => storage_error("open", directory, error),
    }
}
