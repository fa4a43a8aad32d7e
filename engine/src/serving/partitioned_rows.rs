//! Rows of a table that a query fills, in the order in which ksqlDB reads them: partition by partition of the
//! table's topic, and in each by their keys. A LIMIT takes the first of them.
//!
//! Rows are stored by key alone, those of windows by time before, so all keys are listed and put in order
//! before the first row is read. That is asked for only where the same rows as ksqlDB's are wanted.

use bytes::Bytes;
use datafusion::execution::memory_pool::MemoryReservation;

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::gathered::Gathered;
use crate::runtime::stable_hash;
use crate::serving::row_scan::{BATCH_ROWS, DECODE_BYTES, RowScan, Step};
use crate::serving::stored_rows::StoredRows;

/// Keys listed in one step.
const LISTED_MAX: usize = 8 * BATCH_ROWS;

/// Bytes that a listed key takes beside its own: a header of shared bytes, its partition, an allocation.
const KEY_BYTES: usize = 64;

/// The rows, once they are in order.
pub(super) struct PartitionedRows {
    rows: StoredRows,
    partitions: u32,
    reservation: MemoryReservation,
    /// Keys as they are stored, with their partitions.
    keys: Vec<(u32, Bytes)>,
    stage: Stage,
}

enum Stage {
    /// Keys are listed from this one on.
    Listing(Bytes),
    /// Rows are read, by the keys from this position on.
    Reading(usize),
}

impl PartitionedRows {
    /// Of rows that are to be read from their first one on, of a topic with so many partitions; what is listed
    /// is taken from the reservation.
    pub(super) fn new(rows: StoredRows, partitions: u32, reservation: MemoryReservation) -> PartitionedRows {
        let stage = Stage::Listing(rows.rows.all().start);
        PartitionedRows { rows, partitions, reservation, keys: Vec::new(), stage }
    }

    /// Lists keys; gives the one to go on from.
    fn list(&mut self, from: Bytes) -> Result<Option<Bytes>> {
        let (mut listed, mut bytes, mut next) = (0, 0, None);
        for entry in self.rows.snapshot.scan(from..self.rows.rows.all().end) {
            let (key, _) = entry?;
            if listed == LISTED_MAX {
                next = Some(key);
                break;
            }
            let record_key = self.rows.rows.record_key(&key).ok_or_else(|| self.rows.damaged())?;
            let window = self.rows.scan.source.window;
            let partition = stable_hash::record_partition(record_key, window, self.partitions);
            listed += 1;
            if !self.rows.is_wanted(&key)? {
                continue;
            }
            bytes += key.len() + KEY_BYTES;
            self.keys.push((partition, key));
        }
        self.reserve(bytes)?;
        Ok(next)
    }

    fn reserve(&mut self, bytes: usize) -> Result<()> {
        self.reservation.try_grow(bytes).map_err(|_| {
            let message = format!(
                "the keys of '{}' do not fit into the memory for queries, and a LIMIT takes rows in their order",
                self.rows.scan.source.name
            );
            Error::new(ErrorKind::LimitExceeded, message)
                .with_hint("RESET tidemill.ksqldb.limits takes any rows; or give the server more --memory")
        })
    }

    fn put_in_order(&mut self) {
        let rows = &self.rows.rows;
        self.keys.sort_unstable_by(|(left_partition, left), (right_partition, right)| {
            let keys = || rows.record_key(left).cmp(&rows.record_key(right));
            left_partition.cmp(right_partition).then_with(keys)
        });
    }

    /// Reads rows; gives the position to go on from.
    fn read(&self, from: usize, gathered: &mut Gathered) -> Result<usize> {
        let mut position = from;
        while let Some((_, key)) = self.keys.get(position)
            && gathered.rows() < BATCH_ROWS
            && gathered.bytes() < DECODE_BYTES
        {
            self.rows.take(key, gathered)?;
            position += 1;
        }
        Ok(position)
    }
}

impl RowScan for PartitionedRows {
    fn step(&mut self) -> Result<Step> {
        match &self.stage {
            Stage::Listing(from) => {
                let from = from.clone();
                self.stage = match self.list(from)? {
                    Some(next) => Stage::Listing(next),
                    None => {
                        self.put_in_order();
                        Stage::Reading(0)
                    }
                };
                Ok(Step::Nothing)
            }
            Stage::Reading(from) if *from >= self.keys.len() => Ok(Step::End),
            Stage::Reading(from) => {
                let mut gathered = Gathered::default();
                self.stage = Stage::Reading(self.read(*from, &mut gathered)?);
                self.rows.decode(&gathered)
            }
        }
    }
}
