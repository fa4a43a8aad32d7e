//! CREATE STREAM and CREATE TABLE with columns.

use std::collections::HashSet;

use sqlparser::tokenizer::Span;

use super::formats::infers_columns;
use super::inference;
use super::properties::{Properties, declared_format};
use super::topic::TopicOptions;
use super::upgrade::not_upgradeable;
use crate::analyzer::resolve::resolve_custom_types;
use crate::analyzer::scope::is_pseudo_column;
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{
    ColumnRole, FormatSpec, Lookup, RecordPart, Source, SourceColumn, SourceKind, TimestampColumn,
};
use crate::parser::ast::{self, ColumnDef, CreateSource};
use crate::parser::identifier::{Name, quoted_name};
use crate::type_system::{SqlType, StructField};

/// Partitions of a topic that nobody said anything about, as in Kafka.
const DEFAULT_PARTITIONS: u32 = 1;

/// A planned CREATE STREAM or TABLE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedSource {
    /// The source.
    pub source: Source,
    /// What its topic has to be, if it does not exist yet.
    pub topic: TopicOptions,
}

/// Plans CREATE [OR REPLACE] [SOURCE] STREAM | TABLE with columns.
///
/// # Errors
/// Everything that is wrong with it. `IF NOT EXISTS` is the caller's: an existing source is no error
/// then.
pub fn plan_create_source(statement: &CreateSource, lookup: &dyn Lookup) -> Result<PlannedSource, SqlError> {
    let kind = statement.kind;
    let name = &statement.name.value;
    check_replaceable(statement, lookup)?;
    let properties = Properties::new(&statement.properties, true)?;
    let format =
        |part| declared_format(&properties, part, lookup).map_err(|error| error.or_at(statement.name.span));
    let key_format = format(RecordPart::Key)?;
    let value_format = format(RecordPart::Value)?;
    check_schema_ids(&properties, &statement.elements, &key_format.name, &value_format.name)?;
    let declared = declared_columns(&statement.elements, lookup)?;
    let is_key = |column: &SourceColumn| column.role == ColumnRole::Key;
    if kind == SourceKind::Table && !declared.iter().any(is_key) && !infers_columns(&key_format.name) {
        let has_values = declared.iter().any(|column| column.role == ColumnRole::Value);
        return Err(
            no_primary_key(name, !has_values && infers_columns(&value_format.name)).at(statement.name.span)
        );
    }
    let topic = properties.topic()?.ok_or_else(|| {
        SqlError::new(
            SqlErrorKind::InvalidProperty,
            "Missing required property \"KAFKA_TOPIC\" which has no default value.",
        )
        .at(statement.name.span)
        .with_hint("add KAFKA_TOPIC = '…' to the WITH clause")
    })?;
    let value_format = FormatSpec { wrap_single: properties.written_wrap_single()?, ..value_format };
    let columns = inference::completed(declared, name, &topic, &key_format, &value_format, lookup)
        .map_err(|error| error.or_at(statement.name.span))?;
    if columns.is_empty() {
        return Err(SqlError::invalid("No columns supplied.").at(statement.name.span));
    }
    let has_key = columns.iter().any(is_key);
    let wrap_single = properties.wrap_single(&value_format.name, &columns, lookup)?;
    let value_format = FormatSpec { wrap_single, ..value_format };
    let window = properties.window()?;
    if window.is_some() && !has_key {
        return Err(SqlError::invalid("Windowed sources require a key column.").at(statement.name.span));
    }
    let timestamp = timestamp_column(&properties, &columns, lookup)?;
    let options = TopicOptions::new(&properties)?;
    properties.check_retention(kind, window)?;
    let existing = lookup.topic_partitions(&topic);
    let source = Source {
        name: name.clone(),
        kind,
        columns,
        topic,
        partitions: existing.or(options.partitions).unwrap_or(DEFAULT_PARTITIONS),
        key_format,
        value_format,
        window,
        timestamp,
        read_only: statement.read_only,
    };
    Ok(PlannedSource { source, topic: options })
}

/// The error for a table without a key; `inferred` says that the registry has the columns of its values.
fn no_primary_key(name: &str, inferred: bool) -> SqlError {
    let message = "Tables require a PRIMARY KEY. Please define the PRIMARY KEY.";
    if inferred {
        return SqlError::invalid(format!(
            "{message}\nUse a partial schema to define the primary key and still load the value columns from \
             the Schema Registry, for example:\n\tCREATE TABLE {name} (ID INT PRIMARY KEY) WITH (...);"
        ));
    }
    SqlError::invalid(message).with_hint("write PRIMARY KEY behind the column that identifies a row")
}

