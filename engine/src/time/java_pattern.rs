//! Times as text, by patterns of Java's `DateTimeFormatter`, as ksqlDB's users write them.
//!
//! A pattern is translated once into chrono's own form. Letters are those of Java's documentation;
//! what stands in single quotes is taken as it is.

use std::fmt::Write;

use chrono::format::{Parsed, StrftimeItems, parse};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::error::{Error, ErrorKind, Result};

/// A pattern, ready to read and write times.
#[derive(Clone, Debug)]
pub struct JavaPattern {
    format: String,
}

impl JavaPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `Invalid` for a letter that means nothing here, or a quote that is not closed.
    pub fn parse(pattern: &str) -> Result<JavaPattern> {
        let mut format = String::with_capacity(pattern.len() * 2);
        let mut rest = pattern.chars().peekable();
        while let Some(letter) = rest.next() {
            match letter {
                '\'' => quoted(&mut rest, &mut format).ok_or_else(|| {
                    Error::new(ErrorKind::Invalid, format!("the time pattern '{pattern}' has an open quote"))
                })?,
                '%' => format.push_str("%%"),
                'A'..='Z' | 'a'..='z' => {
                    let mut count = 1;
                    while rest.next_if_eq(&letter).is_some() {
                        count += 1;
                    }
                    let field = field(letter, count).ok_or_else(|| {
                        let run: String = std::iter::repeat_n(letter, count).collect();
                        let message = format!("'{run}' in the time pattern '{pattern}' is not understood");
                        Error::new(ErrorKind::Invalid, message)
                            .with_hint("for example: yyyy-MM-dd HH:mm:ss.SSS")
                    })?;
                    format.push_str(&field);
                }
                '[' | ']' => {
                    let message =
                        format!("the time pattern '{pattern}' has optional parts, which are not supported");
                    return Err(Error::new(ErrorKind::Unsupported, message));
                }
                other => format.push(other),
            }
        }
        Ok(JavaPattern { format })
    }

    /// Milliseconds since 1970 of a text. Parts of the date that are missing are those of 1970-01-01,
    /// parts of the time are 0, and without a zone the time is UTC.
    ///
    /// # Errors
    /// `Evaluation` for a text that does not fit the pattern.
    pub fn parse_timestamp_ms(&self, text: &str) -> Result<i64> {
        let unfit = || Error::new(ErrorKind::Evaluation, format!("'{text}' does not fit the time pattern"));
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, StrftimeItems::new(&self.format)).map_err(|_| unfit())?;
        let date = match parsed.to_naive_date() {
            Ok(date) => date,
            Err(_) => {
                let year = parsed.year().or(parsed.year_mod_100().map(|year| 2_000 + year)).unwrap_or(1970);
                let month = parsed.month().unwrap_or(1);
                NaiveDate::from_ymd_opt(year, month, parsed.day().unwrap_or(1)).ok_or_else(unfit)?
            }
        };
        let time = match parsed.to_naive_time() {
            Ok(time) => time,
            Err(_) => {
                let hour = parsed.hour_div_12().unwrap_or(0) * 12 + parsed.hour_mod_12().unwrap_or(0);
                NaiveTime::from_hms_opt(hour, parsed.minute().unwrap_or(0), 0).ok_or_else(unfit)?
            }
        };
        let offset_ms = i64::from(parsed.offset().unwrap_or(0)) * 1_000;
        Ok(date.and_time(time).and_utc().timestamp_millis() - offset_ms)
    }

    /// The text of a time, in UTC.
    ///
    /// # Errors
    /// `Evaluation` for a time chrono has no date for.
    pub fn format_timestamp_ms(&self, time_ms: i64) -> Result<String> {
        let time: DateTime<Utc> = DateTime::from_timestamp_millis(time_ms)
            .ok_or_else(|| Error::new(ErrorKind::Evaluation, format!("{time_ms} is beyond the calendar")))?;
        let mut text = String::new();
        write!(text, "{}", time.format(&self.format))
            .map_err(|_| Error::new(ErrorKind::Evaluation, "the time pattern cannot be written"))?;
        Ok(text)
    }
}

/// Takes text to its closing quote; two quotes are one.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, format: &mut String) -> Option<()> {
    let mut empty = true;
    loop {
        match rest.next()? {
            '\'' if rest.next_if_eq(&'\'').is_some() => format.push('\''),
            '\'' => {
                if empty {
                    format.push('\'');
                }
                return Some(());
            }
            '%' => format.push_str("%%"),
            other => format.push(other),
        }
        empty = false;
    }
}

/// chrono's form of a letter repeated so many times.
fn field(letter: char, count: usize) -> Option<String> {
    let numeric = |name: &str| match count {
        1 => Some(format!("%-{name}")),
        2 => Some(format!("%{name}")),
        _ => None,
    };
    match (letter, count) {
        ('y' | 'u', 2) => Some("%y".to_owned()),
        ('y' | 'u', 1 | 3 | 4) => Some("%Y".to_owned()),
        ('M' | 'L', 3) => Some("%b".to_owned()),
        ('M' | 'L', 4) => Some("%B".to_owned()),
        ('M' | 'L', _) => numeric("m"),
        ('d', _) => numeric("d"),
        ('D', _) => Some("%j".to_owned()),
        ('H', _) => numeric("H"),
        ('h', _) => numeric("I"),
        ('m', _) => numeric("M"),
        ('s', _) => numeric("S"),
        ('S', 3 | 6 | 9) => Some(format!("%{count}f")),
        ('a', _) => Some("%p".to_owned()),
        ('E', 1..=3) => Some("%a".to_owned()),
        ('E', 4) => Some("%A".to_owned()),
        ('Z', 1..=3) => Some("%z".to_owned()),
        ('X', 1) => Some("%#z".to_owned()),
        ('X', 2) => Some("%z".to_owned()),
        ('X', 3) => Some("%:z".to_owned()),
        ('x', 2) => Some("%z".to_owned()),
        ('x', 3) => Some("%:z".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_by_their_pattern() {
        for (pattern, text, ms) in [
            ("yyyy-MM-dd", "1970-01-02", 86_400_000),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS", "1970-01-01T00:00:01.005", 1_005),
            ("yyyy-MM-dd HH:mm:ssX", "1970-01-01 01:00:00+01", 0),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "1970-01-01T01:00:00+01:00", 0),
            ("yyyy", "1971", 365 * 86_400_000),
            ("dd/MM/yyyy HH", "02/01/1970 03", 86_400_000 + 3 * 3_600_000),
            ("h:mm a", "1:30 PM", 13 * 3_600_000 + 30 * 60_000),
            ("yyyy-MM-dd''HH", "1970-01-01'01", 3_600_000),
        ] {
            let pattern = JavaPattern::parse(pattern).expect("the pattern is understood");
            assert_eq!(pattern.parse_timestamp_ms(text).ok(), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_or_is_not_understood_is_refused() {
        let pattern = JavaPattern::parse("yyyy-MM-dd").expect("the pattern is understood");
        assert!(pattern.parse_timestamp_ms("yesterday").is_err());
        assert!(JavaPattern::parse("yyyy-QQ").is_err());
        assert!(JavaPattern::parse("yyyy 'open").is_err());
    }
}
