//! From a request to its handler and back to bytes: the one list of calls and who answers them.
//!
//! Nothing is decoded before [`super::shape`] has walked it. A handler takes the decoded request and
//! gives the answer, or a future of it where it has to wait; it knows no bytes.

use bytes::{BufMut, Bytes, BytesMut};
use futures::future::BoxFuture;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest};
use kafka_protocol::protocol::{Decodable, Encodable, Request as Call};

use super::connection::{Client, Encoded};
use super::handlers;
use super::request::{Refused, Request};
use super::shape::ELEMENT_BYTES;
use super::shape_table::shape_of;
use crate::budget::{Budget, Reservation};

/// What a request leads to.
pub(crate) enum Answer {
    /// Nothing is sent.
    None,
    /// The answer is there.
    Now(Encoded),
    /// The answer comes when what it waits for has come.
    Later(BoxFuture<'static, Result<Encoded, Refused>>),
}

/// Which request an answer belongs to.
pub(crate) struct Reply {
    /// The call.
    pub(crate) api: ApiKey,
    /// Its version.
    pub(crate) version: i16,
    /// The client's number for it.
    pub(crate) correlation_id: i32,
    /// What answers may take together.
    pub(crate) budget: Budget,
}

impl Reply {
    /// Puts an answer into bytes, once there is room for it.
    pub(crate) async fn encode<T: Encodable>(&self, body: &T) -> Result<Encoded, Refused> {
        let size = body.compute_size(self.version).map_err(|error| self.failed(&error))?;
        self.encode_into(body, self.budget.reserve(size).await)
    }

    /// Puts an answer into bytes for which there is room already.
    pub(crate) fn encode_into<T: Encodable>(&self, body: &T, room: Reservation) -> Result<Encoded, Refused> {
        let body_bytes = body.compute_size(self.version).map_err(|error| self.failed(&error))?;
        let mut bytes = self.header(body_bytes)?;
        body.encode(&mut bytes, self.version).map_err(|error| self.failed(&error))?;
        Ok(Encoded { bytes: bytes.freeze(), reservation: room })
    }

    /// Length and header of an answer, with room for the body behind them.
    pub(crate) fn header(&self, body_bytes: usize) -> Result<BytesMut, Refused> {
        let flexible = self.api.response_header_version(self.version) >= 1;
        let header_bytes = 4 + usize::from(flexible);
        let length = i32::try_from(header_bytes + body_bytes).map_err(|error| self.failed(&error))?;
        let mut bytes = BytesMut::with_capacity(4 + header_bytes + body_bytes);
        bytes.put_i32(length);
        bytes.put_i32(self.correlation_id);
        if flexible {
            bytes.put_u8(0);
        }
        Ok(bytes)
    }

    /// An answer that is there already.
    pub(crate) async fn now<T: Encodable>(&self, body: &T) -> Result<Answer, Refused> {
        Ok(Answer::Now(self.encode(body).await?))
    }

