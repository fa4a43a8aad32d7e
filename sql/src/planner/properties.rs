//! The WITH clause: which properties there are, and what their values may be.

use std::collections::BTreeMap;

use super::formats::{format_name, infers_columns, wraps_or_not};
use super::topic::CleanupPolicy;
use crate::error::{SqlError, SqlErrorKind, Stage};
use crate::lookup::{ColumnRole, FormatSpec, Lookup, RecordPart, SourceColumn, SourceKind, WindowKind};
use crate::parser::ast::{DurationUnit, Property, PropertyValue, WithProperties};

/// The topic.
const KAFKA_TOPIC: &str = "KAFKA_TOPIC";
/// Both formats at once.
const FORMAT: &str = "FORMAT";

/// Properties of every statement that makes a source.
const COMMON: [&str; 23] = [
    KAFKA_TOPIC,
    "CLEANUP_POLICY",
    FORMAT,
    "KEY_AVRO_SCHEMA_FULL_NAME",
    "KEY_DELIMITER",
    "KEY_FORMAT",
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION",
    "KEY_SCHEMA_FULL_NAME",
    "KEY_SCHEMA_ID",
    "PARTITIONS",
    "REPLICAS",
    "RETENTION_MS",
    "SOURCED_BY_CONNECTOR",
    "TIMESTAMP",
    "TIMESTAMP_FORMAT",
    "VALUE_AVRO_SCHEMA_FULL_NAME",
    "VALUE_DELIMITER",
    "VALUE_FORMAT",
    "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
    "VALUE_SCHEMA_FULL_NAME",
    "VALUE_SCHEMA_ID",
    "WRAP_SINGLE_VALUE",
    QUERY_ID,
];

/// The id of the query that the statement starts.
const QUERY_ID: &str = "QUERY_ID";

/// A size where there are no windows of one size.
const SIZE_OF_SESSIONS: &str = "'WINDOW_SIZE' should not be set for SESSION windows.";

/// Properties of CREATE STREAM and TABLE with columns.
const OF_DECLARED: [&str; 2] = ["WINDOW_SIZE", "WINDOW_TYPE"];

/// A checked WITH clause.
pub(super) struct Properties<'a> {
    properties: &'a WithProperties,
}

