//! AddPartitionsToTxn: partitions that a transaction is going to write to. All or none.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
use tidemill_engine::TopicPartition;
use tidemill_engine::topics::ProducerIdentity;
use tracing::debug;

use crate::kafka::blocking::blocking;
use crate::kafka::connection::Client;
use crate::kafka::error_code::{NONE, of_coordination, of_storage, of_transaction};
use crate::kafka::partition::{target, topic};
use crate::kafka::producer;

/// Since this version the call has a word of its own for a fenced producer.
const KNOWS_FENCED_SINCE: i16 = 2;

/// Adds them.
pub(crate) async fn answer(
    client: &Client,
    request: AddPartitionsToTxnRequest,
    version: i16,
) -> AddPartitionsToTxnResponse {
    let mut targets = Vec::new();
    let mut all_exist = true;
    let mut results = Vec::with_capacity(request.v3_and_below_topics.len());
    for wanted in request.v3_and_below_topics {
        let name = topic(&wanted.name);
        let partitions = wanted.partitions.iter().map(|index| {
            let found = name.clone().and_then(|name| {
                let target = target(&name, *index)?;
                client.server.topics.offsets(&target).map_err(|error| of_storage(&error))?;
                Ok(target)
            });
            let code = match found {
                Ok(target) => {
                    targets.push(target);
                    NONE
                }
                Err(error) => {
                    all_exist = false;
                    error.code()
                }
            };
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*index)
                .with_partition_error_code(code)
        });
        let partitions = partitions.collect();
        results.push(
            AddPartitionsToTxnTopicResult::default()
                .with_name(wanted.name)
                .with_results_by_partition(partitions),
        );
    }
    let outcome = if all_exist {
        let producer =
            producer::identity(request.v3_and_below_producer_id, request.v3_and_below_producer_epoch);
        let id = request.v3_and_below_transactional_id.to_string();
        add(client, id, producer, targets, version).await
    } else {
        Err(ResponseError::OperationNotAttempted)
    };
    if let Err(error) = outcome {
        let partitions = results.iter_mut().flat_map(|topic| &mut topic.results_by_partition);
        partitions
            .filter(|partition| partition.partition_error_code == NONE)
            .for_each(|partition| partition.partition_error_code = error.code());
    }
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results)
}

async fn add(
    client: &Client,
    id: String,
    producer: ProducerIdentity,
    targets: Vec<TopicPartition>,
    version: i16,
) -> Result<(), ResponseError> {
    let transactions = client.server.topics.transactions().clone();
    let added = blocking(move || Ok(transactions.add_partitions(&id, producer, &targets))).await;
    let added = added.map_err(|error| of_coordination(&error))?;
    added.map_err(|error| {
        debug!(peer = %client.peer, ?error, "partitions were not added to a transaction");
        of_transaction(&error, version >= KNOWS_FENCED_SINCE)
    })
}
