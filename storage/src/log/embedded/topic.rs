//! Topics on disk: made whole or not at all, gone whole or not at all.
//!
//! A topic is built under `pending/` and gets its place under `topics/` by one rename; it is deleted by
//! the reverse rename. A start empties `pending/`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{PartitionId, TopicId, TopicName, TopicPartition};
use crate::io::{Disk, OpenMode, replace_file};
use crate::log::checks::check_settings;
use crate::log::embedded::format::{self, encode_topic};
use crate::log::embedded::partition::Partition;
use crate::log::embedded::shared::Shared;
use crate::log::{TopicDescription, TopicSettings};

/// A topic: its description and its partitions. A change of settings makes a new one with the same
/// partitions.
#[derive(Debug)]
pub(super) struct Topic {
    description: TopicDescription,
    partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub(super) fn new(description: TopicDescription, partitions: Vec<Arc<Partition>>) -> Topic {
        Topic { description, partitions }
    }

    pub(super) fn description(&self) -> &TopicDescription {
        &self.description
    }

    pub(super) fn settings(&self) -> &TopicSettings {
        &self.description.settings
    }

    pub(super) fn partitions(&self) -> &[Arc<Partition>] {
        &self.partitions
    }
}

impl Shared {
    pub(super) fn create_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription> {
        check_settings(&settings)?;
        let _admin = self.admin.lock();
        self.check()?;
        if self.topics.read().contains_key(name) {
            return Err(StorageError::new(
                ErrorKind::AlreadyExists,
                format!("topic '{name}' exists already"),
            ));
        }
        if self.damaged_topics.contains(name) {
            return Err(StorageError::new(
                ErrorKind::Corrupt,
                format!("{} holds a topic whose description is damaged", self.layout.topic(name).display()),
            ));
        }
        let id = self.new_topic_id();
        let description = TopicDescription { name: name.clone(), id, settings };
        let pending = self.layout.pending_topic(id);
        let place = self.layout.topic(name);
        let content = encode_topic(&description)?;
        let built = build_topic(&*self.disk, &pending, &description, &content)
            .and_then(|()| self.disk.rename(&pending, &place));
        if let Err(error) = built {
            // A left-over is removed at the next start at the latest.
            let _ = remove_tree(&*self.disk, &pending);
            return Err(self.failed("create", &pending, &error));
        }
        self.sync_topics()?;
        let partitions = (0..description.settings.partitions)
            .map(|number| self.new_partition(&description, &place, PartitionId(number)))
            .collect();
        let topic = Topic::new(description.clone(), partitions);
        self.topics.write().insert(name.clone(), Arc::new(topic));
        Ok(description)
    }

    pub(super) fn delete_topic(&self, name: &TopicName) -> Result<()> {
        let _admin = self.admin.lock();
        self.check()?;
        let topic = self.topic(name)?;
        self.topics.write().remove(name);
        for partition in topic.partitions() {
            partition.announce_deletion();
        }
        let pending = self.layout.pending_topic(topic.description.id);
        let place = self.layout.topic(name);
        self.disk
            .rename(&place, &pending)
            .map_err(|error| self.poison(&StorageError::io("rename", &place, &error)))?;
        self.sync_topics()?;
        if let Err(error) = remove_tree(&*self.disk, &pending) {
            tracing::warn!("could not remove {}, the next start will: {error}", pending.display());
        }
        Ok(())
    }

    pub(super) fn alter_topic(&self, name: &TopicName, settings: TopicSettings) -> Result<TopicDescription> {
        check_settings(&settings)?;
        let _admin = self.admin.lock();
        self.check()?;
        let topic = self.topic(name)?;
        let before = topic.partitions().len();
        let after = settings.partitions as usize;
        if after < before {
            return Err(StorageError::invalid(format!(
                "topic '{name}' has {before} partitions; their number can only grow"
            )));
        }
        let description = TopicDescription { name: name.clone(), id: topic.description.id, settings };
        let place = self.layout.topic(name);
        let path = format::topic_file(&place);
        let content = encode_topic(&description)?;
        let mut partitions = topic.partitions().to_vec();
        let added = before as u32..after as u32;
        self.disk
            .open(&format::altering_file(&place), OpenMode::Create)
            .and_then(|_| create_partitions(&*self.disk, &place, added.clone()))
            .and_then(|()| replace_file(&*self.disk, &path, &content))
            .and_then(|()| self.disk.remove_file(&format::altering_file(&place)))
            .map_err(|error| self.failed("write", &path, &error))?;
        partitions.extend(added.map(|number| self.new_partition(&description, &place, PartitionId(number))));
        self.topics.write().insert(name.clone(), Arc::new(Topic::new(description.clone(), partitions)));
        Ok(description)
    }

    fn new_topic_id(&self) -> TopicId {
        let bits = u128::from(self.random.next_u64()) << 64 | u128::from(self.random.next_u64());
        TopicId(uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid())
    }

    fn new_partition(&self, topic: &TopicDescription, place: &Path, number: PartitionId) -> Arc<Partition> {
        let target = TopicPartition::new(topic.name.clone(), number);
        Partition::empty(target, topic.id, format::partition_directory(place, number))
    }

    /// Makes a rename between `pending/` and `topics/` durable. Even a full disk is the end here,
    /// because nobody knows on which side of the rename a restart would find the topic.
    fn sync_topics(&self) -> Result<()> {
        let directory = self.layout.topics();
        self.disk
            .sync_dir(&directory)
            .map_err(|error| self.poison(&StorageError::io("sync", &directory, &error)))
    }
}

fn build_topic(disk: &dyn Disk, place: &Path, topic: &TopicDescription, content: &[u8]) -> io::Result<()> {
    disk.create_dir(place)?;
    create_partitions(disk, place, 0..topic.settings.partitions)?;
    replace_file(disk, &format::topic_file(place), content)
}

/// Makes partitions' directories. One that is there already is the left-over of an attempt that was
/// cut short, and is empty.
fn create_partitions(disk: &dyn Disk, place: &Path, numbers: std::ops::Range<u32>) -> io::Result<()> {
    if numbers.is_empty() {
        return Ok(());
    }
    for number in numbers {
        match disk.create_dir(&format::partition_directory(place, PartitionId(number))) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    disk.sync_dir(place)
}

/// Makes a change durable that a killed process left visible. The mark needs no sync of its own: after a
/// power cut there is no doubt about what is durable, with the mark or without.
pub(super) fn finish_alteration(disk: &dyn Disk, topic_directory: &Path) -> io::Result<()> {
    let mark = format::altering_file(topic_directory);
    if disk.status(&mark).is_err() {
        return Ok(());
    }
    disk.sync_dir(topic_directory)?;
    disk.remove_file(&mark)
}

/// Removes a directory with everything in it.
pub(super) fn remove_tree(disk: &dyn Disk, directory: &Path) -> io::Result<()> {
    for entry in disk.list(directory)? {
        let path = directory.join(&entry.name);
        if entry.is_directory {
            remove_tree(disk, &path)?;
        } else {
            disk.remove_file(&path)?;
        }
    }
    disk.remove_dir(directory)
}
