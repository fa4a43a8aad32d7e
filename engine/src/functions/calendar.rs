//! Dates, times of day and points in time: moved by durations, as numbers, and in other zones.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array};
use arrow::compute;
use arrow::datatypes::{
    DataType, Date32Type, Int32Type, Int64Type, Time32MillisecondType, TimestampMillisecondType,
};
use datafusion::common::{Result, ScalarValue, plan_err};
use tidemill_sql::type_system::SqlType;

use super::arguments::{Remembered, Texts, Values, argument, values};
use super::declaration::{Category, Declaration, Evaluate, Overload, Returns};
use super::declared::arrow_type;
use crate::expressions::failures;
use crate::time::zone::Zone;
use crate::wall_clock;

/// Declares a function that moves values of a type by a duration.
macro_rules! moved {
    ($name:literal, $description:literal, $signature:literal, $sql_type:expr, $arrow:ty, $sign:literal, $moved:expr, $examples:expr) => {
        Declaration {
            name: $name,
            category: Category::DateTime,
            description: $description,
            overloads: &[Overload {
                signature: $signature,
                returns: Returns::Rule(|_, constants| {
                    check_unit($name, constants)?;
                    arrow_type(&$sql_type)
                }),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let mut durations = Durations::of(columns)?;
                    let value = Values::<$arrow>::of(columns, 2)?;
                    Ok(values::<$arrow>(value.len(), |row| {
                        let (duration_ms, value) = (durations.get_ms(row)?, value.get(row)?);
                        let moved = duration_ms.checked_mul($sign).and_then(|ms| $moved(value, ms));
                        if moved.is_none() {
                            failures::note(|| format!("{} cannot be moved by {duration_ms} ms", $sql_type));
                        }
                        moved
                    }))
                }),
            }],
            examples: $examples,
            is_deterministic: true,
        }
    };
}

