//! Formats whose records tell by an id of the schema registry what schema they were written with.
//!
//! What these formats have in common stands here and in its neighbours: the frame around payloads, what
//! is made of schemas, what statements register and what they infer. A format says what is its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use tidemill_sql::type_system::StructField;

use super::{Decoder, Encoder, RecordPart, Wrapping};
use crate::error::Result;
use crate::registry::{ResolvedSchema, SchemaDefinition, SchemaId, SchemaKind, SchemaRegistry};

/// A format with schemas. It has no state: there is one value of each.
pub(super) trait SchemaFormat: Sync {
    /// The language its schemas are written in.
    fn kind(&self) -> SchemaKind;

    /// The schema that columns are written with.
    ///
    /// # Errors
    /// A sentence for the user: a name that the language does not allow, a type it does not have.
    fn schema_of(
        &self,
        columns: &Schema,
        shape: &PayloadShape,
    ) -> std::result::Result<SchemaDefinition, String>;

    /// The columns that payloads of a schema hold, under the names the schema has. What SQL has no type
    /// for is left out. Where payloads are bare, the one column is called [`PayloadShape::bare_name`].
    ///
    /// # Errors
    /// A sentence for the user: why it has no columns.
    fn columns_of(
        &self,
        schema: &ResolvedSchema,
        shape: &PayloadShape,
    ) -> std::result::Result<Vec<StructField>, String>;

    /// The name of the record that a payload holds, where schemas have several. `body` is what stands
    /// behind the schema's id.
    ///
    /// # Errors
    /// A reason for people: it is none of the schema's.
    fn record_of(&self, schema: &ResolvedSchema, body: &[u8]) -> std::result::Result<Option<String>, String> {
        let _ = (schema, body);
        Ok(None)
    }

    /// A decoder of the columns at the positions in `projection`, in that order. The schemas that
    /// payloads were written with are looked up by the ids in them.
    ///
    /// # Errors
    /// A column of a type that the format does not have.
    fn decoder(
        &self,
        columns: &SchemaRef,
        projection: &[usize],
        shape: &PayloadShape,
        schemas: &SchemaRegistry,
    ) -> Result<Box<dyn Decoder>>;

    /// An encoder of columns into payloads of a schema: the one that [`SchemaFormat::schema_of`] gives,
    /// or one that was registered by somebody else and has these columns, perhaps among others.
    ///
    /// # Errors
    /// A column that the schema does not have, or not of its type.
    fn encoder(
        &self,
        columns: &SchemaRef,
        shape: &PayloadShape,
        writer: &WriterSchema,
    ) -> Result<Box<dyn Encoder>>;
}

/// What decides, besides the columns, how payloads look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PayloadShape {
    /// Keys or values.
    pub(super) part: RecordPart,
    /// Whether the columns stand in a record.
    pub(super) wrapping: Wrapping,
    /// Stored name of the stream or table.
    pub(super) source: String,
    /// The name that the statement gives the record, or chooses it by among those of the schema.
    pub(super) full_name: Option<String>,
    /// What else the statement says about the format, by upper-case name without `KEY_` or `VALUE_`.
    pub(super) properties: BTreeMap<String, String>,
}

impl PayloadShape {
    /// The name of the only column, where it is inferred from payloads that are bare.
    pub(super) fn bare_name(&self) -> &'static str {
        match self.part {
            RecordPart::Key => "ROWKEY",
            RecordPart::Value => "ROWVAL",
        }
    }
}

/// A schema that payloads are written with.
#[derive(Clone, Debug)]
pub(super) struct WriterSchema {
    /// What stands in front of the payloads.
    pub(super) id: SchemaId,
    /// The schema.
    pub(super) schema: Arc<ResolvedSchema>,
}
