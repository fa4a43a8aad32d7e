//! Values as text, in ksqlDB's forms.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit,
    TimestampMillisecondType,
};
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
        DataType::Decimal128(..) | DataType::Decimal256(..) => decimal_at(value, row)?.to_plain_string(),
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

/// `HH:mm:ss`, with milliseconds where there are some.
fn time_text(ms: i32) -> String {
    let seconds = ms.rem_euclid(86_400_000) / 1_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match ms.rem_euclid(1_000) {
        0 => text,
        rest => format!("{text}.{rest:03}"),
    }
}
