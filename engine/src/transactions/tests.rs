//! Transactions over a log and a store in memory; a restart is a second coordinator over the same two.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidemill_storage::log::MemoryLog;
use tidemill_storage::log::{Isolation, TopicSettings};
use tidemill_storage::record::{BatchBuilder, BatchProducer, Codec};
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::{Offset, PartitionId, ProducerId, TopicName};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(60);

struct World {
    log: Arc<dyn Log>,
    store: Arc<dyn StateStore>,
    groups: GroupOffsets,
    transactions: Transactions,
}

impl World {
    fn new() -> World {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
        let settings = TopicSettings { partitions: 2, ..TopicSettings::default() };
        log.create_topic(&TopicName::new("t").unwrap(), settings).unwrap();
        World::over(log, Arc::new(MemoryStateStore::new()))
    }

    fn over(log: Arc<dyn Log>, store: Arc<dyn StateStore>) -> World {
        let groups = GroupOffsets::new(store.clone());
        let transactions = Transactions::new(log.clone(), store.clone(), groups.clone());
        World { log, store, groups, transactions }
    }

    fn restarted(self) -> World {
        World::over(self.log, self.store)
    }

    async fn init(&self) -> ProducerIdentity {
        self.transactions.init("tx", TIMEOUT, None).await.unwrap()
    }

    /// A transaction with a first record in each of these partitions.
    async fn begin(&self, partitions: &[u32]) -> ProducerIdentity {
        let producer = self.init().await;
        let targets: Vec<_> = partitions.iter().copied().map(target).collect();
        self.transactions.add_partitions("tx", producer, &targets).unwrap();
        for partition in partitions {
            self.append(producer, 0, *partition).unwrap();
        }
        producer
    }

    fn append(
        &self,
        producer: ProducerIdentity,
        sequence: i32,
        partition: u32,
    ) -> Result<(), StorageErrorKind> {
        let batch = batch(producer, sequence);
        let appended = self.transactions.append(Some("tx"), &target(partition), batch);
        appended.map(|_| ()).map_err(|error| error.kind())
    }

    /// Number of records a reader of committed records finds in a partition, and the last stable offset.
    fn committed(&self, partition: u32) -> (usize, Offset) {
        let target = target(partition);
        let slice = self.log.read(&target, Offset::ZERO, 1 << 20, Isolation::ReadCommitted).unwrap();
        let mut reader = slice.reader(Offset::ZERO);
        let mut records = 0;
        while let Some(batch) = reader.next_batch().unwrap() {
            records += batch.records().count();
        }
        (records, slice.offsets.last_stable)
    }

    fn group_offset(&self) -> Option<Offset> {
        self.groups.fetch("g").unwrap().get(&target(0)).map(|offset| offset.offset)
    }
}

type Result<T, E = TransactionError> = std::result::Result<T, E>;

fn target(partition: u32) -> TopicPartition {
    TopicPartition::new(TopicName::new("t").unwrap(), PartitionId(partition))
}

fn batch(producer: ProducerIdentity, base_sequence: i32) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    let transactional = true;
    builder.set_producer(BatchProducer {
        id: producer.id,
        epoch: producer.epoch,
        base_sequence,
        transactional,
    });
    builder.append(0, None, Some(b"value"), &[]).unwrap();
    builder.build().unwrap()
}

fn offset(offset: i64) -> GroupOffset {
    GroupOffset { offset: Offset(offset), leader_epoch: -1, metadata: String::new(), committed_ms: 0 }
}

#[tokio::test]
async fn a_committed_transaction_shows_all_it_wrote_at_once() {
    let world = World::new();
    let producer = world.begin(&[0, 1]).await;
    world.transactions.add_offsets("tx", producer).unwrap();
    world.transactions.commit_offsets("tx", producer, "g", &[(target(0), offset(7))]).unwrap();
    assert_eq!(world.committed(0), (0, Offset(0)));
    assert_eq!(world.group_offset(), None);
    assert!(world.transactions.has_undecided_offset("g", &target(0)));
    world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    // One record and the marker.
    assert_eq!((world.committed(0), world.committed(1)), ((1, Offset(2)), (1, Offset(2))));
    assert_eq!(world.group_offset(), Some(Offset(7)));
    assert!(!world.transactions.has_undecided_offset("g", &target(0)));
}

