//! How the sessions of a GROUP BY are stored.
//!
//! Open sessions are stored one by one, a range for each key, which is read as a whole since a record may
//! join any of them. The key has a place on a timeline, at the end of its earliest session, so that keys
//! nobody asks for any more are found when they are over. What a commit writes grows with the sessions
//! that changed, and not with those that a key has.
//!
//! ```text
//! session  = end (i64), state of its calls
//! progress = stream time (i64), number of the next change, 1
//! ```
//!
//! Sessions were once stored together, all those of a key in one entry, and nothing stood behind the
//! progress then. A query from that time reads both, and stores a key's sessions by themselves when one of
//! them changes.

use std::sync::Arc;

use bytes::Bytes;
use tidemill_storage::state::{StateStore, WriteBatch};

use super::session_aggregate::SessionAggregate;
use crate::error::Result;
use crate::state::{Session, encoding};
use crate::windows::Bounds;

/// The most keys looked up in the store at a time.
const LOOKUP_KEYS_MAX: usize = 4_096;

/// Behind the progress of an aggregation that stores each session by itself; nothing stands there where
/// those of a key were once stored together, and some may be still.
const STORED_ONE_BY_ONE: u64 = 1;

/// How far an aggregation in sessions has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Progress {
    /// The greatest event time seen.
    pub(super) stream_time_ms: i64,
    /// Number of the next change.
    pub(super) change: u64,
}

impl SessionAggregate {
    /// Takes up the progress of the last commit, once.
    pub(super) fn open(&mut self, store: &Arc<dyn StateStore>) -> Result<()> {
        if self.opened {
            return Ok(());
        }
        if let Some(value) = store.get(&self.room_keys.progress())? {
            let mut body = encoding::open(&value)?;
            self.progress = Progress { stream_time_ms: body.i64()?, change: body.varint()? };
            self.may_be_together = body.is_empty();
            if !self.may_be_together && body.varint()? != STORED_ONE_BY_ONE {
                return Err(encoding::damaged("sessions are stored in an unknown way"));
            }
            body.finish()?;
            self.committed = self.progress;
        }
        self.opened = true;
        Ok(())
    }

    /// Brings what the store has of some keys into memory.
    pub(super) fn load_all(&mut self, absent: &[u32], store: &Arc<dyn StateStore>) -> Result<()> {
        if absent.is_empty() {
            return Ok(());
        }
        let snapshot = store.snapshot();
        for id in absent {
            for entry in snapshot.scan(self.room_keys.sessions(&self.sessions.key(*id).key)) {
                let (key, value) = entry?;
                self.load(*id, self.room_keys.parse_session_start(&key)?, &value)?;
            }
        }
        if !self.may_be_together {
            return Ok(());
        }
        for ids in absent.chunks(LOOKUP_KEYS_MAX) {
            let keys: Vec<Bytes> = ids.iter().map(|id| self.entry_key(*id).into()).collect();
            for (id, value) in ids.iter().zip(store.multi_get(&keys)?) {
                if let Some(value) = value {
                    self.load_together(*id, &value)?;
                }
            }
        }
        Ok(())
    }

    fn session_key(&self, id: u32, start_ms: i64) -> Vec<u8> {
        let mut key = Vec::new();
        self.room_keys.push_session(&mut key, &self.sessions.key(id).key, start_ms);
        key
    }

    fn entry_key(&self, id: u32) -> Vec<u8> {
        let mut key = Vec::new();
        self.room_keys.push_entry(&mut key, &self.sessions.key(id).key);
        key
    }

    fn timeline_key(&self, id: u32, end_ms: i64) -> Vec<u8> {
        let mut key = Vec::new();
        self.room_keys.push_timeline(&mut key, end_ms, &self.sessions.key(id).key);
        key
    }

    /// Takes over a stored session of a key, unless it is closed by now: then it has had its results.
    fn load(&mut self, id: u32, start_ms: i64, value: &[u8]) -> Result<()> {
        let mut body = encoding::open(value)?;
        let bounds = Bounds { start_ms, end_ms: body.i64()? };
        self.note_place(id, bounds);
        if self.closing.is_closed(bounds, self.progress.stream_time_ms) {
            self.sessions.set_gone(id, start_ms);
            return Ok(());
        }
        self.take_over(id, bounds, Some(start_ms), &mut body)?;
        body.finish()
    }

    /// Takes over the sessions of a key that are stored together; from the next commit on they are not.
    fn load_together(&mut self, id: u32, value: &[u8]) -> Result<()> {
        self.sessions.set_stored_together(id);
        let mut body = encoding::open(value)?;
        for _ in 0..body.count()? {
            let bounds = Bounds { start_ms: body.i64()?, end_ms: body.i64()? };
            let mut state = encoding::Reader::of(body.bytes()?);
            self.note_place(id, bounds);
            if !self.closing.is_closed(bounds, self.progress.stream_time_ms) {
                self.take_over(id, bounds, None, &mut state)?;
                state.finish()?;
            }
        }
        body.finish()
    }

