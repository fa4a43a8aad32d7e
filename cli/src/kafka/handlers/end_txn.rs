//! EndTxn: commits or aborts. When it is answered, the outcome is what every reader sees.

use kafka_protocol::messages::{EndTxnRequest, EndTxnResponse};
use tidemill_engine::log::TransactionEnd;
use tracing::debug;

use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_transaction};
use crate::kafka::producer;

/// Since this version the call has a word of its own for a fenced producer.
const KNOWS_FENCED_SINCE: i16 = 2;

/// Ends the transaction.
pub(crate) async fn answer(client: &Client, request: EndTxnRequest, version: i16) -> EndTxnResponse {
    let producer = producer::identity(request.producer_id, request.producer_epoch);
    let end = if request.committed { TransactionEnd::Commit } else { TransactionEnd::Abort };
    let ended = client.server.topics.transactions().end(&request.transactional_id, producer, end).await;
    let code = match ended {
        Ok(()) => NONE,
        Err(error) => {
            debug!(peer = %client.peer, ?error, "a transaction was not ended");
            of_transaction(&error, version >= KNOWS_FENCED_SINCE).code()
        }
    };
    EndTxnResponse::default().with_error_code(code)
}
