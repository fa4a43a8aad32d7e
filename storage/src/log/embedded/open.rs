//! Opening a log directory: is it ours, is it free, what is in it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hashbrown::HashSet;
use parking_lot::{Mutex, RwLock};

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{PartitionId, TopicName};
use crate::io::{
    Clock, Disk, DiskLock, Random, RealDisk, SystemClock, SystemRandom, read_file, replace_file,
};
use crate::log::embedded::format::{self, Layout, SMALL_FILE_BYTES_MAX, VERSION_LINE};
use crate::log::embedded::partition::Partition;
use crate::log::embedded::producer_ids::ProducerIds;
use crate::log::embedded::recovery::Recovery;
use crate::log::embedded::report::{FoundDamage, RecoveryReport};
use crate::log::embedded::segment::OpenSegments;
use crate::log::embedded::shared::Shared;
use crate::log::embedded::sync_queue::SyncQueue;
use crate::log::embedded::topic::{Topic, finish_alteration, remove_tree};
use crate::log::{Decisions, TopicDescription};

/// How to open an embedded log.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log's directory; made where missing, in an existing one.
    pub directory: PathBuf,
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of topic ids.
    pub random: Arc<dyn Random>,
    /// How many partitions are synced side by side. Syncs wait for the device and not for a processor,
    /// and a file system commits those that come together in one go, so more than processors make
    /// sense. With 0 the log syncs only in [`super::EmbeddedLog::sync`] and in calls that wait for the
    /// disk themselves, which makes a run repeatable.
    pub sync_threads: usize,
}

/// Enough for the partitions that one epoch usually writes.
const SYNC_THREADS: usize = 8;
/// Partitions recovered side by side at most: beyond, a disk is not faster.
const RECOVERY_THREADS_MAX: usize = 4;

impl Options {
    /// A log in `directory` of the operating system's disk.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Options {
        Options {
            directory: directory.into(),
            disk: Arc::new(RealDisk),
            clock: Arc::new(SystemClock::default()),
            random: Arc::new(SystemRandom),
            sync_threads: SYNC_THREADS,
        }
    }
}

/// A topic as its directory tells, before its partitions are recovered.
struct FoundTopic {
    description: TopicDescription,
    directory: PathBuf,
}

/// Opens a log: checks the version, takes the lock, recovers every partition.
pub(super) fn open(options: Options, decisions: &Decisions) -> Result<(Shared, DiskLock, RecoveryReport)> {
    let layout = Layout { root: options.directory };
    let disk = &*options.disk;
    let is_new = check_version(disk, &layout)?;
    let lock = take_lock(disk, &layout)?;
    if is_new {
        create_layout(disk, &layout).map_err(|error| StorageError::io("set up", &layout.root, &error))?;
    }
    make_names_durable(disk, &layout)
        .map_err(|error| StorageError::io("sync the names in", &layout.root, &error))?;
    empty_pending(disk, &layout)?;
    let mut report = RecoveryReport::default();
    let (found, damaged_topics) = find_topics(disk, &layout, &mut report)?;
    let recovery = Recovery { disk, clock: &*options.clock, decisions };
    let topics = recover_topics(&recovery, found, &mut report)?;
    let next_producer_id = read_producer_ids(disk, &layout)?;
    let shared = Shared {
        layout,
        disk: options.disk,
        clock: options.clock,
        random: options.random,
        topics: RwLock::new(topics),
        admin: Mutex::new(()),
        damaged_topics,
        producer_ids: ProducerIds::new(next_producer_id),
        open_segments: OpenSegments::default(),
        sync_queue: SyncQueue::new(options.sync_threads),
        failure: OnceLock::new(),
    };
    Ok((shared, lock, report))
}

/// Whether the log is yet to be made. Refuses a directory of another kind or version untouched.
fn check_version(disk: &dyn Disk, layout: &Layout) -> Result<bool> {
    let unusable = |problem: String| {
        StorageError::new(
            ErrorKind::Unusable,
            format!("{} cannot be used as a log directory: {problem}", layout.root.display()),
        )
    };
    match read_file(disk, &layout.version_file(), SMALL_FILE_BYTES_MAX) {
        Ok(content) => format::read_version(&content).map(|()| false).map_err(unusable),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let entries = match disk.list(&layout.root) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    disk.create_dir(&layout.root)
                        .map_err(|error| StorageError::io("create", &layout.root, &error))?;
                    Vec::new()
                }
                Err(error) => return Err(StorageError::io("list", &layout.root, &error)),
            };
            match entries.iter().find(|entry| !Layout::may_begin_with(&entry.name)) {
                Some(foreign) => {
                    Err(unusable(format!("it has no format file, but holds '{}'", foreign.name)))
                }
                None => Ok(true),
            }
        }
        Err(error) => Err(StorageError::io("read", layout.version_file(), &error)),
    }
}

fn take_lock(disk: &dyn Disk, layout: &Layout) -> Result<DiskLock> {
    let path = layout.lock_file();
    match disk.lock(&path) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(StorageError::new(
            ErrorKind::Unusable,
            format!("{} is in use by another process", layout.root.display()),
        )),
        Err(error) => Err(StorageError::io("lock", path, &error)),
    }
}

