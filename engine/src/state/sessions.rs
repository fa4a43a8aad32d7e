//! Sessions held in memory: group key → its open sessions, each with the slot of its accumulators.
//!
//! All sessions of a key are in memory or none is: a record may join any of them. They are kept in
//! order of time; they never overlap, so their starts and their ends have the same order. A queue
//! knows which key has a session that closes next.
//!
//! *Dirty*, *touched* and *known* mean what they mean for [`super::Groups`]; a session is known by the
//! bounds under which its result was passed on, since it moves when it grows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;

use crate::windows::{Bounds, SessionClosing};

/// A session of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// From its first record to its last.
    pub bounds: Bounds,
    /// Slot of its accumulators.
    pub slot: u32,
    /// Number of the change that touched it last.
    pub touched_at: u64,
    /// It has a change that was not passed on yet.
    pub touched: bool,
    /// The start under which it is stored, where it is.
    pub stored_start_ms: Option<i64>,
    /// It is no longer what is stored.
    pub dirty: bool,
    /// What was passed on and is not withdrawn yet: the session under its bounds of then, and those
    /// it has absorbed. The number beside each is the caller's, to find the old values again.
    pub known: Vec<(Bounds, Option<u32>)>,
}

impl Session {
    /// A session that nobody has heard of.
    #[must_use]
    pub fn new(bounds: Bounds, slot: u32) -> Session {
        Session {
            bounds,
            slot,
            touched_at: 0,
            touched: false,
            stored_start_ms: None,
            dirty: true,
            known: Vec::new(),
        }
    }
}

/// A key in memory with its sessions.
#[derive(Debug)]
pub struct SessionKey {
    /// Encoded group key.
    pub key: Box<[u8]>,
    /// Its sessions in order of time.
    pub sessions: Vec<Session>,
    /// Its place on the stored timeline; it has sessions in the store if it has a place.
    pub stored_end_ms: Option<i64>,
    /// What the store has of it and must not have any more.
    pub gone: Gone,
    hash: u64,
    used: bool,
    dirty: bool,
    touched: bool,
    touched_at: u64,
    queued_end_ms: Option<i64>,
}

/// What the store has of a key and must not have any more.
#[derive(Default, Debug)]
pub struct Gone {
    /// Starts under which sessions are stored that are over, or have become part of others.
    pub starts_ms: Vec<i64>,
    /// The entry in which all of its sessions once were stored together.
    pub together: bool,
}

/// All keys in memory with their sessions.
#[derive(Debug)]
pub struct Sessions {
    table: HashTable<TableSlot>,
    keys: Vec<SessionKey>,
    free_keys: Vec<u32>,
    slots: u32,
    free_slots: Vec<u32>,
    closing_next: BinaryHeap<Reverse<(i64, u32)>>,
    dirty: Vec<u32>,
    touched: Vec<u32>,
    key_bytes: usize,
    complete: bool,
    random: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct TableSlot {
    hash: u64,
    id: u32,
}

impl Sessions {
    /// None yet; `complete` when the store holds none either.
    #[must_use]
    pub fn new(complete: bool) -> Sessions {
        Sessions {
            table: HashTable::new(),
            keys: Vec::new(),
            free_keys: Vec::new(),
            slots: 0,
            free_slots: Vec::new(),
            closing_next: BinaryHeap::new(),
            dirty: Vec::new(),
            touched: Vec::new(),
            key_bytes: 0,
            complete,
            random: RandomState::new(),
        }
    }

