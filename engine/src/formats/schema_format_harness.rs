//! What the tests of formats with schemas share: columns and shapes from a few words, payloads through a
//! registry and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use serde_json::Value;
use tidemill_sql::type_system::{SqlType, StructField, arrow_field};

use super::schema_format::{PayloadShape, SchemaFormat, WriterSchema};
use super::{Decoded, EncodedPayloads, RecordPart, Rejection, RowSelection, Wrapping};
use crate::registry::{RegisteredSchema, SchemaId, SchemaRegistry};

/// Columns of these names and SQL types.
pub(super) fn schema(columns: &[(&str, &str)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, &str)| {
        let data_type: SqlType = data_type.parse().expect("a type");
        arrow_field(name, &data_type).expect("an arrow type")
    };
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

/// Columns found in a schema, each as its name and type.
pub(super) fn described(columns: &[StructField]) -> Vec<String> {
    columns.iter().map(|column| format!("{} {}", column.name, column.data_type)).collect()
}

/// Values of a stream `S`.
pub(super) fn shape(wrapping: Wrapping) -> PayloadShape {
    PayloadShape {
        part: RecordPart::Value,
        wrapping,
        source: "S".to_owned(),
        full_name: None,
        properties: BTreeMap::new(),
    }
}

/// The schema text of columns, as JSON.
pub(super) fn schema_text(format: &dyn SchemaFormat, columns: &SchemaRef, shape: &PayloadShape) -> Value {
    let definition = format.schema_of(columns, shape).expect("the format has the columns");
    serde_json::from_str(&definition.text).expect("the text is JSON")
}

/// A payload of the schema with the given id.
pub(super) fn framed(id: SchemaId, body: &[u8]) -> Vec<u8> {
    let mut payload = vec![0];
    payload.extend_from_slice(&id.0.to_be_bytes());
    payload.extend_from_slice(body);
    payload
}

/// Payloads as decoders take them, none of them null.
pub(super) fn present(payloads: &[Vec<u8>]) -> Vec<Option<&[u8]>> {
    payloads.iter().map(|payload| Some(payload.as_slice())).collect()
}

/// The payloads as all columns, and what was rejected.
pub(super) fn decode(
    format: &dyn SchemaFormat,
    registry: &SchemaRegistry,
    columns: &SchemaRef,
    shape: &PayloadShape,
    payloads: &[Option<&[u8]>],
) -> (Decoded, Vec<Rejection>) {
    let projection: Vec<usize> = (0..columns.fields().len()).collect();
    let mut decoder =
        format.decoder(columns, &projection, shape, registry).expect("the format has the columns");
    let mut rejections = Vec::new();
    let decoded = decoder.decode(payloads, &mut rejections).expect("a batch is decoded");
    (decoded, rejections)
}

/// All rows as payloads of a schema.
pub(super) fn encode(
    format: &dyn SchemaFormat,
    columns: &SchemaRef,
    shape: &PayloadShape,
    writer: &WriterSchema,
    values: &[ArrayRef],
) -> EncodedPayloads {
    let mut encoder = format.encoder(columns, shape, writer).expect("the columns fit");
    let mut payloads = EncodedPayloads::new();
    let rows = values.first().map_or(0, |column| column.len());
    encoder.encode(values, RowSelection::Range(0..rows), &mut payloads).expect("the rows are written");
    payloads
}

/// A registered schema, to be written with.
pub(super) fn writer(registered: &RegisteredSchema) -> WriterSchema {
    WriterSchema { id: registered.id, schema: registered.schema.clone() }
}

/// What was rejected: which payload and why.
pub(super) fn reasons(rejections: &[Rejection]) -> Vec<(usize, &str)> {
    rejections.iter().map(|rejection| (rejection.payload, rejection.reason.as_str())).collect()
}
