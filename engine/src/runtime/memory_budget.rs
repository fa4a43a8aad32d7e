//! The memory that all queries together hold.
//!
//! Each query tells after its rounds and commits how much it holds. Persistent queries can forget what
//! is clean, because the store has it: while all queries hold more than the budget, each forgets in
//! proportion to what it holds, the idle ones as well. The state of a session's query is nowhere else.
//! So those queries together have a part of the budget, one of them a part of that, and when there is
//! no more, one that holds more than an equal share ends with an error.
//!
//! What is told is an estimate and comes after the fact: the bound holds but for what the rounds of one
//! moment add.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::{Error, ErrorKind, Result};

/// Queries of sessions at a time: as many as there may be connections. Each has readers and buffers of
/// its own, also without state.
const SESSION_QUERIES_MAX: usize = 1_024;

/// The part of the budget that all queries of sessions have together: persistent ones keep the rest.
const SESSIONS_PART: usize = 2;

/// The part of the budget that a single query of a session has at most.
const SESSION_PART: usize = 4;

/// When memory is short, this part of what persistent queries may have is kept: to forget a little at
/// every commit would cost more than to forget much now and then.
const KEPT_PART: usize = 2;

/// A number of bytes that queries share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bytes_max: usize,
    held: Mutex<Held>,
    /// Counts how often memory ran short.
    shortages: watch::Sender<u64>,
}

#[derive(Default, Debug)]
struct Held {
    persistent: Holding,
    sessions: Holding,
    session_queries: usize,
}

impl Held {
    fn bytes(&self) -> usize {
        self.persistent.bytes().saturating_add(self.sessions.bytes())
    }
}

/// What is held, in bytes. What passes through is gone with its round or commit and cannot be forgotten:
/// it takes room from what is kept, and is no reason to end a query.
#[derive(Clone, Copy, Default, Debug)]
struct Holding {
    kept: usize,
    passing: usize,
}

impl Holding {
    fn bytes(self) -> usize {
        self.kept.saturating_add(self.passing)
    }

    /// With one part of it exchanged for another.
    fn exchanged(self, before: Holding, now: Holding) -> Holding {
        Holding {
            kept: (self.kept + now.kept).saturating_sub(before.kept),
            passing: (self.passing + now.passing).saturating_sub(before.passing),
        }
    }
}

/// What one query holds of the budget; given back when dropped.
#[derive(Debug)]
pub struct MemoryShare {
    budget: MemoryBudget,
    of_session: bool,
    holding: Holding,
    shortages: watch::Receiver<u64>,
}

impl MemoryBudget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> MemoryBudget {
        let inner = Inner { bytes_max, held: Mutex::default(), shortages: watch::Sender::new(0) };
        MemoryBudget { inner: Arc::new(inner) }
    }

    /// The share of a persistent query, with nothing in it yet.
    #[must_use]
    pub fn persistent_query(&self) -> MemoryShare {
        self.share(false)
    }

    /// The share of a query of a session.
    ///
    /// # Errors
    /// `LimitExceeded` where there are too many.
    pub fn session_query(&self) -> Result<MemoryShare> {
        let mut held = self.inner.held.lock();
        if held.session_queries >= SESSION_QUERIES_MAX {
            let message = format!(
                "{SESSION_QUERIES_MAX} queries of sessions run already, which is the most there may be"
            );
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .with_hint("end some of them: close their cursors or connections"));
        }
        held.session_queries += 1;
        drop(held);
        Ok(self.share(true))
    }

    fn share(&self, of_session: bool) -> MemoryShare {
        MemoryShare {
            budget: self.clone(),
            of_session,
            holding: Holding::default(),
            shortages: self.inner.shortages.subscribe(),
        }
    }
}

impl MemoryShare {
    /// Tells how much the query holds now: `kept` until something happens, its state above all, and
    /// `passing` through it.
    ///
    /// # Errors
    /// `LimitExceeded` for a query of a session that is to end because it keeps too much.
    pub fn hold(&mut self, kept: usize, passing: usize) -> Result<()> {
        let before = std::mem::replace(&mut self.holding, Holding { kept, passing });
        let Inner { bytes_max, held, shortages } = self.budget.inner.as_ref();
        let mut held = held.lock();
        let sum = if self.of_session { &mut held.sessions } else { &mut held.persistent };
        *sum = sum.exchanged(before, self.holding);
        let has_grown = self.holding.bytes() > before.bytes();
        let is_short = held.bytes() > *bytes_max;
        let (sessions_keep, session_queries) = (held.sessions.kept, held.session_queries);
        drop(held);
        if is_short && has_grown {
            shortages.send_modify(|count| *count += 1);
        }
        if !self.of_session {
            return Ok(());
        }
        let sessions_max = bytes_max / SESSIONS_PART;
        let equal_share = sessions_max / session_queries.max(1);
        let mine_max =
            if sessions_keep > sessions_max { equal_share } else { usize::MAX }.min(bytes_max / SESSION_PART);
        if kept <= mine_max {
            return Ok(());
        }
        let message = format!(
            "out of memory: the query keeps {kept} bytes, and with {session_queries} queries of sessions one has {mine_max}"
        );
        Err(Error::new(ErrorKind::LimitExceeded, message).with_hint(
            "make it a persistent query (CREATE TABLE … AS SELECT), whose state is on disk, or start the server with a larger --memory",
        ))
    }

