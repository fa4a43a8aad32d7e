//! Groups held in memory: (window start, group key) → slot.
//!
//! A slot is a small number that accumulators use as their index. Every window has a hash table of its
//! own, so that a closed window goes as a whole and the hot window's table stays small and in cache.
//! Groups without windows live in one table.
//!
//! A group is *dirty* from its first change after a commit until the next one, *touched* from its
//! first change in a round until its result is passed on, and *known* once a result of it has been
//! passed on. Dirty and touched groups cannot be forgotten; of the others, those longest unchanged go
//! first. The order of hash tables never shows: whatever leaves in order is sorted by something else.

use std::collections::BTreeMap;
use std::ops::Range;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;

/// The window of groups without windows.
const NO_WINDOW: i64 = 0;

const USED: u8 = 1;
const DIRTY: u8 = 2;
const TOUCHED: u8 = 4;
const KNOWN: u8 = 8;

/// Memory of a table that has no entries yet, with its node in the map of windows.
const TABLE_BYTES: usize = 96;

/// A group in memory.
#[derive(Debug)]
pub struct Group {
    /// Encoded group key.
    pub key: Box<[u8]>,
    /// Start of its window; 0 without windows.
    pub start_ms: i64,
    /// The greatest event time of its rows.
    pub time_ms: i64,
    /// Number of the change that touched it last; numbers grow.
    pub touched_at: u64,
    marks: u8,
}

#[derive(Clone, Copy, Debug)]
struct TableSlot {
    hash: u64,
    slot: u32,
}

#[derive(Debug, Default)]
struct Table {
    slots: HashTable<TableSlot>,
    /// No group of the window is in the store only: one that is not here does not exist.
    complete: bool,
}

/// What the store may hold, as far as it is known without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// Nothing.
    Nothing,
    /// Groups of windows that start up to there.
    Through(i64),
    /// Groups of any window.
    Anything,
}

impl Stored {
    fn excludes(self, start_ms: i64) -> bool {
        match self {
            Stored::Nothing => true,
            Stored::Through(stored_ms) => start_ms > stored_ms,
            Stored::Anything => false,
        }
    }
}

/// All groups in memory.
///
/// Invariant: every used slot is in exactly one table, under its group's hash.
#[derive(Debug)]
pub struct Groups {
    tables: BTreeMap<i64, Table>,
    groups: Vec<Group>,
    free: Vec<u32>,
    dirty: Vec<u32>,
    touched: Vec<u32>,
    key_bytes: usize,
    table_bytes: usize,
    stored: Stored,
    /// Of windows that start up to there, groups may be in the store only.
    absent_through_ms: Option<i64>,
    random: RandomState,
}

impl Groups {
    /// None yet. What the store may hold decides which look-ups are needed.
    #[must_use]
    pub fn new(stored: Stored) -> Groups {
        Groups {
            tables: BTreeMap::new(),
            groups: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            touched: Vec::new(),
            key_bytes: 0,
            table_bytes: 0,
            stored,
            absent_through_ms: (stored != Stored::Nothing).then_some(i64::MAX),
            random: RandomState::new(),
        }
    }

