//! ARRAY_JOIN: elements as one text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;
use crate::functions::cast_text::text_of;
use crate::functions::elements::Elements;

/// What stands between the elements unless something else is asked for.
const DELIMITER: &str = ",";

pub(super) fn join(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let Some(array) = columns.first() else { return exec_err!("the elements of an ARRAY are joined") };
    let delimiters = columns.get(1).map(|delimiters| delimiters.as_string::<i32>());
    let elements = Elements::of(array)?;
    let values = &elements.columns[0];
    let has_text = has_text(values.data_type());
    let mut texts = StringBuilder::new();
    let mut text = String::new();
    for row in 0..array.len() {
        let mut joined = elements.range(row);
        if array.is_null(row) {
            texts.append_null();
            continue;
        }
        if !has_text && joined.clone().any(|element| values.is_valid(element)) {
            failures::note(|| format!("elements of type {} cannot be joined", values.data_type()));
            texts.append_null();
            continue;
        }
        let delimiter = match delimiters {
            None => DELIMITER,
            Some(delimiters) if delimiters.is_null(row) => "",
            Some(delimiters) => delimiters.value(row),
        };
        text.clear();
        if let Some(first) = joined.next() {
            text.push_str(&text_of(values, first, true).unwrap_or_default());
        }
        for element in joined {
            text.push_str(delimiter);
            text.push_str(&text_of(values, element, true).unwrap_or_default());
        }
        texts.append_value(&text);
    }
    Ok(Arc::new(texts.finish()))
}

/// Whether values of a type can be joined: numbers, text and truth values.
fn has_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Boolean | DataType::Utf8) || data_type.is_numeric()
}
