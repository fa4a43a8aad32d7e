//! A schema that was read: one of three kinds behind one interface.

use crate::registry::avro::AvroSchema;
use crate::registry::compatibility::{Incompatibility, Roles};
use crate::registry::definition::{ResolvedSchema, SchemaKind};
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::json::JsonSchema;
use crate::registry::protobuf::ProtobufSchema;

/// A schema that was read.
#[derive(Clone, Debug)]
pub enum ParsedSchema {
    /// Of Avro.
    Avro(AvroSchema),
    /// Of JSON Schema.
    Json(JsonSchema),
    /// Of Protobuf.
    Protobuf(Box<ProtobufSchema>),
}

impl ParsedSchema {
    /// Reads a schema and all it refers to.
    ///
    /// # Errors
    /// `InvalidSchema`, with what is wrong and where.
    pub fn parse(schema: &ResolvedSchema) -> RegistryResult<ParsedSchema> {
        let text = &schema.definition.text;
        if text.trim().is_empty() {
            return Err(RegistryError::InvalidSchema("the text is empty".to_owned()));
        }
        let parsed = match schema.definition.kind {
            SchemaKind::Avro => AvroSchema::parse(text, &schema.imports).map(ParsedSchema::Avro),
            SchemaKind::Json => JsonSchema::parse(text, &schema.imports).map(ParsedSchema::Json),
            SchemaKind::Protobuf => ProtobufSchema::parse(text, &schema.imports)
                .map(|schema| ParsedSchema::Protobuf(Box::new(schema))),
        };
        parsed.map_err(RegistryError::InvalidSchema)
    }

    /// Its language.
    #[must_use]
    pub fn kind(&self) -> SchemaKind {
        match self {
            ParsedSchema::Avro(_) => SchemaKind::Avro,
            ParsedSchema::Json(_) => SchemaKind::Json,
            ParsedSchema::Protobuf(_) => SchemaKind::Protobuf,
        }
    }

    /// The text in one form: spelling that says the same gives the same text.
    #[must_use]
    pub fn canonical_text(&self) -> String {
        match self {
            ParsedSchema::Avro(schema) => schema.canonical_text(),
            ParsedSchema::Json(schema) => schema.canonical_text(),
            ParsedSchema::Protobuf(schema) => schema.canonical_text(),
        }
    }

    /// The text in a stronger form: order that means nothing is gone, names are written in full.
    #[must_use]
    pub fn normalized_text(&self) -> String {
        match self {
            ParsedSchema::Avro(schema) => schema.normalized_text(),
            ParsedSchema::Json(schema) => schema.normalized_text(),
            ParsedSchema::Protobuf(schema) => schema.normalized_text(),
        }
    }

    /// The schema as its kind is sent between programs; nothing where that is the text.
    #[must_use]
    pub fn serialized_text(&self) -> Option<String> {
        match self {
            ParsedSchema::Protobuf(schema) => Some(schema.serialized_text()),
            ParsedSchema::Avro(_) | ParsedSchema::Json(_) => None,
        }
    }

    /// What keeps data written with another schema from being read with this one; nothing if it can be.
    #[must_use]
    pub fn obstacles_to_reading(&self, written: &ParsedSchema, roles: Roles) -> Vec<Incompatibility> {
        match (self, written) {
            (ParsedSchema::Avro(reader), ParsedSchema::Avro(writer)) => {
                reader.obstacles_to_reading(writer, roles)
            }
            (ParsedSchema::Json(reader), ParsedSchema::Json(writer)) => {
                reader.obstacles_to_reading(writer, roles)
            }
            (ParsedSchema::Protobuf(reader), ParsedSchema::Protobuf(writer)) => {
                reader.obstacles_to_reading(writer, roles)
            }
            _ => vec![Incompatibility {
                code: "SCHEMA_TYPE_CHANGED",
                description: format!(
                    "the {} schema is of type {} and the {} schema of type {}",
                    roles.reader,
                    self.kind(),
                    roles.writer,
                    written.kind()
                ),
            }],
        }
    }
}
