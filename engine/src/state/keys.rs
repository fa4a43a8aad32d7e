//! Layout of the keys inside one operator's room.
//!
//! ```text
//! key       = the room's prefix, section (1 byte), rest
//! progress  = 00                                     stream time and the like
//! group     = 01, window start (i64), group key      groups of windows; without windows no start
//! member    = 01, group key                          all open sessions of a key, as they once were stored
//! timeline  = 02, end of a session (i64), group key  which key has a session that closes next
//! session   = 03, group key with its length before it (4 bytes, big-endian), start of the session (i64)
//! chunk     = 04, window start (i64, 0 without windows), group key with its length before it,
//!             call (4 bytes, big-endian), number (8 bytes, big-endian)
//! i64       = 8 bytes, big-endian, sign bit flipped: order of bytes is order of numbers
//! ```
//!
//! Windows come before keys: the groups of closed windows are one range to read, in the order in
//! which final results are passed on, and one range to delete. A group is looked up by its whole key,
//! so nothing is lost by that. Sessions are one range for each key, where a record finds those it joins,
//! and the timeline leads from closing sessions back to their keys. Each is an entry of its own, so that
//! what a commit writes does not grow with the sessions that a key has.

use std::ops::Range;

use bytes::Bytes;

use super::encoding::damaged;
use super::room::StateRoom;
use crate::error::Result;
use crate::state_keys::prefix_range;

const PROGRESS: u8 = 0x00;
const ENTRIES: u8 = 0x01;
const TIMELINE: u8 = 0x02;
const SESSIONS: u8 = 0x03;
const CHUNKS: u8 = 0x04;

const SIGN: u64 = 1 << 63;

/// Makes and reads the keys of a room.
#[derive(Clone, Debug)]
pub struct RoomKeys {
    prefix: Bytes,
}

impl RoomKeys {
    /// Of a room.
    #[must_use]
    pub fn new(room: &StateRoom) -> RoomKeys {
        RoomKeys { prefix: room.prefix.clone() }
    }

    /// The one key of the operator's progress.
    #[must_use]
    pub fn progress(&self) -> Bytes {
        let mut key = self.prefix.to_vec();
        key.push(PROGRESS);
        key.into()
    }

    /// Appends the key of an entry without a window (a group, or the sessions of a key as they once were
    /// stored).
    pub fn push_entry(&self, bytes: &mut Vec<u8>, group_key: &[u8]) {
        bytes.extend_from_slice(&self.prefix);
        bytes.push(ENTRIES);
        bytes.extend_from_slice(group_key);
    }

    /// Appends the key of a group in a window.
    pub fn push_windowed(&self, bytes: &mut Vec<u8>, start_ms: i64, group_key: &[u8]) {
        self.push_timed(bytes, ENTRIES, start_ms, group_key);
    }

    /// Appends the key that says: this group key has a session that ends then.
    pub fn push_timeline(&self, bytes: &mut Vec<u8>, end_ms: i64, group_key: &[u8]) {
        self.push_timed(bytes, TIMELINE, end_ms, group_key);
    }

    /// Appends the key of a session of a group key.
    pub fn push_session(&self, bytes: &mut Vec<u8>, group_key: &[u8], start_ms: i64) {
        self.push_sessions(bytes, group_key);
        bytes.extend_from_slice(&ordered(start_ms));
    }

    /// Appends the key of a chunk of a group's state: of which call, and which of its chunks.
    pub fn push_chunk(&self, bytes: &mut Vec<u8>, start_ms: i64, group_key: &[u8], chunk: (u32, u64)) {
        self.push_timed(bytes, CHUNKS, start_ms, &(group_key.len() as u32).to_be_bytes());
        bytes.extend_from_slice(group_key);
        bytes.extend_from_slice(&chunk.0.to_be_bytes());
        bytes.extend_from_slice(&chunk.1.to_be_bytes());
    }

    /// The chunks of groups of windows that start in a half-open range.
    #[must_use]
    pub fn chunks(&self, starts_ms: Range<i64>) -> Range<Bytes> {
        self.timed_range(CHUNKS, starts_ms)
    }

    /// All sessions of a group key, in the order of their starts.
    #[must_use]
    pub fn sessions(&self, group_key: &[u8]) -> Range<Bytes> {
        let mut prefix = Vec::new();
        self.push_sessions(&mut prefix, group_key);
        prefix_range(&prefix)
    }

    /// Start of the session of a key made by `push_session`.
    ///
    /// # Errors
    /// `Corrupt`: it is another key.
    pub fn parse_session_start(&self, key: &[u8]) -> Result<i64> {
        key.strip_prefix(&self.prefix[..])
            .filter(|rest| rest.first() == Some(&SESSIONS))
            .and_then(|rest| rest.split_last_chunk())
            .map(|(_, start)| (u64::from_be_bytes(*start) ^ SIGN) as i64)
            .ok_or_else(|| damaged("its key has another form"))
    }

