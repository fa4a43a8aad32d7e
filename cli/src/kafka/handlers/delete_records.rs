//! DeleteRecords: drops everything below an offset.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use tidemill_engine::topics::Topics;
use tidemill_engine::{Offset, TopicName};
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_storage;
use crate::kafka::partition::{target, topic};

/// Means: everything there is.
const TO_THE_END: i64 = -1;

/// Trims each partition.
pub(crate) async fn answer(client: &Client, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = client.server.topics.clone();
    let trimmed = blocking(move || {
        let answered = request.topics.into_iter().map(|wanted| {
            let name = topic(&wanted.name);
            let partitions = wanted.partitions.iter().map(|partition| {
                let response =
                    DeleteRecordsPartitionResult::default().with_partition_index(partition.partition_index);
                let outcome = name
                    .clone()
                    .and_then(|name| trim(&topics, &name, partition.partition_index, partition.offset));
                match outcome {
                    Ok(start) => response.with_low_watermark(start.0),
                    Err(error) => response.with_error_code(error.code()).with_low_watermark(-1),
                }
            });
            let partitions = partitions.collect();
            DeleteRecordsTopicResult::default().with_name(wanted.name).with_partitions(partitions)
        });
        Ok(answered.collect::<Vec<_>>())
    });
    match trimmed.await {
        Ok(topics) => DeleteRecordsResponse::default().with_topics(topics),
        Err(error) => {
            warn!(peer = %client.peer, %error, "records could not be deleted");
            DeleteRecordsResponse::default()
        }
    }
}

fn trim(topics: &Topics, name: &TopicName, partition: i32, offset: i64) -> Result<Offset, ResponseError> {
    let target = target(name, partition)?;
    let storage = |error: tidemill_engine::StorageError| of_storage(&error);
    let offsets = topics.offsets(&target).map_err(storage)?;
    let offset = if offset == TO_THE_END { offsets.high_watermark } else { Offset(offset) };
    if offset < Offset::ZERO || offset > offsets.high_watermark {
        return Err(ResponseError::OffsetOutOfRange);
    }
    if offset > offsets.log_start {
        topics.trim(&target, offset).map_err(storage)?;
    }
    Ok(topics.offsets(&target).map_err(storage)?.log_start)
}
