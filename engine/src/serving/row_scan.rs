//! Scans of what is there now, in steps.
//!
//! A step reads and decodes a bounded number of bytes on a thread for blocking work; between two steps
//! a query can be ended, and no thread that serves others waits for the disk. What becomes of the rows,
//! and how many scans there are, is left to those who make them.

use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, stream};
use tidemill_storage::TopicPartition;

use crate::batch::RowKind;
use crate::error::{Error, Result};
use crate::operators::Ledger;
use crate::physical::scan::ScanSpec;
use crate::registry::SchemaRegistry;
use crate::runtime::gathered::Gathered;
use crate::runtime::row_decoder::RowDecoder;
use crate::serving::unreadable::Unreadable;

/// Rows decoded at a time where they are read one by one.
pub(super) const BATCH_ROWS: usize = 8_192;

/// Bytes of keys and values decoded at a time.
pub(super) const DECODE_BYTES: usize = 4 << 20;

/// What one step of a scan came to.
pub(super) enum Step {
    /// These rows.
    Rows(RecordBatch),
    /// No rows yet.
    Nothing,
    /// There is no more.
    End,
}

/// Reads rows, step by step.
pub(super) trait RowScan: Send {
    /// Reads on, for a bounded time (blocking).
    fn step(&mut self) -> Result<Step>;
}

/// Begins a scan, each time its rows are asked for.
pub(super) type BeginScan = Box<dyn Fn(&TaskContext) -> Box<dyn RowScan> + Send + Sync>;

/// Scans that are run one after the other, as one stream.
pub(super) struct Scans {
    schema: SchemaRef,
    scans: Vec<BeginScan>,
}

impl Scans {
    /// Divides scans among at most so many streams: each stream reads and holds memory for one of its
    /// scans at a time.
    pub(super) fn divided(
        schema: &SchemaRef,
        scans: Vec<BeginScan>,
        streams: usize,
    ) -> Vec<Arc<dyn PartitionStream>> {
        let count = streams.min(scans.len()).max(1);
        let mut divided: Vec<Vec<BeginScan>> = (0..count).map(|_| Vec::new()).collect();
        for (number, scan) in scans.into_iter().enumerate() {
            divided[number % count].push(scan);
        }
        let streams = divided.into_iter().map(|scans| Scans { schema: schema.clone(), scans });
        streams.map(|scans| Arc::new(scans) as Arc<dyn PartitionStream>).collect()
    }
}

impl fmt::Debug for Scans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scans({})", self.scans.len())
    }
}

impl PartitionStream for Scans {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        // A scan holds nothing before its first step.
        let scans: Vec<_> = self.scans.iter().map(|begin| begin(&context)).collect();
        let rows = stream::iter(scans).flat_map(|scan| stream::try_unfold(scan, next_rows).boxed());
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), rows))
    }
}

/// Steps until there are rows.
async fn next_rows(
    mut scan: Box<dyn RowScan>,
) -> std::result::Result<Option<(RecordBatch, Box<dyn RowScan>)>, DataFusionError> {
    loop {
        let (after, step) = tokio::task::spawn_blocking(move || {
            let step = scan.step();
            (scan, step)
        })
        .await
        .map_err(|error| external(Error::internal(format!("a scan did not end its step: {error}"))))?;
        match step.map_err(external)? {
            Step::Rows(rows) => return Ok(Some((rows, after))),
            Step::Nothing => scan = after,
            Step::End => return Ok(None),
        }
    }
}

/// An error of the engine on its way through DataFusion.
pub(super) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Decodes rows under the names shown. Rows that do not decode are no rows; they are noted.
pub(super) fn decode_rows(
    scan: &ScanSpec,
    schema: &SchemaRef,
    gathered: &Gathered,
    target: &TopicPartition,
    schemas: &SchemaRegistry,
    unreadable: &Unreadable,
) -> Result<Step> {
    if gathered.rows() == 0 {
        return Ok(Step::Nothing);
    }
    let mut decoder = RowDecoder::new(scan, target.clone(), schemas)?;
    let (mut ledger, mut reports) = (Ledger::default(), Vec::new());
    let batch = decoder.decode(gathered, &mut ledger, &mut reports)?;
    unreadable.note(&scan.source.name, ledger.rejected, &reports);
    let Some(batch) = batch else { return Ok(Step::Nothing) };
    let kept: BooleanArray =
        (0..batch.rows()).map(|row| Some(batch.kinds.get(row) != RowKind::Delete)).collect();
    let batch = batch.filter(&kept)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.rows()));
    let columns = batch.columns.columns().to_vec();
    Ok(Step::Rows(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?))
}

#[cfg(test)]
#[path = "row_scan_tests.rs"]
mod tests;
