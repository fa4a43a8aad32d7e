//! From a partition's bytes to change batches.
//!
//! A [`PartitionReader`] drains what its partition has, up to a bound of rows and bytes, and decodes
//! just the columns its query needs. Where partitions have to keep in step it reads ahead and gives
//! what may pass (see [`crate::runtime::read_ahead`]). A record that does not decode is counted and reported with its
//! offset; the others go on.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMillisecondType};
use bytes::Bytes;
use tidemill_sql::lookup::{ColumnRole, Source, SourceKind, WindowKind};
use tidemill_sql::plan::source::{ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART};
use tidemill_storage::log::Log;
use tidemill_storage::record::Record;
use tidemill_storage::{Offset, TopicName, TopicPartition};

use crate::batch::{ChangeBatch, Headers, Kinds, RowKind, Windows};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::{Decoded, Decoder, Format, RecordPart, Rejection};
use crate::operators::{Dropped, Ledger, Report};
use crate::runtime::header_columns;
use crate::runtime::read_ahead::ReadAhead;
use crate::runtime::record_feed::{Portion, RecordFeed};
use crate::time::timestamp_column::TimestampExtractor;

/// Rows a partition gives in one round. Large enough that the cost of a round is shared by many rows,
/// small enough that a round stays in the processor's cache and takes milliseconds.
const ROUND_ROWS_MAX: usize = 16_384;

/// Bytes of records a partition gives in one round, as they are decompressed.
const ROUND_BYTES_MAX: usize = 8 << 20;

/// Room for records that is kept between rounds. A partition that has caught up needs no more, and a
/// server may have thousands of them.
const GATHERED_BYTES_KEPT: usize = 64 << 10;

/// Bytes of a window bound in a windowed key.
const BOUND_BYTES: usize = 8;

/// What to read of a source.
#[derive(Clone)]
pub struct ScanSpec {
    /// The source.
    pub source: Arc<Source>,
    /// Its topic.
    pub topic: TopicName,
    /// The columns wanted, in order.
    pub columns: Vec<ScanColumn>,
    /// Their schema.
    pub schema: SchemaRef,
}

/// One column of a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScanColumn {
    /// Of the key, by its index among the key columns.
    Key(usize),
    /// Of the value, by its index among the value columns.
    Value(usize),
    /// All headers.
    Headers,
    /// The last header of a name.
    Header(String),
    /// Event time.
    Time,
    /// Partition.
    Partition,
    /// Offset.
    Offset,
    /// Start of the window.
    WindowStart,
    /// End of the window.
    WindowEnd,
}

impl ScanSpec {
    /// The scan of a source's columns by name; pseudo columns are among them.
    ///
    /// # Errors
    /// `UnknownColumn`, or `Invalid` where the source's topic has no legal name.
    pub fn new(source: &Arc<Source>, names: &[String]) -> Result<ScanSpec> {
        let scan = tidemill_sql::plan::source::SourceScan::new(source.clone());
        let all = datafusion::logical_expr::TableSource::schema(&scan);
        let mut columns = Vec::with_capacity(names.len());
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            let index = all.index_of(name).map_err(|_| {
                Error::new(
                    ErrorKind::UnknownColumn,
                    format!("source '{}' has no column '{name}'", source.name),
                )
            })?;
            fields.push(all.field(index).clone());
            columns.push(scan_column(source, index, name)?);
        }
        Ok(ScanSpec {
            source: source.clone(),
            topic: TopicName::new(&source.topic)?,
            columns,
            schema: Arc::new(Schema::new(fields)),
        })
    }
}

/// What the column at an index of a source's scan schema is.
fn scan_column(source: &Source, index: usize, name: &str) -> Result<ScanColumn> {
    let position =
        |role: &ColumnRole| source.columns[..index].iter().filter(|other| other.role == *role).count();
    Ok(match source.columns.get(index).map(|column| &column.role) {
        Some(role @ ColumnRole::Key) => ScanColumn::Key(position(role)),
        Some(role @ ColumnRole::Value) => ScanColumn::Value(position(role)),
        Some(ColumnRole::Headers) => ScanColumn::Headers,
        Some(ColumnRole::Header(header)) => ScanColumn::Header(header.clone()),
        None => match name {
            ROWTIME => ScanColumn::Time,
            ROWPARTITION => ScanColumn::Partition,
            ROWOFFSET => ScanColumn::Offset,
            WINDOWSTART => ScanColumn::WindowStart,
            WINDOWEND => ScanColumn::WindowEnd,
            other => return Err(Error::internal(format!("'{other}' is no column of a scan"))),
        },
    })
}

