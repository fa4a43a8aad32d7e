//! Options as they are written in a `.proto` file, and the literals that values have there.
//!
//! Options are written by what they mean, in the order of their numbers: whoever sets the members of one
//! option one by one gets the same text as who sets them at once.

use std::collections::HashMap;
use std::fmt::Write as _;

use prost_reflect::{DynamicMessage, Kind, MapKey, Value};

/// Each option as `name = value`.
pub(super) fn settings(options: &DynamicMessage) -> Vec<String> {
    let mut settings = Vec::new();
    for (field, value) in options.fields() {
        add(field.name(), &field.kind(), value, &mut settings);
    }
    for (extension, value) in options.extensions() {
        add(&format!("({})", extension.full_name()), &extension.kind(), value, &mut settings);
    }
    settings
}

/// An option that holds several values is set once for each.
fn add(name: &str, kind: &Kind, value: &Value, settings: &mut Vec<String>) {
    let several = match value {
        Value::List(items) => items.iter().map(|item| literal(kind, item)).collect(),
        Value::Map(entries) => sorted_entries(kind, entries),
        single => vec![literal(kind, single)],
    };
    settings.extend(several.into_iter().map(|value| format!("{name} = {value}")));
}

/// A value as it is written.
pub(super) fn literal(kind: &Kind, value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F32(value) if value.is_finite() => format!("{value:?}"),
        Value::F32(value) => endless(f64::from(*value)),
        Value::F64(value) if value.is_finite() => format!("{value:?}"),
        Value::F64(value) => endless(*value),
        Value::String(text) => quoted(text.as_bytes()),
        Value::Bytes(bytes) => quoted(bytes),
        Value::EnumNumber(number) => {
            let known = kind.as_enum().and_then(|enumeration| enumeration.get_value(*number));
            known.map_or_else(|| number.to_string(), |value| value.name().to_owned())
        }
        Value::Message(message) => braced('{', &members(message), '}'),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| literal(kind, item)).collect();
            braced('[', &items, ']')
        }
        Value::Map(entries) => braced('[', &sorted_entries(kind, entries), ']'),
    }
}

/// A number that no digits stand for.
fn endless(value: f64) -> String {
    let name = match value {
        value if value.is_nan() => "nan",
        value if value > 0.0 => "inf",
        _ => "-inf",
    };
    name.to_owned()
}

fn members(message: &DynamicMessage) -> Vec<String> {
    let mut members = Vec::new();
    for (field, value) in message.fields() {
        // A group is known by the name of its message.
        let kind = field.kind();
        let name = match kind.as_message() {
            Some(message) if field.is_group() => message.name().to_owned(),
            _ => field.name().to_owned(),
        };
        members.push(format!("{name}: {}", literal(&kind, value)));
    }
    for (extension, value) in message.extensions() {
        members.push(format!("[{}]: {}", extension.full_name(), literal(&extension.kind(), value)));
    }
    members
}

/// The entries of a map in the order of their keys, each with its value first, as Confluent's registry writes
/// the parameters of fields.
fn sorted_entries(kind: &Kind, entries: &HashMap<MapKey, Value>) -> Vec<String> {
    let value_kind = kind.as_message().and_then(|entry| entry.get_field(2)).map(|value| value.kind());
    let mut sorted: Vec<(&MapKey, &Value)> = entries.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    let entry = |(key, value): (&MapKey, &Value)| {
        let value = literal(value_kind.as_ref().unwrap_or(kind), value);
        braced('{', &[format!("value: {value}"), format!("key: {}", key_literal(key))], '}')
    };
    sorted.into_iter().map(entry).collect()
}

fn key_literal(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => quoted(key.as_bytes()),
    }
}

/// Items between braces, each in a line of its own.
pub(super) fn braced(open: char, items: &[String], close: char) -> String {
    let mut text = open.to_string();
    for (index, item) in items.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        for (index, line) in item.split('\n').enumerate() {
            text.push_str(if index == 0 { "  " } else { "\n  " });
            text.push_str(line);
        }
    }
    if !items.is_empty() {
        text.push('\n');
    }
    text.push(close);
    text
}

/// Bytes between double quotes.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => text.push_str("\\\""),
                '\\' => text.push_str("\\\\"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                control if control.is_ascii_control() => {
                    let _ = write!(text, "\\{:03o}", u32::from(control));
                }
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\{byte:03o}");
        }
    }
    text.push('"');
    text
}
