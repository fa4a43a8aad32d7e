//! What a partition remembers of its producers: who is fenced, what was written already.
//!
//! Of each producer the last five batches are known, because a client may have that many on their way
//! at once: a batch that comes again is answered with its old offsets. The state follows from the
//! batches alone, so it is rebuilt from the log; a snapshot at a checkpoint only shortens the way.

use hashbrown::HashMap;

use crate::error::{ErrorKind, Result, StorageError};
use crate::ids::{Offset, ProducerEpoch, ProducerId};
use crate::record::BatchHeader;
use crate::record::header::{NO_SEQUENCE, sequence_plus};

/// Batches known of each producer: as many as a client may have on their way (Kafka's number).
pub(crate) const RECENT_BATCHES: usize = 5;
/// Producers known of one partition. The one that has been silent longest is forgotten first; should
/// it come back in the middle of its sequence, it is told so and starts anew.
pub(crate) const PRODUCERS_MAX: usize = 4096;

/// Whether a batch is the next of its producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sequenced {
    /// It continues the sequence.
    New,
    /// It is there already.
    Duplicate {
        /// Offset of its first record.
        base_offset: Offset,
        /// Offset of its last record.
        last_offset: Offset,
    },
}

/// The producers of one partition.
#[derive(Default, Debug)]
pub(crate) struct Producers {
    entries: HashMap<ProducerId, Entry>,
    uses: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    state: ProducerSnapshot,
    last_use: u64,
}

/// One producer as a checkpoint keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ProducerSnapshot {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    /// Sequence number its next batch must begin with.
    pub(crate) next_sequence: i32,
    /// Offset of the first record of its open transaction.
    pub(crate) transaction: Option<Offset>,
    /// Its last batches, oldest first.
    pub(crate) recent: Vec<SequencedBatch>,
}

/// Where a batch of a producer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SequencedBatch {
    pub(crate) base_sequence: i32,
    pub(crate) last_sequence: i32,
    pub(crate) base_offset: Offset,
    pub(crate) last_offset: Offset,
}

impl Producers {
    /// The producers of a snapshot.
    pub(crate) fn restore(snapshot: Vec<ProducerSnapshot>) -> Producers {
        let mut producers = Producers::default();
        for state in snapshot {
            producers.uses += 1;
            producers.entries.insert(state.id, Entry { state, last_use: producers.uses });
        }
        producers
    }

    /// The producers as they were when the log ended at `end`. An open transaction is not part of it:
    /// that is known from the transactions.
    pub(crate) fn snapshot_at(&self, end: Offset) -> Vec<ProducerSnapshot> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_unstable_by_key(|entry| entry.last_use);
        entries
            .into_iter()
            .map(|entry| {
                let mut state = entry.state.clone();
                state.transaction = None;
                if let Some(first_beyond) = state.recent.iter().position(|batch| batch.last_offset >= end) {
                    state.next_sequence = state.recent[first_beyond].base_sequence;
                    state.recent.truncate(first_beyond);
                }
                state
            })
            .collect()
    }

    /// Checks a client's batch that has a producer id.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Sequenced> {
        let Some(Entry { state, .. }) = self.entries.get(&header.producer_id) else {
            if header.base_sequence == 0 {
                return Ok(Sequenced::New);
            }
            return Err(StorageError::new(
                ErrorKind::UnknownProducer,
                format!(
                    "producer {} is not known here, yet its batch begins at sequence {}",
                    header.producer_id.0, header.base_sequence
                ),
            ));
        };
        state.check_epoch(header.producer_epoch)?;
        if header.producer_epoch > state.epoch {
            return if header.base_sequence == 0 { Ok(Sequenced::New) } else { Err(out_of_order(header, 0)) };
        }
        let duplicate = state.recent.iter().find(|batch| {
            batch.base_sequence == header.base_sequence && batch.last_sequence == header.last_sequence()
        });
        if let Some(batch) = duplicate {
            return Ok(Sequenced::Duplicate {
                base_offset: batch.base_offset,
                last_offset: batch.last_offset,
            });
        }
        if header.base_sequence != state.next_sequence {
            return Err(out_of_order(header, state.next_sequence));
        }
        if state.transaction.is_some() && !header.attributes.is_transactional() {
            return Err(StorageError::new(
                ErrorKind::InvalidTransactionState,
                format!(
                    "producer {} has an open transaction and sent a batch outside of it",
                    header.producer_id.0
                ),
            ));
        }
        Ok(Sequenced::New)
    }

    /// Whether the producer has an open transaction, and where it began.
    pub(crate) fn open_transaction(&self, id: ProducerId) -> Option<Offset> {
        self.entries.get(&id)?.state.transaction
    }

    /// Refuses an epoch that a newer one has fenced.
    pub(crate) fn check_epoch(&self, id: ProducerId, epoch: ProducerEpoch) -> Result<()> {
        self.entries.get(&id).map_or(Ok(()), |entry| entry.state.check_epoch(epoch))
    }

    /// The sequence number the producer's next batch begins with.
    pub(crate) fn next_sequence(&self, id: ProducerId) -> i32 {
        self.entries.get(&id).map_or(0, |entry| entry.state.next_sequence)
    }

    /// Takes note of a batch of records that is in the log now.
    pub(crate) fn note_batch(&mut self, header: &BatchHeader) {
        let state = self.entry(header.producer_id, header.producer_epoch);
        if header.attributes.is_transactional() && state.transaction.is_none() {
            state.transaction = Some(header.base_offset);
        }
        if header.base_sequence == NO_SEQUENCE {
            return;
        }
        state.next_sequence = sequence_plus(header.last_sequence(), 1);
        if state.recent.len() == RECENT_BATCHES {
            state.recent.remove(0);
        }
        state.recent.push(SequencedBatch {
            base_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
        });
    }

    /// Takes note of a transaction found open, as a checkpoint tells.
    pub(crate) fn note_open_transaction(&mut self, id: ProducerId, first_offset: Offset) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.state.transaction = Some(first_offset);
        }
    }

    /// Takes note of the end of a producer's transaction by `epoch`.
    pub(crate) fn note_end(&mut self, id: ProducerId, epoch: ProducerEpoch) {
        self.entry(id, epoch).transaction = None;
    }

    /// The state of a producer in its newest epoch, made where it is missing.
    fn entry(&mut self, id: ProducerId, epoch: ProducerEpoch) -> &mut ProducerSnapshot {
        if self.entries.len() >= PRODUCERS_MAX && !self.entries.contains_key(&id) {
            self.forget_oldest();
        }
        self.uses += 1;
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            state: ProducerSnapshot {
                id,
                epoch,
                next_sequence: 0,
                transaction: None,
                recent: Vec::with_capacity(RECENT_BATCHES),
            },
            last_use: 0,
        });
        entry.last_use = self.uses;
        if epoch > entry.state.epoch {
            entry.state.epoch = epoch;
            entry.state.next_sequence = 0;
            entry.state.recent.clear();
        }
        &mut entry.state
    }

    fn forget_oldest(&mut self) {
        let idle = self.entries.values().filter(|entry| entry.state.transaction.is_none());
        let oldest = idle.min_by_key(|entry| entry.last_use).map(|entry| entry.state.id);
        if let Some(id) = oldest {
            self.entries.remove(&id);
        }
    }
}

