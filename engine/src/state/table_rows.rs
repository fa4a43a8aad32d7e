//! The stored rows of a table that a query fills: how they are written, and when those of windows go.
//!
//! ```text
//! key       = kind, table (u64), record's key
//! of windows  kind, table (u64), worker (u32), time of the window (i64), record's key
//! value     = event time (8 bytes, big-endian), record's value
//! ```
//!
//! The time of a window is its start, of a session its end. It comes before the record's key, so that
//! the rows whose time is over are one range to delete. Each worker has an event time of its own,
//! and so a range of its own.

use std::ops::Range;

use bytes::Bytes;
use tidemill_sql::lookup::WindowKind;
use tidemill_storage::state::{KeyBuilder, KeyKind};

use crate::state_keys;

/// Bytes before the record's key, of rows of windows: worker and time.
const WINDOW_BYTES: usize = size_of::<u32>() + size_of::<i64>();

/// The rows of a table that can be looked up are dropped in this many steps per retention: each is
/// a range that readers pass over until it is compacted.
const STEPS_PER_RETENTION: i64 = 8;

/// Event time between two steps at least.
const STEP_MS_MIN: i64 = 1_000;

/// The rows of one table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableRows {
    table: u64,
    window: Option<WindowKind>,
}

impl TableRows {
    /// Of a table by the number its rows are stored under.
    #[must_use]
    pub fn new(table: u64, window: Option<WindowKind>) -> TableRows {
        TableRows { table, window }
    }

    /// The key of the row without a window that a record's key tells.
    #[must_use]
    pub fn key(&self, record_key: &[u8]) -> Bytes {
        KeyBuilder::new(KeyKind::TableRow).u64(self.table).rest(record_key).to_bytes()
    }

    /// The key of the row of a window, which a worker has written.
    #[must_use]
    pub fn window_key(&self, worker: u32, bounds_ms: (i64, i64), record_key: &[u8]) -> Bytes {
        let time_ms = match self.window {
            Some(WindowKind::Session { .. }) => bounds_ms.1,
            _ => bounds_ms.0,
        };
        let mut key = KeyBuilder::new(KeyKind::TableRow);
        key.u64(self.table).u32(worker).i64(time_ms).rest(record_key).to_bytes()
    }

    /// All rows.
    #[must_use]
    pub fn all(&self) -> Range<Bytes> {
        state_keys::prefix_range(&state_keys::table_rows(self.table))
    }

    /// The record's key within the key of a row; `None` where the row is damaged.
    #[must_use]
    pub fn record_key<'k>(&self, key: &'k [u8]) -> Option<&'k [u8]> {
        let before = state_keys::table_rows(self.table).len();
        key.get(before + if self.window.is_some() { WINDOW_BYTES } else { 0 }..)
    }

    /// The rows of a worker's windows before a time.
    fn before(&self, worker: u32, time_ms: i64) -> Range<Bytes> {
        let mut key = KeyBuilder::new(KeyKind::TableRow);
        let start = key.u64(self.table).u32(worker).to_bytes();
        start..key.i64(time_ms).to_bytes()
    }
}

/// The stored value of a row.
#[must_use]
pub fn encode_value(time_ms: i64, value: &[u8]) -> Bytes {
    let mut stored = Vec::with_capacity(size_of::<i64>() + value.len());
    stored.extend_from_slice(&time_ms.to_be_bytes());
    stored.extend_from_slice(value);
    stored.into()
}

/// Event time and value of a stored row.
#[must_use]
pub fn parse_value(stored: &[u8]) -> Option<(i64, &[u8])> {
    let (time, value) = stored.split_first_chunk()?;
    Some((i64::from_be_bytes(*time), value))
}

/// When a worker's rows of windows go: once its event time is past the window's by the retention.
#[derive(Clone, Debug)]
pub struct Expiry {
    retention_ms: i64,
    stream_time_ms: i64,
    /// Rows before this are gone.
    expired_ms: i64,
}

impl Expiry {
    /// For rows that are kept so long.
    #[must_use]
    pub fn new(retention_ms: i64) -> Expiry {
        Expiry { retention_ms, stream_time_ms: i64::MIN, expired_ms: 0 }
    }

    /// Takes note of event times; gives the rows that go, from time to time.
    pub fn advance(&mut self, latest_ms: Option<i64>, rows: &TableRows, worker: u32) -> Option<Range<Bytes>> {
        self.stream_time_ms = self.stream_time_ms.max(latest_ms?);
        let expires_ms = self.stream_time_ms.saturating_sub(self.retention_ms);
        let step_ms = (self.retention_ms / STEPS_PER_RETENTION).max(STEP_MS_MIN);
        if expires_ms < self.expired_ms.saturating_add(step_ms) {
            return None;
        }
        self.expired_ms = expires_ms;
        Some(rows.before(worker, expires_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUMBLING: Option<WindowKind> = Some(WindowKind::Tumbling { size_ms: 10 });

    #[test]
    fn a_row_tells_its_records_key_and_stands_in_its_tables_range() {
        let plain = TableRows::new(7, None);
        let windowed = TableRows::new(7, TUMBLING);
        for key in [&b""[..], b"\0\xFF", b"key"] {
            let stored = plain.key(key);
            assert_eq!(plain.record_key(&stored), Some(key));
            assert!(plain.all().contains(&stored));
            let stored = windowed.window_key(3, (-5, 5), key);
            assert_eq!(windowed.record_key(&stored), Some(key));
            assert!(windowed.all().contains(&stored));
            assert!(!TableRows::new(8, TUMBLING).all().contains(&stored));
        }
        assert_eq!(windowed.record_key(&plain.key(b"short")), None);
    }

    #[test]
    fn rows_go_in_steps_when_event_time_has_passed_them_by_the_retention() {
        let rows = TableRows::new(7, TUMBLING);
        let row = |worker, start_ms| rows.window_key(worker, (start_ms, start_ms + 10), b"key");
        let mut expiry = Expiry::new(80_000);
        assert_eq!(expiry.advance(None, &rows, 1), None);
        assert_eq!(expiry.advance(Some(89_999), &rows, 1), None);
        let gone = expiry.advance(Some(100_000), &rows, 1).expect("a step");
        assert!(gone.contains(&row(1, 19_999)) && !gone.contains(&row(1, 20_000)));
        assert!(!gone.contains(&row(2, 0)) && !gone.contains(&row(0, 0)));
        assert_eq!(expiry.advance(Some(99_000), &rows, 1), None, "time never goes back");
        assert_eq!(expiry.advance(Some(109_000), &rows, 1), None, "not yet a step");
        assert!(expiry.advance(Some(110_000), &rows, 1).is_some());
    }

    #[test]
    fn a_session_counts_by_its_end() {
        let rows = TableRows::new(7, Some(WindowKind::Session { gap_ms: 10 }));
        let stored = rows.window_key(0, (100, 900), b"key");
        assert!(rows.before(0, 901).contains(&stored) && !rows.before(0, 900).contains(&stored));
    }

    #[test]
    fn values_read_back_and_a_short_one_is_damaged() {
        assert_eq!(parse_value(&encode_value(-1, b"value")), Some((-1, &b"value"[..])));
        assert_eq!(parse_value(b"1234567"), None);
    }
}
