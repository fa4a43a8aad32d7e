//! PRINT: the records of a topic as they are, without any declaration. A declaration over the topic helps to
//! read them: it tells whether keys are windowed, and which parts were written with schemas of the registry.

use std::sync::Arc;

use arrow::array::{Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema};
use tidemill_sql::lookup::Source;
use tidemill_sql::parser::ast::PrintTopic;
use tidemill_storage::log::{Isolation, Log, Watermark, partitions_of};
use tidemill_storage::record::RecordReader;
use tidemill_storage::{Offset, TopicName, TopicPartition};
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::{
    EncodedPayloads, Format, RecordPart, RowSelection, Wrapping, payload_to_value, subject,
};
use crate::registry::SchemaRegistry;
use crate::response::{Response, Rows};
use crate::runtime::query::StartAt;
use crate::runtime::windowed_key::split_windowed_key;

/// Batches between a partition's reader and the session.
const CHANNEL_BATCHES: usize = 4;

/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;

/// What is told where a topic is not printed from its beginning.
const FROM_NOW_ON: &str = "only records that are written from now on are printed; PRINT … FROM BEGINNING begins \
                           with the first";

/// Bytes of a key or value that are shown.
const SHOWN_BYTES_MAX: usize = 64 << 10;

/// Columns of the answer.
#[must_use]
pub fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![
        Field::new("partition", DataType::Int32, false),
        Field::new("offset", DataType::Int64, false),
        Field::new("rowtime", DataType::Int64, false),
        Field::new("key", DataType::Utf8, true),
        Field::new("value", DataType::Utf8, true),
    ]))
}

/// Starts printing a topic.
///
/// # Errors
/// `NotFound`.
pub fn print(engine: &Engine, statement: &PrintTopic) -> Result<Response> {
    let topic = TopicName::new(&statement.topic)?;
    let Some(found) = engine.topics().get(&topic) else {
        let catalog = engine.catalog().state();
        let source =
            catalog.sources.values().find(|found| found.source.name.eq_ignore_ascii_case(&statement.topic));
        let error = Error::new(ErrorKind::NotFound, format!("topic '{}' does not exist", statement.topic));
        return Err(match source {
            Some(found) => {
                error.with_hint(format!("the topic of {} is '{}'", found.source.name, found.source.topic))
            }
            None => {
                let topics = engine.topics().list();
                error
                    .with_suggestion(&statement.topic, topics.iter().map(|topic| topic.name.as_str()))
                    .or_hint("SHOW TOPICS lists what exists; topic names are case-sensitive")
            }
        });
    };
    let start_at = if statement.from_beginning { StartAt::Earliest } else { StartAt::Latest };
    let (sender, receiver) = mpsc::channel(CHANNEL_BATCHES);
    for target in partitions_of(&found) {
        let position = start_at.offset(engine.log().as_ref(), &target)?;
        let (log, sender, reading) = (engine.log().clone(), sender.clone(), Reading::of(engine, &topic));
        engine.queries().environment().compute.spawn(async move {
            if let Err(error) = follow(log.as_ref(), &target, position, &reading, &sender).await {
                // Nobody listens any more if this fails.
                let _ = sender.send(Err(error)).await;
            }
        });
    }
    let limited =
        Limited { receiver, every: statement.interval.unwrap_or(1).max(1), seen: 0, left: statement.limit };
    let stream = futures::stream::unfold(limited, |mut state| async move {
        let batch = state.next().await?;
        Some((batch, state))
    });
    let mut rows = Rows::endless(schema(), Box::pin(stream));
    if !statement.from_beginning {
        rows.notice = Some(FROM_NOW_ON.to_owned());
    }
    Ok(Response::Rows(rows))
}

/// INTERVAL and LIMIT.
struct Limited {
    receiver: mpsc::Receiver<Result<RecordBatch>>,
    every: u64,
    seen: u64,
    left: Option<u64>,
}

impl Limited {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            if self.left == Some(0) {
                return None;
            }
            let batch = match self.receiver.recv().await? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            let mut kept = Vec::new();
            for row in 0..batch.num_rows() {
                let print = self.seen.is_multiple_of(self.every) && self.left != Some(0);
                self.seen += 1;
                if print {
                    self.left = self.left.map(|left| left - 1);
                    kept.push(row as u32);
                }
            }
            if kept.len() == batch.num_rows() {
                return Some(Ok(batch));
            }
            if !kept.is_empty() {
                return Some(
                    arrow::compute::take_record_batch(&batch, &UInt32Array::from(kept)).map_err(Error::from),
                );
            }
        }
    }
}

