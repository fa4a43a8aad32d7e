//! The disk as the log needs it.
//!
//! The contract is POSIX's weak one: what was written is there for other readers at once, but only
//! [`DiskFile::sync_data`] makes bytes survive a power cut, and only [`Disk::sync_dir`] makes names
//! (creations, renames, removals) survive it. A sync that failed says nothing about the bytes: they
//! may be gone although a later sync succeeds, so the log never tries twice.

use std::any::Any;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenMode {
    /// An existing file, to read.
    Read,
    /// An existing file, to read and write.
    Write,
    /// A new file, or an existing one cut to nothing, to read and write.
    Create,
}

/// An entry of a directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DirectoryEntry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileStatus {
    /// Its length in bytes.
    pub length: u64,
    /// When it was last written to, in milliseconds since 1970.
    pub modified_ms: i64,
}

/// Holds a lock until it is dropped.
pub type DiskLock = Box<dyn Any + Send + Sync>;

/// Files and directories. Every method may be called from many threads at once.
pub trait Disk: Send + Sync + Debug + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// The operating system's.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// Length and age of a file.
    ///
    /// # Errors
    /// `NotFound`, and the operating system's.
    fn status(&self, path: &Path) -> io::Result<FileStatus>;

    /// Entries of a directory, in the order of their names.
    ///
    /// # Errors
    /// `NotFound`, and the operating system's.
    fn list(&self, directory: &Path) -> io::Result<Vec<DirectoryEntry>>;

    /// Creates a directory in an existing one.
    ///
    /// # Errors
    /// `AlreadyExists`, and the operating system's.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Gives a file or directory another name, replacing a file of that name. Atomic.
    ///
    /// # Errors
    /// The operating system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The operating system's.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The operating system's.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory survive a power cut.
    ///
    /// # Errors
    /// The operating system's; afterwards nothing is known of the names.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the lock of a file, which is created where missing; `None` where another holder has it.
    ///
    /// # Errors
    /// The operating system's.
    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>>;
}

/// An open file.
pub trait DiskFile: Send + Sync + Debug + 'static {
    /// Appends up to `length` bytes from `offset` on to `into` and answers how many: fewer only where
    /// the file ends.
    ///
    /// # Errors
    /// The operating system's.
    fn read_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize>;

    /// Writes the pieces one behind the other.
    ///
    /// # Errors
    /// The operating system's; some of the bytes may be written.
    fn write_all_at(&self, offset: u64, pieces: &[&[u8]]) -> io::Result<()>;

    /// Makes the bytes written so far, and the length, survive a power cut.
    ///
    /// # Errors
    /// The operating system's; afterwards nothing is known of the bytes.
    fn sync_data(&self) -> io::Result<()>;

    /// Sets the length.
    ///
    /// # Errors
    /// The operating system's.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// The operating system's.
    fn length(&self) -> io::Result<u64>;
}

/// Reads a small file whole, at most `bytes_max` of it.
///
/// # Errors
/// The operating system's; `InvalidData` where the file is longer.
pub fn read_file(disk: &dyn Disk, path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it has {length} bytes, at most {bytes_max} make sense"),
        ));
    }
    let mut bytes = Vec::new();
    file.read_at(0, length, &mut bytes)?;
    Ok(bytes)
}

/// Replaces a small file so that after a power cut the old or the new content is there, whole.
///
/// # Errors
/// The operating system's. `StorageFull` and `QuotaExceeded` mean that the old content stands
/// untouched; any other kind leaves it open which of the two a restart will find.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    let written = disk.open(temporary, OpenMode::Create).and_then(|file| {
        file.write_all_at(0, &[bytes])?;
        file.sync_data()
    });
    if let Err(error) = written.and_then(|()| disk.rename(temporary, path)) {
        // A left-over is overwritten by the next attempt, so failing to remove it harms nothing.
        let _ = disk.remove_file(temporary);
        return Err(error);
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    disk.sync_dir(directory).map_err(|error| io::Error::other(format!("directory sync: {error}")))
}
