//! What planning must know of formats. Which columns a format can hold is the engine's to say.

use crate::error::{SqlError, SqlErrorKind};
use crate::parser::identifier::quoted_name;
use crate::type_system::SqlType;

/// The formats by name, and whether a schema registry can say what columns they hold.
const FORMATS: [(&str, bool); 8] = [
    ("AVRO", true),
    ("DELIMITED", false),
    ("JSON", false),
    ("JSON_SR", true),
    ("KAFKA", false),
    ("NONE", false),
    ("PROTOBUF", true),
    ("PROTOBUF_NOSR", false),
];

/// The upper-case name of a format.
///
/// # Errors
/// There is none of that name.
pub(super) fn format_name(written: &str) -> Result<String, SqlError> {
    let name = written.trim().to_uppercase();
    if FORMATS.iter().any(|(known, _)| *known == name) {
        return Ok(name);
    }
    Err(SqlError::new(SqlErrorKind::InvalidProperty, format!("Unknown format: {name}"))
        .with_suggestion(&name, FORMATS.iter().map(|(known, _)| *known)))
}

/// Whether a schema registry can say what columns a format holds.
pub(super) fn infers_columns(format: &str) -> bool {
    FORMATS.iter().any(|(known, infers)| *known == format && *infers)
}

/// Whether a single value can be written in a format both with a record around it and without.
pub(super) fn wraps_or_not(format: &str) -> bool {
    matches!(format, "JSON" | "JSON_SR" | "AVRO")
}

/// Refuses maps in a key: the order of a map's entries is not part of its value, so that the same key
/// could be written differently.
///
/// # Errors
/// The type is or contains MAP.
pub(super) fn check_no_map(column: &str, data_type: &SqlType) -> Result<(), SqlError> {
    if !has_map(data_type) {
        return Ok(());
    }
    Err(SqlError::unsupported(format!(
        "Map keys, including types that contain maps, are not supported as they may lead to unexpected \
         behavior due to inconsistent serialization. Key column name: {}. Column type: {data_type}. See \
         https://github.com/confluentinc/ksql/issues/6621 for more.",
        quoted_name(column)
    )))
}

fn has_map(data_type: &SqlType) -> bool {
    match data_type {
        SqlType::Map { .. } => true,
        SqlType::Array(element) => has_map(element),
        SqlType::Struct(fields) => fields.iter().any(|field| has_map(&field.data_type)),
        _ => false,
    }
}
