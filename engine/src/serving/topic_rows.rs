//! Records of a topic's partition as rows: all of them, as a stream has them, or the latest of each key,
//! as a table has them that is only declared over the topic.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::execution::memory_pool::MemoryReservation;
use tidemill_storage::log::Log;
use tidemill_storage::{Offset, TopicPartition};

use crate::batch::Headers;
use crate::error::{Error, ErrorKind, Result};
use crate::physical::scan::{ScanColumn, ScanSpec};
use crate::registry::SchemaRegistry;
use crate::runtime::gathered::{Gathered, headers_of};
use crate::runtime::record_feed::{Portion, RecordFeed};
use crate::serving::row_scan::{BATCH_ROWS, DECODE_BYTES, RowScan, Step, decode_rows};
use crate::serving::unreadable::Unreadable;

/// Records taken in one step.
const STEP: Portion = Portion { records_max: BATCH_ROWS, bytes_max: DECODE_BYTES };

/// Bytes that a key in memory costs beside its own and its value's: two headers of shared bytes, time
/// and order, the map's slot at its usual load, two allocations.
const ENTRY_BYTES: usize = 192;

/// Bytes that a header in memory costs beside its name and its value.
const HEADER_BYTES: usize = 64;

/// A part of a partition, and how its records become rows.
#[derive(Clone)]
pub(super) struct PartitionRange {
    pub(super) scan: ScanSpec,
    pub(super) schema: SchemaRef,
    pub(super) log: Arc<dyn Log>,
    pub(super) schemas: SchemaRegistry,
    pub(super) unreadable: Unreadable,
    pub(super) target: TopicPartition,
    pub(super) from: Offset,
    pub(super) to: Offset,
}

impl PartitionRange {
    fn feed(&self) -> RecordFeed {
        RecordFeed::new(self.log.clone(), self.target.clone(), self.from)
    }

    fn decode(&self, gathered: &Gathered) -> Result<Step> {
        decode_rows(&self.scan, &self.schema, gathered, &self.target, &self.schemas, &self.unreadable)
    }
}

/// Every record is a row.
pub(super) struct RecordRows {
    range: PartitionRange,
    feed: RecordFeed,
}

impl RecordRows {
    /// Of a part of a partition.
    pub(super) fn new(range: PartitionRange) -> RecordRows {
        RecordRows { feed: range.feed(), range }
    }
}

impl RowScan for RecordRows {
    fn step(&mut self) -> Result<Step> {
        let (from, to) = (self.feed.position(), self.range.to);
        if from >= to {
            return Ok(Step::End);
        }
        let mut gathered = Gathered::default();
        self.feed.take(STEP, |record| if record.offset < to { gathered.push(record) } else { Ok(()) })?;
        // A step that moves nowhere is the end: the rest was dropped meanwhile.
        if self.feed.position() == from {
            return Ok(Step::End);
        }
        self.range.decode(&gathered)
    }
}

/// The latest record of each key is a row, in the order of their keys: as stored rows are.
///
/// All keys of the partition are held in memory, within the limit that the reservation is made of.
pub(super) struct LatestRows {
    range: PartitionRange,
    feed: RecordFeed,
    /// Whether all records have been read.
    at_end: bool,
    reservation: MemoryReservation,
    latest: HashMap<Bytes, Latest>,
    /// The rows in order, once all records have been read.
    rows: Option<std::vec::IntoIter<(Bytes, Latest)>>,
}

struct Latest {
    time_ms: i64,
    value: Bytes,
    /// Where the scan wants any.
    headers: Option<Headers>,
}

impl Latest {
    /// Bytes of memory that the row takes with its key.
    fn cost(&self, key: &[u8]) -> usize {
        let header = |(name, value): &(Arc<str>, Option<Bytes>)| {
            name.len() + value.as_ref().map_or(0, Bytes::len) + HEADER_BYTES
        };
        let headers = self.headers.iter().flat_map(|headers| headers.iter().map(header));
        key.len() + self.value.len() + headers.sum::<usize>() + ENTRY_BYTES
    }
}

impl LatestRows {
    /// Of a part of a partition; what it holds is taken from the reservation.
    pub(super) fn new(range: PartitionRange, reservation: MemoryReservation) -> LatestRows {
        let feed = range.feed();
        LatestRows { range, feed, at_end: false, reservation, latest: HashMap::new(), rows: None }
    }

    fn read(&mut self) -> Result<()> {
        let (from, to) = (self.feed.position(), self.range.to);
        let (mut taken, mut given_back) = (0, 0);
        let of_headers = |column: &ScanColumn| matches!(column, ScanColumn::Headers | ScanColumn::Header(_));
        let wants_headers = self.range.scan.columns.iter().any(of_headers);
        let latest = &mut self.latest;
        self.feed.take(STEP, |record| {
            let Some(key) = record.key.filter(|_| record.offset < to) else { return Ok(()) };
            let before = match record.value {
                Some(value) => {
                    let headers = if wants_headers { headers_of(record)? } else { None };
                    let value = Bytes::copy_from_slice(value);
                    let row = Latest { time_ms: record.timestamp_ms, value, headers };
                    taken += row.cost(key);
                    latest.insert(Bytes::copy_from_slice(key), row)
                }
                None => latest.remove(key),
            };
            given_back += before.map_or(0, |before| before.cost(key));
            Ok(())
        })?;
        // A read that moves nowhere is the end.
        self.at_end = self.feed.position() >= to || self.feed.position() == from;
        self.reservation
            .try_resize((self.reservation.size() + taken).saturating_sub(given_back))
            .map_err(|_| too_large(&self.range.scan.source.name))
    }
}

impl RowScan for LatestRows {
    fn step(&mut self) -> Result<Step> {
        if !self.at_end {
            self.read()?;
            return Ok(Step::Nothing);
        }
        let rows = self.rows.get_or_insert_with(|| {
            let mut rows: Vec<_> = std::mem::take(&mut self.latest).into_iter().collect();
            rows.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            rows.into_iter()
        });
        let mut gathered = Gathered::default();
        let mut given_back = 0;
        while gathered.rows() < BATCH_ROWS
            && gathered.bytes() < DECODE_BYTES
            && let Some((key, latest)) = rows.next()
        {
            given_back += latest.cost(&key);
            gathered.push_row(Some(&key), Some(&latest.value), latest.time_ms, latest.headers)?;
        }
        if gathered.rows() == 0 {
            return Ok(Step::End);
        }
        self.reservation.shrink(given_back.min(self.reservation.size()));
        self.range.decode(&gathered)
    }
}

fn too_large(name: &str) -> Error {
    let message = format!("the latest rows of '{name}' do not fit into the memory for queries");
    Error::new(ErrorKind::LimitExceeded, message)
        .with_hint("CREATE TABLE … AS SELECT keeps rows by key on disk; or give the server more --memory")
}
