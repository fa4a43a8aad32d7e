//! DescribeConfigs: every setting of a topic or of the server, with where its value comes from.

use std::collections::HashSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::kafka::broker_config;
use crate::kafka::connection::Client;
use crate::kafka::partition::topic;
use crate::kafka::refusal::Refusal;
use crate::kafka::server::NODE_ID;
use crate::kafka::topic_config::{KEYS, overrides};

/// Kinds of resources that have settings.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

/// Where a value comes from: the topic's own, the server's start, or nowhere.
pub(super) const SOURCE_TOPIC: i8 = 1;
const SOURCE_STATIC_BROKER: i8 = 4;
pub(super) const SOURCE_DEFAULT: i8 = 5;

/// What the client wants to know beside values.
#[derive(Clone, Copy)]
struct Detail {
    synonyms: bool,
    documentation: bool,
    /// Whether the answer has a place for types and documentation.
    types: bool,
}

/// Describes each resource once.
pub(crate) fn answer(
    client: &Client,
    request: DescribeConfigsRequest,
    version: i16,
) -> DescribeConfigsResponse {
    let detail = Detail {
        synonyms: request.include_synonyms,
        documentation: request.include_documentation,
        types: version >= 3,
    };
    let mut answered = HashSet::new();
    let mut results = Vec::new();
    for resource in request.resources {
        if !answered.insert((resource.resource_type, resource.resource_name.clone())) {
            continue;
        }
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        results.push(match describe(client, &resource, detail) {
            Ok(configs) => result.with_configs(configs),
            Err((error, message)) => {
                result.with_error_code(error.code()).with_error_message(Some(StrBytes::from_string(message)))
            }
        });
    }
    DescribeConfigsResponse::default().with_results(results)
}

type Described = Result<Vec<DescribeConfigsResourceResult>, Refusal>;

fn describe(client: &Client, resource: &DescribeConfigsResource, detail: Detail) -> Described {
    let name = &*resource.resource_name;
    let mut configs = match resource.resource_type {
        TOPIC => describe_topic(client, name, detail)?,
        BROKER if name.is_empty() || *name == *NODE_ID.to_string() => describe_broker(client, detail),
        BROKER => {
            let message = format!("there is no broker '{name}': this one is '{NODE_ID}'");
            return Err((ResponseError::InvalidRequest, message));
        }
        kind => {
            let message = format!("resources of type {kind} have no settings here");
            return Err((ResponseError::InvalidRequest, message));
        }
    };
    if let Some(wanted) = &resource.configuration_keys {
        configs.retain(|config| wanted.contains(&config.name));
    }
    Ok(configs)
}

fn describe_topic(client: &Client, name: &str, detail: Detail) -> Described {
    let known = topic(name).map_err(|error| (error, format!("'{name}' is not a legal topic name")))?;
    let Some(found) = client.server.topics.get(&known) else {
        return Err((ResponseError::UnknownTopicOrPartition, format!("there is no topic '{name}'")));
    };
    let given = overrides(&found.settings);
    let described = KEYS.iter().map(|key| {
        let own = given.get(key.name);
        let value = StrBytes::from_string(own.map_or_else(|| key.default.to_owned(), String::clone));
        let mut synonyms = Vec::new();
        if detail.synonyms {
            let synonym = |name, value, source| {
                DescribeConfigsSynonym::default()
                    .with_name(StrBytes::from_static_str(name))
                    .with_value(Some(value))
                    .with_source(source)
            };
            synonyms.extend(own.map(|_| synonym(key.name, value.clone(), SOURCE_TOPIC)));
            synonyms.push(synonym(key.broker_name, StrBytes::from_static_str(key.default), SOURCE_DEFAULT));
        }
        let config = DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(key.name))
            .with_value(Some(value))
            .with_config_source(if own.is_some() { SOURCE_TOPIC } else { SOURCE_DEFAULT })
            .with_synonyms(synonyms);
        if !detail.types {
            return config;
        }
        let documentation = detail.documentation.then(|| StrBytes::from_static_str(key.documentation));
        config.with_config_type(key.kind as i8).with_documentation(documentation)
    });
    Ok(described.collect())
}

fn describe_broker(client: &Client, detail: Detail) -> Vec<DescribeConfigsResourceResult> {
    let settings = broker_config::settings(&client.server).into_iter();
    let described = settings.map(|setting| {
        let name = StrBytes::from_static_str(setting.name);
        let value = StrBytes::from_string(setting.value);
        let synonyms = detail.synonyms.then(|| {
            DescribeConfigsSynonym::default()
                .with_name(name.clone())
                .with_value(Some(value.clone()))
                .with_source(SOURCE_STATIC_BROKER)
        });
        let config = DescribeConfigsResourceResult::default()
            .with_name(name)
            .with_value(Some(value))
            .with_read_only(true)
            .with_config_source(SOURCE_STATIC_BROKER)
            .with_synonyms(synonyms.into_iter().collect());
        if detail.types { config.with_config_type(setting.kind as i8) } else { config }
    });
    described.collect()
}
