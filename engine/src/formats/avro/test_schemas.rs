//! AVRO through a registry, for tests: a schema, and payloads that are read and written with it.

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use serde_json::{Value, json};

use super::AvroFormat;
use crate::formats::schema_format::{PayloadShape, SchemaFormat as _};
use crate::formats::schema_format_harness::{self, described, framed, reasons, shape, writer};
use crate::formats::{Decoded, EncodedPayloads, Rejection, Wrapping};
use crate::registry::{RegisteredSchema, SchemaDefinition, SchemaKind, SchemaRegistry};

/// The schema of a record `R` with these fields.
pub(super) fn record(fields: Value) -> Value {
    json!({ "type": "record", "name": "R", "fields": fields })
}

/// The schema that columns are written with.
pub(super) fn schema_text(columns: &SchemaRef, shape: &PayloadShape) -> Value {
    schema_format_harness::schema_text(&AvroFormat, columns, shape)
}

/// A registry, and the schema that the values of a topic have in it.
pub(super) struct Trial {
    /// The registry.
    pub(super) registry: SchemaRegistry,
    registered: RegisteredSchema,
    wrapping: Wrapping,
}

impl Trial {
    /// Records of a schema.
    pub(super) fn of(schema: &Value) -> Trial {
        Trial::new(schema, Wrapping::Record)
    }

    /// Bare values of a schema.
    pub(super) fn bare(schema: &Value) -> Trial {
        Trial::new(schema, Wrapping::Bare)
    }

    fn new(schema: &Value, wrapping: Wrapping) -> Trial {
        let registry = SchemaRegistry::in_memory();
        let registered = register(&registry, "t-value", schema);
        Trial { registry, registered, wrapping }
    }

    /// Registers one more schema.
    pub(super) fn register(&self, subject: &str, schema: &Value) -> RegisteredSchema {
        register(&self.registry, subject, schema)
    }

    /// The columns of the schema, each as its name and type.
    pub(super) fn columns(&self) -> Vec<String> {
        let shape = shape(self.wrapping);
        described(&AvroFormat.columns_of(&self.registered.schema, &shape).expect("the schema has columns"))
    }

    /// A payload of the schema.
    pub(super) fn payload(&self, body: &[u8]) -> Vec<u8> {
        framed(self.registered.id, body)
    }

    /// Reads payloads; gives what was rejected too.
    pub(super) fn decode(
        &self,
        columns: &SchemaRef,
        payloads: &[Option<&[u8]>],
    ) -> (Decoded, Vec<Rejection>) {
        let shape = shape(self.wrapping);
        schema_format_harness::decode(&AvroFormat, &self.registry, columns, &shape, payloads)
    }

    /// Reads payloads of which none is rejected.
    #[track_caller]
    pub(super) fn read(&self, columns: &SchemaRef, payloads: &[Option<&[u8]>]) -> Decoded {
        let (decoded, rejections) = self.decode(columns, payloads);
        assert_eq!(reasons(&rejections), []);
        decoded
    }

    /// Writes rows.
    pub(super) fn encode(&self, columns: &SchemaRef, values: &[ArrayRef]) -> EncodedPayloads {
        let writer = writer(&self.registered);
        schema_format_harness::encode(&AvroFormat, columns, &shape(self.wrapping), &writer, values)
    }
}

fn register(registry: &SchemaRegistry, subject: &str, schema: &Value) -> RegisteredSchema {
    let definition = SchemaDefinition::new(SchemaKind::Avro, schema.to_string());
    registry.register(subject, definition, false).expect("the schema is one")
}