/// Reads a partition for as long as somebody listens.
async fn follow(
    log: &dyn Log,
    target: &TopicPartition,
    mut position: Offset,
    reading: &Reading,
    sender: &mpsc::Sender<Result<RecordBatch>>,
) -> Result<()> {
    let mut watermark = log.watch(target)?;
    loop {
        let slice = log.read(target, position, READ_BYTES, Isolation::ReadCommitted)?;
        let mut records = RecordReader::new(slice.batches, position, &slice.aborted);
        let mut rows = PrintedRows::default();
        while let Some(batch) = records.next_batch()? {
            for record in batch.records() {
                let record = record?;
                rows.offsets.push(record.offset.0);
                rows.times.push(record.timestamp_ms);
                rows.keys.push(record.key.map(|key| reading.key(key)));
                rows.values.push(record.value.map(|value| reading.part(RecordPart::Value, value)));
            }
        }
        position = records.next_offset();
        if !rows.offsets.is_empty() {
            if sender.send(rows.batch(target)).await.is_err() {
                return Ok(());
            }
            continue;
        }
        tokio::select! {
            () = sender.closed() => return Ok(()),
            changed = watermark.changed() => {
                let ended = matches!(*watermark.borrow_and_update(), Watermark::Deleted | Watermark::Failed(_));
                if changed.is_err() || ended {
                    return Err(Error::new(ErrorKind::NotFound, format!("topic '{}' was deleted", target.topic)));
                }
            }
        }
    }
}

#[derive(Default)]
struct PrintedRows {
    offsets: Vec<i64>,
    times: Vec<i64>,
    keys: Vec<Option<String>>,
    values: Vec<Option<String>>,
}

impl PrintedRows {
    fn batch(self, target: &TopicPartition) -> Result<RecordBatch> {
        let partition = i32::try_from(target.partition.0).unwrap_or(i32::MAX);
        Ok(RecordBatch::try_new(
            schema(),
            vec![
                Arc::new(Int32Array::from(vec![partition; self.offsets.len()])),
                Arc::new(Int64Array::from(self.offsets)),
                Arc::new(Int64Array::from(self.times)),
                Arc::new(StringArray::from(self.keys)),
                Arc::new(StringArray::from(self.values)),
            ],
        )?)
    }
}

/// How the records of a topic are read.
struct Reading {
    topic: TopicName,
    schemas: SchemaRegistry,
    /// What the declarations over the topic say, each of which may know a part only.
    declared: Vec<Arc<Source>>,
}

impl Reading {
    fn of(engine: &Engine, topic: &TopicName) -> Reading {
        let catalog = engine.catalog().state();
        let sources = catalog.sources.values().map(|found| &found.source);
        Reading {
            topic: topic.clone(),
            schemas: engine.schemas().clone(),
            declared: sources.filter(|source| source.topic == topic.as_str()).cloned().collect(),
        }
    }

    /// A key; a windowed one with the bounds of its window, as ksqlDB writes it: `[ann@0/60000]`.
    fn key(&self, key: &[u8]) -> String {
        let window = self.declared.iter().find_map(|source| source.window);
        match window.and_then(|window| split_windowed_key(key, window)) {
            Some((inner, start_ms, end_ms)) => {
                format!("[{}@{start_ms}/{end_ms}]", self.part(RecordPart::Key, inner))
            }
            None => self.part(RecordPart::Key, key),
        }
    }

    /// A key without its window, or a value.
    fn part(&self, part: RecordPart, payload: &[u8]) -> String {
        let described = if self.has_schema(part, payload) { self.described(part, payload) } else { None };
        described.unwrap_or_else(|| printable(payload))
    }

    /// Whether a payload is likely to name a schema. Numbers of Kafka's serializers may begin with zeros too:
    /// where nothing is declared or registered for the topic, they are the likelier reading.
    fn has_schema(&self, part: RecordPart, payload: &[u8]) -> bool {
        let is_declared = self.declared.iter().any(|source| {
            let format = match part {
                RecordPart::Key => &source.key_format,
                RecordPart::Value => &source.value_format,
            };
            SCHEMA_FORMATS.contains(&format.name.as_str())
        });
        let may_be_number = !self.declared.is_empty() || [4, 8].contains(&payload.len());
        is_declared || !may_be_number || self.schemas.latest(&subject(self.topic.as_str(), part)).is_some()
    }

    /// What was written with a schema of the registry, as JSON; `None` for anything else.
    fn described(&self, part: RecordPart, payload: &[u8]) -> Option<String> {
        if payload.len() > SHOWN_BYTES_MAX {
            return None;
        }
        let value = payload_to_value(&self.schemas, part, payload).ok()?;
        let field = Field::new("value", value.data_type().clone(), true);
        let mut encoder = Format::Json.encoder(&Arc::new(Schema::new(vec![field])), Wrapping::Bare).ok()?;
        let mut texts = EncodedPayloads::new();
        encoder.encode(&[value], RowSelection::Range(0..1), &mut texts).ok()?;
        texts.get(0).and_then(|text| String::from_utf8(text.to_vec()).ok())
    }
}

/// Formats whose payloads name a schema of the registry.
const SCHEMA_FORMATS: [&str; 3] = ["AVRO", "JSON_SR", "PROTOBUF"];

/// Bytes as people can read them: text as it is, 4 or 8 bytes that are no text as the number Kafka's
/// serializers write, anything else as hexadecimal digits.
fn printable(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN_BYTES_MAX)];
    let more = if cut.len() < bytes.len() { "…" } else { "" };
    if let Ok(text) = std::str::from_utf8(cut)
        && !text.chars().any(|c| c.is_control() && !c.is_whitespace())
    {
        return format!("{text}{more}");
    }
    if let Ok(number) = <[u8; 4]>::try_from(bytes) {
        return i32::from_be_bytes(number).to_string();
    }
    if let Ok(number) = <[u8; 8]>::try_from(bytes) {
        return i64::from_be_bytes(number).to_string();
    }
    let digits: String = cut.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}{more}")
}
