//! The records of one side of a stream-stream join, by key and time.
//!
//! Time is cut into buckets. The few buckets a record may find partners in are looked up together, a
//! batch at a time, and buckets whose time is over are removed as one range. Records expire by the time
//! of their own side: one that is older than the greatest event time of its side by more than the
//! retention is not found any more.
//!
//! The records of a key in a bucket are stored in chunks, in the order of their arrival. Only the last
//! chunk is written again when a record arrives, until it is full: what a commit writes does not grow
//! with the records that a key has. Nearly all keys have a single chunk, found by one look-up; the
//! others are behind it.
//!
//! ```text
//! key   = the room's prefix, start of the bucket (i64), join key     laid out by RoomKeys
//!         number of the chunk (u32)
//! value = framed: varint count, then each record: event time (i64), sequence (varint), row (bytes)
//! ```

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;
use hashbrown::HashMap;
use tidemill_storage::state::{StateStore, WriteBatch};

use crate::error::Result;
use crate::state::{RoomKeys, StateRoom, encoding};

/// Bytes a record costs beside its row.
const RECORD_OVERHEAD_BYTES: usize = 56;

/// Bytes a key costs in each bucket beside its own.
const KEY_OVERHEAD_BYTES: usize = 112;

/// The most keys looked up in the store at a time.
const LOOKUP_KEYS_MAX: usize = 4_096;

/// Records of a full chunk. A commit writes half of them again on average.
const CHUNK_RECORDS: usize = 32;

/// Bytes of the rows of a full chunk, if they are large.
const CHUNK_BYTES: usize = 16 << 10;

/// The shortest bucket: below, there would be many buckets with hardly a record each.
const BUCKET_MS_MIN: i64 = 1_000;

/// A kept record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// Event time.
    pub(super) time_ms: i64,
    /// Its place in the order of arrival; unique over both sides.
    pub(super) sequence: u64,
    /// Encoded output columns.
    pub(super) row: Bytes,
}

/// The records of a key in a bucket.
struct KeyRecords {
    /// By time and then arrival.
    records: Vec<Record>,
    /// Full chunks in the store.
    full_chunks: u32,
    /// Sequence from which on records are not in full chunks.
    last_chunk_from: u64,
    /// No record that is not in a full chunk has an earlier event time.
    last_chunk_from_ms: i64,
    dirty: bool,
}

impl Default for KeyRecords {
    fn default() -> KeyRecords {
        let records = Vec::new();
        KeyRecords { records, full_chunks: 0, last_chunk_from: 0, last_chunk_from_ms: i64::MAX, dirty: false }
    }
}

impl KeyRecords {
    /// Takes the next chunk of the store.
    fn add_chunk(&mut self, chunk: Vec<Record>) {
        if is_full(&chunk) {
            self.close_chunk(&chunk);
        } else {
            self.last_chunk_from_ms = chunk.iter().map(|record| record.time_ms).min().unwrap_or(i64::MAX);
        }
        self.records.extend(chunk);
    }

    fn close_chunk(&mut self, chunk: &[Record]) {
        self.full_chunks += 1;
        self.last_chunk_from = chunk.iter().map(|record| record.sequence + 1).max().unwrap_or_default();
        self.last_chunk_from_ms = i64::MAX;
    }

    /// The records that are not in full chunks, in the order of their arrival.
    fn last_chunk(&self) -> Vec<Record> {
        let from = self.records.partition_point(|record| record.time_ms < self.last_chunk_from_ms);
        let mut chunk: Vec<Record> = self.records[from..]
            .iter()
            .filter(|record| record.sequence >= self.last_chunk_from)
            .cloned()
            .collect();
        chunk.sort_unstable_by_key(|record| record.sequence);
        chunk
    }
}

/// Records of one side.
pub(super) struct RecordBuffer {
    keys: RoomKeys,
    bucket_ms: i64,
    retention_ms: i64,
    /// The greatest event time of this side; none before the first record.
    stream_time_ms: Option<i64>,
    buckets: BTreeMap<i64, HashMap<Bytes, KeyRecords>>,
    dirty: Vec<(i64, Bytes)>,
    /// Of buckets that start up to there, records may be in the store only.
    absent_through_ms: Option<i64>,
    /// Stored buckets that start before this have been removed.
    removed_before_ms: i64,
    bytes: usize,
}

impl RecordBuffer {
    /// For look-ups that span up to `span_ms`, of records kept for `retention_ms`.
    pub(super) fn new(room: &StateRoom, span_ms: i64, retention_ms: i64) -> RecordBuffer {
        RecordBuffer {
            keys: RoomKeys::new(room),
            bucket_ms: (span_ms / 2).saturating_add(1).max(BUCKET_MS_MIN),
            retention_ms,
            stream_time_ms: None,
            buckets: BTreeMap::new(),
            dirty: Vec::new(),
            absent_through_ms: None,
            removed_before_ms: i64::MIN,
            bytes: 0,
        }
    }

