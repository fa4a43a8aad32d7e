//! Dates, times and timestamps as text: `2020-05-26T23:59:58.123+0200` and the beginnings of it.
//!
//! The same text is read in three places: where a string is compared with a point in time, where it is
//! cast, and where it is inserted. All of them read it here.

use chrono::{Duration, NaiveDate, NaiveTime, Timelike};

/// What is accepted, for error texts.
pub const TIMESTAMP_HELP: &str = "the form is yyyy-MM-dd'T'HH:mm:ss.SSS with an optional zone such as \
                                  +0200; the end may be left out, as in 2020-05-26";

/// Milliseconds since the epoch of a timestamp; what it leaves out is the beginning of what it names,
/// and its zone is UTC unless it says another.
#[must_use]
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, time_and_zone) = match text.split_once(['T', ' ']) {
        Some((date, rest)) => (date, rest),
        None => (text, ""),
    };
    let (time, zone) = split_zone(time_and_zone);
    let date = date_of(date)?;
    let moment = match is_end_of_day(time) {
        true => date.succ_opt()?.and_time(NaiveTime::default()),
        false => date.and_time(time_of(time)?),
    };
    let offset = Duration::seconds(offset_seconds(zone)?);
    moment.checked_sub_signed(offset).map(|moment| moment.and_utc().timestamp_millis())
}

/// Days since the epoch of a date, whose month and day may be left out.
#[must_use]
pub fn parse_date(text: &str) -> Option<i32> {
    let days = date_of(text.trim())?.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

/// Milliseconds since midnight of a time of day, whose end may be left out.
#[must_use]
pub fn parse_time(text: &str) -> Option<i32> {
    let time = time_of(Some(text.trim()).filter(|text| !text.is_empty())?)?;
    let millis = time.num_seconds_from_midnight() * 1000 + time.nanosecond() / 1_000_000;
    i32::try_from(millis).ok()
}

fn split_zone(text: &str) -> (&str, &str) {
    match text.find(['+', '-', 'Z', 'z']) {
        Some(start) => text.split_at(start),
        None => (text, ""),
    }
}

fn date_of(text: &str) -> Option<NaiveDate> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let mut parts = digits.split('-');
    let year = sign * number::<i32>(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| number(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| number(day, 2))?;
    parts.next().is_none().then(|| NaiveDate::from_ymd_opt(year, month, day))?
}

fn time_of(text: &str) -> Option<NaiveTime> {
    if text.is_empty() {
        return Some(NaiveTime::default());
    }
    let (clock, fraction) =
        text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = parts.next().map(|minute| number(minute, 2));
    let second = parts.next().map(|second| number(second, 2));
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let nanos = match fraction {
        Some(digits) if (1..=9).contains(&digits.len()) => {
            number::<u32>(digits, 9)? * 10_u32.pow(9 - u32::try_from(digits.len()).ok()?)
        }
        Some(_) => return None,
        None => 0,
    };
    NaiveTime::from_hms_nano_opt(hour, minute.unwrap_or(Some(0))?, second.unwrap_or(Some(0))?, nanos)
}

/// `24`, `24:00` and so on: midnight at the end of the day.
fn is_end_of_day(time: &str) -> bool {
    time.strip_prefix("24").is_some_and(|rest| rest.bytes().all(|byte| matches!(byte, b':' | b'.' | b'0')))
}

fn offset_seconds(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.as_bytes().first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (zone.len() == 1).then_some(0),
        Some(b'-') => (-1, &zone[1..]),
        Some(_) => (1, &zone[1..]),
    };
    let digits = digits.replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "0"),
        4 => digits.split_at_checked(2)?,
        _ => return None,
    };
    let hours = number::<i64>(hours, 2).filter(|hours| *hours <= 18)?;
    let minutes = number::<i64>(minutes, 2).filter(|minutes| *minutes < 60)?;
    Some(sign * (hours * 3600 + minutes * 60))
}

/// A number of at most `digits_max` digits and nothing else.
fn number<T: std::str::FromStr>(text: &str, digits_max: usize) -> Option<T> {
    let plain =
        !text.is_empty() && text.len() <= digits_max && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_may_leave_its_end_out() {
        for (text, millis) in [
            ("1970-01-01T00:00:00.010", 10),
            ("1970-01-01T00:00:01", 1000),
            ("1970-01-01T00:01", 60_000),
            ("1970-01-01T01", 3_600_000),
            ("1970-01-02", 86_400_000),
            ("1970-02", 31 * 86_400_000),
            ("1971", 365 * 86_400_000),
            ("1970-01-01T02:00:00+0200", 0),
            ("1970-01-01T02:00:00.5+02:00", 500),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999-0000", -1),
            ("1969-12-31T24", 0),
        ] {
            assert_eq!(parse_timestamp(text), Some(millis), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "foo",
            "1970-13",
            "1970-01-01T25",
            "1970-01-01T00:00:00+99",
            "1970-01-01T1:2:3:4",
            "é",
            "1970-01-01T00+1é2",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
        assert_eq!(parse_time(""), None);
        assert_eq!(parse_date("1970-01-01-01"), None);
    }

    #[test]
    fn dates_and_times_are_counted_from_their_beginning() {
        assert_eq!(parse_date("1970-01-10"), Some(9));
        assert_eq!(parse_date("1970-01"), Some(0));
        assert_eq!(parse_date("1969-12-31"), Some(-1));
        assert_eq!(parse_time("00:00:00.010"), Some(10));
        assert_eq!(parse_time("00:01"), Some(60_000));
    }
}