/// Makes what a log directory consists of; the version file comes last.
fn create_layout(disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
    for directory in [layout.topics(), layout.pending()] {
        match disk.create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    replace_file(disk, &layout.version_file(), VERSION_LINE.as_bytes())
}

/// A process that was killed may have left names that it did not get to sync. They are visible, but a
/// power cut would take them, with everything that is built on them from now on.
fn make_names_durable(disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
    let is_young =
        disk.list(&layout.topics())?.is_empty() && disk.status(&layout.producer_ids_file()).is_err();
    if is_young {
        disk.sync_dir(&layout.root)?;
        disk.sync_dir(layout.root.parent().unwrap_or(Path::new(".")))?;
    }
    disk.sync_dir(&layout.topics())
}

fn empty_pending(disk: &dyn Disk, layout: &Layout) -> Result<()> {
    let pending = layout.pending();
    let emptied = disk.list(&pending).and_then(|entries| {
        entries.iter().try_for_each(|entry| remove_tree(disk, &pending.join(&entry.name)))
    });
    emptied.map_err(|error| StorageError::io("empty", &pending, &error))
}

/// The topics there are, and the names of those whose description is damaged.
fn find_topics(
    disk: &dyn Disk,
    layout: &Layout,
    report: &mut RecoveryReport,
) -> Result<(Vec<FoundTopic>, HashSet<TopicName>)> {
    let directory = layout.topics();
    let entries = disk.list(&directory).map_err(|error| StorageError::io("list", &directory, &error))?;
    let mut found = Vec::new();
    let mut damaged = HashSet::new();
    for entry in entries.into_iter().filter(|entry| entry.is_directory) {
        let Ok(name) = TopicName::new(&entry.name) else { continue };
        let directory = layout.topic(&name);
        let path = format::topic_file(&directory);
        finish_alteration(disk, &directory).map_err(|error| StorageError::io("sync", &directory, &error))?;
        let read = read_file(disk, &path, SMALL_FILE_BYTES_MAX)
            .map_err(|error| StorageError::io("read", &path, &error))
            .and_then(|bytes| format::decode_topic(&bytes));
        match read {
            Ok(description) if description.name == name => {
                found.push(FoundTopic { description, directory });
            }
            // One damaged topic does not keep the others from being served.
            other => {
                let message = match other {
                    Ok(description) => format!("it describes topic '{}'", description.name),
                    Err(error) => error.to_string(),
                };
                let damage = FoundDamage { path, message };
                tracing::error!("{damage}");
                report.damages.push(damage);
                damaged.insert(name);
            }
        }
    }
    Ok((found, damaged))
}

/// Recovers all partitions of all topics, several side by side.
fn recover_topics(
    recovery: &Recovery<'_>,
    found: Vec<FoundTopic>,
    report: &mut RecoveryReport,
) -> Result<BTreeMap<TopicName, Arc<Topic>>> {
    type Recovered = Result<(Arc<Partition>, RecoveryReport)>;
    let work: Vec<(usize, PartitionId)> = found
        .iter()
        .enumerate()
        .flat_map(|(index, topic)| {
            (0..topic.description.settings.partitions).map(move |number| (index, PartitionId(number)))
        })
        .collect();
    let recover = |(index, number): &(usize, PartitionId)| -> Recovered {
        recovery.partition(&found[*index].description, &found[*index].directory, *number)
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, |count| count.get())
        .min(RECOVERY_THREADS_MAX)
        .min(work.len().max(1));
    // Neighbours go to different threads: the partitions of one topic tend to be alike in size.
    let lane = |lane: usize| -> Vec<(usize, Recovered)> {
        (lane..work.len()).step_by(threads).map(|index| (index, recover(&work[index]))).collect()
    };
    let mut recovered: Vec<(usize, Recovered)> = std::thread::scope(|scope| {
        let lane = &lane;
        let others: Vec<_> = (1..threads).map(|number| scope.spawn(move || lane(number))).collect();
        let mut all = lane(0);
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    recovered.sort_unstable_by_key(|(index, _)| *index);
    let mut partitions: Vec<Vec<Arc<Partition>>> = found.iter().map(|_| Vec::new()).collect();
    for (index, outcome) in recovered {
        let (partition, part) = outcome?;
        report.add(part);
        partitions[work[index].0].push(partition);
    }
    report.topics = found.len();
    Ok(found
        .into_iter()
        .zip(partitions)
        .map(|(topic, partitions)| {
            (topic.description.name.clone(), Arc::new(Topic::new(topic.description, partitions)))
        })
        .collect())
}

fn read_producer_ids(disk: &dyn Disk, layout: &Layout) -> Result<i64> {
    let path = layout.producer_ids_file();
    match read_file(disk, &path, SMALL_FILE_BYTES_MAX) {
        Ok(bytes) => format::decode_producer_ids(&bytes).map_err(|error| {
            // Handing an id out twice would mix up two producers, so there is no guessing here.
            StorageError::new(ErrorKind::Corrupt, format!("{} is damaged: {error}", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(StorageError::io("read", path, &error)),
    }
}
