//! Times by the items of a pattern.

use std::fmt::Write;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::item::{Field, Item, NameStyle, NumberItem, OffsetForm, Part, SHORT_YEAR_DIGITS, SignStyle};
use super::{names, weeks};
use crate::time::zone::Zone;

/// What is written: a date, a time of day, or both at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    zone: Option<ZoneAtTime>,
}

#[derive(Clone, Copy, Debug)]
struct ZoneAtTime {
    zone: Zone,
    time_ms: i64,
    offset_seconds: i32,
}

impl Moment {
    /// A point in time as clocks in a zone show it; none beyond the calendar.
    pub(super) fn of_timestamp(time_ms: i64, zone: Zone) -> Option<Moment> {
        let offset_seconds = zone.offset_seconds_at(time_ms)?;
        let utc = DateTime::from_timestamp_millis(time_ms)?.naive_utc();
        let local: NaiveDateTime = utc.checked_add_signed(TimeDelta::seconds(i64::from(offset_seconds)))?;
        let zone = Some(ZoneAtTime { zone, time_ms, offset_seconds });
        Some(Moment { date: Some(local.date()), time: Some(local.time()), zone })
    }

    /// A day; none beyond the calendar.
    pub(super) fn of_date(days: i32) -> Option<Moment> {
        Some(Moment { date: Some(NaiveDate::from_epoch_days(days)?), time: None, zone: None })
    }

    /// A time of day; none beyond a day.
    pub(super) fn of_time(ms_of_day: i32) -> Option<Moment> {
        let ms = u32::try_from(ms_of_day).ok()?;
        let time = NaiveTime::from_num_seconds_from_midnight_opt(ms / 1_000, ms % 1_000 * 1_000_000)?;
        Some(Moment { date: None, time: Some(time), zone: None })
    }

    /// The value of a field; none where this has no such field.
    fn field(&self, field: Field) -> Option<i64> {
        let hour = || self.time.map(|time| i64::from(time.hour()));
        let year = || self.date.map(|date| i64::from(date.year()));
        Some(match field {
            Field::Year => year()?,
            Field::YearOfEra => year().map(|year| if year > 0 { year } else { 1 - year })?,
            Field::Era => i64::from(year()? > 0),
            Field::Quarter => i64::from(self.date?.month0() / 3 + 1),
            Field::Month => i64::from(self.date?.month()),
            Field::DayOfMonth => i64::from(self.date?.day()),
            Field::DayOfYear => i64::from(self.date?.ordinal()),
            Field::DayOfWeek => i64::from(self.date?.weekday().number_from_monday()),
            Field::WeekYear => weeks::year_of_week(self.date?)?,
            Field::WeekOfYear => weeks::week_of_year(self.date?)?,
            Field::WeekOfMonth => weeks::week_of_month(self.date?)?,
            Field::LocalDayOfWeek => weeks::day_of_week(self.date?),
            Field::AlignedDayOfWeek => i64::from(self.date?.day0() % 7 + 1),
            Field::HalfOfDay => hour()? / 12,
            Field::Hour => hour()?,
            Field::ClockHour => hour().map(|hour| if hour == 0 { 24 } else { hour })?,
            Field::HourOfHalf => hour()? % 12,
            Field::ClockHourOfHalf => hour().map(|hour| if hour % 12 == 0 { 12 } else { hour % 12 })?,
            Field::Minute => i64::from(self.time?.minute()),
            Field::Second => i64::from(self.time?.second()),
            Field::Nanosecond => i64::from(self.time?.nanosecond()),
            Field::MillisecondOfDay => self.nanosecond_of_day()? / 1_000_000,
            Field::NanosecondOfDay => self.nanosecond_of_day()?,
        })
    }

