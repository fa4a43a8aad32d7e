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

/// Another form of a schema's text than the one it is kept in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextForm {
    /// With the types it builds on in it: of Avro.
    Resolved,
    /// As a descriptor, which is how programs hold it: of Protobuf.
    Serialized,
    /// Without extensions and the options that are some: of Protobuf.
    WithoutExtensions,
}

impl TextForm {
    /// By the name in the registry's REST dialogue. Every other name is that of the form it is kept in.
    #[must_use]
    pub fn of_name(name: &str) -> Option<TextForm> {
        match name {
            "resolved" => Some(TextForm::Resolved),
            "serialized" => Some(TextForm::Serialized),
            "ignore_extensions" => Some(TextForm::WithoutExtensions),
            _ => None,
        }
    }
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

    /// The text in a form of its kind; nothing where its kind has no such form.
    ///
    /// # Errors
    /// `LimitExceeded` where it cannot be written so.
    pub fn text_in(&self, form: TextForm) -> RegistryResult<Option<String>> {
        match (self, form) {
            (ParsedSchema::Avro(schema), TextForm::Resolved) => {
                let too_deep = "with all it builds on in it the schema is too deep: ask for it as it is kept";
                let text = schema.resolved_text();
                Ok(Some(text.ok_or_else(|| RegistryError::LimitExceeded(too_deep.to_owned()))?))
            }
            (ParsedSchema::Protobuf(schema), TextForm::Serialized) => Ok(Some(schema.serialized_text())),
            (ParsedSchema::Protobuf(schema), TextForm::WithoutExtensions) => {
                Ok(Some(schema.text_without_extensions()))
            }
            _ => Ok(None),
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
