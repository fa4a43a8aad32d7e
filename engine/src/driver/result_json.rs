//! The rows of an answer as JSON, as a record in the JSON format would have them: numbers in their SQL
//! form, BYTES in base 64. Dates and times are written as people write them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::{DateTime, NaiveTime, TimeDelta};
use serde_json::Value;
use tidemill_sql::parser::identifier::quoted_name;
use tidemill_sql::type_system::SqlType;

use crate::error::{Error, Result};
use crate::formats::{EncodedPayloads, Format, RowSelection, Wrapping};
use crate::response::ROLE;

/// The rows of a batch, column by column.
///
/// # Errors
/// A type that JSON does not have.
pub fn rows_to_json(batch: &RecordBatch) -> Result<Vec<Vec<Value>>> {
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let values = column_to_json(field, column)?;
        for (row, value) in rows.iter_mut().zip(values) {
            row.push(value);
        }
    }
    Ok(rows)
}

/// The columns of an answer as SQL has them: `` `ID` INTEGER KEY, `V` STRING ``. As ksqlDB tells them, those
/// from headers stand behind those of the key, wherever they are in a row.
///
/// # Errors
/// A type that SQL has no name for: a bug.
pub fn schema_text(schema: &Schema) -> Result<String> {
    let columns = schema.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Null => "null".to_owned(),
            data_type => SqlType::from_arrow(data_type)?.to_string(),
        };
        let role = field.metadata().get(ROLE).map_or_else(String::new, |role| format!(" {role}"));
        Ok(format!("{} {data_type}{role}", quoted_name(field.name())))
    });
    let mut columns = columns.collect::<Result<Vec<_>>>()?;
    let role = |index: usize| schema.field(index).metadata().get(ROLE).map(String::as_str);
    let place = |index: usize| match role(index) {
        Some("KEY") => 0,
        Some(_) => 1,
        None => 2,
    };
    let has_headers = (0..columns.len()).any(|index| place(index) == 1);
    if has_headers {
        let mut order: Vec<usize> = (0..columns.len()).collect();
        order.sort_by_key(|index| place(*index));
        columns = order.into_iter().map(|index| std::mem::take(&mut columns[index])).collect();
    }
    Ok(columns.join(", "))
}

fn column_to_json(field: &Field, column: &ArrayRef) -> Result<Vec<Value>> {
    if *column.data_type() == DataType::Null {
        return Ok(vec![Value::Null; column.len()]);
    }
    let schema = Arc::new(Schema::new(vec![Field::new(field.name(), column.data_type().clone(), true)]));
    let mut encoder = Format::Json.encoder(&schema, Wrapping::Bare)?;
    let mut payloads = EncodedPayloads::new();
    encoder.encode(std::slice::from_ref(column), RowSelection::Range(0..column.len()), &mut payloads)?;
    let value = |row: usize| match payloads.get(row) {
        Some(payload) => {
            let value = serde_json::from_slice(payload);
            let value = value.map_err(|error| Error::internal(format!("a column is no JSON: {error}")))?;
            Ok(dated(column.data_type(), value))
        }
        None => Ok(Value::Null),
    };
    (0..column.len()).map(value).collect()
}

/// A date or a time in words; any other value as it is.
fn dated(data_type: &DataType, value: Value) -> Value {
    let Some(number) = value.as_i64() else { return value };
    let day_ms = TimeDelta::days(1).num_milliseconds();
    let text = match data_type {
        DataType::Date32 => number
            .checked_mul(day_ms)
            .and_then(DateTime::from_timestamp_millis)
            .map(|date| date.format("%Y-%m-%d").to_string()),
        DataType::Time32(_) => NaiveTime::from_hms_opt(0, 0, 0).map(|midnight| {
            let time = midnight + TimeDelta::milliseconds(number.rem_euclid(day_ms));
            let shown = if number % 1_000 == 0 { "%H:%M:%S" } else { "%H:%M:%S%.3f" };
            time.format(shown).to_string()
        }),
        DataType::Timestamp(..) => DateTime::from_timestamp_millis(number)
            .map(|time| time.format("%Y-%m-%dT%H:%M:%S%.3f").to_string()),
        _ => None,
    };
    text.map_or(value, Value::String)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Decimal128Array, Float64Array, NullArray, StringArray};
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_are_written_as_records_have_them_and_dates_in_words() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("D", Arc::new(Float64Array::from(vec![Some(10.0), None]))),
            ("E", Arc::new(Decimal128Array::from(vec![1_050, 7]).with_precision_and_scale(4, 2).unwrap())),
            ("S", Arc::new(StringArray::from(vec![Some("a"), Some("\"")]))),
            ("T", Arc::new(Date32Array::from(vec![Some(1), None]))),
            ("N", Arc::new(NullArray::new(2))),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        );
        let rows = rows_to_json(&batch.unwrap()).unwrap();
        let text = |row: &Vec<Value>| serde_json::to_string(row).unwrap();
        assert_eq!(text(&rows[0]), r#"[10.0,10.50,"a","1970-01-02",null]"#);
        assert_eq!(rows[1][0], Value::Null);
        assert_eq!(rows[1][2], json!("\""));
    }
}
