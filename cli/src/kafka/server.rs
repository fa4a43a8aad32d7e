//! What all connections share.

use tidemill_engine::topics::Topics;
use tokio_util::sync::CancellationToken;

use super::groups::Groups;
use super::options::KafkaOptions;
use super::topic_ids::TopicIds;
use crate::budget::Budget;

/// The number this server has as a broker. There is one, and it leads and coordinates everything.
pub(crate) const NODE_ID: i32 = 1;

/// The door's state behind every connection.
pub(crate) struct Server {
    /// Settings and limits.
    pub(crate) options: KafkaOptions,
    /// The engine's topics.
    pub(crate) topics: Topics,
    /// Names of topics that clients address by id.
    pub(crate) topic_ids: TopicIds,
    /// Members of consumer groups.
    pub(crate) groups: Groups,
    /// Bytes of requests in work, as they came.
    pub(crate) request_budget: Budget,
    /// Bytes of requests in work, as they are decoded. Reserved while a share of the request budget is
    /// held, and before one of the response budget is: in this order nobody waits in a circle.
    pub(crate) decoded_budget: Budget,
    /// Bytes of answers on their way.
    pub(crate) response_budget: Budget,
    /// Set when the server stops.
    pub(crate) closing: CancellationToken,
}

impl Server {
    /// A server over the engine's topics.
    pub(crate) fn new(topics: Topics, options: KafkaOptions, closing: CancellationToken) -> Server {
        Server {
            topic_ids: TopicIds::new(topics.clone()),
            groups: Groups::new(options.groups.clone(), topics.groups().clone()),
            request_budget: Budget::new(options.connections.request_bytes_total_max),
            decoded_budget: Budget::new(options.connections.decoded_bytes_total_max),
            response_budget: Budget::new(options.fetch.bytes_total_max),
            topics,
            options,
            closing,
        }
    }
}
