//! Values as text, in ksqlDB's forms: those inside of ARRAYs, MAPs and STRUCTs are written as Java writes them.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit,
    TimestampMillisecondType,
};
use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::Sign;
use chrono::{DateTime, NaiveDate};

use super::decimal_values::decimal_at;
use super::entry_order::push_entries;
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
        DataType::Decimal128(..) | DataType::Decimal256(..) if nested => {
            java_decimal(&decimal_at(value, row)?)
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => decimal_at(value, row)?.to_plain_string(),
        DataType::Utf8 => value.as_string::<i32>().value(row).to_owned(),
        DataType::Date32 => {
            let days = value.as_primitive::<Date32Type>().value(row);
            NaiveDate::from_epoch_days(days)
                .map_or_else(String::new, |date| date.format("%Y-%m-%d").to_string())
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            time_text(value.as_primitive::<Time32MillisecondType>().value(row), nested)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let time = value.as_primitive::<TimestampMillisecondType>().value(row);
            let Some(time) = DateTime::from_timestamp_millis(time) else { return Some(String::new()) };
            if nested {
                let text = time.format("%Y-%m-%d %H:%M:%S%.3f").to_string();
                let short = text.trim_end_matches('0');
                let shortest = if short.ends_with('.') { text.len() - 2 } else { short.len() };
                text[..shortest].to_owned()
            } else {
                time.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()
            }
        }
        DataType::List(_) => {
            let elements = value.as_list::<i32>().value(row);
            let texts: Vec<String> = (0..elements.len()).map(|index| inner(&elements, index)).collect();
            format!("[{}]", texts.join(", "))
        }
        DataType::Map(..) => {
            let entries = value.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let mut order = Vec::with_capacity(entries.len());
            push_entries(keys, 0..entries.len(), &mut order);
            let texts: Vec<String> = order
                .into_iter()
                .map(|entry| entry as usize)
                .map(|entry| format!("{}={}", inner(keys, entry), inner(values, entry)))
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

/// `HH:mm:ss`, without the milliseconds; unless `with_seconds`, also without seconds that are none.
fn time_text(ms: i32, with_seconds: bool) -> String {
    let seconds = ms.rem_euclid(86_400_000) / 1_000;
    let text = format!("{:02}:{:02}", seconds / 3_600, seconds / 60 % 60);
    match seconds % 60 {
        0 if !with_seconds => text,
        seconds => format!("{text}:{seconds:02}"),
    }
}

/// A DECIMAL as Java writes one: with an exponent where more than five zeros would stand behind the point.
fn java_decimal(number: &BigDecimal) -> String {
    /// The least exponent of a number that is written without one.
    const EXPONENT_MIN: i64 = -6;
    let (unscaled, scale) = number.as_bigint_and_exponent();
    let sign = if unscaled.sign() == Sign::Minus { "-" } else { "" };
    let digits = unscaled.magnitude().to_string();
    let behind_first = digits.len() as i64 - 1;
    let exponent = behind_first - scale;
    if exponent >= EXPONENT_MIN {
        return number.to_plain_string();
    }
    match digits.split_at(1) {
        (first, "") => format!("{sign}{first}E{exponent}"),
        (first, rest) => format!("{sign}{first}.{rest}E{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::sql_harness::assert_values;

    #[test]
    fn times_are_written_without_what_is_none() {
        assert_values(&[
            ("CAST(CAST('10:30' AS TIME) AS STRING)", "STRING", Some("10:30")),
            ("CAST(CAST('10:30:05.123' AS TIME) AS STRING)", "STRING", Some("10:30:05")),
            ("CAST(CAST('1969-12-31' AS DATE) AS STRING)", "STRING", Some("1969-12-31")),
            ("CAST(FROM_UNIXTIME(-1) AS STRING)", "STRING", Some("1969-12-31T23:59:59.999")),
            ("TO_JSON_STRING(ARRAY[CAST('10:30' AS TIME)])", "STRING", Some("[\"10:30\"]")),
        ]);
    }

    #[test]
    fn values_inside_of_others_are_written_as_java_does() {
        let within = |value: &str| format!("CAST(ARRAY[{value}] AS STRING)");
        for (value, text) in [
            ("CAST('10:30:00.123' AS TIME)", "[10:30:00]"),
            ("FROM_UNIXTIME(0)", "[1970-01-01 00:00:00.0]"),
            ("FROM_UNIXTIME(10120)", "[1970-01-01 00:00:10.12]"),
            ("CAST('0.0000012' AS DECIMAL(9, 7))", "[0.0000012]"),
            ("CAST('-0.00000012' AS DECIMAL(9, 8))", "[-1.2E-7]"),
            ("CAST(0 AS DECIMAL(9, 8))", "[0E-8]"),
            ("12.50", "[12.50]"),
        ] {
            assert_values(&[(&within(value), "STRING", Some(text))]);
        }
    }
}
