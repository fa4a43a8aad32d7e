//! The schema registry: numbered schemas, kept by subject and version, with the rules by which a
//! subject's schemas may change.
//!
//! [`SchemaRegistry`] is what the rest of the server uses: formats find a schema by the id that stands in
//! front of a record and register what queries write, the planner takes columns from the newest schema of
//! a topic, and the HTTP door speaks Confluent's REST dialogue over it.
//!
//! - [`definition`]: what a schema is, with or without what it refers to.
//! - [`schema_registry`]: what is shared; every change is one synced write of the state store.
//! - `registration`, `lookup`, `deletion`, `administration`: the operations.
//! - `snapshot`, `record`: what is in memory, and what is on disk.
//! - [`parsed`]: a schema that was read, by kind: [`avro`], [`json`], [`protobuf`]. Each reads a text,
//!   writes it in one canonical form, and says what keeps data of one schema from being read by another.
//! - [`compatibility`]: the levels, and which versions a new schema is held against.
//!
//! It knows no columns, no records and no HTTP.

mod administration;
pub mod avro;
mod candidate;
pub mod compatibility;
pub mod definition;
mod deletion;
pub mod error;
pub mod json;
mod lookup;
pub mod parsed;
pub mod protobuf;
mod record;
mod references;
mod registration;
pub mod schema_registry;
pub mod selection;
pub mod settings;
mod snapshot;
mod subject;

#[cfg(test)]
mod robustness_tests;
#[cfg(test)]
mod schema_registry_tests;

pub use candidate::SCHEMA_BYTES_MAX;
pub use compatibility::{CompatibilityLevel, CompatibilityReport, Incompatibility};
pub use definition::{
    RegisteredSchema, ResolvedSchema, SchemaDefinition, SchemaId, SchemaKind, SchemaReference,
};
pub use error::{RegistryError, RegistryResult};
pub use parsed::{ParsedSchema, TextForm};
pub use schema_registry::SchemaRegistry;
pub use selection::{Deleted, Deletion, VersionSelector};
pub use settings::{Mode, Settings};
