//! Metadata: who the brokers are and which partitions there are. Asking for a topic may create it.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName as WireTopicName};
use kafka_protocol::protocol::StrBytes;
use tidemill_engine::log::{TopicDescription, TopicSettings};
use tidemill_engine::{ErrorKind, TopicName};
use tracing::{info, warn};

use crate::kafka::authorized_operations;
use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_topic;
use crate::kafka::partition::{LEADER_EPOCH, topic};
use crate::kafka::server::NODE_ID;

/// Describes the topics asked for, or all.
pub(crate) async fn answer(client: &Client, request: MetadataRequest, version: i16) -> MetadataResponse {
    let everything = match &request.topics {
        None => true,
        // Version 0 has no null: an empty list means all.
        Some(topics) => version == 0 && topics.is_empty(),
    };
    let mut topics = if everything {
        client.server.topics.list().iter().map(described).collect()
    } else {
        some(client, request.topics.unwrap_or_default(), request.allow_auto_topic_creation, version).await
    };
    if version >= 8 && request.include_topic_authorized_operations {
        for topic in &mut topics {
            topic.topic_authorized_operations = authorized_operations::TOPIC;
        }
    }
    let response = MetadataResponse::default()
        .with_brokers(vec![broker(client)])
        .with_cluster_id(Some(StrBytes::from_string(client.server.options.cluster_id.clone())))
        .with_controller_id(NODE_ID.into())
        .with_topics(topics);
    if (8..=10).contains(&version) && request.include_cluster_authorized_operations {
        return response.with_cluster_authorized_operations(authorized_operations::CLUSTER);
    }
    response
}

fn broker(client: &Client) -> MetadataResponseBroker {
    MetadataResponseBroker::default()
        .with_node_id(NODE_ID.into())
        .with_host(StrBytes::from_string(client.advertised.ip().to_string()))
        .with_port(i32::from(client.advertised.port()))
}

async fn some(
    client: &Client,
    wanted: Vec<MetadataRequestTopic>,
    may_create: bool,
    version: i16,
) -> Vec<MetadataResponseTopic> {
    let mut answered = BTreeSet::new();
    let mut topics = Vec::new();
    for wanted in wanted {
        // Naming a topic many times does not make the answer longer.
        if !answered.insert((wanted.name.clone(), wanted.topic_id)) {
            continue;
        }
        topics.push(match wanted.name {
            Some(name) => by_name(client, name, may_create).await,
            None => match client.server.topic_ids.name(wanted.topic_id) {
                Some(name) => by_name(client, wire(&name), false).await,
                None => MetadataResponseTopic::default()
                    .with_topic_id(wanted.topic_id)
                    // Only since version 12 may a topic be without a name.
                    .with_name((version < 12).then(WireTopicName::default))
                    .with_error_code(ResponseError::UnknownTopicId.code()),
            },
        });
    }
    topics
}

async fn by_name(client: &Client, asked: WireTopicName, may_create: bool) -> MetadataResponseTopic {
    let found = match topic(&asked) {
        Ok(name) => find(client, &name, may_create).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(topic) => described(&topic),
        Err(error) => MetadataResponseTopic::default().with_name(Some(asked)).with_error_code(error.code()),
    }
}

async fn find(
    client: &Client,
    name: &TopicName,
    may_create: bool,
) -> Result<TopicDescription, ResponseError> {
    let topics = &client.server.topics;
    if let Some(topic) = topics.get(name) {
        return Ok(topic);
    }
    if !may_create || !topics.limits().auto_create {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    let created = blocking({
        let (topics, name) = (topics.clone(), name.clone());
        move || topics.create(&name, TopicSettings { partitions: 0, ..TopicSettings::default() })
    });
    match created.await {
        Ok(topic) => {
            info!(topic = %name, peer = %client.peer, "topic created because a client asked for it");
            Ok(topic)
        }
        // Another client was quicker.
        Err(error) if error.kind == ErrorKind::AlreadyExists => {
            topics.get(name).ok_or(ResponseError::UnknownTopicOrPartition)
        }
        Err(error) => {
            warn!(topic = %name, peer = %client.peer, %error, "a topic could not be created");
            Err(of_topic(&error))
        }
    }
}

fn described(topic: &TopicDescription) -> MetadataResponseTopic {
    let partitions = (0..topic.settings.partitions).map(|partition| {
        MetadataResponsePartition::default()
            .with_partition_index(i32::try_from(partition).unwrap_or(i32::MAX))
            .with_leader_id(NODE_ID.into())
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(vec![NODE_ID.into()])
            .with_isr_nodes(vec![NODE_ID.into()])
    });
    MetadataResponseTopic::default()
        .with_name(Some(wire(&topic.name)))
        .with_topic_id(topic.id.0)
        .with_partitions(partitions.collect())
}

fn wire(name: &TopicName) -> WireTopicName {
    WireTopicName(StrBytes::from_string(name.as_str().to_owned()))
}
