//! How the groups of a GROUP BY without sessions are stored.
//!
//! A group is one entry: its event time and the states of its calls. A collection may hold very many values,
//! and a commit must not write all of them because one came: once it is large, its first values are stored in
//! chunks of their own, which the group's entry names. What a commit writes of a group then does not grow
//! with its collections.
//!
//! ```text
//! group          = event time (i64), state of each call
//! group in parts = event time (i64), chunks of each call, what of each call is in no chunk
//! chunks         = varint count of runs, then each run: first number (varint), how many (varint)
//! chunk          = varint count, then each value as bytes
//! ```
//!
//! Groups were once stored whole whatever they held; such a one is read, and stored in parts when it changes.

use bytes::Bytes;
use tidemill_storage::state::{StateStore, WriteBatch};

use super::aggregate::calls::ChunkName;
use super::window_aggregate::WindowAggregate;
use crate::error::Result;
use crate::state::{RoomKeys, encoding};

/// The most chunks looked up in the store at a time.
const LOOKUP_CHUNKS_MAX: usize = 1_024;

impl WindowAggregate {
    /// The key of a group.
    pub(super) fn store_key(&self, slot: u32) -> Vec<u8> {
        let group = self.groups.group(slot);
        let mut key = Vec::with_capacity(32 + group.key.len());
        match self.windows {
            None => self.room_keys.push_entry(&mut key, &group.key),
            Some(_) => self.room_keys.push_windowed(&mut key, group.start_ms, &group.key),
        }
        key
    }

    /// Takes over what the store has of a group.
    ///
    /// # Errors
    /// The store's; `Corrupt`.
    pub(super) fn load(&mut self, slot: u32, value: &[u8], store: &dyn StateStore) -> Result<()> {
        let (in_parts, mut body) = encoding::open_either(value)?;
        let time_ms = body.i64()?;
        if in_parts {
            self.calls.reset(slot);
            let names = self.calls.decode_chunk_names(&mut body)?;
            self.load_chunks(slot, &names, store)?;
            self.calls.decode_rest(slot, &mut body)?;
        } else {
            self.calls.decode(slot, &mut body)?;
        }
        body.finish()?;
        self.groups.loaded(slot, time_ms);
        Ok(())
    }

    fn load_chunks(&mut self, slot: u32, names: &[ChunkName], store: &dyn StateStore) -> Result<()> {
        for names in names.chunks(LOOKUP_CHUNKS_MAX) {
            let group = self.groups.group(slot);
            let key = |name: &ChunkName| chunk_key(&self.room_keys, group.start_ms, &group.key, *name);
            let keys: Vec<Bytes> = names.iter().map(key).collect();
            for (name, value) in names.iter().zip(store.multi_get(&keys)?) {
                let value = value.ok_or_else(|| encoding::damaged("a chunk of it is missing"))?;
                let mut body = encoding::open(&value)?;
                self.calls.decode_chunk(slot, *name, &mut body)?;
                body.finish()?;
            }
        }
        Ok(())
    }

    /// Appends the changes of a group since it was stored; `value` is a buffer for that.
    pub(super) fn store_group(&mut self, slot: u32, value: &mut Vec<u8>, changes: &mut WriteBatch) {
        let is_chunked = self.calls.are_chunked();
        if is_chunked {
            let WindowAggregate { calls, groups, room_keys, .. } = self;
            let group = groups.group(slot);
            calls.store_chunks(slot, &mut |name, entries| {
                let key = chunk_key(room_keys, group.start_ms, &group.key, name);
                let Some(entries) = entries else { return changes.delete(key) };
                value.clear();
                let start = encoding::begin(value);
                value.extend_from_slice(entries);
                encoding::seal(value, start);
                changes.put(key, Bytes::copy_from_slice(value));
            });
        }
        value.clear();
        let in_parts = is_chunked && self.calls.has_chunks(slot);
        let start = if in_parts { encoding::begin_in_parts(value) } else { encoding::begin(value) };
        encoding::put_i64(value, self.groups.group(slot).time_ms);
        if in_parts {
            self.calls.encode_in_parts(slot, value);
        } else {
            self.calls.encode(slot, value);
        }
        encoding::seal(value, start);
        changes.put(self.store_key(slot), Bytes::copy_from_slice(value));
    }

    /// Appends the removal of all groups of windows that start in a half-open range.
    pub(super) fn delete_windows(&self, starts_ms: std::ops::Range<i64>, changes: &mut WriteBatch) {
        if self.calls.are_chunked() {
            changes.delete_range(self.room_keys.chunks(starts_ms.clone()));
        }
        changes.delete_range(self.room_keys.windows(starts_ms));
    }
}

fn chunk_key(keys: &RoomKeys, start_ms: i64, group_key: &[u8], name: ChunkName) -> Bytes {
    let mut key = Vec::with_capacity(48 + group_key.len());
    keys.push_chunk(&mut key, start_ms, group_key, (name.call, name.number));
    key.into()
}
