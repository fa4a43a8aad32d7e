//! From records to the columns a query wants, with kinds, event times and windows beside them.
//!
//! What cannot be decoded, and what has no legal event time, is taken out, counted as rejected and
//! reported with its offset and reason.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::buffer::NullBuffer;
use arrow::datatypes::SchemaRef;
use tidemill_sql::lookup::{Source, SourceKind, WindowKind};
use tidemill_storage::{Offset, TopicPartition};

use crate::batch::{ChangeBatch, Headers, Kinds, RowKind, Windows};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::{Decoded, Decoder, PartFormat, RecordPart, Rejection};
use crate::operators::{Dropped, Ledger, Report};
use crate::physical::scan::{ScanColumn, ScanSpec, Untimed};
use crate::registry::SchemaRegistry;
use crate::runtime::gathered::Gathered;
use crate::runtime::header_columns;
use crate::runtime::windowed_key::split_windowed_key;
use crate::time::timestamp_column::TimestampExtractor;

/// Why a record has no legal event time.
const NO_TIME: &str = "the event time is missing, unreadable or before 1970";

/// Rows, and for each which of the records it is.
pub type DecodedRows = (ChangeBatch, Vec<u32>);

/// Decodes gathered records into a scan's columns.
pub struct RowDecoder {
    target: TopicPartition,
    schema: SchemaRef,
    columns: Vec<ScanColumn>,
    kind: SourceKind,
    /// Whether its records have keys with columns.
    keyed: bool,
    window: Option<WindowKind>,
    key: PartDecoder,
    value: PartDecoder,
    time: Option<TimestampExtractor>,
    untimed: Untimed,
}

/// Decoder of a key or a value, with where each decoded column goes.
struct PartDecoder {
    /// None where the part has no columns: then everything is right. Columns that no one reads are checked.
    decoder: Option<Box<dyn Decoder>>,
    /// Indices, among the part's columns, of those decoded.
    projection: Vec<usize>,
}