pub(super) const FUNCTIONS: &[Declaration] = &[
    moved!(
        "dateadd",
        "A date that is later by a duration.",
        "(unit STRING, count INTEGER, date DATE)",
        SqlType::Date,
        Date32Type,
        1,
        date_moved,
        &["DATEADD(DAYS, 30, '2024-02-01') = CAST('2024-03-02' AS DATE)"]
    ),
    moved!(
        "datesub",
        "A date that is earlier by a duration.",
        "(unit STRING, count INTEGER, date DATE)",
        SqlType::Date,
        Date32Type,
        -1,
        date_moved,
        &["DATESUB(DAYS, 1, '2024-03-01') = CAST('2024-02-29' AS DATE)"]
    ),
    moved!(
        "timeadd",
        "A time of day that is later by a duration; behind midnight it goes on at 0.",
        "(unit STRING, count INTEGER, time TIME)",
        SqlType::Time,
        Time32MillisecondType,
        1,
        time_moved,
        &["TIMEADD(HOURS, 3, '22:30:00') = CAST('01:30:00' AS TIME)"]
    ),
    moved!(
        "timesub",
        "A time of day that is earlier by a duration; before midnight it goes on at 24:00.",
        "(unit STRING, count INTEGER, time TIME)",
        SqlType::Time,
        Time32MillisecondType,
        -1,
        time_moved,
        &["TIMESUB(MINUTES, 90, '01:00:00') = CAST('23:30:00' AS TIME)"]
    ),
    moved!(
        "timestampadd",
        "A point in time that is later by a duration.",
        "(unit STRING, count INTEGER, timestamp TIMESTAMP)",
        SqlType::Timestamp,
        TimestampMillisecondType,
        1,
        i64::checked_add,
        &["TIMESTAMPADD(HOURS, 3, '2024-02-29T22:30:00') = CAST('2024-03-01T01:30:00' AS TIMESTAMP)"]
    ),
    moved!(
        "timestampsub",
        "A point in time that is earlier by a duration.",
        "(unit STRING, count INTEGER, timestamp TIMESTAMP)",
        SqlType::Timestamp,
        TimestampMillisecondType,
        -1,
        i64::checked_add,
        &["TIMESTAMPSUB(DAYS, 1, '2024-03-01') = CAST('2024-02-29' AS TIMESTAMP)"]
    ),
    Declaration {
        name: "from_days",
        category: Category::DateTime,
        description: "The date that is so many days after 1970-01-01.",
        overloads: &[Overload {
            signature: "(days INTEGER)",
            returns: Returns::Type("DATE"),
            evaluate: Evaluate::Arrays(|columns, data_type| {
                Ok(compute::cast(argument(columns, 0)?, data_type)?)
            }),
        }],
        examples: &["FROM_DAYS(31) = CAST('1970-02-01' AS DATE)"],
        is_deterministic: true,
    },
    Declaration {
        name: "from_unixtime",
        category: Category::DateTime,
        description: "The point in time that is so many milliseconds after the beginning of 1970 in UTC.",
        overloads: &[Overload {
            signature: "(milliseconds BIGINT)",
            returns: Returns::Type("TIMESTAMP"),
            evaluate: Evaluate::Arrays(|columns, data_type| {
                Ok(compute::cast(argument(columns, 0)?, data_type)?)
            }),
        }],
        examples: &["FROM_UNIXTIME(86400000) = CAST('1970-01-02' AS TIMESTAMP)"],
        is_deterministic: true,
    },
    Declaration {
        name: "unix_date",
        category: Category::DateTime,
        description: "The days from 1970-01-01 to a date, or to today in UTC.",
        overloads: &[
            Overload {
                signature: "()",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Rows(|rows| {
                    let today = i32::try_from(wall_clock::now_ms().div_euclid(DAY_MS)).unwrap_or(i32::MAX);
                    Ok(Arc::new(Int32Array::from(vec![today; rows])))
                }),
            },
            Overload {
                signature: "(date DATE)",
                returns: Returns::Type("INTEGER"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let date = Values::<Date32Type>::of(columns, 0)?;
                    Ok(values::<Int32Type>(date.len(), |row| date.get(row)))
                }),
            },
        ],
        examples: &["UNIX_DATE('1970-02-01') = 31"],
        is_deterministic: false,
    },
    Declaration {
        name: "unix_timestamp",
        category: Category::DateTime,
        description: "The milliseconds from the beginning of 1970 in UTC to a point in time, or to now.",
        overloads: &[
            Overload {
                signature: "()",
                returns: Returns::Type("BIGINT"),
                evaluate: Evaluate::Rows(|rows| {
                    Ok(Arc::new(Int64Array::from(vec![wall_clock::now_ms(); rows])))
                }),
            },
            Overload {
                signature: "(timestamp TIMESTAMP)",
                returns: Returns::Type("BIGINT"),
                evaluate: Evaluate::Arrays(|columns, _| {
                    let time = Values::<TimestampMillisecondType>::of(columns, 0)?;
                    Ok(values::<Int64Type>(time.len(), |row| time.get(row)))
                }),
            },
        ],
        examples: &["UNIX_TIMESTAMP('1970-01-02') = 86400000"],
        is_deterministic: false,
    },
    Declaration {
        name: "convert_tz",
        category: Category::DateTime,
        description: "The time that clocks show in another zone, for the time that they show in a zone.",
        overloads: &[Overload {
            signature: "(timestamp TIMESTAMP, from STRING, to STRING)",
            returns: Returns::Type("TIMESTAMP"),
            evaluate: Evaluate::Arrays(convert_zone),
        }],
        examples: &[
            "CONVERT_TZ('2024-01-01T12:00:00', 'UTC', '+05:30') = CAST('2024-01-01T17:30:00' AS TIMESTAMP)",
        ],
        is_deterministic: true,
    },
];

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

