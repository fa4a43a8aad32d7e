//! A partition of the log in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::watch;

use crate::error::Result;
use crate::ids::{Offset, ProducerEpoch, ProducerId, TopicPartition};
use crate::io::Clock;
use crate::log::checks::{check_batch, no_open_transaction, out_of_range, unknown_partition};
use crate::log::producer_state::{Producers, Sequenced};
use crate::log::transactions::Transactions;
use crate::log::{
    Appended, Isolation, Origin, PartitionOffsets, Slice, TopicSettings, TransactionEnd, Watermark,
};
use crate::record::control::{self, Marker};
use crate::record::{BatchHeader, HEADER_BYTES, HeaderBytes};

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) target: TopicPartition,
    pub(super) state: Mutex<State>,
    /// Signalled when an epoch was decided or the partition deleted.
    pub(super) decided: Condvar,
    pub(super) watermark: watch::Sender<Watermark>,
}

#[derive(Default, Debug)]
pub(super) struct State {
    /// Oldest first; the last one takes appends.
    pub(super) segments: VecDeque<Segment>,
    pub(super) log_start: Offset,
    pub(super) last_stable: Offset,
    pub(super) high_watermark: Offset,
    pub(super) end: Offset,
    pub(super) producers: Producers,
    pub(super) transactions: Transactions,
    pub(super) epoch_undecided: bool,
    pub(super) deleted: bool,
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    pub(super) bytes: u64,
    pub(super) appended_ms: i64,
    pub(super) batches: Vec<(BatchHeader, Bytes)>,
}

impl Partition {
    pub(super) fn new(target: TopicPartition) -> Arc<Partition> {
        let (watermark, _) = watch::channel(Watermark::At(Offset::ZERO));
        Arc::new(Partition { target, state: Mutex::default(), decided: Condvar::new(), watermark })
    }

    /// The state, once no epoch is undecided.
    pub(super) fn lock_to_append(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock();
        while state.epoch_undecided && !state.deleted {
            self.decided.wait(&mut state);
        }
        if state.deleted { Err(unknown_partition(&self.target)) } else { Ok(state) }
    }

    pub(super) fn append_waits(&self) -> bool {
        self.state.try_lock().is_none_or(|state| state.epoch_undecided && !state.deleted)
    }

    pub(super) fn append(
        &self,
        settings: &TopicSettings,
        batch: &Bytes,
        origin: Origin,
        now_ms: i64,
    ) -> Result<Appended> {
        let mut header = check_batch(batch, settings, origin)?;
        let mut bytes = HeaderBytes::of(batch)?;
        if bytes.max_timestamp() != header.max_timestamp {
            bytes.set_max_timestamp(header.max_timestamp, batch.len() - HEADER_BYTES);
        }
        let sequenced = origin == Origin::Client && header.producer_id != ProducerId::NONE;
        let mut state = self.lock_to_append()?;
        if sequenced
            && let Sequenced::Duplicate { base_offset, last_offset } = state.producers.check(&header)?
        {
            return Ok(self.appended(&state, base_offset, last_offset, true));
        }
        header.base_offset = state.end;
        state.write(settings, header, bytes, batch, now_ms);
        if sequenced {
            let begins = header.attributes.is_transactional()
                && state.producers.open_transaction(header.producer_id).is_none();
            if begins {
                state.transactions.begin(header.producer_id, header.base_offset);
            }
            state.producers.note_batch(&header);
        }
        self.advance(&mut state);
        Ok(self.appended(&state, header.base_offset, header.last_offset(), false))
    }

    pub(super) fn end_transaction(
        &self,
        settings: &TopicSettings,
        producer_id: ProducerId,
        epoch: ProducerEpoch,
        end: TransactionEnd,
        clock: &dyn Clock,
        now_ms: i64,
    ) -> Result<Appended> {
        let marker = match end {
            TransactionEnd::Commit => Marker::Commit,
            TransactionEnd::Abort => Marker::Abort,
        };
        let batch = control::build(marker, producer_id, epoch, clock.wall_ms())?;
        let mut header = BatchHeader::parse(&batch)?;
        let bytes = HeaderBytes::of(&batch)?;
        let mut state = self.lock_to_append()?;
        state.producers.check_epoch(producer_id, epoch)?;
        let first_offset = state
            .producers
            .open_transaction(producer_id)
            .ok_or_else(|| no_open_transaction(producer_id, &self.target))?;
        header.base_offset = state.end;
        state.write(settings, header, bytes, &batch, now_ms);
        state.producers.note_end(producer_id, epoch);
        state.transactions.end(first_offset, header.base_offset, marker);
        self.advance(&mut state);
        Ok(self.appended(&state, header.base_offset, header.last_offset(), false))
    }