#[tokio::test]
async fn an_aborted_transaction_leaves_nothing_to_see() {
    let world = World::new();
    let producer = world.begin(&[0]).await;
    world.transactions.commit_offsets("tx", producer, "g", &[(target(0), offset(7))]).unwrap();
    world.transactions.end("tx", producer, TransactionEnd::Abort).await.unwrap();
    assert_eq!(world.committed(0), (0, Offset(2)));
    assert_eq!(world.group_offset(), None);
}

#[tokio::test]
async fn one_transaction_follows_another() {
    let world = World::new();
    let producer = world.init().await;
    for round in 0..3 {
        world.transactions.add_partitions("tx", producer, &[target(0)]).unwrap();
        world.append(producer, round, 0).unwrap();
        world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    }
    assert_eq!(world.committed(0), (3, Offset(6)));
}

#[tokio::test]
async fn an_end_that_is_asked_for_again_is_the_same_end() {
    let world = World::new();
    let producer = world.init().await;
    world.transactions.add_partitions("tx", producer, &[target(0)]).unwrap();
    world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    let other = world.transactions.end("tx", producer, TransactionEnd::Abort).await;
    assert!(matches!(other, Err(TransactionError::InvalidState)));
}

#[tokio::test]
async fn records_outside_of_the_transaction_are_refused() {
    let world = World::new();
    let producer = world.init().await;
    let invalid = Err(StorageErrorKind::InvalidTransactionState);
    assert_eq!(world.append(producer, 0, 0), invalid, "nothing is open");
    world.transactions.add_partitions("tx", producer, &[target(0)]).unwrap();
    assert_eq!(world.append(producer, 0, 1), invalid, "not this partition");
    let nameless = world.transactions.append(None, &target(0), batch(producer, 0));
    assert_eq!(nameless.map(|_| ()).map_err(|error| error.kind()), invalid, "no transactional id");
    world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    assert_eq!(world.append(producer, 0, 0), invalid, "it has ended");
    let unknown = world.transactions.commit_offsets("tx", producer, "g", &[]);
    assert!(matches!(unknown, Err(TransactionError::InvalidState)));
}

#[tokio::test]
async fn a_new_incarnation_aborts_and_fences_the_one_before() {
    let world = World::new();
    let zombie = world.init().await;
    world.transactions.add_partitions("tx", zombie, &[target(0)]).unwrap();
    world.append(zombie, 0, 0).unwrap();
    let producer = world.init().await;
    assert_eq!(producer.id, zombie.id);
    assert!(producer.epoch > zombie.epoch);
    assert_eq!(world.committed(0), (0, Offset(2)), "what it wrote is aborted");
    assert_eq!(world.append(zombie, 1, 0), Err(StorageErrorKind::ProducerFenced));
    let ended = world.transactions.end("tx", zombie, TransactionEnd::Commit).await;
    assert!(matches!(ended, Err(TransactionError::Fenced)));
    world.transactions.add_partitions("tx", producer, &[target(0)]).unwrap();
    world.append(producer, 0, 0).unwrap();
    world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    assert_eq!(world.committed(0).0, 1);
}

#[tokio::test]
async fn a_producer_may_renew_its_own_incarnation_and_no_older_one() {
    let world = World::new();
    let first = world.init().await;
    let second = world.transactions.init("tx", TIMEOUT, Some(first)).await.unwrap();
    let third = world.transactions.init("tx", TIMEOUT, Some(second)).await.unwrap();
    let late = world.transactions.init("tx", TIMEOUT, Some(first)).await;
    assert!(matches!(late, Err(TransactionError::Fenced)));
    let stranger = ProducerIdentity { id: ProducerId(third.id.0 + 1), epoch: third.epoch };
    let taken = world.transactions.init("tx", TIMEOUT, Some(stranger)).await;
    assert!(matches!(taken, Err(TransactionError::Fenced)));
}

#[tokio::test]
async fn a_used_up_epoch_gives_a_new_id() {
    let world = World::new();
    let first = world.init().await;
    let transaction = world.transactions.find("tx").unwrap();
    transaction.lock().record.producer.epoch = ProducerEpoch(i16::MAX - 2);
    let next = world.init().await;
    assert_ne!(next.id, first.id);
    assert_eq!(next.epoch, ProducerEpoch(0));
}

