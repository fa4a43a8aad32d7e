//! A stream or table as DataFusion reads it: a snapshot of what is there when the query begins.
//!
//! - A stream is the records of its topic, up to the last stable offset of each partition.
//! - A table that a query fills has its rows stored; they are read as of one snapshot of the state.
//!   A condition on the whole key makes it a look-up of one key, or of some; rows of windows stand by their
//!   times, and the scan of them skips other keys.
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
use datafusion::logical_expr::expr::InList;
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
use crate::physical::scan::ScanSpec;
use crate::registry::SchemaRegistry;
use crate::runtime::row_encoder::RowEncoder;
use crate::serving::partitioned_rows::PartitionedRows;
use crate::serving::pull_environment::PullEnvironment;
use crate::serving::row_scan::{BeginScan, Scans, external};
use crate::serving::stored_rows::{Rest, StoredRows};
use crate::serving::topic_rows::{LatestRows, PartitionRange, RecordRows};
use crate::serving::unreadable::Unreadable;
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
    unreadable: Unreadable,
    stored_rows: Option<TableRows>,
    by_partition: bool,
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
            unreadable: environment.unreadable.clone(),
            by_partition: false,
        }
    }

    /// With the rows in the order in which ksqlDB reads them, which costs a list of all keys: see
    /// [`partitioned_rows`](crate::serving::partitioned_rows).
    #[must_use]
    pub fn by_partition(self) -> SourceTable {
        SourceTable { by_partition: true, ..self }
    }

    /// How rows are found under these conditions, for people.
    #[must_use]
    pub fn access(&self, filters: &[Expr]) -> String {
        let Source { name, kind, topic, .. } = self.source.as_ref();
        let what = kind.keyword().to_lowercase();
        if self.stored_rows.is_none() {
            return match kind {
                SourceKind::Stream => format!("{what} {name}: full scan of topic '{topic}'"),
                SourceKind::Table => format!("{what} {name}: latest record of each key of topic '{topic}'"),
            };
        }
        let keys = match self.looked_up_keys(filters) {
            None => return format!("{what} {name}: full scan"),
            Some(keys) if keys.len() == 1 => "1 key".to_owned(),
            Some(keys) => format!("{} keys", keys.len()),
        };
        match self.source.window {
            None => format!("{what} {name}: look-up of {keys}"),
            Some(_) => format!("{what} {name}: scan of the windows for {keys}"),
        }
    }

    /// The keys that rows can only have by these conditions, where they tell every key column; of a key of
    /// several columns each has one value. Windows are no part of them.
    fn looked_up_keys(&self, filters: &[Expr]) -> Option<Vec<Bytes>> {
        let keys: Vec<&str> = self.source.key_columns().map(|column| column.name.as_str()).collect();
        let mut values: Vec<Option<ArrayRef>> = vec![None; keys.len()];
        for (name, wanted) in filters.iter().filter_map(wanted_values) {
            let index = self.schema.index_of(name).ok()?;
            let stored = self.names.get(index)?;
            let Some(position) = keys.iter().position(|key| key == stored) else { continue };
            let is_better = values[position].as_ref().is_none_or(|known| known.len() > wanted.len());
            if is_better && (wanted.len() == 1 || keys.len() == 1) {
                let data_type = self.schema.field(index).data_type();
                let wanted = wanted.into_iter().map(|value| value.cast_to(data_type).ok());
                let wanted = wanted.collect::<Option<Vec<ScalarValue>>>()?;
                values[position] = Some(ScalarValue::iter_to_array(wanted).ok()?);
            }
        }
        let values: Vec<ArrayRef> = values.into_iter().collect::<Option<_>>()?;
        if values.is_empty() || values.iter().any(|value| value.null_count() > 0) {
            return None;
        }
        let mut found = self.encode_keys(&keys, &values).ok()?;
        found.sort_unstable();
        found.dedup();
        Some(found)
    }

    fn encode_keys(&self, keys: &[&str], values: &[ArrayRef]) -> Result<Vec<Bytes>> {
        let rows = values.first().map_or(0, Array::len);
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for column in &self.source.columns {
            fields.push(Field::new(&column.name, column.data_type.clone(), true));
            columns.push(match keys.iter().position(|key| *key == column.name) {
                Some(position) => values[position].clone(),
                None => arrow::array::new_null_array(&column.data_type, rows),
            });
        }
        let schema = Arc::new(Schema::new(fields));
        let columns = RecordBatch::try_new(schema.clone(), columns)?;
        let batch = ChangeBatch::inserts(columns, vec![0; rows].into());
        let mut encoded = Vec::with_capacity(rows);
        RowEncoder::new(&self.source, &schema, &self.schemas)?.encode(&batch, |_, key, _| {
            encoded.extend(key.map(Bytes::copy_from_slice));
            Ok(())
        })?;
        Ok(encoded)
    }
}

