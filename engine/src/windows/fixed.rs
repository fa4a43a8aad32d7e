//! Windows of fixed size: tumbling ones lie side by side, hopping ones overlap.
//!
//! ```text
//! size 5, advance 2        0    5    10
//!                          [----)
//!                            [----)
//!                              [----)      instant 6 is in the windows that start at 2, 4 and 6
//! ```
//!
//! Windows start at multiples of the advance, from the epoch on. An instant before the epoch is in no
//! window, and one shortly after it is only in those that start at or after the epoch.

use tidemill_sql::lookup::WindowKind;

/// The windows of a TUMBLING or HOPPING clause.
///
/// Invariant: `0 < advance_ms`, `0 < size_ms`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FixedWindows {
    size_ms: i64,
    advance_ms: i64,
}

impl FixedWindows {
    /// The windows of a clause; `None` for sessions, and for lengths that are not positive.
    #[must_use]
    pub fn new(kind: WindowKind) -> Option<FixedWindows> {
        let (size_ms, advance_ms) = match kind {
            WindowKind::Tumbling { size_ms } => (size_ms, size_ms),
            WindowKind::Hopping { size_ms, advance_ms } => (size_ms, advance_ms),
            WindowKind::Session { .. } => return None,
        };
        (size_ms > 0 && advance_ms > 0).then_some(FixedWindows { size_ms, advance_ms })
    }

    /// Length of a window.
    #[must_use]
    pub fn size_ms(&self) -> i64 {
        self.size_ms
    }

    /// How many windows an instant is in at most.
    #[must_use]
    pub fn per_instant_max(&self) -> u64 {
        self.size_ms.unsigned_abs().div_ceil(self.advance_ms.unsigned_abs())
    }

    /// Whether every instant from the epoch on is in exactly one window.
    #[must_use]
    pub fn tumble(&self) -> bool {
        self.size_ms == self.advance_ms
    }

    /// Start of the last window that begins at or before an instant.
    #[must_use]
    pub fn latest_start(&self, time_ms: i64) -> i64 {
        time_ms - time_ms.rem_euclid(self.advance_ms)
    }

    /// Starts of the windows an instant is in, ascending.
    pub fn starts(&self, time_ms: i64) -> impl Iterator<Item = i64> + use<> {
        let FixedWindows { size_ms, advance_ms } = *self;
        let latest = if time_ms < 0 { -1 } else { self.latest_start(time_ms) };
        // The earliest window is the first one that starts after `time - size`.
        let earliest = match time_ms.saturating_sub(size_ms) {
            before if before < 0 => 0,
            before => (before - before % advance_ms).saturating_add(advance_ms),
        };
        std::iter::successors((earliest <= latest).then_some(earliest), move |start| {
            start.checked_add(advance_ms).filter(|next| *next <= latest)
        })
    }

    /// End of the window that starts there; it is exclusive.
    #[must_use]
    pub fn end(&self, start_ms: i64) -> i64 {
        start_ms.saturating_add(self.size_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(size_ms: i64, advance_ms: i64, time_ms: i64) -> Vec<i64> {
        let windows = FixedWindows::new(WindowKind::Hopping { size_ms, advance_ms }).expect("positive");
        windows.starts(time_ms).collect()
    }

    #[test]
    fn an_instant_is_in_the_windows_that_begin_up_to_their_size_before_it() {
        assert_eq!(starts(10, 10, 9), [0]);
        assert_eq!(starts(10, 10, 10), [10]);
        assert_eq!(starts(5, 2, 6), [2, 4, 6]);
        assert_eq!(starts(4, 2, 6), [4, 6]);
    }

    #[test]
    fn an_advance_longer_than_the_size_leaves_gaps() {
        assert_eq!(starts(2, 5, 6), [5]);
        assert!(starts(2, 5, 8).is_empty());
    }

    #[test]
    fn no_window_starts_before_the_epoch() {
        assert_eq!(starts(5, 2, 1), [0]);
        assert!(starts(10, 10, -1).is_empty());
    }

    #[test]
    fn the_end_of_time_has_windows_too() {
        assert_eq!(starts(10, 10, i64::MAX), [i64::MAX - i64::MAX % 10]);
    }

    #[test]
    fn lengths_that_are_not_positive_are_no_windows() {
        assert_eq!(FixedWindows::new(WindowKind::Tumbling { size_ms: 0 }), None);
        assert_eq!(FixedWindows::new(WindowKind::Hopping { size_ms: 5, advance_ms: -1 }), None);
    }

    #[test]
    fn starts_agree_with_the_definition() {
        for (size, advance) in [(1, 1), (7, 3), (3, 7), (12, 4)] {
            for time in -3..60 {
                let expected: Vec<i64> =
                    (0..60).filter(|s| s % advance == 0 && *s <= time && time < s + size).collect();
                assert_eq!(starts(size, advance, time), expected, "size {size}, advance {advance}, {time}");
            }
        }
    }
}
