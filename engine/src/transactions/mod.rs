//! Transactions of clients (KIP-98): records in several partitions and consumed offsets that become
//! visible together, or not at all.
//!
//! ```text
//!            partitions or            EndTxn: the decision           markers are in
//!            offsets are added        is durable                     all partitions
//!   Empty ─────────────────▶ Ongoing ───────────────▶ Committing ──────────────────▶ Committed
//!     ▲                        │  ▲                   or Aborting                    or Aborted
//!     └ a new transactional id │  └───────────────── the next transaction ──────────────┘
//!                              └ too long: aborted, and its producer fenced
//! ```
//!
//! Invariants: a partition is noted durably before a record of the transaction is appended to it, so
//! after a crash every partition that needs a marker is known; from the decision on the outcome never
//! changes, and markers are written until they are everywhere; offsets move with the write that
//! closes a committed transaction. A record that does not belong to the transaction its producer has
//! open is refused, and it is appended under the same lock under which a transaction ends: no record
//! can slip in behind the marker.
//!
//! The states of one transaction are in `transaction`, what is stored of it in `record`. The engine's
//! own epochs do not come here: see `runtime`.

mod ending;
mod record;
mod transaction;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use tidemill_storage::log::{Appended, Log, Origin, TransactionEnd};
use tidemill_storage::record::BatchHeader;
use tidemill_storage::state::{Durability, StateStore, WriteBatch};
use tidemill_storage::{ErrorKind as StorageErrorKind, ProducerEpoch, StorageError, TopicPartition};

use crate::error::{Error, ErrorKind};
use crate::group_offsets::{GroupOffset, GroupOffsets};
use crate::state_keys;
use crate::topics::ProducerIdentity;
use record::Record;
use transaction::{Shared, Transaction};

/// Transactional ids that are remembered. Beyond it the one that was idle longest is forgotten; should
/// its producer come back, it is told that it is unknown and asks for an identity anew.
const TRANSACTIONAL_IDS_MAX: usize = 10_000;

/// Why a call on a transaction was refused.
#[derive(Clone, Debug)]
pub enum TransactionError {
    /// A newer incarnation of the producer exists.
    Fenced,
    /// The producer id is not the one that belongs to the transactional id.
    UnknownProducer,
    /// The transaction is not in a state that allows the call.
    InvalidState,
    /// The transaction before is still being ended: try again.
    Concurrent,
    /// Reading or writing what is remembered failed.
    Failed(Error),
}

impl From<Error> for TransactionError {
    fn from(error: Error) -> TransactionError {
        TransactionError::Failed(error)
    }
}

impl From<StorageError> for TransactionError {
    fn from(error: StorageError) -> TransactionError {
        TransactionError::Failed(error.into())
    }
}

/// Result of calls on transactions.
pub type Result<T> = std::result::Result<T, TransactionError>;

/// The transactions of all clients. Cheap to clone.
#[derive(Clone)]
pub struct Transactions {
    inner: Arc<Inner>,
}

struct Inner {
    log: Arc<dyn Log>,
    store: Arc<dyn StateStore>,
    groups: GroupOffsets,
    live: Mutex<HashMap<String, Arc<Shared>>>,
}

