//! The columns that a JSON Schema describes: what inference reads out of a schema.
//!
//! The rules are those of Confluent's converter: an integer is a BIGINT and a number a DOUBLE unless
//! `connect.type` says otherwise; one of null and a type is the type; one of several types is a STRUCT
//! with a field for each. What SQL has no type for is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tidemill_sql::type_system::{SqlType, StructField};

use super::documents::{Documents, Place};
use crate::formats::Wrapping;
use crate::formats::schema_format::PayloadShape;
use crate::registry::ResolvedSchema;

/// Depth of schemas inside each other, references followed.
const DEPTH_MAX: usize = 32;

/// Schemas looked at in all: references may lead to the same schema many times over.
const VISITS_MAX: usize = 10_000;

/// Digits of a decimal that does not tell how many it has, as Kafka Connect takes it.
const DECIMAL_PRECISION: u64 = 64;

/// The name of the fields of a STRUCT that stands for one of several types.
const ONE_OF_FIELD: &str = "io.confluent.connect.json.OneOf.field.";

/// See [`SchemaFormat::columns_of`](crate::formats::schema_format::SchemaFormat::columns_of).
pub(super) fn columns(schema: &ResolvedSchema, shape: &PayloadShape) -> Result<Vec<StructField>, String> {
    let documents = Documents::parse(schema)?;
    let mut reading = Reading { documents: &documents, visits: 0, followed: Vec::new() };
    let found = reading.sql_type(documents.root(), 0);
    if shape.wrapping == Wrapping::Bare {
        let data_type = found.ok_or("Unsupported type at root of schema")?;
        return Ok(vec![StructField::new(shape.bare_name(), data_type)]);
    }
    match found {
        Some(SqlType::Struct(columns)) => Ok(columns),
        Some(_) => Err("Schema returned from schema registry is anonymous type. To use this schema with \
                        ksqlDB, set 'WRAP_SINGLE_VALUE=false' in the WITH clause properties."
            .to_owned()),
        None => Err("Schema does not include any columns with types that ksqlDB supports.".to_owned()),
    }
}

struct Reading<'s> {
    documents: &'s Documents,
    visits: usize,
    /// What the references lead to that are being followed: a schema that contains itself has no type.
    followed: Vec<&'s Value>,
}

impl<'s> Reading<'s> {
    /// The SQL type of a schema; `None` where there is none.
    fn sql_type(&mut self, place: Place<'s>, depth: usize) -> Option<SqlType> {
        self.visits += 1;
        if depth > DEPTH_MAX || self.visits > VISITS_MAX {
            return None;
        }
        if let Some(reference) = place.reference() {
            let target = self.documents.resolve(reference, place)?;
            let is_same = |known: &Value| std::ptr::eq(known, target.schema);
            if is_same(self.documents.root().schema) || self.followed.iter().copied().any(is_same) {
                return None;
            }
            self.followed.push(target.schema);
            let found = self.sql_type(target, depth + 1);
            self.followed.pop();
            return found;
        }
        let schema = place.schema.as_object()?;
        for word in ["oneOf", "anyOf"] {
            if let Some(choices) = schema.get(word).and_then(Value::as_array) {
                return self.one_of(choices, place, depth);
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.all_of(schema, parts, place, depth);
        }
        match type_name(schema)? {
            "boolean" => Some(SqlType::Boolean),
            "string" => Some(match text(schema, "connect.type") {
                Some("bytes") => SqlType::Bytes,
                _ => SqlType::String,
            }),
            "integer" => number(schema, SqlType::Bigint),
            "number" => number(schema, SqlType::Double),
            "array" => self.array(schema, place, depth),
            "object" => self.object(schema, place, depth),
            _ => None,
        }
    }

    fn array(&mut self, schema: &'s Map<String, Value>, place: Place<'s>, depth: usize) -> Option<SqlType> {
        let items = schema.get("items")?;
        if text(schema, "connect.type") == Some("map")
            && let Some(entry) = items.get("properties").and_then(Value::as_object)
        {
            let key = self.sql_type(place.beside(entry.get("key")?), depth + 1)?;
            let value = self.sql_type(place.beside(entry.get("value")?), depth + 1)?;
            // Keys that are numbers or truth values are read as text.
            let is_key =
                matches!(key, SqlType::String | SqlType::Boolean | SqlType::Integer | SqlType::Bigint);
            return is_key.then(|| SqlType::map(SqlType::String, value));
        }
        Some(SqlType::array(self.sql_type(place.beside(items), depth + 1)?))
    }

    fn object(&mut self, schema: &'s Map<String, Value>, place: Place<'s>, depth: usize) -> Option<SqlType> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let additional = schema.get("additionalProperties").filter(|additional| additional.is_object());
        let is_map = text(schema, "connect.type") == Some("map");
        if let Some(additional) = additional
            && (is_map || properties.is_none_or(Map::is_empty))
        {
            return Some(SqlType::map(SqlType::String, self.sql_type(place.beside(additional), depth + 1)?));
        }
        let mut fields = BTreeMap::new();
        for (name, property) in properties? {
            let index = property.get("connect.index").and_then(Value::as_u64);
            let position = index.and_then(|index| usize::try_from(index).ok()).unwrap_or(fields.len());
            if let Some(data_type) = self.sql_type(place.beside(property), depth + 1) {
                // Two with the same position: both stay, the later one behind.
                fields.insert((position, fields.len()), StructField::new(name, data_type));
            }
        }
        (!fields.is_empty()).then(|| SqlType::Struct(fields.into_values().collect()))
    }

