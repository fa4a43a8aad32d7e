//! SyncGroup: the leader hands over the assignment, the others wait for theirs.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;

use super::group::{Group, Identity, State};

/// A member asks for its assignment; the leader brings all of them.
#[derive(Clone, Debug)]
pub(crate) struct SyncRequest {
    /// Who asks.
    pub(crate) identity: Identity,
    /// The generation it has joined.
    pub(crate) generation: i32,
    /// What it takes the group's type to be, where it says so.
    pub(crate) protocol_type: Option<String>,
    /// What it takes the chosen protocol to be, where it says so.
    pub(crate) protocol: Option<String>,
    /// From the leader: members and their assignments.
    pub(crate) assignments: Vec<(String, Bytes)>,
}

/// A member's assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Synced {
    /// What the members are.
    pub(crate) protocol_type: String,
    /// The assignment protocol in force.
    pub(crate) protocol: String,
    /// The member's share, in that protocol's terms.
    pub(crate) assignment: Bytes,
}

/// The outcome.
pub(crate) type SyncAnswer = Result<Synced, ResponseError>;

impl Group {
    /// Takes a request; the answer comes through `waiting`: at once, or with the leader's assignment.
    pub(crate) fn sync(&mut self, request: SyncRequest, waiting: oneshot::Sender<SyncAnswer>, now: Instant) {
        let id = match self.check_sync(&request, now) {
            Ok(id) => id,
            Err(error) => {
                let _ = waiting.send(Err(error));
                return;
            }
        };
        match self.state {
            State::Empty => {
                let _ = waiting.send(Err(ResponseError::UnknownMemberId));
            }
            State::Preparing => {
                let _ = waiting.send(Err(ResponseError::RebalanceInProgress));
            }
            State::Stable => {
                let _ = waiting.send(Ok(self.synced(&id)));
            }
            State::Completing => {
                let leads = self.leader.as_deref() == Some(id.as_str());
                if let Some(member) = self.members.get_mut(&id) {
                    member.syncing = Some(waiting);
                }
                if leads {
                    self.assign(&request.assignments, now);
                }
            }
        }
    }

    fn check_sync(&mut self, request: &SyncRequest, now: Instant) -> Result<String, ResponseError> {
        let current = self.generation;
        let differs = |theirs: &Option<String>, ours: &Option<String>| theirs.is_some() && theirs != ours;
        let inconsistent = differs(&request.protocol_type, &self.protocol_type)
            || (self.protocol.is_some() && differs(&request.protocol, &self.protocol));
        let member = self.member(&request.identity)?;
        if request.generation != current {
            return Err(ResponseError::IllegalGeneration);
        }
        if inconsistent {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        member.seen(now);
        Ok(member.id.clone())
    }

    /// The leader's assignment is there: the generation is stable.
    fn assign(&mut self, assignments: &[(String, Bytes)], now: Instant) {
        let shares: HashMap<&str, &Bytes> =
            assignments.iter().map(|(id, assignment)| (id.as_str(), assignment)).collect();
        for member in self.members.values_mut() {
            member.assignment = match shares.get(member.id.as_str()) {
                None => None,
                Some(assignment) => match self.bytes.keep(assignment) {
                    Some(kept) => Some(kept),
                    None => return self.give_up_assignment(now),
                },
            };
        }
        self.state = State::Stable;
        self.rebalance_ends = None;
        let waiting: Vec<String> =
            self.members.values().filter(|m| m.syncing.is_some()).map(|m| m.id.clone()).collect();
        for id in waiting {
            let answer = self.synced(&id);
            if let Some(member) = self.members.get_mut(&id)
                && let Some(waiting) = member.syncing.take()
            {
                member.seen(now);
                let _ = waiting.send(Ok(answer));
            }
        }
    }

    /// The assignment is more than may be remembered: everybody is told and may try again.
    fn give_up_assignment(&mut self, now: Instant) {
        for member in self.members.values_mut() {
            if let Some(waiting) = member.syncing.take() {
                let _ = waiting.send(Err(ResponseError::GroupMaxSizeReached));
            }
        }
        self.rebalance(now);
    }

    fn synced(&self, id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol: self.protocol.clone().unwrap_or_default(),
            assignment: self.members.get(id).map(super::member::Member::assignment).unwrap_or_default(),
        }
    }
}
