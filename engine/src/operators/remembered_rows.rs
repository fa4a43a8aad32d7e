//! The current row of each key of a table.
//!
//! Rows are held in memory as long as there is room and written at commit; what was forgotten, or is
//! from before the start, is looked up a batch at a time.
//!
//! ```text
//! key   = the room's prefix, key of the row
//! value = framed: event time (i64), row (bytes)
//! ```

use bytes::Bytes;
use hashbrown::HashMap;
use tidemill_storage::state::{StateStore, WriteBatch};

use crate::error::Result;
use crate::state::{StateRoom, encoding};

/// Bytes a remembered row costs beside its own.
const ENTRY_OVERHEAD_BYTES: usize = 128;

/// The most keys looked up in the store at a time.
const LOOKUP_KEYS_MAX: usize = 4_096;

/// A row of a table, remembered under its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RememberedRow {
    /// Event time of the record that set it.
    pub(super) time_ms: i64,
    /// Encoded; what it holds is the owner's affair.
    pub(super) row: Bytes,
}

struct Entry {
    /// None where the key is known to have no row.
    row: Option<RememberedRow>,
    dirty: bool,
    /// Number of the commits before the last use.
    used_at: u64,
}

/// Rows by key.
pub(super) struct RememberedRows {
    room: StateRoom,
    entries: HashMap<Bytes, Entry>,
    dirty: Vec<Bytes>,
    commits: u64,
    bytes: usize,
}

impl RememberedRows {
    /// In a room of their own.
    pub(super) fn new(room: StateRoom) -> RememberedRows {
        RememberedRows { room, entries: HashMap::new(), dirty: Vec::new(), commits: 0, bytes: 0 }
    }

    /// Brings the rows of keys that are not in memory.
    ///
    /// # Errors
    /// The store's; `Corrupt`.
    pub(super) fn load<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k Bytes>,
        store: &dyn StateStore,
    ) -> Result<()> {
        let mut missing: Vec<&Bytes> = Vec::new();
        for key in keys {
            match self.entries.get_mut(key) {
                Some(entry) => entry.used_at = self.commits,
                None if self.room.fresh => {}
                None => missing.push(key),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for keys in missing.chunks(LOOKUP_KEYS_MAX) {
            for (key, row) in keys.iter().zip(self.look_up(keys.iter().copied(), store)?) {
                self.bytes += entry_bytes(key, row.as_ref());
                let entry = Entry { row, dirty: false, used_at: self.commits };
                self.entries.insert(Bytes::copy_from_slice(key), entry);
            }
        }
        Ok(())
    }

    /// The row of a key that has been loaded.
    pub(super) fn get(&self, key: &[u8]) -> Option<&RememberedRow> {
        self.entries.get(key).and_then(|entry| entry.row.as_ref())
    }

    /// Sets or removes the row of a key. Gives the one before, if the key has been loaded.
    pub(super) fn replace(&mut self, key: &Bytes, row: Option<RememberedRow>) -> Option<RememberedRow> {
        let row_bytes = |row: Option<&RememberedRow>| row.map_or(0, |row| row.row.len());
        let Some(entry) = self.entries.get_mut(key) else {
            let key = Bytes::copy_from_slice(key);
            self.bytes += entry_bytes(&key, row.as_ref());
            self.dirty.push(key.clone());
            self.entries.insert(key, Entry { row, dirty: true, used_at: self.commits });
            return None;
        };
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(Bytes::copy_from_slice(key));
        }
        entry.used_at = self.commits;
        let added = row_bytes(row.as_ref());
        let before = std::mem::replace(&mut entry.row, row);
        self.bytes = (self.bytes + added).saturating_sub(row_bytes(before.as_ref()));
        before
    }

    /// The rows of many keys, in the order asked, without remembering those that come from the store:
    /// for reads that touch many rows once.
    ///
    /// # Errors
    /// The store's; `Corrupt`.
    pub(super) fn read(&self, keys: &[Bytes], store: &dyn StateStore) -> Result<Vec<Option<RememberedRow>>> {
        let known = |key: &Bytes| self.room.fresh || self.entries.contains_key(key);
        let missing: Vec<&Bytes> = keys.iter().filter(|key| !known(key)).collect();
        let mut found = Vec::with_capacity(missing.len());
        for keys in missing.chunks(LOOKUP_KEYS_MAX) {
            found.extend(self.look_up(keys.iter().copied(), store)?);
        }
        let mut found = found.into_iter();
        Ok(keys
            .iter()
            .map(|key| if known(key) { self.get(key).cloned() } else { found.next().flatten() })
            .collect())
    }

    /// Appends what has changed since the last commit.
    pub(super) fn commit(&mut self, changes: &mut WriteBatch) {
        self.commits += 1;
        for key in std::mem::take(&mut self.dirty) {
            let stored = stored_key(&self.room, &key);
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            entry.dirty = false;
            if let Some(row) = &entry.row {
                changes.put(stored, encode(row));
                continue;
            }
            changes.delete(stored);
            // Where everything is in memory, a key that is not there has no row.
            if self.room.fresh {
                self.bytes = self.bytes.saturating_sub(entry_bytes(&key, None));
                self.entries.remove(&key);
            }
        }
    }

    /// Bytes held, roughly.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets clean rows until at most `bytes_max` are held: first those not used since the last
    /// commit, then any.
    pub(super) fn evict(&mut self, bytes_max: usize) {
        let used_last = self.commits.saturating_sub(1);
        for spared_from in [used_last, u64::MAX] {
            if self.bytes <= bytes_max {
                return;
            }
            // What is forgotten has to be looked up from now on.
            self.room.fresh = false;
            let mut bytes = self.bytes;
            self.entries.retain(|key, entry| {
                if entry.dirty || bytes <= bytes_max || entry.used_at >= spared_from {
                    return true;
                }
                bytes = bytes.saturating_sub(entry_bytes(key, entry.row.as_ref()));
                false
            });
            self.bytes = bytes;
        }
    }

    fn look_up<'k>(
        &self,
        keys: impl Iterator<Item = &'k Bytes>,
        store: &dyn StateStore,
    ) -> Result<Vec<Option<RememberedRow>>> {
        let stored: Vec<Bytes> = keys.map(|key| stored_key(&self.room, key)).collect();
        let values = store.multi_get(&stored)?;
        values.into_iter().map(|value| value.map(|value| decode(&value)).transpose()).collect()
    }
}

fn stored_key(room: &StateRoom, key: &[u8]) -> Bytes {
    [room.prefix.as_ref(), key].concat().into()
}

fn entry_bytes(key: &[u8], row: Option<&RememberedRow>) -> usize {
    key.len() + row.map_or(0, |row| row.row.len()) + ENTRY_OVERHEAD_BYTES
}

fn encode(row: &RememberedRow) -> Vec<u8> {
    let mut value = Vec::with_capacity(row.row.len() + 24);
    let start = encoding::begin(&mut value);
    encoding::put_i64(&mut value, row.time_ms);
    encoding::put_bytes(&mut value, &row.row);
    encoding::seal(&mut value, start);
    value
}

fn decode(value: &[u8]) -> Result<RememberedRow> {
    let mut reader = encoding::open(value)?;
    let row = RememberedRow { time_ms: reader.i64()?, row: Bytes::copy_from_slice(reader.bytes()?) };
    reader.finish()?;
    Ok(row)
}
