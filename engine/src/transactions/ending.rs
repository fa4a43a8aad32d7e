//! The end of a transaction: decision, markers, conclusion.

use std::time::Duration;

use futures::future::join_all;
use tidemill_storage::log::{Appended, TransactionEnd};
use tidemill_storage::state::WriteBatch;
use tidemill_storage::{ErrorKind as StorageErrorKind, StorageError};

use super::record::{Phase, Record};
use super::{Result, TransactionError, Transactions, blocking};
use crate::topics::ProducerIdentity;

/// Pause before markers that could not be written are tried again: a full disk may be emptied.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

impl Transactions {
    /// Stores how the producer's transaction ends (blocking). False where it had ended so before.
    pub(super) fn decide(&self, id: &str, producer: ProducerIdentity, end: TransactionEnd) -> Result<bool> {
        let mut decided = false;
        self.change(id, producer, |transaction| {
            let record = transaction.decide(end)?;
            decided = record.is_some();
            Ok(record)
        })?;
        Ok(decided)
    }

    /// Aborts whatever the transactional id has open, and fences its producer.
    pub(super) async fn abort_and_fence(&self, id: &str) -> Result<()> {
        let (this, name) = (self.clone(), id.to_owned());
        let fenced = blocking(move || {
            let transaction = this.find(&name)?;
            let mut transaction = transaction.lock();
            let Some(fenced) = transaction.fence() else { return Ok(false) };
            this.save(&name, &fenced, WriteBatch::default())?;
            transaction.replace(fenced);
            Ok(true)
        });
        if fenced.await? { self.finish(id).await } else { Ok(()) }
    }

    /// Carries out a decision. Once begun it goes on, whether or not the caller waits for it.
    pub(super) async fn finish(&self, id: &str) -> Result<()> {
        let (this, id) = (self.clone(), id.to_owned());
        let finishing = tokio::spawn(async move {
            loop {
                match this.write_markers(&id).await {
                    Ok(()) => break,
                    Err(error) if error.kind() == StorageErrorKind::DiskFull => {
                        tracing::warn!(transactional_id = %id, %error, "the end of a transaction waits");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                    // The decision is durable: the next start finishes it.
                    Err(error) => return Err(TransactionError::from(error)),
                }
            }
            blocking(move || this.conclude(&id)).await
        });
        match finishing.await {
            Ok(outcome) => outcome,
            // The runtime stops; the decision is durable.
            Err(_) => Err(TransactionError::Concurrent),
        }
    }

    /// Puts the marker into every partition, and waits until all are durable.
    async fn write_markers(&self, id: &str) -> std::result::Result<(), StorageError> {
        let (this, id) = (self.clone(), id.to_owned());
        let written = blocking(move || Ok(this.append_markers(&id)));
        let appended = written.await.map_err(|error| {
            StorageError::new(StorageErrorKind::Io, format!("markers were not written: {error:?}"))
        })??;
        for outcome in join_all(appended.into_iter().map(Appended::durable)).await {
            match outcome {
                // A topic that was deleted meanwhile needs no marker.
                Err(error) if error.kind() != StorageErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn append_markers(&self, id: &str) -> std::result::Result<Vec<Appended>, StorageError> {
        let Ok(transaction) = self.find(id) else { return Ok(Vec::new()) };
        let record = transaction.lock().record.clone();
        let Phase::Decided(end) = record.phase else { return Ok(Vec::new()) };
        let mut appended = Vec::with_capacity(record.partitions.len());
        for target in &record.partitions {
            match self.inner.log.end_transaction(target, record.producer.id, record.producer.epoch, end) {
                Ok(marker) => appended.push(marker),
                // The partition got no record, or has its marker from before a restart, or is gone.
                Err(error)
                    if matches!(
                        error.kind(),
                        StorageErrorKind::InvalidTransactionState | StorageErrorKind::NotFound
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(appended)
    }

    /// The markers are everywhere: the transaction is over, and with a commit the offsets move.
    fn conclude(&self, id: &str) -> Result<()> {
        let transaction = self.find(id)?;
        let mut transaction = transaction.lock();
        let Phase::Decided(end) = transaction.record.phase else { return Ok(()) };
        let mut changes = WriteBatch::default();
        let _not_expiring = self.inner.groups.committing();
        if end == TransactionEnd::Commit {
            for (group, offsets) in &transaction.record.offsets {
                let offsets: Vec<_> = offsets.clone().into_iter().collect();
                self.inner.groups.stage(group, &offsets, &mut changes)?;
            }
        }
        let record = Record {
            producer: transaction.record.producer,
            timeout: transaction.record.timeout,
            phase: Phase::Ended(end),
            ..Record::default()
        };
        self.save(id, &record, changes)?;
        transaction.replace(record);
        Ok(())
    }
}
