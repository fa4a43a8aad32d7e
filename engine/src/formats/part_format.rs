//! How the keys or the values of a stream or table are written: the format with everything that the
//! declaration says about it, and for formats with schemas where those are.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use tidemill_sql::lookup::{ColumnRole, FormatSpec, Source};

use super::schema_format::{PayloadShape, SchemaFormat, WriterSchema};
use super::{Decoder, Encoder, Format, RecordPart, Wrapping};
use crate::error::{Error, ErrorKind, Result};
use crate::registry::{SchemaDefinition, SchemaId, SchemaRegistry};

/// Whether a statement registers the schema of what it declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registration {
    /// Where nothing is registered for the topic yet: the statement describes what others write.
    FirstOfTopic,
    /// As the newest version: the statement's query writes it.
    NewestVersion,
}

/// The format of a source's keys or values.
#[derive(Clone, Debug)]
pub struct PartFormat {
    format: Format,
    columns: SchemaRef,
    topic: String,
    schema_id: Option<SchemaId>,
    shape: PayloadShape,
}

impl PartFormat {
    /// The format of one part of a source's records.
    ///
    /// # Errors
    /// `Invalid`: a format or a property that cannot be.
    pub fn of(source: &Source, part: RecordPart) -> Result<PartFormat> {
        let spec = match part {
            RecordPart::Key => &source.key_format,
            RecordPart::Value => &source.value_format,
        };
        PartFormat::new(&source.name, &source.topic, part_schema(source, part), part, spec)
    }

