//! The states of one transaction, without disk and log: which call is allowed when, and what it makes
//! of the record. A changed record takes effect by [`Transaction::replace`], after it was stored.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use tidemill_storage::TopicPartition;
use tidemill_storage::log::TransactionEnd;

use super::record::{Phase, Record};
use super::{Result, TransactionError};
use crate::group_offsets::GroupOffset;
use crate::topics::ProducerIdentity;

/// A transaction that is remembered. Its lock is held while a change of it is stored; whoever only
/// wants to know looks at what was stored last, and waits for no disk.
pub(super) struct Shared {
    transaction: Mutex<Transaction>,
    stored: Arc<Mutex<Arc<Record>>>,
}

impl Shared {
    /// As it was found or just made.
    pub(super) fn new(record: Record) -> Shared {
        let transaction = Transaction::new(record);
        Shared { stored: transaction.stored.clone(), transaction: Mutex::new(transaction) }
    }

    /// To change it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Transaction> {
        self.transaction.lock()
    }

    /// To change it, unless a change is under way.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Transaction>> {
        self.transaction.try_lock()
    }

    /// What was stored last.
    pub(super) fn stored(&self) -> Arc<Record> {
        self.stored.lock().clone()
    }
}

/// A transactional id and its last transaction.
pub(super) struct Transaction {
    pub(super) record: Record,
    stored: Arc<Mutex<Arc<Record>>>,
    /// When it last changed in this process: the age of an open transaction, or of an idle id.
    since: Instant,
}

impl Transaction {
    /// As it was found or just made. A transaction that was open before a restart has its whole time
    /// again.
    fn new(record: Record) -> Transaction {
        let stored = Arc::new(Mutex::new(Arc::new(record.clone())));
        Transaction { record, stored, since: Instant::now() }
    }

    /// Takes over a record that was stored.
    pub(super) fn replace(&mut self, record: Record) {
        if self.record.phase != record.phase {
            self.since = Instant::now();
        }
        *self.stored.lock() = Arc::new(record.clone());
        self.record = record;
    }

    /// Refuses a producer that is not the current incarnation.
    pub(super) fn check(&self, producer: ProducerIdentity) -> Result<()> {
        if producer.id != self.record.producer.id {
            return Err(TransactionError::UnknownProducer);
        }
        if producer.epoch != self.record.producer.epoch { Err(TransactionError::Fenced) } else { Ok(()) }
    }

    /// Refuses a batch that does not belong to the open transaction.
    pub(super) fn check_append(&self, producer: ProducerIdentity, target: &TopicPartition) -> Result<()> {
        self.check(producer)?;
        let belongs = self.record.phase == Phase::Ongoing && self.record.partitions.contains(target);
        if belongs { Ok(()) } else { Err(TransactionError::InvalidState) }
    }

    /// The record of the next incarnation; `None` while a transaction is open.
    pub(super) fn next_incarnation(&self, last: Option<ProducerIdentity>) -> Result<Option<Record>> {
        if let Some(last) = last {
            if last.id != self.record.producer.id || last.epoch > self.record.producer.epoch {
                return Err(TransactionError::Fenced);
            }
            // One behind is the same producer, which did not get the answer to its first try, or whose
            // open transaction was aborted by this very call.
            if i32::from(self.record.producer.epoch.0) - i32::from(last.epoch.0) > 1 {
                return Err(TransactionError::Fenced);
            }
        }
        match self.record.phase {
            Phase::Ongoing => Ok(None),
            Phase::Decided(_) => Err(TransactionError::Concurrent),
            Phase::Empty | Phase::Ended(_) => {
                let mut producer = self.record.producer;
                producer.epoch.0 = producer.epoch.0.saturating_add(1);
                Ok(Some(Record { producer, ..Record::default() }))
            }
        }
    }

    /// The record with an open transaction; `None` where one is open.
    pub(super) fn begin(&self) -> Result<Option<Record>> {
        match self.record.phase {
            Phase::Ongoing => Ok(None),
            Phase::Decided(_) => Err(TransactionError::Concurrent),
            Phase::Empty | Phase::Ended(_) => Ok(Some(Record {
                producer: self.record.producer,
                timeout: self.record.timeout,
                phase: Phase::Ongoing,
                ..Record::default()
            })),
        }
    }

    /// The record with more partitions; `None` where all are there.
    pub(super) fn add_partitions(&self, partitions: &[TopicPartition]) -> Result<Option<Record>> {
        let mut record = self.begin()?.unwrap_or_else(|| self.record.clone());
        record.partitions.extend(partitions.iter().cloned());
        Ok((record != self.record).then_some(record))
    }

    /// The record with offsets of a group.
    pub(super) fn add_group_offsets(
        &self,
        group: &str,
        offsets: &[(TopicPartition, GroupOffset)],
    ) -> Result<Option<Record>> {
        match self.record.phase {
            Phase::Ongoing => {}
            Phase::Decided(_) => return Err(TransactionError::Concurrent),
            Phase::Empty | Phase::Ended(_) => return Err(TransactionError::InvalidState),
        }
        let mut record = self.record.clone();
        record.offsets.entry(group.to_owned()).or_default().extend(offsets.iter().cloned());
        Ok(Some(record))
    }

    /// The record with the decision; `None` where the same was decided and done before.
    pub(super) fn decide(&self, end: TransactionEnd) -> Result<Option<Record>> {
        match self.record.phase {
            Phase::Ongoing => Ok(Some(Record { phase: Phase::Decided(end), ..self.record.clone() })),
            Phase::Decided(_) => Err(TransactionError::Concurrent),
            Phase::Ended(before) if before == end => Ok(None),
            Phase::Empty | Phase::Ended(_) => Err(TransactionError::InvalidState),
        }
    }

    /// The record with an abort that fences the producer; `None` where nothing is open.
    pub(super) fn fence(&self) -> Option<Record> {
        let mut record = self.decide(TransactionEnd::Abort).ok().flatten()?;
        record.producer.epoch.0 = record.producer.epoch.0.saturating_add(1);
        Some(record)
    }

    /// Whether it was decided and is not ended.
    pub(super) fn is_decided(&self) -> bool {
        matches!(self.record.phase, Phase::Decided(_))
    }

    /// Whether it has been open for longer than its producer allowed.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.record.phase == Phase::Ongoing && now.saturating_duration_since(self.since) > self.record.timeout
    }

    /// Since when nothing is open, if so.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        matches!(self.record.phase, Phase::Empty | Phase::Ended(_)).then_some(self.since)
    }
}
