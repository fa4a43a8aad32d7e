//! Single payloads from JSON and back: by what the schema registry has, whatever streams and tables are
//! declared, as a client of the registry would write and read them; or by the columns of a declaration.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use serde_json::{Map, Value};
use tidemill_sql::lookup::FormatSpec;
use tidemill_sql::type_system::{SqlType, StructField};

use super::part_format::{payload_shape, subject};
use super::schema_format::{PayloadShape, SchemaFormat, WriterSchema};
use super::{
    Decoded, Decoder, EncodedPayloads, Encoder, Format, PartFormat, RecordPart, RowSelection, Wrapping,
    framing,
};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::{ResolvedSchema, SchemaKind, SchemaRegistry};

/// The payload that stands for a JSON value in a topic, by the newest schema of the topic's keys or
/// values: by its record of that name, where one is given. Members are found by name in any case; those
/// that the schema does not have are left out.
///
/// # Errors
/// `NotFound` where the topic has no schema, `Invalid` where the value is none of the schema's.
pub fn json_to_payload(
    schemas: &SchemaRegistry,
    topic: &str,
    part: RecordPart,
    full_name: Option<&str>,
    value: &Value,
) -> Result<Option<Vec<u8>>> {
    let subject = subject(topic, part);
    let registered = schemas.latest(&subject).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("the schema registry has no subject '{subject}'"))
    })?;
    let layout = Layout::of(&registered.schema, part, full_name)?;
    let writer = WriterSchema { id: registered.id, schema: registered.schema };
    let mut encoder = layout.format.encoder(&layout.columns, &layout.shape, &writer)?;
    let value = renamed(value, &layout.data_type);
    encoded(encoder.as_mut(), &layout.columns, layout.shape.wrapping, &value)
}

/// The payload that stands for a JSON value where a declaration alone says what it holds.
///
/// # Errors
/// `Invalid` where the value is none of the columns.
pub fn json_to_declared_payload(
    format: &PartFormat,
    schemas: &SchemaRegistry,
    value: &Value,
) -> Result<Option<Vec<u8>>> {
    let columns = format.columns();
    let fields = columns
        .fields()
        .iter()
        .map(|field| Ok(StructField::new(field.name(), SqlType::from_arrow(field.data_type())?)));
    let data_type = SqlType::Struct(fields.collect::<Result<_>>()?);
    encoded(format.encoder(schemas)?.as_mut(), columns, Wrapping::Record, &renamed(value, &data_type))
}

/// The value of a payload of which a declaration alone says what it holds: a STRUCT of one entry.
///
/// # Errors
/// `Invalid` where it holds something else.
pub fn declared_payload_to_value(
    format: &PartFormat,
    schemas: &SchemaRegistry,
    payload: &[u8],
) -> Result<ArrayRef> {
    let columns = format.columns();
    let projection: Vec<usize> = (0..columns.fields().len()).collect();
    let decoded = decoded(format.decoder(&projection, schemas)?.as_mut(), payload)?;
    record(columns, decoded)
}

/// The payload of a JSON value.
fn encoded(
    encoder: &mut dyn Encoder,
    columns: &SchemaRef,
    wrapping: Wrapping,
    value: &Value,
) -> Result<Option<Vec<u8>>> {
    let projection: Vec<usize> = (0..columns.fields().len()).collect();
    let mut json = Format::Json.decoder(columns, &projection, wrapping)?;
    let read = decoded(json.as_mut(), value.to_string().as_bytes())?;
    let mut payloads = EncodedPayloads::new();
    encoder.encode(&read.columns, RowSelection::Range(0..read.rows), &mut payloads)?;
    Ok(payloads.get(0).map(<[u8]>::to_vec))
}

/// The columns of one payload.
fn decoded(decoder: &mut dyn Decoder, payload: &[u8]) -> Result<Decoded> {
    let mut rejections = Vec::new();
    let decoded = decoder.decode(&[Some(payload)], &mut rejections)?;
    match rejections.into_iter().next() {
        Some(rejection) => Err(Error::new(ErrorKind::Invalid, rejection.reason)),
        None => Ok(decoded),
    }
}

