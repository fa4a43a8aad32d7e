//! Result rows to record batches and table rows, or to a session.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, new_null_array};
use arrow::buffer::ScalarBuffer;
use arrow::compute;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use tidemill_sql::lookup::{Source, SourceKind, WindowKind};
use tidemill_sql::plan::source::{WINDOWEND, WINDOWSTART};
use tidemill_storage::log::Log;
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::state::WriteBatch;
use tidemill_storage::{PartitionId, TopicName, TopicPartition};

use crate::batch::{ChangeBatch, RowKind};
use crate::error::{Error, Result};
use crate::formats::{EncodedPayloads, Encoder, PartFormat, RecordPart, RowSelection};
use crate::operators::{Dropped, Report};
use crate::physical::PhysicalPlan;
use crate::registry::SchemaRegistry;
use crate::response::TOMBSTONES;
use crate::runtime::stable_hash;
use crate::runtime::windowed_key::push_window;
use crate::state::table_rows::{self, Expiry, TableRows};
use crate::time::timestamp_column::TimestampExtractor;

/// Bytes of a record batch of more than one record, where its topic allows as much: the cost of a batch
/// is shared by many records, and a reader decodes it at once.
const BATCH_BYTES: usize = 512 << 10;

/// Most rows reported of those that became no record, in one round; all are counted.
const REPORTS_MAX: usize = 100;

/// Stands for a time that cannot be told: a record's timestamp is never negative.
const NO_TIME: i64 = -1;

/// What a sink made of a round's rows.
#[derive(Default)]
pub struct SinkOutput {
    /// Record batches, a partition at a time.
    pub records: Vec<(TopicPartition, Vec<Bytes>)>,
    /// Rows of the result table as it is after the round.
    pub table_rows: WriteBatch,
    /// Rows for a session.
    pub rows: Vec<RecordBatch>,
    /// Rows without a key, of which a table takes none.
    pub keyless_rows: u64,
    /// Rows that became no record: larger than their topic takes, or without a legal time.
    pub rejected_rows: u64,
    /// Reports of those.
    pub reports: Vec<Report>,
}

/// Where a query leaves its results; each worker of its last stage has a writer of its own.
#[derive(Clone)]
pub enum SinkSpec {
    /// In a source's topic.
    Topic {
        /// The source.
        source: Arc<Source>,
        /// Where the rows are stored, for a table that is to have them.
        table: Option<StoredTable>,
    },
    /// With a session.
    Session {
        /// The columns as the session sees them.
        schema: SchemaRef,
    },
}

impl SinkSpec {
    /// The topic it writes, if it does.
    ///
    /// # Errors
    /// `Invalid` where it has no legal name.
    pub fn topic(&self) -> Result<Option<TopicName>> {
        match self {
            SinkSpec::Topic { source, .. } => Ok(Some(TopicName::new(&source.topic)?)),
            SinkSpec::Session { .. } => Ok(None),
        }
    }

    /// The writer of one worker, for the results of a plan. `partitions` is how many its topic has.
    ///
    /// # Errors
    /// As [`RowEncoder::new`].
    pub fn writer(
        &self,
        log: &Arc<dyn Log>,
        schemas: &SchemaRegistry,
        plan: &PhysicalPlan,
        partitions: u32,
        worker: usize,
    ) -> Result<SinkWriter> {
        Ok(match self {
            SinkSpec::Topic { source, table } => {
                let encoder = RowEncoder::new(source, &plan.schema, schemas)?;
                let (log, table) = (log.clone(), table.clone());
                let sink = TopicSink::new(log, source, encoder, partitions, worker, table)?;
                SinkWriter::Topic(Box::new(sink))
            }
            SinkSpec::Session { schema } => {
                // The bounds of its window are part of a row's key.
                let is_bound = |name: &str| plan.window.is_some() && [WINDOWSTART, WINDOWEND].contains(&name);
                let columns = plan.schema.fields().iter().enumerate();
                let bounds = columns.filter(|(_, field)| is_bound(field.name())).map(|(index, _)| index);
                let kept = plan.key.iter().copied().chain(bounds).collect();
                SinkWriter::Session(SessionSink::new(schema.clone(), kept))
            }
        })
    }
}

/// Where a worker of the last stage leaves its rows.
pub enum SinkWriter {
    /// A topic, and for a table its stored rows.
    Topic(Box<TopicSink>),
    /// A session.
    Session(SessionSink),
}

impl SinkWriter {
    /// Takes a round's rows.
    ///
    /// # Errors
    /// A record over the bounds of the log, or a bug.
    pub fn write(&mut self, batches: Vec<ChangeBatch>) -> Result<SinkOutput> {
        match self {
            SinkWriter::Topic(sink) => sink.write(&batches),
            SinkWriter::Session(sink) => sink.write(&batches),
        }
    }
}

