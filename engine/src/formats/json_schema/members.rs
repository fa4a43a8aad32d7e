//! What a schema says of members that a row leaves open.
//!
//! A declaration may name a schema that somebody else has registered. It may give defaults, it may require
//! values, and it may have more members than the declaration has columns. As in ksqlDB a default stands where
//! a column is null or where no column is, and a member that is required needs one of the two, or null where
//! the schema allows that. Where a member is neither required nor may be null, it is left out instead: readers
//! that hold what they read against the schema would refuse the null that ksqlDB writes.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Fields, Schema};
use serde_json::{Map, Value};

use super::documents::{Documents, Place};
use super::nullability::allows_null;
use crate::formats::json::{JsonDecoder, write_json_string};
use crate::formats::{Decoder as _, Wrapping};
use crate::registry::ResolvedSchema;

/// The members of the objects of a schema, for an encoder of columns.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// What becomes of NULL, where it is not written as such: by the column's position.
    pub(super) nulls: Vec<(usize, OnNull)>,
    /// The members that no column gives, with their defaults or null, as JSON text, each with a comma in front.
    pub(super) constants: Vec<u8>,
}

/// What becomes of NULL in a column.
#[derive(Debug)]
pub(super) enum OnNull {
    /// The default is written: an array of one value.
    Default(ArrayRef),
    /// The schema does not allow it.
    Refused,
    /// The member is left out.
    Omitted,
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
        let documents = Documents::parse(schema)?;
        let Some(object) = Object::at(&documents, documents.root()) else { return Ok(Members::default()) };
        let mut constants = Vec::new();
        for (name, property) in object.properties() {
            if columns.column_with_name(name).is_some() {
                continue;
            }
            let constant = match object.default_of(property) {
                Some(default) => default.to_string(),
                None if !object.names_required(name) => continue,
                None if allows_null(&documents, property) => "null".to_owned(),
                None => {
                    return Err(format!(
                        "Missing default value for required field: [{name}]. This field appears in JSON_SR \
                         schema in Schema Registry"
                    ));
                }
            };
            constants.push(b',');
            write_json_string(name, &mut constants);
            constants.push(b':');
            constants.extend_from_slice(constant.as_bytes());
        }
        Ok(Members { nulls: object.nulls(columns.fields())?, constants })
    }

    /// The members that are left out where they are null: the positions that lead to each.
    pub(super) fn omitted(&self) -> Vec<Vec<usize>> {
        let mut paths = Vec::new();
        add_omitted(&self.nulls, &mut Vec::new(), &mut paths);
        paths
    }

    /// Whether rows are written as they would be without a schema.
    pub(super) fn is_empty(&self) -> bool {
        self.nulls.is_empty() && self.constants.is_empty()
    }
}

/// The schema of objects, where it stands.
struct Object<'s> {
    documents: &'s Documents,
    place: Place<'s>,
    schema: &'s Map<String, Value>,
}

impl<'s> Object<'s> {
    /// The schema of objects there: the one that stands there itself, or what it is besides null.
    fn at(documents: &'s Documents, place: Place<'s>) -> Option<Object<'s>> {
        let of_objects = |place: Place<'s>| {
            let place = documents.followed(place)?;
            let schema = place.schema.as_object().filter(|schema| schema.contains_key("properties"))?;
            Some(Object { documents, place, schema })
        };
        let place = documents.followed(place)?;
        of_objects(place)
            .or_else(|| choices(place.schema).find_map(|choice| of_objects(place.beside(choice))))
    }

    fn properties(&self) -> impl Iterator<Item = (&'s String, Place<'s>)> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        let place = self.place;
        properties.into_iter().flatten().map(move |(name, property)| (name, place.beside(property)))
    }

    /// What becomes of NULL in the fields that are members.
    fn nulls(&self, fields: &Fields) -> Result<Vec<(usize, OnNull)>, String> {
        let mut nulls = Vec::new();
        for (name, property) in self.properties() {
            let Some((position, field)) = fields.find(name) else { continue };
            match self.default_of(property) {
                Some(default) => nulls.push((position, OnNull::Default(value(field, default)?))),
                None if allows_null(self.documents, property) => {}
                None if self.names_required(name) => nulls.push((position, OnNull::Refused)),
                None => nulls.push((position, OnNull::Omitted)),
            }
            if let (DataType::Struct(fields), Some(object)) =
                (field.data_type(), Object::at(self.documents, property))
            {
                let within = object.nulls(fields)?;
                if !within.is_empty() {
                    nulls.push((position, OnNull::Within(within)));
                }
            }
        }
        Ok(nulls)
    }

    /// Whether a member must be there, if only as null.
    fn names_required(&self, name: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|known| known == name))
    }

    /// The default of a member: its own, or that of what it stands for, or of what that is besides null.
    fn default_of(&self, property: Place<'s>) -> Option<&'s Value> {
        let own = property.schema.get("default");
        let of_target = || {
            let target = self.documents.followed(property)?.schema;
            target.get("default").or_else(|| choices(target).find_map(|choice| choice.get("default")))
        };
        own.or_else(of_target).filter(|default| !default.is_null())
    }
}

/// Adds the positions that lead to members which are left out; `path` leads to the given ones.
fn add_omitted(nulls: &[(usize, OnNull)], path: &mut Vec<usize>, paths: &mut Vec<Vec<usize>>) {
    for (position, on_null) in nulls {
        path.push(*position);
        match on_null {
            OnNull::Omitted => paths.push(path.clone()),
            OnNull::Within(nulls) => add_omitted(nulls, path, paths),
            OnNull::Default(_) | OnNull::Refused => {}
        }
        path.pop();
    }
}

/// What a value may be one of.
fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    let choices = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    choices.and_then(Value::as_array).into_iter().flatten()
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
