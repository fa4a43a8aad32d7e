//! What a schema says of members that a row leaves open.
//!
//! A declaration may name a schema that somebody else has registered. It may give defaults, it may require
//! values, and it may have more members than the declaration has columns. As in ksqlDB a default stands where
//! a column is null or where no column is, and a member that is required needs one of the two.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use serde_json::{Map, Value};

use crate::formats::json::{JsonDecoder, write_json_string};
use crate::formats::{Decoder as _, Wrapping};
use crate::registry::ResolvedSchema;

/// The members of the objects of a schema, for an encoder of columns.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// What becomes of NULL, where it is not written as such: by the column's position.
    pub(super) nulls: Vec<(usize, OnNull)>,
    /// The defaults of members that no column gives, as JSON text, each with a comma in front.
    pub(super) constants: Vec<u8>,
}

/// What becomes of NULL in a column.
#[derive(Debug)]
pub(super) enum OnNull {
    /// The default is written: an array of one value.
    Default(ArrayRef),
    /// The schema does not allow it.
    Refused,
    /// Of a STRUCT: what becomes of NULL in its fields, by their position.
    Within(Vec<(usize, OnNull)>),
}

impl Members {
    /// What the schema of objects says of these columns.
    ///
    /// # Errors
    /// A sentence for the user: a member without a column that has to be there and has no default, or a
    /// default that is no value of its column's type.
    pub(super) fn of(schema: &ResolvedSchema, columns: &Schema) -> Result<Members, String> {
        let root: Value = serde_json::from_str(&schema.definition.text)
            .map_err(|error| format!("the schema is not valid JSON: {error}"))?;
        let Some(object) = object(&root) else { return Ok(Members::default()) };
        let mut constants = Vec::new();
        for (name, property) in properties(object) {
            match default_of(property) {
                _ if columns.column_with_name(name).is_some() => {}
                Some(default) => {
                    constants.push(b',');
                    write_json_string(name, &mut constants);
                    constants.push(b':');
                    constants.extend_from_slice(default.to_string().as_bytes());
                }
                None if must_be(object, name, property) => {
                    return Err(format!(
                        "Missing default value for required field: [{name}]. This field appears in JSON_SR \
                         schema in Schema Registry"
                    ));
                }
                None => {}
            }
        }
        Ok(Members { nulls: nulls(object, columns.fields())?, constants })
    }

    /// Whether rows are written as they would be without a schema.
    pub(super) fn is_empty(&self) -> bool {
        self.nulls.is_empty() && self.constants.is_empty()
    }
}

/// What becomes of NULL in the fields that are members of a schema's objects.
fn nulls(object: &Map<String, Value>, fields: &Fields) -> Result<Vec<(usize, OnNull)>, String> {
    let mut nulls = Vec::new();
    for (name, property) in properties(object) {
        let Some((position, field)) = fields.find(name) else { continue };
        match default_of(property) {
            Some(default) => nulls.push((position, OnNull::Default(value(field, default)?))),
            None if must_be(object, name, property) => nulls.push((position, OnNull::Refused)),
            None => {}
        }
        if let (DataType::Struct(fields), Some(object)) = (field.data_type(), self::object(property)) {
            let within = self::nulls(object, fields)?;
            if !within.is_empty() {
                nulls.push((position, OnNull::Within(within)));
            }
        }
    }
    Ok(nulls)
}

fn properties(object: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// Whether a member must be there and not null.
fn must_be(object: &Map<String, Value>, name: &str, property: &Value) -> bool {
    let required = object.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|known| known == name)) && !allows_null(property)
}

/// The schema of objects: the given one, or what it is besides null.
fn object(root: &Value) -> Option<&Map<String, Value>> {
    let has_properties = |schema: &&Map<String, Value>| schema.contains_key("properties");
    let root = root.as_object()?;
    Some(root)
        .filter(has_properties)
        .or_else(|| choices(root)?.filter_map(Value::as_object).find(has_properties))
}

/// What a value may be one of.
fn choices(schema: &Map<String, Value>) -> Option<std::slice::Iter<'_, Value>> {
    let choices = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    Some(choices.as_array()?.iter())
}

fn allows_null(property: &Value) -> bool {
    let Some(schema) = property.as_object() else { return false };
    let own = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().any(|name| name == "null"),
        Some(name) => name == "null",
        None => false,
    };
    own || choices(schema).is_some_and(|mut choices| choices.any(allows_null))
}

/// The default of a member: its own, or that of what it is besides null.
fn default_of(property: &Value) -> Option<&Value> {
    let schema = property.as_object()?;
    let of_choice = || choices(schema)?.find_map(|choice| choice.get("default"));
    schema.get("default").or_else(of_choice).filter(|default| !default.is_null())
}

/// A default as the only value of a column.
fn value(column: &Field, default: &Value) -> Result<ArrayRef, String> {
    let unfit =
        |reason: &str| format!("the default of '{}' in the schema does not fit: {reason}", column.name());
    let schema = Schema::new(vec![column.clone()]);
    let mut decoder =
        JsonDecoder::new(&schema, &[0], Wrapping::Bare).map_err(|error| unfit(&error.message))?;
    let mut rejections = Vec::new();
    let text = default.to_string();
    let decoded =
        decoder.decode(&[Some(text.as_bytes())], &mut rejections).map_err(|error| unfit(&error.message))?;
    match (rejections.first(), decoded.columns.into_iter().next()) {
        (None, Some(column)) => Ok(column),
        (rejection, _) => {
            Err(unfit(rejection.map_or("it is no value", |rejection| rejection.reason.as_str())))
        }
    }
}