/// Turns rows into keys and values of a source's topic.
pub struct RowEncoder {
    key: Box<dyn Encoder>,
    value: Box<dyn Encoder>,
    key_columns: Vec<usize>,
    value_columns: Vec<usize>,
    window: Option<WindowKind>,
    /// Where the source names a column as its event time: how to read it, and which column it is.
    time: Option<(TimestampExtractor, usize)>,
    keys: EncodedPayloads,
    values: EncodedPayloads,
    windowed_key: Vec<u8>,
}

impl RowEncoder {
    /// For a source, from rows of `schema`; columns are found by name. Where its format has schemas, the
    /// one that is written with may have to be registered (blocking).
    ///
    /// # Errors
    /// A format that cannot have the columns, a column that is not there, and those of the registry.
    pub fn new(source: &Source, schema: &SchemaRef, schemas: &SchemaRegistry) -> Result<RowEncoder> {
        let encoder = |part: RecordPart| -> Result<(Box<dyn Encoder>, Vec<usize>)> {
            let format = PartFormat::of(source, part)?;
            let indices = format
                .columns()
                .fields()
                .iter()
                .map(|field| {
                    schema
                        .index_of(field.name())
                        .map_err(|_| Error::internal(format!("the result has no column '{}'", field.name())))
                })
                .collect::<Result<_>>()?;
            Ok((format.encoder(schemas)?, indices))
        };
        let (key, key_columns) = encoder(RecordPart::Key)?;
        let (value, value_columns) = encoder(RecordPart::Value)?;
        let time = TimestampExtractor::new(source)?.map(|time| {
            let columns = match time.role() {
                RecordPart::Key => &key_columns,
                RecordPart::Value => &value_columns,
            };
            let column = columns[time.index()];
            (time, column)
        });
        Ok(RowEncoder {
            key,
            value,
            key_columns,
            value_columns,
            window: source.window,
            time,
            keys: EncodedPayloads::new(),
            values: EncodedPayloads::new(),
            windowed_key: Vec::new(),
        })
    }

    /// The timestamps of a batch's records: where the source names a column as its event time, what
    /// that holds; negative for a row that has no legal time there. A row without a value keeps its own.
    ///
    /// # Errors
    /// A column that does not fit.
    pub fn times_ms(&self, batch: &ChangeBatch) -> Result<ScalarBuffer<i64>> {
        let Some((time, column)) = &self.time else { return Ok(batch.times_ms.clone()) };
        let extracted = time.extract(batch.columns.column(*column))?;
        let keeps_own = |row: usize| matches!(batch.kinds.get(row), RowKind::Delete | RowKind::NullValue);
        let times = extracted.into_iter().zip(batch.times_ms.iter()).enumerate();
        Ok(times
            .map(|(row, (time_ms, own_ms))| match time_ms {
                _ if keeps_own(row) => *own_ms,
                Some(time_ms) => time_ms,
                None => NO_TIME,
            })
            .collect())
    }

    /// Whether records of the source have their times from a column.
    #[must_use]
    pub fn extracts_time(&self) -> bool {
        self.time.is_some()
    }

    /// Encodes a batch and hands every record to `take`: row, key, value. Rows that are replaced
    /// (`UpdateBefore`) give no record; rows without a value give a null one.
    ///
    /// # Errors
    /// Columns that do not fit, or those of `take`.
    pub fn encode(
        &mut self,
        batch: &ChangeBatch,
        mut take: impl FnMut(usize, Option<&[u8]>, Option<&[u8]>) -> Result<()>,
    ) -> Result<()> {
        let kind = |row: usize| batch.kinds.get(row);
        let rows: Vec<u32> = (0..batch.rows())
            .filter(|row| kind(*row) != RowKind::UpdateBefore)
            .map(|row| row as u32)
            .collect();
        let with_value: Vec<u32> = rows
            .iter()
            .copied()
            .filter(|row| matches!(kind(*row as usize), RowKind::Insert | RowKind::UpdateAfter))
            .collect();
        let pick = |indices: &[usize]| -> Vec<ArrayRef> {
            indices.iter().map(|index| batch.columns.column(*index).clone()).collect()
        };
        self.keys.clear();
        self.values.clear();
        let all = |rows: &[u32]| rows.len() == batch.rows();
        let selection =
            |rows: &'_ [u32]| -> Option<std::ops::Range<usize>> { all(rows).then_some(0..batch.rows()) };
        let select = |range: Option<std::ops::Range<usize>>, rows| match range {
            Some(range) => RowSelection::Range(range),
            None => RowSelection::Indices(rows),
        };
        self.key.encode(&pick(&self.key_columns), select(selection(&rows), &rows), &mut self.keys)?;
        let value_columns = pick(&self.value_columns);
        self.value.encode(&value_columns, select(selection(&with_value), &with_value), &mut self.values)?;
        let mut next_value = 0;
        for (index, row) in rows.iter().enumerate() {
            let row = *row as usize;
            let value = if with_value.get(next_value) == Some(&(row as u32)) {
                next_value += 1;
                self.values.get(next_value - 1)
            } else {
                None
            };
            match (self.window, &batch.windows) {
                (Some(window), Some(bounds)) => {
                    self.windowed_key.clear();
                    self.windowed_key.extend_from_slice(self.keys.get(index).unwrap_or_default());
                    push_window(&mut self.windowed_key, window, bounds.start_ms[row], bounds.end_ms[row]);
                    take(row, Some(&self.windowed_key), value)?;
                }
                _ => {
                    let is_keyed = batch.keyed.as_ref().is_none_or(|keyed| keyed.is_valid(row));
                    take(row, self.keys.get(index).filter(|_| is_keyed), value)?;
                }
            }
        }
        Ok(())
    }
}