/// The column and the values that a condition lets it have: `column = 1`, either way round, `column IN (1, 2)`,
/// and several of them for one column with OR.
fn wanted_values(filter: &Expr) -> Option<(&str, Vec<&ScalarValue>)> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _))
                | (Expr::Literal(value, _), Expr::Column(column)) => Some((column.name(), vec![value])),
                _ => None,
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let ((name, mut values), (other, more)) = (wanted_values(left)?, wanted_values(right)?);
            values.extend(more);
            (name == other).then_some((name, values))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = expr.as_ref() else { return None };
            let values = list.iter().map(|member| match member {
                Expr::Literal(value, _) => Some(value),
                _ => None,
            });
            let values = values.collect::<Option<Vec<&ScalarValue>>>()?;
            (!values.is_empty()).then_some((column.name(), values))
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
            .map(|filter| match wanted_values(filter) {
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
            let keys = self.looked_up_keys(filters);
            let is_windowed = self.source.window.is_some();
            let in_order = self.by_partition && (keys.is_none() || is_windowed);
            let all = Rest::From(rows.all().start);
            let (only, rest) = match keys {
                None => (None, all),
                // Windows of all keys stand together in the order of their times.
                Some(keys) if is_windowed => (Some(Arc::new(keys.into_iter().collect())), all),
                Some(keys) => (None, Rest::Keys(keys.into_iter())),
            };
            let rows = StoredRows {
                scan: scan.clone(),
                schema: schema.clone(),
                schemas: self.schemas.clone(),
                snapshot: self.snapshot.clone(),
                unreadable: self.unreadable.clone(),
                rows: rows.clone(),
                only,
                rest,
                target: TopicPartition::new(topic, PartitionId(0)),
            };
            if in_order {
                return Ok(vec![partition_by_partition(rows, self.source.partitions)]);
            }
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
                    unreadable: self.unreadable.clone(),
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

fn partition_by_partition(rows: StoredRows, partitions: u32) -> BeginScan {
    Box::new(move |context| {
        let consumer = MemoryConsumer::new(format!("keys of {}", rows.scan.source.name));
        let reservation = consumer.register(context.memory_pool());
        Box::new(PartitionedRows::new(rows.clone(), partitions, reservation))
    })
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

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    #[test]
    fn conditions_tell_the_values_of_a_column() {
        let told = |filter: &Expr| {
            wanted_values(filter)
                .map(|(name, values)| (name.to_owned(), values.into_iter().cloned().collect::<Vec<_>>()))
        };
        let values =
            |values: &[i64]| values.iter().map(|value| ScalarValue::from(*value)).collect::<Vec<_>>();
        let is = |value: i64| col("k").eq(lit(value));
        assert_eq!(told(&is(1)), Some(("k".to_owned(), values(&[1]))));
        assert_eq!(told(&lit(2_i64).eq(col("k"))), Some(("k".to_owned(), values(&[2]))));
        assert_eq!(told(&is(1).or(is(2)).or(is(1))), Some(("k".to_owned(), values(&[1, 2, 1]))));
        let list = |negated| col("k").in_list(vec![lit(3_i64), lit(4_i64)], negated);
        assert_eq!(told(&list(false)), Some(("k".to_owned(), values(&[3, 4]))));
        for other in
            [list(true), is(1).or(col("v").eq(lit(1_i64))), col("k").gt(lit(1_i64)), is(1).and(is(2))]
        {
            assert_eq!(told(&other), None, "{other}");
        }
    }
}
