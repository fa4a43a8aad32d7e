//! Record bytes to and from columns.
//!
//! A topic's keys and its values are each written in a [`Format`]. A [`Decoder`] turns a batch of
//! payloads, as slices of the log's bytes, into the columns a query needs; an [`Encoder`] turns columns
//! into payloads in one growing buffer. Both work on whole batches and write straight into column
//! builders or bytes: there is no value object in between.
//!
//! What must hold of every decoder:
//! - a payload gives exactly one row or exactly one [`Rejection`] with a reason for people; a rejected
//!   payload leaves nothing behind in the columns;
//! - a null payload gives a row of nulls, marked in [`Decoded::present`];
//! - the same payload gives the same answer whatever came before it.
//!
//! Left to others: which record belongs to which row kind, tombstones, the window in a windowed key,
//! and what happens to rejected records.

mod avro;
mod column_builder;
mod column_values;
mod compiled_schemas;
mod decoded;
mod delimited;
mod encoded;
mod framing;
mod inference;
mod json;
mod json_schema;
mod kafka;
mod member_names;
mod none;
mod part_format;
mod protobuf;
mod scalar;
mod scalar_values;
mod schema_format;
mod schema_payload;
mod sql_type;
mod support;

#[cfg(test)]
mod schema_format_harness;

pub mod decimal_text;
mod java_digits;
pub mod java_double;

use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema, SchemaRef};
use tidemill_sql::lookup::FormatSpec;

use crate::error::{Error, ErrorKind, Result};

pub use decoded::{Decoded, Rejection};
pub use delimited::Delimiter;
pub use encoded::{EncodedPayloads, RowSelection};
pub use inference::inferred_columns;
pub(crate) use json::{JsonKind, JsonValue, write_json_scalar, write_json_string};
pub(crate) use part_format::subject;
pub use part_format::{PartFormat, Registration, part_schema};
pub(crate) use protobuf::described_messages;
pub use protobuf::{MessageTexts, NullableRepresentation};
pub(crate) use scalar_values::ScalarValues;
pub use schema_payload::{
    declared_payload_to_value, json_to_declared_payload, json_to_payload, payload_to_value,
};
pub use tidemill_sql::lookup::RecordPart;

use schema_format::SchemaFormat;

/// Payload bytes of one batch given to a decoder: Arrow's offsets are 31 bits, and a STRING column may
/// hold up to twice the bytes it was read from.
pub const DECODE_BATCH_BYTES_MAX: usize = 1 << 30;

/// Whether columns stand in a record of their own or a single column stands bare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrapping {
    /// Columns are fields of a record.
    Record,
    /// The payload is the value of the only column.
    Bare,
}

/// How keys or values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// JSON text.
    Json,
    /// JSON text behind the id of its JSON Schema.
    JsonSr,
    /// Avro's binary encoding behind the id of its schema.
    Avro,
    /// Protobuf messages behind the ids of their schemas.
    Protobuf,
    /// Protobuf messages of the columns themselves.
    ProtobufNosr {
        /// How a missing value is told from a default one.
        nullable: NullableRepresentation,
    },
    /// A line of separated values.
    Delimited {
        /// What separates them.
        delimiter: Delimiter,
    },
    /// The binary forms of Kafka's own serializers; a single column.
    Kafka,
    /// No columns: the payload is ignored when read, and null when written.
    None,
}

/// Payloads to columns, for a fixed list of columns.
pub trait Decoder: Send {
    /// Decodes a batch. Payloads that do not decode are appended to `rejections`, in order; the others
    /// are the rows of the answer, in order.
    ///
    /// # Errors
    /// If the batch is larger than [`DECODE_BATCH_BYTES_MAX`], or for a bug.
    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded>;
}

/// Columns to payloads, for a fixed schema.
pub trait Encoder: Send {
    /// Appends one payload for each selected row, in order. A row is null here only where the format
    /// says so (a null bare value); tombstones are the caller's.
    ///
    /// # Errors
    /// If the columns do not fit the encoder's schema.
    fn encode(
        &mut self,
        columns: &[ArrayRef],
        rows: RowSelection<'_>,
        out: &mut EncodedPayloads,
    ) -> Result<()>;
}

impl Format {
    /// The format a declaration names, with its properties.
    ///
    /// # Errors
    /// An unknown name or a property that cannot be.
    pub fn from_spec(spec: &FormatSpec, part: RecordPart) -> Result<Format> {
        match spec.name.as_str() {
            "JSON" => Ok(Format::Json),
            "JSON_SR" => Ok(Format::JsonSr),
            "AVRO" => Ok(Format::Avro),
            "PROTOBUF" => Ok(Format::Protobuf),
            "PROTOBUF_NOSR" => {
                let property = format!("{}{}", part.prefix(), protobuf::NULLABLE_REPRESENTATION);
                let nullable = match spec.properties.get(&property) {
                    None => NullableRepresentation::Default,
                    Some(text) => text.parse().map_err(|reason| Error::new(ErrorKind::Invalid, reason))?,
                };
                Ok(Format::ProtobufNosr { nullable })
            }
            "DELIMITED" => {
                let property = match part {
                    RecordPart::Key => "KEY_DELIMITER",
                    RecordPart::Value => "VALUE_DELIMITER",
                };
                let delimiter = match spec.properties.get(property) {
                    None => Delimiter::COMMA,
                    Some(text) => Delimiter::parse(text).map_err(|reason| {
                        Error::new(
                            ErrorKind::Invalid,
                            format!("Configuration {property} is invalid: {reason}"),
                        )
                    })?,
                };
                Ok(Format::Delimited { delimiter })
            }
            "KAFKA" => Ok(Format::Kafka),
            "NONE" => Ok(Format::None),
            other => Err(Error::new(ErrorKind::Invalid, format!("Unknown format: {other}")).with_hint(
                "the formats are JSON, JSON_SR, AVRO, PROTOBUF, PROTOBUF_NOSR, DELIMITED, KAFKA and NONE",
            )),
        }
    }

