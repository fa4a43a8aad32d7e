//! Fetch: whole batches as they were produced, waiting for new ones where there are none.
//!
//! Every answer stands for itself: no fetch session is ever opened (session id 0 says so), which all
//! clients accept. What was read while waiting for `min_bytes` is kept, and only what is new is read
//! then. Each partition is read up to its own limit and what is left of the request's; the first one
//! with records gives at least one batch, however large, so that a reader always gets on.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::select_all;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse, TopicName as WireTopicName};
use tidemill_engine::log::{Isolation, PartitionOffsets, Slice, Watermark};
use tidemill_engine::topics::Topics;
use tidemill_engine::{Offset, TopicName, TopicPartition};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::budget::Reservation;
use crate::kafka::blocking::blocking;
use crate::kafka::connection::{Client, Encoded};
use crate::kafka::dispatch::{Answer, Reply};
use crate::kafka::error_code::{NONE, of_storage};
use crate::kafka::partition::{check_leader_epoch, target, topic};
use crate::kafka::request::Refused;

/// How long a fetch waits for the memory its answer needs before it answers with what it has.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);

/// Session epoch of a request that belongs to no session.
const NO_SESSION_EPOCH: i32 = -1;

/// Session epoch of a request that would open a session.
const NEW_SESSION_EPOCH: i32 = 0;

/// Begins a fetch; it reads when the answers before it are out.
pub(crate) fn start(client: &Client, reply: Reply, request: FetchRequest) -> Answer {
    let client = client.clone();
    Answer::Later(Box::pin(async move { answer(&client, &reply, request).await }))
}

async fn answer(client: &Client, reply: &Reply, request: FetchRequest) -> Result<Encoded, Refused> {
    let in_session =
        request.session_id != 0 && !matches!(request.session_epoch, NO_SESSION_EPOCH | NEW_SESSION_EPOCH);
    if in_session {
        let code = ResponseError::FetchSessionIdNotFound.code();
        return reply.encode(&FetchResponse::default().with_error_code(code)).await;
    }
    let limits = &client.server.options.fetch;
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(limits.wait_max);
    let deadline = Instant::now() + wait;
    let bytes_min = usize::try_from(request.min_bytes).unwrap_or(0);
    let bytes_max = usize::try_from(request.max_bytes).unwrap_or(0).min(limits.bytes_max);
    let isolation =
        if request.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let by_id = reply.version >= 13;
    let mut fetch = Fetch::new(client, request, by_id, isolation, bytes_max);
    fetch.read(client).await;
    if fetch.bytes() < bytes_min && !fetch.failed() && !wait.is_zero() {
        fetch.wait(client, bytes_min, deadline).await;
    }
    let (response, room) = fetch.into_response();
    reply.encode_into(&response, room)
}

/// A fetch on its way.
struct Fetch {
    topics: Vec<TopicFetch>,
    isolation: Isolation,
    bytes_max: usize,
    room: Reservation,
}

struct TopicFetch {
    name: WireTopicName,
    id: uuid::Uuid,
    partitions: Vec<PartitionFetch>,
}

/// One partition of a fetch.
struct PartitionFetch {
    index: i32,
    /// Where to read, unless it failed.
    target: Result<TopicPartition, ResponseError>,
    /// Offset to read next.
    next: Offset,
    bytes_max: usize,
    batches: Vec<Bytes>,
    bytes: usize,
    offsets: Option<PartitionOffsets>,
    aborted: Vec<AbortedTransaction>,
}

impl Fetch {
    fn new(
        client: &Client,
        request: FetchRequest,
        by_id: bool,
        isolation: Isolation,
        bytes_max: usize,
    ) -> Fetch {
        let topics = request.topics.into_iter().map(|wanted| {
            let name: Result<TopicName, ResponseError> = if by_id {
                client.server.topic_ids.name(wanted.topic_id).ok_or(ResponseError::UnknownTopicId)
            } else {
                topic(&wanted.topic)
            };
            let partitions = wanted.partitions.iter().map(|partition| PartitionFetch::new(&name, partition));
            TopicFetch { partitions: partitions.collect(), name: wanted.topic, id: wanted.topic_id }
        });
        Fetch { topics: topics.collect(), isolation, bytes_max, room: Reservation::default() }
    }

    fn bytes(&self) -> usize {
        self.partitions().map(|partition| partition.bytes).sum()
    }

    fn failed(&self) -> bool {
        self.partitions().any(|partition| partition.target.is_err())
    }