    /// Finds the numbers of many keys in order, making those that are not there. `absent` receives the
    /// new numbers that the store may have sessions for.
    pub fn resolve<'k>(
        &mut self,
        rows: usize,
        key: impl Fn(usize) -> &'k [u8],
        ids: &mut Vec<u32>,
        absent: &mut Vec<u32>,
    ) {
        for row in 0..rows {
            let key = key(row);
            let hash = self.random.hash_one(key);
            let keys = &self.keys;
            let entry = self.table.entry(
                hash,
                |entry| entry.hash == hash && *keys[entry.id as usize].key == *key,
                |entry| entry.hash,
            );
            let entry = match entry {
                TableEntry::Occupied(entry) => {
                    ids.push(entry.get().id);
                    continue;
                }
                TableEntry::Vacant(entry) => entry,
            };
            let id = match self.free_keys.pop() {
                Some(id) => {
                    self.keys[id as usize] = SessionKey::new(key, hash);
                    id
                }
                None => {
                    self.keys.push(SessionKey::new(key, hash));
                    (self.keys.len() - 1) as u32
                }
            };
            entry.insert(TableSlot { hash, id });
            self.key_bytes += key.len();
            ids.push(id);
            // Should no session come of it, the next commit finds the key and removes it.
            self.keys[id as usize].dirty = true;
            self.dirty.push(id);
            if !self.complete {
                absent.push(id);
            }
        }
    }

