//! JSON_SR: JSON text behind the id of its JSON Schema in the registry.
//!
//! The text is read and written as JSON is: the schema says nothing about where a value stands. It tells
//! other programs, and inference, what the columns are: [`from_columns`] and [`to_columns`]. Where somebody
//! else made it, its defaults are written and its requirements held: [`members`].

mod decoder;
mod documents;
mod encoder;
mod from_columns;
mod members;
mod nullability;
mod to_columns;

#[cfg(test)]
mod json_schema_tests;

use arrow::datatypes::{Schema, SchemaRef};
use tidemill_sql::type_system::StructField;

use super::json::JsonEncoder;
use super::schema_format::{PayloadShape, SchemaFormat, WriterSchema};
use super::{Decoder, Encoder, Wrapping, framing};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::{ResolvedSchema, SchemaDefinition, SchemaKind, SchemaRegistry};

/// JSON_SR.
pub(super) struct JsonSchemaFormat;

impl SchemaFormat for JsonSchemaFormat {
    fn kind(&self) -> SchemaKind {
        SchemaKind::Json
    }

    fn schema_of(
        &self,
        columns: &Schema,
        shape: &PayloadShape,
    ) -> std::result::Result<SchemaDefinition, String> {
        Ok(SchemaDefinition::new(SchemaKind::Json, from_columns::text(columns, shape.wrapping)?))
    }

    fn columns_of(
        &self,
        schema: &ResolvedSchema,
        shape: &PayloadShape,
    ) -> std::result::Result<Vec<StructField>, String> {
        to_columns::columns(schema, shape)
    }

    fn decoder(
        &self,
        columns: &SchemaRef,
        projection: &[usize],
        shape: &PayloadShape,
        _schemas: &SchemaRegistry,
    ) -> Result<Box<dyn Decoder>> {
        Ok(Box::new(decoder::FramedJsonDecoder::new(columns, projection, shape.wrapping)?))
    }

    fn encoder(
        &self,
        columns: &SchemaRef,
        shape: &PayloadShape,
        writer: &WriterSchema,
    ) -> Result<Box<dyn Encoder>> {
        let mut frame = Vec::new();
        framing::write(writer.id, &mut frame);
        let json = JsonEncoder::new(columns.clone(), shape.wrapping)?.with_head(frame);
        let members = match shape.wrapping {
            Wrapping::Bare => members::Members::default(),
            Wrapping::Record => members::Members::of(&writer.schema, columns).map_err(|reason| {
                Error::new(ErrorKind::Invalid, format!("{reason} (JSON schema {})", writer.id.0))
            })?,
        };
        if members.is_empty() {
            return Ok(Box::new(json));
        }
        let omitted = members.omitted();
        let json = json.with_members(members.constants).omitting(omitted.iter().map(Vec::as_slice));
        Ok(Box::new(encoder::FilledJsonEncoder::new(columns.clone(), writer.id, members.nulls, json)))
    }
}
