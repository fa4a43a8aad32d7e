//! InitProducerId: an identity for an idempotent or transactional producer.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};
use tidemill_engine::topics::ProducerIdentity;
use tracing::warn;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{of_coordination, of_transaction};
use crate::kafka::producer;

/// Longest transaction a client may ask for. Kafka's `transaction.max.timeout.ms`.
const TRANSACTION_TIMEOUT_MS_MAX: i32 = 15 * 60 * 1000;

/// Since this version the call has a word of its own for a fenced producer.
const KNOWS_FENCED_SINCE: i16 = 4;

/// Hands out an identity; to a transactional id its next incarnation.
pub(crate) async fn answer(
    client: &Client,
    request: InitProducerIdRequest,
    version: i16,
) -> InitProducerIdResponse {
    match identity(client, request, version).await {
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
    version: i16,
) -> Result<ProducerIdentity, ResponseError> {
    let topics = client.server.topics.clone();
    let Some(id) = request.transactional_id else {
        return blocking(move || topics.init_producer()).await.map_err(|error| {
            warn!(peer = %client.peer, %error, "a producer got no identity");
            of_coordination(&error)
        });
    };
    if id.is_empty() {
        return Err(ResponseError::InvalidRequest);
    }
    if !(1..=TRANSACTION_TIMEOUT_MS_MAX).contains(&request.transaction_timeout_ms) {
        return Err(ResponseError::InvalidTransactionTimeout);
    }
    let timeout = Duration::from_millis(u64::from(request.transaction_timeout_ms.unsigned_abs()));
    let last = (request.producer_id.0 >= 0)
        .then_some(producer::identity(request.producer_id, request.producer_epoch));
    topics.transactions().init(&id, timeout, last).await.map_err(|error| {
        warn!(peer = %client.peer, transactional_id = %&**id, ?error, "a producer got no identity");
        of_transaction(&error, version >= KNOWS_FENCED_SINCE)
    })
}
