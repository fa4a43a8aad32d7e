//! The stored rows of a table as DataFusion reads them: as of one snapshot of the state.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use tidemill_storage::TopicPartition;
use tidemill_storage::state::StateSnapshot;

use crate::error::{Error, Result};
use crate::runtime::gathered::Gathered;
use crate::runtime::scan::ScanSpec;
use crate::serving::source_table::{BATCH_ROWS, decode_rows, external};
use crate::state::table_rows::{TableRows, parse_value};

/// Rows of a table as they are stored. Cheap to clone.
#[derive(Clone)]
pub struct StoredRows {
    /// The columns wanted.
    pub scan: ScanSpec,
    /// Their names as shown.
    pub schema: SchemaRef,
    /// The state.
    pub snapshot: Arc<dyn StateSnapshot>,
    /// Where the rows are.
    pub rows: TableRows,
    /// The record's key, where only one row is wanted.
    pub key: Option<Bytes>,
    /// The table's topic; it is only named.
    pub target: TopicPartition,
}

impl fmt::Debug for StoredRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredRows({})", self.scan.source.name)
    }
}

impl PartitionStream for StoredRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.clone();
        // The scan walks in steps so that it holds no iterator across an await.
        let start = Some(self.rows.all().start);
        let stream = futures::stream::try_unfold(start, move |from| {
            let batch = rows.next(from);
            async move { batch.map_err(external) }
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}

impl StoredRows {
    /// The next batch and where to go on; `None` at the end.
    fn next(&self, from: Option<Bytes>) -> Result<Option<(RecordBatch, Option<Bytes>)>> {
        let mut next = from;
        while let Some(from) = next.take() {
            let mut gathered = Gathered::default();
            match &self.key {
                Some(key) => self.look_up(key, &mut gathered)?,
                None => next = self.gather(from, &mut gathered)?,
            }
            if let Some(batch) = decode_rows(&self.scan, &self.schema, &gathered, &self.target)? {
                return Ok(Some((batch, next)));
            }
        }
        Ok(None)
    }

    fn look_up(&self, key: &Bytes, gathered: &mut Gathered) -> Result<()> {
        if let Some(stored) = self.snapshot.get(&self.rows.key(key))? {
            let (time_ms, value) = parse_value(&stored).ok_or_else(|| self.damaged())?;
            gathered.push_row(Some(key), Some(value), time_ms)?;
        }
        Ok(())
    }

    /// Gathers a batch; gives where to go on.
    fn gather(&self, from: Bytes, gathered: &mut Gathered) -> Result<Option<Bytes>> {
        for entry in self.snapshot.scan(from..self.rows.all().end) {
            let (key, stored) = entry?;
            if gathered.rows() == BATCH_ROWS {
                return Ok(Some(key));
            }
            let (time_ms, value) = parse_value(&stored).ok_or_else(|| self.damaged())?;
            let record_key = self.rows.record_key(&key).ok_or_else(|| self.damaged())?;
            gathered.push_row(Some(record_key), Some(value), time_ms)?;
        }
        Ok(None)
    }

    fn damaged(&self) -> Error {
        let message = format!("a stored row of '{}' is damaged", self.scan.source.name);
        Error::new(crate::ErrorKind::Corrupt, message)
    }
}
