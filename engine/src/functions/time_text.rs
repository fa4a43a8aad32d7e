//! Times as text and back, by patterns of Java's `DateTimeFormatter`.

use std::rc::Rc;

use arrow::array::ArrayRef;
use arrow::datatypes::{
    DataType, Date32Type, Int32Type, Int64Type, Time32MillisecondType, TimestampMillisecondType,
};
use datafusion::common::Result;

use super::arguments::{Remembered, Texts, Values, texts, values};
use super::calendar::Zones;
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::pattern_cache::PatternCache;
use crate::error::Error;
use crate::expressions::failures;
use crate::time::java_pattern::{JavaPattern, Reading};
use crate::time::zone::Zone;

/// Declares a function of times in a zone, which is UTC where the call names none.
macro_rules! in_zone {
    ($name:literal, $description:literal, $signature:literal, $in_zone:literal, $returns:literal, $evaluate:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::DateTime,
            description: $description,
            overloads: &[
                Overload {
                    signature: $signature,
                    returns: Returns::Type($returns),
                    evaluate: Evaluate::Arrays($evaluate),
                },
                Overload {
                    signature: $in_zone,
                    returns: Returns::Type($returns),
                    evaluate: Evaluate::Arrays($evaluate),
                },
            ],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

/// Declares a function of dates or times of day.
macro_rules! without_zone {
    ($name:literal, $description:literal, $signature:literal, $returns:literal, $evaluate:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::DateTime,
            description: $description,
            overloads: &[Overload {
                signature: $signature,
                returns: Returns::Type($returns),
                evaluate: Evaluate::Arrays($evaluate),
            }],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    without_zone!(
        "format_date",
        "A date as text, by a pattern of Java's DateTimeFormatter.",
        "(date DATE, pattern STRING)",
        "STRING",
        |columns, _| {
            let date = Values::<Date32Type>::of(columns, 0)?;
            format(columns, |row, pattern, out| Some(pattern.format_date(date.get(row)?, out)))
        },
        &["FORMAT_DATE('2024-02-29', 'd MMMM yyyy') = '29 February 2024'"]
    ),
    without_zone!(
        "format_time",
        "A time of day as text, by a pattern of Java's DateTimeFormatter.",
        "(time TIME, pattern STRING)",
        "STRING",
        |columns, _| {
            let time = Values::<Time32MillisecondType>::of(columns, 0)?;
            format(columns, |row, pattern, out| Some(pattern.format_time(time.get(row)?, out)))
        },
        &["FORMAT_TIME('14:05:00', 'h:mm a') = '2:05 PM'"]
    ),
    in_zone!(
        "format_timestamp",
        "A point in time as text, as clocks in a zone show it, or in UTC, by a pattern of Java's \
         DateTimeFormatter.",
        "(timestamp TIMESTAMP, pattern STRING)",
        "(timestamp TIMESTAMP, pattern STRING, zone STRING)",
        "STRING",
        |columns, _| {
            let time = Values::<TimestampMillisecondType>::of(columns, 0)?;
            let mut zones = OptionalZones::of(columns)?;
            format(columns, |row, pattern, out| {
                Some(pattern.format_timestamp(time.get(row)?, zones.get(row)?, out))
            })
        },
        &["FORMAT_TIMESTAMP('2024-07-01T12:00:00', 'yyyy-MM-dd HH:mm z', 'Europe/Paris') = \
             '2024-07-01 14:00 CEST'",]
    ),
    in_zone!(
        "timestamptostring",
        "A point in time, in milliseconds since 1970, as text, as clocks in a zone show it, or in UTC. \
         FORMAT_TIMESTAMP does the same for a TIMESTAMP.",
        "(milliseconds BIGINT, pattern STRING)",
        "(milliseconds BIGINT, pattern STRING, zone STRING)",
        "STRING",
        |columns, _| {
            let time = Values::<Int64Type>::of(columns, 0)?;
            let mut zones = OptionalZones::of(columns)?;
            format(columns, |row, pattern, out| {
                Some(pattern.format_timestamp(time.get(row)?, zones.get(row)?, out))
            })
        },
        &["TIMESTAMPTOSTRING(0, 'yyyy-MM-dd HH:mm') = '1970-01-01 00:00'"]
    ),
    without_zone!(
        "datetostring",
        "A date, in days since 1970-01-01, as text. FORMAT_DATE does the same for a DATE.",
        "(days INTEGER, pattern STRING)",
        "STRING",
        |columns, _| {
            let days = Values::<Int32Type>::of(columns, 0)?;
            format(columns, |row, pattern, out| Some(pattern.format_date(days.get(row)?, out)))
        },
        &["DATETOSTRING(31, 'yyyy-MM-dd') = '1970-02-01'"]
    ),
    without_zone!(
        "parse_date",
        "The date of a text, by a pattern of Java's SimpleDateFormat. What the pattern does not name is that \
         of 1970-01-01.",
        "(text STRING, pattern STRING)",
        "DATE",
        |columns, _| {
            parse::<Date32Type>(columns, |_, pattern, text| {
                Some(pattern.parse_date_days(text, Reading::Lenient))
            })
        },
        &["PARSE_DATE('29 feb 2024', 'd MMM yyyy') = CAST('2024-02-29' AS DATE)"]
    ),
    without_zone!(
        "parse_time",
        "The time of day of a text, by a pattern of Java's DateTimeFormatter.",
        "(text STRING, pattern STRING)",
        "TIME",
        |columns, _| {
            parse::<Time32MillisecondType>(columns, |_, pattern, text| Some(pattern.parse_time_ms(text)))
        },
        &["PARSE_TIME('2:05 PM', 'h:mm a') = CAST('14:05:00' AS TIME)"]
    ),
    in_zone!(
        "parse_timestamp",
        "The point in time of a text, by a pattern of Java's DateTimeFormatter. A text without a zone tells \
         the time in the zone of the call, or in UTC.",
        "(text STRING, pattern STRING)",
        "(text STRING, pattern STRING, zone STRING)",
        "TIMESTAMP",
        parse_timestamps::<TimestampMillisecondType>,
        &["PARSE_TIMESTAMP('2024-07-01 14:00', 'yyyy-MM-dd HH:mm', 'Europe/Paris') = \
             CAST('2024-07-01T12:00:00' AS TIMESTAMP)",]
    ),
    in_zone!(
        "stringtotimestamp",
        "As PARSE_TIMESTAMP, in milliseconds since 1970.",
        "(text STRING, pattern STRING)",
        "(text STRING, pattern STRING, zone STRING)",
        "BIGINT",
        parse_timestamps::<Int64Type>,
        &["STRINGTOTIMESTAMP('1970-01-02', 'yyyy-MM-dd') = 86400000"]
    ),
    without_zone!(
        "stringtodate",
        "The date of a text, by a pattern of Java's DateTimeFormatter, in days since 1970-01-01.",
        "(text STRING, pattern STRING)",
        "INTEGER",
        |columns, _| {
            parse::<Int32Type>(columns, |_, pattern, text| {
                Some(pattern.parse_date_days(text, Reading::AnyCase))
            })
        },
        &["STRINGTODATE('1970-02-01', 'yyyy-MM-dd') = 31"]
    ),
];

type Made = crate::error::Result<JavaPattern>;

thread_local! {
    static MADE: PatternCache<Made> = PatternCache::new();
}

/// The patterns of a column of them.
struct Patterns<'a> {
    patterns: Texts<'a>,
    last: Remembered<Rc<Made>>,
}

impl<'a> Patterns<'a> {
    fn of(columns: &'a [ArrayRef]) -> Result<Patterns<'a>> {
        Ok(Patterns { patterns: Texts::of(columns, 1)?, last: Remembered::new() })
    }

    /// The pattern of a row; none for NULL and, with a note, where it is not understood.
    fn get(&mut self, row: usize) -> Option<&JavaPattern> {
        let pattern = self.patterns.get(row)?;
        let make = |pattern: &str| MADE.with(|cache| cache.get(pattern, JavaPattern::parse));
        let made: &Made = self.last.get(pattern, make);
        noted(made.as_ref())
    }
}

/// The zones of the third argument; UTC where there is none.
struct OptionalZones<'a>(Option<Zones<'a>>);

impl<'a> OptionalZones<'a> {
    fn of(columns: &'a [ArrayRef]) -> Result<OptionalZones<'a>> {
        Ok(OptionalZones(if columns.len() > 2 { Some(Zones::of(columns, 2)?) } else { None }))
    }

    fn get(&mut self, row: usize) -> Option<Zone> {
        self.0.as_mut().map_or(Some(Zone::UTC), |zones| zones.get(row))
    }
}

/// The value; none, with a note, of an error.
fn noted<T, E: std::borrow::Borrow<Error>>(result: std::result::Result<T, E>) -> Option<T> {
    result.map_err(|error| failures::note(|| error.borrow().to_string())).ok()
}

/// Texts that `write` writes by the patterns of the rows; it gives none for a row without a value.
fn format(
    columns: &[ArrayRef],
    mut write: impl FnMut(usize, &JavaPattern, &mut String) -> Option<crate::error::Result<()>>,
) -> Result<ArrayRef> {
    let mut patterns = Patterns::of(columns)?;
    let mut text = String::new();
    texts(patterns.patterns.len(), |row, out| {
        text.clear();
        noted(write(row, patterns.get(row)?, &mut text)?)?;
        out.push_str(&text)
    })
}

/// Values that `read` reads by the patterns of the rows; it gives none for a row without a value.
fn parse<T: arrow::array::ArrowPrimitiveType>(
    columns: &[ArrayRef],
    mut read: impl FnMut(usize, &JavaPattern, &str) -> Option<crate::error::Result<T::Native>>,
) -> Result<ArrayRef> {
    let (text, mut patterns) = (Texts::of(columns, 0)?, Patterns::of(columns)?);
    Ok(values::<T>(text.len(), |row| {
        let text = text.get(row)?;
        noted(read(row, patterns.get(row)?, text)?)
    }))
}

fn parse_timestamps<T: arrow::array::ArrowPrimitiveType<Native = i64>>(
    columns: &[ArrayRef],
    _: &DataType,
) -> Result<ArrayRef> {
    let mut zones = OptionalZones::of(columns)?;
    parse::<T>(columns, |row, pattern, text| Some(pattern.parse_timestamp_ms(text, zones.get(row)?)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Date32Array, StringArray};

    use crate::functions::sql_harness::{assert_values, evaluate, evaluate_over};

    #[test]
    fn times_are_written_by_patterns() {
        assert_values(&[
            ("FORMAT_DATE(FROM_DAYS(-1), 'dd-MM-yyyy''!''')", "STRING", Some("31-12-1969!")),
            ("FORMAT_TIME(CAST('01:02:03.004' AS TIME), 'HHmmss.SSS')", "STRING", Some("010203.004")),
            (
                "FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy-MM-dd HH:mm:ss zzz')",
                "STRING",
                Some("1970-01-01 00:00:00 UTC"),
            ),
            ("FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'HH:mm X', 'Asia/Kolkata')", "STRING", Some("05:30 +0530")),
            (
                "TIMESTAMPTOSTRING(1625389503120, 'EEE HH:mm z', 'America/New_York')",
                "STRING",
                Some("Sun 05:05 EDT"),
            ),
            ("DATETOSTRING(18027, 'dd/MM/yyyy')", "STRING", Some("11/05/2019")),
            ("FORMAT_DATE(NULL, 'yyyy')", "STRING", None),
            ("FORMAT_DATE(FROM_DAYS(0), NULL)", "STRING", None),
            ("FORMAT_TIMESTAMP(FROM_UNIXTIME(0), 'yyyy', CAST(NULL AS STRING))", "STRING", None),
        ]);
    }

    #[test]
    fn times_are_read_by_patterns() {
        assert_values(&[
            ("PARSE_DATE('JAN-2022', 'MMM-yyyy')", "DATE", Some("2022-01-01")),
            ("PARSE_DATE('2003-12-24 and later', 'yyyy-MM-dd')", "DATE", Some("2003-12-24")),
            ("PARSE_TIME('01:00:00 pm', 'hh:mm:ss a')", "TIME", Some("13:00:00")),
            (
                "PARSE_TIMESTAMP('2020-05-11 21:58', 'yyyy-MM-dd HH:mm')",
                "TIMESTAMP",
                Some("2020-05-11T21:58:00.000"),
            ),
            (
                "PARSE_TIMESTAMP('2020-05-11 21:58', 'yyyy-MM-dd HH:mm', 'America/Los_Angeles')",
                "TIMESTAMP",
                Some("2020-05-12T04:58:00.000"),
            ),
            (
                "STRINGTOTIMESTAMP('1970-01-01T00:00:00.2+0000', 'yyyy-MM-dd''T''HH:mm:ss.SX')",
                "BIGINT",
                Some("200"),
            ),
            ("STRINGTODATE('1-jan-1971', 'd-MMM-yyyy')", "INTEGER", Some("365")),
            ("PARSE_TIMESTAMP(NULL, 'yyyy')", "TIMESTAMP", None),
            ("PARSE_DATE('2020', NULL)", "DATE", None),
        ]);
    }

    #[test]
    fn what_does_not_fit_gives_null_and_is_noted() {
        for refused in [
            "PARSE_DATE('yesterday', 'yyyy-MM-dd')",
            "PARSE_TIME('2020', 'yyyy')",
            "PARSE_TIMESTAMP('2020', 'bb')",
            "PARSE_TIMESTAMP('2020', 'yyyy', 'Nowhere')",
            "STRINGTODATE('Jan-1971', 'MMM-yyyy')",
            "FORMAT_DATE(FROM_DAYS(0), 'HH')",
            "FORMAT_TIME(CAST('01:00' AS TIME), 'yyyy')",
            "FORMAT_TIMESTAMP(FROM_UNIXTIME(0), '''')",
        ] {
            let (_, value, failures) = evaluate(refused);
            assert_eq!((value, failures.len()), (None, 1), "{refused} {failures:?}");
        }
    }

    #[test]
    fn every_row_may_have_a_pattern_of_its_own() {
        let patterns = vec![Some("yyyy"), Some("MM"), Some("bb"), None, Some("yyyy")];
        let columns = [
            ("D", Arc::new(Date32Array::from(vec![Some(365), Some(31), Some(0), Some(0), None])) as ArrayRef),
            ("P", Arc::new(StringArray::from(patterns)) as ArrayRef),
        ];
        let (found, failures) = evaluate_over(&columns, "FORMAT_DATE(D, P)");
        let expected = StringArray::from(vec![Some("1971"), Some("02"), None, None, None]);
        assert_eq!((found.as_string::<i32>(), failures.len()), (&expected, 1));
    }
}
