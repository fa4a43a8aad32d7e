//! Records of a stream-stream join that have met no partner yet and are passed on alone when their
//! window closes without one.
//!
//! All of them are in memory: they are the unmatched records of the windows that are open now, and the
//! next one to close must be at hand. In the store they are a timeline by closing time.
//!
//! ```text
//! key   = the room's prefix, closing time (i64), sequence (8 bytes, big-endian)     laid out by RoomKeys
//! value = framed: side (1 byte), event time (i64), join key (bytes), row (bytes)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tidemill_storage::state::{StateStore, WriteBatch};

use crate::error::Result;
use crate::operators::Input;
use crate::state::encoding::{self, damaged};
use crate::state::{RoomKeys, StateRoom};

/// Bytes a waiting record costs beside its key and row.
const RECORD_OVERHEAD_BYTES: usize = 160;

const LEFT: u8 = 0;
const RIGHT: u8 = 1;

/// A record that waits for a partner or the end of its window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WaitingRecord {
    /// Which side it is from.
    pub(super) side: Input,
    /// Event time.
    pub(super) time_ms: i64,
    /// Join key.
    pub(super) key: Bytes,
    /// Encoded output columns.
    pub(super) row: Bytes,
}

/// When a window closes, and which record it is about.
type Place = (i64, u64);

/// Waiting records, by the closing of their windows and then arrival.
pub(super) struct Waiting {
    keys: RoomKeys,
    records: BTreeMap<Place, WaitingRecord>,
    /// Set since the last commit.
    added: BTreeSet<Place>,
    /// Stored, and gone since the last commit.
    removed: Vec<Place>,
    bytes: usize,
}

impl Waiting {
    /// In a room of their own.
    pub(super) fn new(room: &StateRoom) -> Waiting {
        Waiting {
            keys: RoomKeys::new(room),
            records: BTreeMap::new(),
            added: BTreeSet::new(),
            removed: Vec::new(),
            bytes: 0,
        }
    }

    /// Reads all of them from the store.
    ///
    /// # Errors
    /// The store's; `Corrupt`.
    pub(super) fn resume(&mut self, store: &dyn StateStore) -> Result<()> {
        for entry in store.snapshot().scan(self.keys.timeline(i64::MIN..i64::MAX)) {
            let (stored, value) = entry?;
            let (closes_ms, sequence) = self.keys.parse_timed(&stored)?;
            let sequence: [u8; 8] = sequence.try_into().map_err(|_| damaged("its key has another form"))?;
            let record = decode(&value)?;
            self.bytes += bytes_of(&record);
            self.records.insert((closes_ms, u64::from_be_bytes(sequence)), record);
        }
        Ok(())
    }

    /// Adds a record.
    pub(super) fn insert(&mut self, closes_ms: i64, sequence: u64, record: WaitingRecord) {
        self.bytes += bytes_of(&record);
        self.records.insert((closes_ms, sequence), record);
        self.added.insert((closes_ms, sequence));
    }

    /// Removes a record that has met a partner, if it still waits.
    pub(super) fn remove(&mut self, closes_ms: i64, sequence: u64) {
        if self.records.is_empty() {
            return;
        }
        if let Some(record) = self.records.remove(&(closes_ms, sequence)) {
            self.forget((closes_ms, sequence), &record);
        }
    }

    /// Takes the records whose windows close before a time: by their own times, of one time first those
    /// of the right side, of one side by their keys, and else in the order in which they came.
    pub(super) fn take_closed(&mut self, before_ms: i64) -> Vec<WaitingRecord> {
        let mut closed = Vec::new();
        while let Some(first) = self.records.first_entry().filter(|first| first.key().0 < before_ms) {
            let (place, record) = first.remove_entry();
            self.forget(place, &record);
            closed.push(record);
        }
        closed.sort_by(|one, other| {
            let order = |record: &WaitingRecord| (record.time_ms, record.side == Input::Left);
            order(one).cmp(&order(other)).then_with(|| one.key.cmp(&other.key))
        });
        closed
    }

    /// Appends what has changed since the last commit.
    pub(super) fn commit(&mut self, changes: &mut WriteBatch) {
        for place in std::mem::take(&mut self.removed) {
            changes.delete(self.stored_key(place));
        }
        for place in std::mem::take(&mut self.added) {
            if let Some(record) = self.records.get(&place) {
                changes.put(self.stored_key(place), encode(record));
            }
        }
    }

    /// Bytes held, roughly.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    fn forget(&mut self, place: Place, record: &WaitingRecord) {
        self.bytes = self.bytes.saturating_sub(bytes_of(record));
        // What was never stored needs no removal from the store.
        if !self.added.remove(&place) {
            self.removed.push(place);
        }
    }

    fn stored_key(&self, (closes_ms, sequence): Place) -> Bytes {
        let mut stored = Vec::new();
        self.keys.push_timeline(&mut stored, closes_ms, &sequence.to_be_bytes());
        stored.into()
    }
}

fn bytes_of(record: &WaitingRecord) -> usize {
    record.key.len() + record.row.len() + RECORD_OVERHEAD_BYTES
}

fn encode(record: &WaitingRecord) -> Vec<u8> {
    let mut value = Vec::with_capacity(bytes_of(record));
    let start = encoding::begin(&mut value);
    value.push(match record.side {
        Input::Left => LEFT,
        Input::Right => RIGHT,
    });
    encoding::put_i64(&mut value, record.time_ms);
    encoding::put_bytes(&mut value, &record.key);
    encoding::put_bytes(&mut value, &record.row);
    encoding::seal(&mut value, start);
    value
}

fn decode(value: &[u8]) -> Result<WaitingRecord> {
    let mut reader = encoding::open(value)?;
    let side = match reader.array()? {
        [LEFT] => Input::Left,
        [RIGHT] => Input::Right,
        [other] => return Err(damaged(&format!("side {other} is unknown"))),
    };
    let record = WaitingRecord {
        side,
        time_ms: reader.i64()?,
        key: Bytes::copy_from_slice(reader.bytes()?),
        row: Bytes::copy_from_slice(reader.bytes()?),
    };
    reader.finish()?;
    Ok(record)
}
