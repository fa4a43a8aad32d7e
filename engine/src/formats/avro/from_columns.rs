//! The Avro schema that columns are written with, as Kafka Connect's converter writes it for ksqlDB.
//!
//! Every column is a union with null, null first and the default; STRUCTs are records named by their
//! path; a MAP is an array of its entries, because ksqlDB's keys may be null and Avro's may not. Logical
//! types carry Connect's names beside Avro's, so that Connect's sinks read the same types.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use serde_json::{Map, Value, json};

use super::names;
use crate::formats::schema_format::PayloadShape;
use crate::formats::sql_type::base_type_name;
use crate::formats::{RecordPart, Wrapping};

/// The parts of a map's entry, in the names of records inside it.
const MAP_KEY: &str = "MapKey";
const MAP_VALUE: &str = "MapValue";

/// The text of the schema.
///
/// # Errors
/// A sentence for the user: a name that Avro does not allow.
pub(super) fn text(columns: &Schema, shape: &PayloadShape) -> Result<String, String> {
    let root = match (&shape.full_name, shape.part) {
        (Some(name), _) => name.clone(),
        (None, RecordPart::Key) => names::key_record(&shape.source),
        (None, RecordPart::Value) => names::value_record(),
    };
    let root = Place { path: root, inside_record: false };
    let schema = match (shape.wrapping, columns.fields().as_ref()) {
        (Wrapping::Bare, [column]) => type_of(column.data_type(), &root)?,
        _ => record(columns.fields().iter().map(|field| field.as_ref()), &root)?,
    };
    Ok(schema.to_string())
}

/// Where a type stands in the schema.
struct Place {
    /// The full name of a record that stands here.
    path: String,
    /// A record around it has told the namespace.
    inside_record: bool,
}

impl Place {
    fn within(&self, step: &str) -> Place {
        Place { path: format!("{}_{}", self.path, names::field_name(step)), inside_record: true }
    }
}

/// The type itself, without null.
fn type_of(data_type: &DataType, place: &Place) -> Result<Value, String> {
    Ok(match data_type {
        DataType::Boolean => json!("boolean"),
        DataType::Int32 => json!("int"),
        DataType::Int64 => json!("long"),
        DataType::Float64 => json!("double"),
        DataType::Utf8 => json!("string"),
        DataType::Binary => json!("bytes"),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => json!({
            "type": "bytes",
            "scale": scale,
            "precision": precision,
            "connect.version": 1,
            "connect.parameters": {
                "scale": scale.to_string(),
                "connect.decimal.precision": precision.to_string(),
            },
            "connect.name": "org.apache.kafka.connect.data.Decimal",
            "logicalType": "decimal",
        }),
        DataType::Date32 => connect_type("int", "Date", "date"),
        DataType::Time32(TimeUnit::Millisecond) => connect_type("int", "Time", "time-millis"),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            connect_type("long", "Timestamp", "timestamp-millis")
        }
        DataType::List(items) => json!({ "type": "array", "items": nullable(items.data_type(), place)? }),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => map(&fields[0], &fields[1], place)?,
            other => return Err(unsupported(other)),
        },
        DataType::Struct(fields) => record(fields.iter().map(|field| field.as_ref()), place)?,
        other => return Err(unsupported(other)),
    })
}

/// A union with null.
fn nullable(data_type: &DataType, place: &Place) -> Result<Value, String> {
    Ok(json!(["null", type_of(data_type, place)?]))
}

fn record<'a>(fields: impl Iterator<Item = &'a Field>, place: &Place) -> Result<Value, String> {
    let mut record = declaration(place)?;
    let fields = fields
        .map(|field| {
            let name = names::field_name(field.name());
            nullable_field(&name, field.data_type(), &place.within(field.name()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    record.insert("fields".to_owned(), Value::Array(fields));
    record.insert("connect.name".to_owned(), json!(place.path));
    Ok(Value::Object(record))
}

/// A field of a record.
fn nullable_field(name: &str, data_type: &DataType, place: &Place) -> Result<Value, String> {
    names::check(name)?;
    Ok(json!({ "name": name, "type": nullable(data_type, place)?, "default": null }))
}

fn map(key: &Field, value: &Field, place: &Place) -> Result<Value, String> {
    let mut entry = declaration(place)?;
    let fields = vec![
        nullable_field("key", key.data_type(), &place.within(MAP_KEY))?,
        nullable_field("value", value.data_type(), &place.within(MAP_VALUE))?,
    ];
    entry.insert("fields".to_owned(), Value::Array(fields));
    entry.insert("connect.internal.type".to_owned(), json!("MapEntry"));
    Ok(json!({ "type": "array", "items": entry, "connect.name": place.path }))
}

/// The head of a record.
fn declaration(place: &Place) -> Result<Map<String, Value>, String> {
    let (namespace, name) = match place.path.rsplit_once('.') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, place.path.as_str()),
    };
    names::check(name)?;
    let mut record = Map::new();
    record.insert("type".to_owned(), json!("record"));
    record.insert("name".to_owned(), json!(name));
    if let Some(namespace) = namespace.filter(|_| !place.inside_record) {
        record.insert("namespace".to_owned(), json!(namespace));
    }
    Ok(record)
}

/// A type that Avro has no kind of its own for, with the name that Kafka Connect knows it by.
fn connect_type(kind: &str, connect: &str, logical: &str) -> Value {
    json!({
        "type": kind,
        "connect.version": 1,
        "connect.name": format!("org.apache.kafka.connect.data.{connect}"),
        "logicalType": logical,
    })
}

fn unsupported(data_type: &DataType) -> String {
    format!("The 'AVRO' format does not support type '{}'", base_type_name(data_type))
}