    /// A key in memory, by its encoded form.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = self.random.hash_one(key);
        let same = |entry: &TableSlot| entry.hash == hash && *self.keys[entry.id as usize].key == *key;
        self.table.find(hash, same).map(|entry| entry.id)
    }

    /// The key of a number.
    #[must_use]
    pub fn key(&self, id: u32) -> &SessionKey {
        &self.keys[id as usize]
    }

    /// Takes over a session the store had, under its start if it had one of its own; they come in order
    /// of time.
    pub fn loaded(&mut self, id: u32, bounds: Bounds, stored_start_ms: Option<i64>) -> u32 {
        let slot = self.new_slot();
        let mut session = Session::new(bounds, slot);
        session.known.push((bounds, None));
        session.stored_start_ms = stored_start_ms;
        session.dirty = stored_start_ms.is_none();
        let key = &mut self.keys[id as usize];
        key.sessions.push(session);
        let end_ms = key.sessions[0].bounds.end_ms;
        self.queue(id, end_ms);
        slot
    }

    /// Notes where the store's timeline has a key.
    pub fn set_stored_end(&mut self, id: u32, end_ms: Option<i64>) {
        self.keys[id as usize].stored_end_ms = end_ms;
    }

    /// Notes that a stored session is over.
    pub fn set_gone(&mut self, id: u32, stored_start_ms: i64) {
        self.keys[id as usize].gone.starts_ms.push(stored_start_ms);
        self.set_dirty(id);
    }

    /// Notes that the store has all sessions of a key together.
    pub fn set_stored_together(&mut self, id: u32) {
        self.keys[id as usize].gone.together = true;
        self.set_dirty(id);
    }

    /// What the store must not have any more of a key; nothing afterwards.
    pub fn take_gone(&mut self, id: u32) -> Gone {
        std::mem::take(&mut self.keys[id as usize].gone)
    }

    /// The sessions of a key that a record of that time joins, as a range of them; `None` when the
    /// record is late. Closed sessions are not joined, though they may still be there.
    #[must_use]
    pub fn joined_by(
        &self,
        id: u32,
        time_ms: i64,
        closing: &SessionClosing,
        stream_time_ms: i64,
    ) -> Option<Range<usize>> {
        let sessions = &self.keys[id as usize].sessions;
        let open_from_ms = closing.open_from(stream_time_ms);
        let reached_from_ms = time_ms.saturating_sub(closing.gap_ms()).max(open_from_ms);
        let reached_to_ms = time_ms.saturating_add(closing.gap_ms());
        // Starts and ends have the same order, so those in reach are one behind the other.
        let start = sessions.partition_point(|session| session.bounds.end_ms < reached_from_ms);
        let behind = sessions.partition_point(|session| session.bounds.start_ms <= reached_to_ms);
        let end = behind.max(start);
        let end_ms = sessions[start..end].last().map_or(time_ms, |last| last.bounds.end_ms.max(time_ms));
        (end_ms >= open_from_ms).then_some(start..end)
    }

    /// The sessions of a key, to note something in them.
    pub fn sessions_mut(&mut self, id: u32) -> &mut [Session] {
        &mut self.keys[id as usize].sessions
    }

    /// Lets a record join the sessions found by [`Sessions::joined_by`], which become one, or begin a
    /// session when it joins none. Gives the slot of that one and the sessions it absorbed, in order
    /// of time; their slots are the caller's to give back.
    pub fn join(&mut self, id: u32, joined: Range<usize>, time_ms: i64, change: u64) -> (u32, Vec<Session>) {
        let mut absorbed = Vec::new();
        let at = joined.start;
        if joined.is_empty() {
            let slot = self.new_slot();
            let sessions = &mut self.keys[id as usize].sessions;
            let at = sessions.partition_point(|session| session.bounds.start_ms < time_ms);
            sessions.insert(at, Session::new(Bounds::instant(time_ms), slot));
            self.touch(id, at, change);
            return (slot, absorbed);
        }
        let sessions = &mut self.keys[id as usize].sessions;
        absorbed.extend(sessions.drain(at + 1..joined.end));
        let stored = absorbed.iter().filter_map(|session: &Session| session.stored_start_ms);
        self.keys[id as usize].gone.starts_ms.extend(stored);
        let session = &mut self.keys[id as usize].sessions[at];
        session.bounds = session.bounds.joined(Bounds::instant(time_ms));
        for other in &mut absorbed {
            session.bounds = session.bounds.joined(other.bounds);
            session.known.append(&mut other.known);
        }
        let slot = session.slot;
        self.touch(id, at, change);
        (slot, absorbed)
    }

    fn touch(&mut self, id: u32, at: usize, change: u64) {
        let key = &mut self.keys[id as usize];
        key.touched_at = change;
        let session = &mut key.sessions[at];
        session.touched_at = change;
        session.touched = true;
        session.dirty = true;
        let end_ms = session.bounds.end_ms;
        if !std::mem::replace(&mut key.touched, true) {
            self.touched.push(id);
        }
        self.set_dirty(id);
        self.queue(id, end_ms);
    }

    /// Notes that what is stored of a key is no longer what is here.
    pub fn set_dirty(&mut self, id: u32) {
        if !std::mem::replace(&mut self.keys[id as usize].dirty, true) {
            self.dirty.push(id);
        }
    }

    /// The keys touched in the round; none are afterwards.
    pub fn take_touched(&mut self) -> Vec<u32> {
        let touched = std::mem::take(&mut self.touched);
        for id in &touched {
            self.keys[*id as usize].touched = false;
        }
        touched
    }

    /// The keys changed since the last commit, in the order of their first changes; none are
    /// afterwards.
    pub fn take_dirty(&mut self) -> Vec<u32> {
        let dirty = std::mem::take(&mut self.dirty);
        for id in &dirty {
            self.keys[*id as usize].dirty = false;
        }
        dirty
    }

    /// Takes out the sessions that end before a bound, with their keys, in order of (end, start, key).
    /// Their slots are the caller's to give back.
    pub fn close_before(&mut self, open_from_ms: i64) -> Vec<(u32, Session)> {
        let mut closed = Vec::new();
        while let Some(Reverse((end_ms, id))) = self.closing_next.peek().copied() {
            if end_ms >= open_from_ms {
                break;
            }
            self.closing_next.pop();
            let Some(key) = self.keys.get_mut(id as usize) else { continue };
            if key.queued_end_ms != Some(end_ms) {
                continue;
            }
            key.queued_end_ms = None;
            let open = key.sessions.partition_point(|session| session.bounds.end_ms < open_from_ms);
            for session in key.sessions.drain(..open) {
                key.gone.starts_ms.extend(session.stored_start_ms);
                closed.push((id, session));
            }
            if let Some(first) = key.sessions.first() {
                let end_ms = first.bounds.end_ms;
                self.queue(id, end_ms);
            }
            if open > 0 {
                self.set_dirty(id);
            }
        }
        closed.sort_unstable_by(|(left_id, left), (right_id, right)| {
            let order = |bounds: Bounds| (bounds.end_ms, bounds.start_ms);
            order(left.bounds)
                .cmp(&order(right.bounds))
                .then_with(|| self.key(*left_id).key.cmp(&self.key(*right_id).key))
        });
        closed
    }

    fn queue(&mut self, id: u32, end_ms: i64) {
        let queued = &mut self.keys[id as usize].queued_end_ms;
        if queued.is_none_or(|queued_ms| end_ms < queued_ms) {
            *queued = Some(end_ms);
            self.closing_next.push(Reverse((end_ms, id)));
        }
    }

    /// Gives a slot back; nothing refers to it any more.
    pub fn free_slot(&mut self, slot: u32) {
        self.free_slots.push(slot);
    }

    /// Slots there are, free ones included: accumulators have as many.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.slots as usize
    }

    fn new_slot(&mut self) -> u32 {
        self.free_slots.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Forgets a key that has no sessions and whose absence is stored.
    pub fn remove(&mut self, id: u32) {
        let key = &mut self.keys[id as usize];
        assert!(key.sessions.is_empty() && !key.dirty && !key.touched, "nothing of it is left");
        let hash = key.hash;
        self.key_bytes -= key.key.len();
        *key = SessionKey::new(&[], 0);
        key.used = false;
        if let Ok(entry) = self.table.find_entry(hash, |entry| entry.id == id) {
            entry.remove();
        }
        self.free_keys.push(id);
    }

    /// Whether every key that has sessions is in memory.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Number of keys in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no key is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Forgets clean keys, those touched longest ago first, until at most `kept_max` are left. Gives
    /// the slots that were kept: the i-th of them is slot i afterwards.
    pub fn retain_hottest(&mut self, kept_max: usize) -> Vec<u32> {
        let pinned = |id: u32| self.key(id).dirty || self.key(id).touched;
        let mut ids: Vec<u32> = (0..self.keys.len() as u32).filter(|id| self.key(*id).used).collect();
        ids.sort_unstable_by_key(|id| (!pinned(*id), Reverse(self.key(*id).touched_at), *id));
        let pinned = ids.partition_point(|id| pinned(*id));
        self.complete &= ids.len() <= pinned.max(kept_max);
        ids.truncate(pinned.max(kept_max));
        ids.sort_unstable();
        let mut old = std::mem::take(&mut self.keys);
        let kept = Sessions {
            keys: ids
                .iter()
                .map(|id| std::mem::replace(&mut old[*id as usize], SessionKey::new(&[], 0)))
                .collect(),
            complete: self.complete,
            random: self.random.clone(),
            ..Sessions::new(false)
        };
        *self = kept;
        let mut slots = Vec::new();
        for id in 0..self.keys.len() as u32 {
            let key = &mut self.keys[id as usize];
            for session in &mut key.sessions {
                slots.push(session.slot);
                session.slot = (slots.len() - 1) as u32;
            }
            let (hash, dirty, touched) = (key.hash, key.dirty, key.touched);
            key.queued_end_ms = None;
            self.key_bytes += key.key.len();
            if let Some(end_ms) = key.sessions.first().map(|session| session.bounds.end_ms) {
                self.queue(id, end_ms);
            }
            if dirty {
                self.dirty.push(id);
            }
            if touched {
                self.touched.push(id);
            }
            self.table.insert_unique(hash, TableSlot { hash, id }, |entry| entry.hash);
        }
        self.slots = slots.len() as u32;
        slots
    }

    /// Bytes held, roughly.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        // A key has two allocations of its own (its bytes and its sessions), and a session may have
        // one; the used slots are as many as the sessions.
        let sessions = (self.slots as usize - self.free_slots.len()) * (size_of::<Session>() + 48);
        let keys = self.key_bytes + self.keys.capacity() * size_of::<SessionKey>() + self.table.len() * 32;
        let queue = self.closing_next.capacity() * size_of::<(i64, u32)>();
        let lists = self.free_keys.capacity() + self.free_slots.capacity() + self.dirty.capacity();
        sessions + keys + queue + self.table.allocation_size() + lists * size_of::<u32>()
    }
}

impl SessionKey {
    fn new(key: &[u8], hash: u64) -> SessionKey {
        SessionKey {
            key: key.into(),
            sessions: Vec::new(),
            stored_end_ms: None,
            gone: Gone::default(),
            hash,
            used: true,
            dirty: false,
            touched: false,
            touched_at: 0,
            queued_end_ms: None,
        }
    }
}
