//! AVRO: records in Avro's binary encoding, behind the id of their schema in the registry.
//!
//! A schema becomes a plan once: [`lowering`] takes it from the registry's form, [`reader`] matches its
//! fields to the columns a query needs, [`writer`] the columns of a result to its fields. A payload is
//! then read straight into column builders by the plan of the schema it was written with, so that one
//! batch may hold records of many. Nothing that stands in a payload is trusted: [`cursor`] bounds every
//! length and count by the bytes that are there.

mod bytes;
mod cursor;
mod decimal;
mod decoder;
mod default;
mod encoder;
mod from_columns;
mod lowering;
mod names;
mod reader;
mod schema;
mod skip;
mod to_columns;
mod value;
mod writer;

#[cfg(test)]
mod test_schemas;

#[cfg(test)]
mod description_tests;

#[cfg(test)]
mod round_trip_tests;

#[cfg(test)]
mod reading_tests;

#[cfg(test)]
mod writing_tests;

#[cfg(test)]
mod hostile_tests;

use arrow::datatypes::{Schema, SchemaRef};
use tidemill_sql::type_system::StructField;

use super::schema_format::{PayloadShape, SchemaFormat, WriterSchema};
use super::{Decoder, Encoder};
use crate::error::Result;
use crate::registry::{ResolvedSchema, SchemaDefinition, SchemaKind, SchemaRegistry};

pub(super) use decoder::supports;

/// AVRO.
pub(super) struct AvroFormat;

impl SchemaFormat for AvroFormat {
    fn kind(&self) -> SchemaKind {
        SchemaKind::Avro
    }

    fn schema_of(
        &self,
        columns: &Schema,
        shape: &PayloadShape,
    ) -> std::result::Result<SchemaDefinition, String> {
        Ok(SchemaDefinition::new(SchemaKind::Avro, from_columns::text(columns, shape)?))
    }

    fn columns_of(
        &self,
        schema: &ResolvedSchema,
        shape: &PayloadShape,
    ) -> std::result::Result<Vec<StructField>, String> {
        to_columns::columns(&schema::AvroSchema::parse(schema)?, shape)
    }

    fn decoder(
        &self,
        columns: &SchemaRef,
        projection: &[usize],
        shape: &PayloadShape,
        schemas: &SchemaRegistry,
    ) -> Result<Box<dyn Decoder>> {
        Ok(Box::new(decoder::AvroDecoder::new(columns, projection, shape.wrapping, schemas)?))
    }

    fn encoder(
        &self,
        columns: &SchemaRef,
        shape: &PayloadShape,
        writer: &WriterSchema,
    ) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(encoder::AvroEncoder::new(columns.clone(), shape.wrapping, writer)?))
    }
}