    fn nanosecond_of_day(&self) -> Option<i64> {
        let time = self.time?;
        Some(i64::from(time.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(time.nanosecond()))
    }
}

/// Appends a moment by the items of a pattern; none where one of them asks for what the moment does not
/// have.
pub(super) fn write(items: &[Item], moment: &Moment, out: &mut String) -> Option<()> {
    items.iter().try_for_each(|item| write_item(item, moment, out))
}

fn write_item(item: &Item, moment: &Moment, out: &mut String) -> Option<()> {
    match item {
        Item::Literal(text) => out.push_str(text),
        Item::Number(number) => write_number(number, moment.field(number.field)?, out)?,
        Item::ShortYear { field } => {
            let year = moment.field(*field)?.unsigned_abs() % 100;
            write!(out, "{year:0SHORT_YEAR_DIGITS$}").ok()?;
        }
        Item::Fraction(digits) => {
            let fraction = format!("{:09}", moment.field(Field::Nanosecond)?);
            out.push_str(fraction.get(..*digits)?);
        }
        Item::Name { field, style } => write_name(*field, moment.field(*field)?, *style, out)?,
        Item::Offset { form, zero } => write_offset(*form, zero, moment.zone?.offset_seconds, out)?,
        Item::LocalizedOffset { long } => {
            let seconds = moment.zone?.offset_seconds;
            out.push_str("GMT");
            if seconds != 0 {
                write_localized(*long, seconds, out)?;
            }
        }
        Item::ZoneId => write!(out, "{}", moment.zone?.zone).ok()?,
        Item::ZoneName { long } => {
            let ZoneAtTime { zone, time_ms, .. } = moment.zone?;
            let short = zone.abbreviation_at(time_ms)?;
            match names::long_zone_name(&short).filter(|_| *long) {
                Some(name) => out.push_str(name),
                None => out.push_str(&short),
            }
        }
        Item::Padded { width, item } => {
            let before = out.len();
            write_item(item, moment, out)?;
            let missing = width.checked_sub(out[before..].chars().count())?;
            out.insert_str(before, &" ".repeat(missing));
        }
        Item::Optional(items) => {
            let before = out.len();
            if write(items, moment, out).is_none() {
                out.truncate(before);
            }
        }
    }
    Some(())
}

fn write_number(item: &NumberItem, value: i64, out: &mut String) -> Option<()> {
    let digits = value.unsigned_abs().to_string();
    if digits.len() > item.digits_max || (value < 0 && item.sign == SignStyle::Never) {
        return None;
    }
    if value < 0 {
        out.push('-');
    } else if item.sign == SignStyle::WhenLong && digits.len() > item.digits_min {
        out.push('+');
    }
    write!(out, "{digits:0>width$}", width = item.digits_min).ok()
}

fn write_name(field: Field, value: i64, style: NameStyle, out: &mut String) -> Option<()> {
    let name = name_of(field, value, style)?;
    match style {
        NameStyle::Narrow => out.extend(name.chars().take(1)),
        NameStyle::Short | NameStyle::Long => out.push_str(&name),
    }
    Some(())
}

/// The name of a field's value; none for a field without names.
pub(super) fn name_of(field: Field, value: i64, style: NameStyle) -> Option<String> {
    let long = style == NameStyle::Long;
    let shortened = |name: &str| if long { name } else { &name[..names::SHORT_NAME] }.to_owned();
    let counted = |names: &[&str], first: i64| {
        Some(shortened(names.get(usize::try_from(value.checked_sub(first)?).ok()?)?))
    };
    match field {
        Field::Month => counted(&names::MONTHS, 1),
        Field::DayOfWeek => counted(&names::DAYS, 1),
        Field::HalfOfDay => {
            names::HALVES_OF_DAY.get(usize::try_from(value).ok()?).map(|name| (*name).to_owned())
        }
        Field::Era => {
            let era = names::ERAS.get(usize::try_from(value).ok()?)?;
            Some(era[usize::from(long)].to_owned())
        }
        Field::Quarter if style == NameStyle::Narrow => Some(value.to_string()),
        Field::Quarter if long => {
            let ending = ["st", "nd", "rd", "th"].get(usize::try_from(value.checked_sub(1)?).ok()?)?;
            Some(format!("{value}{ending} quarter"))
        }
        Field::Quarter => Some(format!("Q{value}")),
        _ => None,
    }
}

fn write_offset(form: OffsetForm, zero: &str, offset_seconds: i32, out: &mut String) -> Option<()> {
    let seconds = offset_seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let is_written = |part: Part, value: u32| match part {
        Part::Never => false,
        Part::Needed => value != 0,
        Part::Always => true,
    };
    if hours + minutes + if form.seconds == Part::Never { 0 } else { seconds } == 0 {
        out.push_str(zero);
        return Some(());
    }
    let colon = if form.colon { ":" } else { "" };
    write!(out, "{}{hours:02}", if offset_seconds < 0 { '-' } else { '+' }).ok()?;
    if is_written(form.minutes, minutes) {
        write!(out, "{colon}{minutes:02}").ok()?;
    }
    if is_written(form.seconds, seconds) {
        write!(out, "{colon}{seconds:02}").ok()?;
    }
    Some(())
}

fn write_localized(long: bool, offset_seconds: i32, out: &mut String) -> Option<()> {
    let seconds = offset_seconds.unsigned_abs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    out.push(if offset_seconds < 0 { '-' } else { '+' });
    let written = if long { write!(out, "{hours:02}") } else { write!(out, "{hours}") };
    written.ok()?;
    if long || minutes != 0 || seconds != 0 {
        write!(out, ":{minutes:02}").ok()?;
    }
    if seconds != 0 {
        write!(out, ":{seconds:02}").ok()?;
    }
    Some(())
}