/// Writes rows to a topic, and for a table to its stored rows.
pub struct TopicSink {
    log: Arc<dyn Log>,
    topic: TopicName,
    partitions: u32,
    /// The windows of the topic's keys.
    window: Option<WindowKind>,
    /// Where records without a key go: the worker's own number, so that it depends on the input alone.
    keyless_partition: u32,
    encoder: RowEncoder,
    builders: BTreeMap<u32, BatchBuilder>,
    worker: u32,
    table: Option<StoredTable>,
    is_table: bool,
}

/// Where a table's rows are stored.
#[derive(Clone, Debug)]
pub struct StoredTable {
    /// The rows.
    pub rows: TableRows,
    /// When those of windows go; `None` keeps them.
    pub expiry: Option<Expiry>,
}

impl TopicSink {
    /// For a source's topic. `table` tells where the rows are stored, for a table that is to have them.
    ///
    /// # Errors
    /// `Invalid` where the topic has no legal name.
    pub fn new(
        log: Arc<dyn Log>,
        source: &Source,
        encoder: RowEncoder,
        partitions: u32,
        worker: usize,
        table: Option<StoredTable>,
    ) -> Result<TopicSink> {
        Ok(TopicSink {
            log,
            topic: TopicName::new(&source.topic)?,
            partitions,
            window: source.window,
            keyless_partition: worker as u32 % partitions.max(1),
            encoder,
            builders: BTreeMap::new(),
            worker: worker as u32,
            table,
            is_table: source.kind == SourceKind::Table,
        })
    }

    fn write(&mut self, batches: &[ChangeBatch]) -> Result<SinkOutput> {
        let mut closed: BTreeMap<u32, Vec<Bytes>> = BTreeMap::new();
        let mut changes = WriteBatch::default();
        let (mut keyless_rows, mut rejected_rows, mut reports) = (0, 0, Vec::new());
        // The limit may have been changed since the last round.
        let topic = self.log.topic(&self.topic);
        let bytes_max = topic.map_or(BATCH_BYTES, |topic| topic.settings.max_message_bytes as usize);
        for batch in batches {
            let (partitions, window, keyless) = (self.partitions, self.window, self.keyless_partition);
            let (builders, table, is_table) = (&mut self.builders, self.table.as_mut(), self.is_table);
            let (rows, worker) = (table.as_ref().map(|table| &table.rows), self.worker);
            let times_ms = self.encoder.times_ms(batch)?;
            let extracts_time = self.encoder.extracts_time();
            let name = &self.topic;
            self.encoder.encode(batch, |row, key, value| {
                if is_table && key.is_none() {
                    keyless_rows += 1;
                    return Ok(());
                }
                let of_key = |key: &[u8]| stable_hash::record_partition(key, window, partitions);
                let partition = key.map_or(keyless, of_key);
                let builder = builders.entry(partition).or_insert_with(|| BatchBuilder::new(Codec::None));
                let time = times_ms[row];
                if time < 0 && extracts_time {
                    rejected_rows += 1;
                    if reports.len() < REPORTS_MAX {
                        let reason = format!("the column that is the time of topic '{name}' holds no legal time");
                        reports.push(Report::of_row(Dropped::Rejected, batch.times_ms[row], reason));
                    }
                    return Ok(());
                }
                let headers: Vec<(&[u8], Option<&[u8]>)> = batch.headers.as_ref().map_or_else(Vec::new, |all| {
                    all[row].iter().map(|(name, value)| (name.as_bytes(), value.as_deref())).collect()
                });
                // A batch is closed before it grows too long; a record that is long alone has one of its own.
                let of_more = if builder.is_empty() { bytes_max } else { BATCH_BYTES.min(bytes_max) };
                let mut over = builder.append_within(of_more, time, key, value, &headers)?;
                if over.is_some() && !builder.is_empty() {
                    closed.entry(partition).or_default().push(builder.build()?);
                    over = builder.append_within(bytes_max, time, key, value, &headers)?;
                }
                if let Some(bytes) = over {
                    rejected_rows += 1;
                    if reports.len() < REPORTS_MAX {
                        let reason = format!(
                            "a record of {bytes} bytes is larger than max.message.bytes of topic '{name}', {bytes_max}"
                        );
                        reports.push(Report::of_row(Dropped::Rejected, time, reason));
                    }
                    return Ok(());
                }
                if let (Some(rows), Some(key)) = (rows, key) {
                    let stored = match &batch.windows {
                        Some(windows) => {
                            rows.window_key(worker, (windows.start_ms[row], windows.end_ms[row]), key)
                        }
                        None => rows.key(key),
                    };
                    match value {
                        Some(value) => changes.put(stored, table_rows::encode_value(time, value)),
                        None => changes.delete(stored),
                    }
                }
                Ok(())
            })?;
            if let Some(StoredTable { rows, expiry: Some(expiry) }) = table
                && let Some(gone) = expiry.advance(batch.times_ms.iter().max().copied(), rows, worker)
            {
                changes.delete_range(gone);
            }
        }
        for (partition, builder) in &mut self.builders {
            if !builder.is_empty() {
                closed.entry(*partition).or_default().push(builder.build()?);
            }
        }
        let records = closed
            .into_iter()
            .map(|(partition, batches)| {
                (TopicPartition::new(self.topic.clone(), PartitionId(partition)), batches)
            })
            .collect();
        let rows = Vec::new();
        Ok(SinkOutput { records, table_rows: changes, rows, keyless_rows, rejected_rows, reports })
    }
}

