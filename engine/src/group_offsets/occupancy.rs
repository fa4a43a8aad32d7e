//! Which groups have members now. Membership is a conversation of a door and lasts as long as it; what is
//! kept here is only that it goes on, since the offsets of a group that is in use do not expire.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Groups with members, each with how often it was said. As many as the door lets there be.
#[derive(Clone, Default)]
pub(super) struct Occupancy {
    groups: Arc<Mutex<HashMap<String, usize>>>,
}

/// A group has members as long as this is held.
pub struct Occupied {
    group: String,
    occupancy: Occupancy,
}

impl Occupancy {
    pub(super) fn enter(&self, group: &str) -> Occupied {
        *self.groups.lock().entry(group.to_owned()).or_default() += 1;
        Occupied { group: group.to_owned(), occupancy: self.clone() }
    }

    pub(super) fn has_members(&self, group: &str) -> bool {
        self.groups.lock().contains_key(group)
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let mut groups = self.occupancy.groups.lock();
        if let Some(count) = groups.get_mut(&self.group) {
            *count -= 1;
            if *count == 0 {
                groups.remove(&self.group);
            }
        }
    }
}
