//! Forgetting offsets that nobody will ask for: every console consumer has a group of its own and leaves
//! what it committed.
//!
//! The offsets of a group with members stay. They go a while after its last member left or after their own
//! commit, whichever is later; those of a consumer that assigns its partitions itself, and so never is a
//! member, a while after their commit. When the last member left is kept on disk, as a restart must neither
//! begin the time anew nor take a group for left whose members are about to come back: a group that is
//! stored as having members and has none was left now. So was one that had members between two looks, however
//! short they stayed; a server that ends in order stores it as having members.
//!
//! What is written here is not synced: a change that is lost is made again at the next look. A server that is
//! killed forgets who came since its last look; the next one looks for the first time after
//! [`CHECK_INTERVAL`], when who is still there has come back.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidemill_storage::state::{Durability, StateSnapshot, WriteBatch};

use super::occupancy::{Departed, Presence};
use super::{GroupOffsets, Stored, damaged};
use crate::error::{Error, Result};
use crate::state_keys;

/// How long offsets stay that nobody uses; Kafka's default of `offsets.retention.minutes`.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How often expired offsets are looked for; Kafka's default of `offsets.retention.check.interval.ms`.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Most entries that are forgotten in one write: commits wait for it.
const ENTRIES_AT_ONCE: usize = 1_000;

/// What is stored of a group beside its offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Activity {
    /// When its last member was found to be gone, in milliseconds since the epoch; `None` while it has some.
    left_ms: Option<i64>,
}

/// An offset as it was found.
struct Found {
    key: Bytes,
    value: Bytes,
    committed_ms: i64,
}

impl GroupOffsets {
    /// Forgets what nobody has used for [`RETENTION`], by the wall clock (blocking); answers how many offsets
    /// that were.
    ///
    /// # Errors
    /// Those of the disk; what was not forgotten is at the next call.
    pub fn expire(&self, now_ms: i64) -> Result<usize> {
        let departed = self.occupancy.take_departed();
        let looked = self.look_at_all(&departed, now_ms);
        if looked.is_err() {
            self.occupancy.return_departed(departed);
        }
        looked
    }

    /// Stores the groups that had members since the last look as having some (blocking): for the next server
    /// they are left when it looks for the first time.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn store_in_use(&self) -> Result<()> {
        let snapshot = self.store.snapshot();
        let mut changes = WriteBatch::default();
        for group in self.groups()? {
            let in_use = Activity { left_ms: None };
            if self.occupancy.presence(&group) != Presence::Nobody
                && stored_activity(snapshot.as_ref(), &group)? != Some(in_use)
            {
                in_use.stage(&group, &mut changes)?;
            }
        }
        self.write_unless_empty(&changes)
    }

    fn look_at_all(&self, departed: &Departed, now_ms: i64) -> Result<usize> {
        let snapshot = self.store.snapshot();
        let mut expiry = Expiry { offsets: self, departed, now_ms, expired: Vec::new(), forgotten: 0 };
        let mut group: Option<(String, Vec<Found>)> = None;
        for entry in snapshot.scan(state_keys::group_offsets(None)) {
            let (key, value) = entry?;
            let (name, _, _) = state_keys::parse_group_offset(&key).ok_or_else(|| damaged("?"))?;
            let stored: Stored = serde_json::from_slice(&value).map_err(|_| damaged(&name))?;
            let found = Found { key, value, committed_ms: stored.committed_ms };
            match &mut group {
                Some((current, entries)) if *current == name => entries.push(found),
                _ => {
                    if let Some((complete, entries)) = group.replace((name, vec![found])) {
                        expiry.look_at(snapshot.as_ref(), &complete, entries)?;
                    }
                }
            }
        }
        if let Some((complete, entries)) = group {
            expiry.look_at(snapshot.as_ref(), &complete, entries)?;
        }
        expiry.forget()?;
        self.forget_activities_without_offsets()?;
        Ok(expiry.forgotten)
    }

    /// What is known of groups whose offsets are all gone tells nothing any more.
    fn forget_activities_without_offsets(&self) -> Result<()> {
        let snapshot = self.store.snapshot();
        let mut changes = WriteBatch::default();
        for entry in snapshot.scan(state_keys::group_activities()) {
            let (key, _) = entry?;
            let name = state_keys::parse_group_activity(&key).ok_or_else(|| damaged("?"))?;
            if snapshot.scan(state_keys::group_offsets(Some(&name))).next().is_none() {
                changes.delete(key);
            }
        }
        self.write_unless_empty(&changes)
    }

    fn write_unless_empty(&self, changes: &WriteBatch) -> Result<()> {
        if changes.is_empty() { Ok(()) } else { Ok(self.store.write(changes, Durability::Buffered)?) }
    }
}

impl Activity {
    fn stage(self, group: &str, changes: &mut WriteBatch) -> Result<()> {
        let bytes = serde_json::to_vec(&self).map_err(|error| Error::internal(error.to_string()))?;
        changes.put(state_keys::group_activity(group), bytes);
        Ok(())
    }
}

fn stored_activity(snapshot: &dyn StateSnapshot, group: &str) -> Result<Option<Activity>> {
    let stored = snapshot.get(&state_keys::group_activity(group))?;
    stored.map(|bytes| serde_json::from_slice(&bytes).map_err(|_| damaged(group))).transpose()
}

/// One look at all groups.
struct Expiry<'o> {
    offsets: &'o GroupOffsets,
    /// Those that were left since the look before.
    departed: &'o Departed,
    now_ms: i64,
    /// What goes with the next write, each with its group.
    expired: Vec<(String, Found)>,
    forgotten: usize,
}

impl Expiry<'_> {
    fn look_at(&mut self, snapshot: &dyn StateSnapshot, group: &str, entries: Vec<Found>) -> Result<()> {
        let known = stored_activity(snapshot, group)?;
        let presence = self.offsets.occupancy.presence(group);
        let was_left = presence == Presence::Departed || self.departed.contains(group);
        let in_use = Activity { left_ms: None };
        let now = if presence == Presence::Members {
            Some(in_use)
        } else if was_left || known == Some(in_use) {
            Some(Activity { left_ms: Some(self.now_ms) })
        } else {
            known
        };
        if let Some(activity) = now.filter(|_| now != known) {
            let mut changes = WriteBatch::default();
            activity.stage(group, &mut changes)?;
            self.offsets.write_unless_empty(&changes)?;
        }
        if presence == Presence::Members {
            return Ok(());
        }
        let left_ms = now.and_then(|activity| activity.left_ms).unwrap_or(i64::MIN);
        for found in entries {
            let unused_ms = self.now_ms.saturating_sub(found.committed_ms.max(left_ms));
            if u128::try_from(unused_ms).is_ok_and(|unused_ms| unused_ms >= RETENTION.as_millis()) {
                self.expired.push((group.to_owned(), found));
            }
            if self.expired.len() >= ENTRIES_AT_ONCE {
                self.forget()?;
            }
        }
        Ok(())
    }

    /// Forgets what was found, but for what was committed since, and for groups that somebody has joined,
    /// if only for a moment.
    fn forget(&mut self) -> Result<()> {
        let _no_commit = self.offsets.commits.write();
        let mut changes = WriteBatch::default();
        for (group, found) in self.expired.drain(..) {
            let is_unchanged = self.offsets.store.get(&found.key)?.is_some_and(|value| value == found.value);
            if is_unchanged && self.offsets.occupancy.presence(&group) == Presence::Nobody {
                changes.delete(found.key);
                self.forgotten += 1;
            }
        }
        self.offsets.write_unless_empty(&changes)
    }
}
