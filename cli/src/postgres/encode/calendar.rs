//! Dates, times and intervals as Postgres writes them (DateStyle ISO, IntervalStyle postgres).

use arrow::datatypes::IntervalMonthDayNano;
use bytes::{BufMut, BytesMut};

/// Days from 1970-01-01 to 2000-01-01, where Postgres counts from.
const POSTGRES_EPOCH_DAYS: i32 = 10_957;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// First instant Postgres can show, 4714-11-24 BC, in microseconds since 1970.
const TIMESTAMP_MIN: i64 = -210_866_803_200_000_000;

/// Days since 2000 of a date given in days since 1970.
pub(super) fn postgres_days(days: i32) -> i32 {
    days.saturating_sub(POSTGRES_EPOCH_DAYS)
}

/// Microseconds since 2000 of an instant given in microseconds since 1970. The ends of the range, which
/// mean infinity, stay where they are.
pub(super) fn postgres_micros(micros: i64) -> i64 {
    match instant(micros) {
        Instant::Before => i64::MIN,
        Instant::After => i64::MAX,
        Instant::At(micros) => micros.saturating_sub(i64::from(POSTGRES_EPOCH_DAYS) * MICROS_PER_DAY),
    }
}

/// Writes a date given in days since 1970.
pub(super) fn write_date(days: i32, out: &mut BytesMut) {
    let before_christ = write_year_month_day(i64::from(days), out);
    if before_christ {
        out.put_slice(b" BC");
    }
}

/// Writes a time of day given in microseconds since midnight.
pub(super) fn write_time(micros: i64, out: &mut BytesMut) {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    write_two_digits(seconds / 3600, out);
    out.put_u8(b':');
    write_two_digits(seconds / 60 % 60, out);
    out.put_u8(b':');
    write_two_digits(seconds % 60, out);
    write_fraction(micros.rem_euclid(MICROS_PER_SECOND), out);
}

/// Writes an instant given in microseconds since 1970, date and time apart by `separator`.
pub(super) fn write_timestamp(micros: i64, separator: u8, with_zone: bool, out: &mut BytesMut) {
    let micros = match instant(micros) {
        Instant::Before => return out.put_slice(b"-infinity"),
        Instant::After => return out.put_slice(b"infinity"),
        Instant::At(micros) => micros,
    };
    let before_christ = write_year_month_day(micros.div_euclid(MICROS_PER_DAY), out);
    out.put_u8(separator);
    write_time(micros.rem_euclid(MICROS_PER_DAY), out);
    if with_zone {
        // Every session's time zone is UTC.
        out.put_slice(b"+00");
    }
    if before_christ {
        out.put_slice(b" BC");
    }
}

/// Writes an interval: `1 year 2 mons -3 days +04:05:06.7`.
pub(super) fn write_interval(interval: IntervalMonthDayNano, out: &mut BytesMut) {
    let mut parts = IntervalParts { out, empty: true, previous_negative: false };
    parts.write(i64::from(interval.months / 12), "year");
    parts.write(i64::from(interval.months % 12), "mon");
    parts.write(i64::from(interval.days), "day");
    let micros = interval.nanoseconds / 1_000;
    if micros != 0 || parts.empty {
        parts.write_time(micros);
    }
}

struct IntervalParts<'a> {
    out: &'a mut BytesMut,
    empty: bool,
    previous_negative: bool,
}

impl IntervalParts<'_> {
    fn write(&mut self, value: i64, unit: &str) {
        if value == 0 {
            return;
        }
        if !self.empty {
            self.out.put_u8(b' ');
        }
        // Behind a negative part Postgres marks a positive one, because readers take over the sign.
        if self.previous_negative && value > 0 {
            self.out.put_u8(b'+');
        }
        self.out.put_slice(itoa::Buffer::new().format(value).as_bytes());
        self.out.put_u8(b' ');
        self.out.put_slice(unit.as_bytes());
        if value != 1 {
            self.out.put_u8(b's');
        }
        self.previous_negative = value < 0;
        self.empty = false;
    }

    fn write_time(&mut self, micros: i64) {
        if !self.empty {
            self.out.put_u8(b' ');
        }
        if micros < 0 {
            self.out.put_u8(b'-');
        } else if self.previous_negative {
            self.out.put_u8(b'+');
        }
        let micros = i64::try_from(micros.unsigned_abs()).unwrap_or(i64::MAX);
        write_time(micros, self.out);
    }
}

enum Instant {
    Before,
    At(i64),
    After,
}

fn instant(micros: i64) -> Instant {
    if micros < TIMESTAMP_MIN {
        Instant::Before
    } else if micros == i64::MAX {
        // Postgres could show even later ones; this one stands for all that do not fit into 64 bits.
        Instant::After
    } else {
        Instant::At(micros)
    }
}

/// Writes `2026-11-21` and tells whether the year is one before Christ.
fn write_year_month_day(days: i64, out: &mut BytesMut) -> bool {
    let (year, month, day) = civil_date(days);
    // There is no year 0: it is 1 BC.
    let (shown_year, before_christ) = if year > 0 { (year, false) } else { (1 - year, true) };
    let mut digits = itoa::Buffer::new();
    let text = digits.format(shown_year);
    out.put_bytes(b'0', 4_usize.saturating_sub(text.len()));
    out.put_slice(text.as_bytes());
    out.put_u8(b'-');
    write_two_digits(month, out);
    out.put_u8(b'-');
    write_two_digits(day, out);
    before_christ
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Years are taken from March to February, so that the leap day comes last, in eras of 400 years, which
/// all have 146,097 days.
fn civil_date(days: i64) -> (i64, i64, i64) {
    // From 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Writes at least two digits.
fn write_two_digits(value: i64, out: &mut BytesMut) {
    if (0..10).contains(&value) {
        out.put_u8(b'0');
    }
    out.put_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Writes `.25` for 250,000 microseconds and nothing for none.
fn write_fraction(micros: i64, out: &mut BytesMut) {
    if micros == 0 {
        return;
    }
    let mut digits = [b'0'; 6];
    let mut rest = micros;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let end = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    out.put_u8(b'.');
    out.put_slice(&digits[..end]);
}
