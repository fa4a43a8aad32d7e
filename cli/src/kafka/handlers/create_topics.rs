//! CreateTopics: durable before it is answered.

use std::collections::HashMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use kafka_protocol::protocol::StrBytes;
use tidemill_engine::TopicName;
use tidemill_engine::log::{TopicDescription, TopicSettings};
use tracing::info;

use super::describe_configs::{SOURCE_DEFAULT, SOURCE_TOPIC};
use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_topic;
use crate::kafka::refusal::Refusal;
use crate::kafka::server::NODE_ID;
use crate::kafka::topic_config::{KEYS, Overrides, overrides, settings};

/// Creates each topic, or only says whether it could be.
pub(crate) async fn answer(
    client: &Client,
    request: CreateTopicsRequest,
    version: i16,
) -> CreateTopicsResponse {
    let mut named = HashMap::new();
    for wanted in &request.topics {
        *named.entry(wanted.name.clone()).or_insert(0) += 1;
    }
    let mut results = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let twice = named.get(&wanted.name).is_some_and(|times| *times > 1);
        let outcome = if twice {
            Err((ResponseError::InvalidRequest, format!("topic '{}' is named twice", &**wanted.name)))
        } else {
            create(client, &wanted, request.validate_only).await
        };
        results.push(result(wanted, outcome, version));
    }
    CreateTopicsResponse::default().with_topics(results)
}

async fn create(
    client: &Client,
    wanted: &CreatableTopic,
    validate_only: bool,
) -> Result<TopicDescription, Refusal> {
    let name = TopicName::new(&wanted.name)
        .map_err(|error| (ResponseError::InvalidTopicException, error.to_string()))?;
    let topics = client.server.topics.clone();
    if topics.get(&name).is_some() {
        return Err((ResponseError::TopicAlreadyExists, format!("topic '{name}' exists already")));
    }
    let partitions = match partitions(wanted)? {
        0 => topics.limits().partitions_default,
        partitions => partitions,
    };
    let given = wanted
        .configs
        .iter()
        .filter_map(|config| config.value.as_ref().map(|value| (config.name.to_string(), value.to_string())));
    let settings = settings(partitions, &given.collect::<Overrides>())
        .map_err(|message| (ResponseError::InvalidConfig, message))?;
    if validate_only {
        return validated(client, name, settings);
    }
    let created = blocking(move || topics.create(&name, settings)).await;
    let created = created.map_err(|error| {
        let code = match of_topic(&error) {
            // What the log still finds wrong with a legal name and legal settings is their number.
            ResponseError::InvalidRequest => ResponseError::InvalidPartitions,
            code => code,
        };
        (code, error.to_string())
    })?;
    info!(peer = %client.peer, topic = %created.name, partitions, "topic created");
    Ok(created)
}

fn validated(client: &Client, name: TopicName, settings: TopicSettings) -> Result<TopicDescription, Refusal> {
    let limits = client.server.topics.limits();
    if settings.partitions > limits.partitions_max {
        let message = format!("a topic has at most {} partitions", limits.partitions_max);
        return Err((ResponseError::InvalidPartitions, message));
    }
    Ok(TopicDescription { name, id: tidemill_engine::TopicId(uuid::Uuid::nil()), settings })
}

/// How many partitions are wanted; 0 for the default.
fn partitions(wanted: &CreatableTopic) -> Result<u32, Refusal> {
    if !wanted.assignments.is_empty() {
        if wanted.num_partitions != -1 || wanted.replication_factor != -1 {
            let message = "either replicas are assigned or their number is given, not both".to_owned();
            return Err((ResponseError::InvalidRequest, message));
        }
        return assigned(wanted);
    }
    if !matches!(wanted.replication_factor, -1 | 1) {
        let message = format!("replication factor {}: there is one broker", wanted.replication_factor);
        return Err((ResponseError::InvalidReplicationFactor, message));
    }
    match wanted.num_partitions {
        -1 => Ok(0),
        1.. => Ok(wanted.num_partitions.unsigned_abs()),
        number => {
            let message = format!("{number} partitions: give a number above 0, or -1 for the default");
            Err((ResponseError::InvalidPartitions, message))
        }
    }
}

fn assigned(wanted: &CreatableTopic) -> Result<u32, Refusal> {
    let mut indexes: Vec<i32> = wanted.assignments.iter().map(|assigned| assigned.partition_index).collect();
    indexes.sort_unstable();
    let consecutive = indexes.iter().zip(0..).all(|(index, expected)| *index == expected);
    let only_here = wanted.assignments.iter().all(|assigned| *assigned.broker_ids == [NODE_ID]);
    match u32::try_from(indexes.len()) {
        Ok(partitions) if consecutive && only_here => Ok(partitions),
        _ => {
            let message = format!("partitions are numbered from 0 and all of them are on broker {NODE_ID}");
            Err((ResponseError::InvalidReplicaAssignment, message))
        }
    }
}

fn result(
    wanted: CreatableTopic,
    outcome: Result<TopicDescription, Refusal>,
    version: i16,
) -> CreatableTopicResult {
    let result = CreatableTopicResult::default().with_name(wanted.name);
    match outcome {
        Err((error, message)) => {
            let result =
                result.with_error_code(error.code()).with_error_message(Some(StrBytes::from_string(message)));
            if version >= 5 { result.with_num_partitions(-1).with_replication_factor(-1) } else { result }
        }
        Ok(_) if version < 5 => result,
        Ok(created) => {
            let given = overrides(&created.settings);
            let configs = KEYS.iter().map(|key| {
                let own = given.get(key.name);
                CreatableTopicConfigs::default()
                    .with_name(StrBytes::from_static_str(key.name))
                    .with_value(Some(own.map_or_else(
                        || StrBytes::from_static_str(key.default),
                        |value| StrBytes::from_string(value.clone()),
                    )))
                    .with_config_source(if own.is_some() { SOURCE_TOPIC } else { SOURCE_DEFAULT })
            });
            result
                .with_topic_id(created.id.0)
                .with_num_partitions(i32::try_from(created.settings.partitions).unwrap_or(i32::MAX))
                .with_replication_factor(1)
                .with_configs(Some(configs.collect()))
        }
    }
}
