//! The schemas that are registered before a case's first statement: those of the topics it lists, and
//! those of the columns that its statements declare.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidemill_engine::driver::declared_schemas;
use tidemill_engine::registry::{
    CompatibilityLevel, SchemaDefinition, SchemaId, SchemaKind, SchemaReference, SchemaRegistry,
};
use tidemill_engine::{Error, Session};

use super::case::{Case, ListedSchema, Topic};

/// Number of the first schema that others refer to. Cases count the schemas of topics alone, so these
/// have theirs out of the way.
const REFERRED_ID_FIRST: i32 = 1 << 20;

/// Registers them. Schemas with a number that the case gives come first; the others get the numbers from
/// 1 on that are free, in the order of the statements, and then of the topics.
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
    let mut registering = Registering {
        schemas,
        given: listed().filter_map(|(_, schema)| schema.id).collect(),
        known: BTreeMap::new(),
        referred: BTreeMap::new(),
    };
    for (subject, schema) in listed() {
        if let Some(id) = schema.id {
            let definition = registering.definition(&schema)?;
            registering.register(&subject, definition, Some(SchemaId(id)))?;
        }
    }
    for statement in &case.statements {
        for (subject, declared) in declared_schemas(session, statement) {
            if schemas.latest(&subject).is_some() {
                continue;
            }
            let definition = match listed().find(|(known, _)| *known == subject) {
                Some((_, schema)) => registering.definition(&schema)?,
                None => declared,
            };
            registering.register(&subject, definition, None)?;
        }
    }
    for (subject, schema) in listed() {
        if schemas.latest(&subject).is_none() {
            let definition = registering.definition(&schema)?;
            registering.register(&subject, definition, None)?;
        }
    }
    Ok(())
}

/// Schemas on their way into the registry.
struct Registering<'r> {
    schemas: &'r SchemaRegistry,
    /// Numbers that the case gives.
    given: BTreeSet<i32>,
    /// What has been registered for topics, by its numbers.
    known: BTreeMap<SchemaDefinition, SchemaId>,
    /// What has been registered because others refer to it, by the name they have for it.
    referred: BTreeMap<(String, SchemaDefinition), SchemaReference>,
}

impl Registering<'_> {
    /// Registers a schema; without a number under the one it has already, or the next that is free.
    fn register(
        &mut self,
        subject: &str,
        definition: SchemaDefinition,
        id: Option<SchemaId>,
    ) -> Result<(), Error> {
        let id = match id.or_else(|| self.known.get(&definition).copied()) {
            Some(id) => id,
            None => self.free_id(),
        };
        self.schemas.register_as(subject, definition.clone(), id, None)?;
        self.known.entry(definition).or_insert(id);
        Ok(())
    }

    fn free_id(&self) -> SchemaId {
        let is_taken = |id: &i32| self.given.contains(id) || self.known.values().any(|known| known.0 == *id);
        SchemaId((1..).find(|id| !is_taken(id)).unwrap_or(i32::MAX))
    }

    /// A schema as the registry takes it; what it refers to is registered under its own name.
    fn definition(&mut self, schema: &ListedSchema<'_>) -> Result<SchemaDefinition, Error> {
        let mut references = Vec::with_capacity(schema.references.len());
        for reference in schema.references {
            let kind = kind(&reference.format);
            let definition = SchemaDefinition::new(kind, text(kind, &reference.schema));
            references.push(self.reference(&reference.name, definition)?);
        }
        let kind = kind(schema.format);
        Ok(SchemaDefinition { kind, text: text(kind, schema.schema), references })
    }

    fn reference(&mut self, name: &str, definition: SchemaDefinition) -> Result<SchemaReference, Error> {
        let key = (name.to_owned(), definition);
        if let Some(known) = self.referred.get(&key) {
            return Ok(known.clone());
        }
        let before = i32::try_from(self.referred.len()).unwrap_or(i32::MAX);
        let id = SchemaId(REFERRED_ID_FIRST.saturating_add(before));
        let registered = self.schemas.register_as(name, key.1.clone(), id, None)?;
        let (name, version) = (name.to_owned(), registered.version);
        let reference = SchemaReference { subject: name.clone(), name, version };
        self.referred.insert(key, reference.clone());
        Ok(reference)
    }
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