    /// The place of a key on the timeline is the end of the first of its sessions.
    fn note_place(&mut self, id: u32, first: Bounds) {
        if self.sessions.key(id).stored_end_ms.is_none() {
            self.sessions.set_stored_end(id, Some(first.end_ms));
        }
    }

    fn take_over(
        &mut self,
        id: u32,
        bounds: Bounds,
        stored_start_ms: Option<i64>,
        state: &mut encoding::Reader<'_>,
    ) -> Result<()> {
        let slot = self.sessions.loaded(id, bounds, stored_start_ms);
        self.calls.resize(self.sessions.slots());
        self.calls.decode(slot, state)
    }

    /// Brings stored keys with a session that ends before a bound into memory, where what is over is
    /// seen; no more of them than given. Sessions that were closed at the stream time given are over
    /// for good, the others are still to be passed on.
    pub(super) fn sweep(
        &mut self,
        open_from_ms: i64,
        keys_max: usize,
        time_before_ms: i64,
        store: &Arc<dyn StateStore>,
    ) -> Result<()> {
        if self.sessions.is_complete() || open_from_ms <= self.swept_before_ms {
            return Ok(());
        }
        let snapshot = store.snapshot();
        let mut absent = Vec::new();
        let mut swept_before_ms = open_from_ms;
        for entry in snapshot.scan(self.room_keys.timeline(self.swept_before_ms..open_from_ms)) {
            let (key, _) = entry?;
            let (end_ms, group_key) = self.room_keys.parse_timed(&key)?;
            if absent.len() >= keys_max {
                // Keys at the same end may be left, so the next round begins with that end again.
                swept_before_ms = end_ms;
                break;
            }
            if self.sessions.find(group_key).is_none() {
                let (mut ids, mut new) = (Vec::new(), Vec::new());
                self.sessions.resolve(1, |_| group_key, &mut ids, &mut new);
                absent.extend(new);
            }
        }
        self.swept_before_ms = swept_before_ms;
        let stream_time_ms = std::mem::replace(&mut self.progress.stream_time_ms, time_before_ms);
        let loaded = self.load_all(&absent, store);
        self.progress.stream_time_ms = stream_time_ms;
        loaded
    }

    /// Appends every change of sessions since the last commit.
    pub(super) fn store_changes(&mut self, changes: &mut WriteBatch) {
        let mut value = Vec::new();
        for id in self.sessions.take_dirty() {
            let stored_end_ms = self.sessions.key(id).stored_end_ms;
            let first_end_ms = self.sessions.key(id).sessions.first().map(|session| session.bounds.end_ms);
            if stored_end_ms != first_end_ms {
                if let Some(end_ms) = stored_end_ms {
                    changes.delete(self.timeline_key(id, end_ms));
                }
                if let Some(end_ms) = first_end_ms {
                    changes.put(self.timeline_key(id, end_ms), Bytes::new());
                }
                self.sessions.set_stored_end(id, first_end_ms);
            }
            let gone = self.sessions.take_gone(id);
            if gone.together {
                changes.delete(self.entry_key(id));
            }
            for start_ms in gone.starts_ms {
                changes.delete(self.session_key(id, start_ms));
            }
            if first_end_ms.is_none() {
                self.sessions.remove(id);
                continue;
            }
            for index in 0..self.sessions.key(id).sessions.len() {
                let Session { bounds, slot, stored_start_ms, dirty, .. } =
                    self.sessions.key(id).sessions[index];
                if !dirty {
                    continue;
                }
                if let Some(moved_ms) = stored_start_ms.filter(|stored_ms| *stored_ms != bounds.start_ms) {
                    changes.delete(self.session_key(id, moved_ms));
                }
                value.clear();
                let start = encoding::begin(&mut value);
                encoding::put_i64(&mut value, bounds.end_ms);
                self.calls.encode(slot, &mut value);
                encoding::seal(&mut value, start);
                changes.put(self.session_key(id, bounds.start_ms), Bytes::copy_from_slice(&value));
                let session = &mut self.sessions.sessions_mut(id)[index];
                session.stored_start_ms = Some(bounds.start_ms);
                session.dirty = false;
            }
        }
        if self.progress != self.committed {
            value.clear();
            let start = encoding::begin(&mut value);
            encoding::put_i64(&mut value, self.progress.stream_time_ms);
            encoding::put_varint(&mut value, self.progress.change);
            if !self.may_be_together {
                encoding::put_varint(&mut value, STORED_ONE_BY_ONE);
            }
            encoding::seal(&mut value, start);
            changes.put(self.room_keys.progress(), value);
            self.committed = self.progress;
        }
    }
}
