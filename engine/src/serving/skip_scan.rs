//! Passing over rows of windows that a look-up by key does not want. The rows of a time stand together, in the
//! order of their keys, so that where a wanted row is can be told from any row of its time: a scan that has
//! passed many rows of one time goes on there, and from there at the next time.

use std::collections::HashSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use tidemill_sql::lookup::WindowKind;

use crate::runtime::windowed_key::split_windowed_key;
use crate::state::table_rows::TableRows;
use crate::state_keys::prefix_range;

/// Rows of one time that are passed one by one: beginning a scan anew costs about as much.
const PASSED_ONE_BY_ONE: usize = 64;

/// Wanted keys beyond which rows are passed one by one: each of them is looked at for every skip.
const SKIPPING_KEYS_MAX: usize = 64;

/// How a scan of some keys' rows passes all others.
pub(super) struct SkipScan<'s> {
    rows: &'s TableRows,
    window: WindowKind,
    /// The inner keys that are wanted.
    wanted: &'s HashSet<Bytes>,
    /// What stands before the record's key in rows of the time that is being passed.
    time: Vec<u8>,
    /// Rows of it that were passed.
    passed: usize,
}

impl<'s> SkipScan<'s> {
    /// For a scan that wants the windows of these keys; `None` where it is better to look at every row.
    pub(super) fn new(
        rows: &'s TableRows,
        window: Option<WindowKind>,
        wanted: &'s HashSet<Bytes>,
    ) -> Option<SkipScan<'s>> {
        let skips = wanted.len() <= SKIPPING_KEYS_MAX;
        window.filter(|_| skips).map(|window| SkipScan { rows, window, wanted, time: Vec::new(), passed: 0 })
    }

    /// Takes note of a row that is not wanted: where the scan is to go on, if that is not the next row.
    pub(super) fn pass(&mut self, key: &[u8]) -> ControlFlow<Bytes> {
        let Some(record_key) = self.rows.record_key(key) else { return ControlFlow::Continue(()) };
        let (time, _) = key.split_at(key.len() - record_key.len());
        if time != self.time {
            self.time.clear();
            self.time.extend_from_slice(time);
            self.passed = 0;
        }
        self.passed += 1;
        if self.passed < PASSED_ONE_BY_ONE {
            return ControlFlow::Continue(());
        }
        self.passed = 0;
        match self.next_wanted(key, time, record_key) {
            Some(next) => ControlFlow::Break(next),
            None => ControlFlow::Continue(()),
        }
    }

    /// The first place behind a row where a wanted one can be: of its own time or, if that has none, of the
    /// next. `None` where rows of a wanted key may stand around it.
    fn next_wanted(&self, key: &[u8], time: &[u8], record_key: &[u8]) -> Option<Bytes> {
        let (_, start_ms, end_ms) = split_windowed_key(record_key, self.window)?;
        // All rows of a time have this bound right behind their inner keys.
        let bound_ms = if matches!(self.window, WindowKind::Session { .. }) { end_ms } else { start_ms };
        let mut next: Option<Vec<u8>> = None;
        for wanted in self.wanted {
            let place = [time, wanted, &bound_ms.to_be_bytes()].concat();
            if key.starts_with(&place) {
                return None;
            }
            if place.as_slice() > key && next.as_ref().is_none_or(|next| place < *next) {
                next = Some(place);
            }
        }
        Some(next.map_or_else(|| prefix_range(time).end, Bytes::from))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::runtime::windowed_key::{inner_key, push_window};

    const TUMBLING: WindowKind = WindowKind::Tumbling { size_ms: 10 };
    const SESSION: WindowKind = WindowKind::Session { gap_ms: 10 };

    fn stored(
        rows: &TableRows,
        window: WindowKind,
        worker: u32,
        inner: &[u8],
        bounds_ms: (i64, i64),
    ) -> Bytes {
        let mut key = inner.to_vec();
        push_window(&mut key, window, bounds_ms.0, bounds_ms.1);
        rows.window_key(worker, bounds_ms, &key)
    }

    /// The wanted rows that a skipping scan meets, and how many rows it looks at.
    fn scan(
        rows: &TableRows,
        window: WindowKind,
        all: &BTreeSet<Bytes>,
        wanted: &HashSet<Bytes>,
    ) -> (Vec<Bytes>, usize) {
        let (mut met, mut looked_at) = (Vec::new(), 0);
        let mut skip = SkipScan::new(rows, Some(window), wanted).expect("few keys");
        let mut from = Bytes::new();
        'scan: loop {
            for key in all.range(from.clone()..) {
                looked_at += 1;
                let record_key = rows.record_key(key).expect("whole");
                if wanted.contains(inner_key(record_key, Some(window))) {
                    met.push(key.clone());
                } else if let ControlFlow::Break(next) = skip.pass(key) {
                    assert!(next > *key, "a scan goes on");
                    from = next;
                    continue 'scan;
                }
            }
            return (met, looked_at);
        }
    }

    proptest! {
        #[test]
        fn no_wanted_row_is_skipped(
            keys in btree_set((0..2_u32, -2..3_i64, -2..3_i64, vec(prop_oneof![Just(0), Just(97), Just(255)], 0..6)), 0..1500),
            wanted in btree_set(vec(prop_oneof![Just(0), Just(97), Just(255)], 0..6), 1..4),
            is_session: bool,
        ) {
            let window = if is_session { SESSION } else { TUMBLING };
            let rows = TableRows::new(7, Some(window));
            let all: BTreeSet<Bytes> = keys
                .iter()
                .map(|(worker, start_ms, length_ms, inner)| {
                    let length_ms = if is_session { *length_ms } else { 10 };
                    stored(&rows, window, *worker, inner, (*start_ms, start_ms + length_ms))
                })
                .collect();
            let wanted: HashSet<Bytes> = wanted.into_iter().map(Bytes::from).collect();
            let is_wanted = |key: &&Bytes| {
                wanted.contains(inner_key(rows.record_key(key).expect("whole"), Some(window)))
            };
            let expected: Vec<Bytes> = all.iter().filter(is_wanted).cloned().collect();
            prop_assert_eq!(scan(&rows, window, &all, &wanted).0, expected);
        }
    }

    #[test]
    fn rows_of_other_keys_are_passed_over_once_they_are_many() {
        let rows = TableRows::new(7, Some(TUMBLING));
        let all: BTreeSet<Bytes> = (0..10_000_u32)
            .flat_map(|key| [0, 10].map(|start_ms| (key.to_be_bytes(), start_ms)))
            .map(|(inner, start_ms)| stored(&rows, TUMBLING, 0, &inner, (start_ms, start_ms + 10)))
            .collect();
        let wanted = HashSet::from([Bytes::copy_from_slice(&5_000_u32.to_be_bytes())]);
        let (met, looked_at) = scan(&rows, TUMBLING, &all, &wanted);
        assert_eq!(met.len(), 2);
        assert!(looked_at <= 4 * PASSED_ONE_BY_ONE + 2, "{looked_at} rows");
    }
}
