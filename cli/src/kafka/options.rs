//! Limits and settings of the Kafka door, each with its default and the reason for it.

use std::time::Duration;

/// Settings of the door.
#[derive(Clone, Debug)]
pub(crate) struct KafkaOptions {
    /// Identity of the cluster as clients see it.
    pub(crate) cluster_id: String,
    /// What one connection, and all of them, may use.
    pub(crate) connections: ConnectionLimits,
    /// What fetches may take.
    pub(crate) fetch: FetchLimits,
    /// Consumer groups.
    pub(crate) groups: GroupLimits,
}

impl KafkaOptions {
    /// The defaults for a cluster.
    pub(crate) fn new(cluster_id: impl Into<String>) -> KafkaOptions {
        KafkaOptions {
            cluster_id: cluster_id.into(),
            connections: ConnectionLimits::default(),
            fetch: FetchLimits::default(),
            groups: GroupLimits::default(),
        }
    }
}

/// What connections may use.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLimits {
    /// Open connections; more are closed as they come. Each costs a descriptor and some 10 KiB.
    pub(crate) connections_max: usize,
    /// Largest request. Kafka's `socket.request.max.bytes`.
    pub(crate) frame_bytes_max: usize,
    /// Bytes of all requests in work together.
    pub(crate) request_bytes_total_max: usize,
    /// Bytes of all requests together that are decoded and have not started yet. A few of the largest
    /// there are; those held up behind them wait for a moment.
    pub(crate) decoded_bytes_total_max: usize,
    /// Requests of one connection that were read and not yet answered. Beyond it the connection is
    /// not read, and the client's own flow control holds it back.
    pub(crate) in_flight_max: usize,
    /// Until the first request is there in full. A port scanner holds a connection no longer.
    pub(crate) handshake_timeout: Duration,
    /// Between requests. Kafka's `connections.max.idle.ms`.
    pub(crate) idle_timeout: Duration,
    /// Until a request is there in full, from its first byte, plus a second for each
    /// [`ConnectionLimits::frame_bytes_per_second_min`] received.
    pub(crate) frame_timeout: Duration,
    /// Slowest a client may send a request.
    pub(crate) frame_bytes_per_second_min: usize,
    /// Until the client has taken some more of an answer.
    pub(crate) write_timeout: Duration,
    /// How long a closing server waits for answers that are on their way.
    pub(crate) drain_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits {
            connections_max: 4096,
            frame_bytes_max: 100 * 1024 * 1024,
            request_bytes_total_max: 256 * 1024 * 1024,
            decoded_bytes_total_max: 64 * 1024 * 1024,
            in_flight_max: 64,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(600),
            frame_timeout: Duration::from_secs(30),
            frame_bytes_per_second_min: 64 * 1024,
            write_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// What fetches may take.
#[derive(Clone, Debug)]
pub(crate) struct FetchLimits {
    /// Records in one answer, whatever the client allows. Kafka's `fetch.max.bytes`.
    pub(crate) bytes_max: usize,
    /// Records of all answers on their way together.
    pub(crate) bytes_total_max: usize,
    /// Longest a fetch may wait for records, whatever the client asks for: a client that went away
    /// is noticed after this time at the latest.
    pub(crate) wait_max: Duration,
}

impl Default for FetchLimits {
    fn default() -> Self {
        FetchLimits {
            bytes_max: 55 * 1024 * 1024,
            bytes_total_max: 256 * 1024 * 1024,
            wait_max: Duration::from_secs(300),
        }
    }
}

/// What consumer groups may use.
#[derive(Clone, Debug)]
pub(crate) struct GroupLimits {
    /// Groups with members. A group without members costs no memory.
    pub(crate) groups_max: usize,
    /// Members of one group. Kafka's `group.max.size`.
    pub(crate) members_max: usize,
    /// Subscriptions and assignments of all members together.
    pub(crate) membership_bytes_max: usize,
    /// Shortest session timeout a member may ask for. Kafka's `group.min.session.timeout.ms`.
    pub(crate) session_timeout_min: Duration,
    /// Longest session timeout. Kafka's `group.max.session.timeout.ms`.
    pub(crate) session_timeout_max: Duration,
    /// How long the first rebalance of a group waits for more members. Kafka's
    /// `group.initial.rebalance.delay.ms` is 3 s for the sake of large deployments; here a group is
    /// mostly a handful of processes that would rather start at once.
    pub(crate) initial_rebalance_delay: Duration,
    /// Longest note a client may commit with an offset. Kafka's `offset.metadata.max.bytes`.
    pub(crate) offset_metadata_bytes_max: usize,
}

impl Default for GroupLimits {
    fn default() -> Self {
        GroupLimits {
            groups_max: 10_000,
            members_max: 1_000,
            membership_bytes_max: 64 * 1024 * 1024,
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(1800),
            initial_rebalance_delay: Duration::ZERO,
            offset_metadata_bytes_max: 4096,
        }
    }
}
