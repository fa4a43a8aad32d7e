//! JSON Schema: read, written in one form, and held against each other.
//!
//! A schema is a list of nodes that name each other by their places, so that one that refers to itself, or
//! through many others, is as flat as any. What validation does with data is not done here; nodes hold
//! what decides whether one schema takes all data of another.

mod addresses;
mod compatibility;
mod limits;
mod matching;
mod object_compatibility;
mod parser;

#[cfg(test)]
mod json_tests;

use serde_json::{Map, Value};

use crate::registry::compatibility::{Incompatibility, Roles};

/// A schema.
#[derive(Clone, PartialEq, Debug)]
pub struct JsonSchema {
    document: Value,
    nodes: Vec<JsonNode>,
}

/// Place of a node; the first is the schema itself.
pub(super) type Place = usize;

/// One schema within a schema.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct JsonNode {
    shape: JsonShape,
    /// Whether it says what counts where there is no value.
    has_default: bool,
}

/// What a schema asks of data.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum JsonShape {
    /// Nothing.
    Any,
    /// What no data is.
    Never,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A text.
    Text(TextShape),
    /// A number.
    Number(NumberShape),
    /// An object.
    Object(ObjectShape),
    /// A list.
    Array(ArrayShape),
    /// One of these values.
    Values(Vec<Value>),
    /// All, any or just one of these.
    Combined(Criterion, Vec<Place>),
    /// Not this.
    Not(Place),
    /// What another says.
    Reference(Place),
}

/// How many of its parts data has to fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Criterion {
    All,
    Any,
    One,
}

#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct TextShape {
    length_max: Option<f64>,
    length_min: Option<f64>,
    pattern: Option<String>,
}

#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct NumberShape {
    is_integer: bool,
    maximum: Option<f64>,
    minimum: Option<f64>,
    exclusive_maximum: Option<f64>,
    exclusive_minimum: Option<f64>,
    multiple_of: Option<f64>,
}

#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct ObjectShape {
    properties: Vec<(String, Place)>,
    required: Vec<String>,
    patterns: Vec<(String, Place)>,
    additional: Additional,
    property_dependencies: Vec<(String, Vec<String>)>,
    schema_dependencies: Vec<(String, Place)>,
    properties_max: Option<f64>,
    properties_min: Option<f64>,
}

#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct ArrayShape {
    /// What all items are, where one schema is given for all.
    all: Option<Place>,
    /// What the first items are, each in its turn.
    first: Vec<Place>,
    additional: Additional,
    items_max: Option<f64>,
    items_min: Option<f64>,
    is_unique: bool,
}

/// What is allowed beyond what is named.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Additional {
    /// Anything: the model is open.
    #[default]
    Allowed,
    /// Nothing: the model is closed.
    Forbidden,
    /// What fits a schema: the model is partially open.
    Fitting(Place),
}

impl JsonSchema {
    /// Reads a schema, with the schemas it builds on.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str, imports: &[(String, String)]) -> Result<JsonSchema, String> {
        parser::parse(text, imports)
    }

    /// The text without spaces; the order of members stays.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        self.document.to_string()
    }

    /// The text without spaces, members and lists of required members in order of their names.
    #[must_use]
    pub fn normalized_text(&self) -> String {
        sorted(&self.document).to_string()
    }

    /// What keeps data that fits another schema from fitting this one, by Confluent's rules.
    #[must_use]
    pub fn obstacles_to_reading(&self, written: &JsonSchema, roles: Roles) -> Vec<Incompatibility> {
        compatibility::obstacles(self, written, roles)
    }
}

/// A copy whose members are in order. Its depth is that of the text, which reading has bounded.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let member = |name: &String| {
                let mut value = sorted(&members[name.as_str()]);
                if let ("required", Value::Array(required)) = (name.as_str(), &mut value)
                    && required.iter().all(Value::is_string)
                {
                    required.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
                }
                (name.clone(), value)
            };
            Value::Object(names.into_iter().map(member).collect::<Map<String, Value>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