impl PartDecoder {
    fn new(
        source: &Source,
        part: RecordPart,
        mut projection: Vec<usize>,
        schemas: &SchemaRegistry,
    ) -> Result<PartDecoder> {
        projection.sort_unstable();
        projection.dedup();
        let format = PartFormat::of(source, part)?;
        if format.columns().fields().is_empty() {
            return Ok(PartDecoder { decoder: None, projection });
        }
        Ok(PartDecoder { decoder: Some(format.decoder(&projection, schemas)?), projection })
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
    pub fn new(scan: &ScanSpec, target: TopicPartition, schemas: &SchemaRegistry) -> Result<RowDecoder> {
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
            keyed: source.key_columns().next().is_some(),
            window: source.window,
            key: PartDecoder::new(source, RecordPart::Key, keys, schemas)?,
            value: PartDecoder::new(source, RecordPart::Value, values, schemas)?,
            time,
            untimed: scan.untimed,
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
    ///
    /// # Errors
    /// As [`RowDecoder::decode`].
    pub fn decode_rows(
        &mut self,
        gathered: &Gathered,
        ledger: &mut Ledger,
        reports: &mut Vec<Report>,
    ) -> Result<Option<DecodedRows>> {
        let mut drops = Drops { target: &self.target, ledger, reports };
        let mut left = Left::all_of(gathered);
        if let Some(window) = self.window {
            left.split_windows(window, &mut drops);
        }
        if self.kind == SourceKind::Table {
            // A table's record without a key says nothing about any row.
            let with_key: Vec<bool> = left.keys.iter().map(Option::is_some).collect();
            drops.ledger.filtered += left.retain(&with_key);
        }
        let mut rejections = Vec::new();
        let mut key = self.key.decode(&left.keys, &mut rejections)?;
        let of_key = rejections.len();
        let mut value = self.value.decode(&left.values, &mut rejections)?;
        if !rejections.is_empty() {
            // What did not decode in one part of a record is taken out of the other part as well.
            let keep = left.reject(&rejections, &mut drops);
            let (of_key, of_value) = rejections.split_at(of_key);
            key = without(key, of_key, &keep)?;
            value = without(value, of_value, &keep)?;
        }
        if left.rows.is_empty() {
            return Ok(None);
        }
        let windows = left.windows.take();
        let decoded = DecodedRecords { left, key, value };
        let batch = self.assemble(&decoded, windows)?;
        let Some(times) = self.event_times(&decoded, &batch)? else {
            return Ok(Some((batch, decoded.left.rows)));
        };
        let batch = self.with_times(batch, &times)?;
        self.check_timed(&decoded.left, &times)?;
        let kept = decoded.left.timed(&times, &mut drops);
        let rows = decoded.left.rows;
        match kept.len() {
            0 => Ok(None),
            all if all == batch.rows() => Ok(Some((batch, rows))),
            _ => {
                let rows = kept.iter().map(|row| rows[*row as usize]).collect();
                Ok(Some((batch.take(&kept.into())?, rows)))
            }
        }
    }

    /// Where a record without a legal event time ends the query: that there is none.
    fn check_timed(&self, left: &Left<'_>, times: &[Option<i64>]) -> Result<()> {
        let untimed = times.iter().position(Option::is_none);
        let Some(row) = untimed.filter(|_| self.untimed == Untimed::EndsQuery) else { return Ok(()) };
        let offset = left.gathered.offsets[left.rows[row] as usize];
        let message = format!(
            "Fatal user code error in TimestampExtractor callback for record {}, offset {offset}: {NO_TIME}",
            self.target
        );
        Err(Error::new(ErrorKind::Evaluation, message).with_hint(
            "SET 'ksql.timestamp.throw.on.invalid' = 'false' and make the query again, to reject such records",
        ))
    }

    /// Puts the columns wanted together, with the time of each record as its row's.
    fn assemble(
        &self,
        decoded: &DecodedRecords<'_>,
        windows: Option<(Vec<i64>, Vec<i64>)>,
    ) -> Result<ChangeBatch> {
        let DecodedRecords { left, key, value } = decoded;
        let Left { gathered, rows, .. } = left;
        let times_ms: Vec<i64> = rows.iter().map(|row| gathered.times_ms[*row as usize]).collect();
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
        let keyed = key.present.clone().filter(|_| self.keyed);
        let (times_ms, stream_times_ms) = (times_ms.into(), None);
        Ok(ChangeBatch { columns, kinds, times_ms, windows, headers, keyed, stream_times_ms })
    }

    /// Event times of rows, none for a row that has no legal one; `None` where each row has its
    /// record's.
    fn event_times(
        &self,
        decoded: &DecodedRecords<'_>,
        batch: &ChangeBatch,
    ) -> Result<Option<Vec<Option<i64>>>> {
        let is_legal = |time_ms: &i64| *time_ms >= 0;
        let Some(extractor) = &self.time else {
            if batch.times_ms.iter().all(is_legal) {
                return Ok(None);
            }
            return Ok(Some(batch.times_ms.iter().map(|time| Some(*time).filter(is_legal)).collect()));
        };
        let column = match extractor.role() {
            RecordPart::Key => self.key.column(&decoded.key, extractor.index())?,
            RecordPart::Value => self.value.column(&decoded.value, extractor.index())?,
        };
        let extracted = extractor.extract(&column)?.into_iter().enumerate();
        // A record without a value has no such column; it keeps its own timestamp.
        let times = extracted.map(|(row, time)| match batch.kinds.get(row) {
            RowKind::NullValue | RowKind::Delete => Some(batch.times_ms[row]),
            _ => time,
        });
        Ok(Some(times.map(|time| time.filter(is_legal)).collect()))
    }

    /// Gives rows their event times, in the column too where there is one.
    fn with_times(&self, mut batch: ChangeBatch, times: &[Option<i64>]) -> Result<ChangeBatch> {
        batch.times_ms = times.iter().map(|time| time.unwrap_or(0)).collect();
        if let Some(index) = self.columns.iter().position(|column| *column == ScanColumn::Time) {
            let mut columns = batch.columns.columns().to_vec();
            columns[index] = Arc::new(Int64Array::new(batch.times_ms.clone(), None));
            batch.columns = RecordBatch::try_new(self.schema.clone(), columns)?;
        }
        Ok(batch)
    }
}

/// Records whose keys and values are columns.
struct DecodedRecords<'g> {
    left: Left<'g>,
    key: Decoded,
    value: Decoded,
}

/// The records that are left of those gathered.
struct Left<'g> {
    gathered: &'g Gathered,
    /// Where each stands among those gathered.
    rows: Vec<u32>,
    keys: Vec<Option<&'g [u8]>>,
    values: Vec<Option<&'g [u8]>>,
    /// Starts and ends of their windows, where the source is windowed.
    windows: Option<(Vec<i64>, Vec<i64>)>,
}