fn date_moved(days: i32, ms: i64) -> Option<i32> {
    let moved = (i64::from(days) * DAY_MS).checked_add(ms)?;
    // As ksqlDB, towards 1970: the part of a day that a duration of hours leaves is dropped.
    i32::try_from(moved / DAY_MS).ok()
}

fn time_moved(ms_of_day: i32, ms: i64) -> Option<i32> {
    i32::try_from((i64::from(ms_of_day) + ms % DAY_MS).rem_euclid(DAY_MS)).ok()
}

/// The durations of rows: a number of a unit of time.
struct Durations<'a> {
    units: Texts<'a>,
    last: Remembered<Option<i64>>,
    counts: Values<'a, Int32Type>,
}

impl<'a> Durations<'a> {
    fn of(columns: &'a [ArrayRef]) -> Result<Durations<'a>> {
        let (units, counts) = (Texts::of(columns, 0)?, Values::of(columns, 1)?);
        Ok(Durations { units, last: Remembered::new(), counts })
    }

    fn get_ms(&mut self, row: usize) -> Option<i64> {
        let unit_ms = (*self.last.get(self.units.get(row)?, unit_ms))?;
        // The longest unit is a day, and the count has 32 bits.
        Some(i64::from(self.counts.get(row)?) * unit_ms)
    }
}

/// Milliseconds of a unit of time.
fn unit_ms(unit: &str) -> Option<i64> {
    match unit {
        "MILLISECOND" | "MILLISECONDS" => Some(1),
        "SECOND" | "SECONDS" => Some(1_000),
        "MINUTE" | "MINUTES" => Some(60_000),
        "HOUR" | "HOURS" => Some(3_600_000),
        "DAY" | "DAYS" => Some(DAY_MS),
        _ => None,
    }
}

/// Refuses a call that does not begin with a unit of time.
fn check_unit(name: &str, constants: &[Option<&ScalarValue>]) -> Result<()> {
    let unit = match constants.first().copied().flatten() {
        Some(ScalarValue::Utf8(unit)) => unit.as_deref(),
        _ => None,
    };
    if unit.and_then(unit_ms).is_none() {
        return plan_err!(
            "Function '{name}' wants a unit of time first: MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS."
        );
    }
    Ok(())
}

fn convert_zone(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let time = Values::<TimestampMillisecondType>::of(columns, 0)?;
    let (mut from, mut to) = (Zones::of(columns, 1)?, Zones::of(columns, 2)?);
    Ok(values::<TimestampMillisecondType>(time.len(), |row| {
        let time_ms = time.get(row)?;
        let (from, to) = (from.get(row)?, to.get(row)?);
        let distance = to.offset_seconds_at(time_ms)? - from.offset_seconds_at(time_ms)?;
        time_ms.checked_add(i64::from(distance) * 1_000)
    }))
}

/// The zones of a column of their identifiers.
pub(super) struct Zones<'a> {
    names: Texts<'a>,
    last: Remembered<Option<Zone>>,
}

