//! AddOffsetsToTxn: a transaction is going to move a group's offsets.

use kafka_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use tracing::debug;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_coordination, of_transaction};
use crate::kafka::producer;

/// Since this version the call has a word of its own for a fenced producer.
const KNOWS_FENCED_SINCE: i16 = 2;

/// Begins a transaction, if none is open.
pub(crate) async fn answer(
    client: &Client,
    request: AddOffsetsToTxnRequest,
    version: i16,
) -> AddOffsetsToTxnResponse {
    let transactions = client.server.topics.transactions().clone();
    let producer = producer::identity(request.producer_id, request.producer_epoch);
    let added = blocking(move || Ok(transactions.add_offsets(&request.transactional_id, producer))).await;
    let code = match added {
        Ok(Ok(())) => NONE,
        Ok(Err(error)) => {
            debug!(peer = %client.peer, ?error, "offsets were not added to a transaction");
            of_transaction(&error, version >= KNOWS_FENCED_SINCE).code()
        }
        Err(error) => of_coordination(&error).code(),
    };
    AddOffsetsToTxnResponse::default().with_error_code(code)
}
