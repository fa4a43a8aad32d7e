//! A disk in memory that loses what a real one may lose.
//!
//! The fault model:
//! - Written bytes are volatile until [`DiskFile::sync_data`]; created, renamed and removed names
//!   until [`Disk::sync_dir`] of their directory.
//! - A power cut ([`FaultyDisk::power_cut`]) takes everything volatile ([`Tail::Lost`]), or keeps, as
//!   a seed decides, some of it ([`Tail::Torn`]): of each file all, nothing, a prefix that ends at a
//!   512-byte sector, or scattered sectors with zeros between them; of the names a prefix in the
//!   order they were changed.
//! - Any call can be made to fail ([`FaultyDisk::inject`]): with EIO, with a full disk, after half of
//!   a write, or by the power going off. After a failed sync the bytes stay readable but are never
//!   written, whatever later syncs say, as Linux does it.
//!
//! Every call that changes something is counted, so that a test can go through them one by one.

mod content;
mod state;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::io::clock::Clock;
use crate::io::disk::{DirectoryEntry, Disk, DiskFile, DiskLock, FileStatus, OpenMode};
use crate::io::faulty::content::{DataEdit, FileContent};
use crate::io::faulty::state::{Injection, NameEdit, Node, NodeId, State, finish, power_is_off};

/// A call that can be counted and made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// [`Disk::open`] with [`OpenMode::Create`].
    Create,
    /// [`DiskFile::read_at`]. Changes nothing, so it is not part of [`FaultyDisk::calls`].
    Read,
    /// [`DiskFile::write_all_at`].
    Write,
    /// [`DiskFile::sync_data`].
    Sync,
    /// [`DiskFile::truncate`].
    Truncate,
    /// [`Disk::create_dir`].
    CreateDir,
    /// [`Disk::rename`].
    Rename,
    /// [`Disk::remove_file`] and [`Disk::remove_dir`].
    Remove,
    /// [`Disk::sync_dir`].
    SyncDir,
}

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The device fails; nothing is done.
    Eio,
    /// No space is left; nothing is done. Calls that free space succeed all the same.
    DiskFull,
    /// A write stops half way because no space is left; any other call fails as by
    /// [`Fault::DiskFull`].
    ShortWrite,
    /// The process may open no more files; nothing is done. Calls that need no new descriptor succeed.
    OutOfFiles,
    /// The power goes off within the call: it and every later one fail until the power cut is made
    /// good by [`FaultyDisk::power_cut`].
    PowerOff,
}

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// Nothing.
    Lost,
    /// Whatever the seed decides.
    Torn(u64),
}

/// A disk in memory; clones are the same disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

