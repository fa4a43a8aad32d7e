//! Keys and values of a topic as JSON: to the bytes that a record has, and back.
//!
//! How a JSON value stands for bytes is told by the format that a stream or table declares for the
//! topic. A test is written in these values, so that it can be read; the formats themselves take no part
//! in it, or a test could not tell when one of them is wrong. Where a format has schemas, the bytes are
//! those of the topic's newest schema in the registry, or of the one that they name: what clients of the
//! registry write and read.

use std::sync::Arc;

use bigdecimal::{BigDecimal, ToPrimitive};
use bytes::Bytes;
use serde_json::Value;
use tidemill_sql::lookup::{ColumnRole, FormatSpec, Source, SourceColumn, WindowKind};
use tidemill_sql::type_system::SqlType;

use super::wire_value::WireValue;
use crate::catalog::CatalogState;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::{
    PartFormat, RecordPart, declared_payload_to_value, java_double, json_to_declared_payload,
    json_to_payload, payload_to_value,
};
use crate::registry::SchemaRegistry;
use crate::runtime::windowed_key::{push_window, split_windowed_key};

/// The window of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Its first millisecond.
    pub start_ms: i64,
    /// The millisecond behind it; of a session its last.
    pub end_ms: i64,
    /// Whether it is a session, and no window of fixed size.
    pub is_session: bool,
}

impl Window {
    /// A key of this window, as tables and streams with windows have it in their records.
    #[must_use]
    pub fn with_key(&self, key: &[u8]) -> Bytes {
        let kind = if self.is_session {
            WindowKind::Session { gap_ms: 0 }
        } else {
            WindowKind::Tumbling { size_ms: self.end_ms.saturating_sub(self.start_ms) }
        };
        let mut windowed = key.to_vec();
        push_window(&mut windowed, kind, self.start_ms, self.end_ms);
        windowed.into()
    }
}

/// How keys and values of a topic are written.
#[derive(Clone)]
pub struct TopicPayloads {
    source: Arc<Source>,
    schemas: SchemaRegistry,
}

impl TopicPayloads {
    /// Those of a topic; `None` where no stream or table says so. Where several do, one that a query
    /// fills counts: it is what the query writes.
    pub(super) fn of(catalog: &CatalogState, schemas: &SchemaRegistry, topic: &str) -> Option<TopicPayloads> {
        let mut of_topic = catalog.sources.values().filter(|found| found.source.topic == topic);
        let first = of_topic.clone().find(|found| found.query.is_some()).or_else(|| of_topic.next())?;
        Some(TopicPayloads { source: first.source.clone(), schemas: schemas.clone() })
    }

    /// The key and the window of a record's key; no window where the topic's keys have none.
    ///
    /// # Errors
    /// `Invalid` where the key is too short to hold its window.
    pub fn split_key<'k>(&self, key: &'k [u8]) -> Result<(&'k [u8], Option<Window>)> {
        let Some(kind) = self.source.window else { return Ok((key, None)) };
        let split = split_windowed_key(key, kind);
        let (inner, start_ms, end_ms) =
            split.ok_or_else(|| Error::new(ErrorKind::Invalid, "the key is too short to hold its window"))?;
        let is_session = matches!(kind, WindowKind::Session { .. });
        Ok((inner, Some(Window { start_ms, end_ms, is_session })))
    }

    /// The bytes of a key or a value that a test writes as JSON; null is no key, or a tombstone, whatever
    /// the format.
    ///
    /// # Errors
    /// `Invalid` for a value that is none of the format's, `Unsupported` for a format without a form in
    /// tests.
    pub fn json_to_wire(&self, part: RecordPart, value: &Value) -> Result<Option<Bytes>> {
        if value.is_null() {
            return Ok(None);
        }
        match self.format(part).name.as_str() {
            "JSON" => Ok(Some(value.to_string().into())),
            "DELIMITED" => Ok(Some(text_of(value).into())),
            "KAFKA" => kafka_to_wire(self.single_column(part), value).map(Some),
            "NONE" => Ok(None),
            format @ ("AVRO" | "JSON_SR" | "PROTOBUF") => {
                // A schema of Protobuf has several messages, and the declaration tells which.
                let name = format!("{}SCHEMA_FULL_NAME", part.prefix());
                let name = self.format(part).properties.get(&name).filter(|_| format == "PROTOBUF");
                let name = name.map(String::as_str);
                let payload = json_to_payload(&self.schemas, &self.source.topic, part, name, value)?;
                Ok(payload.map(Bytes::from))
            }
            "PROTOBUF_NOSR" => {
                let format = PartFormat::of(&self.source, part)?;
                Ok(json_to_declared_payload(&format, &self.schemas, value)?.map(Bytes::from))
            }
            other => Err(cannot_be_tested(other)),
        }
    }

    /// The value of a key or a value as it stands in a record.
    ///
    /// # Errors
    /// As [`TopicPayloads::json_to_wire`].
    pub fn wire_to_value(&self, part: RecordPart, payload: &[u8]) -> Result<WireValue> {
        match self.format(part).name.as_str() {
            "JSON" => WireValue::from_json_text(payload),
            "DELIMITED" => Ok(WireValue::Text(String::from_utf8_lossy(payload).into_owned())),
            "KAFKA" => kafka_to_value(self.single_column(part), payload),
            "NONE" => Ok(WireValue::Null),
            "AVRO" | "JSON_SR" | "PROTOBUF" => {
                WireValue::from_array(&payload_to_value(&self.schemas, part, payload)?, 0)
            }
            "PROTOBUF_NOSR" => {
                let format = PartFormat::of(&self.source, part)?;
                WireValue::from_array(&declared_payload_to_value(&format, &self.schemas, payload)?, 0)
            }
            other => Err(cannot_be_tested(other)),
        }
    }

    fn format(&self, part: RecordPart) -> &FormatSpec {
        match part {
            RecordPart::Key => &self.source.key_format,
            RecordPart::Value => &self.source.value_format,
        }
    }

    /// The column of a part that has just one.
    fn single_column(&self, part: RecordPart) -> Option<&SourceColumn> {
        let role = match part {
            RecordPart::Key => ColumnRole::Key,
            RecordPart::Value => ColumnRole::Value,
        };
        self.source.columns.iter().find(|column| column.role == role)
    }
}

