//! JSON arrays: their length, their elements.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, StringBuilder};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::{Result, exec_err};

use super::{parse, written};
use crate::formats::{JsonKind, JsonValue};
use crate::functions::elements::{nulls_of, offsets_of};

pub(super) fn length(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [texts] = columns else { return exec_err!("one text has a length") };
    let lengths: Int32Array = texts
        .as_string::<i32>()
        .iter()
        .map(|text| i32::try_from(parse(text?)?.elements()?.count()).ok())
        .collect();
    Ok(Arc::new(lengths))
}

pub(super) fn items(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let ([texts], DataType::List(item)) = (columns, data_type) else {
        return exec_err!("the items of one text are an ARRAY");
    };
    let texts = texts.as_string::<i32>();
    let mut items = StringBuilder::new();
    let mut lengths = Vec::with_capacity(texts.len());
    let mut valid = Vec::with_capacity(texts.len());
    for text in texts {
        let objects = text.and_then(parse).and_then(objects);
        lengths.push(objects.as_ref().map_or(0, Vec::len));
        valid.push(objects.is_some());
        objects.into_iter().flatten().for_each(|object| items.append_value(object));
    }
    let items = Arc::new(items.finish());
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets_of(&lengths)?, items, nulls_of(valid))?))
}

/// The elements of an array of objects as JSON; `None` for other values.
fn objects(array: JsonValue<'_>) -> Option<Vec<String>> {
    let elements = array.elements()?;
    elements.map(|element| if element.kind() == JsonKind::Object { written(element) } else { None }).collect()
}

pub(super) fn contains(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [texts, values] = columns else { return exec_err!("a value is looked for in a text") };
    let wanted = |row: usize| Wanted::of(values, row);
    let found: BooleanArray = texts
        .as_string::<i32>()
        .iter()
        .enumerate()
        .map(|(row, text)| {
            let Some(mut elements) = JsonValue::parse(text?).and_then(|value| value.elements()) else {
                return Some(false);
            };
            let wanted = wanted(row);
            Some(elements.any(|element| wanted.is(&element)))
        })
        .collect();
    Ok(Arc::new(found))
}

/// A value that is looked for.
enum Wanted<'a> {
    Null,
    Boolean(bool),
    Whole(i64),
    Double(f64),
    Text(&'a str),
    /// JSON has no such values.
    Other,
}

impl<'a> Wanted<'a> {
    fn of(values: &'a ArrayRef, row: usize) -> Wanted<'a> {
        if values.is_null(row) {
            return Wanted::Null;
        }
        match values.data_type() {
            DataType::Null => Wanted::Null,
            DataType::Boolean => Wanted::Boolean(values.as_boolean().value(row)),
            DataType::Int32 => Wanted::Whole(values.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Wanted::Whole(values.as_primitive::<Int64Type>().value(row)),
            DataType::Float64 => Wanted::Double(values.as_primitive::<Float64Type>().value(row)),
            DataType::Utf8 => Wanted::Text(values.as_string::<i32>().value(row)),
            _ => Wanted::Other,
        }
    }

    /// Whole numbers are whole in JSON too, and DOUBLEs are written with a point or an exponent.
    fn is(&self, element: &JsonValue<'_>) -> bool {
        let is_whole = |number: &str| !number.contains(['.', 'e', 'E']);
        match self {
            Wanted::Null => element.kind() == JsonKind::Null,
            Wanted::Boolean(wanted) => element.kind() == JsonKind::Boolean(*wanted),
            Wanted::Whole(wanted) => element.number().is_some_and(|number| number.parse() == Ok(*wanted)),
            Wanted::Double(wanted) => element
                .number()
                .filter(|number| !is_whole(number))
                .is_some_and(|number| number.parse() == Ok(*wanted)),
            Wanted::Text(wanted) => element.string().is_some_and(|text| text == *wanted),
            Wanted::Other => false,
        }
    }
}
