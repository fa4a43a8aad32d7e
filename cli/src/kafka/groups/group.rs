//! The state machine of one group.
//!
//! ```text
//!            first join                 all have joined,               leader's
//!            or a change                or the time is up              SyncGroup
//!   Empty ───────────────▶ Preparing ──────────────────▶ Completing ────────────▶ Stable
//!     ▲                      ▲  │                            │                       │
//!     └── nobody is left ────┼──┘        a member joins,     │                       │
//!                            └────────── leaves or expires ──┴───────────────────────┘
//! ```
//!
//! Invariants: the generation grows by one with each completed rebalance; in Completing and Stable a
//! protocol and a leader are chosen; every static instance names a member that exists; a request that
//! waits is answered exactly once, at the latest when its member goes.
//!
//! This file holds the states, and what a member may do outside of joining and syncing: see `join`,
//! `sync` and `rebalance` for those.

use std::collections::HashMap;
use std::time::Instant;

use indexmap::IndexMap;
use kafka_protocol::ResponseError;
use tidemill_engine::group_offsets::Occupied;

use super::join::JoinAnswer;
use super::member::{Member, MemberDescription};
use super::membership_bytes::MembershipBytes;
use super::subscription;
use super::sync::SyncAnswer;
use crate::kafka::options::GroupLimits;

/// Where a group stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Nobody is in it.
    Empty,
    /// Members are asked to join anew.
    Preparing,
    /// Everybody joined; the leader's assignment is waited for.
    Completing,
    /// The assignment holds.
    Stable,
}

impl State {
    /// The protocol's word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Preparing => "PreparingRebalance",
            State::Completing => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// How a member names itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    /// What the coordinator calls it; empty where it has no name yet.
    pub(crate) member: String,
    /// What a static member calls itself.
    pub(crate) instance: Option<String>,
}

impl Identity {
    /// As a request has it.
    pub(crate) fn new(member: &str, instance: Option<&str>) -> Identity {
        Identity { member: member.to_owned(), instance: instance.map(str::to_owned) }
    }
}

/// A group in short.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    /// Its state, in the protocol's word.
    pub(crate) state: &'static str,
    /// What its members are, like `consumer`.
    pub(crate) protocol_type: String,
    /// The assignment protocol in force.
    pub(crate) protocol: String,
    /// Its members.
    pub(crate) members: Vec<MemberDescription>,
}

/// One group.
pub(crate) struct Group {
    pub(super) limits: GroupLimits,
    pub(super) bytes: MembershipBytes,
    pub(super) state: State,
    pub(super) generation: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<String>,
    /// In order of joining; the first one leads.
    pub(super) members: IndexMap<String, Member>,
    /// Names given to members that have not used them yet, and until when they may.
    pub(super) pending: HashMap<String, Instant>,
    /// Static members: from their own name to the coordinator's.
    pub(super) instances: HashMap<String, String>,
    /// While preparing: when the rebalance completes with whoever has joined. While completing: when
    /// members that have not synced are dropped.
    pub(super) rebalance_ends: Option<Instant>,
    /// While preparing for the first time: until when more members are waited for.
    pub(super) first_join_ends: Option<Instant>,
    /// The group was given up by the coordinator; a request that still holds it must look again.
    pub(super) gone: bool,
    /// Keeps the group's offsets from expiring; there where a coordinator has the group.
    pub(super) occupied: Option<Occupied>,
}

impl Group {
    /// An empty group.
    pub(crate) fn new(limits: GroupLimits, bytes: MembershipBytes) -> Group {
        Group {
            limits,
            bytes,
            state: State::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: IndexMap::new(),
            pending: HashMap::new(),
            instances: HashMap::new(),
            rebalance_ends: None,
            first_join_ends: None,
            gone: false,
            occupied: None,
        }
    }

    /// A sign of life. The answer tells the member to rejoin while the group rebalances.
    pub(crate) fn heartbeat(
        &mut self,
        identity: &Identity,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let state = self.state;
        let current = self.generation;
        let member = self.member(identity)?;
        if generation != current {
            return Err(ResponseError::IllegalGeneration);
        }
        member.seen(now);
        if state == State::Preparing { Err(ResponseError::RebalanceInProgress) } else { Ok(()) }
    }

    /// A member goes on its own account. A static member may be named by its instance alone, so that
    /// an operator can remove it.
    pub(crate) fn leave(&mut self, identity: &Identity, now: Instant) -> Result<(), ResponseError> {
        if self.pending.remove(&identity.member).is_some() {
            self.complete_if_all_joined(now);
            return Ok(());
        }
        let by_instance_alone = identity.member.is_empty() && identity.instance.is_some();
        let id = if by_instance_alone {
            let instance = identity.instance.as_deref().unwrap_or_default();
            self.instances.get(instance).cloned().ok_or(ResponseError::UnknownMemberId)?
        } else {
            self.member(identity)?.id.clone()
        };
        self.remove(&id, ResponseError::UnknownMemberId, now);
        Ok(())
    }