    fn one_of(&mut self, choices: &'s [Value], place: Place<'s>, depth: usize) -> Option<SqlType> {
        let mut values = choices.iter().filter(|choice| type_of(choice) != Some("null"));
        if let (Some(only), None) = (values.next(), values.next()) {
            return self.sql_type(place.beside(only), depth + 1);
        }
        let fields: Vec<StructField> = choices
            .iter()
            .filter(|choice| type_of(choice) != Some("null"))
            .enumerate()
            .filter_map(|(index, choice)| {
                let data_type = self.sql_type(place.beside(choice), depth + 1)?;
                Some(StructField::new(format!("{ONE_OF_FIELD}{index}"), data_type))
            })
            .collect();
        (!fields.is_empty()).then_some(SqlType::Struct(fields))
    }

    /// The fields of all parts that are objects; else the first part that has a type.
    fn all_of(
        &mut self,
        schema: &'s Map<String, Value>,
        parts: &'s [Value],
        place: Place<'s>,
        depth: usize,
    ) -> Option<SqlType> {
        let mut fields: Vec<StructField> = Vec::new();
        let mut scalar = None;
        let own = if schema.contains_key("properties") { self.object(schema, place, depth) } else { None };
        let mut found: Vec<SqlType> = own.into_iter().collect();
        found.extend(parts.iter().filter_map(|part| self.sql_type(place.beside(part), depth + 1)));
        for data_type in found {
            match data_type {
                SqlType::Struct(of_part) => {
                    for field in of_part {
                        if fields.iter().all(|known| known.name != field.name) {
                            fields.push(field);
                        }
                    }
                }
                other => scalar = scalar.or(Some(other)),
            }
        }
        if fields.is_empty() { scalar } else { Some(SqlType::Struct(fields)) }
    }
}

/// The type of a schema that names one, or one besides null; an enum without a type is one of texts.
fn type_name(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => Some(name),
        Some(Value::Array(names)) => {
            let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            let first = names.next()?;
            names.next().is_none().then_some(first)
        }
        None if schema.contains_key("enum") => Some("string"),
        None if schema.contains_key("properties") => Some("object"),
        _ => None,
    }
}

fn type_of(schema: &Value) -> Option<&str> {
    schema.get("type").and_then(Value::as_str)
}

/// The type of a number: as `connect.type` and the title say, or the given one.
fn number(schema: &Map<String, Value>, otherwise: SqlType) -> Option<SqlType> {
    let logical =
        text(schema, "title").and_then(|title| title.strip_prefix("org.apache.kafka.connect.data."));
    Some(match (text(schema, "connect.type"), logical) {
        (Some("bytes"), _) => {
            let parameter = |name: &str| -> Option<u64> {
                schema.get("connect.parameters")?.get(name)?.as_str()?.parse().ok()
            };
            let precision = parameter("connect.decimal.precision").unwrap_or(DECIMAL_PRECISION);
            SqlType::decimal(precision, parameter("scale").unwrap_or(0)).ok()?
        }
        (Some("int32"), Some("Date")) => SqlType::Date,
        (Some("int32"), Some("Time")) => SqlType::Time,
        (Some("int64"), Some("Timestamp")) => SqlType::Timestamp,
        (Some("int8" | "int16" | "int32"), _) => SqlType::Integer,
        (Some("int64"), _) => SqlType::Bigint,
        (Some("float32" | "float64"), _) => SqlType::Double,
        _ => otherwise,
    })
}

fn text<'a>(schema: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    schema.get(name).and_then(Value::as_str)
}