    /// An answer that is waited for.
    pub(crate) fn later<T, F>(self, waiting: F) -> Answer
    where
        T: Encodable + Send + Sync,
        F: Future<Output = T> + Send + 'static,
    {
        Answer::Later(Box::pin(async move { self.encode(&waiting.await).await }))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Refused {
        Refused::Answer(self.api, self.version, error.to_string())
    }
}

/// Starts a request. When it returns, the request has taken effect and the next one may start.
pub(crate) async fn start(client: &Client, request: Request, held: Reservation) -> Result<Answer, Refused> {
    let Request { api, version, correlation_id, client_id, body, supported } = request;
    let reply = Reply { api, version, correlation_id, budget: client.server.response_budget.clone() };
    if !supported {
        return match api {
            ApiKey::ApiVersions => handlers::api_versions::unsupported(reply).await,
            _ => Err(Refused::Version(api, version)),
        };
    }
    let shape = shape_of(api).ok_or(Refused::Api(api as i16))?;
    let walked = shape.walk(version, &body).map_err(|error| Refused::Shape(api, version, error))?;
    // What the decoded form takes is held until the request has started. It is counted apart from the
    // frames: a request holds its frame while it waits here, and whoever is ahead of it holds no less.
    let decoded = client.server.decoded_budget.reserve(walked.elements * ELEMENT_BYTES);
    let patience = client.server.options.connections.frame_timeout;
    let _decoded = tokio::time::timeout(patience, decoded).await.map_err(|_| Refused::Busy(api))?;
    let decoding = Decoding { api, version, body };
    match api {
        ApiKey::Produce if version < handlers::produce::VERSION_MIN => {
            handlers::produce::refuse_old_version(&reply, &decoding.body)
        }
        ApiKey::Produce => handlers::produce::start(client, reply, decoding.decode()?, held).await,
        ApiKey::Fetch => Ok(handlers::fetch::start(client, reply, decoding.decode()?)),
        ApiKey::JoinGroup => {
            let client_id = client_id.to_string();
            Ok(reply.later(handlers::join_group::start(client, decoding.decode()?, version, client_id)))
        }
        ApiKey::SyncGroup => Ok(reply.later(handlers::sync_group::start(client, decoding.decode()?))),
        _ => answer_now(client, reply, decoding).await,
    }
}

/// Answers the calls that wait for no one but the disk.
async fn answer_now(client: &Client, reply: Reply, decoding: Decoding) -> Result<Answer, Refused> {
    use handlers::*;
    let version = reply.version;
    match reply.api {
        ApiKey::ApiVersions => {
            decoding.decode::<ApiVersionsRequest>()?;
            reply.now(&api_versions::answer()).await
        }
        ApiKey::Metadata => reply.now(&metadata::answer(client, decoding.decode()?, version).await).await,
        ApiKey::ListOffsets => {
            reply.now(&list_offsets::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::OffsetForLeaderEpoch => {
            reply.now(&offset_for_leader_epoch::answer(client, decoding.decode()?)).await
        }
        ApiKey::InitProducerId => {
            reply.now(&init_producer_id::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::FindCoordinator => {
            reply.now(&find_coordinator::answer(client, decoding.decode()?, version)).await
        }
        ApiKey::Heartbeat => reply.now(&heartbeat::answer(client, &decoding.decode()?)).await,
        ApiKey::LeaveGroup => reply.now(&leave_group::answer(client, decoding.decode()?, version)).await,
        ApiKey::OffsetCommit => reply.now(&offset_commit::answer(client, decoding.decode()?).await).await,
        ApiKey::OffsetFetch => {
            reply.now(&offset_fetch::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::OffsetDelete => reply.now(&offset_delete::answer(client, decoding.decode()?).await).await,
        ApiKey::AddPartitionsToTxn => {
            reply.now(&add_partitions_to_txn::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::AddOffsetsToTxn => {
            reply.now(&add_offsets_to_txn::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::TxnOffsetCommit => {
            reply.now(&txn_offset_commit::answer(client, decoding.decode()?).await).await
        }
        ApiKey::EndTxn => reply.now(&end_txn::answer(client, decoding.decode()?, version).await).await,
        ApiKey::ListGroups => reply.now(&list_groups::answer(client, decoding.decode()?).await).await,
        ApiKey::DescribeGroups => {
            reply.now(&describe_groups::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::DeleteGroups => reply.now(&delete_groups::answer(client, decoding.decode()?).await).await,
        ApiKey::CreateTopics => {
            reply.now(&create_topics::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::DeleteTopics => {
            reply.now(&delete_topics::answer(client, decoding.decode()?, version).await).await
        }
        ApiKey::CreatePartitions => {
            reply.now(&create_partitions::answer(client, decoding.decode()?).await).await
        }
        ApiKey::DeleteRecords => reply.now(&delete_records::answer(client, decoding.decode()?).await).await,
        ApiKey::DescribeConfigs => {
            reply.now(&describe_configs::answer(client, decoding.decode()?, version)).await
        }
        ApiKey::AlterConfigs => reply.now(&alter_configs::answer(client, decoding.decode()?).await).await,
        ApiKey::IncrementalAlterConfigs => {
            reply.now(&incremental_alter_configs::answer(client, decoding.decode()?).await).await
        }
        ApiKey::DescribeCluster => {
            reply.now(&describe_cluster::answer(client, &decoding.decode()?, version)).await
        }
        api => Err(Refused::Api(api as i16)),
    }
}

/// A body that is in shape.
struct Decoding {
    api: ApiKey,
    version: i16,
    body: Bytes,
}

impl Decoding {
    fn decode<T: Call>(self) -> Result<T, Refused> {
        let Decoding { api, version, mut body } = self;
        assert_eq!(T::KEY, api as i16, "the handler belongs to the call");
        <T as Decodable>::decode(&mut body, version)
            .map_err(|error| Refused::Body(api, version, error.to_string()))
    }
}
