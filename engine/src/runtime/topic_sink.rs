//! Result rows as record batches of a topic, and as the stored rows of a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tidemill_sql::lookup::{Source, SourceKind, WindowKind};
use tidemill_storage::log::Log;
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::state::WriteBatch;
use tidemill_storage::{PartitionId, TopicName, TopicPartition};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::{Dropped, Report};
use crate::runtime::row_encoder::RowEncoder;
use crate::runtime::sink::SinkOutput;
use crate::runtime::stable_hash;
use crate::state::table_rows::{self, Expiry, TableRows};

/// Bytes of a record batch of more than one record, where its topic allows as much: the cost of a batch
/// is shared by many records, and a reader decodes it at once.
const BATCH_BYTES: usize = 512 << 10;

/// Most rows reported of those that became no record, in one round; all are counted.
const REPORTS_MAX: usize = 100;

/// Writes rows to a topic, and for a table to its stored rows.
pub struct TopicSink {
    log: Arc<dyn Log>,
    encoder: RowEncoder,
    target: Target,
    /// The open batch of each partition; all are empty between rounds.
    builders: BTreeMap<u32, BatchBuilder>,
    table: Option<StoredTable>,
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
        let target = Target {
            topic: TopicName::new(&source.topic)?,
            partitions,
            window: source.window,
            is_table: source.kind == SourceKind::Table,
            worker: worker as u32,
            keyless_partition: worker as u32 % partitions.max(1),
        };
        Ok(TopicSink { log, encoder, target, builders: BTreeMap::new(), table })
    }

    /// Takes a round's rows.
    ///
    /// # Errors
    /// A record over the bounds of the log, or a bug.
    pub(super) fn write(&mut self, batches: &[ChangeBatch]) -> Result<SinkOutput> {
        // The limit may have been changed since the last round.
        let topic = self.log.topic(&self.target.topic);
        let bytes_max = topic.map_or(BATCH_BYTES, |topic| topic.settings.max_message_bytes as usize);
        let mut output = SinkOutput::default();
        let mut closed = ClosedBatches::new();
        for batch in batches {
            let times_ms = self.encoder.times_ms(batch)?;
            let mut placement = Placement {
                target: &self.target,
                bytes_max,
                batch,
                times_ms: &times_ms,
                extracts_time: self.encoder.extracts_time(),
                stored: self.table.as_ref().map(|table| &table.rows),
                headers: Vec::new(),
                builders: &mut self.builders,
                closed: &mut closed,
                output: &mut output,
            };
            self.encoder.encode(batch, |row, key, value| placement.place(row, key, value))?;
            self.expire_rows(batch, &mut output.table_rows);
        }
        output.records = self.close(closed)?;
        Ok(output)
    }

    /// Deletes the stored rows of windows that end with the event times of a batch.
    fn expire_rows(&mut self, batch: &ChangeBatch, changes: &mut WriteBatch) {
        if let Some(StoredTable { rows, expiry: Some(expiry) }) = &mut self.table
            && let Some(gone) = expiry.advance(batch.times_ms.iter().max().copied(), rows, self.target.worker)
        {
            changes.delete_range(gone);
        }
    }

    /// Closes the open batches too; gives all of the round, a partition at a time.
    fn close(&mut self, mut closed: ClosedBatches) -> Result<Vec<(TopicPartition, Vec<Bytes>)>> {
        for (partition, builder) in &mut self.builders {
            if !builder.is_empty() {
                closed.entry(*partition).or_default().push(builder.build()?);
            }
        }
        let of_topic = |partition| TopicPartition::new(self.target.topic.clone(), PartitionId(partition));
        Ok(closed.into_iter().map(|(partition, batches)| (of_topic(partition), batches)).collect())
    }
}

/// What a round has closed of each partition, in order.
type ClosedBatches = BTreeMap<u32, Vec<Bytes>>;

/// Where a sink's records go.
struct Target {
    topic: TopicName,
    partitions: u32,
    /// The windows of the topic's keys.
    window: Option<WindowKind>,
    is_table: bool,
    worker: u32,
    /// Where records without a key go: the worker's own number, so that it depends on the input alone.
    keyless_partition: u32,
}

