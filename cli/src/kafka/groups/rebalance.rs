//! The rebalance: from the first wish for one to a new generation.

use std::time::Instant;

use kafka_protocol::ResponseError;

use super::group::{Group, State};
use super::sync::SyncAnswer;

impl Group {
    /// Asks every member to join anew (or notes that one has), and completes if all have.
    pub(super) fn rebalance(&mut self, now: Instant) {
        if self.state == State::Preparing {
            self.complete_if_all_joined(now);
            return;
        }
        // Assignments of the generation that ends are not waited for any more.
        for member in self.members.values_mut() {
            if let Some(waiting) = member.syncing.take() {
                let _ = waiting.send(SyncAnswer::Err(ResponseError::RebalanceInProgress));
            }
        }
        let patience = self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default();
        if self.state == State::Empty && !self.limits.initial_rebalance_delay.is_zero() {
            self.first_join_ends = Some(now + self.limits.initial_rebalance_delay.min(patience));
        }
        self.state = State::Preparing;
        self.rebalance_ends = Some(now + patience);
        self.complete_if_all_joined(now);
    }

    /// Completes the rebalance if nobody is missing.
    pub(super) fn complete_if_all_joined(&mut self, now: Instant) {
        let early = self.first_join_ends.is_some_and(|until| now < until);
        let missing = !self.pending.is_empty() || self.members.values().any(|member| !member.has_joined());
        if self.state == State::Preparing && !early && (!missing || self.members.is_empty()) {
            self.complete();
            self.expect_syncs(now);
        }
    }

    /// Ends what has taken its time.
    pub(super) fn end_rebalance_in_time(&mut self, now: Instant) {
        if self.first_join_ends.is_some_and(|until| until <= now) {
            self.first_join_ends = None;
            self.complete_if_all_joined(now);
        }
        let over = self.rebalance_ends.is_some_and(|until| until <= now);
        match self.state {
            State::Preparing if over => self.complete_without_missing(now),
            State::Completing if over => self.drop_unsynced(now),
            State::Empty | State::Preparing | State::Completing | State::Stable => {}
        }
    }

    /// The time to join is up: whoever is missing is out, except static members, whose place is kept
    /// until their session ends.
    fn complete_without_missing(&mut self, now: Instant) {
        self.first_join_ends = None;
        let missing: Vec<String> = self
            .members
            .values()
            .filter(|member| !member.has_joined() && member.instance_id.is_none())
            .map(|member| member.id.clone())
            .collect();
        // With the state out of the way, removing members does not look for a rebalance to complete.
        self.state = State::Empty;
        for id in &missing {
            self.remove(id, ResponseError::UnknownMemberId, now);
        }
        self.state = State::Preparing;
        if !self.members.is_empty() && !self.members.values().any(|member| member.has_joined()) {
            // Only absent static members are left. Nobody is there to lead, so the wait goes on; each
            // of them stays until its own session ends.
            let patience =
                self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default();
            self.rebalance_ends = Some(now + patience);
            return;
        }
        self.complete();
        self.expect_syncs(now);
    }

    /// A new generation begins with those who are there.
    fn complete(&mut self) {
        self.rebalance_ends = None;
        self.first_join_ends = None;
        self.generation += 1;
        if self.members.is_empty() {
            self.state = State::Empty;
            self.protocol = None;
            self.leader = None;
            return;
        }
        self.protocol = self.select_protocol();
        let leads = |id: &String| self.members.get(id).is_some_and(|member| member.has_joined());
        if !self.leader.as_ref().is_some_and(leads) {
            self.leader = self.members.values().find(|member| member.has_joined()).map(|m| m.id.clone());
        }
        self.state = State::Completing;
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let leads = self.leader.as_deref() == Some(id.as_str());
            let answer = self.joined(&id, leads);
            if let Some(member) = self.members.get_mut(&id)
                && let Some(waiting) = member.joining.take()
            {
                let _ = waiting.send(Ok(answer));
            }
        }
    }

    /// Members have as long to sync as they had to join.
    fn expect_syncs(&mut self, now: Instant) {
        if self.state != State::Completing {
            return;
        }
        let mut patience = std::time::Duration::ZERO;
        for member in self.members.values_mut() {
            member.seen(now);
            patience = patience.max(member.rebalance_timeout);
        }
        self.rebalance_ends = Some(now + patience);
    }

    /// The leader gave no assignment in time: it is out, and with it everybody who did not ask for one.
    fn drop_unsynced(&mut self, now: Instant) {
        self.rebalance_ends = None;
        let unsynced: Vec<String> = self
            .members
            .values()
            .filter(|member| member.syncing.is_none())
            .map(|member| member.id.clone())
            .collect();
        for id in &unsynced {
            self.remove(id, ResponseError::UnknownMemberId, now);
        }
    }

    /// The protocol that everybody knows and most want: each member votes for the first of its own
    /// list that all others know; the earliest in the oldest member's list wins a tie.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let (_, oldest) = self.members.first()?;
        let known_to_all = |name: &str| {
            self.members.values().all(|member| member.protocols.iter().any(|known| known.name == name))
        };
        let candidates: Vec<&str> = oldest
            .protocols
            .iter()
            .map(|known| known.name.as_str())
            .filter(|name| known_to_all(name))
            .collect();
        let votes = |name: &&str| {
            let vote = |protocols: &[super::member::Protocol]| {
                protocols
                    .iter()
                    .find(|known| candidates.contains(&known.name.as_str()))
                    .map(|p| p.name.clone())
            };
            self.members.values().filter(|member| vote(&member.protocols).as_deref() == Some(*name)).count()
        };
        // `max_by_key` gives the last of equals, so the list is turned around.
        candidates.iter().rev().max_by_key(|name| votes(name)).map(|name| (*name).to_owned())
    }
}
