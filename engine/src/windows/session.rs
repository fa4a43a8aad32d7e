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
    fn joining_spans_both() {
        let joined = Bounds::instant(7).joined(Bounds { start_ms: 3, end_ms: 5 });
        assert_eq!(joined, Bounds { start_ms: 3, end_ms: 7 });
    }
}