impl ProducerSnapshot {
    fn check_epoch(&self, epoch: ProducerEpoch) -> Result<()> {
        if epoch >= self.epoch {
            return Ok(());
        }
        Err(StorageError::new(
            ErrorKind::ProducerFenced,
            format!(
                "producer {} has epoch {} by now; a batch of epoch {} comes from an older incarnation",
                self.id.0, self.epoch.0, epoch.0
            ),
        ))
    }
}

fn out_of_order(header: &BatchHeader, expected: i32) -> StorageError {
    StorageError::new(
        ErrorKind::OutOfOrderSequence,
        format!(
            "producer {} sent sequence {}, expected was {expected}: a batch in between is missing",
            header.producer_id.0, header.base_sequence
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, BatchProducer, Codec};

    fn header(id: i64, epoch: i16, base_sequence: i32, count: usize, base_offset: i64) -> BatchHeader {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.set_producer(BatchProducer {
            id: ProducerId(id),
            epoch: ProducerEpoch(epoch),
            base_sequence,
            transactional: false,
        });
        for _ in 0..count {
            builder.append(0, None, None, &[]).unwrap();
        }
        let mut header = BatchHeader::parse(&builder.build().unwrap()).unwrap();
        header.base_offset = Offset(base_offset);
        header
    }

    #[test]
    fn the_last_five_batches_are_answered_as_duplicates() {
        let mut producers = Producers::default();
        for batch in 0..7 {
            producers.note_batch(&header(1, 0, batch * 2, 2, i64::from(batch) * 2));
        }
        assert_eq!(
            producers.check(&header(1, 0, 4, 2, -1)).unwrap(),
            Sequenced::Duplicate { base_offset: Offset(4), last_offset: Offset(5) }
        );
        let too_old = producers.check(&header(1, 0, 0, 2, -1)).unwrap_err();
        assert_eq!(too_old.kind(), ErrorKind::OutOfOrderSequence);
        assert_eq!(producers.check(&header(1, 0, 14, 1, -1)).unwrap(), Sequenced::New);
        assert_eq!(
            producers.check(&header(1, 0, 15, 1, -1)).unwrap_err().kind(),
            ErrorKind::OutOfOrderSequence
        );
    }

    #[test]
    fn a_newer_epoch_begins_at_zero_and_fences_the_older() {
        let mut producers = Producers::default();
        producers.note_batch(&header(1, 3, 0, 5, 0));
        assert_eq!(producers.check(&header(1, 4, 0, 1, -1)).unwrap(), Sequenced::New);
        assert_eq!(
            producers.check(&header(1, 4, 5, 1, -1)).unwrap_err().kind(),
            ErrorKind::OutOfOrderSequence
        );
        producers.note_batch(&header(1, 4, 0, 1, 5));
        assert_eq!(producers.check(&header(1, 3, 5, 1, -1)).unwrap_err().kind(), ErrorKind::ProducerFenced);
    }

    #[test]
    fn a_snapshot_knows_nothing_of_what_may_be_lost() {
        let mut producers = Producers::default();
        for batch in 0..4 {
            producers.note_batch(&header(1, 0, batch * 10, 10, i64::from(batch) * 10));
        }
        let restored = Producers::restore(producers.snapshot_at(Offset(20)));
        assert_eq!(restored.check(&header(1, 0, 20, 10, -1)).unwrap(), Sequenced::New);
        assert_eq!(
            restored.check(&header(1, 0, 10, 10, -1)).unwrap(),
            Sequenced::Duplicate { base_offset: Offset(10), last_offset: Offset(19) }
        );
    }

    #[test]
    fn the_silent_producer_is_forgotten_first() {
        let mut producers = Producers::default();
        for id in 0..=PRODUCERS_MAX as i64 {
            producers.note_batch(&header(id, 0, 0, 1, id));
        }
        assert_eq!(producers.check(&header(0, 0, 1, 1, -1)).unwrap_err().kind(), ErrorKind::UnknownProducer);
        assert_eq!(producers.check(&header(1, 0, 1, 1, -1)).unwrap(), Sequenced::New);
    }
}