impl<'g> Left<'g> {
    fn all_of(gathered: &'g Gathered) -> Left<'g> {
        Left {
            gathered,
            rows: (0..gathered.rows() as u32).collect(),
            keys: gathered.payloads(&gathered.keys),
            values: gathered.payloads(&gathered.values),
            windows: None,
        }
    }

    /// Cuts the window off windowed keys.
    fn split_windows(&mut self, window: WindowKind, drops: &mut Drops<'_>) {
        let mut bounds = (Vec::with_capacity(self.keys.len()), Vec::with_capacity(self.keys.len()));
        let mut windowed = Vec::with_capacity(self.keys.len());
        for (row, key) in self.keys.iter_mut().enumerate() {
            let split = key.and_then(|bytes| split_windowed_key(bytes, window));
            windowed.push(split.is_some());
            match split {
                Some((inner, start, end)) => {
                    *key = Some(inner);
                    bounds.0.push(start);
                    bounds.1.push(end);
                }
                None => drops.reject(self.gathered, row, "the key has no window: it is too short"),
            }
        }
        self.retain(&windowed);
        self.windows = Some(bounds);
    }

    /// Takes out what did not decode; gives which records of those before stay.
    fn reject(&mut self, rejections: &[Rejection], drops: &mut Drops<'_>) -> Vec<bool> {
        let mut keep = vec![true; self.rows.len()];
        for rejection in rejections {
            let row = self.rows[rejection.payload] as usize;
            // A record whose key and value are both bad is one record, with two reasons.
            if std::mem::replace(&mut keep[rejection.payload], false) {
                drops.ledger.rejected += 1;
            }
            drops.report(self.gathered, row, &rejection.reason);
        }
        self.retain(&keep);
        keep
    }

    /// The rows that have a legal event time.
    fn timed(&self, times: &[Option<i64>], drops: &mut Drops<'_>) -> Vec<u32> {
        let mut kept = Vec::with_capacity(times.len());
        for (row, time) in times.iter().enumerate() {
            if time.is_some() {
                kept.push(row as u32);
            } else {
                drops.reject(self.gathered, self.rows[row] as usize, NO_TIME);
            }
        }
        kept
    }

    /// Keeps some of the records; gives how many went.
    fn retain(&mut self, keep: &[bool]) -> u64 {
        let gone = keep.iter().filter(|keep| !**keep).count();
        if gone > 0 {
            retain(&mut self.rows, keep);
            retain(&mut self.keys, keep);
            retain(&mut self.values, keep);
            if let Some((start, end)) = &mut self.windows {
                retain(start, keep);
                retain(end, keep);
            }
        }
        gone as u64
    }
}

/// Takes records out of a decoded part, which has all but those it `rejected` itself.
fn without(part: Decoded, rejected: &[Rejection], keep: &[bool]) -> Result<Decoded> {
    let mut decoded = vec![true; keep.len()];
    for rejection in rejected {
        decoded[rejection.payload] = false;
    }
    let keep: BooleanArray =
        keep.iter().zip(decoded).filter(|(_, decoded)| *decoded).map(|(keep, _)| Some(*keep)).collect();
    part.filter(&keep)
}

fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut keep = keep.iter();
    items.retain(|_| *keep.next().unwrap_or(&false));
}

/// Where records that are dropped are booked and told.
struct Drops<'d> {
    target: &'d TopicPartition,
    ledger: &'d mut Ledger,
    reports: &'d mut Vec<Report>,
}

impl Drops<'_> {
    /// Books and tells one; `row` is its place among the gathered.
    fn reject(&mut self, gathered: &Gathered, row: usize, reason: &str) {
        self.ledger.rejected += 1;
        self.report(gathered, row, reason);
    }

    fn report(&mut self, gathered: &Gathered, row: usize, reason: &str) {
        // However many they are: reading ahead tells rejected records from filtered ones by them. A portion
        // has a bounded number of records.
        self.reports.push(Report {
            dropped: Dropped::Rejected,
            time_ms: gathered.times_ms[row],
            reason: reason.to_owned(),
            origin: Some((self.target.clone(), Offset(gathered.offsets[row]))),
        });
    }
}

#[cfg(test)]
#[path = "row_decoder_tests.rs"]
mod tests;