    pub(super) fn read(&self, from: Offset, bytes_max: usize, isolation: Isolation) -> Result<Slice> {
        let state = self.state.lock();
        let offsets = state.offsets();
        if from < offsets.log_start || from > offsets.end {
            return Err(out_of_range(&self.target, from, &offsets));
        }
        let limit = match isolation {
            Isolation::ReadUncommitted => offsets.high_watermark,
            Isolation::ReadCommitted => offsets.last_stable,
        };
        let mut found: Vec<&(BatchHeader, Bytes)> = Vec::new();
        let mut total = 0;
        for batch in state.batches_from(from).take_while(|(header, _)| header.base_offset < limit) {
            if !found.is_empty() && total + batch.1.len() > bytes_max {
                break;
            }
            total += batch.1.len();
            found.push(batch);
        }
        let aborted = match (isolation, found.first(), found.last()) {
            (Isolation::ReadCommitted, Some((first, _)), Some((last, _))) => {
                state.transactions.aborted_within(&(first.base_offset..last.next_offset()))
            }
            _ => Vec::new(),
        };
        let batches = match found.as_slice() {
            [(_, single)] => single.clone(),
            several => {
                let mut bytes = BytesMut::with_capacity(total);
                several.iter().for_each(|(_, batch)| bytes.extend_from_slice(batch));
                bytes.freeze()
            }
        };
        Ok(Slice { batches, offsets, aborted })
    }

    pub(super) fn enforce_retention(&self, settings: &TopicSettings, now_ms: i64) -> usize {
        let mut state = self.state.lock();
        if state.epoch_undecided {
            return 0;
        }
        let is_old = |segment: &Segment| {
            settings.retention_ms.is_some_and(|max| now_ms.saturating_sub(segment.appended_ms) > max)
        };
        let active_is_old = state.segments.back().is_some_and(|active| active.bytes > 0 && is_old(active));
        if active_is_old && state.last_stable == state.end {
            state.roll(now_ms);
        }
        let mut left: u64 = state.segments.iter().map(|segment| segment.bytes).sum();
        let mut dropped = 0;
        while let (Some(first), Some(next)) = (state.segments.front(), state.segments.get(1)) {
            left -= first.bytes;
            let superfluous = settings.retention_bytes.is_some_and(|max| left >= max);
            let next = next.base;
            if !(is_old(first) || superfluous) || next > state.last_stable {
                break;
            }
            state.trim(next);
            dropped += 1;
        }
        dropped
    }

    pub(super) fn advance(&self, state: &mut State) {
        if !state.epoch_undecided {
            state.high_watermark = state.end;
        }
        let stable = state.transactions.last_stable(state.high_watermark);
        state.last_stable = state.last_stable.max(stable).max(state.log_start);
        self.watermark.send_replace(Watermark::At(state.high_watermark));
    }

    pub(super) fn appended(
        &self,
        state: &State,
        base_offset: Offset,
        last_offset: Offset,
        duplicate: bool,
    ) -> Appended {
        Appended::new(base_offset, last_offset, duplicate, state.log_start, self.watermark.subscribe())
    }
}

impl State {
    pub(super) fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            log_start: self.log_start,
            last_stable: self.last_stable,
            high_watermark: self.high_watermark,
            end: self.end,
        }
    }

    pub(super) fn roll(&mut self, now_ms: i64) {
        self.segments.push_back(Segment {
            base: self.end,
            bytes: 0,
            appended_ms: now_ms,
            batches: Vec::new(),
        });
    }

    pub(super) fn write(
        &mut self,
        settings: &TopicSettings,
        header: BatchHeader,
        mut bytes: HeaderBytes,
        batch: &[u8],
        now_ms: i64,
    ) {
        bytes.set_base_offset(header.base_offset);
        let mut stored = BytesMut::with_capacity(batch.len());
        stored.extend_from_slice(bytes.as_bytes());
        stored.extend_from_slice(&batch[HEADER_BYTES..]);
        let total = stored.len() as u64;
        let fits = self
            .segments
            .back()
            .is_some_and(|active| active.bytes == 0 || active.bytes + total <= settings.segment_bytes);
        if !fits {
            self.roll(now_ms);
        }
        if let Some(active) = self.segments.back_mut() {
            active.bytes += total;
            active.appended_ms = now_ms;
            active.batches.push((header, stored.freeze()));
        }
        self.end = header.next_offset();
    }

    /// The batches from the one that holds an offset.
    pub(super) fn batches_from(&self, from: Offset) -> impl Iterator<Item = &(BatchHeader, Bytes)> {
        let first = self.segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
        self.segments.range(first..).flat_map(move |segment| {
            let begin = segment.batches.partition_point(|(header, _)| header.next_offset() <= from);
            &segment.batches[begin..]
        })
    }

    /// The visible batches of data.
    pub(super) fn visible_data(&self) -> impl Iterator<Item = &(BatchHeader, Bytes)> {
        self.batches_from(self.log_start)
            .take_while(|(header, _)| header.base_offset < self.high_watermark)
            .filter(|(header, _)| !header.attributes.is_control())
    }

    pub(super) fn trim(&mut self, offset: Offset) {
        self.log_start = self.log_start.max(offset);
        self.last_stable = self.last_stable.max(self.log_start);
        self.transactions.trim(self.log_start);
        while self.segments.get(1).is_some_and(|next| next.base <= self.log_start) {
            self.segments.pop_front();
        }
    }

    /// Cuts everything from an offset on off again.
    pub(super) fn cut_back(&mut self, end: Offset) {
        self.end = end;
        self.segments.retain(|segment| segment.base < end || segment.base == Offset::ZERO);
        if let Some(active) = self.segments.back_mut() {
            let kept = active.batches.partition_point(|(header, _)| header.base_offset < end);
            active.batches.truncate(kept);
            active.bytes = active.batches.iter().map(|(_, batch)| batch.len() as u64).sum();
        }
    }
}