fn cannot_be_tested(format: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("format {format} cannot be tested yet")).with_hint(
        "the formats that can are JSON, JSON_SR, AVRO, PROTOBUF, PROTOBUF_NOSR, DELIMITED, KAFKA and NONE",
    )
}

/// The text of a value that is to be a text: a number stands for its digits.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn kafka_to_wire(column: Option<&SourceColumn>, value: &Value) -> Result<Bytes> {
    let Some(column) = column else { return Ok(text_of(value).into()) };
    let data_type = SqlType::from_arrow(&column.data_type)?;
    let number = || {
        let number = match value {
            Value::Number(number) => number.to_string().parse::<BigDecimal>().ok(),
            _ => None,
        };
        number.ok_or_else(|| no_value(&data_type, value))
    };
    let bytes = match data_type {
        SqlType::Integer => {
            let whole = number()?.to_i32().ok_or_else(|| no_value(&data_type, value))?;
            whole.to_be_bytes().to_vec()
        }
        SqlType::Bigint => {
            let whole = number()?.to_i64().ok_or_else(|| no_value(&data_type, value))?;
            whole.to_be_bytes().to_vec()
        }
        SqlType::Double => {
            // By its text, so that no digit is lost on the way.
            let double = number()?.to_string().parse::<f64>().map_err(|_| no_value(&data_type, value))?;
            double.to_be_bytes().to_vec()
        }
        _ => text_of(value).into_bytes(),
    };
    Ok(bytes.into())
}

fn kafka_to_value(column: Option<&SourceColumn>, payload: &[u8]) -> Result<WireValue> {
    let text = || WireValue::Text(String::from_utf8_lossy(payload).into_owned());
    let Some(column) = column else { return Ok(text()) };
    let data_type = SqlType::from_arrow(&column.data_type)?;
    let wrong = || {
        let message = format!("{} bytes are no {data_type}", payload.len());
        Error::new(ErrorKind::Invalid, message)
    };
    Ok(match data_type {
        SqlType::Integer => {
            WireValue::Integer(i32::from_be_bytes(payload.try_into().map_err(|_| wrong())?).into())
        }
        SqlType::Bigint => WireValue::Integer(i64::from_be_bytes(payload.try_into().map_err(|_| wrong())?)),
        SqlType::Double => {
            let double = f64::from_be_bytes(payload.try_into().map_err(|_| wrong())?);
            match java_double::double_to_string(double).parse() {
                Ok(decimal) => WireValue::Decimal(decimal),
                // NaN and the infinities have no digits.
                Err(_) => WireValue::Double(double),
            }
        }
        _ => text(),
    })
}

fn no_value(data_type: &SqlType, value: &Value) -> Error {
    Error::new(ErrorKind::Invalid, format!("{value} is no {data_type}"))
}

#[cfg(test)]
#[path = "payload_tests.rs"]
mod tests;
