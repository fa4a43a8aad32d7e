//! Fields that a text told, and the times they make.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::item::Field;
use super::weeks;
use crate::time::zone::Zone;

/// What a text told.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    values: [Option<i64>; FIELDS],
    zone: Option<Zone>,
    offset_seconds: Option<i32>,
}

/// How many fields there are.
const FIELDS: usize = Field::NanosecondOfDay as usize + 1;

impl Fields {
    /// Takes a value; none where the text told another one before.
    pub(super) fn set(&mut self, field: Field, value: i64) -> Option<()> {
        let known = &mut self.values[field as usize];
        if known.is_some_and(|known| known != value) {
            return None;
        }
        *known = Some(value);
        Some(())
    }

    /// Takes the zone, as [`Fields::set`].
    pub(super) fn set_zone(&mut self, zone: Zone) -> Option<()> {
        let same = self.zone.is_none_or(|known| known == zone);
        self.zone = Some(zone);
        same.then_some(())
    }

    /// Takes the distance from UTC, as [`Fields::set`].
    pub(super) fn set_offset(&mut self, offset_seconds: i32) -> Option<()> {
        let same = self.offset_seconds.is_none_or(|known| known == offset_seconds);
        self.offset_seconds = Some(offset_seconds);
        same.then_some(())
    }

    fn get(&self, field: Field) -> Option<i64> {
        self.values[field as usize]
    }

    /// The value of a field, as a number from `low` to `high`: none inside where the text did not tell it,
    /// none outside where it is out of range.
    fn within(&self, field: Field, low: i64, high: i64) -> Option<Option<u32>> {
        match self.get(field) {
            Some(value) if !(low..=high).contains(&value) => None,
            value => Some(value.and_then(|value| u32::try_from(value).ok())),
        }
    }

    fn year(&self) -> Option<i64> {
        let of_era = |year| if self.get(Field::Era) == Some(0) { 1 - year } else { year };
        self.get(Field::Year).or_else(|| self.get(Field::YearOfEra).map(of_era))
    }

    /// Days since 1970, of year, month and day, of year and day of the year, or of a week and its day.
    pub(super) fn days(&self) -> Option<i32> {
        let Some(year) = self.year() else { return self.day_of_week_year() };
        let year = i32::try_from(year).ok()?;
        let date = match self.within(Field::DayOfYear, 1, 366)? {
            Some(day) => NaiveDate::from_yo_opt(year, day)?,
            None => {
                let month = self.within(Field::Month, 1, 12)??;
                last_or_day(year, month, self.within(Field::DayOfMonth, 1, 31)??)?
            }
        };
        let weekday = self.within(Field::DayOfWeek, 1, 7)?;
        if weekday.is_some_and(|weekday| weekday != date.weekday().number_from_monday()) {
            return None;
        }
        Some(date.to_epoch_days())
    }

    /// Days since 1970, of a year of weeks, a week of it and a day of that.
    fn day_of_week_year(&self) -> Option<i32> {
        let year = self.get(Field::WeekYear)?;
        let week = self.within(Field::WeekOfYear, 1, 54)??;
        let day = weeks::day_of(year, week.into(), self.local_day_of_week()?)?;
        // The last week of a year may be the first one of the next.
        let is_of_year = weeks::year_of_week(NaiveDate::from_epoch_days(day)?) == Some(year);
        is_of_year.then_some(day)
    }

    /// The day of the week, 1 for Sunday.
    fn local_day_of_week(&self) -> Option<i64> {
        let of_name = |day: u32| i64::from(day) % 7 + 1;
        match self.within(Field::LocalDayOfWeek, 1, 7)? {
            Some(day) => Some(day.into()),
            None => self.within(Field::DayOfWeek, 1, 7)?.map(of_name),
        }
    }

