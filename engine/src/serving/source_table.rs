//! A stream or table as DataFusion reads it: a snapshot of what is there when the query begins.
//!
//! - A stream is the records of its topic, up to the last stable offset of each partition.
//! - A table that a query fills has its rows stored; they are read as of one snapshot of the state.
//!   A condition on the whole key makes it a point look-up.
//! - A table that is only declared over a topic is the latest record of each key.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableSource, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::streaming::StreamingTableExec;
use tidemill_sql::lookup::{ColumnRole, Source, SourceKind};
use tidemill_sql::plan::source::{ROWOFFSET, ROWPARTITION, ROWTIME, SourceScan};
use tidemill_storage::log::Log;
use tidemill_storage::state::StateSnapshot;
use tidemill_storage::{PartitionId, TopicName, TopicPartition};

use crate::batch::ChangeBatch;
use crate::catalog::CatalogSource;
use crate::error::Result;
use crate::registry::SchemaRegistry;
use crate::runtime::scan::ScanSpec;
use crate::runtime::sink::RowEncoder;
use crate::serving::pull_environment::PullEnvironment;
use crate::serving::row_scan::{BeginScan, Scans, external};
use crate::serving::stored_rows::{Rest, StoredRows};
use crate::serving::topic_rows::{LatestRows, PartitionRange, RecordRows};
use crate::state::table_rows::TableRows;

/// A source under the names a session shows.
pub struct SourceTable {
    source: Arc<Source>,
    /// Columns as shown; same order as the scan's.
    schema: SchemaRef,
    /// Stored names, same order.
    names: Vec<String>,
    log: Arc<dyn Log>,
    schemas: SchemaRegistry,
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
        found: &CatalogSource,
        environment: &PullEnvironment,
        pseudo_columns: bool,
        shown: &dyn Fn(&str) -> String,
    ) -> SourceTable {
        let source = found.source.clone();
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
            stored_rows: found.stored_rows.map(|table| TableRows::new(table, source.window)),
            source,
            schema: Arc::new(Schema::new(shown)),
            names,
            log: environment.log.clone(),
            schemas: environment.schemas.clone(),
            snapshot: environment.snapshot.clone(),
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
        RowEncoder::new(&self.source, &schema, &self.schemas)?.encode(&batch, |_, bytes, _| {
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
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.names.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema: SchemaRef = Arc::new(self.schema.project(wanted)?);
        let names: Vec<String> = wanted.iter().map(|index| self.names[*index].clone()).collect();
        let scan = ScanSpec::new(&self.source, &names).map_err(external)?;
        let scans = self.scans(&scan, &schema, filters).map_err(external)?;
        let partitions = Scans::divided(&schema, scans, state.config().target_partitions());
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

    /// Scans of all there is, each of a partition.
    fn scans(&self, scan: &ScanSpec, schema: &SchemaRef, filters: &[Expr]) -> Result<Vec<BeginScan>> {
        let topic = TopicName::new(&self.source.topic)?;
        if let Some(rows) = &self.stored_rows {
            let rows = StoredRows {
                scan: scan.clone(),
                schema: schema.clone(),
                schemas: self.schemas.clone(),
                snapshot: self.snapshot.clone(),
                rows: rows.clone(),
                rest: self.looked_up_key(filters).map_or_else(|| Rest::From(rows.all().start), Rest::Key),
                target: TopicPartition::new(topic, PartitionId(0)),
            };
            return Ok(vec![Box::new(move |_| Box::new(rows.clone()))]);
        }
        let partitions = crate::runtime::stages::partition_count(self.log.as_ref(), &topic)?;
        (0..partitions)
            .map(|partition| {
                let target = TopicPartition::new(topic.clone(), PartitionId(partition));
                let offsets = self.log.offsets(&target)?;
                let range = PartitionRange {
                    scan: scan.clone(),
                    schema: schema.clone(),
                    log: self.log.clone(),
                    schemas: self.schemas.clone(),
                    target,
                    from: offsets.log_start,
                    to: offsets.last_stable,
                };
                Ok(match self.source.kind {
                    SourceKind::Stream => all_records(range),
                    SourceKind::Table => latest_of_each_key(range),
                })
            })
            .collect()
    }
}

fn all_records(range: PartitionRange) -> BeginScan {
    Box::new(move |_| Box::new(RecordRows::new(range.clone())))
}

fn latest_of_each_key(range: PartitionRange) -> BeginScan {
    Box::new(move |context| {
        let consumer = MemoryConsumer::new(format!("latest rows of {}", range.target));
        let reservation = consumer.register(context.memory_pool());
        Box::new(LatestRows::new(range.clone(), reservation))
    })
}