    /// Whether offsets may be committed. A commit without a generation is one of a consumer that
    /// assigns partitions to itself; it may only while the group has no members.
    pub(crate) fn check_commit(
        &mut self,
        identity: &Identity,
        generation: i32,
        now: Instant,
    ) -> Result<(), ResponseError> {
        let alone = generation < 0 && identity.member.is_empty() && identity.instance.is_none();
        if alone && self.members.is_empty() {
            return Ok(());
        }
        let current = self.generation;
        let state = self.state;
        let member = self.member(identity)?;
        if generation != current {
            return Err(ResponseError::IllegalGeneration);
        }
        member.seen(now);
        if state == State::Completing { Err(ResponseError::RebalanceInProgress) } else { Ok(()) }
    }

    /// Whether a member of the group reads the topic, as far as its subscription can be understood.
    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        self.protocol_type.as_deref() == Some(subscription::PROTOCOL_TYPE)
            && self.members.values().any(|member| {
                let chosen = self.protocol.as_deref();
                let metadata = match chosen {
                    Some(_) => member.metadata(chosen),
                    None => member.protocols.first().map(|p| p.metadata.data().clone()).unwrap_or_default(),
                };
                subscription::topics(&metadata).is_none_or(|topics| topics.contains(&topic))
            })
    }

    /// The group as ListGroups and DescribeGroups show it.
    pub(crate) fn overview(&self) -> Overview {
        let stable = self.state == State::Stable;
        let protocol = if stable { self.protocol.as_deref() } else { None };
        Overview {
            state: self.state.name(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: self.members.values().map(|member| member.describe(protocol)).collect(),
        }
    }

    /// Whether the coordinator may forget it: nobody is in it or about to be.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.members.is_empty() && self.pending.is_empty()
    }

    /// Takes silent members for dead and ends waiting that took too long.
    pub(crate) fn tick(&mut self, now: Instant) {
        let named = self.pending.len();
        self.pending.retain(|_, until| *until > now);
        let mut silent = Vec::new();
        for member in self.members.values_mut().filter(|member| member.expires <= now) {
            if member.is_waiting() {
                member.seen(now);
            } else {
                silent.push(member.id.clone());
            }
        }
        for id in &silent {
            self.remove(id, ResponseError::UnknownMemberId, now);
        }
        if self.pending.len() < named {
            self.complete_if_all_joined(now);
        }
        self.end_rebalance_in_time(now);
    }

    /// When [`Group::tick`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let silent = self.members.values().map(|member| member.expires);
        let pending = self.pending.values().copied();
        let waits = [self.rebalance_ends, self.first_join_ends].into_iter().flatten();
        silent.chain(pending).chain(waits).min()
    }

    /// Answers everyone who waits, because the server stops.
    pub(crate) fn close(&mut self) {
        for member in self.members.values_mut() {
            if let Some(waiting) = member.joining.take() {
                let answer = JoinAnswer::Err((ResponseError::CoordinatorNotAvailable, member.id.clone()));
                let _ = waiting.send(answer);
            }
            if let Some(waiting) = member.syncing.take() {
                let _ = waiting.send(SyncAnswer::Err(ResponseError::CoordinatorNotAvailable));
            }
        }
    }

    /// The member a request speaks for.
    pub(super) fn member(&mut self, identity: &Identity) -> Result<&mut Member, ResponseError> {
        if let Some(instance) = &identity.instance {
            match self.instances.get(instance) {
                None => return Err(ResponseError::UnknownMemberId),
                Some(current) if *current != identity.member => return Err(ResponseError::FencedInstanceId),
                Some(_) => {}
            }
        }
        self.members.get_mut(&identity.member).ok_or(ResponseError::UnknownMemberId)
    }

    /// Drops a member and rebalances without it.
    pub(super) fn remove(&mut self, id: &str, reason: ResponseError, now: Instant) {
        let Some(mut member) = self.members.shift_remove(id) else { return };
        if let Some(instance) = &member.instance_id {
            self.instances.remove(instance);
        }
        if let Some(waiting) = member.joining.take() {
            let _ = waiting.send(JoinAnswer::Err((reason, member.id.clone())));
        }
        if let Some(waiting) = member.syncing.take() {
            let _ = waiting.send(SyncAnswer::Err(reason));
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
        match self.state {
            State::Empty => {}
            State::Preparing => self.complete_if_all_joined(now),
            State::Completing | State::Stable => self.rebalance(now),
        }
    }
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
