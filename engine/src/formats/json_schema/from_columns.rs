//! The JSON Schema that columns are written with, as Confluent's converter writes it for Kafka Connect.
//!
//! Every column is one of null and its type; `connect.index` keeps the order of columns, which members
//! of an object do not have, and `connect.type` the types that JSON does not tell apart. In one point
//! this departs from the converter: a MAP is an object, as it is in JSON everywhere else, and not an array
//! of its entries.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::{Map, Value, json};

use crate::formats::Wrapping;
use crate::formats::sql_type::base_type_name;

/// The text of the schema.
///
/// # Errors
/// A sentence for the user: a type that JSON Schema does not have here.
pub(super) fn text(columns: &Schema, wrapping: Wrapping) -> Result<String, String> {
    let schema = match (wrapping, columns.fields().as_ref()) {
        (Wrapping::Bare, [column]) => optional(column.data_type(), None)?,
        _ => object(columns.fields().iter().map(|field| field.as_ref()))?,
    };
    Ok(schema.to_string())
}

/// Null or a type; `index` is the column's place in its object.
fn optional(data_type: &DataType, index: Option<usize>) -> Result<Value, String> {
    let mut schema = Map::new();
    if let Some(index) = index {
        schema.insert("connect.index".to_owned(), json!(index));
    }
    schema.insert("oneOf".to_owned(), json!([{ "type": "null" }, type_of(data_type)?]));
    Ok(Value::Object(schema))
}

fn type_of(data_type: &DataType) -> Result<Value, String> {
    Ok(match data_type {
        DataType::Boolean => json!({ "type": "boolean" }),
        DataType::Int32 => json!({ "type": "integer", "connect.type": "int32" }),
        DataType::Int64 => json!({ "type": "integer", "connect.type": "int64" }),
        DataType::Float64 => json!({ "type": "number", "connect.type": "float64" }),
        DataType::Utf8 => json!({ "type": "string" }),
        DataType::Binary => json!({ "type": "string", "connect.type": "bytes" }),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => json!({
            "type": "number",
            "title": "org.apache.kafka.connect.data.Decimal",
            "connect.version": 1,
            "connect.type": "bytes",
            "connect.parameters": {
                "scale": scale.to_string(),
                "connect.decimal.precision": precision.to_string(),
            },
        }),
        DataType::Date32 => logical("Date", "int32"),
        DataType::Time32(TimeUnit::Millisecond) => logical("Time", "int32"),
        DataType::Timestamp(TimeUnit::Millisecond, _) => logical("Timestamp", "int64"),
        DataType::List(items) => json!({ "type": "array", "items": optional(items.data_type(), None)? }),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => json!({
                "type": "object",
                "connect.type": "map",
                "additionalProperties": optional(fields[1].data_type(), None)?,
            }),
            other => return Err(unsupported(other)),
        },
        DataType::Struct(fields) => object(fields.iter().map(|field| field.as_ref()))?,
        other => return Err(unsupported(other)),
    })
}

fn object<'a>(fields: impl Iterator<Item = &'a Field>) -> Result<Value, String> {
    let mut properties = Map::new();
    for (index, field) in fields.enumerate() {
        properties.insert(field.name().clone(), optional(field.data_type(), Some(index))?);
    }
    Ok(json!({ "type": "object", "properties": properties }))
}

fn logical(name: &str, connect_type: &str) -> Value {
    json!({
        "type": "integer",
        "title": format!("org.apache.kafka.connect.data.{name}"),
        "connect.version": 1,
        "connect.type": connect_type,
    })
}

fn unsupported(data_type: &DataType) -> String {
    format!("The 'JSON_SR' format does not support type '{}'", base_type_name(data_type))
}
