//! The data directory: one server at a time, and a format this version knows.
//!
//! Nothing inside is touched before both are certain.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, Result, StorageError};

/// Version of the directory's layout. A version that is not this one is refused, whichever way.
pub const FORMAT_VERSION: u32 = 1;

const LOCK_FILE: &str = "LOCK";
const VERSION_FILE: &str = "FORMAT_VERSION";

/// An open data directory. Dropping it lets another server in.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// The operating system lets go of the lock when the file is closed, also after a kill.
    _lock: File,
}

impl DataDir {
    /// Opens the directory, or makes it.
    ///
    /// # Errors
    /// `Unusable` where another server has it or its format is another version's; `Io`.
    pub fn open(path: &Path) -> Result<DataDir> {
        // Before the lock, which is a file and would be the first thing to be touched.
        check_usable(path)?;
        fs::create_dir_all(path)
            .map_err(|error| StorageError::io("create the data directory", path, &error))?;
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| StorageError::io("open", &lock_path, &error))?;
        lock.try_lock().map_err(|_| {
            let message = format!("the data directory {} is in use by another server", path.display());
            StorageError::new(ErrorKind::Unusable, message)
        })?;
        if check_usable(path)? == Found::New {
            write_version(path, &path.join(VERSION_FILE))?;
        }
        Ok(DataDir { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What stands at the place of a data directory that can be used.
#[derive(PartialEq, Eq, Debug)]
enum Found {
    /// Nothing, or a directory in which nothing was begun.
    New,
    /// A data directory of this format.
    Usable,
}

/// Reads the version file; a directory without one that holds nothing else is new.
fn check_usable(path: &Path) -> Result<Found> {
    let version_path = path.join(VERSION_FILE);
    let io = |action: &str, error: &std::io::Error| StorageError::io(action, &version_path, error);
    let missing = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
    match fs::read_to_string(&version_path) {
        Ok(text) if text.trim().parse() == Ok(FORMAT_VERSION) => Ok(Found::Usable),
        Ok(text) => {
            let message = format!(
                "the data directory {} has format version '{}', this server has version {FORMAT_VERSION}",
                path.display(),
                text.trim()
            );
            Err(StorageError::new(ErrorKind::Unusable, message))
        }
        Err(error) if missing(&error) => {
            let others = match fs::read_dir(path) {
                Ok(others) => others,
                Err(error) if missing(&error) => return Ok(Found::New),
                Err(error) => return Err(io("list", &error)),
            };
            let other = others.filter_map(std::result::Result::ok).find(|entry| {
                let name = entry.file_name();
                name != LOCK_FILE && !name.to_string_lossy().ends_with(".tmp")
            });
            match other {
                Some(other) => {
                    let message = format!(
                        "{} is no data directory: it holds '{}' and no format version",
                        path.display(),
                        other.file_name().to_string_lossy()
                    );
                    Err(StorageError::new(ErrorKind::Unusable, message))
                }
                None => Ok(Found::New),
            }
        }
        Err(error) => Err(io("open", &error)),
    }
}

/// The file is there with its content or not at all, also after a power cut.
fn write_version(path: &Path, version_path: &Path) -> Result<()> {
    let temporary = path.join("FORMAT_VERSION.tmp");
    let io = |action: &str, error: &std::io::Error| StorageError::io(action, &temporary, error);
    let mut file = File::create(&temporary).map_err(|error| io("create", &error))?;
    writeln!(file, "{FORMAT_VERSION}").map_err(|error| io("write", &error))?;
    file.sync_all().map_err(|error| io("sync", &error))?;
    fs::rename(&temporary, version_path).map_err(|error| io("rename", &error))?;
    let directory = File::open(path).map_err(|error| io("open", &error))?;
    directory.sync_all().map_err(|error| io("sync", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_open_once_at_a_time() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let first = DataDir::open(dir.path()).expect("opens");
        let second = DataDir::open(dir.path()).expect_err("is in use");
        assert_eq!(second.kind(), ErrorKind::Unusable);
        drop(first);
        DataDir::open(dir.path()).expect("opens again");
    }

    #[test]
    fn a_directory_of_another_version_is_refused_and_not_touched() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::write(dir.path().join(VERSION_FILE), "999\n").expect("written");
        let error = DataDir::open(dir.path()).expect_err("is refused");
        assert!(error.to_string().contains("999"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join(VERSION_FILE)).expect("read"), "999\n");
    }

    #[test]
    fn a_directory_that_holds_something_else_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::write(dir.path().join("notes.txt"), "mine").expect("written");
        let error = DataDir::open(dir.path()).expect_err("is refused");
        assert!(error.to_string().contains("notes.txt"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1, "nothing was made beside it");
    }
}
