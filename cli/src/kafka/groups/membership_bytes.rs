//! A bound on the bytes that clients make the coordinator remember: subscriptions and assignments.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// The bytes all members share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct MembershipBytes {
    used: Arc<AtomicUsize>,
    max: usize,
}

impl MembershipBytes {
    /// At most `max` bytes.
    pub(crate) fn new(max: usize) -> MembershipBytes {
        MembershipBytes { used: Arc::default(), max }
    }

    /// Copies `data`, if there is room. A copy, because the original is a window into a whole request
    /// that would stay in memory with it.
    pub(crate) fn keep(&self, data: &[u8]) -> Option<Kept> {
        let size = data.len();
        let claim = |used: usize| used.checked_add(size).filter(|total| *total <= self.max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim).ok()?;
        Some(Kept { data: Bytes::copy_from_slice(data), owner: self.clone() })
    }

    /// Bytes in use.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// Bytes that count against the bound until they are dropped.
pub(crate) struct Kept {
    data: Bytes,
    owner: MembershipBytes,
}

impl Kept {
    /// The bytes.
    pub(crate) fn data(&self) -> &Bytes {
        &self.data
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.owner.used.fetch_sub(self.data.len(), Ordering::Relaxed);
    }
}