impl<'a> Zones<'a> {
    pub(super) fn of(columns: &'a [ArrayRef], index: usize) -> Result<Zones<'a>> {
        Ok(Zones { names: Texts::of(columns, index)?, last: Remembered::new() })
    }

    /// The zone of a row; none for NULL and, with a note, where the identifier means none.
    pub(super) fn get(&mut self, row: usize) -> Option<Zone> {
        let name = self.names.get(row)?;
        let zone = *self.last.get(name, Zone::parse);
        if zone.is_none() {
            failures::note(|| format!("'{name}' is no time zone: for example, use Europe/London or +01:00"));
        }
        zone
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::{assert_values, evaluate, refusal};
    use crate::wall_clock;

    #[test]
    fn dates_and_times_are_moved_by_durations() {
        assert_values(&[
            ("DATEADD(DAYS, 10, '1970-01-01')", "DATE", Some("1970-01-11")),
            ("DATEADD(HOURS, 47, '1970-01-01')", "DATE", Some("1970-01-02")),
            ("DATEADD(DAYS, -1, '1970-01-01')", "DATE", Some("1969-12-31")),
            ("DATEADD(HOURS, -1, '1970-01-01')", "DATE", Some("1970-01-01")),
            ("DATEADD(HOURS, -25, '1970-01-01')", "DATE", Some("1969-12-31")),
            ("DATESUB(HOURS, 1, '2020-01-01')", "DATE", Some("2019-12-31")),
            ("DATEADD(HOURS, 1, '1969-01-01')", "DATE", Some("1969-01-02")),
            ("DATESUB(DAY, 1, '2024-03-01')", "DATE", Some("2024-02-29")),
            ("TIMEADD(MINUTES, 90, '23:00')", "TIME", Some("00:30:00")),
            ("TIMESUB(MILLISECONDS, 1, '00:00')", "TIME", Some("23:59:59.999")),
            ("TIMESTAMPADD(SECONDS, 90, '2020-01-01')", "TIMESTAMP", Some("2020-01-01T00:01:30.000")),
            ("TIMESTAMPSUB(HOURS, -1, '2020-01-01')", "TIMESTAMP", Some("2020-01-01T01:00:00.000")),
            ("DATEADD(DAYS, CAST(NULL AS INTEGER), '2020-01-01')", "DATE", None),
            ("DATEADD(DAYS, 1, CAST(NULL AS DATE))", "DATE", None),
            ("DATEADD(DAYS, 2147483647, FROM_DAYS(2147483647))", "DATE", None),
        ]);
        assert_eq!(
            refusal("TIMESTAMPADD(CAST('2020-01-01' AS TIMESTAMP), 5, CAST('2020-01-01' AS TIMESTAMP))"),
            "Function 'timestampadd' does not accept parameters (TIMESTAMP, INTEGER, TIMESTAMP)."
        );
        assert_eq!(
            refusal("DATEADD('WEEKS', 1, '2020-01-01')"),
            "Function 'dateadd' wants a unit of time first: MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS."
        );
    }

    #[test]
    fn dates_and_times_are_numbers_and_back() {
        assert_values(&[
            ("FROM_DAYS(-1)", "DATE", Some("1969-12-31")),
            ("FROM_UNIXTIME(1500)", "TIMESTAMP", Some("1970-01-01T00:00:01.500")),
            ("UNIX_DATE(CAST('1970-01-11' AS DATE))", "INTEGER", Some("10")),
            ("UNIX_TIMESTAMP(CAST('1970-01-01T00:00:01.5' AS TIMESTAMP))", "BIGINT", Some("1500")),
            ("UNIX_TIMESTAMP(CAST(NULL AS TIMESTAMP))", "BIGINT", None),
        ]);
        let before_ms = wall_clock::now_ms();
        let now_ms: i64 = evaluate("UNIX_TIMESTAMP()").1.expect("a time").parse().expect("a number");
        assert!((before_ms..before_ms + 60_000).contains(&now_ms));
        let today: i64 = evaluate("UNIX_DATE()").1.expect("a day").parse().expect("a number");
        assert!((before_ms / 86_400_000..=now_ms / 86_400_000 + 1).contains(&today));
    }

    #[test]
    fn clocks_elsewhere_show_another_time() {
        let converted = |from: &str, to: &str| {
            evaluate(&format!("CONVERT_TZ('2021-07-04T12:00:00', '{from}', '{to}')")).1
        };
        assert_eq!(converted("+0200", "-03:30").as_deref(), Some("2021-07-04T06:30:00.000"));
        assert_eq!(converted("Europe/London", "Asia/Tokyo").as_deref(), Some("2021-07-04T20:00:00.000"));
        assert_eq!(converted("UTC", "Nowhere"), None);
        assert_eq!(evaluate("CONVERT_TZ(NULL, 'UTC', 'UTC')").1, None);
    }
}
