//! Rows of a table that a query fills: they are stored by key, and read as of one snapshot of the state.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use tidemill_storage::TopicPartition;
use tidemill_storage::state::StateSnapshot;

use crate::error::{Error, ErrorKind, Result};
use crate::registry::SchemaRegistry;
use crate::runtime::gathered::Gathered;
use crate::runtime::scan::ScanSpec;
use crate::serving::row_scan::{BATCH_ROWS, DECODE_BYTES, RowScan, Step, decode_rows};
use crate::state::table_rows::{TableRows, parse_value};

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
    /// What is still to be read of them.
    pub(super) rest: Rest,
    /// The table's topic; it is only named.
    pub(super) target: TopicPartition,
}

/// What is still to be read.
#[derive(Clone)]
pub(super) enum Rest {
    /// The row of a record's key.
    Key(Bytes),
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
            Rest::Key(key) => self.look_up(&key, &mut gathered)?,
            Rest::From(key) => self.gather(key, &mut gathered)?,
        };
        decode_rows(&self.scan, &self.schema, &gathered, &self.target, &self.schemas)
    }
}

impl StoredRows {
    fn look_up(&self, key: &Bytes, gathered: &mut Gathered) -> Result<Rest> {
        if let Some(stored) = self.snapshot.get(&self.rows.key(key))? {
            let (time_ms, value) = parse_value(&stored).ok_or_else(|| self.damaged())?;
            gathered.push_row(Some(key), Some(value), time_ms, None)?;
        }
        Ok(Rest::Nothing)
    }

    /// Gathers a batch. No iterator is held from one step to the next: it would keep what was deleted
    /// since.
    fn gather(&self, from: Bytes, gathered: &mut Gathered) -> Result<Rest> {
        for entry in self.snapshot.scan(from..self.rows.all().end) {
            let (key, stored) = entry?;
            if gathered.rows() == BATCH_ROWS || gathered.bytes() >= DECODE_BYTES {
                return Ok(Rest::From(key));
            }
            let (time_ms, value) = parse_value(&stored).ok_or_else(|| self.damaged())?;
            let record_key = self.rows.record_key(&key).ok_or_else(|| self.damaged())?;
            gathered.push_row(Some(record_key), Some(value), time_ms, None)?;
        }
        Ok(Rest::Nothing)
    }

    fn damaged(&self) -> Error {
        let message = format!("a stored row of '{}' is damaged", self.scan.source.name);
        Error::new(ErrorKind::Corrupt, message)
    }
}