/// The Arrow schema of a source's key or value columns.
#[must_use]
pub fn part_schema(source: &Source, part: RecordPart) -> SchemaRef {
    let role = match part {
        RecordPart::Key => ColumnRole::Key,
        RecordPart::Value => ColumnRole::Value,
    };
    let fields: Vec<_> = source
        .columns
        .iter()
        .filter(|column| column.role == role)
        .map(|column| arrow::datatypes::Field::new(&column.name, column.data_type.clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// What one read found.
pub struct Read {
    /// Number of records taken from the partition.
    pub records: u64,
    /// The rows that decoded, if any, and the offsets of their records.
    pub rows: Option<(ChangeBatch, Vec<Offset>)>,
    /// Whether there is more than this round's bound.
    pub more: bool,
}

/// Reads one partition for one query.
pub struct PartitionReader {
    feed: RecordFeed,
    gathered: Gathered,
    rows: RowDecoder,
    ahead: ReadAhead,
}

impl PartitionReader {
    /// A reader that begins at `position`.
    ///
    /// # Errors
    /// A format that cannot have the source's columns.
    pub fn new(
        log: Arc<dyn Log>,
        scan: &ScanSpec,
        target: TopicPartition,
        position: Offset,
    ) -> Result<PartitionReader> {
        Ok(PartitionReader {
            rows: RowDecoder::new(scan, target.clone())?,
            feed: RecordFeed::new(log, target, position),
            gathered: Gathered::default(),
            ahead: ReadAhead::default(),
        })
    }

    /// The partition.
    #[must_use]
    pub fn target(&self) -> &TopicPartition {
        self.feed.target()
    }

    /// Offset of the first record whose row has not passed: where to go on after a restart.
    #[must_use]
    pub fn position(&self) -> Offset {
        self.ahead.first_offset().unwrap_or(self.feed.position())
    }

    /// Rows that are read and have not passed.
    #[must_use]
    pub fn ahead(&self) -> &ReadAhead {
        &self.ahead
    }

    /// Whether a round is to read ahead: what is there may not be a round's worth.
    #[must_use]
    pub fn wants_ahead(&self) -> bool {
        self.ahead.rows() < ROUND_ROWS_MAX
    }

    /// Reads ahead what there is, up to the round's bound.
    ///
    /// # Errors
    /// As [`PartitionReader::read`].
    pub fn read_ahead(&mut self, ledger: &mut Ledger, reports: &mut Vec<Report>) -> Result<Read> {
        let mut read = self.read(ledger, reports)?;
        if let Some((batch, offsets)) = read.rows.take() {
            self.ahead.push(batch, offsets);
        }
        Ok(read)
    }

    /// Takes the rows read ahead that pass.
    pub fn take_ahead(&mut self, through_ms: i64) -> Vec<ChangeBatch> {
        self.ahead.take(through_ms)
    }

    /// Bytes of records that were read and have not passed yet, and of the room for them.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.feed.buffered_bytes() + self.gathered.bytes.capacity()
    }

    /// Whether there is a record to read.
    ///
    /// # Errors
    /// `NotFound` where the topic was deleted.
    pub fn has_input(&self) -> Result<bool> {
        self.feed.has_more()
    }

    /// Reads what there is, up to the round's bound.
    ///
    /// # Errors
    /// What the log cannot give: `Corrupt`, `Io`, `NotFound`.
    pub fn read(&mut self, ledger: &mut Ledger, reports: &mut Vec<Report>) -> Result<Read> {
        self.gathered.clear();
        let portion = Portion { records_max: ROUND_ROWS_MAX, bytes_max: ROUND_BYTES_MAX };
        let gathered = &mut self.gathered;
        let taken = self.feed.take(portion, |record| gathered.push(record))?;
        if let Some(gap) = taken.gap {
            // Retention was faster than the query: the gap is told, not hidden.
            reports.push(Report {
                dropped: Dropped::Rejected,
                time_ms: 0,
                reason: format!(
                    "records from offset {} to {} were dropped by retention before they were read",
                    gap.start, gap.end
                ),
                origin: Some((self.feed.target().clone(), gap.start)),
            });
        }
        let records = self.gathered.rows() as u64;
        let decoded =
            if records == 0 { None } else { self.rows.decode_rows(&self.gathered, ledger, reports)? };
        let offset = |row: &u32| Offset(self.gathered.offsets[*row as usize]);
        let rows = decoded.map(|(batch, rows)| (batch, rows.iter().map(offset).collect()));
        if !taken.more {
            self.gathered.give_back();
        }
        Ok(Read { records, rows, more: taken.more })
    }
}

/// Records of one round, copied out of their batches: keys and values in one buffer.
#[derive(Default)]
pub struct Gathered {
    bytes: Vec<u8>,
    keys: Vec<Option<(u32, u32)>>,
    values: Vec<Option<(u32, u32)>>,
    offsets: Vec<i64>,
    times_ms: Vec<i64>,
    headers: Vec<(usize, Headers)>,
}

impl Gathered {
    /// Number of records.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// Bytes of the records' keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Forgets the records, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.keys.clear();
        self.values.clear();
        self.offsets.clear();
        self.times_ms.clear();
        self.headers.clear();
    }

    /// Forgets the records, and gives a large buffer back.
    pub fn give_back(&mut self) {
        self.clear();
        if self.bytes.capacity() > GATHERED_BYTES_KEPT {
            *self = Gathered::default();
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// Malformed headers.
    pub fn push(&mut self, record: &Record<'_>) -> Result<()> {
        let key = self.copy(record.key)?;
        let value = self.copy(record.value)?;
        self.keys.push(key);
        self.values.push(value);
        if !record.headers.is_empty() {
            let headers: Headers = record
                .headers
                .map(|header| {
                    let header = header?;
                    let name: Arc<str> = String::from_utf8_lossy(header.key).into();
                    Ok((name, header.value.map(Bytes::copy_from_slice)))
                })
                .collect::<Result<_>>()?;
            self.headers.push((self.offsets.len(), headers));
        }
        self.offsets.push(record.offset.0);
        self.times_ms.push(record.timestamp_ms);
        Ok(())
    }

    /// Takes a row that stands in no record: key, value and time (a table's stored row).
    ///
    /// # Errors
    /// `LimitExceeded` for more than 4 GiB.
    pub fn push_row(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, time_ms: i64) -> Result<()> {
        let key = self.copy(key)?;
        let value = self.copy(value)?;
        self.keys.push(key);
        self.values.push(value);
        self.offsets.push(0);
        self.times_ms.push(time_ms);
        Ok(())
    }

    fn copy(&mut self, bytes: Option<&[u8]>) -> Result<Option<(u32, u32)>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        match (u32::try_from(start), u32::try_from(self.bytes.len())) {
            (Ok(start), Ok(end)) => Ok(Some((start, end))),
            _ => Err(Error::new(ErrorKind::LimitExceeded, "more than 4 GiB of records in one round")),
        }
    }

    fn payloads(&self, spans: &[Option<(u32, u32)>]) -> Vec<Option<&[u8]>> {
        spans.iter().map(|span| span.map(|(start, end)| &self.bytes[start as usize..end as usize])).collect()
    }
}

/// Decodes gathered records into a scan's columns.
pub struct RowDecoder {
    target: TopicPartition,
    schema: SchemaRef,
    columns: Vec<ScanColumn>,
    kind: SourceKind,
    window: Option<WindowKind>,
    key: PartDecoder,
    value: PartDecoder,
    time: Option<TimestampExtractor>,
}

/// Decoder of a key or a value, with where each decoded column goes.
struct PartDecoder {
    decoder: Option<Box<dyn Decoder>>,
    /// Indices, among the part's columns, of those decoded.
    projection: Vec<usize>,
}

impl PartDecoder {
    fn new(source: &Source, part: RecordPart, mut projection: Vec<usize>) -> Result<PartDecoder> {
        projection.sort_unstable();
        projection.dedup();
        let schema = part_schema(source, part);
        let spec = match part {
            RecordPart::Key => &source.key_format,
            RecordPart::Value => &source.value_format,
        };
        if projection.is_empty() {
            return Ok(PartDecoder { decoder: None, projection });
        }
        let format = Format::from_spec(spec, part)?;
        let wrapping = format
            .wrapping(schema.fields().len(), part, spec.wrap_single)
            .map_err(|reason| Error::new(ErrorKind::Invalid, reason))?;
        Ok(PartDecoder { decoder: Some(format.decoder(&schema, &projection, wrapping)?), projection })
    }

    fn decode(&mut self, payloads: &[Option<&[u8]>], rejections: &mut Vec<Rejection>) -> Result<Decoded> {
        match &mut self.decoder {
            Some(decoder) => decoder.decode(payloads, rejections),
            None => {
                let present = NullBuffer::from_iter(payloads.iter().map(Option::is_some));
                let present = Some(present).filter(|present| present.null_count() > 0);
                Ok(Decoded { rows: payloads.len(), columns: Vec::new(), present })
            }
        }
    }

    fn column(&self, decoded: &Decoded, index: usize) -> Result<ArrayRef> {
        let at = self.projection.binary_search(&index).ok();
        at.and_then(|at| decoded.columns.get(at))
            .cloned()
            .ok_or_else(|| Error::internal("a column was not decoded"))
    }
}

impl RowDecoder {
    /// For a scan; `target` is only named in reports and the ROWPARTITION column.
    ///
    /// # Errors
    /// A format that cannot have the source's columns.
    pub fn new(scan: &ScanSpec, target: TopicPartition) -> Result<RowDecoder> {
        let source = &scan.source;
        let time = TimestampExtractor::new(source)?;
        let mut keys: Vec<usize> = Vec::new();
        let mut values: Vec<usize> = Vec::new();
        for column in &scan.columns {
            match column {
                ScanColumn::Key(index) => keys.push(*index),
                ScanColumn::Value(index) => values.push(*index),
                _ => {}
            }
        }
        match time.as_ref().map(|time| (time.role(), time.index())) {
            Some((RecordPart::Key, index)) => keys.push(index),
            Some((RecordPart::Value, index)) => values.push(index),
            None => {}
        }
        Ok(RowDecoder {
            target,
            schema: scan.schema.clone(),
            columns: scan.columns.clone(),
            kind: source.kind,
            window: source.window,
            key: PartDecoder::new(source, RecordPart::Key, keys)?,
            value: PartDecoder::new(source, RecordPart::Value, values)?,
            time,
        })
    }

    /// Decodes records; `None` where none is left.
    ///
    /// # Errors
    /// A bug, or a batch over the format's limits.
    pub fn decode(
        &mut self,
        gathered: &Gathered,
        ledger: &mut Ledger,
        reports: &mut Vec<Report>,
    ) -> Result<Option<ChangeBatch>> {
        Ok(self.decode_rows(gathered, ledger, reports)?.map(|(batch, _)| batch))
    }

    /// Decodes records; gives for each row which of them it is.
    fn decode_rows(
        &mut self,
        gathered: &Gathered,
        ledger: &mut Ledger,
        reports: &mut Vec<Report>,
    ) -> Result<Option<(ChangeBatch, Vec<u32>)>> {
        let mut keys = gathered.payloads(&gathered.keys);
        let mut values = gathered.payloads(&gathered.values);
        let mut rows: Vec<u32> = (0..gathered.rows() as u32).collect();
        let mut windows = self.split_windows(&mut keys, &mut values, &mut rows, gathered, ledger, reports);
        if self.kind == SourceKind::Table {
            // A table's record without a key says nothing about any row.
            let before = rows.len();
            retain(&mut keys, &mut values, &mut rows, &mut windows, |key| key.is_some());
            ledger.filtered += (before - rows.len()) as u64;
        }
        let mut rejections = Vec::new();
        let mut key_part = self.key.decode(&keys, &mut rejections)?;
        let key_rejections = rejections.len();
        let mut value_part = self.value.decode(&values, &mut rejections)?;
        if !rejections.is_empty() {
            // What did not decode in one part of a record is taken out of the other part as well.
            let mut bad: Vec<usize> = rejections.iter().map(|rejection| rejection.payload).collect();
            bad.sort_unstable();
            bad.dedup();
            ledger.rejected += bad.len() as u64;
            for rejection in &rejections {
                let row = rows[rejection.payload] as usize;
                reports.push(self.rejected(gathered, row, &rejection.reason));
            }
            let mut index = 0;
            retain(&mut keys, &mut values, &mut rows, &mut windows, |_| {
                let keep = bad.binary_search(&index).is_err();
                index += 1;
                keep
            });
            let (of_key, of_value) = rejections.split_at(key_rejections);
            key_part = without(key_part, of_key, &bad)?;
            value_part = without(value_part, of_value, &bad)?;
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let picked = |all: &[i64]| -> Vec<i64> { rows.iter().map(|row| all[*row as usize]).collect() };
        let times_ms = picked(&gathered.times_ms);
        let batch = self.assemble(gathered, &rows, times_ms, &key_part, &value_part, windows)?;
        self.set_event_times(gathered, rows, batch, &key_part, &value_part, ledger, reports)
    }

    /// Cuts the window off windowed keys.
    fn split_windows<'a>(
        &self,
        keys: &mut Vec<Option<&'a [u8]>>,
        values: &mut Vec<Option<&'a [u8]>>,
        rows: &mut Vec<u32>,
        gathered: &Gathered,
        ledger: &mut Ledger,
        reports: &mut Vec<Report>,
    ) -> Option<(Vec<i64>, Vec<i64>)> {
        let window = self.window?;
        let mut bounds = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
        let mut good = Vec::with_capacity(keys.len());
        for (row, key) in keys.iter_mut().enumerate() {
            match key.and_then(|bytes| split_windowed_key(bytes, window)) {
                Some((inner, start, end)) => {
                    *key = Some(inner);
                    bounds.0.push(start);
                    bounds.1.push(end);
                    good.push(true);
                }
                None => {
                    ledger.rejected += 1;
                    reports.push(self.rejected(gathered, row, "the key has no window: it is too short"));
                    good.push(false);
                }
            }
        }
        let mut keep = good.iter();
        keys.retain(|_| *keep.next().unwrap_or(&false));
        let mut keep = good.iter();
        values.retain(|_| *keep.next().unwrap_or(&false));
        let mut keep = good.iter();
        rows.retain(|_| *keep.next().unwrap_or(&false));
        Some(bounds)
    }

    fn rejected(&self, gathered: &Gathered, row: usize, reason: &str) -> Report {
        Report {
            dropped: Dropped::Rejected,
            time_ms: gathered.times_ms[row],
            reason: reason.to_owned(),
            origin: Some((self.target.clone(), Offset(gathered.offsets[row]))),
        }
    }

    fn assemble(
        &self,
        gathered: &Gathered,
        rows: &[u32],
        times_ms: Vec<i64>,
        key: &Decoded,
        value: &Decoded,
        windows: Option<(Vec<i64>, Vec<i64>)>,
    ) -> Result<ChangeBatch> {
        let windows = windows.map(|(start, end)| Windows { start_ms: start.into(), end_ms: end.into() });
        let headers: Option<Arc<[Headers]>> = (!gathered.headers.is_empty()).then(|| {
            let none: Headers = Arc::from([]);
            let found: std::collections::BTreeMap<usize, &Headers> =
                gathered.headers.iter().map(|(row, headers)| (*row, headers)).collect();
            rows.iter()
                .map(|row| found.get(&(*row as usize)).map_or_else(|| none.clone(), |h| (*h).clone()))
                .collect()
        });
        let bound = |pick: fn(&Windows) -> &arrow::buffer::ScalarBuffer<i64>| -> Result<ArrayRef> {
            let windows = windows.as_ref().ok_or_else(|| Error::internal("the source is not windowed"))?;
            Ok(Arc::new(Int64Array::new(pick(windows).clone(), None)))
        };
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|column| -> Result<ArrayRef> {
                Ok(match column {
                    ScanColumn::Key(index) => self.key.column(key, *index)?,
                    ScanColumn::Value(index) => self.value.column(value, *index)?,
                    ScanColumn::Headers => header_columns::all(headers.as_deref(), rows.len()),
                    ScanColumn::Header(name) => header_columns::last(headers.as_deref(), name, rows.len()),
                    ScanColumn::Time => Arc::new(Int64Array::from(times_ms.clone())),
                    ScanColumn::Partition => {
                        let partition = i32::try_from(self.target.partition.0).unwrap_or(i32::MAX);
                        Arc::new(Int32Array::from(vec![partition; rows.len()]))
                    }
                    ScanColumn::Offset => {
                        let offsets = rows.iter().map(|row| gathered.offsets[*row as usize]);
                        Arc::new(Int64Array::from_iter_values(offsets))
                    }
                    ScanColumn::WindowStart => bound(|windows| &windows.start_ms)?,
                    ScanColumn::WindowEnd => bound(|windows| &windows.end_ms)?,
                })
            })
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let columns = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        let without_value = match self.kind {
            SourceKind::Stream => RowKind::NullValue,
            SourceKind::Table => RowKind::Delete,
        };
        let kinds = match &value.present {
            None => Kinds::AllInsert,
            Some(present) => Kinds::Each(
                present
                    .iter()
                    .map(|present| if present { RowKind::Insert } else { without_value } as u8)
                    .collect(),
            ),
        };
        Ok(ChangeBatch { columns, kinds, times_ms: times_ms.into(), windows, headers, stream_times_ms: None })
    }

    /// Takes event times from their column, where the source names one.
    #[allow(clippy::too_many_arguments, reason = "the parts of one decoded round, used in this one place")]
    fn set_event_times(
        &self,
        gathered: &Gathered,
        rows: Vec<u32>,
        mut batch: ChangeBatch,
        key: &Decoded,
        value: &Decoded,
        ledger: &mut Ledger,
        reports: &mut Vec<Report>,
    ) -> Result<Option<(ChangeBatch, Vec<u32>)>> {
        let extracted = match &self.time {
            None => None,
            Some(extractor) => {
                let column = match extractor.role() {
                    RecordPart::Key => self.key.column(key, extractor.index())?,
                    RecordPart::Value => self.value.column(value, extractor.index())?,
                };
                Some(extractor.extract(&column)?)
            }
        };
        let Some(extracted) = extracted else {
            if batch.times_ms.iter().all(|time| *time >= 0) {
                return Ok(Some((batch, rows)));
            }
            let valid: Vec<Option<i64>> =
                batch.times_ms.iter().map(|time| Some(*time).filter(|t| *t >= 0)).collect();
            return self.keep_timed(gathered, &rows, batch, &valid, ledger, reports);
        };
        // A record without a value has no such column; it keeps its own timestamp.
        let times: Vec<Option<i64>> = extracted
            .into_iter()
            .enumerate()
            .map(|(row, time)| match batch.kinds.get(row) {
                RowKind::NullValue | RowKind::Delete => Some(batch.times_ms[row]),
                _ => time,
            })
            .map(|time| time.filter(|time| *time >= 0))
            .collect();
        batch.times_ms = times.iter().map(|time| time.unwrap_or(0)).collect();
        if let Some(index) = self.columns.iter().position(|column| *column == ScanColumn::Time) {
            let mut columns = batch.columns.columns().to_vec();
            columns[index] = Arc::new(Int64Array::new(batch.times_ms.clone(), None));
            batch.columns = RecordBatch::try_new(self.schema.clone(), columns)?;
        }
        if times.iter().all(Option::is_some) {
            return Ok(Some((batch, rows)));
        }
        self.keep_timed(gathered, &rows, batch, &times, ledger, reports)
    }

    /// Drops the rows that have no legal event time.
    fn keep_timed(
        &self,
        gathered: &Gathered,
        rows: &[u32],
        batch: ChangeBatch,
        times: &[Option<i64>],
        ledger: &mut Ledger,
        reports: &mut Vec<Report>,
    ) -> Result<Option<(ChangeBatch, Vec<u32>)>> {
        let mut kept = Vec::with_capacity(times.len());
        for (row, time) in times.iter().enumerate() {
            if time.is_some() {
                kept.push(row as u32);
            } else {
                ledger.rejected += 1;
                let reason = "the event time is missing, unreadable or before 1970";
                reports.push(self.rejected(gathered, rows[row] as usize, reason));
            }
        }
        if kept.is_empty() {
            return Ok(None);
        }
        let rows = kept.iter().map(|row| rows[*row as usize]).collect();
        Ok(Some((batch.take(&kept.into())?, rows)))
    }
}

/// Takes records out of a decoded part: those that are `bad`, of which the part itself `rejected` some.
fn without(part: Decoded, rejected: &[Rejection], bad: &[usize]) -> Result<Decoded> {
    let mut keep = Vec::with_capacity(part.rows);
    let mut rejected = rejected.iter().map(|rejection| rejection.payload).peekable();
    let mut bad = bad.iter().copied().peekable();
    for payload in 0.. {
        if keep.len() == part.rows {
            break;
        }
        let is_bad = bad.next_if_eq(&payload).is_some();
        if rejected.next_if_eq(&payload).is_none() {
            keep.push(!is_bad);
        }
    }
    part.filter(&BooleanArray::from(keep))
}

/// Keeps the payloads whose key a test passes, with everything beside them.
fn retain<'a>(
    keys: &mut Vec<Option<&'a [u8]>>,
    values: &mut Vec<Option<&'a [u8]>>,
    rows: &mut Vec<u32>,
    windows: &mut Option<(Vec<i64>, Vec<i64>)>,
    mut test: impl FnMut(&Option<&'a [u8]>) -> bool,
) {
    let keep: Vec<bool> = keys.iter().map(&mut test).collect();
    if keep.iter().all(|keep| *keep) {
        return;
    }
    fn apply<T>(items: &mut Vec<T>, keep: &[bool]) {
        let mut keep = keep.iter();
        items.retain(|_| *keep.next().unwrap_or(&false));
    }
    apply(keys, &keep);
    apply(values, &keep);
    apply(rows, &keep);
    if let Some((start, end)) = windows {
        apply(start, &keep);
        apply(end, &keep);
    }
}

/// A windowed key is the inner key and the window's start (tumbling, hopping), or the inner key, the
/// session's end and its start; bounds are 8 bytes, big-endian, in milliseconds (Kafka Streams'
/// `WindowKeySchema` and `SessionKeySchema`, without their sequence numbers).
#[must_use]
pub fn split_windowed_key(key: &[u8], window: WindowKind) -> Option<(&[u8], i64, i64)> {
    let (rest, last) = key.split_at_checked(key.len().checked_sub(BOUND_BYTES)?)?;
    let start = i64::from_be_bytes(last.try_into().ok()?);
    match window {
        WindowKind::Tumbling { size_ms } | WindowKind::Hopping { size_ms, .. } => {
            Some((rest, start, start.saturating_add(size_ms)))
        }
        WindowKind::Session { .. } => {
            let (inner, end) = rest.split_at_checked(rest.len().checked_sub(BOUND_BYTES)?)?;
            Some((inner, start, i64::from_be_bytes(end.try_into().ok()?)))
        }
    }
}

/// Writes the window behind a key; the counterpart of [`split_windowed_key`].
pub fn push_window(key: &mut Vec<u8>, window: WindowKind, start_ms: i64, end_ms: i64) {
    if matches!(window, WindowKind::Session { .. }) {
        key.extend_from_slice(&end_ms.to_be_bytes());
    }
    key.extend_from_slice(&start_ms.to_be_bytes());
}

/// Milliseconds of a BIGINT or TIMESTAMP column.
#[must_use]
pub fn milliseconds(column: &ArrayRef) -> Option<Vec<Option<i64>>> {
    match column.data_type() {
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().iter().collect()),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Some(column.as_primitive::<TimestampMillisecondType>().iter().collect())
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
