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

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::io::clock::Clock;
use crate::io::disk::{DirectoryEntry, Disk, DiskFile, DiskLock, FileStatus, OpenMode};
use crate::io::random::SeededRandom;

/// Bytes that a disk writes wholly or not at all.
const SECTOR_BYTES: usize = 512;

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

#[derive(Debug)]
struct State {
    nodes: HashMap<NodeId, Node>,
    next_node: NodeId,
    /// Changes of names not synced yet, oldest first.
    pending_names: Vec<Vec<NameEdit>>,
    locks: HashSet<PathBuf>,
    /// Counts power cuts: files opened before the last one are dead.
    life: u64,
    power_off: bool,
    calls: u64,
    counted: HashMap<Call, u64>,
    injections: Vec<Injection>,
}

type NodeId = u64;
const ROOT: NodeId = 0;

#[derive(Debug)]
enum Node {
    File(FileContent),
    Directory { names: BTreeMap<String, NodeId>, durable: BTreeMap<String, NodeId> },
}

#[derive(Default, Debug)]
struct FileContent {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<DataEdit>,
    modified_ms: i64,
}

#[derive(Clone, Debug)]
enum DataEdit {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

/// One name of a directory gets a node, or none.
#[derive(Clone, Debug)]
struct NameEdit {
    directory: NodeId,
    name: String,
    node: Option<NodeId>,
}

#[derive(Debug)]
struct Injection {
    call: Option<Call>,
    at: u64,
    fault: Fault,
    lasting: bool,
}

impl FaultyDisk {
    /// An empty disk; `clock` gives the times of its files.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> FaultyDisk {
        let root = Node::Directory { names: BTreeMap::new(), durable: BTreeMap::new() };
        FaultyDisk {
            state: Arc::new(Mutex::new(State {
                nodes: HashMap::from([(ROOT, root)]),
                next_node: ROOT + 1,
                pending_names: Vec::new(),
                locks: HashSet::new(),
                life: 0,
                power_off: false,
                calls: 0,
                counted: HashMap::new(),
                injections: Vec::new(),
            })),
            clock,
        }
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

impl State {
    /// Counts a call. `Ok(Some(…))` is a fault that has an effect of its own.
    fn enter(&mut self, call: Call) -> io::Result<Option<Fault>> {
        if self.power_off {
            return Err(power_is_off());
        }
        if call != Call::Read {
            self.calls += 1;
        }
        let of_kind = self.counted.entry(call).or_default();
        *of_kind += 1;
        let (of_kind, calls) = (*of_kind, self.calls);
        let fault = self.injections.iter().find_map(|injection| {
            let count = match injection.call {
                Some(wanted) if wanted == call => of_kind,
                None if call != Call::Read => calls,
                _ => return None,
            };
            let hit = count == injection.at || (injection.lasting && count > injection.at);
            hit.then_some(injection.fault)
        });
        match fault {
            Some(Fault::Eio) if call == Call::Sync => Ok(Some(Fault::Eio)),
            Some(Fault::Eio) => Err(io::Error::from_raw_os_error(EIO)),
            Some(Fault::DiskFull | Fault::ShortWrite) if matches!(call, Call::Truncate | Call::Remove) => {
                Ok(None)
            }
            Some(Fault::DiskFull) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::ShortWrite) if call == Call::Write => Ok(Some(Fault::ShortWrite)),
            Some(Fault::ShortWrite) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::PowerOff) => {
                self.power_off = true;
                Ok(Some(Fault::PowerOff))
            }
            None => Ok(None),
        }
    }

    fn check_alive(&self, life: u64) -> io::Result<()> {
        if self.power_off || self.life != life { Err(power_is_off()) } else { Ok(()) }
    }

    fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut node = ROOT;
        for component in path.components() {
            if let Component::Normal(name) = component {
                let names = self.names(node)?;
                node = *names.get(name.to_string_lossy().as_ref()).ok_or(io::ErrorKind::NotFound)?;
            }
        }
        Ok(node)
    }

    /// The directory that holds a path, and the last name of the path.
    fn place(&self, path: &Path) -> io::Result<(NodeId, String)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.find(path.parent().unwrap_or(Path::new("")))?;
        Ok((parent, name.to_string_lossy().into_owned()))
    }

    fn names(&self, node: NodeId) -> io::Result<&BTreeMap<String, NodeId>> {
        match self.nodes.get(&node) {
            Some(Node::Directory { names, .. }) => Ok(names),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn file_mut(&mut self, path: &Path) -> io::Result<&mut FileContent> {
        let node = self.find(path)?;
        self.content_mut(node)
    }

    fn content_mut(&mut self, node: NodeId) -> io::Result<&mut FileContent> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(content)) => Ok(content),
            Some(Node::Directory { .. }) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn add_node(&mut self, node: Node) -> NodeId {
        let id = self.next_node;
        self.next_node += 1;
        self.nodes.insert(id, node);
        id
    }

    fn change_names(&mut self, edits: Vec<NameEdit>) {
        for edit in &edits {
            if let Some(Node::Directory { names, .. }) = self.nodes.get_mut(&edit.directory) {
                apply_name(names, edit);
            }
        }
        self.pending_names.push(edits);
    }

    /// Makes the changes of a directory's names durable, with what they depend on: a rename out of
    /// another directory takes that directory's changes along.
    fn sync_names(&mut self, directory: NodeId) {
        let mut directories = BTreeSet::from([directory]);
        loop {
            let before = directories.len();
            for edits in &self.pending_names {
                if edits.iter().any(|edit| directories.contains(&edit.directory)) {
                    directories.extend(edits.iter().map(|edit| edit.directory));
                }
            }
            if directories.len() == before {
                break;
            }
        }
        let (now, later) = std::mem::take(&mut self.pending_names)
            .into_iter()
            .partition(|edits: &Vec<NameEdit>| edits.iter().any(|e| directories.contains(&e.directory)));
        self.pending_names = later;
        for edits in now {
            self.apply_durably(&edits);
        }
    }

    fn apply_durably(&mut self, edits: &[NameEdit]) {
        for edit in edits {
            if let Some(Node::Directory { durable, .. }) = self.nodes.get_mut(&edit.directory) {
                apply_name(durable, edit);
            }
        }
    }

    fn power_cut(&mut self, tail: Tail) {
        let pending = std::mem::take(&mut self.pending_names);
        if let Tail::Torn(seed) = tail {
            let random = SeededRandom::new(seed);
            let kept = random.below(pending.len() as u64 + 1) as usize;
            for edits in &pending[..kept] {
                self.apply_durably(edits);
            }
            let mut files: Vec<NodeId> = self.nodes.keys().copied().collect();
            files.sort_unstable();
            for node in files {
                if let Some(Node::File(content)) = self.nodes.get_mut(&node) {
                    content.tear(&random);
                }
            }
        }
        for node in self.nodes.values_mut() {
            match node {
                Node::File(content) => {
                    content.pending.clear();
                    content.bytes.clone_from(&content.durable);
                }
                Node::Directory { names, durable } => names.clone_from(durable),
            }
        }
        self.life += 1;
        self.locks.clear();
        self.power_off = false;
        self.injections.clear();
    }
}

impl FileContent {
    fn edit(&mut self, edit: DataEdit, modified_ms: i64) {
        apply_data(&mut self.bytes, &edit);
        self.pending.push(edit);
        self.modified_ms = modified_ms;
    }

    fn sync(&mut self) {
        for edit in self.pending.drain(..) {
            apply_data(&mut self.durable, &edit);
        }
    }

    /// Makes a part of what is pending durable, as a cut in the middle of writing back may.
    fn tear(&mut self, random: &SeededRandom) {
        if self.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        match random.below(4) {
            0 => {}
            1 => {
                let whole = random.below(pending.len() as u64) as usize;
                for edit in &pending[..whole] {
                    apply_data(&mut self.durable, edit);
                }
                if let DataEdit::Write(offset, bytes) = &pending[whole] {
                    let sectors = random.below((bytes.len() / SECTOR_BYTES) as u64 + 1) as usize;
                    let torn_end = (offset / SECTOR_BYTES + sectors) * SECTOR_BYTES;
                    let kept = torn_end.saturating_sub(*offset).min(bytes.len());
                    apply_data(&mut self.durable, &DataEdit::Write(*offset, bytes[..kept].to_vec()));
                }
            }
            2 => {
                for edit in &pending {
                    scatter(&mut self.durable, edit, random);
                }
            }
            _ => {
                for edit in &pending {
                    apply_data(&mut self.durable, edit);
                }
            }
        }
    }
}

/// Writes some sectors of an edit; the file gets its full length, with zeros where nothing was
/// written.
fn scatter(into: &mut Vec<u8>, edit: &DataEdit, random: &SeededRandom) {
    let DataEdit::Write(offset, bytes) = edit else {
        apply_data(into, edit);
        return;
    };
    if into.len() < offset + bytes.len() {
        into.resize(offset + bytes.len(), 0);
    }
    let mut at = 0;
    while at < bytes.len() {
        let sector_left = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
        let end = (at + sector_left).min(bytes.len());
        if random.below(2) == 0 {
            into[offset + at..offset + end].copy_from_slice(&bytes[at..end]);
        }
        at = end;
    }
}

fn apply_data(into: &mut Vec<u8>, edit: &DataEdit) {
    match edit {
        DataEdit::Write(offset, bytes) => {
            if into.len() < offset + bytes.len() {
                into.resize(offset + bytes.len(), 0);
            }
            into[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        DataEdit::Truncate(length) => into.resize(*length, 0),
    }
}

fn apply_name(names: &mut BTreeMap<String, NodeId>, edit: &NameEdit) {
    match edit.node {
        Some(node) => names.insert(edit.name.clone(), node),
        None => names.remove(&edit.name),
    };
}

const EIO: i32 = 5;

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

/// The last step of every call: one that the power went off in has an effect but no success.
fn finish(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::PowerOff) => Err(power_is_off()),
        Some(Fault::Eio) => Err(io::Error::from_raw_os_error(EIO)),
        Some(Fault::DiskFull | Fault::ShortWrite) => Err(io::ErrorKind::StorageFull.into()),
        None => Ok(()),
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
