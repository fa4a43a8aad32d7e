//! The rows of both tables of a join, each by its key.

use tidemill_storage::state::WriteBatch;

use super::sub_room;
use crate::operators::remembered_rows::RememberedRows;
use crate::state::StateRoom;

const LEFT_ROWS: u8 = 0x10;
const RIGHT_ROWS: u8 = 0x11;

/// Rows of a left and a right table.
pub(super) struct BothTables {
    pub(super) left: RememberedRows,
    pub(super) right: RememberedRows,
}

impl BothTables {
    /// In a room that others may share, except for their two parts of it.
    pub(super) fn new(room: &StateRoom) -> BothTables {
        BothTables {
            left: RememberedRows::new(sub_room(room, LEFT_ROWS)),
            right: RememberedRows::new(sub_room(room, RIGHT_ROWS)),
        }
    }

    /// As [`RememberedRows::commit`].
    pub(super) fn commit(&mut self, changes: &mut WriteBatch) {
        self.left.commit(changes);
        self.right.commit(changes);
    }

    /// As [`RememberedRows::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        self.left.memory_bytes() + self.right.memory_bytes()
    }

    /// As [`RememberedRows::evict`]; the right table has what the left one leaves, and half at least.
    pub(super) fn evict(&mut self, bytes_max: usize) {
        let right_max = bytes_max.saturating_sub(self.left.memory_bytes()).max(bytes_max / 2);
        self.right.evict(right_max);
        self.left.evict(bytes_max.saturating_sub(self.right.memory_bytes()));
    }
}
