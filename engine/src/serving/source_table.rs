//! A stream or table as DataFusion reads it: a snapshot of what is there when the query begins.
//!
//! - A stream is the records of its topic, up to the high watermark of each partition.
//! - A table that a query fills has its rows stored; they are read as of one snapshot of the state.
//!   A condition on the whole key makes it a point look-up.
//! - A table that is only declared over a topic is the latest record of each key.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableSource, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use tidemill_sql::lookup::{ColumnRole, Source, SourceKind};
use tidemill_sql::plan::source::{ROWOFFSET, ROWPARTITION, ROWTIME, SourceScan};
use tidemill_storage::log::{Isolation, Log};
use tidemill_storage::record::RecordReader;
use tidemill_storage::state::StateSnapshot;
use tidemill_storage::{Offset, PartitionId, TopicName, TopicPartition};

use crate::batch::{ChangeBatch, RowKind};
use crate::error::{Error, Result};
use crate::operators::Ledger;
use crate::runtime::gathered::Gathered;
use crate::runtime::row_decoder::RowDecoder;
use crate::runtime::scan::ScanSpec;
use crate::runtime::sink::RowEncoder;
use crate::serving::stored_rows::StoredRows;
use crate::state::table_rows::TableRows;

/// Rows decoded at a time.
pub(super) const BATCH_ROWS: usize = 8_192;

/// Bytes read from a partition at a time.
const READ_BYTES: usize = 4 << 20;

/// A source under the names a session shows.
pub struct SourceTable {
    source: Arc<Source>,
    /// Columns as shown; same order as the scan's.
    schema: SchemaRef,
    /// Stored names, same order.
    names: Vec<String>,
    log: Arc<dyn Log>,
    snapshot: Arc<dyn StateSnapshot>,
    stored_rows: Option<TableRows>,
}

impl fmt::Debug for SourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceTable").field("source", &self.source.name).finish_non_exhaustive()
    }
}

impl SourceTable {
    /// Of a source, with its pseudo columns or without; `shown` gives the name a session shows for a
    /// stored one. The bounds of windows are part of a windowed row's key and always there.
    #[must_use]
    pub fn new(
        source: Arc<Source>,
        stored_rows: Option<u64>,
        pseudo_columns: bool,
        shown: &dyn Fn(&str) -> String,
        log: Arc<dyn Log>,
        snapshot: Arc<dyn StateSnapshot>,
    ) -> SourceTable {
        let scan = SourceScan::new(source.clone()).schema();
        let readable = |name: &str| match name {
            ROWTIME => pseudo_columns,
            // A table's row is no record, so it has no place.
            ROWPARTITION | ROWOFFSET => pseudo_columns && source.kind == SourceKind::Stream,
            _ => true,
        };
        let fields: Vec<&Arc<Field>> = scan.fields().iter().filter(|field| readable(field.name())).collect();
        let names = fields.iter().map(|field| field.name().clone()).collect();
        let shown: Vec<Field> =
            fields.iter().map(|field| field.as_ref().clone().with_name(shown(field.name()))).collect();
        SourceTable {
            stored_rows: stored_rows.map(|table| TableRows::new(table, source.window)),
            source,
            schema: Arc::new(Schema::new(shown)),
            names,
            log,
            snapshot,
        }
    }

    /// Bytes of the key that the conditions fix, if they fix every key column and nothing else is in
    /// the key.
    fn looked_up_key(&self, filters: &[Expr]) -> Option<Bytes> {
        if self.source.window.is_some() {
            return None;
        }
        let keys: Vec<&str> = self.source.key_columns().map(|column| column.name.as_str()).collect();
        let mut values: Vec<Option<ArrayRef>> = vec![None; keys.len()];
        for filter in filters {
            let (name, value) = equality(filter)?;
            let index = self.schema.index_of(name).ok()?;
            let stored = self.names.get(index)?;
            let position = keys.iter().position(|key| key == stored)?;
            let value = value.cast_to(self.schema.field(index).data_type()).ok()?;
            values[position] = Some(value.to_array().ok()?);
        }
        let values: Vec<ArrayRef> = values.into_iter().collect::<Option<_>>()?;
        if values.is_empty() || values.iter().any(|value| value.null_count() > 0) {
            return None;
        }
        self.encode_key(&keys, values).ok().flatten()
    }

