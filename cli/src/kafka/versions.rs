//! Which calls this door answers, in which versions: the one table that ApiVersions reports and
//! dispatch obeys.
//!
//! The ranges are Kafka 4.0's, without the versions that need its second transaction protocol
//! (Produce 12, EndTxn 5, …) or address topics by id alone where a client could not fall back
//! (OffsetCommit 10). Clients infer a broker's age from these maxima, so they move together.

use kafka_protocol::messages::ApiKey;
use kafka_protocol::messages::api_versions_response::ApiVersion;

/// A call and the versions of it that are answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Supported {
    /// The call.
    pub(crate) api: ApiKey,
    /// The oldest version.
    pub(crate) min: i16,
    /// The newest version.
    pub(crate) max: i16,
}

const fn supported(api: ApiKey, min: i16, max: i16) -> Supported {
    Supported { api, min, max }
}

/// Every call this door answers.
pub(crate) const SUPPORTED: &[Supported] = &[
    // Versions 0 to 2 are refused, see `handlers::produce`; they are named all the same, because
    // librdkafka before 2.11.1 takes their absence for a broker that knows no compression.
    supported(ApiKey::Produce, 0, 11),
    supported(ApiKey::Fetch, 4, 17),
    supported(ApiKey::ListOffsets, 1, 10),
    supported(ApiKey::Metadata, 0, 13),
    supported(ApiKey::OffsetCommit, 2, 9),
    supported(ApiKey::OffsetFetch, 1, 9),
    supported(ApiKey::FindCoordinator, 0, 5),
    supported(ApiKey::JoinGroup, 0, 9),
    supported(ApiKey::Heartbeat, 0, 4),
    supported(ApiKey::LeaveGroup, 0, 5),
    supported(ApiKey::SyncGroup, 0, 5),
    supported(ApiKey::DescribeGroups, 0, 6),
    supported(ApiKey::ListGroups, 0, 5),
    supported(ApiKey::ApiVersions, 0, 4),
    supported(ApiKey::CreateTopics, 2, 7),
    supported(ApiKey::DeleteTopics, 1, 6),
    supported(ApiKey::DeleteRecords, 0, 2),
    supported(ApiKey::InitProducerId, 0, 5),
    supported(ApiKey::OffsetForLeaderEpoch, 2, 4),
    supported(ApiKey::AddPartitionsToTxn, 0, 3),
    supported(ApiKey::AddOffsetsToTxn, 0, 4),
    supported(ApiKey::EndTxn, 0, 4),
    supported(ApiKey::TxnOffsetCommit, 0, 4),
    supported(ApiKey::DescribeConfigs, 1, 4),
    supported(ApiKey::AlterConfigs, 0, 2),
    supported(ApiKey::CreatePartitions, 0, 3),
    supported(ApiKey::DeleteGroups, 0, 2),
    supported(ApiKey::IncrementalAlterConfigs, 0, 1),
    supported(ApiKey::OffsetDelete, 0, 0),
    supported(ApiKey::DescribeCluster, 0, 2),
];

/// What is known about a call, by its number on the wire.
pub(crate) fn lookup(api_key: i16) -> Option<Supported> {
    SUPPORTED.iter().copied().find(|supported| supported.api as i16 == api_key)
}

impl Supported {
    /// Whether a version is in range.
    pub(crate) fn contains(&self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

/// The table as ApiVersions reports it.
pub(crate) fn advertised() -> Vec<ApiVersion> {
    SUPPORTED
        .iter()
        .map(|supported| {
            ApiVersion::default()
                .with_api_key(supported.api as i16)
                .with_min_version(supported.min)
                .with_max_version(supported.max)
        })
        .collect()
}
