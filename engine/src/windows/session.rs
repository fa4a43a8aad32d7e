//! Sessions: as long as records come without a longer pause than the gap.

/// First and last event time of a session; both are inclusive.
///
/// Invariant: `start_ms <= end_ms`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Bounds {
    /// Time of the earliest record.
    pub start_ms: i64,
    /// Time of the latest record.
    pub end_ms: i64,
}

impl Bounds {
    /// The session of one record.
    #[must_use]
    pub fn instant(time_ms: i64) -> Bounds {
        Bounds { start_ms: time_ms, end_ms: time_ms }
    }

    /// Whether a record belongs to the session: it comes at most the gap before its start or after
    /// its end.
    #[must_use]
    pub fn reaches(&self, time_ms: i64, gap_ms: i64) -> bool {
        self.end_ms >= time_ms.saturating_sub(gap_ms) && self.start_ms <= time_ms.saturating_add(gap_ms)
    }

    /// The session of both.
    #[must_use]
    pub fn joined(&self, other: Bounds) -> Bounds {
        Bounds { start_ms: self.start_ms.min(other.start_ms), end_ms: self.end_ms.max(other.end_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_reaches_a_gap_in_both_directions_inclusively() {
        let session = Bounds { start_ms: 100, end_ms: 200 };
        assert!(session.reaches(90, 10) && session.reaches(210, 10) && session.reaches(150, 0));
        assert!(!session.reaches(89, 10) && !session.reaches(211, 10));
        assert!(session.reaches(i64::MAX, i64::MAX));
    }

    #[test]
    fn joining_spans_both() {
        let joined = Bounds::instant(7).joined(Bounds { start_ms: 3, end_ms: 5 });
        assert_eq!(joined, Bounds { start_ms: 3, end_ms: 7 });
    }
}
