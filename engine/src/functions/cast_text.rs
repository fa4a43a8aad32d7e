//! Columns of any SQL type, ready to be written as text value by value, in ksqlDB's forms: values inside of
//! ARRAYs, MAPs and STRUCTs are written as Java writes them.

use std::io::Write as _;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use datafusion::common::Result;

use super::arguments::{Buffer, texts};
use super::entry_order::push_entries;
use crate::formats::ScalarValues;

/// The values of a column as a column of STRINGs.
pub(super) fn to_texts(column: &ArrayRef) -> Result<ArrayRef> {
    let values = TextValues::of(column);
    texts(column.len(), |row, out| if values.is_null(row) { None } else { values.write(row, out) })
}

/// The same, in the form that values have inside of others: NULL is a word too.
pub(super) fn to_nested_texts(column: &ArrayRef) -> Result<ArrayRef> {
    let values = TextValues::of(column);
    texts(column.len(), |row, out| values.write_nested(row, out))
}

/// A column of values that are written as text.
pub(super) enum TextValues<'a> {
    Scalar(ScalarValues<'a>),
    List {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        items: Box<TextValues<'a>>,
    },
    Map {
        offsets: &'a OffsetBuffer<i32>,
        nulls: Option<&'a NullBuffer>,
        /// By which the entries are ordered.
        keys: &'a ArrayRef,
        key_texts: Box<TextValues<'a>>,
        values: Box<TextValues<'a>>,
    },
    Struct {
        nulls: Option<&'a NullBuffer>,
        fields: Vec<(&'a str, TextValues<'a>)>,
    },
    /// Of a type for which ksqlDB has no text.
    Other(&'a ArrayRef),
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Alone,
    Nested,
}

impl<'a> TextValues<'a> {
    /// Of a column.
    pub(super) fn of(column: &'a ArrayRef) -> TextValues<'a> {
        match ScalarValues::of(column) {
            Some(ScalarValues::Bytes(_)) => return TextValues::Other(column),
            Some(values) => return TextValues::Scalar(values),
            None => {}
        }
        match column.data_type() {
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                let items = Box::new(TextValues::of(list.values()));
                TextValues::List { offsets: list.offsets(), nulls: list.nulls(), items }
            }
            DataType::Map(..) => {
                let map = column.as_map();
                TextValues::Map {
                    offsets: map.offsets(),
                    nulls: map.nulls(),
                    keys: map.keys(),
                    key_texts: Box::new(TextValues::of(map.keys())),
                    values: Box::new(TextValues::of(map.values())),
                }
            }
            DataType::Struct(fields) => {
                let structs = column.as_struct();
                let columns = structs.columns().iter().map(TextValues::of);
                let names = fields.iter().map(|field| field.name().as_str());
                TextValues::Struct { nulls: structs.nulls(), fields: names.zip(columns).collect() }
            }
            _ => TextValues::Other(column),
        }
    }

    /// Whether a value is NULL.
    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            TextValues::Scalar(values) => values.is_null(row),
            TextValues::Other(column) => column.is_null(row),
            TextValues::List { nulls, .. }
            | TextValues::Map { nulls, .. }
            | TextValues::Struct { nulls, .. } => nulls.is_some_and(|nulls| nulls.is_null(row)),
        }
    }

    /// Appends a value that is not NULL; none, with a note, where the text would become too long.
    pub(super) fn write(&self, row: usize, out: &mut Buffer) -> Option<()> {
        self.write_at(Place::Alone, row, out)
    }

    /// Appends a value as it stands inside of another one, as [`TextValues::write`].
    pub(super) fn write_nested(&self, row: usize, out: &mut Buffer) -> Option<()> {
        if self.is_null(row) {
            return out.push_str("null");
        }
        self.write_at(Place::Nested, row, out)
    }

    /// Types nest no deeper than a statement can write them.
    fn write_at(&self, place: Place, row: usize, out: &mut Buffer) -> Option<()> {
        match self {
            TextValues::Scalar(values) => out.push_with(|bytes| write_scalar(values, place, row, bytes)),
            TextValues::Other(column) => {
                out.push_str(&array_value_to_string(column, row).unwrap_or_default())
            }
            TextValues::List { offsets, items, .. } => {
                out.push('[')?;
                for (index, item) in entries(offsets, row).enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" })?;
                    items.write_nested(item, out)?;
                }
                out.push(']')
            }
            TextValues::Map { offsets, keys, key_texts, values, .. } => {
                let mut order = Vec::new();
                push_entries(keys, entries(offsets, row), &mut order);
                out.push('{')?;
                for (index, entry) in order.into_iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" })?;
                    key_texts.write_nested(entry as usize, out)?;
                    out.push('=')?;
                    values.write_nested(entry as usize, out)?;
                }
                out.push('}')
            }
            TextValues::Struct { fields, .. } => {
                out.push_str("Struct{")?;
                let present = fields.iter().filter(|(_, values)| !values.is_null(row));
                for (index, (name, values)) in present.enumerate() {
                    out.push_str(if index > 0 { "," } else { "" })?;
                    out.push_str(name)?;
                    out.push('=')?;
                    values.write_nested(row, out)?;
                }
                out.push('}')
            }
        }
    }
}