    /// The greatest event time of this side.
    pub(super) fn stream_time_ms(&self) -> Option<i64> {
        self.stream_time_ms
    }

    /// Goes on where the state in the store ends.
    pub(super) fn resume(&mut self, stream_time_ms: Option<i64>) {
        self.stream_time_ms = stream_time_ms;
        self.absent_through_ms = stream_time_ms.map(|time_ms| self.bucket_of(time_ms));
    }

    /// Brings the records of keys from the buckets that overlap a range of times.
    ///
    /// # Errors
    /// The store's; `Corrupt`.
    pub(super) fn load<'k>(
        &mut self,
        wanted: impl Iterator<Item = (&'k Bytes, RangeInclusive<i64>)>,
        store: &dyn StateStore,
    ) -> Result<()> {
        let Some(absent_through_ms) = self.absent_through_ms else { return Ok(()) };
        let live_from_ms = self.live_from_ms();
        let mut missing: Vec<(i64, &Bytes)> = Vec::new();
        for (key, times_ms) in wanted {
            let last_ms = self.bucket_of(*times_ms.end()).min(absent_through_ms);
            let mut start_ms = self.bucket_of(*times_ms.start()).max(live_from_ms);
            while start_ms <= last_ms {
                let known = self.buckets.get(&start_ms).is_some_and(|bucket| bucket.contains_key(key));
                if !known {
                    missing.push((start_ms, key));
                }
                let Some(next_ms) = start_ms.checked_add(self.bucket_ms) else { break };
                start_ms = next_ms;
            }
        }
        missing.sort_unstable();
        missing.dedup();
        for wanted in missing.chunks(LOOKUP_KEYS_MAX) {
            let stored: Vec<Bytes> =
                wanted.iter().map(|(start_ms, key)| self.chunk_key(*start_ms, key, 0)).collect();
            for ((start_ms, key), value) in wanted.iter().zip(store.multi_get(&stored)?) {
                let mut records = KeyRecords::default();
                if let Some(value) = value {
                    records.add_chunk(decode(&value)?);
                    if records.full_chunks > 0 {
                        self.load_further_chunks(*start_ms, key, store, &mut records)?;
                    }
                    records.records.sort_unstable_by_key(|record| (record.time_ms, record.sequence));
                }
                self.bytes += key.len() + KEY_OVERHEAD_BYTES;
                self.bytes += records.records.iter().map(record_bytes).sum::<usize>();
                self.buckets.entry(*start_ms).or_default().insert(Bytes::copy_from_slice(key), records);
            }
        }
        Ok(())
    }

    /// Brings the chunks behind the first one.
    fn load_further_chunks(
        &self,
        start_ms: i64,
        key: &[u8],
        store: &dyn StateStore,
        records: &mut KeyRecords,
    ) -> Result<()> {
        let range = self.chunk_key(start_ms, key, 1)..self.chunk_key(start_ms, key, u32::MAX);
        for entry in store.snapshot().scan(range.clone()) {
            let (stored, value) = entry?;
            // Between the chunks of a key there may be keys that begin with it.
            if stored.len() == range.start.len() {
                records.add_chunk(decode(&value)?);
            }
        }
        Ok(())
    }

    /// Notes the time of a record of this side. Older ones may expire by that.
    pub(super) fn advance(&mut self, time_ms: i64) {
        if self.stream_time_ms.is_some_and(|stream_time_ms| time_ms <= stream_time_ms) {
            return;
        }
        self.stream_time_ms = Some(time_ms);
        let live_from_ms = self.live_from_ms();
        while let Some(first) = self.buckets.first_entry().filter(|first| *first.key() < live_from_ms) {
            for (key, records) in &first.remove() {
                let bytes = key.len() + KEY_OVERHEAD_BYTES;
                let bytes = bytes + records.records.iter().map(record_bytes).sum::<usize>();
                self.bytes = self.bytes.saturating_sub(bytes);
            }
        }
    }

    /// Keeps a record of a key whose bucket has been loaded. Gives whether it is kept: one that has
    /// expired already is not.
    pub(super) fn insert(&mut self, key: &Bytes, record: Record) -> bool {
        if self.is_expired(record.time_ms) {
            return false;
        }
        let start_ms = self.bucket_of(record.time_ms);
        self.bytes += record_bytes(&record);
        let bucket = self.buckets.entry(start_ms).or_default();
        let records = match bucket.get_mut(key) {
            Some(records) => records,
            None => {
                self.bytes += key.len() + KEY_OVERHEAD_BYTES;
                bucket.entry(Bytes::copy_from_slice(key)).or_default()
            }
        };
        if !records.dirty {
            records.dirty = true;
            self.dirty.push((start_ms, Bytes::copy_from_slice(key)));
        }
        // Arrivals are mostly in order of time.
        let place = records.records.partition_point(|kept| kept.time_ms <= record.time_ms);
        records.last_chunk_from_ms = records.last_chunk_from_ms.min(record.time_ms);
        records.records.insert(place, record);
        true
    }

