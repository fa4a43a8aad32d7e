//! Times as text, by patterns of Java's `DateTimeFormatter`, as ksqlDB's users write them.
//!
//! A pattern is read once into its items ([`item`]); [`format`] writes times by them, [`parse`] reads texts
//! into fields, and [`fields`] makes times of the fields. Letters are those of Java's documentation, names
//! are English, and weeks ([`weeks`]), which differ from country to country, are those of the United States.

mod fields;
mod format;
mod item;
mod names;
mod parse;
mod weeks;

use self::fields::Fields;
use self::format::Moment;
use self::item::Item;
use super::zone::Zone;
use crate::error::{Error, ErrorKind, Result};

/// A pattern, ready to read and write times.
#[derive(Clone, Debug)]
pub struct JavaPattern {
    pattern: String,
    items: Vec<Item>,
}

/// How texts are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// As the pattern says.
    Exact,
    /// As the pattern says, but names in any case.
    AnyCase,
    /// As Java's `SimpleDateFormat` reads: names in any case, numbers of any number of digits and size
    /// (the 32nd of January is the 1st of February), and whatever stands behind.
    Lenient,
}

impl JavaPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `Invalid` for a letter that means nothing here, or for a quote or bracket that is not closed.
    pub fn parse(pattern: &str) -> Result<JavaPattern> {
        let items = item::read(pattern).map_err(|problem| {
            Error::new(ErrorKind::Invalid, format!("the time pattern '{pattern}' {problem}"))
                .with_hint("for example: yyyy-MM-dd HH:mm:ss.SSS")
        })?;
        Ok(JavaPattern { pattern: pattern.to_owned(), items })
    }

    /// Milliseconds since 1970 of a text. Parts of the date that are missing are those of 1970-01-01, parts
    /// of the time are 0, and a text without a zone tells the time in `zone`.
    ///
    /// # Errors
    /// `Evaluation` for a text that does not fit the pattern.
    pub fn parse_timestamp_ms(&self, text: &str, zone: Zone) -> Result<i64> {
        self.fields(text, Reading::Exact)?.timestamp_ms(zone).ok_or_else(|| self.unfit(text))
    }

    /// Days since 1970 of a text that has year, month and day; of one that is read leniently, missing ones
    /// are those of 1970-01-01.
    ///
    /// # Errors
    /// `Evaluation` for a text that does not fit the pattern, and for one read leniently that has a time of
    /// day other than midnight.
    pub fn parse_date_days(&self, text: &str, reading: Reading) -> Result<i32> {
        let fields = self.fields(text, reading)?;
        let days = match reading {
            Reading::Lenient => fields.lenient_days(),
            Reading::Exact | Reading::AnyCase => fields.days(),
        };
        days.ok_or_else(|| self.unfit(text))
    }

    /// Milliseconds since midnight of a text that has a time of day and no part of a date.
    ///
    /// # Errors
    /// `Evaluation` for a text that does not fit the pattern.
    pub fn parse_time_ms(&self, text: &str) -> Result<i32> {
        self.fields(text, Reading::AnyCase)?.time_of_day_ms().ok_or_else(|| self.unfit(text))
    }

    /// Appends the text of a point in time, as clocks in a zone show it.
    ///
    /// # Errors
    /// `Evaluation` for a time that has no date here.
    pub fn format_timestamp(&self, time_ms: i64, zone: Zone, out: &mut String) -> Result<()> {
        let moment = Moment::of_timestamp(time_ms, zone);
        self.format(moment, || format!("the time {time_ms}"), out)
    }

    /// Appends the text of a day.
    ///
    /// # Errors
    /// `Evaluation` for a pattern that asks for more than a date, and for a day beyond the calendar.
    pub fn format_date(&self, days: i32, out: &mut String) -> Result<()> {
        self.format(Moment::of_date(days), || format!("the date {days}"), out)
    }

    /// Appends the text of a time of day.
    ///
    /// # Errors
    /// `Evaluation` for a pattern that asks for more than a time of day, and for a time beyond a day.
    pub fn format_time(&self, ms_of_day: i32, out: &mut String) -> Result<()> {
        self.format(Moment::of_time(ms_of_day), || format!("the time of day {ms_of_day}"), out)
    }

    fn format(&self, moment: Option<Moment>, what: impl Fn() -> String, out: &mut String) -> Result<()> {
        let written = moment.and_then(|moment| format::write(&self.items, &moment, out));
        written.ok_or_else(|| {
            let message = format!("{} cannot be written by the pattern '{}'", what(), self.pattern);
            Error::new(ErrorKind::Evaluation, message)
        })
    }

    fn fields(&self, text: &str, reading: Reading) -> Result<Fields> {
        parse::read(&self.items, text, reading).ok_or_else(|| self.unfit(text))
    }

    fn unfit(&self, text: &str) -> Error {
        let message = format!("'{text}' does not fit the time pattern '{}'", self.pattern);
        Error::new(ErrorKind::Evaluation, message)
    }
}

#[cfg(test)]
mod tests;
