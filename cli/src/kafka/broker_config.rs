//! The server's settings in Kafka's words, as DescribeConfigs shows them for the broker. They are set
//! when the server starts and cannot be changed over the wire.

use tidemill_engine::group_offsets::expiry;

use super::server::{NODE_ID, Server};
use super::topic_config::{ConfigType, KEYS};

/// One of the server's settings.
pub(crate) struct BrokerSetting {
    /// Its name.
    pub(crate) name: &'static str,
    /// How its value is written.
    pub(crate) kind: ConfigType,
    /// Its value.
    pub(crate) value: String,
}

/// All settings, by name: the server's own, and the defaults of topics.
pub(crate) fn settings(server: &Server) -> Vec<BrokerSetting> {
    use ConfigType::{Boolean, Int, Long, Text};
    let limits = server.topics.limits();
    let connections = &server.options.connections;
    let groups = &server.options.groups;
    let own = [
        ("auto.create.topics.enable", Boolean, limits.auto_create.to_string()),
        ("broker.id", Int, NODE_ID.to_string()),
        ("connections.max.idle.ms", Long, connections.idle_timeout.as_millis().to_string()),
        ("default.replication.factor", Int, "1".to_owned()),
        ("delete.topic.enable", Boolean, "true".to_owned()),
        ("fetch.max.bytes", Int, server.options.fetch.bytes_max.to_string()),
        ("group.initial.rebalance.delay.ms", Int, groups.initial_rebalance_delay.as_millis().to_string()),
        ("group.max.session.timeout.ms", Int, groups.session_timeout_max.as_millis().to_string()),
        ("group.max.size", Int, groups.members_max.to_string()),
        ("group.min.session.timeout.ms", Int, groups.session_timeout_min.as_millis().to_string()),
        ("max.connections", Int, connections.connections_max.to_string()),
        ("node.id", Int, NODE_ID.to_string()),
        ("num.partitions", Int, limits.partitions_default.to_string()),
        ("offset.metadata.max.bytes", Int, groups.offset_metadata_bytes_max.to_string()),
        ("offsets.retention.check.interval.ms", Long, expiry::CHECK_INTERVAL.as_millis().to_string()),
        ("offsets.retention.minutes", Int, (expiry::RETENTION.as_secs() / 60).to_string()),
        ("process.roles", Text, "broker,controller".to_owned()),
        ("socket.request.max.bytes", Int, connections.frame_bytes_max.to_string()),
    ];
    let own = own.into_iter().map(|(name, kind, value)| BrokerSetting { name, kind, value });
    let topics = KEYS.iter().map(|key| BrokerSetting {
        name: key.broker_name,
        kind: key.kind,
        value: key.default.to_owned(),
    });
    let mut settings: Vec<BrokerSetting> = own.chain(topics).collect();
    settings.sort_by_key(|setting| setting.name);
    settings
}