    /// The records of a key in a range of times that have not expired, by time and then arrival. The
    /// range has been loaded.
    pub(super) fn find<'a>(
        &'a self,
        key: &'a Bytes,
        times_ms: RangeInclusive<i64>,
    ) -> impl Iterator<Item = &'a Record> {
        let buckets = self.bucket_of(*times_ms.start())..=self.bucket_of(*times_ms.end());
        self.buckets
            .range(buckets)
            .filter_map(move |(_, bucket)| bucket.get(key))
            .flat_map(move |records| {
                let from = records.records.partition_point(|record| record.time_ms < *times_ms.start());
                let behind = records.records.partition_point(|record| record.time_ms <= *times_ms.end());
                records.records.get(from..behind).unwrap_or_default()
            })
            .filter(move |record| !self.is_expired(record.time_ms))
    }

    /// Appends what has changed since the last commit.
    pub(super) fn commit(&mut self, changes: &mut WriteBatch) {
        for (start_ms, key) in std::mem::take(&mut self.dirty) {
            let Some(records) = self.buckets.get_mut(&start_ms).and_then(|bucket| bucket.get_mut(&key))
            else {
                // It expired in between, and is part of the range below.
                continue;
            };
            let (chunk, number) = (records.last_chunk(), records.full_chunks);
            records.dirty = false;
            if is_full(&chunk) {
                records.close_chunk(&chunk);
            }
            changes.put(self.chunk_key(start_ms, &key, number), encode(&chunk));
        }
        let live_from_ms = self.live_from_ms();
        if live_from_ms > self.removed_before_ms {
            changes.delete_range(self.keys.windows(self.removed_before_ms..live_from_ms));
            self.removed_before_ms = live_from_ms;
        }
    }

    /// Bytes held, roughly.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets clean records, oldest buckets first, until at most `bytes_max` are held.
    pub(super) fn evict(&mut self, bytes_max: usize) {
        let mut bytes = self.bytes;
        for (start_ms, bucket) in &mut self.buckets {
            if bytes <= bytes_max {
                break;
            }
            bucket.retain(|key, records| {
                if records.dirty || bytes <= bytes_max {
                    return true;
                }
                let freed = key.len() + KEY_OVERHEAD_BYTES;
                let freed = freed + records.records.iter().map(record_bytes).sum::<usize>();
                bytes = bytes.saturating_sub(freed);
                false
            });
            self.absent_through_ms = self.absent_through_ms.max(Some(*start_ms));
        }
        self.buckets.retain(|_, bucket| !bucket.is_empty());
        self.bytes = bytes;
    }

    /// Whether a record of that time is not found any more.
    fn is_expired(&self, time_ms: i64) -> bool {
        self.stream_time_ms
            .is_some_and(|stream_time_ms| time_ms < stream_time_ms.saturating_sub(self.retention_ms))
    }

    /// Start of the first bucket that may hold records which have not expired.
    fn live_from_ms(&self) -> i64 {
        self.stream_time_ms
            .map_or(i64::MIN, |time_ms| self.bucket_of(time_ms.saturating_sub(self.retention_ms)))
    }

    fn bucket_of(&self, time_ms: i64) -> i64 {
        time_ms.div_euclid(self.bucket_ms).saturating_mul(self.bucket_ms)
    }

    fn chunk_key(&self, start_ms: i64, key: &[u8], chunk: u32) -> Bytes {
        let mut stored = Vec::new();
        self.keys.push_windowed(&mut stored, start_ms, key);
        stored.extend_from_slice(&chunk.to_be_bytes());
        stored.into()
    }
}

/// Whether a chunk takes no more records.
fn is_full(chunk: &[Record]) -> bool {
    chunk.len() >= CHUNK_RECORDS || chunk.iter().map(|record| record.row.len()).sum::<usize>() >= CHUNK_BYTES
}

fn record_bytes(record: &Record) -> usize {
    record.row.len() + RECORD_OVERHEAD_BYTES
}

fn encode(records: &[Record]) -> Vec<u8> {
    let mut value = Vec::new();
    let start = encoding::begin(&mut value);
    encoding::put_varint(&mut value, records.len() as u64);
    for record in records {
        encoding::put_i64(&mut value, record.time_ms);
        encoding::put_varint(&mut value, record.sequence);
        encoding::put_bytes(&mut value, &record.row);
    }
    encoding::seal(&mut value, start);
    value
}

fn decode(value: &[u8]) -> Result<Vec<Record>> {
    let mut reader = encoding::open(value)?;
    let count = reader.count()?;
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        records.push(Record {
            time_ms: reader.i64()?,
            sequence: reader.varint()?,
            row: Bytes::copy_from_slice(reader.bytes()?),
        });
    }
    reader.finish()?;
    Ok(records)
}

#[cfg(test)]
#[path = "record_buffer_tests.rs"]
mod tests;
