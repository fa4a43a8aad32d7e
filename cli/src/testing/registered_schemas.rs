//! The schemas that are registered before a case's first statement: those of the topics it lists, and
//! those of the columns that its statements declare.

use serde_json::Value;
use tidemill_engine::driver::declared_schemas;
use tidemill_engine::registry::{
    CompatibilityLevel, SchemaDefinition, SchemaId, SchemaKind, SchemaReference, SchemaRegistry,
};
use tidemill_engine::{Error, Session};

use super::case::{Case, ListedSchema, Topic};

/// Registers them. Schemas with a number that the case gives come first; the others get theirs in the order of
/// the statements, and then of the topics.
///
/// # Errors
/// A schema that is none.
pub(super) fn register(session: &Session, schemas: &SchemaRegistry, case: &Case) -> Result<(), Error> {
    // Cases put schemas into a topic that do not go with each other, to see what becomes of that.
    schemas.change_settings(None, |settings| {
        settings.compatibility = Some(CompatibilityLevel::None);
        Ok(())
    })?;
    let listed = || case.topics.iter().flat_map(Topic::schemas);
    for (subject, schema) in listed() {
        if let Some(id) = schema.id {
            let definition = definition(schemas, &schema)?;
            schemas.register_as(&subject, definition, SchemaId(id), None)?;
        }
    }
    for statement in &case.statements {
        for (subject, declared) in declared_schemas(session, statement) {
            let given = listed().find(|(known, _)| *known == subject);
            if given.as_ref().is_some_and(|(_, schema)| schema.id.is_some()) {
                continue;
            }
            let definition = match given {
                Some((_, schema)) => definition(schemas, &schema)?,
                None => declared,
            };
            if schemas.latest(&subject).is_none() {
                schemas.register(&subject, definition, false)?;
            }
        }
    }
    for (subject, schema) in listed() {
        if schemas.latest(&subject).is_none() {
            let definition = definition(schemas, &schema)?;
            schemas.register(&subject, definition, false)?;
        }
    }
    Ok(())
}

/// The subject under which the schema of a topic's keys or values stands.
pub(super) fn subject(topic: &str, part: &str) -> String {
    format!("{topic}-{part}")
}

/// Whether a registered schema is the one expected: as a value where it is JSON, else by its text.
pub(super) fn is_same(expected: &Value, registered: &SchemaDefinition) -> bool {
    match (expected, registered.kind) {
        (Value::String(text), SchemaKind::Protobuf) => *text == registered.text,
        (expected, _) => serde_json::from_str::<Value>(&registered.text).is_ok_and(|own| own == *expected),
    }
}

/// A schema as the registry takes it; what it refers to is registered under its own name.
fn definition(schemas: &SchemaRegistry, schema: &ListedSchema<'_>) -> Result<SchemaDefinition, Error> {
    let mut references = Vec::with_capacity(schema.references.len());
    for reference in schema.references {
        let kind = kind(&reference.format);
        let definition = SchemaDefinition::new(kind, text(kind, &reference.schema));
        let registered = schemas.register(&reference.name, definition, false)?;
        let (name, version) = (reference.name.clone(), registered.version);
        references.push(SchemaReference { subject: name.clone(), name, version });
    }
    let kind = kind(schema.format);
    Ok(SchemaDefinition { kind, text: text(kind, schema.schema), references })
}

fn kind(format: &str) -> SchemaKind {
    match format {
        "AVRO" => SchemaKind::Avro,
        "PROTOBUF" => SchemaKind::Protobuf,
        _ => SchemaKind::Json,
    }
}

/// Avro and JSON Schema are JSON, Protobuf is text.
fn text(kind: SchemaKind, schema: &Value) -> String {
    match schema {
        Value::String(text) if kind == SchemaKind::Protobuf => text.clone(),
        other => other.to_string(),
    }
}
