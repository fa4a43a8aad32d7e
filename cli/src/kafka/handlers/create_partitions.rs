//! CreatePartitions: a topic gets more of them; never fewer.

use std::collections::HashSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use kafka_protocol::protocol::StrBytes;
use tidemill_engine::log::TopicSettings;
use tracing::info;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_topic;
use crate::kafka::partition::topic;
use crate::kafka::refusal::Refusal;
use crate::kafka::server::NODE_ID;

/// Enlarges each topic, or only says whether it could be.
pub(crate) async fn answer(client: &Client, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let mut answered = HashSet::new();
    let mut results = Vec::with_capacity(request.topics.len());
    for wanted in request.topics {
        let outcome = if answered.insert(wanted.name.clone()) {
            enlarge(client, &wanted, request.validate_only).await
        } else {
            Err((ResponseError::InvalidRequest, format!("topic '{}' is named twice", &**wanted.name)))
        };
        let result = CreatePartitionsTopicResult::default().with_name(wanted.name);
        results.push(match outcome {
            Ok(()) => result,
            Err((error, message)) => {
                result.with_error_code(error.code()).with_error_message(Some(StrBytes::from_string(message)))
            }
        });
    }
    CreatePartitionsResponse::default().with_results(results)
}

async fn enlarge(
    client: &Client,
    wanted: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refusal> {
    let unknown =
        || (ResponseError::UnknownTopicOrPartition, format!("there is no topic '{}'", &**wanted.name));
    let name = topic(&wanted.name).map_err(|_| unknown())?;
    let topics = client.server.topics.clone();
    let current = topics.get(&name).ok_or_else(unknown)?;
    let partitions = u32::try_from(wanted.count).unwrap_or(0);
    if partitions <= current.settings.partitions {
        let message = format!("topic '{name}' has {} partitions already", current.settings.partitions);
        return Err((ResponseError::InvalidPartitions, message));
    }
    if partitions > topics.limits().partitions_max {
        let message = format!("a topic has at most {} partitions", topics.limits().partitions_max);
        return Err((ResponseError::InvalidPartitions, message));
    }
    if let Some(assignments) = &wanted.assignments {
        let added = usize::try_from(partitions - current.settings.partitions).unwrap_or(usize::MAX);
        let only_here = assignments.iter().all(|assigned| *assigned.broker_ids == [NODE_ID]);
        if assignments.len() != added || !only_here {
            let message = format!("{added} partitions are added, each on broker {NODE_ID}");
            return Err((ResponseError::InvalidReplicaAssignment, message));
        }
    }
    if validate_only {
        return Ok(());
    }
    let settings = TopicSettings { partitions, ..current.settings };
    let altered = blocking(move || topics.alter(&name, settings)).await;
    altered.map_err(|error| (of_topic(&error), error.to_string()))?;
    info!(peer = %client.peer, topic = %&**wanted.name, partitions, "topic enlarged");
    Ok(())
}
