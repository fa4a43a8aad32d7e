//! Forgetting: old segments by age and size, and everything below an offset on request.
//!
//! Only whole segments are removed, only below the last stable offset, and oldest first. The
//! checkpoint with the new start of the log goes ahead, so whatever part of the removal a power cut
//! takes back, the next start finishes it.
//!
//! The age of a segment counts from its last append by the monotonic clock: neither a wall clock that
//! jumps nor a record that claims to be from another century makes fresh data old.

use std::sync::Arc;

use crate::error::{ErrorKind, Result};
use crate::ids::Offset;
use crate::log::TopicSettings;
use crate::log::checks::out_of_range;
use crate::log::embedded::partition::Partition;
use crate::log::embedded::segment::Segment;
use crate::log::embedded::shared::Shared;

impl Partition {
    /// Drops what the settings no longer keep; answers the number of segments.
    pub(super) fn enforce_retention(
        self: &Arc<Self>,
        shared: &Shared,
        settings: &TopicSettings,
    ) -> Result<usize> {
        if let Some(retention_ms) = settings.retention_ms {
            self.roll_if_old(shared, retention_ms)?;
        }
        let log_start = match self.retained_from(shared, settings) {
            Some(log_start) => log_start,
            None if self.doomed.lock().is_empty() => return Ok(0),
            // A removal that could not be finished is taken up again.
            None => self.offsets().log_start,
        };
        let (removed, _) = self.drop_below(shared, log_start)?;
        Ok(removed)
    }

    /// Drops everything below an offset.
    pub(super) fn trim(self: &Arc<Self>, shared: &Shared, offset: Offset) -> Result<()> {
        let offsets = self.offsets();
        if offset > offsets.high_watermark {
            return Err(out_of_range(self.target(), offset, &offsets));
        }
        if offset > offsets.log_start {
            let (_, checkpointed) = self.drop_below(shared, offset)?;
            if !checkpointed {
                // Only the checkpoint says where within a segment the log begins.
                self.checkpoint(shared)?;
            }
        }
        Ok(())
    }

    /// The log's start under the settings, where it moves.
    fn retained_from(&self, shared: &Shared, settings: &TopicSettings) -> Option<Offset> {
        let now_ms = shared.monotonic_ms();
        let view = self.view.lock();
        let segments = view.segments();
        let mut left: u64 = segments.iter().map(|segment| segment.bytes()).sum();
        let mut log_start = None;
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            left -= segment.bytes();
            let expired = settings.retention_ms.is_some_and(|max| is_older(segment, now_ms, max));
            let superfluous = settings.retention_bytes.is_some_and(|max| left >= max);
            if !(expired || superfluous) || next.base() > view.offsets().last_stable {
                break;
            }
            log_start = Some(next.base());
        }
        log_start
    }

    /// Closes an active segment that is old as a whole, so that it can be dropped.
    fn roll_if_old(&self, shared: &Shared, retention_ms: i64) -> Result<()> {
        let mut writer = self.writer.lock();
        if writer.epoch_undecided || writer.refusal.is_some() {
            return Ok(());
        }
        let old = writer.active.as_ref().is_some_and(|active| {
            active.bytes() > 0 && is_older(active, shared.monotonic_ms(), retention_ms)
        });
        if old && self.offsets().last_stable == writer.end.offset {
            self.roll(shared, &mut writer)?;
        }
        Ok(())
    }

    /// Moves the log's start and removes what lies below; answers how many segments are gone and
    /// whether the start is in the checkpoint.
    fn drop_below(&self, shared: &Shared, log_start: Offset) -> Result<(usize, bool)> {
        let mut doomed = self.doomed.lock();
        doomed.extend(self.view.lock().trim(log_start));
        let mut checkpointed = self.checkpoint_unless_full(shared)?;
        let mut removed = 0;
        // Without the checkpoint every removal is made durable before the next, so that no hole can
        // appear; the first one may make room for it.
        while let Some(segment) = doomed.front() {
            let gone = segment
                .remove(&*shared.disk)
                .and_then(|()| if checkpointed { Ok(()) } else { shared.disk.sync_dir(self.directory()) });
            if let Err(error) = gone
                && !self.view.lock().deleted
            {
                return Err(shared.failed("remove", segment.path(), &error));
            }
            doomed.pop_front();
            removed += 1;
            checkpointed = checkpointed || self.checkpoint_unless_full(shared)?;
        }
        Ok((removed, checkpointed))
    }

    /// Whether a checkpoint was written. A full disk must not keep its own relief from happening.
    fn checkpoint_unless_full(&self, shared: &Shared) -> Result<bool> {
        match self.checkpoint(shared) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::DiskFull => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_older(segment: &Segment, now_ms: i64, max_ms: i64) -> bool {
    now_ms.saturating_sub(segment.appended_ms()) > max_ms
}
