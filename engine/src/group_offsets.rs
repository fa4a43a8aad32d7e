//! Committed offsets of consumer groups: durable before they are acknowledged, never going back by
//! themselves, and forgotten when nobody uses them any more ([`expiry`]).

pub mod expiry;
#[cfg(test)]
mod expiry_tests;
mod occupancy;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use serde::{Deserialize, Serialize};
use tidemill_storage::state::{Durability, StateStore, WriteBatch};
use tidemill_storage::{Offset, PartitionId, TopicName, TopicPartition};

use crate::error::{Error, ErrorKind, Result};
use crate::group_offsets::occupancy::Occupancy;
use crate::state_keys;

pub use occupancy::Occupied;

/// One committed position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupOffset {
    /// Offset of the next record to consume.
    pub offset: Offset,
    /// Leader epoch the client gave; -1 where it gave none.
    pub leader_epoch: i32,
    /// The client's own note; comes back as it was given.
    pub metadata: String,
    /// When it was committed, in milliseconds since the epoch.
    pub committed_ms: i64,
}

/// Stored form of [`GroupOffset`].
#[derive(Serialize, Deserialize)]
struct Stored {
    offset: i64,
    leader_epoch: i32,
    metadata: String,
    committed_ms: i64,
}

/// The offsets of all groups. Cheap to clone.
#[derive(Clone)]
pub struct GroupOffsets {
    store: Arc<dyn StateStore>,
    occupancy: Occupancy,
    /// Held by commits together, and alone by what forgets: no commit comes between its look and its write.
    commits: Arc<RwLock<()>>,
}

impl GroupOffsets {
    /// Over the server's keyed state.
    #[must_use]
    pub fn new(store: Arc<dyn StateStore>) -> GroupOffsets {
        GroupOffsets { store, occupancy: Occupancy::default(), commits: Arc::default() }
    }

    /// Says that a group has members, until the answer is dropped: its offsets do not expire meanwhile.
    #[must_use]
    pub fn occupy(&self, group: &str) -> Occupied {
        self.occupancy.enter(group)
    }

    /// Commits offsets of a group together; durable when it returns (blocking).
    ///
    /// # Errors
    /// Those of the disk.
    pub fn commit(&self, group: &str, offsets: &[(TopicPartition, GroupOffset)]) -> Result<()> {
        let mut changes = WriteBatch::default();
        self.stage(group, offsets, &mut changes)?;
        let _not_expiring = self.committing();
        Ok(self.store.write(&changes, Durability::Synced)?)
    }

    /// Held while offsets are written: what is committed must not be forgotten for what was there before.
    pub(crate) fn committing(&self) -> RwLockReadGuard<'_, ()> {
        self.commits.read()
    }

    /// Adds offsets of a group to changes that are written with others, while [`GroupOffsets::committing`]
    /// is held.
    ///
    /// # Errors
    /// None in practice: the stored form has no limits.
    pub fn stage(
        &self,
        group: &str,
        offsets: &[(TopicPartition, GroupOffset)],
        changes: &mut WriteBatch,
    ) -> Result<()> {
        for (target, offset) in offsets {
            let stored = Stored {
                offset: offset.offset.0,
                leader_epoch: offset.leader_epoch,
                metadata: offset.metadata.clone(),
                committed_ms: offset.committed_ms,
            };
            let bytes = serde_json::to_vec(&stored).map_err(|error| Error::internal(error.to_string()))?;
            changes.put(state_keys::group_offset(group, target), bytes);
        }
        Ok(())
    }

    /// All committed offsets of a group.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn fetch(&self, group: &str) -> Result<BTreeMap<TopicPartition, GroupOffset>> {
        let mut found = BTreeMap::new();
        let snapshot = self.store.snapshot();
        for entry in snapshot.scan(state_keys::group_offsets(Some(group))) {
            let (key, value) = entry?;
            let (_, topic, partition) = state_keys::parse_group_offset(&key).ok_or_else(|| damaged(group))?;
            let stored: Stored = serde_json::from_slice(&value).map_err(|_| damaged(group))?;
            found.insert(
                TopicPartition::new(TopicName::new(&topic)?, PartitionId(partition)),
                GroupOffset {
                    offset: Offset(stored.offset),
                    leader_epoch: stored.leader_epoch,
                    metadata: stored.metadata,
                    committed_ms: stored.committed_ms,
                },
            );
        }
        Ok(found)
    }

    /// Names of all groups that have committed offsets.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn groups(&self) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        let snapshot = self.store.snapshot();
        for entry in snapshot.scan(state_keys::group_offsets(None)) {
            let (key, _) = entry?;
            if let Some((group, _, _)) = state_keys::parse_group_offset(&key)
                && names.last() != Some(&group)
            {
                names.push(group);
            }
        }
        Ok(names)
    }

    /// Forgets what all groups have committed for a topic.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn forget_topic(&self, topic: &TopicName) -> Result<()> {
        let mut changes = WriteBatch::default();
        let snapshot = self.store.snapshot();
        for entry in snapshot.scan(state_keys::group_offsets(None)) {
            let (key, _) = entry?;
            let of_topic =
                state_keys::parse_group_offset(&key).is_some_and(|(_, name, _)| name == topic.as_str());
            if of_topic {
                changes.delete(key);
            }
        }
        if changes.is_empty() { Ok(()) } else { Ok(self.store.write(&changes, Durability::Synced)?) }
    }

    /// Forgets a group's offsets; all of them where `targets` is `None`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn delete(&self, group: &str, targets: Option<&[TopicPartition]>) -> Result<()> {
        let mut changes = WriteBatch::default();
        match targets {
            None => changes.delete_range(state_keys::group_offsets(Some(group))),
            Some(targets) => {
                for target in targets {
                    changes.delete(state_keys::group_offset(group, target));
                }
            }
        }
        Ok(self.store.write(&changes, Durability::Synced)?)
    }
}

fn damaged(group: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a stored offset of group '{group}' is damaged"))
}