    /// Days since 1970, where numbers may be out of range and missing ones are those of 1970-01-01.
    pub(super) fn lenient_days(&self) -> Option<i32> {
        let nanoseconds = self.lenient_nanoseconds()?;
        const DAY: i64 = 86_400_000_000_000;
        if nanoseconds % DAY != 0 {
            return None;
        }
        if let (Some(year), None) = (self.get(Field::WeekYear), self.year()) {
            // As in Java, months and their days do not count beside a year of weeks.
            let week = self.get(Field::WeekOfYear).unwrap_or(1);
            let day = weeks::day_of(year, week, self.local_day_of_week().unwrap_or(1))?;
            return i32::try_from(i64::from(day).checked_add(nanoseconds / DAY)?).ok();
        }
        let months = self.get(Field::Month).unwrap_or(1).checked_sub(1)?;
        let year = self.year().unwrap_or(1970).checked_add(months.div_euclid(12))?;
        let month = u32::try_from(months.rem_euclid(12)).ok()? + 1;
        let (month, days) = match self.get(Field::DayOfYear) {
            Some(day) => (1, day),
            None => (month, self.get(Field::DayOfMonth).unwrap_or(1)),
        };
        let first = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, 1)?;
        let days = i64::from(first.to_epoch_days()).checked_add(days - 1)?.checked_add(nanoseconds / DAY)?;
        i32::try_from(days).ok()
    }

    fn lenient_nanoseconds(&self) -> Option<i64> {
        let hour = match (self.get(Field::Hour), self.get(Field::ClockHour)) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour % 24,
            (None, None) => self.hour_of_halves().unwrap_or(0),
        };
        let units = [
            (hour, 3_600_000_000_000),
            (self.get(Field::Minute).unwrap_or(0), 60_000_000_000),
            (self.get(Field::Second).unwrap_or(0), 1_000_000_000),
            (self.get(Field::Nanosecond).unwrap_or(0), 1),
        ];
        units.iter().try_fold(0_i64, |sum, (count, unit)| sum.checked_add(count.checked_mul(*unit)?))
    }

    /// The hour of the day by a clock with two halves.
    fn hour_of_halves(&self) -> Option<i64> {
        let hour =
            self.get(Field::HourOfHalf).or_else(|| self.get(Field::ClockHourOfHalf).map(|hour| hour % 12))?;
        Some(hour + 12 * self.get(Field::HalfOfDay).unwrap_or(0))
    }

    /// The time of day and how many days are to be added to the date, which 24:00 needs. What the text did
    /// not tell is 0. None where a number is out of range.
    fn time(&self) -> Option<(NaiveTime, i64)> {
        if let Some(nanosecond) = self.get(Field::NanosecondOfDay) {
            return time_of(nanosecond).map(|time| (time, 0));
        }
        if let Some(millisecond) = self.get(Field::MillisecondOfDay) {
            return time_of(millisecond.checked_mul(1_000_000)?).map(|time| (time, 0));
        }
        let minute = self.within(Field::Minute, 0, 59)?.unwrap_or(0);
        let second = self.within(Field::Second, 0, 59)?.unwrap_or(0);
        let nanosecond = self.within(Field::Nanosecond, 0, 999_999_999)?.unwrap_or(0);
        self.within(Field::HourOfHalf, 0, 11)?;
        self.within(Field::ClockHourOfHalf, 1, 12)?;
        let hour = match (self.within(Field::Hour, 0, 24)?, self.within(Field::ClockHour, 1, 24)?) {
            (Some(24), _) => {
                let midnight = NaiveTime::from_hms_opt(0, 0, 0)?;
                return (minute + second + nanosecond == 0).then_some((midnight, 1));
            }
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour % 24,
            (None, None) => match self.hour_of_halves() {
                Some(hour) => u32::try_from(hour).ok()?,
                None => 12 * self.within(Field::HalfOfDay, 0, 1)?.unwrap_or(0),
            },
        };
        Some((NaiveTime::from_hms_nano_opt(hour, minute, second, nanosecond)?, 0))
    }

    /// Milliseconds since midnight; none where the text told no time of day, or anything of a date.
    pub(super) fn time_of_day_ms(&self) -> Option<i32> {
        let of_date = [
            Field::Era,
            Field::YearOfEra,
            Field::Year,
            Field::Quarter,
            Field::Month,
            Field::DayOfMonth,
            Field::DayOfYear,
            Field::DayOfWeek,
            Field::WeekYear,
            Field::WeekOfYear,
            Field::WeekOfMonth,
            Field::LocalDayOfWeek,
            Field::AlignedDayOfWeek,
        ];
        let of_clock = self.get(Field::Hour).or_else(|| self.get(Field::ClockHour));
        let of_halves = self.get(Field::HalfOfDay).and_then(|_| self.hour_of_halves());
        let of_day = self.get(Field::NanosecondOfDay).or_else(|| self.get(Field::MillisecondOfDay));
        if of_date.iter().any(|field| self.get(*field).is_some())
            || of_clock.or(of_halves).or(of_day).is_none()
        {
            return None;
        }
        // Seconds without minutes tell no time.
        if self.get(Field::Minute).is_none() && of_day.is_none() && self.get(Field::Second).is_some() {
            return None;
        }
        let (time, days) = self.time()?;
        let ms = time.signed_duration_since(NaiveTime::MIN).num_milliseconds();
        (days == 0).then(|| i32::try_from(ms).ok())?
    }

    /// Milliseconds since 1970, where what is missing is that of 1970-01-01, midnight, and a text without a
    /// zone tells the time in `zone`.
    pub(super) fn timestamp_ms(&self, zone: Zone) -> Option<i64> {
        let date = match self.days() {
            Some(days) => NaiveDate::from_epoch_days(days)?,
            None => self.incomplete_date()?,
        };
        let (time, days) = self.time()?;
        let local: NaiveDateTime = date.and_time(time).checked_add_signed(TimeDelta::days(days))?;
        match self.offset_seconds {
            Some(offset_seconds) => Zone::Fixed { offset_seconds }.time_ms_of(local),
            None => self.zone.unwrap_or(zone).time_ms_of(local),
        }
    }

    /// A date of which something is missing.
    fn incomplete_date(&self) -> Option<NaiveDate> {
        let year = self.year();
        let month = self.within(Field::Month, 1, 12)?;
        let day = self.within(Field::DayOfMonth, 1, 31)?;
        let day_of_year = self.within(Field::DayOfYear, 1, 366)?;
        let is_day_of_month = month.is_some() && day.is_some();
        let is_day_of_week = self.get(Field::WeekOfYear).is_some() && self.local_day_of_week().is_some();
        let is_whole = match year {
            Some(_) => day_of_year.is_some() || is_day_of_month,
            None => self.get(Field::WeekYear).is_some() && is_day_of_week,
        };
        if is_whole {
            // Nothing is missing: there is no such date.
            return None;
        }
        let year = i32::try_from(year.unwrap_or(1970)).ok()?;
        match day_of_year {
            Some(day) => NaiveDate::from_yo_opt(year, day),
            None => last_or_day(year, month.unwrap_or(1), day.unwrap_or(1)),
        }
    }
}

/// A day of a month, or its last where it has not so many.
fn last_or_day(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    (28..=day).rev().chain([day]).find_map(|day| NaiveDate::from_ymd_opt(year, month, day))
}

fn time_of(nanosecond_of_day: i64) -> Option<NaiveTime> {
    let seconds = u32::try_from(nanosecond_of_day.div_euclid(1_000_000_000)).ok()?;
    let nanosecond = u32::try_from(nanosecond_of_day.rem_euclid(1_000_000_000)).ok()?;
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanosecond)
}
