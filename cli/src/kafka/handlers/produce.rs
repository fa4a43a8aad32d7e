//! Produce: batches are appended as they came; the answer waits until they are on disk.
//!
//! `acks=1` and `acks=all` mean the same on one machine: durable. `acks=0` takes no answer, so an error
//! closes the connection, as in Kafka.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::future::join_all;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName as WireTopicName};
use kafka_protocol::protocol::{Decodable, StrBytes};
use tidemill_engine::log::Appended;
use tidemill_engine::topics::Topics;
use tidemill_engine::{Error, StorageError, TopicName};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use crate::budget::Reservation;
use crate::kafka::blocking::blocking;
use crate::kafka::connection::{Client, Encoded};
use crate::kafka::dispatch::{Answer, Reply};
use crate::kafka::error_code::of_storage;
use crate::kafka::partition::{target, topic};
use crate::kafka::request::Refused;

/// The oldest version that carries record batches of today's format. Older ones are advertised (see
/// `versions`) and refused.
pub(crate) const VERSION_MIN: i16 = 3;

/// Bytes of records that are checked and appended on the spot. More, and whatever is compressed, part of a
/// transaction or has to wait for an epoch of a query, could keep other connections waiting and goes to a
/// thread that may take its time.
const ON_THE_SPOT_BYTES: usize = 64 * 1024;

/// Appends everything, then waits for the disk.
pub(crate) async fn start(
    client: &Client,
    reply: Reply,
    request: ProduceRequest,
    held: Reservation,
) -> Result<Answer, Refused> {
    let deadline = Instant::now() + Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let acks = request.acks;
    let append = Append {
        topics: client.server.topics.clone(),
        peer: client.peer,
        acks,
        transactional_id: request.transactional_id.map(|id| id.to_string()),
    };
    let appended = if append.takes_long(&request.topic_data) {
        let ended_early = |error: Error| Refused::Answer(reply.api, reply.version, error.to_string());
        blocking(move || Ok(append.all(request.topic_data))).await.map_err(ended_early)?
    } else {
        append.all(request.topic_data)
    };
    if acks == 0 {
        return unanswered(appended.into_iter().flat_map(|topic| topic.partitions));
    }
    let version = reply.version;
    Ok(reply.later(async move {
        let mut responses = Vec::with_capacity(appended.len());
        for TopicAppended { name, partitions } in appended {
            let waiting =
                partitions.into_iter().map(|(index, outcome)| settle(index, outcome, deadline, version));
            let partitions = join_all(waiting).await;
            let response = TopicProduceResponse::default().with_name(name);
            responses.push(response.with_partition_responses(partitions));
        }
        // Only now may the next requests take the room that these batches took.
        drop(held);
        ProduceResponse::default().with_responses(responses)
    }))
}

/// Looks at the codec in the low bits of the batch's attributes; what is no batch counts as plain.
fn is_compressed(batch: &[u8]) -> bool {
    const ATTRIBUTES_LOW_AT: usize = 22;
    const CODEC_BITS: u8 = 0b111;
    batch.get(ATTRIBUTES_LOW_AT).is_some_and(|attributes| attributes & CODEC_BITS != 0)
}

/// What a topic's partitions came to.
struct TopicAppended {
    name: WireTopicName,
    partitions: Vec<(i32, Result<Appended, Failure>)>,
}

/// Appends the batches of one request.
struct Append {
    topics: Topics,
    peer: SocketAddr,
    acks: i16,
    transactional_id: Option<String>,
}

impl Append {
    fn takes_long(&self, data: &[TopicProduceData]) -> bool {
        let batches =
            || data.iter().flat_map(|topic| &topic.partition_data).filter_map(|p| p.records.as_ref());
        let mut targets = data.iter().flat_map(|topic_data| {
            let name = topic(&topic_data.name).ok();
            let indexes = topic_data.partition_data.iter().map(|partition| partition.index);
            indexes.filter_map(move |index| target(name.as_ref()?, index).ok())
        });
        self.transactional_id.is_some()
            || batches().map(Bytes::len).sum::<usize>() > ON_THE_SPOT_BYTES
            || batches().any(|batch| is_compressed(batch))
            || targets.any(|target| self.topics.append_waits(&target))
    }

