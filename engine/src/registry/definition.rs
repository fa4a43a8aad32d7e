//! What a schema is: its kind, its text and what it refers to.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::registry::error::RegistryError;

/// The language a schema is written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SchemaKind {
    /// Apache Avro: a JSON text.
    Avro,
    /// JSON Schema: a JSON text.
    Json,
    /// Protocol buffers: the text of a `.proto` file.
    Protobuf,
}

impl SchemaKind {
    /// All kinds.
    pub const ALL: [SchemaKind; 3] = [SchemaKind::Json, SchemaKind::Protobuf, SchemaKind::Avro];

    /// The name in the registry's REST dialogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SchemaKind::Avro => "AVRO",
            SchemaKind::Json => "JSON",
            SchemaKind::Protobuf => "PROTOBUF",
        }
    }
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SchemaKind {
    type Err = RegistryError;

    fn from_str(name: &str) -> Result<SchemaKind, RegistryError> {
        let found = SchemaKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            RegistryError::InvalidSchema(format!(
                "there is no schema type '{name}': it is one of AVRO, JSON and PROTOBUF"
            ))
        })
    }
}

/// The number of a schema. It stands in front of every record that was written with it, so it is never
/// given to another schema.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SchemaId(pub i32);

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Another schema that a schema builds on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SchemaReference {
    /// What the text calls it: a full type name in Avro, the imported path in Protobuf, the address of a
    /// `$ref` in JSON Schema.
    pub name: String,
    /// The subject it is registered under.
    pub subject: String,
    /// Its version there.
    pub version: i32,
}

/// A schema as it is registered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SchemaDefinition {
    /// The language of the text.
    pub kind: SchemaKind,
    /// The text.
    pub text: String,
    /// The schemas it builds on.
    pub references: Vec<SchemaReference>,
}

impl SchemaDefinition {
    /// A schema that refers to no other.
    #[must_use]
    pub fn new(kind: SchemaKind, text: impl Into<String>) -> SchemaDefinition {
        SchemaDefinition { kind, text: text.into(), references: Vec::new() }
    }
}

/// A definition with everything it refers to, in the order in which it has to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolvedSchema {
    /// The schema itself.
    pub definition: SchemaDefinition,
    /// What it builds on, directly or not: the name it is referred to by, and its text. Nothing in the
    /// list builds on what comes after it.
    pub imports: Vec<(String, String)>,
}

/// A schema as a version of a subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisteredSchema {
    /// The subject.
    pub subject: String,
    /// The version, counted from 1 in each subject.
    pub version: i32,
    /// The schema's number, the same in every subject that has the schema.
    pub id: SchemaId,
    /// The schema.
    pub schema: Arc<ResolvedSchema>,
}