    /// The hash of a key, for [`Groups::resolve`].
    #[must_use]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.random.hash_one(key)
    }

    /// Finds the slots of many groups in order, making those that are not there: the hashes of their
    /// keys, the starts of their windows where there are windows, and the keys themselves by position.
    /// `absent` receives the new slots that the store may have a value for; other new groups begin
    /// empty.
    pub fn resolve<'k>(
        &mut self,
        hashes: &[u64],
        starts_ms: Option<&[i64]>,
        key: impl Fn(usize) -> &'k [u8],
        slots: &mut Vec<u32>,
        absent: &mut Vec<u32>,
    ) {
        let start_of = |index: usize| starts_ms.map_or(NO_WINDOW, |starts_ms| starts_ms[index]);
        let mut from = 0;
        while from < hashes.len() {
            let start_ms = start_of(from);
            let same = (from..hashes.len()).take_while(|index| start_of(*index) == start_ms).count();
            self.resolve_in_window(start_ms, from..from + same, hashes, &key, slots, absent);
            from += same;
        }
    }

    fn resolve_in_window<'k>(
        &mut self,
        start_ms: i64,
        range: Range<usize>,
        hashes: &[u64],
        key: &impl Fn(usize) -> &'k [u8],
        slots: &mut Vec<u32>,
        absent: &mut Vec<u32>,
    ) {
        let Groups { tables, groups, free, key_bytes, table_bytes, stored, .. } = self;
        let table = tables.entry(start_ms).or_insert_with(|| {
            *table_bytes += TABLE_BYTES;
            Table { slots: HashTable::new(), complete: stored.excludes(start_ms) }
        });
        let bytes_before = table.slots.allocation_size();
        for index in range {
            let (hash, key) = (hashes[index], key(index));
            let entry = table.slots.entry(
                hash,
                |entry| entry.hash == hash && *groups[entry.slot as usize].key == *key,
                |entry| entry.hash,
            );
            let entry = match entry {
                TableEntry::Occupied(entry) => {
                    slots.push(entry.get().slot);
                    continue;
                }
                TableEntry::Vacant(entry) => entry,
            };
            let group = Group { key: key.into(), start_ms, time_ms: i64::MIN, touched_at: 0, marks: USED };
            *key_bytes += key.len();
            let slot = match free.pop() {
                Some(slot) => {
                    groups[slot as usize] = group;
                    slot
                }
                None => {
                    groups.push(group);
                    (groups.len() - 1) as u32
                }
            };
            entry.insert(TableSlot { hash, slot });
            slots.push(slot);
            if !table.complete {
                absent.push(slot);
            }
        }
        *table_bytes += table.slots.allocation_size() - bytes_before;
    }

    /// Slots there are, free ones included: accumulators have as many.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.groups.len()
    }

    /// The group of a slot.
    #[must_use]
    pub fn group(&self, slot: u32) -> &Group {
        &self.groups[slot as usize]
    }

    /// Takes over what the store had of a group.
    pub fn loaded(&mut self, slot: u32, time_ms: i64) {
        let group = &mut self.groups[slot as usize];
        group.time_ms = time_ms;
        group.marks |= KNOWN;
    }

    /// Notes that a row of that event time changes a group. Gives whether it is the group's first
    /// change in the round.
    pub fn touch(&mut self, slot: u32, time_ms: i64, change: u64) -> bool {
        let group = &mut self.groups[slot as usize];
        group.time_ms = group.time_ms.max(time_ms);
        group.touched_at = change;
        let marks = group.marks;
        group.marks |= DIRTY | TOUCHED;
        if marks & DIRTY == 0 {
            self.dirty.push(slot);
        }
        if marks & TOUCHED == 0 {
            self.touched.push(slot);
        }
        marks & TOUCHED == 0
    }

    /// Whether a result of the group has been passed on before.
    #[must_use]
    pub fn is_known(&self, slot: u32) -> bool {
        self.group(slot).marks & KNOWN != 0
    }

    /// Notes that a result of the group is passed on.
    pub fn set_known(&mut self, slot: u32) {
        self.groups[slot as usize].marks |= KNOWN;
    }

    /// The groups touched in the round, in the order of their last changes; none are afterwards.
    pub fn take_touched(&mut self) -> Vec<u32> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.retain(|slot| self.take_mark(*slot, TOUCHED));
        touched.sort_unstable_by_key(|slot| self.group(*slot).touched_at);
        touched
    }

    /// The groups changed since the last commit, in the order of their first changes; none are
    /// afterwards.
    pub fn take_dirty(&mut self) -> Vec<u32> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|slot| self.take_mark(*slot, DIRTY));
        dirty
    }

    /// A slot that was freed and used again may be listed twice; its mark counts once.
    fn take_mark(&mut self, slot: u32, mark: u8) -> bool {
        let group = &mut self.groups[slot as usize];
        let marked = group.marks & mark != 0;
        group.marks &= !mark;
        marked
    }

    /// Says what was found in the store before any group was asked for.
    pub fn opened(&mut self, stored_start_ms: i64) {
        self.stored = Stored::Through(stored_start_ms);
        self.absent_through_ms = Some(stored_start_ms);
    }

    /// Says what the store may hold after a commit.
    pub fn committed(&mut self, stored: Stored) {
        self.stored = stored;
    }

    /// Starts of the windows that have groups in memory, of those before a bound, ascending.
    pub fn starts_before(&self, open_from_ms: i64) -> impl Iterator<Item = i64> + '_ {
        self.tables.range(..open_from_ms).map(|(start_ms, _)| *start_ms)
    }

    /// Slots of a window's groups, sorted by group key.
    #[must_use]
    pub fn slots_of(&self, start_ms: i64) -> Vec<u32> {
        let table = self.tables.get(&start_ms);
        let mut slots: Vec<u32> =
            table.into_iter().flat_map(|table| table.slots.iter()).map(|entry| entry.slot).collect();
        slots.sort_unstable_by(|left, right| self.group(*left).key.cmp(&self.group(*right).key));
        slots
    }

    /// Forgets the windows before a bound, changes included. Gives the freed slots.
    pub fn remove_before(&mut self, open_from_ms: i64) -> Vec<u32> {
        let mut freed = Vec::new();
        if self.tables.first_key_value().is_none_or(|(start_ms, _)| *start_ms >= open_from_ms) {
            return freed;
        }
        let open = self.tables.split_off(&open_from_ms);
        for table in std::mem::replace(&mut self.tables, open).into_values() {
            self.table_bytes -= TABLE_BYTES + table.slots.allocation_size();
            freed.extend(table.slots.iter().map(|entry| entry.slot));
        }
        // The order in which slots are used again is then the same in every run.
        freed.sort_unstable();
        for slot in &freed {
            let group = &mut self.groups[*slot as usize];
            self.key_bytes -= group.key.len();
            group.key = Box::default();
            group.marks = 0;
        }
        self.free.extend(freed.iter().rev());
        freed
    }

    /// Forgets some groups that have no changes. Their slots are free then.
    pub fn remove(&mut self, slots: &[u32]) {
        for slot in slots {
            let Group { key, start_ms, .. } = &self.groups[*slot as usize];
            let (hash, key_bytes, start_ms) = (self.hash(key), key.len(), *start_ms);
            if let Some(table) = self.tables.get_mut(&start_ms)
                && let Ok(entry) = table.slots.find_entry(hash, |entry| entry.slot == *slot)
            {
                entry.remove();
                table.complete = false;
            }
            let group = &mut self.groups[*slot as usize];
            group.key = Box::default();
            group.marks = 0;
            self.key_bytes -= key_bytes;
            self.free.push(*slot);
        }
    }

    /// Chooses which slots to keep so that about `kept_max` are: dirty and touched ones in any case,
    /// then those touched last.
    #[must_use]
    pub fn hottest(&self, kept_max: usize) -> Vec<u32> {
        let used = |slot: &u32| self.group(*slot).marks & USED != 0;
        let pinned = |slot: u32| self.group(slot).marks & (DIRTY | TOUCHED) != 0;
        let mut slots: Vec<u32> = (0..self.groups.len() as u32).filter(used).collect();
        slots.sort_unstable_by_key(|slot| (!pinned(*slot), std::cmp::Reverse(self.group(*slot).touched_at)));
        let pinned = slots.partition_point(|slot| pinned(*slot));
        slots.truncate(pinned.max(kept_max));
        slots.sort_unstable();
        slots
    }

    /// Forgets all groups but those of some slots, given in ascending order; the i-th of them has slot
    /// i afterwards.
    pub fn retain(&mut self, kept: &[u32]) {
        let mut moved: Vec<Option<u32>> = vec![None; self.groups.len()];
        for (new, old) in kept.iter().enumerate() {
            moved[*old as usize] = Some(new as u32);
        }
        let move_list = |list: &[u32]| list.iter().filter_map(|slot| moved[*slot as usize]).collect();
        self.dirty = move_list(&self.dirty);
        self.touched = move_list(&self.touched);
        self.table_bytes = 0;
        self.tables.retain(|start_ms, table| {
            let before = table.slots.len();
            table.slots.retain(|entry| match moved[entry.slot as usize] {
                Some(slot) => {
                    entry.slot = slot;
                    true
                }
                None => false,
            });
            if table.slots.len() < before {
                table.complete = false;
                self.absent_through_ms = self.absent_through_ms.max(Some(*start_ms));
            }
            table.slots.shrink_to_fit(|entry| entry.hash);
            self.table_bytes += TABLE_BYTES + table.slots.allocation_size();
            // A table that says "nothing else exists" is kept for what it says.
            if table.slots.is_empty() && !table.complete {
                self.table_bytes -= TABLE_BYTES + table.slots.allocation_size();
                return false;
            }
            true
        });
        let mut old = std::mem::take(&mut self.groups);
        self.groups = old
            .iter_mut()
            .zip(&moved)
            .filter(|(_, moved)| moved.is_some())
            .map(|(group, _)| std::mem::replace(group, Group::none()))
            .collect();
        self.free = Vec::new();
        self.key_bytes = self.groups.iter().map(|group| group.key.len()).sum();
    }

    /// Whether groups of windows that start there or later may be in the store only.
    #[must_use]
    pub fn any_absent_from(&self, start_ms: i64) -> bool {
        self.absent_through_ms.is_some_and(|absent_through_ms| absent_through_ms >= start_ms)
    }

    /// Bytes held, roughly.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        // Every key is an allocation of its own, with the allocator's header.
        let keys = self.key_bytes + (self.groups.len() - self.free.len()) * 16;
        let lists = self.free.capacity() + self.dirty.capacity() + self.touched.capacity();
        keys + self.table_bytes + self.groups.capacity() * size_of::<Group>() + lists * size_of::<u32>()
    }
}

impl Group {
    fn none() -> Group {
        Group { key: Box::default(), start_ms: 0, time_ms: 0, touched_at: 0, marks: 0 }
    }
}
