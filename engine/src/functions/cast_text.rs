//! Values as text and back, in ksqlDB's forms.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit,
    TimestampMillisecondType,
};
use bigdecimal::BigDecimal;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use crate::formats::java_double;

/// A value as text; none for NULL. `nested` values are those inside of others.
pub(super) fn text_of(value: &ArrayRef, row: usize, nested: bool) -> Option<String> {
    if value.is_null(row) {
        return nested.then(|| "null".to_owned());
    }
    let inner = |value: &ArrayRef, row: usize| text_of(value, row, true).unwrap_or_default();
    Some(match value.data_type() {
        DataType::Boolean => value.as_boolean().value(row).to_string(),
        DataType::Int32 => value.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => value.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => java_double::double_to_string(value.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            let unscaled = value.as_primitive::<Decimal128Type>().value(row);
            BigDecimal::new(unscaled.into(), i64::from(*scale)).to_plain_string()
        }
        DataType::Utf8 => value.as_string::<i32>().value(row).to_owned(),
        DataType::Date32 => {
            let days = value.as_primitive::<Date32Type>().value(row);
            NaiveDate::from_epoch_days(days)
                .map_or_else(String::new, |date| date.format("%Y-%m-%d").to_string())
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            time_text(value.as_primitive::<Time32MillisecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let time = value.as_primitive::<TimestampMillisecondType>().value(row);
            let time = DateTime::from_timestamp_millis(time);
            time.map_or_else(String::new, |time| time.format("%Y-%m-%dT%H:%M:%S%.3f").to_string())
        }
        DataType::List(_) => {
            let elements = value.as_list::<i32>().value(row);
            let texts: Vec<String> = (0..elements.len()).map(|index| inner(&elements, index)).collect();
            format!("[{}]", texts.join(", "))
        }
        DataType::Map(..) => {
            let entries = value.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let texts: Vec<String> = (0..entries.len())
                .map(|index| format!("{}={}", inner(keys, index), inner(values, index)))
                .collect();
            format!("{{{}}}", texts.join(", "))
        }
        DataType::Struct(fields) => {
            let columns = value.as_struct();
            let texts: Vec<String> = fields
                .iter()
                .zip(columns.columns())
                .filter(|(_, column)| column.is_valid(row))
                .map(|(field, column)| format!("{}={}", field.name(), inner(column, row)))
                .collect();
            format!("Struct{{{}}}", texts.join(","))
        }
        _ => arrow::util::display::array_value_to_string(value, row).unwrap_or_default(),
    })
}

/// `HH:mm:ss`, with milliseconds where there are some.
fn time_text(ms: i32) -> String {
    let seconds = ms.rem_euclid(86_400_000) / 1_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match ms.rem_euclid(1_000) {
        0 => text,
        rest => format!("{text}.{rest:03}"),
    }
}

/// Days since 1970 of `yyyy-MM-dd`.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.num_days_from_ce() - NaiveDate::from_ymd_opt(1970, 1, 1)?.num_days_from_ce())
}

/// Milliseconds of the day of `HH:mm[:ss[.SSS]]`.
pub(super) fn parse_time(text: &str) -> Option<i32> {
    let time = ["%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())?;
    i32::try_from(time.num_seconds_from_midnight() * 1_000 + time.nanosecond() / 1_000_000).ok()
}

/// Milliseconds since 1970 of an ISO timestamp, of which the end may be missing, with or without a
/// zone offset; UTC without.
pub(super) fn parse_timestamp(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(&completed(text)) {
        return Some(time.timestamp_millis());
    }
    let time = NaiveDateTime::parse_from_str(&completed(text), "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    Some(time.and_utc().timestamp_millis())
}

/// A timestamp with what is missing at its end: `2020` is the first of January, midnight.
fn completed(text: &str) -> String {
    let zone = text.find('T').and_then(|at| text[at..].find(['Z', '+', '-']).map(|zone| at + zone));
    let (body, zone) = text.split_at(zone.unwrap_or(text.len()));
    const FULL: &str = "0000-01-01T00:00:00";
    let rest = FULL.get(body.len()..).unwrap_or_default();
    let zone = match (zone.len(), zone.split_at_checked(3)) {
        // `+0100` becomes `+01:00`.
        (5, Some((hours, minutes))) => format!("{hours}:{minutes}"),
        (3, _) => format!("{zone}:00"),
        _ => zone.to_owned(),
    };
    format!("{body}{rest}{zone}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_may_lack_their_end_and_have_a_zone() {
        for (text, ms) in [
            ("1970-01-01T00:00:01", 1_000),
            ("1970-01-02", 86_400_000),
            ("1970", 0),
            ("1970-02", 31 * 86_400_000),
            ("1970-01-01T01:00:00.005+01:00", 5),
            ("1970-01-01T01:00:00+0100", 0),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(parse_timestamp(text), Some(ms), "{text}");
        }
        assert_eq!(parse_timestamp("yesterday"), None);
    }

    #[test]
    fn a_zone_of_other_than_digits_is_no_zone() {
        for text in ["T+1é2", "2020-01-01T00:00:00+é1é", "1970-01-01T00:00:00-€1", "T+", "T"] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