/// The rows of one batch on their way into record batches: what all of them share.
struct Placement<'a> {
    target: &'a Target,
    /// Bytes of the longest record batch that the topic takes.
    bytes_max: usize,
    batch: &'a ChangeBatch,
    times_ms: &'a [i64],
    /// Whether the times come from a column, which may hold none that is legal.
    extracts_time: bool,
    /// Where a table's rows are stored.
    stored: Option<&'a TableRows>,
    /// The headers of the row at hand; kept for its room.
    headers: Vec<(&'a [u8], Option<&'a [u8]>)>,
    builders: &'a mut BTreeMap<u32, BatchBuilder>,
    closed: &'a mut ClosedBatches,
    output: &'a mut SinkOutput,
}

impl Placement<'_> {
    /// Makes a row a record of its partition, and stores it for a table; counts it where it can be none.
    fn place(&mut self, row: usize, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        if self.target.is_table && key.is_none() {
            self.output.keyless_rows += 1;
            return Ok(());
        }
        let time_ms = self.times_ms[row];
        if time_ms < 0 && self.extracts_time {
            self.reject(self.batch.times_ms[row], |topic| {
                format!("the column that is the time of topic '{topic}' holds no legal time")
            });
            return Ok(());
        }
        if let Some(bytes) = self.append(row, time_ms, key, value)? {
            let bytes_max = self.bytes_max;
            self.reject(time_ms, |topic| {
                format!(
                    "a record of {bytes} bytes is larger than max.message.bytes of topic '{topic}', {bytes_max}"
                )
            });
            return Ok(());
        }
        if let (Some(rows), Some(key)) = (self.stored, key) {
            self.store(rows, row, time_ms, key, value);
        }
        Ok(())
    }

    /// Appends a record to the open batch of its partition; gives the bytes of one that is larger than the
    /// topic takes, and leaves it out.
    #[inline]
    fn append(
        &mut self,
        row: usize,
        time_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<Option<usize>> {
        self.headers.clear();
        if let Some(headers) = &self.batch.headers {
            let headers = headers[row].iter();
            self.headers.extend(headers.map(|(name, value)| (name.as_bytes(), value.as_deref())));
        }
        let Target { partitions, window, keyless_partition, .. } = *self.target;
        let of_key = |key: &[u8]| stable_hash::record_partition(key, window, partitions);
        let partition = key.map_or(keyless_partition, of_key);
        let builder = self.builders.entry(partition).or_insert_with(|| BatchBuilder::new(Codec::None));
        // A batch is closed before it grows too long; a record that is long alone has one of its own.
        let of_more = if builder.is_empty() { self.bytes_max } else { BATCH_BYTES.min(self.bytes_max) };
        let over = builder.append_within(of_more, time_ms, key, value, &self.headers)?;
        if over.is_none() || builder.is_empty() {
            return Ok(over);
        }
        self.closed.entry(partition).or_default().push(builder.build()?);
        Ok(builder.append_within(self.bytes_max, time_ms, key, value, &self.headers)?)
    }

    /// Stores what a record makes of its table's row.
    #[inline]
    fn store(&mut self, rows: &TableRows, row: usize, time_ms: i64, key: &[u8], value: Option<&[u8]>) {
        let stored = match &self.batch.windows {
            Some(windows) => {
                let bounds_ms = (windows.start_ms[row], windows.end_ms[row]);
                rows.window_key(self.target.worker, bounds_ms, key)
            }
            None => rows.key(key),
        };
        let changes = &mut self.output.table_rows;
        match value {
            Some(value) => changes.put(stored, table_rows::encode_value(time_ms, value)),
            None => changes.delete(stored),
        }
    }

    /// Counts a row that becomes no record, and reports it while there is room; `reason` is given the
    /// topic's name.
    #[cold]
    fn reject(&mut self, time_ms: i64, reason: impl FnOnce(&TopicName) -> String) {
        self.output.rejected_rows += 1;
        if self.output.reports.len() < REPORTS_MAX {
            let reason = reason(&self.target.topic);
            self.output.reports.push(Report::of_row(Dropped::Rejected, time_ms, reason));
        }
    }
}

#[cfg(test)]
#[path = "topic_sink_tests.rs"]
mod tests;
