//! A bound on the bytes that all connections of a door together hold in memory.
//!
//! Each connection may hold a small allotment unasked (see [`FREE_BYTES`]); whatever is larger is
//! reserved here first, as a whole, and waits while others hold too much. Whoever holds a share and
//! wants more of the same budget waits with a deadline, so that holders do not wait for each other.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a connection may hold without reserving it. Times the greatest number of connections, this is
/// the memory that cannot be refused.
pub(crate) const FREE_BYTES: usize = 64 * 1024;

/// Granularity of the count.
const UNIT_BYTES: usize = 1024;

/// A number of bytes to share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    units_total: usize,
}

/// Bytes held; given back when dropped.
#[derive(Default, Debug)]
pub(crate) struct Reservation {
    permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: usize) -> Budget {
        let units_total = (bytes / UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Budget { units: Arc::new(Semaphore::new(units_total)), units_total }
    }

    /// Waits for `bytes`. Nothing is reserved for what fits into a connection's allotment; more than
    /// the whole budget is taken as the whole, so that it can go on alone.
    pub(crate) async fn reserve(&self, bytes: usize) -> Reservation {
        if bytes <= FREE_BYTES {
            return Reservation::default();
        }
        let units = bytes.div_ceil(UNIT_BYTES).min(self.units_total);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // The semaphore is never closed; were it, there would be nothing left to count.
        Reservation { permit: self.units.clone().acquire_many_owned(units).await.ok() }
    }

    /// Reserves `bytes`, of which none are free, for something that stays; `None` where they are not
    /// there. Nobody waits: what others keep may stay for ever.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let permit = self.units.clone().try_acquire_many_owned(units).ok()?;
        Some(Reservation { permit: Some(permit) })
    }

    /// Bytes not reserved at the moment.
    #[cfg(test)]
    pub(crate) fn available_bytes(&self) -> usize {
        self.units.available_permits() * UNIT_BYTES
    }
}

impl Reservation {
    /// Gives back all but `bytes`.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let Some(permit) = &mut self.permit else { return };
        let excess = permit.num_permits().saturating_sub(bytes.div_ceil(UNIT_BYTES));
        drop(permit.split(excess));
    }

    /// Adds another reservation to this one.
    pub(crate) fn merge(&mut self, other: Reservation) {
        match (&mut self.permit, other.permit) {
            (Some(held), Some(more)) => held.merge(more),
            (held @ None, more) => *held = more,
            (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(1 << 20);
        let mut held = budget.reserve(1 << 20).now_or_never().expect("the budget is free");
        assert_eq!(budget.available_bytes(), 0);
        assert!(budget.reserve(100_000).now_or_never().is_none(), "nothing is left");
        held.shrink(100 * 1024);
        assert_eq!(budget.available_bytes(), (1 << 20) - 100 * 1024);
        drop(held);
        assert_eq!(budget.available_bytes(), 1 << 20);
    }

    #[test]
    fn small_frames_pass_a_budget_that_is_used_up() {
        let budget = Budget::new(1 << 20);
        let _held = budget.reserve(1 << 20).now_or_never().expect("the budget is free");
        assert!(budget.reserve(FREE_BYTES).now_or_never().is_some());
    }

    #[test]
    fn what_stays_is_refused_when_there_is_no_room() {
        let budget = Budget::new(1 << 20);
        let kept = budget.try_reserve((1 << 20) - 1024).expect("there is room");
        assert!(budget.try_reserve(1025).is_none(), "two units are not left");
        let last = budget.try_reserve(1).expect("one unit is left");
        drop((kept, last));
        assert_eq!(budget.available_bytes(), 1 << 20);
    }

    #[test]
    fn more_than_the_whole_budget_goes_on_alone() {
        let budget = Budget::new(1 << 20);
        let held = budget.reserve(1 << 30).now_or_never().expect("the budget is free");
        assert_eq!(budget.available_bytes(), 0);
        drop(held);
        assert_eq!(budget.available_bytes(), 1 << 20);
    }
}
