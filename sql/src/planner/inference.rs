//! Columns that statements take from the schema registry.

use std::collections::HashSet;

use super::create_source::schema_text;
use super::formats::infers_columns;
use super::properties::Properties;
use crate::analyzer::scope::is_pseudo_column;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{FormatSpec, Lookup, RecordPart, SchemaInquiry, Source, SourceColumn};
use crate::parser::identifier::quoted_name;

/// Declared columns with those that the registry has: keys where no key column is declared, values
/// where no other is, each where the part's format leaves its columns to the registry.
///
/// # Errors
/// The registry has no such columns, or their names clash with others.
pub(super) fn completed(
    declared: Vec<SourceColumn>,
    source: &str,
    topic: &str,
    key_format: &FormatSpec,
    value_format: &FormatSpec,
    lookup: &dyn Lookup,
) -> Result<Vec<SourceColumn>, SqlError> {
    let inferred = |part: RecordPart, format: &FormatSpec| {
        let role = part.column_role();
        if declared.iter().any(|column| column.role == role) || !infers_columns(&format.name) {
            return Ok(Vec::new());
        }
        lookup.inferred_columns(&SchemaInquiry { source, topic, part, format })
    };
    let keys = inferred(RecordPart::Key, key_format)?;
    let values = inferred(RecordPart::Value, value_format)?;
    if keys.is_empty() && values.is_empty() {
        return Ok(declared);
    }
    let is_key = |column: &SourceColumn| column.role == RecordPart::Key.column_role();
    let (declared_keys, others): (Vec<_>, Vec<_>) = declared.into_iter().partition(is_key);
    let columns: Vec<_> = declared_keys.into_iter().chain(keys).chain(values).chain(others).collect();
    let mut names = HashSet::with_capacity(columns.len());
    for SourceColumn { name, .. } in &columns {
        if is_pseudo_column(name) {
            let message =
                format!("'{name}' is a reserved column name. You cannot use it as a name for a column.");
            return Err(SqlError::invalid(message)
                .with_hint("declare the columns: the schema has one with the name of a pseudo column"));
        }
        if !names.insert(name) {
            return Err(SqlError::new(
                SqlErrorKind::Duplicate,
                format!("Duplicate column names: {}", quoted_name(name)),
            )
            .with_hint("declare the columns: those of the schema clash"));
        }
    }
    Ok(columns)
}

/// Whether results can be written with the schema that the statement names by its number: their columns
/// are the first of the schema's, in the same order.
///
/// # Errors
/// They are not, or the format has no schemas.
pub(super) fn check_schema_id(
    properties: &Properties<'_>,
    part: RecordPart,
    sink: &Source,
    lookup: &dyn Lookup,
) -> Result<(), SqlError> {
    let format = match part {
        RecordPart::Key => &sink.key_format,
        RecordPart::Value => &sink.value_format,
    };
    let Some(property) = properties.get(&format!("{}SCHEMA_ID", part.prefix())) else {
        return Ok(());
    };
    let refused =
        |message: String| SqlError::new(SqlErrorKind::InvalidProperty, message).at(property.name_span);
    if !infers_columns(&format.name) {
        return Err(refused(no_schemas(part, &format.name)));
    }
    let (source, topic) = (sink.name.as_str(), sink.topic.as_str());
    let registered = lookup
        .inferred_columns(&SchemaInquiry { source, topic, part, format })
        .map_err(|error| error.or_at(property.value_span))?;
    let role = part.column_role();
    let of_part = sink.columns.iter().filter(|column| column.role == role).enumerate();
    let differing: Vec<SourceColumn> = of_part
        .filter(|(index, column)| registered.get(*index) != Some(*column))
        .map(|(_, column)| column.clone())
        .collect();
    if differing.is_empty() {
        return Ok(());
    }
    let word = match part {
        RecordPart::Key => "key",
        RecordPart::Value => "value",
    };
    Err(refused(format!(
        "The following {word} columns are changed, missing or reordered: [{}]. Schema from schema registry is \
         [{}]",
        schema_text(&differing)?,
        schema_text(&registered)?
    ))
    .with_hint("select the columns of the schema, in its order and with its types"))
}

/// A format without schemas is given the number of one.
pub(super) fn no_schemas(part: RecordPart, format: &str) -> String {
    let prefix = part.prefix();
    format!(
        "{prefix}FORMAT should support schema inference when {prefix}SCHEMA_ID is provided. Current format is \
         {format}."
    )
}
