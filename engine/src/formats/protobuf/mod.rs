//! PROTOBUF: messages of the schema registry, and PROTOBUF_NOSR: messages of the columns themselves.
//!
//! A row is a message, also where it has a single column, and keys are messages too. What a schema says
//! is worked out once: [`decode_plan`] for each schema that payloads were written with, [`encode_plan`]
//! for the one they are written with here. Rows then go straight from the wire into column builders
//! ([`reader`]) and from columns onto it ([`encoder`]); no message object is built for them.
//!
//! Types and names are those of Confluent's converter, which ksqlDB uses: [`schema_of_columns`] writes
//! the schemas it writes, [`columns_of_schema`] reads schemas as it does. Texts of schemas are read and
//! written by the schema registry's [`crate::registry::protobuf`].
//!
//! PROTOBUF puts the schema's id and the message's place in the schema in front of a message
//! ([`message_indexes`]). PROTOBUF_NOSR has neither: both sides make the schema of their columns.
//! Answers to queries are such messages too, with their schema as text ([`described_messages`]);
//! [`message_text`] shows messages to people.

mod columns_of_schema;
mod decode_plan;
mod decoder;
mod encode_plan;
mod encoder;
mod encoding;
mod message_indexes;
mod message_text;
mod nullable;
mod reader;
mod reason;
mod root_message;
mod scalars;
mod schema_of_columns;
mod well_known;
mod wire;

#[cfg(test)]
mod protobuf_tests;
#[cfg(test)]
mod registry_tests;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use prost_reflect::MessageDescriptor;
use tidemill_sql::type_system::StructField;

pub use self::message_text::MessageTexts;
pub use self::nullable::NullableRepresentation;

use self::decoder::ProtobufDecoder;
use self::encoder::ProtobufEncoder;
use self::schema_of_columns::{DEFAULT_NAME, MAP_KEYS, schema_of_columns};
use super::schema_format::{PayloadShape, SchemaFormat, WriterSchema};
use super::{Decoder, Encoder};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::{ResolvedSchema, SchemaDefinition, SchemaKind, SchemaRegistry};

/// The property that names a [`NullableRepresentation`], without the prefix of its part.
pub(super) const NULLABLE_REPRESENTATION: &str = "PROTOBUF_NULLABLE_REPRESENTATION";

/// The format whose schemas are in the registry.
pub(super) struct Protobuf;

impl SchemaFormat for Protobuf {
    fn kind(&self) -> SchemaKind {
        SchemaKind::Protobuf
    }

    fn schema_of(
        &self,
        columns: &Schema,
        shape: &PayloadShape,
    ) -> std::result::Result<SchemaDefinition, String> {
        let nullable = shape.properties.get(NULLABLE_REPRESENTATION);
        let nullable = nullable.map_or(Ok(NullableRepresentation::Default), |text| text.parse())?;
        let schema = schema_of_columns(columns, given_name(shape), nullable)?;
        Ok(SchemaDefinition::new(SchemaKind::Protobuf, schema.canonical_text()))
    }

    fn columns_of(
        &self,
        schema: &ResolvedSchema,
        shape: &PayloadShape,
    ) -> std::result::Result<Vec<StructField>, String> {
        columns_of_schema::columns_of_message(&root_message(schema, shape)?)
    }

    fn record_of(&self, schema: &ResolvedSchema, body: &[u8]) -> std::result::Result<Option<String>, String> {
        let file = root_message::file(schema)?;
        let (indexes, _) = message_indexes::split(body)?;
        let message = message_indexes::message(&file, indexes)?;
        Ok(Some(message.full_name().to_owned()))
    }

    fn decoder(
        &self,
        columns: &SchemaRef,
        projection: &[usize],
        _shape: &PayloadShape,
        schemas: &SchemaRegistry,
    ) -> Result<Box<dyn Decoder>> {
        Ok(Box::new(ProtobufDecoder::registered(columns, projection, schemas)?))
    }

    fn encoder(
        &self,
        columns: &SchemaRef,
        shape: &PayloadShape,
        writer: &WriterSchema,
    ) -> Result<Box<dyn Encoder>> {
        let message = root_message(&writer.schema, shape)
            .map_err(|reason| Error::new(ErrorKind::Invalid, format!("schema {}: {reason}", writer.id)))?;
        Ok(Box::new(ProtobufEncoder::new(columns.clone(), &message, Some(writer.id))?))
    }
}

/// Whether messages without a registry can hold these columns.
///
/// # Errors
/// A sentence for the user.
pub(super) fn check_unregistered(
    columns: &Schema,
    nullable: NullableRepresentation,
) -> std::result::Result<(), String> {
    message_of_columns(columns, nullable).map(drop)
}

/// A decoder of messages without a registry.
///
/// # Errors
/// Columns that messages cannot hold.
pub(super) fn unregistered_decoder(
    columns: &SchemaRef,
    projection: &[usize],
    nullable: NullableRepresentation,
) -> Result<Box<dyn Decoder>> {
    let message = message_of_columns(columns, nullable).map_err(unsupported)?;
    Ok(Box::new(ProtobufDecoder::unregistered(columns, projection, &message)?))
}

/// An encoder of messages without a registry.
///
/// # Errors
/// As [`unregistered_decoder`].
pub(super) fn unregistered_encoder(
    columns: &SchemaRef,
    nullable: NullableRepresentation,
) -> Result<Box<dyn Encoder>> {
    let message = message_of_columns(columns, nullable).map_err(unsupported)?;
    Ok(Box::new(ProtobufEncoder::new(columns.clone(), &message, None)?))
}

/// The schema of messages that hold the columns, as text, and the encoder of rows as such messages, with
/// nothing in front.
///
/// # Errors
/// As [`unregistered_decoder`].
pub(crate) fn described_messages(columns: &SchemaRef) -> Result<(String, Box<dyn Encoder>)> {
    let schema = schema_of_columns(columns, None, NullableRepresentation::Default).map_err(unsupported)?;
    let message = root_message::find(schema.file(), None).map_err(unsupported)?;
    Ok((schema.canonical_text(), Box::new(ProtobufEncoder::new(columns.clone(), &message, None)?)))
}

/// Whether messages have a type, but for what their names and its place say.
///
/// # Errors
/// A sentence for the user.
pub(super) fn check_maps(data_type: &DataType) -> std::result::Result<(), String> {
    match data_type {
        DataType::List(item) => check_maps(item.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check_maps(field.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(parts) if parts.len() == 2 && *parts[0].data_type() == DataType::Utf8 => {
                check_maps(parts[1].data_type())
            }
            _ => Err(MAP_KEYS.to_owned()),
        },
        _ => Ok(()),
    }
}

/// The message that payloads of a schema are.
fn root_message(
    schema: &ResolvedSchema,
    shape: &PayloadShape,
) -> std::result::Result<MessageDescriptor, String> {
    root_message::find(&root_message::file(schema)?, given_name(shape))
}

/// The name that the statement gives the message. Names that messages without one are given are none, as in
/// ksqlDB: those of the messages inside would be counted from the same number.
fn given_name(shape: &PayloadShape) -> Option<&str> {
    shape.full_name.as_deref().filter(|name| !name.starts_with(DEFAULT_NAME))
}

fn message_of_columns(
    columns: &Schema,
    nullable: NullableRepresentation,
) -> std::result::Result<MessageDescriptor, String> {
    root_message::find(schema_of_columns(columns, None, nullable)?.file(), None)
}

fn unsupported(reason: String) -> Error {
    Error::new(ErrorKind::Unsupported, reason)
}
