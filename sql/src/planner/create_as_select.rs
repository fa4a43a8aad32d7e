//! CREATE STREAM and CREATE TABLE … AS SELECT.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Span;

use super::create_source::{check_name_free, kind_word, timestamp_column};
use super::properties::Properties;
use super::topic::TopicOptions;
use super::{Purpose, formats, inference, plan_query};
use crate::error::{SqlError, SqlErrorKind};
use crate::lookup::{ColumnRole, FormatSpec, Lookup, RecordPart, Source, SourceColumn, SourceKind};
use crate::parser::ast::{CreateAsSelect, SelectBody};
use crate::plan::QueryPlan;

/// A planned CREATE … AS SELECT.
#[derive(Clone, Debug)]
pub struct PlannedCreate {
    /// The query that fills the source.
    pub query: QueryPlan,
    /// The source.
    pub sink: Source,
    /// What its topic has to be.
    pub topic: TopicOptions,
    /// The id of the query, where the statement gives one.
    pub query_id: Option<String>,
}

/// Plans CREATE [OR REPLACE] STREAM | TABLE … AS SELECT.
///
/// # Errors
/// Everything that is wrong with it. `IF NOT EXISTS` is the caller's: an existing source is no error
/// then.
pub fn plan_create_as_select(
    statement: &CreateAsSelect,
    lookup: &dyn Lookup,
) -> Result<PlannedCreate, SqlError> {
    let kind = statement.kind;
    let name = &statement.name.value;
    check_name_free(name, kind, statement.or_replace, statement.if_not_exists, lookup)
        .map_err(|error| error.or_at(statement.name.span))?;
    let properties = Properties::new(&statement.properties, false)?;
    if statement.query.limit.is_some() {
        let word = kind_word(kind).to_uppercase();
        return Err(SqlError::unsupported(format!(
            "CREATE {word} AS SELECT statements don't support LIMIT clause."
        ))
        .at(statement.query.span));
    }
    let formats = [properties.format(RecordPart::Key)?, properties.format(RecordPart::Value)?];
    let (event_time, _) = properties.timestamp()?;
    let purpose = Purpose::Persistent { sink: name.clone(), event_time, kind: Some(kind) };
    let query = plan_query(&statement.query, lookup, &purpose)?;
    check_kind(kind, query.kind).map_err(|error| error.at(statement.query.span))?;
    let leading = query
        .sources
        .first()
        .and_then(|source| lookup.source(source))
        .ok_or_else(|| SqlError::internal("a query without a source"))?;
    let columns = result_columns(&query);
    let timestamp = timestamp_column(&properties, &columns, lookup)?;
    properties.check_retention(kind, query.window)?;
    let [key_name, value_name] = formats;
    let without_key = query.key.is_empty() && partitions(&statement.query.body);
    let key_format = key_format(&properties, key_name, &query, without_key, &leading, lookup)?;
    let value_name = value_name.unwrap_or_else(|| leading.value_format.name.clone());
    properties.check_format(RecordPart::Key, &key_format.name)?;
    properties.check_format(RecordPart::Value, &value_name)?;
    let value_format = FormatSpec {
        properties: inherited(&properties, RecordPart::Value, &value_name, &leading.value_format)?,
        wrap_single: properties.wrap_single(&value_name, &columns, lookup)?,
        name: value_name,
    };
    let topic_name = match properties.topic()? {
        Some(topic) => topic,
        None => format!("{}{name}", lookup.property("ksql.output.topic.name.prefix").unwrap_or_default()),
    };
    let topic = TopicOptions::new(&properties)?;
    let configured = lookup.property("ksql.sink.partitions").and_then(|count| count.parse().ok());
    let partitions = lookup
        .topic_partitions(&topic_name)
        .or(topic.partitions)
        .or(configured)
        .or_else(|| lookup.topic_partitions(&leading.topic))
        .unwrap_or(leading.partitions);
    let sink = Source {
        name: name.clone(),
        kind,
        columns,
        topic: topic_name,
        partitions,
        key_format,
        value_format,
        window: query.window,
        timestamp,
        read_only: false,
    };
    for part in [RecordPart::Key, RecordPart::Value] {
        inference::check_schema_id(&properties, part, &sink, lookup)?;
    }
    Ok(PlannedCreate { query, sink, topic, query_id: properties.query_id()? })
}

/// The columns of a stored result.
pub(super) fn result_columns(query: &QueryPlan) -> Vec<SourceColumn> {
    let fields = query.plan.schema().fields().iter();
    fields
        .map(|field| SourceColumn {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            role: if query.key.contains(field.name()) { ColumnRole::Key } else { ColumnRole::Value },
        })
        .collect()
}

/// Checks that a query results in what a statement declares.
///
/// # Errors
/// It results in the other kind of source.
pub(super) fn check_kind(declared: SourceKind, found: SourceKind) -> Result<(), SqlError> {
    if declared == found {
        return Ok(());
    }
    let word = kind_word(found).to_uppercase();
    Err(SqlError::invalid(format!(
        "Invalid result type. Your SELECT query produces a {word}. Please use CREATE {word} AS SELECT \
         statement instead."
    )))
}

/// Whether a query has a PARTITION BY.
fn partitions(body: &SelectBody) -> bool {
    matches!(body, SelectBody::Ksql(select) if !select.partition_by.is_empty())
}

/// The key's format: written out, or the first source's, unless that has none and there is a key.
/// `without_key` says that the query takes the key away, which leaves nothing to write.
fn key_format(
    properties: &Properties<'_>,
    written: Option<String>,
    query: &QueryPlan,
    without_key: bool,
    leading: &Source,
    lookup: &dyn Lookup,
) -> Result<FormatSpec, SqlError> {
    const NONE: &str = "NONE";
    let name = match written {
        Some(name) if without_key && name != NONE => {
            let message = "Key format specified for stream without key columns.";
            let written = properties.get("KEY_FORMAT").or_else(|| properties.get("FORMAT"));
            let span = written.map_or_else(Span::empty, |property| property.name_span);
            return Err(SqlError::new(SqlErrorKind::InvalidProperty, message).at(span));
        }
        _ if query.key.is_empty() => NONE.to_owned(),
        Some(name) => name,
        None if leading.key_format.name == NONE => {
            let default = lookup.property("ksql.persistence.default.format.key");
            formats::format_name(default.as_deref().unwrap_or("KAFKA"))?
        }
        None => leading.key_format.name.clone(),
    };
    let properties = inherited(properties, RecordPart::Key, &name, &leading.key_format)?;
    Ok(FormatSpec { name, properties, wrap_single: None })
}

/// The format's properties: those written out, and of a source in the same format its delimiter and the
/// name of its message.
fn inherited(
    properties: &Properties<'_>,
    part: RecordPart,
    format: &str,
    source: &FormatSpec,
) -> Result<BTreeMap<String, String>, SqlError> {
    let mut result = properties.format_properties(part)?;
    if source.name == format {
        let is_inherited = |name: &str| {
            name.ends_with("_DELIMITER") || (format == "PROTOBUF" && name.ends_with("_SCHEMA_FULL_NAME"))
        };
        for (name, value) in source.properties.iter().filter(|(name, _)| is_inherited(name)) {
            result.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    Ok(result)
}
