//! AlterConfigs: the older way to change a topic's settings. What is not named goes back to its default.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use tidemill_engine::log::TopicDescription;
use tracing::info;

use super::describe_configs::{BROKER, TOPIC};
use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_topic;
use crate::kafka::partition::topic;
use crate::kafka::refusal::{Refusal, answered};
use crate::kafka::topic_config::{Overrides, overrides, settings};

/// Alters each resource.
pub(crate) async fn answer(client: &Client, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in request.resources {
        let given = resource.configs.iter().map(|config| match &config.value {
            Some(value) => Ok((config.name.to_string(), value.to_string())),
            None => Err((ResponseError::InvalidRequest, format!("'{}' needs a value", &*config.name))),
        });
        let given: Result<Overrides, Refusal> = given.collect();
        let name = &resource.resource_name;
        let outcome = match given {
            Ok(given) => {
                alter(client, resource.resource_type, name, request.validate_only, move |_| Ok(given)).await
            }
            Err(refusal) => Err(refusal),
        };
        let (code, message) = answered(outcome);
        let response = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
            .with_error_code(code)
            .with_error_message(message);
        responses.push(response);
    }
    AlterConfigsResponse::default().with_responses(responses)
}

/// Gives a topic the settings that `change` makes of its own.
pub(super) async fn alter(
    client: &Client,
    resource_type: i8,
    name: &str,
    validate_only: bool,
    change: impl FnOnce(Overrides) -> Result<Overrides, Refusal>,
) -> Result<(), Refusal> {
    let current = find(client, resource_type, name)?;
    let wanted = change(overrides(&current.settings))?;
    let wanted = settings(current.settings.partitions, &wanted)
        .map_err(|message| (ResponseError::InvalidConfig, message))?;
    if validate_only {
        return Ok(());
    }
    let topics = client.server.topics.clone();
    let altered = blocking(move || topics.alter(&current.name, wanted)).await;
    altered.map_err(|error| (of_topic(&error), error.to_string()))?;
    info!(peer = %client.peer, topic = name, "settings of a topic changed");
    Ok(())
}

fn find(client: &Client, resource_type: i8, name: &str) -> Result<TopicDescription, Refusal> {
    match resource_type {
        TOPIC => {
            let unknown = || (ResponseError::UnknownTopicOrPartition, format!("there is no topic '{name}'"));
            let name = topic(name).map_err(|_| unknown())?;
            client.server.topics.get(&name).ok_or_else(unknown)
        }
        BROKER => {
            let message = "the server's settings are given when it starts".to_owned();
            Err((ResponseError::InvalidRequest, message))
        }
        kind => {
            let message = format!("resources of type {kind} have no settings here");
            Err((ResponseError::InvalidRequest, message))
        }
    }
}
