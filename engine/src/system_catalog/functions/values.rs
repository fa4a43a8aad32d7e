//! Functions on values that Postgres has and DataFusion has not.

use std::sync::Arc;

use arrow::array::StructArray;
use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;

use super::Declaration;
use super::names::{invalid, literal};
use super::native::{Arguments, Outcome, ResultType, number, numbered_fields, text};
use crate::system_catalog::knowledge::{Knowledge, quoted};
use crate::system_catalog::postgres_type::{sql_name, type_modifier, type_oid};

pub(super) const FUNCTIONS: &[Declaration] = &[
    ("array_lower", ResultType::Int4, array_lower),
    ("array_upper", ResultType::Int4, array_upper),
    ("array_text", ResultType::Text, array_text),
    ("format", ResultType::Text, format_text),
    ("pg_typeof", ResultType::Text, type_of),
    ("json_build_object", ResultType::Text, json_object),
    ("expand_array", ResultType::Numbered, expand_array),
];

fn array_lower(_: &Knowledge, arguments: &Arguments) -> Outcome {
    number(first_dimension(arguments).map(|_| 1))
}

fn array_upper(_: &Knowledge, arguments: &Arguments) -> Outcome {
    number(first_dimension(arguments).and_then(|length| i64::try_from(length).ok()))
}

/// Elements of a list that is not empty, where its first dimension is asked for: lists have one only.
fn first_dimension(arguments: &Arguments) -> Option<usize> {
    arguments
        .elements(0)
        .map(|elements| elements.len())
        .filter(|length| *length > 0 && arguments.number(1) == Some(1))
}

/// A list as Postgres writes it: what comparisons with texts like `'{0}'` compare.
fn array_text(_: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(elements) = arguments.elements(0) else {
        return text(arguments.text(0));
    };
    let elements: Vec<String> = elements
        .into_iter()
        .map(|element| if element.is_null() { "NULL".to_owned() } else { element.to_string() })
        .collect();
    text(Some(format!("{{{}}}", elements.join(","))))
}

/// `format('%s FROM %I', …)`: texts, names and strings of SQL put into a text.
fn format_text(_: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(template) = arguments.text(0) else {
        return text(None::<String>);
    };
    let mut result = String::with_capacity(template.len());
    let mut next_argument = 1;
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        let specifier = characters.next().ok_or_else(|| invalid("unterminated format() type specifier"))?;
        if specifier == '%' {
            result.push('%');
            continue;
        }
        if next_argument >= arguments.len() {
            return Err(invalid("too few arguments for format()"));
        }
        let value = arguments.text(next_argument);
        next_argument += 1;
        match specifier {
            's' => result.push_str(&value.unwrap_or_default()),
            'I' => match value {
                Some(name) => result.push_str(&quoted(&name)),
                None => return Err(invalid("null values cannot be formatted as an SQL identifier")),
            },
            'L' => result.push_str(&value.map_or_else(|| "NULL".to_owned(), |value| literal(&value))),
            other => return Err(invalid(format_args!("unrecognized format() type specifier \"{other}\""))),
        }
    }
    text(Some(result))
}

/// `json_build_object('name', value, …)`.
fn json_object(_: &Knowledge, arguments: &Arguments) -> Outcome {
    let mut object = serde_json::Map::new();
    for index in (0..arguments.len()).step_by(2) {
        let Some(name) = arguments.text(index) else {
            return Err(invalid("a name of json_build_object is null"));
        };
        let value = match arguments.get(index + 1) {
            Some(ScalarValue::Boolean(Some(value))) => (*value).into(),
            Some(value) if value.data_type().is_integer() => arguments.number(index + 1).into(),
            _ => arguments.text(index + 1).into(),
        };
        object.insert(name, value);
    }
    text(Some(serde_json::Value::Object(object).to_string()))
}

/// The elements of a list with their positions, as `information_schema._pg_expandarray` gives them.
fn expand_array(_: &Knowledge, arguments: &Arguments) -> Outcome {
    let Some(list) = arguments.get(0) else {
        return Ok(ScalarValue::Null);
    };
    let fields = numbered_fields(&[list.data_type()]);
    let rows = arguments
        .elements(0)
        .unwrap_or_default()
        .into_iter()
        .zip(1_i32..)
        .map(|(element, position)| {
            let columns = vec![element.to_array()?, ScalarValue::Int32(Some(position)).to_array()?];
            Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(fields.clone(), columns, None)?)))
        })
        .collect::<datafusion::common::Result<Vec<_>>>()?;
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&rows, &DataType::Struct(fields))))
}

fn type_of(_: &Knowledge, arguments: &Arguments) -> Outcome {
    text(arguments.get(0).and_then(|value| {
        let data_type = value.data_type();
        sql_name(type_oid(&data_type), type_modifier(&data_type))
    }))
}