    fn encode_key(&self, keys: &[&str], values: Vec<ArrayRef>) -> Result<Option<Bytes>> {
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for column in &self.source.columns {
            fields.push(Field::new(&column.name, column.data_type.clone(), true));
            columns.push(match keys.iter().position(|key| *key == column.name) {
                Some(position) => values[position].clone(),
                None => arrow::array::new_null_array(&column.data_type, 1),
            });
        }
        let schema = Arc::new(Schema::new(fields));
        let columns = RecordBatch::try_new(schema.clone(), columns)?;
        let batch = ChangeBatch::inserts(columns, vec![0].into());
        let mut key = None;
        RowEncoder::new(&self.source, &schema)?.encode(&batch, |_, bytes, _| {
            key = bytes.map(Bytes::copy_from_slice);
            Ok(())
        })?;
        Ok(key)
    }
}

/// A condition `column = literal`, either way round.
fn equality(filter: &Expr) -> Option<(&str, &ScalarValue)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else { return None };
    match (left.as_ref(), right.as_ref()) {
        (Expr::Column(column), Expr::Literal(value, _)) | (Expr::Literal(value, _), Expr::Column(column)) => {
            Some((column.name(), value))
        }
        _ => None,
    }
}

#[async_trait]
impl TableProvider for SourceTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        // A condition only narrows the search; DataFusion still applies it.
        Ok(filters
            .iter()
            .map(|filter| match equality(filter) {
                Some((name, _)) if self.is_key(name) => TableProviderFilterPushDown::Inexact,
                _ => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.names.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema: SchemaRef = Arc::new(self.schema.project(wanted)?);
        let names: Vec<String> = wanted.iter().map(|index| self.names[*index].clone()).collect();
        let scan = ScanSpec::new(&self.source, &names).map_err(external)?;
        let partitions = self.partitions(&scan, &schema, filters).map_err(external)?;
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, None, std::iter::empty(), false, limit)?))
    }
}

impl SourceTable {
    fn is_key(&self, shown: &str) -> bool {
        let stored = self.schema.index_of(shown).ok().and_then(|index| self.names.get(index));
        stored.is_some_and(|name| {
            self.source.columns.iter().any(|column| column.name == *name && column.role == ColumnRole::Key)
        })
    }

    fn partitions(
        &self,
        scan: &ScanSpec,
        schema: &SchemaRef,
        filters: &[Expr],
    ) -> Result<Vec<Arc<dyn PartitionStream>>> {
        let topic = TopicName::new(&self.source.topic)?;
        if let Some(rows) = &self.stored_rows {
            let rows = StoredRows {
                scan: scan.clone(),
                schema: schema.clone(),
                snapshot: self.snapshot.clone(),
                rows: rows.clone(),
                key: self.looked_up_key(filters),
                target: TopicPartition::new(topic, PartitionId(0)),
            };
            return Ok(vec![Arc::new(rows)]);
        }
        let partitions = crate::runtime::query::partition_count(self.log.as_ref(), &topic)?;
        (0..partitions)
            .map(|partition| {
                let target = TopicPartition::new(topic.clone(), PartitionId(partition));
                let offsets = self.log.offsets(&target)?;
                let records = TopicRows {
                    scan: scan.clone(),
                    schema: schema.clone(),
                    log: self.log.clone(),
                    target,
                    from: offsets.log_start,
                    to: offsets.last_stable,
                    latest_by_key: self.source.kind == SourceKind::Table,
                };
                Ok(Arc::new(records) as Arc<dyn PartitionStream>)
            })
            .collect()
    }
}

/// Records of one partition of a topic.
struct TopicRows {
    scan: ScanSpec,
    schema: SchemaRef,
    log: Arc<dyn Log>,
    target: TopicPartition,
    from: Offset,
    to: Offset,
    latest_by_key: bool,
}

impl fmt::Debug for TopicRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicRows({})", self.target)
    }
}