/// The items or entries of a row's ARRAY or MAP.
pub(super) fn entries(offsets: &OffsetBuffer<i32>, row: usize) -> Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

fn write_scalar(values: &ScalarValues<'_>, place: Place, row: usize, out: &mut Vec<u8>) {
    let with_exponent = match (values, place) {
        (ScalarValues::Decimal(unscaled, scale), Place::Nested) => {
            java_decimal(*scale, || unscaled.value(row).to_string())
        }
        (ScalarValues::WideDecimal(unscaled, scale), Place::Nested) => {
            java_decimal(*scale, || unscaled.value(row).to_string())
        }
        _ => None,
    };
    match (values, with_exponent) {
        (_, Some(text)) => out.extend_from_slice(text.as_bytes()),
        (ScalarValues::Date(days), None) => {
            if let Some(date) = NaiveDate::from_epoch_days(days.value(row)) {
                write_date(date, out);
            }
        }
        (ScalarValues::Time(ms), None) => write_time(ms.value(row), place, out),
        (ScalarValues::Timestamp(ms), None) => write_timestamp(ms.value(row), place, out),
        (other, None) => other.write_text(row, out),
    }
}

/// A DECIMAL as Java writes one, where it has an exponent there: where more than five zeros would stand behind
/// the point.
fn java_decimal(scale: i8, unscaled: impl FnOnce() -> String) -> Option<String> {
    /// The least exponent of a number that is written without one.
    const EXPONENT_MIN: i64 = -6;
    if i64::from(scale) <= -EXPONENT_MIN {
        return None;
    }
    let unscaled = unscaled();
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled.as_str()),
    };
    let exponent = digits.len() as i64 - 1 - i64::from(scale);
    if exponent >= EXPONENT_MIN {
        return None;
    }
    Some(match digits.split_at(1) {
        (first, "") => format!("{sign}{first}E{exponent}"),
        (first, rest) => format!("{sign}{first}.{rest}E{exponent}"),
    })
}

// Writing to a Vec cannot fail, here and below.
fn write_date(date: NaiveDate, out: &mut Vec<u8>) {
    let (year, month, day) = (date.year(), date.month(), date.day());
    let _ = match year {
        0..=9_999 => write!(out, "{year:04}-{month:02}-{day:02}"),
        _ => write!(out, "{year:+05}-{month:02}-{day:02}"),
    };
}

/// `HH:mm:ss`, without the milliseconds; of a value that stands alone also without seconds that are none.
fn write_time(ms: i32, place: Place, out: &mut Vec<u8>) {
    let seconds = ms.rem_euclid(86_400_000) / 1_000;
    let _ = write!(out, "{:02}:{:02}", seconds / 3_600, seconds / 60 % 60);
    if seconds % 60 != 0 || place == Place::Nested {
        let _ = write!(out, ":{:02}", seconds % 60);
    }
}

/// `yyyy-MM-ddTHH:mm:ss.SSS`; inside of others with a space for the T, and of the milliseconds no more digits
/// than say something, but one.
fn write_timestamp(ms: i64, place: Place, out: &mut Vec<u8>) {
    let Some(time) = DateTime::from_timestamp_millis(ms) else { return };
    write_date(time.date_naive(), out);
    let ms = time.timestamp_subsec_millis();
    let (separator, fraction, digits) = match (place, ms) {
        (Place::Alone, ms) => ('T', ms, 3),
        (Place::Nested, ms) if ms % 100 == 0 => (' ', ms / 100, 1),
        (Place::Nested, ms) if ms % 10 == 0 => (' ', ms / 10, 2),
        (Place::Nested, ms) => (' ', ms, 3),
    };
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let _ = write!(out, "{separator}{hour:02}:{minute:02}:{second:02}.{fraction:0digits$}");
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
            ("FROM_UNIXTIME(10005)", "[1970-01-01 00:00:10.005]"),
            ("FROM_UNIXTIME(10050)", "[1970-01-01 00:00:10.05]"),
            ("CAST('0.0000012' AS DECIMAL(9, 7))", "[0.0000012]"),
            ("CAST('-0.00000012' AS DECIMAL(9, 8))", "[-1.2E-7]"),
            ("CAST(0 AS DECIMAL(9, 8))", "[0E-8]"),
            ("12.50", "[12.50]"),
            ("CAST(NULL AS INT)", "[null]"),
            ("MAP('b' := 1, 'a' := 2)", "[{a=2, b=1}]"),
            ("STRUCT(x := ARRAY[1.5], y := CAST(NULL AS INT), z := 'q')", "[Struct{X=[1.5],Z=q}]"),
        ] {
            assert_values(&[(&within(value), "STRING", Some(text))]);
        }
    }
}
