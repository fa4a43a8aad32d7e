//! InitProducerId: an identity for an idempotent producer.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use tidemill_engine::topics::ProducerIdentity;
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::of_coordination;

/// Longest transaction a client may ask for. Kafka's `transaction.max.timeout.ms`.
const TRANSACTION_TIMEOUT_MS_MAX: i32 = 15 * 60 * 1000;

/// Hands out an identity.
pub(crate) async fn answer(client: &Client, request: InitProducerIdRequest) -> InitProducerIdResponse {
    match identity(client, request).await {
        Ok(identity) => InitProducerIdResponse::default()
            .with_producer_id(identity.id.0.into())
            .with_producer_epoch(identity.epoch.0),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
}

async fn identity(
    client: &Client,
    request: InitProducerIdRequest,
) -> Result<ProducerIdentity, ResponseError> {
    let transactional_id = request.transactional_id.map(|id| id.to_string());
    if let Some(id) = &transactional_id {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if !(1..=TRANSACTION_TIMEOUT_MS_MAX).contains(&request.transaction_timeout_ms) {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
    }
    let topics = client.server.topics.clone();
    blocking(move || topics.init_producer(transactional_id.as_deref())).await.map_err(|error| {
        warn!(peer = %client.peer, %error, "a producer got no identity");
        of_coordination(&error)
    })
}