impl<'a> Properties<'a> {
    /// Takes a WITH clause; `declared` says that the statement declares columns rather than a query.
    ///
    /// # Errors
    /// A property that does not exist, and properties that exclude each other.
    pub(super) fn new(properties: &'a WithProperties, declared: bool) -> Result<Properties<'a>, SqlError> {
        Properties::checked(properties, declared).map_err(|error| error.during(Stage::Preparing))
    }

    fn checked(properties: &'a WithProperties, declared: bool) -> Result<Properties<'a>, SqlError> {
        for property in &properties.entries {
            let name = property.name.as_str();
            let known = COMMON.contains(&name) || (declared && OF_DECLARED.contains(&name));
            if !known {
                let known = COMMON.into_iter().chain(OF_DECLARED.into_iter().filter(|_| declared));
                let message = format!("Invalid config variable(s) in the WITH clause: {name}");
                return Err(SqlError::new(SqlErrorKind::InvalidProperty, message)
                    .at(property.name_span)
                    .with_suggestion(name, known));
            }
        }
        let properties = Properties { properties };
        for part in [RecordPart::Key, RecordPart::Value] {
            properties.check_delimiter(part)?;
        }
        properties.check_one_name()?;
        if let Some(property) = properties.properties.get(QUERY_ID).filter(|_| declared) {
            return Err(invalid(property, "QUERY_ID is the id of a query, and this statement starts none")
                .with_hint("leave it out"));
        }
        if let Some(both) = properties.properties.get(FORMAT) {
            for part in ["KEY_FORMAT", "VALUE_FORMAT"] {
                if properties.properties.get(part).is_some() {
                    return Err(invalid(
                        both,
                        format!(
                            "Cannot supply both '{part}' and 'FORMAT' properties, as 'FORMAT' sets both key \
                             and value formats. Either use just 'FORMAT', or use 'KEY_FORMAT' and \
                             'VALUE_FORMAT'."
                        ),
                    ));
                }
            }
        }
        Ok(properties)
    }

    /// A delimiter is one character; the blank ones have names.
    fn check_delimiter(&self, part: RecordPart) -> Result<(), SqlError> {
        let Some(property) = self.properties.get(&format!("{}DELIMITER", part.prefix())) else {
            return Ok(());
        };
        if !text(property)?.trim().is_empty() {
            return Ok(());
        }
        let message = format!(
            "Configuration {} is invalid: Delimiter cannot be empty, if you meant to have a tab or space for \
             delimiter, please use the special values 'TAB' or 'SPACE'\nExample valid value: ';'",
            property.name
        );
        Err(invalid(property, message))
    }

    /// The name of the value's schema has two spellings, of which one is enough.
    fn check_one_name(&self) -> Result<(), SqlError> {
        const OLD: &str = "VALUE_AVRO_SCHEMA_FULL_NAME";
        const NEW: &str = "VALUE_SCHEMA_FULL_NAME";
        match (self.properties.get(OLD), self.properties.get(NEW)) {
            (Some(old), Some(_)) => {
                let message =
                    format!("Cannot supply both '{OLD}' and '{NEW}' properties. Please only set '{NEW}'.");
                Err(invalid(old, message))
            }
            _ => Ok(()),
        }
    }

    /// Takes the WITH clause of INSERT INTO … SELECT.
    ///
    /// # Errors
    /// A property that does not exist there.
    pub(super) fn of_insert(properties: &'a WithProperties) -> Result<Properties<'a>, SqlError> {
        match properties.entries.iter().find(|property| property.name != QUERY_ID) {
            None => Ok(Properties { properties }),
            Some(other) => {
                let message = format!("Invalid config variable(s) in the WITH clause: {}", other.name);
                Err(SqlError::new(SqlErrorKind::InvalidProperty, message)
                    .at(other.name_span)
                    .with_hint("INSERT INTO … SELECT takes QUERY_ID alone"))
            }
        }
    }

    /// The topic's name.
    ///
    /// # Errors
    /// It is no name of a topic.
    pub(super) fn topic(&self) -> Result<Option<String>, SqlError> {
        let Some(property) = self.properties.get(KAFKA_TOPIC) else {
            return Ok(None);
        };
        let topic = text(property)?;
        if topic.is_empty() {
            let message = format!("Invalid value  for property {KAFKA_TOPIC}: String must be non-empty");
            return Err(invalid(property, message));
        }
        Ok(Some(topic))
    }

    /// Number of the topic's partitions.
    ///
    /// # Errors
    /// It is no positive number.
    pub(super) fn partitions(&self) -> Result<Option<u32>, SqlError> {
        let Some(property) = self.properties.get("PARTITIONS") else {
            return Ok(None);
        };
        let partitions: i32 = number(property, "INT")?;
        match u32::try_from(partitions) {
            Ok(partitions) if partitions > 0 => Ok(Some(partitions)),
            _ => Err(invalid(property, format!("Invalid number of partitions: {partitions}"))
                .with_hint("a topic has at least one partition")),
        }
    }

    /// Number of the topic's replicas.
    ///
    /// # Errors
    /// It is no number.
    pub(super) fn replicas(&self) -> Result<Option<i16>, SqlError> {
        self.properties.get("REPLICAS").map(|property| number(property, "SHORT")).transpose()
    }

    /// How long records stay, in milliseconds; negative for ever.
    ///
    /// # Errors
    /// It is no number.
    pub(super) fn retention_ms(&self) -> Result<Option<i64>, SqlError> {
        self.properties.get("RETENTION_MS").map(|property| number(property, "LONG")).transpose()
    }

    /// Refuses to forget rows of a table by their age, which says nothing about them unless they are of
    /// windows.
    ///
    /// # Errors
    /// It is to.
    pub(super) fn check_retention(
        &self,
        kind: SourceKind,
        window: Option<WindowKind>,
    ) -> Result<(), SqlError> {
        match self.properties.get("RETENTION_MS") {
            Some(property) if kind == SourceKind::Table && window.is_none() => {
                let message = "Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do \
                               not support retention.";
                Err(SqlError::new(SqlErrorKind::InvalidProperty, message)
                    .at(property.name_span)
                    .with_hint("leave it out: a table keeps the latest row of every key"))
            }
            _ => Ok(()),
        }
    }

    /// Which records of the topic go.
    ///
    /// # Errors
    /// It is no policy, or one that nothing here follows.
    pub(super) fn cleanup_policy(&self) -> Result<Option<CleanupPolicy>, SqlError> {
        let Some(property) = self.properties.get("CLEANUP_POLICY") else {
            return Ok(None);
        };
        match text(property)?.trim().to_ascii_lowercase().as_str() {
            "delete" => Ok(Some(CleanupPolicy::Delete)),
            "compact" => Ok(Some(CleanupPolicy::Compact)),
            other => {
                let message = format!("Invalid value {other} for CLEANUP_POLICY");
                Err(invalid(property, message).with_hint("it is 'delete' or 'compact'"))
            }
        }
    }

    /// The id of the statement's query.
    ///
    /// # Errors
    /// It is no id.
    pub(super) fn query_id(&self) -> Result<Option<String>, SqlError> {
        let Some(property) = self.properties.get(QUERY_ID) else {
            return Ok(None);
        };
        let id = text(property)?.to_uppercase();
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let message = format!("Query IDs may contain only alphanumeric characters and '_'. Got: '{id}'");
            return Err(invalid(property, message));
        }
        Ok(Some(id))
    }

    /// The column that holds the event time, by its stored name, and how it is written.
    ///
    /// # Errors
    /// They are no text.
    pub(super) fn timestamp(&self) -> Result<(Option<String>, Option<String>), SqlError> {
        let column = self.text("TIMESTAMP")?.map(|name| stored_column_name(&name));
        Ok((column, self.text("TIMESTAMP_FORMAT")?))
    }

    /// Refuses a pattern by which no time can be read.
    ///
    /// # Errors
    /// It is one.
    pub(super) fn check_timestamp_format(&self, lookup: &dyn Lookup) -> Result<(), SqlError> {
        let Some(property) = self.properties.get("TIMESTAMP_FORMAT") else {
            return Ok(());
        };
        lookup.check_time_pattern(&text(property)?).map_err(|reason| {
            let message = format!("Invalid datetime format for config:{}, reason:{reason}", property.name);
            invalid(property, message).with_hint("for example: yyyy-MM-dd HH:mm:ss.SSS")
        })
    }

    /// The format written out for a part of the record, if any is.
    ///
    /// # Errors
    /// There is no such format.
    pub(super) fn format(&self, part: RecordPart) -> Result<Option<String>, SqlError> {
        let own = format!("{}FORMAT", part.prefix());
        let property = self.properties.get(&own).or_else(|| self.properties.get(FORMAT));
        property
            .map(|property| format_name(&text(property)?).map_err(|error| error.or_at(property.value_span)))
            .transpose()
    }

    /// The format's own properties, by name.
    ///
    /// # Errors
    /// A schema's id is no number.
    pub(super) fn format_properties(&self, part: RecordPart) -> Result<BTreeMap<String, String>, SqlError> {
        let own = self.properties.entries.iter().filter(|property| {
            property.name.starts_with(part.prefix()) && property.name != format!("{}FORMAT", part.prefix())
        });
        own.map(|property| {
            if property.name.ends_with("_SCHEMA_ID") {
                let _: i32 = number(property, "INT")?;
            }
            Ok((property.name.clone(), property.value.as_text()))
        })
        .collect()
    }

    /// Refuses properties that the format of that name does not have.
    ///
    /// # Errors
    /// A delimiter is written out and the format is not DELIMITED, or the name of a schema and the
    /// format has no schemas; or that name is empty.
    pub(super) fn check_format(&self, part: RecordPart, format: &str) -> Result<(), SqlError> {
        let prefix = part.prefix();
        let unsupported = |property: &Property, config: &str, hint: String| {
            let message = format!("{format} does not support the following configs: [{config}]");
            let error = SqlError::new(SqlErrorKind::InvalidProperty, message);
            Err(error.at(property.name_span).with_hint(hint))
        };
        if let Some(property) = self.properties.get(&format!("{prefix}DELIMITER"))
            && format != "DELIMITED"
        {
            let hint = format!("only DELIMITED has a delimiter: {prefix}FORMAT = 'DELIMITED'");
            return unsupported(property, "delimiter", hint);
        }
        let nullable = self.properties.get(&format!("{prefix}PROTOBUF_NULLABLE_REPRESENTATION"));
        if let Some(property) = nullable
            && !format.starts_with("PROTOBUF")
        {
            let message = format!("Property {} can only be enabled with protobuf format", property.name);
            return Err(SqlError::new(SqlErrorKind::InvalidProperty, message)
                .at(property.name_span)
                .with_hint(format!("leave it out, or set {prefix}FORMAT = 'PROTOBUF'")));
        } else if let Some(property) = nullable {
            let written = text(property)?;
            if !["OPTIONAL", "WRAPPER"].iter().any(|known| known.eq_ignore_ascii_case(&written)) {
                let name = &property.name;
                let message = format!(
                    "Invalid value {written} for property {name}: String must be one of: OPTIONAL, \
                     WRAPPER, null"
                );
                return Err(invalid(property, message));
            }
        }
        for name in ["SCHEMA_FULL_NAME", "AVRO_SCHEMA_FULL_NAME"] {
            let Some(property) = self.properties.get(&format!("{prefix}{name}")) else {
                continue;
            };
            if !infers_columns(format) {
                let hint = "AVRO, JSON_SR and PROTOBUF have schemas with names".to_owned();
                return unsupported(property, "fullSchemaName", hint);
            }
            if text(property)?.trim().is_empty() {
                let message = "fullSchemaName cannot be empty. Format configuration: {fullSchemaName=}";
                return Err(invalid(property, message).with_hint("leave it out, or name the record"));
            }
        }
        Ok(())
    }

    /// Whether a single value is wrapped: written out, or as the session has it where there is one value
    /// and its format leaves a choice.
    ///
    /// # Errors
    /// It is no truth value.
    pub(super) fn wrap_single(
        &self,
        format: &str,
        columns: &[SourceColumn],
        lookup: &dyn Lookup,
    ) -> Result<Option<bool>, SqlError> {
        if let Some(wraps) = self.written_wrap_single()? {
            return Ok(Some(wraps));
        }
        let mut values = columns.iter().filter(|column| column.role == ColumnRole::Value);
        let single = values.next().is_some() && values.next().is_none();
        let default = lookup.property("ksql.persistence.wrap.single.values");
        Ok(default.filter(|_| single && wraps_or_not(format)).and_then(|default| default.parse().ok()))
    }

    /// Whether a single value is wrapped, where the statement says so itself.
    ///
    /// # Errors
    /// It is no truth value.
    pub(super) fn written_wrap_single(&self) -> Result<Option<bool>, SqlError> {
        self.properties.get("WRAP_SINGLE_VALUE").map(boolean).transpose()
    }

    /// Windows of the declared key.
    ///
    /// # Errors
    /// The type or the size is missing or wrong.
    pub(super) fn window(&self) -> Result<Option<WindowKind>, SqlError> {
        let size = self.properties.get("WINDOW_SIZE");
        let Some(kind) = self.properties.get("WINDOW_TYPE") else {
            return match size {
                Some(size) => Err(invalid(size, SIZE_OF_SESSIONS).with_hint("WINDOW_SIZE needs WINDOW_TYPE")),
                None => Ok(None),
            };
        };
        let written = text(kind)?;
        let kind_text = written.to_uppercase();
        let needs_size = || {
            let size = size.ok_or_else(|| {
                invalid(
                    kind,
                    format!(
                        "{kind_text} windows require 'WINDOW_SIZE' to be provided in the WITH clause. For \
                         example: 'WINDOW_SIZE'='10 SECONDS'"
                    ),
                )
            })?;
            duration(size)
        };
        match kind_text.as_str() {
            "SESSION" => match size {
                Some(size) => Err(invalid(size, SIZE_OF_SESSIONS)),
                None => Ok(Some(WindowKind::Session { gap_ms: 0 })),
            },
            "TUMBLING" => Ok(Some(WindowKind::Tumbling { size_ms: needs_size()? })),
            "HOPPING" => {
                let size_ms = needs_size()?;
                // Where records are declared, only the length of their windows is known.
                Ok(Some(WindowKind::Hopping { size_ms, advance_ms: size_ms }))
            }
            _ => Err(invalid(
                kind,
                format!(
                    "Invalid value {written} for property WINDOW_TYPE: String must be one of: SESSION, HOPPING, \
                     TUMBLING, null"
                ),
            )),
        }
    }

    /// A property by its upper-case name.
    pub(super) fn get(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }

    fn text(&self, name: &str) -> Result<Option<String>, SqlError> {
        self.properties.get(name).map(text).transpose()
    }
}

/// A format with its properties; the session says which one where none is written out. Whether a
/// single value is wrapped is left open.
///
/// # Errors
/// Neither the statement nor the session names one.
pub(super) fn declared_format(
    properties: &Properties<'_>,
    part: RecordPart,
    lookup: &dyn Lookup,
) -> Result<FormatSpec, SqlError> {
    let (own, default) = match part {
        RecordPart::Key => ("KEY_FORMAT", "ksql.persistence.default.format.key"),
        RecordPart::Value => ("VALUE_FORMAT", "ksql.persistence.default.format.value"),
    };
    let name = match properties.format(part)? {
        Some(name) => name,
        None => {
            let default_name = lookup.property(default).filter(|name| !name.trim().is_empty());
            let fallback = (part == RecordPart::Key).then(|| "KAFKA".to_owned());
            let name = default_name.or(fallback).ok_or_else(|| {
                let message = format!(
                    "Statement is missing the '{own}' property from the WITH clause. Either provide one or \
                     set a default via the '{default}' config."
                );
                SqlError::new(SqlErrorKind::InvalidProperty, message)
            })?;
            format_name(&name)?
        }
    };
    properties.check_format(part, &name)?;
    let properties = properties.format_properties(part)?;
    Ok(FormatSpec { name, properties, wrap_single: None })
}

/// The stored name of a column given as text, by the rule for names in statements.
pub(super) fn stored_column_name(written: &str) -> String {
    let written = written.trim();
    for quote in ['`', '"'] {
        if let Some(inner) = written.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner.to_owned();
        }
    }
    written.to_uppercase()
}

fn text(property: &Property) -> Result<String, SqlError> {
    match &property.value {
        PropertyValue::Null => Err(invalid(property, format!("{} must not be NULL", property.name))),
        value => Ok(value.as_text()),
    }
}

/// A whole number of the type that messages call `kind`.
fn number<T: std::str::FromStr>(property: &Property, kind: &str) -> Result<T, SqlError> {
    text(property)?.trim().parse().map_err(|_| {
        invalid(
            property,
            format!(
                "Invalid value {} for property {}: Not a number of type {kind}",
                property.value.as_text(),
                property.name
            ),
        )
    })
}

fn boolean(property: &Property) -> Result<bool, SqlError> {
    match text(property)?.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid(
            property,
            format!(
                "Invalid value {} for property {}: Expected value to be either true or false",
                property.value.as_text(),
                property.name
            ),
        )),
    }
}

/// `10 SECONDS`.
fn duration(property: &Property) -> Result<i64, SqlError> {
    let written = text(property)?;
    let wrong = |reason: String| {
        let name = &property.name;
        let message = format!("Configuration {name} is invalid: Invalid duration: '{written}'. {reason}");
        invalid(property, message).with_hint("write a positive number and a unit of time: '10 SECONDS'")
    };
    let words: Vec<&str> = written.split_whitespace().collect();
    let [amount, unit] = words.as_slice() else {
        return Err(wrong(format!("Expected 2 tokens, got: {}", words.len())));
    };
    let number: i64 = amount.parse().map_err(|_| wrong(format!("Not numeric: '{amount}'")))?;
    let unit = DurationUnit::from_word(unit)
        .ok_or_else(|| wrong(format!("Unknown time unit: '{}'", unit.to_uppercase())))?;
    let millis = number.checked_mul(unit.millis()).filter(|millis| *millis > 0);
    millis.ok_or_else(|| wrong("It must be longer than 0, and not longer than time is counted".to_owned()))
}

fn invalid(property: &Property, message: impl Into<String>) -> SqlError {
    SqlError::new(SqlErrorKind::InvalidProperty, message).at(property.value_span)
}
