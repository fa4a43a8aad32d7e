//! What a query reads of a source: its topic, and the columns wanted, pseudo columns among them.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use tidemill_sql::lookup::{ColumnRole, Source};
use tidemill_sql::plan::source::{ROWOFFSET, ROWPARTITION, ROWTIME, WINDOWEND, WINDOWSTART};
use tidemill_storage::TopicName;

use crate::error::{Error, ErrorKind, Result};

/// What to read of a source.
#[derive(Clone)]
pub struct ScanSpec {
    /// The source.
    pub source: Arc<Source>,
    /// Its topic.
    pub topic: TopicName,
    /// The columns wanted, in order.
    pub columns: Vec<ScanColumn>,
    /// Their schema.
    pub schema: SchemaRef,
    /// What becomes of records without a legal event time.
    pub untimed: Untimed,
}

/// What becomes of a record without a legal event time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Untimed {
    /// It is rejected, and the others go on.
    #[default]
    Rejected,
    /// The query ends with an error.
    EndsQuery,
}

/// One column of a scan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScanColumn {
    /// Of the key, by its index among the key columns.
    Key(usize),
    /// Of the value, by its index among the value columns.
    Value(usize),
    /// All headers.
    Headers,
    /// The last header of a name.
    Header(String),
    /// Event time.
    Time,
    /// Partition.
    Partition,
    /// Offset.
    Offset,
    /// Start of the window.
    WindowStart,
    /// End of the window.
    WindowEnd,
}

impl ScanSpec {
    /// The scan of a source's columns by name; pseudo columns are among them.
    ///
    /// # Errors
    /// `UnknownColumn`, or `Invalid` where the source's topic has no legal name.
    pub fn new(source: &Arc<Source>, names: &[String]) -> Result<ScanSpec> {
        let scan = tidemill_sql::plan::source::SourceScan::new(source.clone());
        let all = datafusion::logical_expr::TableSource::schema(&scan);
        let mut columns = Vec::with_capacity(names.len());
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            let index = all.index_of(name).map_err(|_| {
                Error::new(
                    ErrorKind::UnknownColumn,
                    format!("source '{}' has no column '{name}'", source.name),
                )
            })?;
            fields.push(all.field(index).clone());
            columns.push(scan_column(source, index, name)?);
        }
        Ok(ScanSpec {
            source: source.clone(),
            topic: TopicName::new(&source.topic)?,
            columns,
            schema: Arc::new(Schema::new(fields)),
            untimed: Untimed::default(),
        })
    }
}

/// What the column at an index of a source's scan schema is.
fn scan_column(source: &Source, index: usize, name: &str) -> Result<ScanColumn> {
    let position =
        |role: &ColumnRole| source.columns[..index].iter().filter(|other| other.role == *role).count();
    Ok(match source.columns.get(index).map(|column| &column.role) {
        Some(role @ ColumnRole::Key) => ScanColumn::Key(position(role)),
        Some(role @ ColumnRole::Value) => ScanColumn::Value(position(role)),
        Some(ColumnRole::Headers) => ScanColumn::Headers,
        Some(ColumnRole::Header(header)) => ScanColumn::Header(header.clone()),
        None => match name {
            ROWTIME => ScanColumn::Time,
            ROWPARTITION => ScanColumn::Partition,
            ROWOFFSET => ScanColumn::Offset,
            WINDOWSTART => ScanColumn::WindowStart,
            WINDOWEND => ScanColumn::WindowEnd,
            other => return Err(Error::internal(format!("'{other}' is no column of a scan"))),
        },
    })
}
