//! What readers and syncs see of a partition, and the one place where its offsets move.
//!
//! A view is behind a lock that is never held during input or output. The appender writes first and
//! then moves the view; a sync notes in the view what it will cover, syncs, and moves the view again.

use std::sync::Arc;

use crate::ids::Offset;
use crate::log::PartitionOffsets;
use crate::log::embedded::format::LogPosition;
use crate::log::embedded::segment::Segment;
use crate::log::transactions::Transactions;

/// The state of a partition that is read.
///
/// Invariant: `log_start ≤ last_stable ≤ high_watermark ≤ durable ≤ appended`, and
/// `high_watermark ≤ undecided`.
#[derive(Debug)]
pub(super) struct View {
    /// Oldest first; the last one takes appends.
    segments: Vec<Arc<Segment>>,
    log_start: Offset,
    last_stable: Offset,
    high_watermark: LogPosition,
    durable: LogPosition,
    appended: LogPosition,
    /// Where an undecided epoch begins.
    undecided: Option<LogPosition>,
    /// What the sync under way makes durable.
    syncing: Option<LogPosition>,
    unsynced: Unsynced,
    pub(super) sync_state: SyncState,
    pub(super) transactions: Transactions,
    pub(super) deleted: bool,
    /// Bytes appended since the last checkpoint.
    pub(super) bytes_since_checkpoint: u64,
}

/// What the next sync has to do.
#[derive(Default, Debug)]
pub(super) struct Unsynced {
    /// Segments with bytes that are not durable, oldest first.
    pub(super) segments: Vec<Arc<Segment>>,
    /// Whether files were made or removed.
    pub(super) names: bool,
}

/// Whether a partition waits for a sync. One sync per partition runs at a time; what is appended
/// meanwhile is covered by the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SyncState {
    Idle,
    Queued,
    Running,
    RunningAndWanted,
}

impl View {
    /// The view of a partition at start: everything there is durable.
    pub(super) fn new(
        segments: Vec<Arc<Segment>>,
        log_start: Offset,
        end: LogPosition,
        mut transactions: Transactions,
    ) -> View {
        let last_stable = transactions.last_stable(end.offset).max(log_start);
        View {
            segments,
            log_start,
            last_stable,
            high_watermark: end,
            durable: end,
            appended: end,
            undecided: None,
            syncing: None,
            unsynced: Unsynced::default(),
            sync_state: SyncState::Idle,
            transactions,
            deleted: false,
            bytes_since_checkpoint: 0,
        }
    }

    pub(super) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    pub(super) fn high_watermark(&self) -> LogPosition {
        self.high_watermark
    }

    pub(super) fn durable(&self) -> Offset {
        self.durable.offset
    }

    pub(super) fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            log_start: self.log_start,
            last_stable: self.last_stable,
            high_watermark: self.high_watermark.offset,
            end: self.appended.offset,
        }
    }

    /// The segment that holds an offset, and the base of the one behind it.
    pub(super) fn segment_of(&self, offset: Offset) -> Option<(Arc<Segment>, Option<Offset>)> {
        let above = self.segments.partition_point(|segment| segment.base() <= offset);
        let segment = self.segments.get(above.checked_sub(1)?)?;
        Some((Arc::clone(segment), self.segments.get(above).map(|next| next.base())))
    }

    /// A new segment takes the appends from now on.
    pub(super) fn add_segment(&mut self, segment: Arc<Segment>) {
        self.unsynced.names = true;
        self.segments.push(segment);
    }

    /// The log ends at `end` now, by bytes written to `segment`.
    pub(super) fn note_append(&mut self, segment: &Arc<Segment>, end: LogPosition, bytes: u64) {
        assert!(end.offset >= self.appended.offset, "an append moves the end forward");
        self.appended = end;
        self.bytes_since_checkpoint += bytes;
        if self.unsynced.segments.last().is_none_or(|last| !Arc::ptr_eq(last, segment)) {
            self.unsynced.segments.push(Arc::clone(segment));
        }
    }

    /// From here on the log is undecided.
    pub(super) fn begin_epoch(&mut self, start: LogPosition) {
        self.undecided = Some(start);
    }

    /// The epoch is decided: its records count. Answers whether the high watermark moved.
    pub(super) fn publish_epoch(&mut self) -> bool {
        self.undecided = None;
        self.advance()
    }

    /// The epoch is decided: its records are cut off again. Answers the segments that are gone with
    /// it, newest first: all behind the one it began in.
    pub(super) fn abort_epoch(&mut self, start: LogPosition, began_in: Option<Offset>) -> Vec<Arc<Segment>> {
        self.undecided = None;
        self.appended = start;
        if self.durable.offset > start.offset {
            self.durable = start;
        }
        if let Some(syncing) = &mut self.syncing
            && syncing.offset > start.offset
        {
            *syncing = start;
        }
        let is_kept = |segment: &Arc<Segment>| began_in.is_some_and(|base| segment.base() <= base);
        let mut gone = self.segments.split_off(self.segments.partition_point(is_kept));
        gone.reverse();
        self.unsynced.segments.retain(is_kept);
        self.unsynced.names |= !gone.is_empty();
        gone
    }

    /// Takes what a sync has to do.
    pub(super) fn begin_sync(&mut self) -> Unsynced {
        self.syncing = Some(self.appended);
        std::mem::take(&mut self.unsynced)
    }

    /// The sync succeeded. Answers whether the high watermark moved.
    pub(super) fn finish_sync(&mut self) -> bool {
        if let Some(synced) = self.syncing.take()
            && synced.offset > self.durable.offset
        {
            self.durable = synced;
        }
        self.advance()
    }

    /// Whether bytes wait for a sync.
    pub(super) fn is_unsynced(&self) -> bool {
        self.durable.offset < self.appended.offset
    }

    /// Everything below `offset` is gone. Answers the segments that are gone with it, oldest first.
    pub(super) fn trim(&mut self, offset: Offset) -> Vec<Arc<Segment>> {
        assert!(offset <= self.high_watermark.offset, "only what is visible is dropped");
        self.log_start = self.log_start.max(offset);
        self.last_stable = self.last_stable.max(self.log_start);
        self.transactions.trim(self.log_start);
        let starts_above = self.segments.partition_point(|segment| segment.base() <= self.log_start);
        let gone: Vec<_> = self.segments.drain(..starts_above.saturating_sub(1)).collect();
        self.unsynced.segments.retain(|unsynced| !gone.iter().any(|segment| Arc::ptr_eq(segment, unsynced)));
        gone
    }

    /// Moves the high watermark and the last stable offset as far as they may go.
    fn advance(&mut self) -> bool {
        let reachable = match self.undecided {
            Some(undecided) if undecided.offset < self.durable.offset => undecided,
            _ => self.durable,
        };
        let moved = reachable.offset > self.high_watermark.offset;
        if moved {
            self.high_watermark = reachable;
        }
        let stable = self.transactions.last_stable(self.high_watermark.offset);
        self.last_stable = self.last_stable.max(stable).max(self.log_start);
        moved
    }
}