    /// The format that a declaration names, for columns of a source over a topic.
    ///
    /// # Errors
    /// As [`PartFormat::of`].
    pub(super) fn new(
        source: &str,
        topic: &str,
        columns: SchemaRef,
        part: RecordPart,
        spec: &FormatSpec,
    ) -> Result<PartFormat> {
        // Without columns there is nothing to read or write, whatever the format.
        let format = if columns.fields().is_empty() { Format::None } else { Format::from_spec(spec, part)? };
        let wrapping = format
            .wrapping(columns.fields().len(), part, spec.wrap_single)
            .map_err(|reason| Error::new(ErrorKind::Invalid, reason))?;
        let shape = payload_shape(source, part, spec, wrapping);
        let schema_id = schema_id(spec, part)?;
        Ok(PartFormat { format, columns, topic: topic.to_owned(), schema_id, shape })
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Whether the format can have the columns, their names included.
    ///
    /// # Errors
    /// `Invalid`, with the column and what about it cannot be.
    pub fn check(&self) -> Result<()> {
        let invalid = |reason: String| Error::new(ErrorKind::Invalid, reason);
        let part = self.shape.part;
        self.format.check(&self.columns, part).map_err(|reason| {
            let error = invalid(reason);
            match Format::Json.check(&self.columns, part) {
                Ok(()) => {
                    let property = format!("{}FORMAT = 'JSON'", part.prefix());
                    error.with_hint(format!("name a format that holds such columns: {property}"))
                }
                Err(_) => error,
            }
        })?;
        if let Some(format) = self.format.schemas() {
            format.schema_of(&self.columns, &self.shape).map_err(invalid)?;
        }
        Ok(())
    }

    /// A decoder of the columns at the positions in `projection`, in that order.
    ///
    /// # Errors
    /// If the format does not have the columns' types.
    pub fn decoder(&self, projection: &[usize], schemas: &SchemaRegistry) -> Result<Box<dyn Decoder>> {
        match self.format.schemas() {
            None => self.format.decoder(&self.columns, projection, self.shape.wrapping),
            Some(format) => {
                super::check_projection(&self.columns, projection)?;
                format.decoder(&self.columns, projection, &self.shape, schemas)
            }
        }
    }

    /// An encoder of all columns. Where the format has schemas, the one that is written with is looked
    /// up, or registered where it is not known yet (blocking).
    ///
    /// # Errors
    /// If the format or the schema does not have the columns, and those of the registry.
    pub fn encoder(&self, schemas: &SchemaRegistry) -> Result<Box<dyn Encoder>> {
        match self.format.schemas() {
            None => self.format.encoder(&self.columns, self.shape.wrapping),
            Some(format) => {
                let writer = self.writer_schema(format, schemas)?;
                format.encoder(&self.columns, &self.shape, &writer)
            }
        }
    }

    /// Registers the schema of a source that is declared (blocking). Formats without schemas have none.
    ///
    /// # Errors
    /// Those of the registry: above all that the schema does not go with those before it.
    pub fn register(&self, schemas: &SchemaRegistry, registration: Registration) -> Result<()> {
        let Some(format) = self.format.schemas() else { return Ok(()) };
        let subject = subject(&self.topic, self.shape.part);
        if let Some(id) = self.schema_id {
            return self.register_given(id, &subject, schemas);
        }
        if registration == Registration::NewestVersion || schemas.latest(&subject).is_none() {
            self.newest_version(format, &subject, schemas)?;
        }
        Ok(())
    }

    /// Registers the schema where that of `before`, a declaration that this one takes the place of, is the
    /// newest of the topic (blocking): then nobody else describes what is written there.
    ///
    /// # Errors
    /// As [`PartFormat::register`].
    pub fn register_in_place_of(&self, before: &PartFormat, schemas: &SchemaRegistry) -> Result<()> {
        let Some(format) = self.format.schemas().filter(|_| self.schema_id.is_none()) else { return Ok(()) };
        let subject = subject(&self.topic, self.shape.part);
        let newest = schemas.latest(&subject).map(|newest| newest.id);
        let declared = before.declared_schema();
        let declared = declared.and_then(|(subject, definition)| schemas.id_of(&subject, &definition));
        if newest.is_some() && newest == declared {
            self.newest_version(format, &subject, schemas)?;
        }
        Ok(())
    }

    /// The schema of the columns and the subject it belongs to, where the format has schemas and can have
    /// the columns.
    #[must_use]
    pub fn declared_schema(&self) -> Option<(String, SchemaDefinition)> {
        let definition = self.format.schemas()?.schema_of(&self.columns, &self.shape).ok()?;
        Some((subject(&self.topic, self.shape.part), definition))
    }

    fn writer_schema(&self, format: &dyn SchemaFormat, schemas: &SchemaRegistry) -> Result<WriterSchema> {
        let subject = subject(&self.topic, self.shape.part);
        let id = match self.schema_id {
            Some(id) => id,
            None => self.newest_version(format, &subject, schemas)?,
        };
        let schema = schemas.by_id(id).ok_or_else(|| unknown_id(id))?;
        Ok(WriterSchema { id, schema })
    }

    /// The number of the columns' own schema, registered if it is not yet.
    fn newest_version(
        &self,
        format: &dyn SchemaFormat,
        subject: &str,
        schemas: &SchemaRegistry,
    ) -> Result<SchemaId> {
        let definition = format
            .schema_of(&self.columns, &self.shape)
            .map_err(|reason| Error::new(ErrorKind::Invalid, reason))?;
        let registered = schemas.register(subject, definition, false).map_err(|error| {
            let error = Error::from(error);
            let message = format!("Could not register schema for topic '{}': {}", self.topic, error.message);
            let error = Error { message, ..error };
            match schemas.latest(subject) {
                Some(newest) => error.or_hint(self.way_to_write_by(newest.id)),
                None => error,
            }
        })?;
        Ok(registered.id)
    }

    /// What to do where a client has registered a schema that the columns' own may not follow.
    fn way_to_write_by(&self, id: SchemaId) -> String {
        let property = match self.shape.part {
            RecordPart::Key => "KEY_SCHEMA_ID",
            RecordPart::Value => "VALUE_SCHEMA_ID",
        };
        format!("records are written by the schema that is there where the source says {property} = {}", id.0)
    }

    /// Registers the schema that the declaration names by its number for the topic as well.
    fn register_given(&self, id: SchemaId, subject: &str, schemas: &SchemaRegistry) -> Result<()> {
        let schema = schemas.by_id(id).ok_or_else(|| unknown_id(id))?;
        let registered = schemas.register(subject, schema.definition.clone(), false)?;
        if registered.id == id {
            return Ok(());
        }
        let message = format!(
            "Schema id registered is {} which is different from provided schema id {}. Topic: {}, Subject: \
             {subject}",
            registered.id.0, id.0, self.topic
        );
        Err(Error::new(ErrorKind::Invalid, message)
            .with_hint("name the schema by the id it is registered under"))
    }
}

/// The Arrow schema of a source's key or value columns.
#[must_use]
pub fn part_schema(source: &Source, part: RecordPart) -> SchemaRef {
    let role = match part {
        RecordPart::Key => ColumnRole::Key,
        RecordPart::Value => ColumnRole::Value,
    };
    let fields: Vec<_> = source
        .columns
        .iter()
        .filter(|column| column.role == role)
        .map(|column| Field::new(&column.name, column.data_type.clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The subject of a topic's keys or values in the registry.
pub(crate) fn subject(topic: &str, part: RecordPart) -> String {
    match part {
        RecordPart::Key => format!("{topic}-key"),
        RecordPart::Value => format!("{topic}-value"),
    }
}

/// What of a declaration decides how payloads look.
pub(super) fn payload_shape(
    source: &str,
    part: RecordPart,
    spec: &FormatSpec,
    wrapping: Wrapping,
) -> PayloadShape {
    let properties: BTreeMap<String, String> = spec
        .properties
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(part.prefix())?.to_owned(), value.clone())))
        .collect();
    let full_name = properties.get("SCHEMA_FULL_NAME").or_else(|| properties.get("AVRO_SCHEMA_FULL_NAME"));
    let full_name = full_name.map(|name| name.trim().to_owned());
    PayloadShape { part, wrapping, source: source.to_owned(), full_name, properties }
}

/// The number of the schema that a declaration names, if it does.
///
/// # Errors
/// `Invalid`: it is no number.
pub(super) fn schema_id(spec: &FormatSpec, part: RecordPart) -> Result<Option<SchemaId>> {
    let name = format!("{}SCHEMA_ID", part.prefix());
    let Some(text) = spec.properties.get(&name) else { return Ok(None) };
    match text.trim().parse() {
        Ok(id) => Ok(Some(SchemaId(id))),
        Err(_) => Err(Error::new(ErrorKind::Invalid, format!("{name} is no number of a schema: '{text}'"))),
    }
}

fn unknown_id(id: SchemaId) -> Error {
    Error::new(ErrorKind::NotFound, format!("the schema registry has no schema {}", id.0))
}

#[cfg(test)]
#[path = "part_format_tests.rs"]
mod tests;
