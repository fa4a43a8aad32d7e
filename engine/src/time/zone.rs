//! Time zones by the names that Java knows: regions (`Europe/London`), offsets (`+02:00`), and both behind
//! `UTC`, `GMT` or `UT`.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{OffsetName, Tz};

/// A time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zone {
    /// A fixed distance from UTC.
    Fixed {
        /// In seconds, positive in the east.
        offset_seconds: i32,
    },
    /// A region with its rules.
    Region(Tz),
}

/// The largest distance from UTC that a zone may have, as in Java.
const OFFSET_SECONDS_MAX: i32 = 18 * 3_600;

/// Hours that a clock is put forward at once, at most: for finding the time around such a gap.
const GAP_HOURS_MAX: i64 = 24;

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Zone = Zone::Region(Tz::UTC);

    /// A zone by its identifier.
    #[must_use]
    pub fn parse(text: &str) -> Option<Zone> {
        if text == "Z" {
            return Some(Zone::Fixed { offset_seconds: 0 });
        }
        let behind_prefix = ["UTC", "GMT", "UT"].iter().find_map(|prefix| text.strip_prefix(prefix));
        let offset = behind_prefix.filter(|rest| rest.starts_with(['+', '-'])).unwrap_or(text);
        if offset.starts_with(['+', '-']) {
            return parse_offset(offset).map(|offset_seconds| Zone::Fixed { offset_seconds });
        }
        match text {
            "UT" => Some(Zone::UTC),
            _ => text.parse().ok().map(Zone::Region),
        }
    }

    /// Distance from UTC at a point in time, in seconds; none for times that no calendar here has.
    #[must_use]
    pub fn offset_seconds_at(self, time_ms: i64) -> Option<i32> {
        match self {
            Zone::Fixed { offset_seconds } => Some(offset_seconds),
            Zone::Region(region) => {
                let utc = DateTime::from_timestamp_millis(time_ms)?.naive_utc();
                Some(region.offset_from_utc_datetime(&utc).fix().local_minus_utc())
            }
        }
    }

    /// The point in time at which clocks of the zone show a time, in milliseconds. Of two the earlier one
    /// is meant; a time that was left out when the clocks were put forward is as much later.
    #[must_use]
    pub fn time_ms_of(self, local: NaiveDateTime) -> Option<i64> {
        let offset_seconds = match self {
            Zone::Fixed { offset_seconds } => offset_seconds,
            Zone::Region(region) => (0..=GAP_HOURS_MAX).find_map(|hours| {
                // Before the gap the offset is the one that clocks still went by.
                let before = local.checked_sub_signed(TimeDelta::hours(hours))?;
                let offset = match region.offset_from_local_datetime(&before) {
                    MappedLocalTime::Single(offset) => offset,
                    MappedLocalTime::Ambiguous(earlier, later) => {
                        if hours == 0 {
                            earlier
                        } else {
                            later
                        }
                    }
                    MappedLocalTime::None => return None,
                };
                Some(offset.fix().local_minus_utc())
            })?,
        };
        local.and_utc().timestamp_millis().checked_sub(i64::from(offset_seconds) * 1_000)
    }

    /// The short name that the zone has at a point in time: `PDT`.
    #[must_use]
    pub fn abbreviation_at(self, time_ms: i64) -> Option<String> {
        match self {
            Zone::Fixed { .. } => Some(self.to_string()),
            Zone::Region(region) => {
                let utc = DateTime::from_timestamp_millis(time_ms)?.naive_utc();
                let offset = region.offset_from_utc_datetime(&utc);
                let name = offset.abbreviation().filter(|name| !name.starts_with(['+', '-']));
                Some(name.map_or_else(|| region.name().to_owned(), str::to_owned))
            }
        }
    }
}

