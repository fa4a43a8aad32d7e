//! DeleteTopics: with their records, and with what groups have committed for them.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName as WireTopicName};
use kafka_protocol::protocol::StrBytes;
use tidemill_engine::TopicName;
use tracing::info;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_topic;
use crate::kafka::partition::topic;
use crate::kafka::refusal::Refusal;

/// Deletes each topic, by name or (since version 6) by id.
pub(crate) async fn answer(
    client: &Client,
    request: DeleteTopicsRequest,
    version: i16,
) -> DeleteTopicsResponse {
    let mut responses = Vec::new();
    let by_name = request.topic_names.into_iter().map(|name| (Some(name), uuid::Uuid::nil()));
    let by_state = request.topics.into_iter().map(|topic| (topic.name, topic.topic_id));
    for (name, id) in by_name.chain(by_state) {
        let found = find(client, name.as_ref(), id);
        let known = found.as_ref().ok().cloned();
        let outcome = match found {
            Ok(name) => delete(client, name).await,
            Err(refusal) => Err(refusal),
        };
        // A topic that was asked for by an unknown id has no name to give.
        let name =
            name.or_else(|| known.map(|name| WireTopicName(StrBytes::from_string(name.as_str().to_owned()))));
        let response = DeletableTopicResult::default().with_name(name).with_topic_id(id);
        responses.push(match outcome {
            Ok(()) => response,
            Err((error, message)) => {
                let response = response.with_error_code(error.code());
                let message = (version >= 5).then(|| StrBytes::from_string(message));
                response.with_error_message(message)
            }
        });
    }
    DeleteTopicsResponse::default().with_responses(responses)
}

fn find(client: &Client, name: Option<&WireTopicName>, id: uuid::Uuid) -> Result<TopicName, Refusal> {
    match name {
        Some(name) => {
            let unknown =
                || (ResponseError::UnknownTopicOrPartition, format!("there is no topic '{}'", &***name));
            let name = topic(name).map_err(|_| unknown())?;
            client.server.topics.get(&name).map(|topic| topic.name).ok_or_else(unknown)
        }
        None => {
            let unknown = || (ResponseError::UnknownTopicId, format!("there is no topic with the id {id}"));
            client.server.topic_ids.name(id).ok_or_else(unknown)
        }
    }
}

async fn delete(client: &Client, name: TopicName) -> Result<(), Refusal> {
    let topics = client.server.topics.clone();
    let deleted = name.clone();
    let outcome = blocking(move || topics.delete(&deleted)).await;
    outcome.map_err(|error| (of_topic(&error), error.to_string()))?;
    info!(peer = %client.peer, topic = %name, "topic deleted");
    Ok(())
}