/// Columns as one STRUCT.
fn record(columns: &SchemaRef, decoded: Decoded) -> Result<ArrayRef> {
    let fields = columns.fields().clone();
    Ok(Arc::new(StructArray::try_new_with_length(fields, decoded.columns, None, decoded.rows)?))
}

/// The value of a payload, as the schema it was written with has it: an array of one entry, a STRUCT
/// where the schema is a record.
///
/// # Errors
/// `Invalid` where it was not written with a schema of the registry, or is not what its schema says.
pub fn payload_to_value(schemas: &SchemaRegistry, part: RecordPart, payload: &[u8]) -> Result<ArrayRef> {
    let invalid = |reason: String| Error::new(ErrorKind::Invalid, reason);
    let (id, body) = framing::split(payload).map_err(invalid)?;
    let schema = schemas
        .by_id(id)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the schema registry has no schema {id}")))?;
    let full_name = language(&schema)?.1.record_of(&schema, body).map_err(invalid)?;
    let layout = Layout::of(&schema, part, full_name.as_deref())?;
    let mut decoder = layout.format.decoder(&layout.columns, &layout.projection(), &layout.shape, schemas)?;
    let decoded = decoded(decoder.as_mut(), payload)?;
    match (layout.shape.wrapping, decoded.columns.first()) {
        (Wrapping::Bare, Some(value)) => Ok(value.clone()),
        _ => record(&layout.columns, decoded),
    }
}

/// What payloads of a schema hold.
struct Layout {
    format: &'static dyn SchemaFormat,
    shape: PayloadShape,
    columns: SchemaRef,
    data_type: SqlType,
}

impl Layout {
    fn of(schema: &ResolvedSchema, part: RecordPart, full_name: Option<&str>) -> Result<Layout> {
        let (format, language) = language(schema)?;
        let wrapping = if format.wraps_or_not() { Wrapping::Bare } else { Wrapping::Record };
        let spec = FormatSpec::named(format.name());
        let shape = PayloadShape {
            full_name: full_name.map(str::to_owned),
            ..payload_shape("", part, &spec, wrapping)
        };
        let fields =
            language.columns_of(schema, &shape).map_err(|reason| Error::new(ErrorKind::Invalid, reason))?;
        let columns: Fields = fields
            .iter()
            .map(|field| Ok(Field::new(&field.name, field.data_type.to_arrow()?, true)))
            .collect::<Result<_>>()?;
        let data_type = match (wrapping, fields.as_slice()) {
            (Wrapping::Bare, [StructField { data_type, .. }]) => data_type.clone(),
            _ => SqlType::Struct(fields),
        };
        Ok(Layout { format: language, shape, columns: Arc::new(Schema::new(columns)), data_type })
    }

    fn projection(&self) -> Vec<usize> {
        (0..self.columns.fields().len()).collect()
    }
}

/// The format whose payloads have a schema, and what it does with schemas.
fn language(schema: &ResolvedSchema) -> Result<(Format, &'static dyn SchemaFormat)> {
    let format = match schema.definition.kind {
        SchemaKind::Avro => Format::Avro,
        SchemaKind::Json => Format::JsonSr,
        SchemaKind::Protobuf => Format::Protobuf,
    };
    let language = format.schemas();
    let language =
        language.ok_or_else(|| Error::internal(format!("format {} has no schemas", format.name())))?;
    Ok((format, language))
}

/// A value whose members are called what the type calls them.
fn renamed(value: &Value, data_type: &SqlType) -> Value {
    match (value, data_type) {
        (Value::Object(members), SqlType::Struct(fields)) => {
            let member = |(name, value): (&String, &Value)| {
                let exact = fields.iter().find(|field| field.name == *name);
                let folded = || fields.iter().find(|field| field.name.to_uppercase() == name.to_uppercase());
                match exact.or_else(folded) {
                    Some(field) => (field.name.clone(), renamed(value, &field.data_type)),
                    None => (name.clone(), value.clone()),
                }
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        (Value::Object(members), SqlType::Map { value: inner, .. }) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), renamed(value, inner));
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        (Value::Array(items), SqlType::Array(inner)) => {
            Value::Array(items.iter().map(|item| renamed(item, inner)).collect())
        }
        (other, _) => other.clone(),
    }
}