impl Transactions {
    /// Over the log that has the records and the store that has the rest.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, store: Arc<dyn StateStore>, groups: GroupOffsets) -> Transactions {
        Transactions { inner: Arc::new(Inner { log, store, groups, live: Mutex::default() }) }
    }

    /// Gives the producer of a transactional id its next incarnation, which fences the one before and
    /// aborts what that one had open. `last` is what the producer had so far, if it says so (KIP-360).
    ///
    /// # Errors
    /// `Fenced`, `Concurrent`, `Failed`.
    pub async fn init(
        &self,
        id: &str,
        timeout: Duration,
        last: Option<ProducerIdentity>,
    ) -> Result<ProducerIdentity> {
        loop {
            let (this, name) = (self.clone(), id.to_owned());
            match blocking(move || this.next_incarnation(&name, timeout, last)).await? {
                Some(identity) => return Ok(identity),
                // A transaction was open; it is aborted now, under a newer epoch than `last`.
                None => self.abort_and_fence(id).await?,
            }
        }
    }

    /// Adds partitions to the producer's transaction, and begins one if none is open (blocking).
    ///
    /// # Errors
    /// `Fenced`, `UnknownProducer`, `Concurrent`, `Failed`.
    pub fn add_partitions(
        &self,
        id: &str,
        producer: ProducerIdentity,
        partitions: &[TopicPartition],
    ) -> Result<()> {
        self.change(id, producer, |transaction| transaction.add_partitions(partitions))
    }

    /// Announces that offsets of a group will be part of the transaction, and begins one if none is
    /// open (blocking).
    ///
    /// # Errors
    /// `Fenced`, `UnknownProducer`, `Concurrent`, `Failed`.
    pub fn add_offsets(&self, id: &str, producer: ProducerIdentity) -> Result<()> {
        self.change(id, producer, Transaction::begin)
    }

    /// Makes offsets of a group part of the open transaction (blocking).
    ///
    /// # Errors
    /// `Fenced`, `UnknownProducer`, `InvalidState`, `Concurrent`, `Failed`.
    pub fn commit_offsets(
        &self,
        id: &str,
        producer: ProducerIdentity,
        group: &str,
        offsets: &[(TopicPartition, GroupOffset)],
    ) -> Result<()> {
        self.change(id, producer, |transaction| transaction.add_group_offsets(group, offsets))
    }

    /// Appends a client's batch, which may be part of a transaction: then it must be the one that the
    /// producer has open, and the partition must have been added to it.
    ///
    /// # Errors
    /// The log's own; `ProducerFenced` and `InvalidTransactionState`.
    pub fn append(
        &self,
        id: Option<&str>,
        target: &TopicPartition,
        batch: Bytes,
    ) -> std::result::Result<Appended, StorageError> {
        let log = &self.inner.log;
        // What is no batch is for the log to refuse.
        let header = BatchHeader::parse(&batch).ok().filter(|header| header.attributes.is_transactional());
        let Some(header) = header else { return log.append(target, batch, Origin::Client) };
        let producer = ProducerIdentity { id: header.producer_id, epoch: header.producer_epoch };
        let refuse = |error: TransactionError| match error {
            TransactionError::Fenced => StorageError::new(
                StorageErrorKind::ProducerFenced,
                "a newer incarnation of the producer exists",
            ),
            TransactionError::UnknownProducer
            | TransactionError::InvalidState
            | TransactionError::Concurrent => StorageError::new(
                StorageErrorKind::InvalidTransactionState,
                format!("{target} is not part of an open transaction of the producer"),
            ),
            TransactionError::Failed(error) => StorageError::new(StorageErrorKind::Io, error.message),
        };
        let transaction =
            id.ok_or(TransactionError::InvalidState).and_then(|id| self.find(id)).map_err(refuse)?;
        let transaction = transaction.lock();
        transaction.check_append(producer, target).map_err(refuse)?;
        log.append(target, batch, Origin::Client)
    }

    /// Ends the producer's transaction. When it returns, the outcome is what every reader sees.
    ///
    /// # Errors
    /// `Fenced`, `UnknownProducer`, `InvalidState`, `Concurrent`, `Failed`.
    pub async fn end(&self, id: &str, producer: ProducerIdentity, end: TransactionEnd) -> Result<()> {
        let (this, name) = (self.clone(), id.to_owned());
        let decided = blocking(move || this.decide(&name, producer, end)).await?;
        if decided { self.finish(id).await } else { Ok(()) }
    }

    /// Whether an undecided transaction would move a group's offset of a partition.
    #[must_use]
    pub fn has_undecided_offset(&self, group: &str, target: &TopicPartition) -> bool {
        let live: Vec<_> = self.inner.live.lock().values().cloned().collect();
        live.iter().any(|transaction| transaction.stored().would_move(group, target))
    }

    /// Aborts transactions that have been open for longer than their producers allowed, and fences
    /// those producers. Ends when all of them have ended, which a full disk may put off: a timer does
    /// not wait for that.
    pub async fn expire(&self, now: Instant) {
        let aborted = self.overdue(now).into_iter().map(|id| async move {
            tracing::warn!(transactional_id = %id, "a transaction was open for too long and is aborted");
            if let Err(error) = self.abort_and_fence(&id).await {
                tracing::warn!(transactional_id = %id, ?error, "a transaction could not be aborted");
            }
        });
        futures::future::join_all(aborted).await;
    }

    fn overdue(&self, now: Instant) -> Vec<String> {
        // One that is being changed is in use.
        let is_overdue = |transaction: &Shared| {
            transaction.try_lock().is_some_and(|transaction| transaction.is_overdue(now))
        };
        let live = self.inner.live.lock();
        live.iter().filter(|(_, transaction)| is_overdue(transaction)).map(|(id, _)| id.clone()).collect()
    }

    /// After a start: takes up what is remembered, and finishes what was decided and not finished.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn recover(&self) -> Result<()> {
        let this = self.clone();
        let undone = blocking(move || this.load_all()).await?;
        for id in undone {
            self.finish(&id).await?;
        }
        Ok(())
    }

    fn next_incarnation(
        &self,
        id: &str,
        timeout: Duration,
        last: Option<ProducerIdentity>,
    ) -> Result<Option<ProducerIdentity>> {
        let transaction = match self.find(id) {
            Ok(transaction) => transaction,
            Err(TransactionError::UnknownProducer) => self.create(id)?,
            Err(error) => return Err(error),
        };
        let mut transaction = transaction.lock();
        let Some(mut next) = transaction.next_incarnation(last)? else { return Ok(None) };
        next.timeout = timeout;
        if next.producer.epoch > ProducerEpoch(i16::MAX - 2) || next.producer.id.0 < 0 {
            // One epoch is kept in hand to fence the last incarnation.
            next.producer =
                ProducerIdentity { id: self.inner.log.allocate_producer_id()?, epoch: ProducerEpoch(0) };
        }
        self.save(id, &next, WriteBatch::default())?;
        transaction.replace(next);
        Ok(Some(transaction.record.producer))
    }

    /// Makes a durable change to the producer's transaction.
    fn change(
        &self,
        id: &str,
        producer: ProducerIdentity,
        change: impl FnOnce(&Transaction) -> Result<Option<Record>>,
    ) -> Result<()> {
        let transaction = self.find(id)?;
        let mut transaction = transaction.lock();
        transaction.check(producer)?;
        if let Some(changed) = change(&transaction)? {
            self.save(id, &changed, WriteBatch::default())?;
            transaction.replace(changed);
        }
        Ok(())
    }

    /// A transactional id that is remembered.
    fn find(&self, id: &str) -> Result<Arc<Shared>> {
        if let Some(transaction) = self.inner.live.lock().get(id) {
            return Ok(transaction.clone());
        }
        let stored = self.inner.store.get(&state_keys::transactional_id(id))?;
        let stored = stored.ok_or(TransactionError::UnknownProducer)?;
        let record = Record::decode(id, &stored)?;
        let mut live = self.inner.live.lock();
        let loaded = live.entry(id.to_owned()).or_insert_with(|| Arc::new(Shared::new(record)));
        Ok(loaded.clone())
    }

    fn create(&self, id: &str) -> Result<Arc<Shared>> {
        let mut live = self.inner.live.lock();
        if live.len() >= TRANSACTIONAL_IDS_MAX {
            let idle = live
                .iter()
                .filter_map(|(id, transaction)| Some((transaction.try_lock()?.idle_since()?, id.clone())));
            let Some((_, oldest)) = idle.min() else {
                return Err(Error::new(ErrorKind::LimitExceeded, "too many transactions are open").into());
            };
            let mut changes = WriteBatch::default();
            changes.delete(state_keys::transactional_id(&oldest));
            self.inner.store.write(&changes, Durability::Buffered)?;
            live.remove(&oldest);
        }
        let created = live.entry(id.to_owned()).or_insert_with(|| Arc::new(Shared::new(Record::default())));
        Ok(created.clone())
    }

    fn load_all(&self) -> Result<Vec<String>> {
        let snapshot = self.inner.store.snapshot();
        let mut undone = Vec::new();
        for entry in snapshot.scan(state_keys::transactional_ids()) {
            let (key, _) = entry?;
            let Some(id) = state_keys::parse_transactional_id(&key) else { continue };
            if self.find(&id)?.lock().is_decided() {
                undone.push(id);
            }
        }
        Ok(undone)
    }

    /// Stores a transaction, together with other changes.
    fn save(&self, id: &str, record: &Record, mut with: WriteBatch) -> Result<()> {
        with.put(state_keys::transactional_id(id), record.encode()?);
        Ok(self.inner.store.write(&with, Durability::Synced)?)
    }
}

/// Runs work that waits for the disk where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Error::internal(format!("work on a transaction ended early: {error}")).into()),
    }
}

#[cfg(test)]
mod tests;
