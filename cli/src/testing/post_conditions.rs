//! What has to exist in the end: streams and tables with their columns and formats, and topics.

use serde_json::Value;
use tidemill_engine::driver::{FormatDescription, SourceDescription};
use tidemill_engine::registry::SchemaRegistry;
use tidemill_sql::parser::ast::{self, SourceKind};
use tidemill_sql::parser::parse_columns;
use tidemill_sql::type_system::SqlType;

use super::case::{PostFormat, PostSource, PostTopic, PostTopics};
use super::registered_schemas;

/// What names of topics begin with that are another engine's own: repartitioning and changes of state.
const FOREIGN_TOPICS: &str = "_confluent";

/// Checks that the streams and tables exist as expected.
///
/// # Errors
/// What differs, for people.
pub(super) fn check_sources(expected: &[PostSource], found: &[SourceDescription]) -> Result<(), String> {
    let wrong: Vec<String> = expected.iter().filter_map(|source| check_source(source, found).err()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn check_source(expected: &PostSource, found: &[SourceDescription]) -> Result<(), String> {
    let name = &expected.name;
    let actual = found.iter().find(|source| source.name == *name);
    let actual = actual.ok_or_else(|| format!("there is no stream or table {name}"))?;
    let differs = |what: &str, wanted: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
        Err(format!("{name} has {what} {found} and not {wanted}"))
    };
    let kind = match actual.kind {
        SourceKind::Stream => "stream",
        SourceKind::Table => "table",
    };
    if !expected.kind.is_empty() && !expected.kind.eq_ignore_ascii_case(kind) {
        return differs("the kind", &expected.kind, &kind);
    }
    if let Some(schema) = &expected.schema {
        let wanted = columns(schema).map_err(|error| format!("the schema of {name}: {error}"))?;
        let own: Vec<(String, SqlType, bool)> = actual
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.data_type.clone(), column.is_key))
            .collect();
        if wanted != own {
            return differs("the columns", &shown(&wanted), &shown(&own));
        }
    }
    if let Some(format) = &expected.key_format {
        check_format(name, "key format", format.format.as_deref(), &actual.key_format)?;
        let own = actual.window.as_ref();
        let same_kind = match (&format.window_type, own) {
            (None, None) => true,
            (Some(wanted), Some(own)) => wanted.eq_ignore_ascii_case(own.kind),
            _ => false,
        };
        if !same_kind || format.window_size != own.and_then(|own| own.size_ms) {
            let wanted = format!("{:?} of {:?} ms", format.window_type, format.window_size);
            return differs("windows", &wanted, &format!("{own:?}"));
        }
    }
    if let Some(format) = &expected.value_format {
        let wanted = match format {
            Value::Object(members) => members.get("format").and_then(Value::as_str),
            other => other.as_str(),
        };
        check_format(name, "value format", wanted, &actual.value_format)?;
    }
    check_features(name, "key", expected.key_features.as_deref(), &actual.key_format)?;
    check_features(name, "value", expected.value_features.as_deref(), &actual.value_format)?;
    match expected.is_source {
        Some(wanted) if wanted != actual.read_only => differs("read-only", &wanted, &actual.read_only),
        _ => Ok(()),
    }
}

/// Columns of a declaration, with whether they are part of the key.
fn columns(schema: &str) -> Result<Vec<(String, SqlType, bool)>, String> {
    let columns = parse_columns(schema).map_err(|error| error.message)?;
    let is_key = |role: &ast::ColumnRole| matches!(role, ast::ColumnRole::Key | ast::ColumnRole::PrimaryKey);
    Ok(columns
        .into_iter()
        .map(|column| (column.name.value, column.data_type, is_key(&column.role)))
        .collect())
}

fn shown(columns: &[(String, SqlType, bool)]) -> String {
    let shown = columns.iter().map(|(name, data_type, is_key)| {
        let key = if *is_key { " KEY" } else { "" };
        format!("`{name}` {data_type}{key}")
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn check_format(
    name: &str,
    what: &str,
    wanted: Option<&str>,
    actual: &FormatDescription,
) -> Result<(), String> {
    match wanted {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&actual.name) => {
            Err(format!("{name} has the {what} {} and not {wanted}", actual.name))
        }
        _ => Ok(()),
    }
}

fn check_features(
    name: &str,
    part: &str,
    wanted: Option<&[String]>,
    actual: &FormatDescription,
) -> Result<(), String> {
    let Some(wanted) = wanted else { return Ok(()) };
    let own = features(actual);
    let same = wanted.len() == own.len() && wanted.iter().all(|feature| own.contains(&feature.as_str()));
    if same { Ok(()) } else { Err(format!("{name} has the {part} features {own:?} and not {wanted:?}")) }
}

fn features(format: &FormatDescription) -> Vec<&'static str> {
    match format.wraps_single {
        Some(true) => vec!["WRAP_SINGLES"],
        Some(false) => vec!["UNWRAP_SINGLES"],
        None => Vec::new(),
    }
}

/// Checks that the topics exist as expected, and that none does that must not. `topics` are the names of
/// those that exist.
///
/// # Errors
/// What differs, for people.
pub(super) fn check_topics(
    expected: &PostTopics,
    topics: &[String],
    sources: &[SourceDescription],
    schemas: &SchemaRegistry,
) -> Result<(), String> {
    let mut wrong = Vec::new();
    if let Some(pattern) = &expected.blacklist {
        let pattern = regex::Regex::new(pattern).map_err(|error| format!("the blacklist: {error}"))?;
        let found = topics.iter().filter(|topic| pattern.is_match(topic));
        wrong.extend(found.map(|topic| format!("topic '{topic}' must not exist")));
    }
    let own = expected.topics.iter().filter(|topic| !topic.name.starts_with(FOREIGN_TOPICS));
    wrong.extend(own.filter_map(|topic| check_topic(topic, topics, sources, schemas).err()));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn check_topic(
    expected: &PostTopic,
    topics: &[String],
    sources: &[SourceDescription],
    schemas: &SchemaRegistry,
) -> Result<(), String> {
    let name = &expected.name;
    if !topics.contains(name) {
        return Err(format!("there is no topic '{name}'"));
    }
    let source = sources.iter().find(|source| source.topic == *name);
    let source = source.ok_or_else(|| format!("no stream or table is declared over topic '{name}'"))?;
    let parts = [
        ("key", &expected.key_format, &source.key_format, &expected.key_schema),
        ("value", &expected.value_format, &source.value_format, &expected.value_schema),
    ];
    for (part, wanted, actual, schema) in parts {
        let PostFormat { format, features, .. } = wanted.clone().unwrap_or_default();
        check_format(name, &format!("{part} format"), format.as_deref(), actual)?;
        check_features(name, part, features.as_deref(), actual)?;
        if let Some(schema) = schema {
            let registered = schemas.latest(&registered_schemas::subject(name, part));
            let registered = registered.as_ref().map(|registered| &registered.schema.definition);
            if !registered.is_some_and(|registered| registered_schemas::is_same(schema, registered)) {
                let found = registered.map_or("none", |registered| registered.text.as_str());
                return Err(format!("topic '{name}' has the {part} schema {found} and not {schema}"));
            }
        }
    }
    Ok(())
}