    /// Its name in SQL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::JsonSr => "JSON_SR",
            Format::Avro => "AVRO",
            Format::Protobuf => "PROTOBUF",
            Format::ProtobufNosr { .. } => "PROTOBUF_NOSR",
            Format::Delimited { .. } => "DELIMITED",
            Format::Kafka => "KAFKA",
            Format::None => "NONE",
        }
    }

    /// What the format does with the schemas of its payloads, if they have any.
    fn schemas(self) -> Option<&'static dyn SchemaFormat> {
        match self {
            Format::Avro => Some(&avro::AvroFormat),
            Format::JsonSr => Some(&json_schema::JsonSchemaFormat),
            Format::Protobuf => Some(&protobuf::Protobuf),
            Format::Json
            | Format::ProtobufNosr { .. }
            | Format::Delimited { .. }
            | Format::Kafka
            | Format::None => None,
        }
    }

    /// Whether a single value can be written both in a record and without.
    fn wraps_or_not(self) -> bool {
        match self {
            Format::Json | Format::JsonSr | Format::Avro => true,
            Format::Protobuf | Format::ProtobufNosr { .. } => false,
            Format::Delimited { .. } | Format::Kafka | Format::None => false,
        }
    }

    /// Whether columns stand in a record even where there is one.
    fn has_records_alone(self) -> bool {
        matches!(self, Format::Protobuf | Format::ProtobufNosr { .. })
    }

    /// Whether the columns of a key or a value can be written in this format.
    ///
    /// # Errors
    /// A sentence for the user: the column and what about it cannot be.
    pub fn check(self, columns: &Schema, part: RecordPart) -> std::result::Result<(), String> {
        support::check(self, columns, part)
    }

    /// Whether the columns stand in a record or bare, given what `WRAP_SINGLE_VALUE` says, if anything.
    ///
    /// # Errors
    /// A sentence for the user, if the property cannot be set so.
    pub fn wrapping(
        self,
        columns: usize,
        part: RecordPart,
        wrap_single: Option<bool>,
    ) -> std::result::Result<Wrapping, String> {
        support::wrapping(self, columns, part, wrap_single)
    }

    /// A decoder of some of a key's or value's columns: those of `columns` at the positions in
    /// `projection`, in that order. A payload is rejected where any of `columns` does not hold a value of its
    /// type, whether it is projected or not. Formats with schemas need more than the columns: see
    /// [`PartFormat::decoder`].
    ///
    /// # Errors
    /// If the format does not have the columns' types: what [`Format::check`] says.
    pub fn decoder(
        self,
        columns: &SchemaRef,
        projection: &[usize],
        wrapping: Wrapping,
    ) -> Result<Box<dyn Decoder>> {
        check_projection(columns, projection)?;
        Ok(match self {
            Format::Json => Box::new(json::JsonDecoder::new(columns, projection, wrapping)?),
            Format::Delimited { delimiter } => {
                Box::new(delimited::DelimitedDecoder::new(columns, projection, delimiter)?)
            }
            Format::Kafka => Box::new(kafka::KafkaDecoder::new(columns, projection)?),
            Format::None => Box::new(none::NoneDecoder::new(columns)?),
            Format::ProtobufNosr { nullable } => {
                protobuf::unregistered_decoder(columns, projection, nullable)?
            }
            Format::Avro | Format::JsonSr | Format::Protobuf => return Err(without_registry(self)),
        })
    }

    /// An encoder of a key's or value's columns.
    ///
    /// # Errors
    /// As [`Format::decoder`].
    pub fn encoder(self, columns: &SchemaRef, wrapping: Wrapping) -> Result<Box<dyn Encoder>> {
        Ok(match self {
            Format::Json => Box::new(json::JsonEncoder::new(columns.clone(), wrapping)?),
            Format::Delimited { delimiter } => {
                Box::new(delimited::DelimitedEncoder::new(columns.clone(), delimiter)?)
            }
            Format::Kafka => Box::new(kafka::KafkaEncoder::new(columns.clone())?),
            Format::None => Box::new(none::NoneEncoder::new(columns)?),
            Format::ProtobufNosr { nullable } => protobuf::unregistered_encoder(columns, nullable)?,
            Format::Avro | Format::JsonSr | Format::Protobuf => return Err(without_registry(self)),
        })
    }
}

fn check_projection(columns: &Schema, projection: &[usize]) -> Result<()> {
    match projection.iter().find(|index| **index >= columns.fields().len()) {
        Some(outside) => Err(Error::internal(format!("column {outside} of {}", columns.fields().len()))),
        None => Ok(()),
    }
}

fn without_registry(format: Format) -> Error {
    Error::internal(format!("{} is read and written with a schema registry alone", format.name()))
}

fn check_batch_size(payloads: &[Option<&[u8]>]) -> Result<()> {
    let bytes: usize = payloads.iter().flatten().map(|payload| payload.len()).sum();
    if bytes <= DECODE_BATCH_BYTES_MAX {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "{bytes} bytes in one batch of records; at most {DECODE_BATCH_BYTES_MAX} are decoded together"
        ),
    ))
}

/// A column that the format does not have; planning refuses it before.
fn unsupported_column(format: &str, field: &Field) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "The '{format}' format does not support type '{}', column: `{}`",
            sql_type::base_type_name(field.data_type()),
            field.name()
        ),
    )
}