impl std::fmt::Display for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Zone::Fixed { offset_seconds: 0 } => f.write_str("Z"),
            Zone::Fixed { offset_seconds } => {
                let (sign, seconds) =
                    if *offset_seconds < 0 { ('-', -offset_seconds) } else { ('+', *offset_seconds) };
                write!(f, "{sign}{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)?;
                if seconds % 60 == 0 { Ok(()) } else { write!(f, ":{:02}", seconds % 60) }
            }
            Zone::Region(region) => f.write_str(region.name()),
        }
    }
}

/// Seconds of `+h`, `+hh`, `+hhmm`, `+hh:mm`, `+hhmmss` and `+hh:mm:ss`.
fn parse_offset(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.get(1..)?;
    let parts: Vec<&str> = match digits.len() {
        1 | 2 => vec![digits],
        4 => vec![digits.get(..2)?, digits.get(2..)?],
        6 => vec![digits.get(..2)?, digits.get(2..4)?, digits.get(4..)?],
        _ => digits.split(':').collect(),
    };
    let two_digits = |part: &&str| part.len() == 2 || (parts.len() == 1 && part.len() == 1);
    if parts.len() > 3 || !parts.iter().all(two_digits) {
        return None;
    }
    let mut seconds = 0;
    for (index, part) in parts.iter().enumerate() {
        let number: i32 = part.bytes().all(|digit| digit.is_ascii_digit()).then(|| part.parse().ok())??;
        if index > 0 && number > 59 {
            return None;
        }
        seconds += number * [3_600, 60, 1][index];
    }
    (seconds <= OFFSET_SECONDS_MAX).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn zones_are_regions_and_offsets() {
        let offset = |text| Zone::parse(text).and_then(|zone| zone.offset_seconds_at(0));
        for (text, seconds) in [
            ("Z", 0),
            ("UTC", 0),
            ("GMT", 0),
            ("UT", 0),
            ("+2", 7_200),
            ("-0330", -12_600),
            ("+05:45", 20_700),
            ("+01:00:30", 3_630),
            ("UTC+01", 3_600),
            ("GMT-05:00", -18_000),
            ("America/New_York", -18_000),
        ] {
            assert_eq!(offset(text), Some(seconds), "{text}");
        }
        for text in ["", "Atlantis/Sunken", "+", "+1:2", "+25", "+01:60", "+ab", "+010", "PDT"] {
            assert_eq!(Zone::parse(text), None, "{text}");
        }
    }

    #[test]
    fn clocks_that_are_put_forward_and_back_have_a_time() {
        let berlin = Zone::parse("Europe/Berlin").expect("a zone");
        let time_ms = |month, day, hour, minute| {
            let local =
                NaiveDate::from_ymd_opt(2021, month, day).and_then(|day| day.and_hms_opt(hour, minute, 0));
            let time_ms = berlin.time_ms_of(local.expect("a time")).expect("a point in time");
            DateTime::from_timestamp_millis(time_ms).expect("a time").format("%H:%M").to_string()
        };
        assert_eq!(time_ms(7, 1, 12, 0), "10:00");
        // Half past two did not exist; it is half past three.
        assert_eq!(time_ms(3, 28, 2, 30), "01:30");
        // Half past two came twice; it is the first one.
        assert_eq!(time_ms(10, 31, 2, 30), "00:30");
    }

    #[test]
    fn names_follow_the_time_of_year() {
        let name = |text, time_ms| Zone::parse(text).and_then(|zone| zone.abbreviation_at(time_ms));
        const JULY_2021_MS: i64 = 1_625_097_600_000;
        assert_eq!(name("Europe/London", 1_609_459_200_000).as_deref(), Some("GMT"));
        assert_eq!(name("Europe/London", JULY_2021_MS).as_deref(), Some("BST"));
        assert_eq!(name("+02:00", JULY_2021_MS).as_deref(), Some("+02:00"));
        assert_eq!(name("UTC", JULY_2021_MS).as_deref(), Some("UTC"));
    }
}
