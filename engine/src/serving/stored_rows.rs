//! Rows of a table that a query fills: they are stored by key, and read as of one snapshot of the state.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use tidemill_storage::TopicPartition;
use tidemill_storage::state::StateSnapshot;

use crate::error::{Error, ErrorKind, Result};
use crate::physical::scan::ScanSpec;
use crate::registry::SchemaRegistry;
use crate::runtime::gathered::Gathered;
use crate::runtime::windowed_key::inner_key;
use crate::serving::row_scan::{BATCH_ROWS, DECODE_BYTES, RowScan, Step, decode_rows};
use crate::serving::skip_scan::SkipScan;
use crate::serving::unreadable::Unreadable;
use crate::state::table_rows::{TableRows, parse_value};

/// Rows that one step passes over at most.
const PASSED_MAX: usize = 16 * BATCH_ROWS;

/// Rows of a table as they are stored. Cheap to clone.
#[derive(Clone)]
pub(super) struct StoredRows {
    /// The columns wanted.
    pub(super) scan: ScanSpec,
    /// Their names as shown.
    pub(super) schema: SchemaRef,
    /// The schemas they are written with.
    pub(super) schemas: SchemaRegistry,
    /// The state.
    pub(super) snapshot: Arc<dyn StateSnapshot>,
    /// Where the rows are.
    pub(super) rows: TableRows,
    /// Where is noted what does not decode.
    pub(super) unreadable: Unreadable,
    /// The keys whose windows are wanted; `None` for all.
    pub(super) only: Option<Arc<HashSet<Bytes>>>,
    /// What is still to be read of them.
    pub(super) rest: Rest,
    /// The table's topic; it is only named.
    pub(super) target: TopicPartition,
}

/// What is still to be read.
#[derive(Clone)]
pub(super) enum Rest {
    /// The rows of records' keys.
    Keys(std::vec::IntoIter<Bytes>),
    /// All rows from a stored key on.
    From(Bytes),
    /// Nothing.
    Nothing,
}

impl RowScan for StoredRows {
    fn step(&mut self) -> Result<Step> {
        let mut gathered = Gathered::default();
        self.rest = match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Nothing => return Ok(Step::End),
            Rest::Keys(keys) => self.look_up(keys, &mut gathered)?,
            Rest::From(key) => self.gather(key, &mut gathered)?,
        };
        self.decode(&gathered)
    }
}

impl StoredRows {
    /// The rows that were gathered.
    pub(super) fn decode(&self, gathered: &Gathered) -> Result<Step> {
        decode_rows(&self.scan, &self.schema, gathered, &self.target, &self.schemas, &self.unreadable)
    }

    /// Gathers the row of a stored key, if there is one.
    pub(super) fn take(&self, key: &[u8], gathered: &mut Gathered) -> Result<()> {
        if let Some(stored) = self.snapshot.get(key)? {
            let (time_ms, value) = parse_value(&stored).ok_or_else(|| self.damaged())?;
            let record_key = self.rows.record_key(key).ok_or_else(|| self.damaged())?;
            gathered.push_row(Some(record_key), Some(value), time_ms, None)?;
        }
        Ok(())
    }

    fn look_up(&self, mut keys: std::vec::IntoIter<Bytes>, gathered: &mut Gathered) -> Result<Rest> {
        while gathered.rows() < BATCH_ROWS && gathered.bytes() < DECODE_BYTES {
            let Some(key) = keys.next() else { return Ok(Rest::Nothing) };
            self.take(&self.rows.key(&key), gathered)?;
        }
        Ok(Rest::Keys(keys))
    }

    /// Gathers a batch. No iterator is held from one step to the next: it would keep what was deleted
    /// since.
    fn gather(&self, from: Bytes, gathered: &mut Gathered) -> Result<Rest> {
        let only = self.only.as_deref();
        let mut skip = only.and_then(|only| SkipScan::new(&self.rows, self.scan.source.window, only));
        let (mut from, mut passed) = (from, 0);
        'scan: loop {
            for entry in self.snapshot.scan(from..self.rows.all().end) {
                let (key, stored) = entry?;
                if gathered.rows() == BATCH_ROWS || gathered.bytes() >= DECODE_BYTES || passed == PASSED_MAX {
                    return Ok(Rest::From(key));
                }
                passed += 1;
                if !self.is_wanted(&key)? {
                    if let Some(ControlFlow::Break(next)) = skip.as_mut().map(|skip| skip.pass(&key)) {
                        from = next;
                        continue 'scan;
                    }
                    continue;
                }
                let (time_ms, value) = parse_value(&stored).ok_or_else(|| self.damaged())?;
                let record_key = self.rows.record_key(&key).ok_or_else(|| self.damaged())?;
                gathered.push_row(Some(record_key), Some(value), time_ms, None)?;
            }
            return Ok(Rest::Nothing);
        }
    }

    /// Whether a row is of one of the keys that are wanted.
    pub(super) fn is_wanted(&self, key: &[u8]) -> Result<bool> {
        let Some(only) = &self.only else { return Ok(true) };
        let record_key = self.rows.record_key(key).ok_or_else(|| self.damaged())?;
        Ok(only.contains(inner_key(record_key, self.scan.source.window)))
    }

    /// The error for a row that cannot be read.
    pub(super) fn damaged(&self) -> Error {
        let message = format!("a stored row of '{}' is damaged", self.scan.source.name);
        Error::new(ErrorKind::Corrupt, message)
    }
}
