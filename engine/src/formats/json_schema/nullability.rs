//! Whether a schema takes null.
//!
//! It does unless something in it says otherwise: a schema that names no type takes any value. What cannot be
//! told, because a reference leads nowhere or the schema is too large, is taken to allow it: null is what is
//! written of a column without a value where no schema forbids it.

use serde_json::{Map, Value};

use super::documents::{Documents, Place};

/// Schemas that are looked at for one answer. They may lead to one another by references, in circles too.
const SCHEMAS_MAX: usize = 256;

/// Schemas within one another that are looked at for one answer.
const DEPTH_MAX: usize = 32;

/// Whether null is a value of the schema there.
pub(super) fn allows_null(documents: &Documents, place: Place<'_>) -> bool {
    Search { documents, schemas_left: SCHEMAS_MAX }.allows_null(place, 0)
}

/// The search for one answer.
struct Search<'s> {
    documents: &'s Documents,
    schemas_left: usize,
}

impl<'s> Search<'s> {
    fn allows_null(&mut self, place: Place<'s>, depth: usize) -> bool {
        let Some(place) = self.documents.followed(place) else { return true };
        let schema = match place.schema {
            Value::Object(schema) => schema,
            Value::Bool(takes_anything) => return *takes_anything,
            _ => return true,
        };
        if self.schemas_left == 0 || depth == DEPTH_MAX {
            return true;
        }
        self.schemas_left -= 1;
        let mut allowed = |part: &'s Value| self.allows_null(place.beside(part), depth + 1);
        names_null(schema)
            && parts(schema, "allOf").is_none_or(|parts| parts.iter().all(&mut allowed))
            && parts(schema, "anyOf").is_none_or(|parts| parts.iter().any(&mut allowed))
            && parts(schema, "oneOf").is_none_or(|parts| parts.iter().any(&mut allowed))
    }
}

/// Whether null is among the types and the values that the schema itself names, where it names any.
fn names_null(schema: &Map<String, Value>) -> bool {
    let is_of_type = match schema.get("type") {
        Some(Value::Array(names)) => names.iter().any(|name| name == "null"),
        Some(name) => name == "null",
        None => true,
    };
    is_of_type
        && parts(schema, "enum").is_none_or(|values| values.iter().any(Value::is_null))
        && schema.get("const").is_none_or(Value::is_null)
}

/// What the schema lists under a keyword.
fn parts<'s>(schema: &'s Map<String, Value>, keyword: &str) -> Option<&'s Vec<Value>> {
    schema.get(keyword)?.as_array()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::{ResolvedSchema, SchemaDefinition, SchemaKind};

    fn takes_null(property: &Value) -> bool {
        let text = json!({
            "properties": { "a": property },
            "$defs": {
                "perhaps": { "type": ["string", "null"] },
                "never": { "type": "string" },
                "circle": { "anyOf": [{ "$ref": "#/$defs/circle" }, { "$ref": "#/$defs/circle" }] },
            },
        });
        let schema = ResolvedSchema {
            definition: SchemaDefinition::new(SchemaKind::Json, text.to_string()),
            imports: Vec::new(),
        };
        let documents = Documents::parse(&schema).expect("JSON");
        let root = documents.root();
        allows_null(&documents, root.beside(&root.schema["properties"]["a"]))
    }

    #[test]
    fn a_schema_takes_null_unless_something_in_it_says_otherwise() {
        for property in [
            json!({}),
            json!(true),
            json!({ "description": "anything" }),
            json!({ "type": ["integer", "null"] }),
            json!({ "enum": ["x", null] }),
            json!({ "const": null }),
            json!({ "allOf": [{}, { "enum": [null, 1] }] }),
            json!({ "anyOf": [{ "type": "string" }, { "enum": [null] }] }),
            json!({ "oneOf": [{ "type": "string" }, { "$ref": "#/$defs/perhaps" }] }),
            json!({ "$ref": "#/$defs/perhaps" }),
            json!({ "$ref": "#/$defs/circle" }),
            json!({ "$ref": "#/$defs/nowhere" }),
        ] {
            assert!(takes_null(&property), "{property}");
        }
        for property in [
            json!(false),
            json!({ "type": "string" }),
            json!({ "enum": ["x", "y"] }),
            json!({ "const": "x" }),
            json!({ "type": ["string", "null"], "enum": ["x"] }),
            json!({ "allOf": [{}, { "type": "string" }] }),
            json!({ "anyOf": [{ "type": "string" }, { "const": 1 }] }),
            json!({ "oneOf": [{ "$ref": "#/$defs/never" }] }),
            json!({ "$ref": "#/$defs/never" }),
        ] {
            assert!(!takes_null(&property), "{property}");
        }
    }
}