    fn partitions(&self) -> impl Iterator<Item = &PartitionFetch> {
        self.topics.iter().flat_map(|topic| &topic.partitions)
    }

    fn partitions_mut(&mut self) -> impl Iterator<Item = &mut PartitionFetch> {
        self.topics.iter_mut().flat_map(|topic| &mut topic.partitions)
    }

    /// Reads what is there and was not read yet.
    async fn read(&mut self, client: &Client) {
        let server = &client.server;
        let isolation = self.isolation;
        let mut behind = 0;
        for partition in self.partitions_mut() {
            behind += usize::from(partition.has_more(&server.topics, isolation));
        }
        let left = self.bytes_max.saturating_sub(self.bytes());
        if behind == 0 || (left == 0 && self.bytes() > 0) {
            return;
        }
        let wanted: usize = self.partitions().map(|partition| partition.bytes_left()).sum();
        let reserving = server.response_budget.reserve(wanted.min(left));
        let Ok(room) = tokio::time::timeout(ROOM_PATIENCE, reserving).await else {
            warn!(peer = %client.peer, "a fetch found no memory for its answer");
            return;
        };
        self.room.merge(room);
        // The disk may have to be waited for: the partitions go to where that is allowed, and back.
        let topics = server.topics.clone();
        let mut moved = Fetch {
            topics: std::mem::take(&mut self.topics),
            isolation,
            bytes_max: self.bytes_max,
            room: std::mem::take(&mut self.room),
        };
        let read = blocking(move || {
            moved.read_partitions(&topics);
            Ok(moved)
        });
        match read.await {
            Ok(fetched) => *self = fetched,
            Err(error) => warn!(peer = %client.peer, %error, "a fetch was lost"),
        }
        let bytes = self.bytes();
        self.room.shrink(bytes);
    }

    fn read_partitions(&mut self, topics: &Topics) {
        let isolation = self.isolation;
        let mut total = self.bytes();
        let bytes_max = self.bytes_max;
        for partition in self.partitions_mut() {
            let left = bytes_max.saturating_sub(total);
            if left == 0 && total > 0 {
                break;
            }
            total += partition.read(topics, isolation, left, total == 0);
        }
    }

    /// Waits until there are enough bytes, something failed, the time is up, or the server stops.
    async fn wait(&mut self, client: &Client, bytes_min: usize, deadline: Instant) {
        let topics = &client.server.topics;
        let mut watchers: Vec<watch::Receiver<Watermark>> = Vec::new();
        for partition in self.partitions_mut() {
            let Ok(target) = &partition.target else { continue };
            match topics.watch(target) {
                Ok(mut watcher) => {
                    watcher.mark_unchanged();
                    watchers.push(watcher);
                }
                Err(error) => partition.target = Err(of_storage(&error)),
            }
        }
        // What came before the watch began is found by reading once more.
        loop {
            self.read(client).await;
            let enough = self.bytes() >= bytes_min || self.bytes() >= self.bytes_max;
            if enough || self.failed() || watchers.is_empty() {
                return;
            }
            let changed = select_all(watchers.iter_mut().map(|watcher| Box::pin(watcher.changed())));
            tokio::select! {
                outcome = timeout_at(deadline, changed) => {
                    if outcome.is_err() {
                        return;
                    }
                }
                () = client.server.closing.cancelled() => return,
            }
            // A log that is gone announces nothing any more; reading it says why.
            watchers.retain(|watcher| watcher.has_changed().is_ok());
            watchers.iter_mut().for_each(watch::Receiver::mark_unchanged);
        }
    }

    fn into_response(self) -> (FetchResponse, Reservation) {
        let committed = self.isolation == Isolation::ReadCommitted;
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.into_iter().map(|partition| partition.into_response(committed));
            FetchableTopicResponse::default()
                .with_topic(topic.name)
                .with_topic_id(topic.id)
                .with_partitions(partitions.collect())
        });
        (FetchResponse::default().with_responses(topics.collect()), self.room)
    }
}

impl PartitionFetch {
    fn new(name: &Result<TopicName, ResponseError>, wanted: &FetchPartition) -> PartitionFetch {
        let found = name.clone().and_then(|name| {
            check_leader_epoch(wanted.current_leader_epoch)?;
            target(&name, wanted.partition)
        });
        PartitionFetch {
            index: wanted.partition,
            target: found,
            next: Offset(wanted.fetch_offset),
            bytes_max: usize::try_from(wanted.partition_max_bytes).unwrap_or(0),
            batches: Vec::new(),
            bytes: 0,
            offsets: None,
            aborted: Vec::new(),
        }
    }