#[tokio::test]
async fn a_transaction_that_is_open_too_long_is_aborted() {
    let world = World::new();
    let producer = world.begin(&[0]).await;
    world.transactions.expire(Instant::now()).await;
    assert_eq!(world.committed(0), (0, Offset(0)), "there is time left");
    world.transactions.expire(Instant::now() + TIMEOUT * 2).await;
    assert_eq!(world.committed(0), (0, Offset(2)));
    assert_eq!(world.append(producer, 1, 0), Err(StorageErrorKind::ProducerFenced));
}

#[tokio::test]
async fn a_transaction_that_waits_for_the_disk_holds_up_neither_readers_nor_the_end_of_others() {
    let world = World::new();
    let producer = world.init().await;
    world.transactions.add_partitions("tx", producer, &[target(0)]).unwrap();
    let stuck = world.transactions.init("stuck", TIMEOUT, None).await.unwrap();
    world.transactions.add_offsets("stuck", stuck).unwrap();
    world.transactions.commit_offsets("stuck", stuck, "g", &[(target(0), offset(7))]).unwrap();
    let shared = world.transactions.find("stuck").unwrap();
    let (locked, release) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
    let holder = std::thread::spawn(move || {
        let _changing = shared.lock();
        locked.0.send(()).unwrap();
        // A write that takes its time; gives up, so that a failure is one of the assertions below.
        release.1.recv_timeout(TIMEOUT).is_ok()
    });
    locked.1.recv().unwrap();
    assert!(world.transactions.has_undecided_offset("g", &target(0)));
    world.transactions.expire(Instant::now() + TIMEOUT * 2).await;
    assert_eq!(world.append(producer, 0, 0), Err(StorageErrorKind::ProducerFenced));
    release.0.send(()).unwrap();
    assert!(holder.join().unwrap(), "nobody waited for the one that was stuck");
}

#[tokio::test]
async fn an_open_transaction_goes_on_after_a_restart() {
    let world = World::new();
    let producer = world.begin(&[0]).await;
    world.transactions.commit_offsets("tx", producer, "g", &[(target(0), offset(7))]).unwrap();
    let world = world.restarted();
    world.transactions.recover().await.unwrap();
    world.append(producer, 1, 0).unwrap();
    world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    assert_eq!(world.committed(0), (2, Offset(3)));
    assert_eq!(world.group_offset(), Some(Offset(7)));
}

#[tokio::test]
async fn a_decision_is_carried_out_after_a_restart() {
    for written in [0, 1, 2] {
        let world = World::new();
        let producer = world.begin(&[0, 1]).await;
        world.transactions.commit_offsets("tx", producer, "g", &[(target(0), offset(7))]).unwrap();
        assert!(world.transactions.decide("tx", producer, TransactionEnd::Commit).unwrap());
        // The process ends after so many markers.
        for partition in 0..written {
            let end = TransactionEnd::Commit;
            let marker = world.log.end_transaction(&target(partition), producer.id, producer.epoch, end);
            marker.unwrap().durable().await.unwrap();
        }
        let concurrent = world.transactions.add_partitions("tx", producer, &[target(0)]);
        assert!(matches!(concurrent, Err(TransactionError::Concurrent)));
        let world = world.restarted();
        world.transactions.recover().await.unwrap();
        assert_eq!((world.committed(0), world.committed(1)), ((1, Offset(2)), (1, Offset(2))));
        assert_eq!(world.group_offset(), Some(Offset(7)));
        world.transactions.end("tx", producer, TransactionEnd::Commit).await.unwrap();
    }
}

#[test]
fn what_is_stored_comes_back() {
    let record = Record {
        producer: ProducerIdentity { id: ProducerId(5), epoch: ProducerEpoch(3) },
        timeout: TIMEOUT,
        phase: record::Phase::Decided(TransactionEnd::Abort),
        partitions: [target(0), target(1)].into(),
        offsets: [("g".to_owned(), [(target(0), offset(7))].into())].into(),
    };
    assert_eq!(Record::decode("tx", &record.encode().unwrap()).unwrap(), record);
    assert!(Record::decode("tx", b"{}").is_err());
}