/// `stream` or `table`.
pub(super) fn kind_word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
    }
}

/// The column of the event time, which must exist and hold points in time.
///
/// # Errors
/// It does not, or nobody can read how it is written.
pub(super) fn timestamp_column(
    properties: &Properties<'_>,
    columns: &[SourceColumn],
    lookup: &dyn Lookup,
) -> Result<Option<TimestampColumn>, SqlError> {
    properties.check_timestamp_format(lookup)?;
    let (Some(name), format) = properties.timestamp()? else {
        return Ok(None);
    };
    let span = properties.get("TIMESTAMP").map_or_else(Span::empty, |property| property.value_span);
    let invalid = |message: String| SqlError::new(SqlErrorKind::InvalidProperty, message).at(span);
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        return Err(no_timestamp_column(&name, columns.iter().map(|column| column.name.as_str())).at(span));
    };
    match (SqlType::from_arrow(&column.data_type)?, &format) {
        (SqlType::Bigint | SqlType::Timestamp, None) | (SqlType::String, Some(_)) => {
            Ok(Some(TimestampColumn { column: name, format }))
        }
        (SqlType::String, None) => Err(invalid(
            "A String timestamp field has been specified without also specifying the timestamp_format"
                .to_owned(),
        )
        .with_hint("TIMESTAMP_FORMAT = 'yyyy-MM-dd HH:mm:ss' says how it is written")),
        (_, Some(_)) => Err(invalid(
            "'TIMESTAMP_FORMAT' set in the WITH clause can only be used when the timestamp column is of type \
             STRING."
                .to_owned(),
        )),
        (_, None) => Err(invalid(format!(
            "Timestamp column, {}, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format \
             specified",
            quoted_name(&name)
        ))),
    }
}

/// The error for an event time that is no column.
pub(super) fn no_timestamp_column<'a>(name: &str, columns: impl Iterator<Item = &'a str>) -> SqlError {
    let message =
        format!("The TIMESTAMP column set in the WITH clause does not exist in the schema: '{name}'");
    SqlError::new(SqlErrorKind::InvalidProperty, message).with_suggestion(name, columns)
}

/// Refuses a name that is taken by something that is not to be replaced.
pub(super) fn check_name_free(
    name: &str,
    kind: SourceKind,
    or_replace: bool,
    if_not_exists: bool,
    lookup: &dyn Lookup,
) -> Result<(), SqlError> {
    let Some(existing) = lookup.source(name) else {
        return Ok(());
    };
    let refuse = |reason: String| {
        let message = format!("Cannot add {} '{name}': {reason}", kind_word(kind));
        Err(SqlError::new(SqlErrorKind::Duplicate, message))
    };
    if or_replace && existing.read_only {
        return refuse(format!(
            "CREATE OR REPLACE is not supported on source {}s.",
            kind_word(existing.kind)
        ));
    }
    if or_replace && existing.kind != kind {
        return Err(not_upgradeable(&existing, "type", existing.kind.keyword(), kind.keyword()));
    }
    if or_replace || if_not_exists {
        return Ok(());
    }
    refuse(format!("A {} with the same name already exists", kind_word(existing.kind)))
        .map_err(|error| error.with_hint("use CREATE OR REPLACE, or DROP it first"))
}

fn check_replaceable(statement: &CreateSource, lookup: &dyn Lookup) -> Result<(), SqlError> {
    let kind = statement.kind;
    let name = &statement.name.value;
    if statement.or_replace && statement.read_only {
        let word = kind_word(kind);
        return Err(SqlError::unsupported(format!(
            "Cannot add {word} '{name}': CREATE OR REPLACE is not supported on source {word}s."
        ))
        .at(statement.name.span));
    }
    check_name_free(name, kind, statement.or_replace, statement.if_not_exists, lookup)
        .map_err(|error| error.or_at(statement.name.span))
}