impl FaultyDisk {
    /// An empty disk; `clock` gives the times of its files.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> FaultyDisk {
        FaultyDisk { state: Arc::new(Mutex::new(State::new())), clock }
    }

    /// Number of calls so far that change something.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Number of calls of one kind so far.
    #[must_use]
    pub fn calls_of(&self, call: Call) -> u64 {
        self.state.lock().counted.get(&call).copied().unwrap_or(0)
    }

    /// Makes the `nth` call from now (the next is 1) of a kind, or of any that changes something, fail
    /// once.
    pub fn inject(&self, call: Option<Call>, nth: u64, fault: Fault) {
        self.add_injection(call, nth, fault, false);
    }

    /// The same for that call and all of its kind behind it.
    pub fn inject_lasting(&self, call: Option<Call>, nth: u64, fault: Fault) {
        self.add_injection(call, nth, fault, true);
    }

    /// Lets every call succeed again.
    pub fn clear_faults(&self) {
        self.state.lock().injections.clear();
    }

    /// Switches the power off now: every call fails until [`FaultyDisk::power_cut`] makes it good.
    pub fn switch_off(&self) {
        self.state.lock().power_off = true;
    }

    /// Whether the power is off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state.lock().power_off
    }

    /// Cuts the power and turns it on again. Files that are open are dead, locks are free.
    pub fn power_cut(&self, tail: Tail) {
        self.state.lock().power_cut(tail);
    }

    /// The process died, the machine did not: files and locks are dead, nothing is lost.
    pub fn kill_process(&self) {
        let mut state = self.state.lock();
        state.life += 1;
        state.locks.clear();
        state.power_off = false;
        state.injections.clear();
    }

    /// Flips bits of a byte, in memory and on the medium.
    ///
    /// # Errors
    /// Where the file does not exist or is shorter.
    pub fn flip(&self, path: &Path, position: usize, mask: u8) -> io::Result<()> {
        let mut state = self.state.lock();
        let file = state.file_mut(path)?;
        for bytes in [&mut file.bytes, &mut file.durable] {
            *bytes.get_mut(position).ok_or(io::ErrorKind::UnexpectedEof)? ^= mask;
        }
        Ok(())
    }

    fn add_injection(&self, call: Option<Call>, nth: u64, fault: Fault, lasting: bool) {
        let mut state = self.state.lock();
        let so_far = match call {
            Some(call) => state.counted.get(&call).copied().unwrap_or(0),
            None => state.calls,
        };
        state.injections.push(Injection { call, at: so_far + nth, fault, lasting });
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        if state.power_off {
            return Err(power_is_off());
        }
        let (directory, name) = state.place(path)?;
        let there = state.names(directory)?.get(&name).copied();
        let node = match (mode, there) {
            (OpenMode::Read | OpenMode::Write, Some(node)) => node,
            (OpenMode::Read | OpenMode::Write, None) => return Err(io::ErrorKind::NotFound.into()),
            (OpenMode::Create, there) => {
                let fault = state.enter(Call::Create)?;
                let node = match there {
                    Some(node) => {
                        let now = self.clock.wall_ms();
                        state.content_mut(node)?.edit(DataEdit::Truncate(0), now);
                        node
                    }
                    None => {
                        let content =
                            FileContent { modified_ms: self.clock.wall_ms(), ..FileContent::default() };
                        let node = state.add_node(Node::File(content));
                        state.change_names(vec![NameEdit { directory, name, node: Some(node) }]);
                        node
                    }
                };
                finish(fault)?;
                node
            }
        };
        Ok(Arc::new(FaultyFile { disk: self.clone(), node, life: state.life }))
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let mut state = self.state.lock();
        if state.power_off {
            return Err(power_is_off());
        }
        let file = state.file_mut(path)?;
        Ok(FileStatus { length: file.bytes.len() as u64, modified_ms: file.modified_ms })
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<DirectoryEntry>> {
        let state = self.state.lock();
        if state.power_off {
            return Err(power_is_off());
        }
        let names = state.names(state.find(directory)?)?;
        Ok(names
            .iter()
            .map(|(name, node)| DirectoryEntry {
                name: name.clone(),
                is_directory: matches!(state.nodes.get(node), Some(Node::Directory { .. })),
            })
            .collect())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.enter(Call::CreateDir)?;
        let (directory, name) = state.place(path)?;
        if state.names(directory)?.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = state.add_node(Node::Directory { names: BTreeMap::new(), durable: BTreeMap::new() });
        state.change_names(vec![NameEdit { directory, name, node: Some(node) }]);
        finish(fault)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.enter(Call::Rename)?;
        let node = state.find(from)?;
        let (from_directory, from_name) = state.place(from)?;
        let (to_directory, to_name) = state.place(to)?;
        state.change_names(vec![
            NameEdit { directory: from_directory, name: from_name, node: None },
            NameEdit { directory: to_directory, name: to_name, node: Some(node) },
        ]);
        finish(fault)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.enter(Call::Remove)?;
        state.file_mut(path)?;
        let (directory, name) = state.place(path)?;
        state.change_names(vec![NameEdit { directory, name, node: None }]);
        finish(fault)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.enter(Call::Remove)?;
        let node = state.find(path)?;
        if !state.names(node)?.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let (directory, name) = state.place(path)?;
        state.change_names(vec![NameEdit { directory, name, node: None }]);
        finish(fault)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        let fault = state.enter(Call::SyncDir)?;
        finish(fault)?;
        let node = state.find(path)?;
        state.names(node)?;
        state.sync_names(node);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<DiskLock>> {
        let mut state = self.state.lock();
        if state.power_off {
            return Err(power_is_off());
        }
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(FaultyLock { disk: self.clone(), path: path.to_owned(), life: state.life })))
    }
}

struct FaultyLock {
    disk: FaultyDisk,
    path: PathBuf,
    life: u64,
}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    node: NodeId,
    life: u64,
}

impl DiskFile for FaultyFile {
    fn read_at(&self, offset: u64, length: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        let mut state = self.disk.state.lock();
        state.check_alive(self.life)?;
        finish(state.enter(Call::Read)?)?;
        let bytes = &state.content_mut(self.node)?.bytes;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        into.extend_from_slice(&bytes[start..end]);
        Ok(end - start)
    }

    fn write_all_at(&self, offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.check_alive(self.life)?;
        let fault = state.enter(Call::Write)?;
        let mut bytes = pieces.concat();
        if fault == Some(Fault::ShortWrite) {
            bytes.truncate(bytes.len() / 2);
        }
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let now = self.disk.clock.wall_ms();
        state.content_mut(self.node)?.edit(DataEdit::Write(offset, bytes), now);
        finish(fault)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.check_alive(self.life)?;
        let fault = state.enter(Call::Sync)?;
        let content = state.content_mut(self.node)?;
        match fault {
            // The pages count as clean now, although they never reached the medium.
            Some(Fault::Eio) => content.pending.clear(),
            Some(_) => {}
            None => content.sync(),
        }
        finish(fault)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.check_alive(self.life)?;
        let fault = state.enter(Call::Truncate)?;
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let now = self.disk.clock.wall_ms();
        state.content_mut(self.node)?.edit(DataEdit::Truncate(length), now);
        finish(fault)
    }

    fn length(&self) -> io::Result<u64> {
        let mut state = self.disk.state.lock();
        state.check_alive(self.life)?;
        Ok(state.content_mut(self.node)?.bytes.len() as u64)
    }
}