    fn all(&self, data: Vec<TopicProduceData>) -> Vec<TopicAppended> {
        let appended = data.into_iter().map(|topic_data| {
            let name = topic(&topic_data.name);
            let partitions = topic_data.partition_data.into_iter().map(|partition| {
                let index = partition.index;
                let outcome = match &name {
                    Ok(_) if !(-1..=1).contains(&self.acks) => {
                        Err(Failure::of(ResponseError::InvalidRequiredAcks))
                    }
                    Ok(name) => self.one(name, partition),
                    Err(error) => Err(Failure::of(*error)),
                };
                (index, outcome)
            });
            TopicAppended { partitions: partitions.collect(), name: topic_data.name }
        });
        appended.collect()
    }

    fn one(&self, name: &TopicName, data: PartitionProduceData) -> Result<Appended, Failure> {
        let target = target(name, data.index).map_err(Failure::of)?;
        let Some(batch) = data.records.filter(|records| !records.is_empty()) else {
            let message = Some("a record batch is missing".to_owned());
            return Err(Failure { error: ResponseError::InvalidRecord, message });
        };
        self.topics.append(&target, batch, self.transactional_id.as_deref()).map_err(|error| {
            debug!(peer = %self.peer, %target, %error, "a produced batch was refused");
            Failure::from(error)
        })
    }
}

/// Why a partition's batch was not appended.
struct Failure {
    error: ResponseError,
    message: Option<String>,
}

impl Failure {
    fn of(error: ResponseError) -> Failure {
        Failure { error, message: None }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Failure {
        Failure { error: of_storage(&error), message: Some(error.to_string()) }
    }
}

/// Waits for one partition's batch to be durable.
async fn settle(
    index: i32,
    appended: Result<Appended, Failure>,
    deadline: Instant,
    version: i16,
) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(index);
    let failure = match appended {
        Ok(appended) => {
            let (base_offset, log_start) = (appended.base_offset, appended.log_start);
            match timeout_at(deadline, appended.durable()).await {
                Ok(Ok(())) => {
                    return response.with_base_offset(base_offset.0).with_log_start_offset(log_start.0);
                }
                Ok(Err(error)) => Failure::from(error),
                Err(_) => Failure::of(ResponseError::RequestTimedOut),
            }
        }
        Err(failure) => failure,
    };
    let response = response.with_error_code(failure.error.code()).with_base_offset(-1);
    // Older answers have no place for the text.
    if version >= 8 {
        response.with_error_message(failure.message.map(StrBytes::from_string))
    } else {
        response
    }
}

fn unanswered(outcomes: impl Iterator<Item = (i32, Result<Appended, Failure>)>) -> Result<Answer, Refused> {
    for (partition, outcome) in outcomes {
        if let Err(Failure { error, message }) = outcome {
            let message = message.unwrap_or_else(|| error.to_string());
            return Err(Refused::Unanswered(format!("produce to partition {partition}: {message}")));
        }
    }
    Ok(Answer::None)
}

/// Tells a client of Produce 0 to 2 that it is too old. The codec knows neither form: the request is
/// read as version 3, which has one field more at the start, and the answer is version 3's with fewer
/// fields at the ends.
pub(crate) fn refuse_old_version(reply: &Reply, body: &Bytes) -> Result<Answer, Refused> {
    let malformed =
        |error: &dyn std::fmt::Display| Refused::Body(reply.api, reply.version, error.to_string());
    let mut as_version_3 = BytesMut::with_capacity(2 + body.len());
    as_version_3.put_i16(-1);
    as_version_3.put_slice(body);
    let mut as_version_3 = as_version_3.freeze();
    let request =
        ProduceRequest::decode(&mut as_version_3, VERSION_MIN).map_err(|error| malformed(&error))?;
    warn!(version = reply.version, "a client sent records in a format from before Kafka 0.11");
    if request.acks == 0 {
        return Err(Refused::Version(reply.api, reply.version));
    }
    let mut answer = BytesMut::new();
    answer.put_i32(i32::try_from(request.topic_data.len()).map_err(|error| malformed(&error))?);
    for topic in &request.topic_data {
        answer.put_i16(i16::try_from(topic.name.len()).map_err(|error| malformed(&error))?);
        answer.put_slice(topic.name.as_bytes());
        answer.put_i32(i32::try_from(topic.partition_data.len()).map_err(|error| malformed(&error))?);
        for partition in &topic.partition_data {
            answer.put_i32(partition.index);
            answer.put_i16(ResponseError::UnsupportedVersion.code());
            answer.put_i64(-1);
            if reply.version >= 2 {
                answer.put_i64(-1);
            }
        }
    }
    if reply.version >= 1 {
        answer.put_i32(0);
    }
    let mut bytes = reply.header(answer.remaining())?;
    bytes.put(answer);
    Ok(Answer::Now(Encoded { bytes: bytes.freeze(), reservation: Reservation::default() }))
}