fn check_schema_ids(
    properties: &Properties<'_>,
    elements: &[ColumnDef],
    key_format: &str,
    value_format: &str,
) -> Result<(), SqlError> {
    let is_key =
        |element: &ColumnDef| matches!(element.role, ast::ColumnRole::Key | ast::ColumnRole::PrimaryKey);
    let is_value = |element: &ColumnDef| element.role == ast::ColumnRole::Value;
    let parts = [
        (RecordPart::Key, key_format, elements.iter().any(is_key)),
        (RecordPart::Value, value_format, elements.iter().any(is_value)),
    ];
    for (part, format, has_columns) in parts {
        let name = format!("{}SCHEMA_ID", part.prefix());
        let Some(property) = properties.get(&name) else {
            continue;
        };
        let invalid =
            |message: String| SqlError::new(SqlErrorKind::InvalidProperty, message).at(property.name_span);
        if !infers_columns(format) {
            return Err(invalid(inference::no_schemas(part, format)));
        }
        if has_columns {
            return Err(invalid(format!(
                "Table elements and {name} cannot both exist for create statement."
            )));
        }
    }
    Ok(())
}

fn declared_columns(elements: &[ColumnDef], lookup: &dyn Lookup) -> Result<Vec<SourceColumn>, SqlError> {
    let mut columns: Vec<SourceColumn> = Vec::with_capacity(elements.len());
    let mut names = HashSet::with_capacity(elements.len());
    for element in elements {
        let name = &element.name.value;
        check_column_name(&element.name)?;
        if !names.insert(name) {
            let message = format!("Duplicate column names: {}", quoted_name(name));
            return Err(SqlError::new(SqlErrorKind::Duplicate, message).at(element.name.span));
        }
        let data_type = resolve_custom_types(&element.data_type, lookup, element.span)?;
        let role = match &element.role {
            ast::ColumnRole::Value => ColumnRole::Value,
            ast::ColumnRole::Key | ast::ColumnRole::PrimaryKey => ColumnRole::Key,
            ast::ColumnRole::Headers => ColumnRole::Headers,
            ast::ColumnRole::Header(key) => ColumnRole::Header(key.clone()),
        };
        check_header(&role, &data_type, &columns).map_err(|error| error.or_at(element.span))?;
        columns.push(SourceColumn { name: name.clone(), data_type: data_type.to_arrow()?, role });
    }
    Ok(columns)
}

/// Refuses the names of pseudo columns for columns of a source.
///
/// # Errors
/// It is one.
pub(super) fn check_column_name(name: &Name) -> Result<(), SqlError> {
    if !is_pseudo_column(&name.value) {
        return Ok(());
    }
    Err(SqlError::invalid(format!(
        "'{}' is a reserved column name. You cannot use it as a name for a column.",
        name.value
    ))
    .at(name.span)
    .with_hint("pseudo columns are there without being declared"))
}

fn check_header(role: &ColumnRole, data_type: &SqlType, before: &[SourceColumn]) -> Result<(), SqlError> {
    let shown = |role: &ColumnRole| match role {
        ColumnRole::Header(key) => format!("HEADER('{key}')"),
        _ => "HEADERS".to_owned(),
    };
    let expected = match role {
        ColumnRole::Key | ColumnRole::Value => return Ok(()),
        ColumnRole::Headers => headers_type(),
        ColumnRole::Header(_) => SqlType::Bytes,
    };
    if *data_type != expected {
        return Err(SqlError::type_error(format!(
            "Invalid type for {} column: expected {expected}, got {data_type}",
            shown(role)
        )));
    }
    let clash = before.iter().find(|column| match (&column.role, role) {
        (ColumnRole::Headers, _) | (ColumnRole::Header(_), ColumnRole::Headers) => true,
        (before, role) => before == role,
    });
    match clash {
        None => Ok(()),
        Some(clash) => {
            let message = format!("Schema already contains a {} column.", shown(&clash.role));
            Err(SqlError::new(SqlErrorKind::Duplicate, message))
        }
    }
}

fn headers_type() -> SqlType {
    SqlType::array(SqlType::Struct(vec![
        StructField::new("KEY", SqlType::String),
        StructField::new("VALUE", SqlType::Bytes),
    ]))
}

/// Columns as schemas are listed in messages: ``` `K` STRING KEY, `V` INTEGER ```.
pub(super) fn schema_text(columns: &[SourceColumn]) -> Result<String, SqlError> {
    let columns = columns
        .iter()
        .map(|column| {
            let data_type = SqlType::from_arrow(&column.data_type)?;
            let key = if column.role == ColumnRole::Key { " KEY" } else { "" };
            Ok(format!("{} {data_type}{key}", quoted_name(&column.name)))
        })
        .collect::<Result<Vec<_>, SqlError>>()?;
    Ok(columns.join(", "))
}