    fn bytes_left(&self) -> usize {
        if self.target.is_ok() { self.bytes_max.saturating_sub(self.bytes) } else { 0 }
    }

    /// Looks at the partition's offsets: is there anything to read?
    fn has_more(&mut self, topics: &Topics, isolation: Isolation) -> bool {
        let Ok(target) = &self.target else { return false };
        match topics.offsets(target) {
            Ok(offsets) => {
                let visible = match isolation {
                    Isolation::ReadUncommitted => offsets.high_watermark,
                    Isolation::ReadCommitted => offsets.last_stable,
                };
                self.offsets = Some(offsets);
                // An offset outside the partition is for the log to refuse.
                self.next != visible && (self.bytes == 0 || self.bytes_left() > 0)
            }
            Err(error) => {
                self.target = Err(of_storage(&error));
                false
            }
        }
    }

    /// Reads on, up to `bytes_max`; gives the number of bytes read.
    fn read(&mut self, topics: &Topics, isolation: Isolation, bytes_max: usize, first: bool) -> usize {
        let Ok(target) = &self.target else { return 0 };
        let limit = bytes_max.min(self.bytes_max.saturating_sub(self.bytes));
        if limit == 0 && !first {
            return 0;
        }
        match topics.read(target, self.next, limit, isolation) {
            Ok(slice) => self.take(slice, limit, first),
            Err(error) => {
                if self.bytes == 0 {
                    self.target = Err(of_storage(&error));
                }
                0
            }
        }
    }

    fn take(&mut self, slice: Slice, limit: usize, first: bool) -> usize {
        self.offsets = Some(slice.offsets);
        let bytes = slice.batches.len();
        // The log gives at least one batch; only the first partition may go over the limit by it.
        if bytes == 0 || (bytes > limit && !first) {
            return 0;
        }
        let Some(next) = offset_behind(&slice.batches) else { return 0 };
        self.next = next;
        for aborted in slice.aborted {
            let aborted = AbortedTransaction::default()
                .with_producer_id(aborted.producer_id.0.into())
                .with_first_offset(aborted.first_offset.0);
            if !self.aborted.contains(&aborted) {
                self.aborted.push(aborted);
            }
        }
        self.batches.push(slice.batches);
        self.bytes += bytes;
        bytes
    }

    fn into_response(self, committed: bool) -> PartitionData {
        let response =
            PartitionData::default().with_partition_index(self.index).with_records(Some(Bytes::new()));
        match (&self.target, self.offsets) {
            (Ok(_), Some(offsets)) => response
                .with_error_code(NONE)
                .with_high_watermark(offsets.high_watermark.0)
                .with_last_stable_offset(offsets.last_stable.0)
                .with_log_start_offset(offsets.log_start.0)
                .with_aborted_transactions(committed.then_some(self.aborted))
                .with_records(Some(joined(self.batches))),
            (Ok(_), None) => failed(response, ResponseError::UnknownServerError),
            (Err(error), _) => failed(response, *error),
        }
    }
}

fn failed(response: PartitionData, error: ResponseError) -> PartitionData {
    response
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
}

/// The offset behind the last of some whole batches: the base offset and, at its place in the header,
/// the distance of the last record from it.
fn offset_behind(mut batches: &[u8]) -> Option<Offset> {
    const LENGTH_AT: usize = 8;
    const HEADER_BYTES: usize = 12;
    const LAST_DELTA_AT: usize = 23;
    let mut next = None;
    while !batches.is_empty() {
        let base = i64::from_be_bytes(*batches.first_chunk()?);
        let length = i32::from_be_bytes(*batches.get(LENGTH_AT..)?.first_chunk()?);
        let delta = i32::from_be_bytes(*batches.get(LAST_DELTA_AT..)?.first_chunk()?);
        next = Some(Offset(base).plus(i64::from(delta) + 1));
        batches = batches.get(HEADER_BYTES + usize::try_from(length).ok()?..)?;
    }
    next
}

fn joined(mut batches: Vec<Bytes>) -> Bytes {
    match batches.len() {
        0 | 1 => batches.pop().unwrap_or_default(),
        _ => {
            let mut all = BytesMut::with_capacity(batches.iter().map(Bytes::len).sum());
            batches.iter().for_each(|slice| all.extend_from_slice(slice));
            all.freeze()
        }
    }
}
