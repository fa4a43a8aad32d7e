//! Schemas that are registered before a case's first statement: those its topics list.
//!
//! A topic's schemas stand under `topic-key` and `topic-value`, and what they refer to under the names
//! they are referred to by. Schemas that come with an id are registered first, so that no other one gets
//! it.

use serde_json::Value;
use tidemill_engine::registry::{SchemaDefinition, SchemaId, SchemaKind, SchemaReference, SchemaRegistry};

use super::case::{Case, SchemaText};

/// A schema of a topic.
struct Listed<'a> {
    subject: String,
    kind: SchemaKind,
    schema: &'a Value,
    id: Option<i32>,
    references: &'a [SchemaText],
}

/// The subject under which the schema of a topic's keys or values stands.
pub(super) fn subject(topic: &str, part: &str) -> String {
    format!("{topic}-{part}")
}

/// Registers the schemas of a case's topics.
///
/// # Errors
/// A schema that cannot be registered, for people.
pub(super) fn register(registry: &SchemaRegistry, case: &Case) -> Result<(), String> {
    let mut listed = Vec::new();
    for topic in &case.topics {
        let parts = [
            ("key", &topic.key_format, &topic.key_schema, topic.key_schema_id, &topic.key_schema_references),
            (
                "value",
                &topic.value_format,
                &topic.value_schema,
                topic.value_schema_id,
                &topic.value_schema_references,
            ),
        ];
        for (part, format, schema, id, references) in parts {
            let (Some(format), Some(schema)) = (format, schema) else { continue };
            let subject = subject(&topic.name, part);
            let kind = kind_of(format)?;
            listed.push(Listed { subject, kind, schema, id, references });
        }
    }
    listed.sort_by_key(|schema| schema.id.is_none());
    listed.iter().try_for_each(|schema| {
        register_one(registry, schema).map_err(|error| format!("the schema '{}': {error}", schema.subject))
    })
}

fn register_one(registry: &SchemaRegistry, listed: &Listed<'_>) -> Result<(), String> {
    let mut definition = SchemaDefinition::new(listed.kind, text_of(listed.schema));
    for reference in listed.references {
        let text = text_of(&reference.schema);
        let referred = SchemaDefinition::new(kind_of(&reference.format)?, text);
        let registered = registry.register(&reference.name, referred, false);
        let version = registered.map_err(|error| error.to_string())?.version;
        let (name, subject) = (reference.name.clone(), reference.name.clone());
        definition.references.push(SchemaReference { name, subject, version });
    }
    let registered = match listed.id {
        Some(id) => registry.register_as(&listed.subject, definition, SchemaId(id), Some(1)),
        None => registry.register(&listed.subject, definition, false),
    };
    registered.map(drop).map_err(|error| error.to_string())
}

/// Whether a registered schema is the one expected: as a value where it is JSON, else by its text.
pub(super) fn is_same(expected: &Value, registered: &SchemaDefinition) -> bool {
    match (expected, registered.kind) {
        (Value::String(text), SchemaKind::Protobuf) => *text == registered.text,
        (expected, _) => serde_json::from_str::<Value>(&registered.text).is_ok_and(|own| own == *expected),
    }
}

fn text_of(schema: &Value) -> String {
    match schema {
        // The text of a .proto file, or the name of a type of Avro, which is JSON only in quotes.
        Value::String(text) if text.contains([';', '{', '"']) => text.clone(),
        other => other.to_string(),
    }
}

fn kind_of(format: &str) -> Result<SchemaKind, String> {
    match format.to_uppercase().as_str() {
        "AVRO" => Ok(SchemaKind::Avro),
        "JSON" | "JSON_SR" => Ok(SchemaKind::Json),
        "PROTOBUF" => Ok(SchemaKind::Protobuf),
        other => Err(format!("format {other} has no schemas")),
    }
}
