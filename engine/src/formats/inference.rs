//! Columns of a source that its declaration leaves to the schema registry.

use tidemill_sql::lookup::{SchemaInquiry, SourceColumn};
use tidemill_sql::type_system::{SqlType, StructField};
use tidemill_sql::{SqlError, SqlErrorKind};

use super::part_format::{payload_shape, schema_id, subject};
use super::{Format, RecordPart, Wrapping};
use crate::registry::{ResolvedSchema, SchemaKind, SchemaRegistry};

/// The columns that the newest schema of the topic has, or the one that the declaration names by its
/// number. Names are folded to upper case, as the declaration's own would be, unless it names the schema.
///
/// # Errors
/// A sentence for the user: there is no such schema, or it has no columns.
pub fn inferred_columns(
    schemas: &SchemaRegistry,
    inquiry: &SchemaInquiry<'_>,
) -> Result<Vec<SourceColumn>, SqlError> {
    let SchemaInquiry { source, topic, part, format: spec } = *inquiry;
    let part_word = match part {
        RecordPart::Key => "keys",
        RecordPart::Value => "values",
    };
    let invalid = |message: String| SqlError::new(SqlErrorKind::Invalid, message);
    let format = Format::from_spec(spec, part).map_err(|error| invalid(error.message))?;
    let Some(language) = format.schemas() else {
        return Err(SqlError::internal(format!("columns of format {} are inferred", spec.name)));
    };
    let id = schema_id(spec, part).map_err(|error| invalid(error.message))?;
    let found = match id {
        Some(id) => schemas.by_id(id),
        None => schemas.latest(&subject(topic, part)).map(|registered| registered.schema),
    };
    let missing = || {
        let message = format!(
            "Schema for message {part_word} on topic '{topic}' does not exist in the Schema Registry."
        );
        invalid(message)
            .with_detail(format!("subject: {}", subject(topic, part)))
            .with_hint("declare the columns, or register a schema for the topic first")
    };
    let schema = found.ok_or_else(missing)?;
    check_kind(&schema, language.kind(), topic, part)?;
    let wrapping = inferred_wrapping(format, part, spec.wrap_single);
    let shape = payload_shape(source, part, spec, wrapping);
    let columns = language.columns_of(&schema, &shape).map_err(|reason| match reason {
        // A record that is chosen by its name is looked for like a schema.
        reason if reason == NO_SUCH_RECORD => missing(),
        reason => invalid(format!(
            "Unable to verify if the {} schema for topic: {topic} is compatible with ksqlDB.\nReason: {reason}",
            part_word.trim_end_matches('s')
        )),
    })?;
    let role = part.column_role();
    let column = |StructField { name, data_type }: StructField| {
        let (name, data_type) =
            if id.is_some() { (name, data_type) } else { (name.to_uppercase(), folded(data_type)) };
        Ok(SourceColumn { name, data_type: data_type.to_arrow()?, role: role.clone() })
    };
    columns.into_iter().map(column).collect()
}

/// What [`SchemaFormat::columns_of`](super::schema_format::SchemaFormat::columns_of) says where the schema
/// has no record of the name that the declaration chooses.
pub(super) const NO_SUCH_RECORD: &str = "the schema has no record of that name";

/// Whether inferred columns stand in a record: a key whose format leaves it open is the value of one
/// column, however it is made.
fn inferred_wrapping(format: Format, part: RecordPart, wrap_single: Option<bool>) -> Wrapping {
    let is_bare = match part {
        RecordPart::Key => true,
        RecordPart::Value => wrap_single == Some(false),
    };
    if is_bare && format.wraps_or_not() { Wrapping::Bare } else { Wrapping::Record }
}

fn check_kind(
    schema: &ResolvedSchema,
    expected: SchemaKind,
    topic: &str,
    part: RecordPart,
) -> Result<(), SqlError> {
    let found = schema.definition.kind;
    if found == expected {
        return Ok(());
    }
    let (word, property) = match part {
        RecordPart::Key => ("Key", "KEY_FORMAT"),
        RecordPart::Value => ("Value", "VALUE_FORMAT"),
    };
    let format = match found {
        SchemaKind::Json => "JSON_SR",
        other => other.name(),
    };
    Err(SqlError::new(
        SqlErrorKind::Invalid,
        format!(
            "{word} schema is not in the expected format. You may want to set {property} to '{format}'.\ntopic: \
             {topic}\nexpected format: {}\nactual format: {}",
            expected.name(),
            found.name()
        ),
    ))
}

/// The type with the names of all its fields in upper case.
fn folded(data_type: SqlType) -> SqlType {
    match data_type {
        SqlType::Array(element) => SqlType::array(folded(*element)),
        SqlType::Map { key, value } => SqlType::map(*key, folded(*value)),
        SqlType::Struct(fields) => SqlType::Struct(
            fields
                .into_iter()
                .map(|field| StructField::new(field.name.to_uppercase(), folded(field.data_type)))
                .collect(),
        ),
        other => other,
    }
}