/// Gives rows to a session: what is now, and of a deleted row its key alone.
pub struct SessionSink {
    schema: SchemaRef,
    /// The same for rows that are deletions.
    tombstones: SchemaRef,
    key: Vec<usize>,
}

impl SessionSink {
    /// Of a result with the given schema and key columns.
    #[must_use]
    pub fn new(schema: SchemaRef, key: Vec<usize>) -> SessionSink {
        let mut metadata = schema.metadata().clone();
        metadata.insert(TOMBSTONES.to_owned(), true.to_string());
        let tombstones = Arc::new(schema.as_ref().clone().with_metadata(metadata));
        SessionSink { schema, tombstones, key }
    }

    fn write(&mut self, batches: &[ChangeBatch]) -> Result<SinkOutput> {
        let mut rows = Vec::with_capacity(batches.len());
        for batch in batches {
            // A record without a value is no row of its stream.
            let is_row =
                |row: &usize| !matches!(batch.kinds.get(*row), RowKind::UpdateBefore | RowKind::NullValue);
            let kept: Vec<u32> = (0..batch.rows()).filter(is_row).map(|row| row as u32).collect();
            let batch = if kept.len() == batch.rows() {
                batch.clone()
            } else {
                batch.take(&UInt32Array::from(kept))?
            };
            let gone: BooleanArray =
                (0..batch.rows()).map(|row| Some(batch.kinds.get(row) == RowKind::Delete)).collect();
            let columns = if gone.true_count() == 0 {
                batch.columns.columns().to_vec()
            } else {
                self.without_values(&batch, &gone)?
            };
            let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.rows()));
            let shown = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
            let mut from = 0;
            while from < batch.rows() {
                let is_deletion = batch.kinds.get(from) == RowKind::Delete;
                let mut to = from + 1;
                while to < batch.rows() && (batch.kinds.get(to) == RowKind::Delete) == is_deletion {
                    to += 1;
                }
                let stretch = shown.slice(from, to - from);
                let schema = if is_deletion { &self.tombstones } else { &self.schema };
                rows.push(stretch.with_schema(schema.clone())?);
                from = to;
            }
        }
        Ok(SinkOutput { rows, ..SinkOutput::default() })
    }

    fn without_values(&self, batch: &ChangeBatch, gone: &BooleanArray) -> Result<Vec<ArrayRef>> {
        batch
            .columns
            .columns()
            .iter()
            .enumerate()
            .map(|(index, column)| {
                if self.key.contains(&index) {
                    return Ok(column.clone());
                }
                let nulls = new_null_array(column.data_type(), 1);
                let nulls = arrow::array::Scalar::new(nulls);
                Ok(compute::kernels::zip::zip(gone, &nulls, &column.as_ref() as &dyn arrow::array::Datum)?)
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
