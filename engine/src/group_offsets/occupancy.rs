//! Which groups have members now, and which had some since somebody looked. Membership is a conversation of
//! a door and lasts as long as it; what is kept here is only that it goes on or has ended, since the offsets
//! of a group that is in use do not expire.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;

/// Most groups that are kept by name after they were left. Twice as many as the Kafka door lets there be at
/// a time: more within one look come from a client that makes up names.
pub(super) const DEPARTED_MAX: usize = 20_000;

/// Groups with members, and those whose members have left lately.
#[derive(Clone, Default)]
pub(super) struct Occupancy {
    groups: Arc<Mutex<Groups>>,
}

#[derive(Default)]
struct Groups {
    /// Each with how often it was said. As many as the door lets there be.
    occupied: HashMap<String, usize>,
    departed: Departed,
}

/// Whether somebody uses a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    /// It has members.
    Members,
    /// It has none, but had some since the departed were taken.
    Departed,
    /// It had no members since then.
    Nobody,
}

/// Groups that were left.
#[derive(Default)]
pub(super) struct Departed {
    names: HashSet<String>,
    /// More groups were left than are kept by name. Any may be one of them: offsets that stay too long are
    /// better than offsets that go too early.
    are_more: bool,
}

/// A group has members as long as this is held.
pub struct Occupied {
    group: String,
    occupancy: Occupancy,
}

impl Occupancy {
    pub(super) fn enter(&self, group: &str) -> Occupied {
        *self.groups.lock().occupied.entry(group.to_owned()).or_default() += 1;
        Occupied { group: group.to_owned(), occupancy: self.clone() }
    }

    pub(super) fn presence(&self, group: &str) -> Presence {
        let groups = self.groups.lock();
        if groups.occupied.contains_key(group) {
            Presence::Members
        } else if groups.departed.contains(group) {
            Presence::Departed
        } else {
            Presence::Nobody
        }
    }

    /// The groups that were left since this was asked last.
    pub(super) fn take_departed(&self) -> Departed {
        std::mem::take(&mut self.groups.lock().departed)
    }

    /// Takes back what could not be noted.
    pub(super) fn return_departed(&self, departed: Departed) {
        let mut groups = self.groups.lock();
        groups.departed.are_more |= departed.are_more;
        for group in departed.names {
            groups.departed.add(&group);
        }
    }
}

impl Departed {
    pub(super) fn contains(&self, group: &str) -> bool {
        self.are_more || self.names.contains(group)
    }

    fn add(&mut self, group: &str) {
        if self.names.len() < DEPARTED_MAX {
            self.names.insert(group.to_owned());
        } else if !self.names.contains(group) {
            self.are_more = true;
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let mut groups = self.occupancy.groups.lock();
        if let Some(count) = groups.occupied.get_mut(&self.group) {
            *count -= 1;
            if *count == 0 {
                groups.occupied.remove(&self.group);
                groups.departed.add(&self.group);
            }
        }
    }
}