    /// How much of what the query keeps it is to go on keeping, if memory is short and it can forget.
    #[must_use]
    pub fn bytes_to_keep(&self) -> Option<usize> {
        let Inner { bytes_max, held, .. } = self.budget.inner.as_ref();
        let held = held.lock();
        if held.bytes() <= *bytes_max || self.of_session {
            return None;
        }
        let others = held.sessions.bytes().saturating_add(held.persistent.passing);
        let kept = bytes_max.saturating_sub(others) / KEPT_PART;
        Some(proportion(self.holding.kept, kept, held.persistent.kept))
    }

    /// Waits until memory runs short, for a query that has nothing else to do.
    pub async fn shortage(&mut self) {
        if self.of_session || self.shortages.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        let mut held = self.budget.inner.held.lock();
        let sum = if self.of_session { &mut held.sessions } else { &mut held.persistent };
        *sum = sum.exchanged(self.holding, Holding::default());
        held.session_queries -= usize::from(self.of_session);
    }
}

/// The part of `total` that one of several has who all together have `of_all` and itself `own`.
#[must_use]
pub fn proportion(own: usize, total: usize, of_all: usize) -> usize {
    let part = own as u128 * total as u128 / (of_all as u128).max(1);
    usize::try_from(part).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn queries_forget_in_proportion_once_all_together_hold_too_much() {
        let budget = MemoryBudget::new(1_000);
        let mut queries: Vec<MemoryShare> = (0..10).map(|_| budget.persistent_query()).collect();
        for query in &mut queries[..9] {
            query.hold(100, 0).expect("persistent queries do not end");
        }
        queries[9].hold(100, 0).expect("persistent queries do not end");
        assert!(queries.iter().all(|query| query.bytes_to_keep().is_none()), "the budget is just used up");
        queries[0].hold(300, 0).expect("persistent queries do not end");
        let kept: Vec<usize> = queries.iter().filter_map(MemoryShare::bytes_to_keep).collect();
        assert_eq!(kept, [125, 41, 41, 41, 41, 41, 41, 41, 41, 41]);
    }

    #[test]
    fn what_passes_through_takes_room_from_what_is_kept_and_ends_nobody() {
        let budget = MemoryBudget::new(1_000);
        let mut query = budget.persistent_query();
        query.hold(500, 600).expect("persistent queries do not end");
        assert_eq!(query.bytes_to_keep(), Some(200), "half of the room that is left");
        let mut sessions: Vec<MemoryShare> =
            (0..4).map(|_| budget.session_query().expect("there are few")).collect();
        for session in &mut sessions {
            session.hold(120, 400).expect("together they keep less than half");
        }
        sessions[0].hold(130, 400).expect("what passes is not counted against it");
    }

    #[test]
    fn an_idle_query_hears_of_a_shortage() {
        let budget = MemoryBudget::new(1_000);
        let (mut idle, mut busy) = (budget.persistent_query(), budget.persistent_query());
        idle.hold(800, 0).expect("persistent queries do not end");
        assert!(idle.shortage().now_or_never().is_none());
        busy.hold(300, 0).expect("persistent queries do not end");
        assert!(idle.shortage().now_or_never().is_some());
        assert_eq!(idle.bytes_to_keep(), Some(363));
    }

    #[test]
    fn a_query_of_a_session_that_holds_too_much_ends() {
        let budget = MemoryBudget::new(1_000);
        let mut query = budget.session_query().expect("the first");
        query.hold(250, 300).expect("a quarter is allowed, and what passes through");
        assert_eq!(query.hold(251, 0).expect_err("too much").kind, ErrorKind::LimitExceeded);
        drop(query);
        assert_eq!(budget.inner.held.lock().bytes(), 0);
    }

    #[test]
    fn of_many_queries_of_sessions_those_end_that_hold_more_than_an_equal_share() {
        let budget = MemoryBudget::new(1_000);
        let mut queries: Vec<MemoryShare> =
            (0..5).map(|_| budget.session_query().expect("there are few")).collect();
        for query in &mut queries[..4] {
            query.hold(120, 0).expect("together they hold less than half");
        }
        queries[4].hold(90, 0).expect("less than an equal share");
        assert!(queries[0].hold(120, 0).is_err(), "more than an equal share");
        queries.remove(0);
        queries[0].hold(120, 0).expect("there is room again");
    }

    #[test]
    fn the_number_of_queries_of_sessions_is_bounded() {
        let budget = MemoryBudget::new(1_000);
        let queries: Vec<_> = (0..SESSION_QUERIES_MAX).map(|_| budget.session_query()).collect();
        assert!(queries.iter().all(Result::is_ok));
        assert_eq!(budget.session_query().expect_err("one too many").kind, ErrorKind::LimitExceeded);
        drop(queries);
        assert!(budget.session_query().is_ok());
    }
}
