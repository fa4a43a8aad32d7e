//! IncrementalAlterConfigs: changes the settings that are named, and only those (KIP-339).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

use super::alter_configs::alter;
use crate::kafka::connection::Client;
use crate::kafka::refusal::{Refusal, answered};
use crate::kafka::topic_config::{Change, Overrides};

/// Alters each resource.
pub(crate) async fn answer(
    client: &Client,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in request.resources {
        let changes = resource.configs;
        let change = |overrides| apply(overrides, &changes);
        let outcome =
            alter(client, resource.resource_type, &resource.resource_name, request.validate_only, change)
                .await;
        let (code, message) = answered(outcome);
        let response = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name)
            .with_error_code(code)
            .with_error_message(message);
        responses.push(response);
    }
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

fn apply(mut overrides: Overrides, changes: &[AlterableConfig]) -> Result<Overrides, Refusal> {
    for config in changes {
        let Some(change) = Change::from_wire(config.config_operation) else {
            let message = format!("there is no operation {} on a setting", config.config_operation);
            return Err((ResponseError::InvalidRequest, message));
        };
        change
            .apply(&mut overrides, &config.name, config.value.as_deref())
            .map_err(|message| (ResponseError::InvalidConfig, message))?;
    }
    Ok(overrides)
}
