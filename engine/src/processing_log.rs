//! Records that could not be decoded or evaluated, and rows that came too late: a stream of their own
//! that can be queried like any other.
//!
//! Reports are best effort and bounded: the counts in the ledgers are exact, the reports tell why. They
//! come when the epoch that they belong to is committed, so that what a crash undid is not told twice. A
//! flood of bad records must not slow the good ones, so reports beyond what the writer can take are
//! counted as lost and not waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::DataType;
use tidemill_sql::lookup::{ColumnRole, FormatSpec, Source, SourceColumn, SourceKind};
use tidemill_storage::log::{Log, Origin, TopicSettings};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::{ErrorKind as StorageErrorKind, PartitionId, TopicName, TopicPartition};
use tokio::sync::mpsc;

use crate::error::Result;
use crate::operators::{Dropped, Report};
use crate::wall_clock;

/// The topic behind the stream.
pub const TOPIC: &str = "tidemill_processing_log";

/// Stored name of the stream.
pub const STREAM: &str = "PROCESSING_LOG";

/// Bytes of reports that are kept: enough for about a million, however fast they come.
const RETENTION_BYTES: u64 = 256 << 20;

/// Batches of reports that wait for the writer.
const QUEUE_MAX: usize = 64;

/// Reports written as one record batch.
const BATCH_REPORTS_MAX: usize = 1_000;

/// Characters of a reason that are kept.
const REASON_CHARS_MAX: usize = 2_000;

/// Takes reports. Cheap to clone.
#[derive(Clone)]
pub struct ProcessingLog {
    sender: mpsc::Sender<(String, Vec<Report>)>,
    lost: Arc<AtomicU64>,
}

impl ProcessingLog {
    /// Starts the writer on a runtime. Makes the topic if it is not there.
    ///
    /// # Errors
    /// Those of making the topic.
    pub fn start(log: Arc<dyn Log>, runtime: &tokio::runtime::Handle) -> Result<ProcessingLog> {
        let topic = TopicName::new(TOPIC)?;
        let settings = TopicSettings {
            partitions: 1,
            retention_bytes: Some(RETENTION_BYTES),
            ..TopicSettings::default()
        };
        match log.create_topic(&topic, settings) {
            Ok(_) => {}
            Err(error) if error.kind() == StorageErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        let (sender, mut receiver) = mpsc::channel::<(String, Vec<Report>)>(QUEUE_MAX);
        let target = TopicPartition::new(topic, PartitionId(0));
        runtime.spawn(async move {
            while let Some((query, reports)) = receiver.recv().await {
                let (log, target) = (log.clone(), target.clone());
                let written = tokio::task::spawn_blocking(move || {
                    for some in reports.chunks(BATCH_REPORTS_MAX) {
                        if let Err(error) = write(log.as_ref(), &target, &query, some) {
                            tracing::warn!(%query, %error, "reports for the processing log were lost");
                        }
                    }
                });
                if let Err(error) = written.await {
                    tracing::error!(%error, "writing to the processing log panicked");
                }
            }
        });
        Ok(ProcessingLog { sender, lost: Arc::default() })
    }

    /// Takes a query's reports, if there is room.
    pub fn report_rows(&self, query: &str, reports: Vec<Report>) {
        let count = reports.len();
        if count > 0 && self.sender.try_send((query.to_owned(), reports)).is_err() {
            self.count_lost(count);
        }
    }

    /// Counts reports that found no room before they came here.
    pub fn count_lost(&self, reports: usize) {
        self.lost.fetch_add(reports as u64, Ordering::Relaxed);
    }

    /// Reports that found no room.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

fn write(log: &dyn Log, target: &TopicPartition, query: &str, reports: &[Report]) -> Result<()> {
    let now_ms = wall_clock::now_ms();
    let mut builder = BatchBuilder::new(Codec::None);
    for report in reports {
        let kind = match report.dropped {
            Dropped::Late => "late",
            Dropped::Rejected => "rejected",
        };
        let reason: String = report.reason.chars().take(REASON_CHARS_MAX).collect();
        let value = serde_json::json!({
            "QUERY": query,
            "KIND": kind,
            "EVENT_TIME": report.time_ms,
            "TOPIC": report.origin.as_ref().map(|(target, _)| target.topic.as_str()),
            "RECORD_PARTITION": report.origin.as_ref().map(|(target, _)| target.partition.0),
            "RECORD_OFFSET": report.origin.as_ref().map(|(_, offset)| offset.0),
            "REASON": reason,
        });
        builder.append(now_ms, None, Some(value.to_string().as_bytes()), &[])?;
    }
    log.append(target, builder.build()?, Origin::Server)?;
    Ok(())
}

/// The stream over the topic.
#[must_use]
pub fn source() -> Source {
    let value = |name: &str, data_type: DataType| SourceColumn::new(name, data_type, ColumnRole::Value);
    Source {
        name: STREAM.to_owned(),
        kind: SourceKind::Stream,
        columns: vec![
            value("QUERY", DataType::Utf8),
            value("KIND", DataType::Utf8),
            value("EVENT_TIME", DataType::Int64),
            value("TOPIC", DataType::Utf8),
            value("RECORD_PARTITION", DataType::Int32),
            value("RECORD_OFFSET", DataType::Int64),
            value("REASON", DataType::Utf8),
        ],
        topic: TOPIC.to_owned(),
        partitions: 1,
        key_format: FormatSpec::named("NONE"),
        value_format: FormatSpec::named("JSON"),
        window: None,
        timestamp: None,
        read_only: true,
    }
}
