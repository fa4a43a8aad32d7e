//! Scans of streams and tables.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion_expr::{TableSource, TableType};

use crate::lookup::Source;

/// Event time of the record, in milliseconds since the epoch: BIGINT.
pub const ROWTIME: &str = "ROWTIME";
/// Partition of the record: INTEGER.
pub const ROWPARTITION: &str = "ROWPARTITION";
/// Offset of the record: BIGINT.
pub const ROWOFFSET: &str = "ROWOFFSET";
/// Start of the row's window, in milliseconds since the epoch: BIGINT.
pub const WINDOWSTART: &str = "WINDOWSTART";
/// End of the row's window, in milliseconds since the epoch: BIGINT.
pub const WINDOWEND: &str = "WINDOWEND";

/// Pseudo columns of a source, behind its declared columns.
#[must_use]
pub fn pseudo_columns(source: &Source) -> Vec<(&'static str, DataType)> {
    let mut columns =
        vec![(ROWTIME, DataType::Int64), (ROWPARTITION, DataType::Int32), (ROWOFFSET, DataType::Int64)];
    columns.extend(window_bounds(source));
    columns
}

/// The bounds of a windowed source's windows: a key has a row in each window, so they belong to the key.
#[must_use]
pub fn window_bounds(source: &Source) -> Vec<(&'static str, DataType)> {
    match source.window {
        Some(_) => vec![(WINDOWSTART, DataType::Int64), (WINDOWEND, DataType::Int64)],
        None => Vec::new(),
    }
}

/// A stream or table in a `TableScan`.
#[derive(Debug)]
pub struct SourceScan {
    source: Arc<Source>,
    schema: SchemaRef,
}

impl SourceScan {
    /// The scan of a source: declared columns, then pseudo columns; all nullable.
    #[must_use]
    pub fn new(source: Arc<Source>) -> SourceScan {
        let declared =
            source.columns.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true));
        let pseudo =
            pseudo_columns(&source).into_iter().map(|(name, data_type)| Field::new(name, data_type, true));
        let schema = Arc::new(Schema::new(declared.chain(pseudo).collect::<Vec<_>>()));
        SourceScan { source, schema }
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }
}

impl TableSource for SourceScan {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }
}
