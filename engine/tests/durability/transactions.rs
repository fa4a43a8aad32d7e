//! Transactions of clients from one life to the next. No door is open: ending them is the engine's work.

use std::time::Duration;

use tidemill_engine::topics::ProducerIdentity;
use tidemill_storage::log::TransactionEnd;
use tidemill_storage::record::{BatchBuilder, BatchProducer, Codec};
use tidemill_storage::{PartitionId, TopicName, TopicPartition};

use crate::lives::Lives;

fn target() -> TopicPartition {
    TopicPartition::new(TopicName::new("events").unwrap(), PartitionId(0))
}

/// Begins a transaction that may be open for so long, with a record in it, and another record behind it.
fn begin(lives: &Lives, timeout: Duration) -> ProducerIdentity {
    lives.sql(
        "CREATE STREAM events (k STRING KEY, n BIGINT) \
         WITH (KAFKA_TOPIC = 'events', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
    );
    let transactions = lives.topics().transactions();
    let producer = lives.block_on(transactions.init("tx", timeout, None)).unwrap();
    transactions.add_partitions("tx", producer, &[target()]).unwrap();
    let mut batch = BatchBuilder::new(Codec::None);
    batch.set_producer(BatchProducer {
        id: producer.id,
        epoch: producer.epoch,
        base_sequence: 0,
        transactional: true,
    });
    batch.append(1_000, Some(b"within"), Some(br#"{"N": 1}"#), &[]).unwrap();
    lives.topics().append(&target(), batch.build().unwrap(), Some("tx")).unwrap();
    lives.produce("events", &[("behind", r#"{"N": 2}"#, 1_001)]);
    producer
}

#[test]
fn a_transaction_of_the_life_before_can_be_ended() {
    let mut lives = Lives::begin();
    let producer = begin(&lives, Duration::from_secs(60));
    lives.restart();
    assert_eq!(lives.rows("SELECT k FROM events"), [] as [&str; 0], "the transaction is open");
    let ended = lives.topics().transactions().end("tx", producer, TransactionEnd::Commit);
    lives.block_on(ended).unwrap();
    lives.await_rows("SELECT k FROM events", &["behind", "within"]);
}

#[test]
fn a_transaction_that_is_open_for_too_long_is_aborted_and_holds_nobody_up() {
    let mut lives = Lives::begin();
    begin(&lives, Duration::from_millis(1));
    lives.restart();
    lives.await_rows("SELECT k FROM events", &["behind"]);
}