impl PartitionStream for TopicRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (scan, schema, log) = (self.scan.clone(), self.schema.clone(), self.log.clone());
        let (target, to, latest_by_key) = (self.target.clone(), self.to, self.latest_by_key);
        let stream = futures::stream::try_unfold(Some(self.from), move |from| {
            let batch = if latest_by_key {
                latest_rows(&scan, &schema, log.as_ref(), &target, from, to)
            } else {
                next_records(&scan, &schema, log.as_ref(), &target, from, to)
            };
            async move { batch.map_err(external) }
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), stream))
    }
}

/// Gathers records from an offset on; tells where to go on.
fn gather(
    log: &dyn Log,
    target: &TopicPartition,
    from: Offset,
    to: Offset,
    gathered: &mut Gathered,
) -> Result<Offset> {
    let slice = log.read(target, from, READ_BYTES, Isolation::ReadCommitted)?;
    let mut records = RecordReader::new(slice.batches, from, &slice.aborted);
    while let Some(batch) = records.next_batch()? {
        for record in batch.records() {
            let record = record?;
            if record.offset < to {
                gathered.push(&record)?;
            }
        }
    }
    // A read that moves nowhere is the end.
    Ok(if records.next_offset() > from { records.next_offset() } else { to })
}

fn next_records(
    scan: &ScanSpec,
    schema: &SchemaRef,
    log: &dyn Log,
    target: &TopicPartition,
    mut from: Option<Offset>,
    to: Offset,
) -> Result<Option<(RecordBatch, Option<Offset>)>> {
    while let Some(offset) = from.filter(|offset| *offset < to) {
        let mut gathered = Gathered::default();
        let next = gather(log, target, offset, to, &mut gathered)?;
        from = Some(next);
        if let Some(batch) = decode_rows(scan, schema, &gathered, target)? {
            return Ok(Some((batch, from)));
        }
    }
    Ok(None)
}

/// The latest record of each key of a partition, in the order of their offsets.
fn latest_rows(
    scan: &ScanSpec,
    schema: &SchemaRef,
    log: &dyn Log,
    target: &TopicPartition,
    from: Option<Offset>,
    to: Offset,
) -> Result<Option<(RecordBatch, Option<Offset>)>> {
    let Some(mut from) = from else { return Ok(None) };
    let mut latest: HashMap<Bytes, (u64, i64, Option<Bytes>)> = HashMap::new();
    let mut order = 0;
    while from < to {
        let slice = log.read(target, from, READ_BYTES, Isolation::ReadCommitted)?;
        let mut records = RecordReader::new(slice.batches, from, &slice.aborted);
        while let Some(batch) = records.next_batch()? {
            for record in batch.records() {
                let record = record?;
                if record.offset < to
                    && let Some(key) = record.key
                {
                    order += 1;
                    let value = record.value.map(Bytes::copy_from_slice);
                    latest.insert(Bytes::copy_from_slice(key), (order, record.timestamp_ms, value));
                }
            }
        }
        from = if records.next_offset() > from { records.next_offset() } else { to };
    }
    let mut rows: Vec<_> = latest.into_iter().filter(|(_, (_, _, value))| value.is_some()).collect();
    rows.sort_unstable_by_key(|(_, (order, _, _))| *order);
    let mut gathered = Gathered::default();
    for (key, (_, time, value)) in &rows {
        gathered.push_row(Some(key), value.as_deref(), *time)?;
    }
    Ok(decode_rows(scan, schema, &gathered, target)?.map(|batch| (batch, None)))
}

/// Decodes rows under the names shown. Rows that do not decode are no rows: the queries that read
/// the source report them.
pub(super) fn decode_rows(
    scan: &ScanSpec,
    schema: &SchemaRef,
    gathered: &Gathered,
    target: &TopicPartition,
) -> Result<Option<RecordBatch>> {
    if gathered.rows() == 0 {
        return Ok(None);
    }
    let mut decoder = RowDecoder::new(scan, target.clone())?;
    let Some(batch) = decoder.decode(gathered, &mut Ledger::default(), &mut Vec::new())? else {
        return Ok(None);
    };
    let kept: arrow::array::BooleanArray =
        (0..batch.rows()).map(|row| Some(batch.kinds.get(row) != RowKind::Delete)).collect();
    let batch = batch.filter(&kept)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.rows()));
    Ok(Some(RecordBatch::try_new_with_options(schema.clone(), batch.columns.columns().to_vec(), &options)?))
}

pub(super) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
