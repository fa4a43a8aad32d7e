//! Everything the faulty disk holds: files, directories, and which calls are to fail.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::io::faulty::content::FileContent;
use crate::io::faulty::{Call, Fault, Tail};
use crate::io::random::SeededRandom;

#[derive(Debug)]
pub(super) struct State {
    pub(super) nodes: HashMap<NodeId, Node>,
    pub(super) next_node: NodeId,
    /// Changes of names not synced yet, oldest first.
    pub(super) pending_names: Vec<Vec<NameEdit>>,
    pub(super) locks: HashSet<PathBuf>,
    /// Counts power cuts: files opened before the last one are dead.
    pub(super) life: u64,
    pub(super) power_off: bool,
    pub(super) calls: u64,
    pub(super) counted: HashMap<Call, u64>,
    pub(super) injections: Vec<Injection>,
}

pub(super) type NodeId = u64;
pub(super) const ROOT: NodeId = 0;

#[derive(Debug)]
pub(super) enum Node {
    File(FileContent),
    Directory { names: BTreeMap<String, NodeId>, durable: BTreeMap<String, NodeId> },
}

/// One name of a directory gets a node, or none.
#[derive(Clone, Debug)]
pub(super) struct NameEdit {
    pub(super) directory: NodeId,
    pub(super) name: String,
    pub(super) node: Option<NodeId>,
}

#[derive(Debug)]
pub(super) struct Injection {
    pub(super) call: Option<Call>,
    pub(super) at: u64,
    pub(super) fault: Fault,
    pub(super) lasting: bool,
}

impl State {
    /// An empty disk.
    pub(super) fn new() -> State {
        let root = Node::Directory { names: BTreeMap::new(), durable: BTreeMap::new() };
        State {
            nodes: HashMap::from([(ROOT, root)]),
            next_node: ROOT + 1,
            pending_names: Vec::new(),
            locks: HashSet::new(),
            life: 0,
            power_off: false,
            calls: 0,
            counted: HashMap::new(),
            injections: Vec::new(),
        }
    }

    /// Counts a call. `Ok(Some(…))` is a fault that has an effect of its own.
    pub(super) fn enter(&mut self, call: Call) -> io::Result<Option<Fault>> {
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
            Some(Fault::OutOfFiles) if matches!(call, Call::Create | Call::SyncDir) => {
                Err(io::Error::from_raw_os_error(EMFILE))
            }
            Some(Fault::OutOfFiles) => Ok(None),
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

    pub(super) fn check_alive(&self, life: u64) -> io::Result<()> {
        if self.power_off || self.life != life { Err(power_is_off()) } else { Ok(()) }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<NodeId> {
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
    pub(super) fn place(&self, path: &Path) -> io::Result<(NodeId, String)> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let parent = self.find(path.parent().unwrap_or(Path::new("")))?;
        Ok((parent, name.to_string_lossy().into_owned()))
    }

    pub(super) fn names(&self, node: NodeId) -> io::Result<&BTreeMap<String, NodeId>> {
        match self.nodes.get(&node) {
            Some(Node::Directory { names, .. }) => Ok(names),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn file_mut(&mut self, path: &Path) -> io::Result<&mut FileContent> {
        let node = self.find(path)?;
        self.content_mut(node)
    }

    pub(super) fn content_mut(&mut self, node: NodeId) -> io::Result<&mut FileContent> {
        match self.nodes.get_mut(&node) {
            Some(Node::File(content)) => Ok(content),
            Some(Node::Directory { .. }) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn add_node(&mut self, node: Node) -> NodeId {
        let id = self.next_node;
        self.next_node += 1;
        self.nodes.insert(id, node);
        id
    }

    pub(super) fn change_names(&mut self, edits: Vec<NameEdit>) {
        for edit in &edits {
            if let Some(Node::Directory { names, .. }) = self.nodes.get_mut(&edit.directory) {
                apply_name(names, edit);
            }
        }
        self.pending_names.push(edits);
    }

    /// Makes the changes of a directory's names durable, with what they depend on: a rename out of
    /// another directory takes that directory's changes along.
    pub(super) fn sync_names(&mut self, directory: NodeId) {
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

    pub(super) fn apply_durably(&mut self, edits: &[NameEdit]) {
        for edit in edits {
            if let Some(Node::Directory { durable, .. }) = self.nodes.get_mut(&edit.directory) {
                apply_name(durable, edit);
            }
        }
    }

    pub(super) fn power_cut(&mut self, tail: Tail) {
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

fn apply_name(names: &mut BTreeMap<String, NodeId>, edit: &NameEdit) {
    match edit.node {
        Some(node) => names.insert(edit.name.clone(), node),
        None => names.remove(&edit.name),
    };
}

pub(super) const EIO: i32 = 5;
const EMFILE: i32 = 24;

pub(super) fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

/// The last step of every call: one that the power went off in has an effect but no success.
pub(super) fn finish(fault: Option<Fault>) -> io::Result<()> {
    match fault {
        Some(Fault::PowerOff) => Err(power_is_off()),
        Some(Fault::Eio) => Err(io::Error::from_raw_os_error(EIO)),
        Some(Fault::DiskFull | Fault::ShortWrite) => Err(io::ErrorKind::StorageFull.into()),
        Some(Fault::OutOfFiles) => Err(io::Error::from_raw_os_error(EMFILE)),
        None => Ok(()),
    }
}
