//! FindCoordinator: this server coordinates every group and every transaction.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use crate::kafka::connection::Client;
use crate::kafka::server::NODE_ID;

/// Key types: groups and transactions.
const KEY_TYPES: std::ops::RangeInclusive<i8> = 0..=1;

/// Names this server for each key.
pub(crate) fn answer(
    client: &Client,
    request: FindCoordinatorRequest,
    version: i16,
) -> FindCoordinatorResponse {
    let host = StrBytes::from_string(client.advertised.ip().to_string());
    let port = i32::from(client.advertised.port());
    let known = KEY_TYPES.contains(&request.key_type);
    if version < 4 {
        let response = FindCoordinatorResponse::default();
        return if known {
            response.with_node_id(NODE_ID.into()).with_host(host).with_port(port)
        } else {
            response
                .with_error_code(ResponseError::InvalidRequest.code())
                .with_node_id((-1).into())
                .with_port(-1)
        };
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        let coordinator = Coordinator::default().with_key(key);
        if known {
            coordinator.with_node_id(NODE_ID.into()).with_host(host.clone()).with_port(port)
        } else {
            coordinator
                .with_error_code(ResponseError::InvalidRequest.code())
                .with_node_id((-1).into())
                .with_port(-1)
        }
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}
