//! ARRAY_JOIN: elements as one text.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;
use crate::functions::arguments::texts;
use crate::functions::cast_text::TextValues;
use crate::functions::elements::Elements;

/// What stands between the elements unless something else is asked for.
const DELIMITER: &str = ",";

pub(super) fn join(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let Some(array) = columns.first() else { return exec_err!("the elements of an ARRAY are joined") };
    let delimiters = columns.get(1).map(|delimiters| delimiters.as_string::<i32>());
    let elements = Elements::of(array)?;
    let column = &elements.columns[0];
    let values = TextValues::of(column);
    let has_text = has_text(column.data_type());
    texts(array.len(), |row, out| {
        if array.is_null(row) {
            return None;
        }
        let joined = elements.range(row);
        if !has_text && joined.clone().any(|element| column.is_valid(element)) {
            failures::note(|| format!("elements of type {} cannot be joined", column.data_type()));
            return None;
        }
        let delimiter = match delimiters {
            None => DELIMITER,
            Some(delimiters) if delimiters.is_null(row) => "",
            Some(delimiters) => delimiters.value(row),
        };
        for (index, element) in joined.enumerate() {
            out.push_str(if index > 0 { delimiter } else { "" })?;
            values.write_nested(element, out)?;
        }
        Some(())
    })
}

/// Whether values of a type can be joined: numbers, text and truth values.
fn has_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Boolean | DataType::Utf8) || data_type.is_numeric()
}