    fn push_sessions(&self, bytes: &mut Vec<u8>, group_key: &[u8]) {
        bytes.extend_from_slice(&self.prefix);
        bytes.push(SESSIONS);
        bytes.extend_from_slice(&(group_key.len() as u32).to_be_bytes());
        bytes.extend_from_slice(group_key);
    }

    /// The groups of windows that start in a half-open range.
    #[must_use]
    pub fn windows(&self, starts_ms: Range<i64>) -> Range<Bytes> {
        self.timed_range(ENTRIES, starts_ms)
    }

    /// The timeline of sessions that end in a half-open range.
    #[must_use]
    pub fn timeline(&self, ends_ms: Range<i64>) -> Range<Bytes> {
        self.timed_range(TIMELINE, ends_ms)
    }

    /// Time and group key of a key made by `push_windowed` or `push_timeline`.
    ///
    /// # Errors
    /// `Corrupt`: it is another key.
    pub fn parse_timed<'k>(&self, key: &'k [u8]) -> Result<(i64, &'k [u8])> {
        key.strip_prefix(&self.prefix[..])
            .and_then(|rest| rest.split_first())
            .filter(|(section, _)| [ENTRIES, TIMELINE].contains(section))
            .and_then(|(_, rest)| rest.split_first_chunk())
            .map(|(time, group_key)| ((u64::from_be_bytes(*time) ^ SIGN) as i64, group_key))
            .ok_or_else(|| damaged("its key has another form"))
    }

    fn push_timed(&self, bytes: &mut Vec<u8>, section: u8, time_ms: i64, group_key: &[u8]) {
        bytes.extend_from_slice(&self.prefix);
        bytes.push(section);
        bytes.extend_from_slice(&ordered(time_ms));
        bytes.extend_from_slice(group_key);
    }

    fn timed_range(&self, section: u8, times_ms: Range<i64>) -> Range<Bytes> {
        let at = |time_ms: i64| {
            let mut key = Vec::with_capacity(self.prefix.len() + 9);
            self.push_timed(&mut key, section, time_ms, &[]);
            Bytes::from(key)
        };
        at(times_ms.start)..at(times_ms.end)
    }
}

fn ordered(time_ms: i64) -> [u8; 8] {
    (time_ms as u64 ^ SIGN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_sort_by_start_before_key_and_read_back() {
        let keys = RoomKeys::new(&StateRoom { prefix: Bytes::from_static(b"room"), fresh: true });
        let mut sorted = Vec::new();
        for (start, group) in [(i64::MIN, "z"), (-1, "z"), (0, "a"), (0, "b"), (7, ""), (i64::MAX, "a")] {
            let mut key = Vec::new();
            keys.push_windowed(&mut key, start, group.as_bytes());
            assert_eq!(keys.parse_timed(&key).expect("ours"), (start, group.as_bytes()));
            assert_eq!(keys.windows(0..8).contains(&Bytes::from(key.clone())), (0..8).contains(&start));
            sorted.push(key);
        }
        assert!(sorted.is_sorted());
        assert!(keys.parse_timed(b"elsewhere").is_err());
    }

    #[test]
    fn chunks_are_a_range_of_their_windows_and_no_two_are_the_same() {
        let keys = RoomKeys::new(&StateRoom { prefix: Bytes::from_static(b"room"), fresh: true });
        let mut sorted = Vec::new();
        for (start, group, chunk) in
            [(-1, "ab", (0, 0)), (0, "a", (0, 0)), (0, "a", (0, 256)), (0, "a", (1, 0)), (7, "ab", (0, 0))]
        {
            let mut key = Vec::new();
            keys.push_chunk(&mut key, start, group.as_bytes(), chunk);
            assert_eq!(keys.chunks(0..7).contains(&Bytes::from(key.clone())), (0..7).contains(&start));
            assert!(!keys.windows(i64::MIN..i64::MAX).contains(&Bytes::from(key.clone())));
            sorted.push(key);
        }
        assert!(sorted.is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn sessions_are_a_range_of_their_key_alone_and_sort_by_start() {
        let keys = RoomKeys::new(&StateRoom { prefix: Bytes::from_static(b"room"), fresh: true });
        let key_of = |group: &str, start_ms: i64| {
            let mut key = Vec::new();
            keys.push_session(&mut key, group.as_bytes(), start_ms);
            Bytes::from(key)
        };
        let of_a: Vec<Bytes> =
            [i64::MIN, -1, 0, 7].into_iter().map(|start_ms| key_of("a", start_ms)).collect();
        assert!(of_a.is_sorted());
        assert!(of_a.iter().all(|key| keys.sessions(b"a").contains(key)));
        for other in ["", "aa", "b"] {
            assert!(!keys.sessions(b"a").contains(&key_of(other, 0)), "{other}");
        }
        assert_eq!(keys.parse_session_start(&key_of("ab", -5)).expect("ours"), -5);
        assert!(keys.parse_session_start(b"room").is_err());
    }
}
