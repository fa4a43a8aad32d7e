//! ListOffsets: first, last, and by time, exactly (not the batch's time, the record's).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use tidemill_engine::log::Isolation;
use tidemill_engine::topics::Topics;
use tidemill_engine::{Offset, StorageError, TopicName, TopicPartition};
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_storage;
use crate::kafka::partition::{LEADER_EPOCH, check_leader_epoch, target, topic};

/// The end, as far as the reader may see.
const LATEST: i64 = -1;
/// The first record that is still there.
const EARLIEST: i64 = -2;
/// The record with the largest timestamp.
const MAX_TIMESTAMP: i64 = -3;
/// The first record on local disk: all of it is.
const EARLIEST_LOCAL: i64 = -4;
/// The last record in remote storage: there is none.
const LATEST_TIERED: i64 = -5;

/// What the protocol says where there is no such record.
const NOT_FOUND: (i64, i64) = (-1, -1);

/// First version whose answer has a leader epoch.
const LEADER_EPOCH_SINCE: i16 = 4;

/// Answers each partition.
pub(crate) async fn answer(
    client: &Client,
    request: ListOffsetsRequest,
    version: i16,
) -> ListOffsetsResponse {
    let topics = client.server.topics.clone();
    let committed = request.isolation_level == 1;
    let isolation = if committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    // A search by time reads batches, perhaps cold ones.
    let by_time = request
        .topics
        .iter()
        .flat_map(|t| &t.partitions)
        .any(|p| p.timestamp >= 0 || p.timestamp == MAX_TIMESTAMP);
    if !by_time {
        return list(&topics, request, isolation, version);
    }
    let peer = client.peer;
    match blocking(move || Ok(list(&topics, request, isolation, version))).await {
        Ok(response) => response,
        Err(error) => {
            warn!(%peer, %error, "a search for offsets was lost");
            ListOffsetsResponse::default()
        }
    }
}

fn list(
    topics: &Topics,
    request: ListOffsetsRequest,
    isolation: Isolation,
    version: i16,
) -> ListOffsetsResponse {
    let answered = request.topics.into_iter().map(|wanted| {
        let name = topic(&wanted.name);
        let partitions = wanted.partitions.iter().map(|partition| {
            let response =
                ListOffsetsPartitionResponse::default().with_partition_index(partition.partition_index);
            match name.clone().and_then(|name| find(topics, &name, partition, isolation)) {
                Ok((offset, timestamp)) => {
                    let response = response.with_offset(offset).with_timestamp(timestamp);
                    // Older answers have no room for the epoch, and the codec refuses it there.
                    let with_epoch = offset >= 0 && version >= LEADER_EPOCH_SINCE;
                    if with_epoch { response.with_leader_epoch(LEADER_EPOCH) } else { response }
                }
                Err(error) => response.with_error_code(error.code()).with_offset(-1).with_timestamp(-1),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default().with_name(wanted.name).with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(answered.collect())
}

/// Offset and timestamp.
fn find(
    topics: &Topics,
    name: &TopicName,
    wanted: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<(i64, i64), ResponseError> {
    check_leader_epoch(wanted.current_leader_epoch)?;
    let target = target(name, wanted.partition_index)?;
    let found = match wanted.timestamp {
        LATEST => end(topics, &target, isolation).map(|end| (end.0, -1)),
        EARLIEST | EARLIEST_LOCAL => topics.offsets(&target).map(|offsets| (offsets.log_start.0, -1)),
        LATEST_TIERED => topics.offsets(&target).map(|_| NOT_FOUND),
        MAX_TIMESTAMP => stable(topics, &target, isolation, topics.offset_of_max_timestamp(&target)),
        timestamp_ms if timestamp_ms >= 0 => {
            stable(topics, &target, isolation, topics.offset_for_timestamp(&target, timestamp_ms))
        }
        _ => return Err(ResponseError::InvalidRequest),
    };
    found.map_err(|error| of_storage(&error))
}

fn end(topics: &Topics, target: &TopicPartition, isolation: Isolation) -> Result<Offset, StorageError> {
    let offsets = topics.offsets(target)?;
    Ok(match isolation {
        Isolation::ReadUncommitted => offsets.high_watermark,
        Isolation::ReadCommitted => offsets.last_stable,
    })
}

/// A record behind the end that the reader may see is not there for it.
fn stable(
    topics: &Topics,
    target: &TopicPartition,
    isolation: Isolation,
    found: Result<Option<(Offset, i64)>, StorageError>,
) -> Result<(i64, i64), StorageError> {
    match found? {
        Some((offset, timestamp_ms)) if offset < end(topics, target, isolation)? => {
            Ok((offset.0, timestamp_ms))
        }
        _ => Ok(NOT_FOUND),
    }
}
