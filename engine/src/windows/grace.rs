//! When windows are closed: how long they take late records, and how long they are kept.
//!
//! Time here is *stream time*: the greatest event time an operator has seen. A closed window never
//! changes again, so it is the moment for its final result and the end of its state.

use tidemill_sql::lookup::{WindowKind, WindowSpec};

use super::{Bounds, FixedWindows};

/// The results of windows without RETENTION are there for a day at least.
const DEFAULT_LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;

/// How long after its start (for sessions: after its end) a window is kept: while it can change, or as
/// long as RETENTION says.
#[must_use]
pub fn retention_ms(window: &WindowSpec) -> i64 {
    let length_ms = match window.kind {
        WindowKind::Tumbling { size_ms } | WindowKind::Hopping { size_ms, .. } => size_ms,
        WindowKind::Session { gap_ms } => gap_ms,
    };
    length_ms.saturating_add(window.grace_ms).max(window.retention_ms.unwrap_or(0))
}

/// How long after its start (for sessions: after its end) the result of a window can be looked up.
/// Without RETENTION it is a day at least: results that are final as soon as their window ends would
/// otherwise be gone before anyone could read them.
#[must_use]
pub fn row_retention_ms(window: &WindowSpec) -> i64 {
    let default_ms = if window.retention_ms.is_none() { DEFAULT_LIFETIME_MS } else { 0 };
    retention_ms(window).max(default_ms)
}

/// When windows of fixed size are closed: as soon as stream time reaches their end plus the grace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FixedClosing {
    windows: FixedWindows,
    grace_ms: i64,
}

impl FixedClosing {
    /// For windows with a grace.
    #[must_use]
    pub fn new(windows: FixedWindows, grace_ms: i64) -> FixedClosing {
        FixedClosing { windows, grace_ms }
    }

    /// The stream time from which on the window that starts there is closed.
    #[must_use]
    pub fn closes_at(&self, start_ms: i64) -> i64 {
        self.windows.end(start_ms).saturating_add(self.grace_ms)
    }

    /// Windows that start before this are closed at a stream time, all others are open.
    #[must_use]
    pub fn open_from(&self, stream_time_ms: i64) -> i64 {
        let lifetime_ms = self.windows.size_ms().saturating_add(self.grace_ms);
        stream_time_ms.saturating_sub(lifetime_ms).saturating_add(1)
    }
}

/// When sessions are closed: as soon as stream time is past their end plus the gap and the grace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionClosing {
    gap_ms: i64,
    grace_ms: i64,
}

impl SessionClosing {
    /// For sessions of a gap with a grace.
    #[must_use]
    pub fn new(gap_ms: i64, grace_ms: i64) -> SessionClosing {
        SessionClosing { gap_ms, grace_ms }
    }

    /// The pause that ends a session.
    #[must_use]
    pub fn gap_ms(&self) -> i64 {
        self.gap_ms
    }

    /// Sessions that end before this are closed at a stream time, all others are open.
    #[must_use]
    pub fn open_from(&self, stream_time_ms: i64) -> i64 {
        stream_time_ms.saturating_sub(self.gap_ms.saturating_add(self.grace_ms))
    }

    /// Whether a session is closed.
    #[must_use]
    pub fn is_closed(&self, session: Bounds, stream_time_ms: i64) -> bool {
        session.end_ms < self.open_from(stream_time_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_closes_when_stream_time_reaches_its_end_and_grace() {
        let windows = FixedWindows::new(WindowKind::Tumbling { size_ms: 10 }).expect("positive");
        let closing = FixedClosing::new(windows, 5);
        assert_eq!(closing.closes_at(20), 35);
        assert!(closing.open_from(34) <= 20);
        assert!(closing.open_from(35) > 20);
    }

    #[test]
    fn a_session_closes_when_stream_time_is_past_its_end_gap_and_grace() {
        let closing = SessionClosing::new(30, 60);
        let session = Bounds { start_ms: 0, end_ms: 10 };
        assert!(!closing.is_closed(session, 100));
        assert!(closing.is_closed(session, 101));
    }

    #[test]
    fn a_window_is_kept_while_it_can_change_and_longer_when_asked() {
        let mut window =
            WindowSpec { kind: WindowKind::Tumbling { size_ms: 10 }, grace_ms: 5, retention_ms: None };
        assert_eq!(retention_ms(&window), 15);
        window.retention_ms = Some(100);
        assert_eq!(retention_ms(&window), 100);
    }

    #[test]
    fn a_result_can_be_looked_up_for_a_day_unless_the_window_says_how_long() {
        let mut window =
            WindowSpec { kind: WindowKind::Tumbling { size_ms: 10 }, grace_ms: 0, retention_ms: None };
        assert_eq!(row_retention_ms(&window), DEFAULT_LIFETIME_MS);
        window.retention_ms = Some(100);
        assert_eq!(row_retention_ms(&window), 100);
        window.kind = WindowKind::Tumbling { size_ms: 2 * DEFAULT_LIFETIME_MS };
        assert_eq!(row_retention_ms(&window), 2 * DEFAULT_LIFETIME_MS);
    }
}
