//! What exists, told for comparison: queries, and streams and tables with their columns and formats.

use tidemill_sql::lookup::{ColumnRole, FormatSpec, Source, SourceKind, WindowKind};
use tidemill_sql::type_system::SqlType;

use crate::catalog::CatalogState;
use crate::error::Result;
use crate::processing_log;

/// A persistent query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryDescription {
    /// Its id: `CSAS_X_1`.
    pub id: String,
    /// Name of the stream or table it fills.
    pub sink: String,
    /// The topic it writes.
    pub sink_topic: String,
}

/// A stream or table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceDescription {
    /// Stored name.
    pub name: String,
    /// Stream or table.
    pub kind: SourceKind,
    /// Whether it was declared read-only.
    pub read_only: bool,
    /// Its topic.
    pub topic: String,
    /// The columns in their order; those of the key are marked.
    pub columns: Vec<ColumnDescription>,
    /// How keys are written.
    pub key_format: FormatDescription,
    /// How values are written.
    pub value_format: FormatDescription,
    /// The windows of its key, where it is windowed.
    pub window: Option<WindowDescription>,
}

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnDescription {
    /// Stored name.
    pub name: String,
    /// Its type.
    pub data_type: SqlType,
    /// Whether it is part of the key.
    pub is_key: bool,
}

/// How keys or values are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatDescription {
    /// Name of the format.
    pub name: String,
    /// Whether a single column stands in a record of its own, where that was decided: for a value by
    /// whoever declared it, for a key by the format.
    pub wraps_single: Option<bool>,
}

/// The windows of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowDescription {
    /// `TUMBLING`, `HOPPING` or `SESSION`.
    pub kind: &'static str,
    /// Length of a window; sessions have none.
    pub size_ms: Option<i64>,
}

/// The persistent queries, in the order in which they were made.
pub(super) fn queries(catalog: &CatalogState) -> Vec<QueryDescription> {
    let mut records: Vec<_> = catalog.queries.values().collect();
    records.sort_by_key(|record| record.number);
    let described = records.into_iter().filter_map(|record| {
        let sink = &catalog.sources.get(&record.sink)?.source;
        Some(QueryDescription {
            id: record.id.clone(),
            sink: record.sink.clone(),
            sink_topic: sink.topic.clone(),
        })
    });
    described.collect()
}

/// The streams and tables that statements have made.
pub(super) fn sources(catalog: &CatalogState) -> Result<Vec<SourceDescription>> {
    let declared = catalog.sources.values().filter(|found| found.source.topic != processing_log::TOPIC);
    declared.map(|found| describe(&found.source)).collect()
}

fn describe(source: &Source) -> Result<SourceDescription> {
    let columns = source.columns.iter().map(|column| {
        Ok(ColumnDescription {
            name: column.name.clone(),
            data_type: SqlType::from_arrow(&column.data_type)?,
            is_key: column.role == ColumnRole::Key,
        })
    });
    let (keys, values) = (source.key_columns().count(), source.value_columns().count());
    Ok(SourceDescription {
        name: source.name.clone(),
        kind: source.kind,
        read_only: source.read_only,
        topic: source.topic.clone(),
        columns: columns.collect::<Result<_>>()?,
        key_format: FormatDescription {
            name: source.key_format.name.clone(),
            wraps_single: (keys == 1 && may_wrap(&source.key_format)).then_some(false),
        },
        value_format: FormatDescription {
            name: source.value_format.name.clone(),
            wraps_single: source.value_format.wrap_single.filter(|_| values == 1),
        },
        window: source.window.map(|window| match window {
            WindowKind::Tumbling { size_ms } => {
                WindowDescription { kind: "TUMBLING", size_ms: Some(size_ms) }
            }
            WindowKind::Hopping { size_ms, .. } => {
                WindowDescription { kind: "HOPPING", size_ms: Some(size_ms) }
            }
            WindowKind::Session { .. } => WindowDescription { kind: "SESSION", size_ms: None },
        }),
    })
}

/// Whether the format can write a single column both in a record of its own and bare.
fn may_wrap(format: &FormatSpec) -> bool {
    ["JSON", "AVRO", "JSON_SR"].contains(&format.name.as_str())
}
