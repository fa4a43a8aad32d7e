//! Where the results of a query go: what a worker of its last stage hands on after a round.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use tidemill_sql::lookup::Source;
use tidemill_sql::plan::source::{WINDOWEND, WINDOWSTART};
use tidemill_storage::log::Log;
use tidemill_storage::state::WriteBatch;
use tidemill_storage::{TopicName, TopicPartition};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::operators::Report;
use crate::physical::PhysicalPlan;
use crate::registry::SchemaRegistry;
use crate::runtime::row_encoder::RowEncoder;
use crate::runtime::session_sink::SessionSink;
use crate::runtime::topic_sink::{StoredTable, TopicSink};

/// What a sink made of a round's rows.
#[derive(Default)]
pub struct SinkOutput {
    /// Record batches, a partition at a time.
    pub records: Vec<(TopicPartition, Vec<Bytes>)>,
    /// Rows of the result table as it is after the round.
    pub table_rows: WriteBatch,
    /// Rows for a session.
    pub rows: Vec<RecordBatch>,
    /// Rows without a key, of which a table takes none.
    pub keyless_rows: u64,
    /// Rows that became no record: larger than their topic takes, or without a legal time.
    pub rejected_rows: u64,
    /// Reports of those.
    pub reports: Vec<Report>,
}

/// Where a query leaves its results; each worker of its last stage has a writer of its own.
#[derive(Clone)]
pub enum SinkSpec {
    /// In a source's topic.
    Topic {
        /// The source.
        source: Arc<Source>,
        /// Where the rows are stored, for a table that is to have them.
        table: Option<StoredTable>,
    },
    /// With a session.
    Session {
        /// The columns as the session sees them.
        schema: SchemaRef,
    },
}

impl SinkSpec {
    /// The topic it writes, if it does.
    ///
    /// # Errors
    /// `Invalid` where it has no legal name.
    pub fn topic(&self) -> Result<Option<TopicName>> {
        match self {
            SinkSpec::Topic { source, .. } => Ok(Some(TopicName::new(&source.topic)?)),
            SinkSpec::Session { .. } => Ok(None),
        }
    }

    /// The writer of one worker, for the results of a plan. `partitions` is how many its topic has.
    ///
    /// # Errors
    /// As [`RowEncoder::new`].
    pub fn writer(
        &self,
        log: &Arc<dyn Log>,
        schemas: &SchemaRegistry,
        plan: &PhysicalPlan,
        partitions: u32,
        worker: usize,
    ) -> Result<SinkWriter> {
        Ok(match self {
            SinkSpec::Topic { source, table } => {
                let encoder = RowEncoder::new(source, &plan.schema, schemas)?;
                let (log, table) = (log.clone(), table.clone());
                let sink = TopicSink::new(log, source, encoder, partitions, worker, table)?;
                SinkWriter::Topic(Box::new(sink))
            }
            SinkSpec::Session { schema } => {
                // The bounds of its window are part of a row's key.
                let is_bound = |name: &str| plan.window.is_some() && [WINDOWSTART, WINDOWEND].contains(&name);
                let columns = plan.schema.fields().iter().enumerate();
                let bounds = columns.filter(|(_, field)| is_bound(field.name())).map(|(index, _)| index);
                let kept = plan.key.iter().copied().chain(bounds).collect();
                SinkWriter::Session(SessionSink::new(schema.clone(), kept))
            }
        })
    }
}

/// Where a worker of the last stage leaves its rows.
pub enum SinkWriter {
    /// A topic, and for a table its stored rows.
    Topic(Box<TopicSink>),
    /// A session.
    Session(SessionSink),
}

impl SinkWriter {
    /// Takes a round's rows.
    ///
    /// # Errors
    /// A record over the bounds of the log, or a bug.
    pub fn write(&mut self, batches: Vec<ChangeBatch>) -> Result<SinkOutput> {
        match self {
            SinkWriter::Topic(sink) => sink.write(&batches),
            SinkWriter::Session(sink) => sink.write(&batches),
        }
    }
}
