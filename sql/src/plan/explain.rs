//! How windows and joins print in plans and descriptions: in the words of the clauses that make them.

use std::fmt;

use super::join::JoinKind;
use crate::lookup::WindowKind;
use crate::parser::ast::DurationUnit;

/// A length of time in milliseconds, printed in the largest unit that leaves no rest: `10 SECONDS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Length(pub i64);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use DurationUnit::{Days, Hours, Milliseconds, Minutes, Seconds};
        let fits = |unit: &DurationUnit| self.0 != 0 && self.0 % unit.millis() == 0;
        let unit = [Days, Hours, Minutes, Seconds].into_iter().find(fits).unwrap_or(Milliseconds);
        write!(f, "{} {}", self.0 / unit.millis(), unit.keyword())
    }
}

impl fmt::Display for WindowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            WindowKind::Tumbling { size_ms } => write!(f, "TUMBLING (SIZE {})", Length(size_ms)),
            WindowKind::Hopping { size_ms, advance_ms } => {
                write!(f, "HOPPING (SIZE {}, ADVANCE BY {})", Length(size_ms), Length(advance_ms))
            }
            // A declared source does not say how long a pause ends its sessions.
            WindowKind::Session { gap_ms: 0 } => f.write_str("SESSION"),
            WindowKind::Session { gap_ms } => write!(f, "SESSION ({})", Length(gap_ms)),
        }
    }
}

impl fmt::Display for JoinKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            JoinKind::StreamStream { before_ms, after_ms, grace_ms } => {
                write!(f, "stream-stream WITHIN ({}, {})", Length(before_ms), Length(after_ms))?;
                match grace_ms {
                    Some(grace_ms) => write!(f, " GRACE PERIOD {}", Length(grace_ms)),
                    None => Ok(()),
                }
            }
            JoinKind::StreamTable => f.write_str("stream-table"),
            JoinKind::TableTable => f.write_str("table-table"),
            JoinKind::ForeignKey => f.write_str("foreign-key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_printed_in_its_largest_unit() {
        for (millis, text) in [
            (0, "0 MILLISECONDS"),
            (1_500, "1500 MILLISECONDS"),
            (90_000, "90 SECONDS"),
            (7_200_000, "2 HOURS"),
            (86_400_000, "1 DAYS"),
        ] {
            assert_eq!(Length(millis).to_string(), text);
        }
    }

    #[test]
    fn windows_and_joins_are_printed_as_their_clauses() {
        let hopping = WindowKind::Hopping { size_ms: 10_000, advance_ms: 5_000 };
        assert_eq!(hopping.to_string(), "HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS)");
        assert_eq!(WindowKind::Session { gap_ms: 0 }.to_string(), "SESSION");
        let join = JoinKind::StreamStream { before_ms: 60_000, after_ms: 0, grace_ms: Some(1_000) };
        let text = "stream-stream WITHIN (1 MINUTES, 0 MILLISECONDS) GRACE PERIOD 1 SECONDS";
        assert_eq!(join.to_string(), text);
    }
}
