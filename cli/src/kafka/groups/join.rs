//! JoinGroup: how a member enters a group, or says that it takes part in the next generation.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::group::{Group, Identity, State};
use super::member::{Member, Protocol};

/// Most of a client's name that goes into the name it is given.
const CLIENT_ID_CHARACTERS: usize = 64;

/// Assignment protocols one member may offer. Clients offer one to three.
const PROTOCOLS_MAX: usize = 32;

/// Longest name of anything a member tells about itself. The metadata has a bound of its own.
const NAME_BYTES_MAX: usize = 1024;

/// A member's wish to join.
#[derive(Clone, Debug)]
pub(crate) struct JoinRequest {
    /// Who asks.
    pub(crate) identity: Identity,
    /// What it is, like `consumer`.
    pub(crate) protocol_type: String,
    /// What it can follow, most wanted first, with its subscription.
    pub(crate) protocols: Vec<(String, Bytes)>,
    /// Silent for longer, it is taken for dead.
    pub(crate) session_timeout: Duration,
    /// How long it may take to rejoin.
    pub(crate) rebalance_timeout: Duration,
    /// The client's name for itself.
    pub(crate) client_id: String,
    /// Where it connects from.
    pub(crate) client_host: String,
    /// A member without a name is first given one, and joins with it (KIP-394).
    pub(crate) name_first: bool,
    /// A static leader that comes back may be told to leave the assignment as it is (KIP-814).
    pub(crate) may_skip_assignment: bool,
}

/// A member of the new generation, as its leader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct JoinedMember {
    /// What the coordinator calls it.
    pub(crate) id: String,
    /// What a static member calls itself.
    pub(crate) instance_id: Option<String>,
    /// Its subscription.
    pub(crate) metadata: Bytes,
}

/// What a member is told when the rebalance is complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Joined {
    /// The generation.
    pub(crate) generation: i32,
    /// What the members are.
    pub(crate) protocol_type: String,
    /// The assignment protocol everybody can follow.
    pub(crate) protocol: String,
    /// Who assigns.
    pub(crate) leader: String,
    /// The member's name.
    pub(crate) member: String,
    /// All members, for the leader; empty for the others.
    pub(crate) members: Vec<JoinedMember>,
    /// The leader is to leave the assignment as it is.
    pub(crate) skip_assignment: bool,
}

/// The outcome; an error comes with the name that goes into its answer.
pub(crate) type JoinAnswer = Result<Joined, (ResponseError, String)>;

impl Group {
    /// Takes a wish to join. The answer comes through `waiting`: at once, or when the rebalance is
    /// complete.
    pub(crate) fn join(&mut self, request: JoinRequest, waiting: oneshot::Sender<JoinAnswer>, now: Instant) {
        let named = request.identity.member.clone();
        if let Err(error) = self.check_join(&request) {
            refuse(waiting, error, &named);
            return;
        }
        let known_instance =
            request.identity.instance.as_ref().and_then(|name| self.instances.get(name)).cloned();
        match (named.is_empty(), known_instance) {
            (true, Some(replaced)) => self.replace_static(&replaced, request, waiting, now),
            (true, None) => self.enter(request, waiting, now),
            (false, Some(current)) if current != named => {
                refuse(waiting, ResponseError::FencedInstanceId, &named);
            }
            (false, _) if self.members.contains_key(&named) => self.rejoin(request, waiting, now),
            (false, _) if self.pending.remove(&named).is_some() => self.add(named, request, waiting, now),
            (false, _) => refuse(waiting, ResponseError::UnknownMemberId, &named),
        }
    }

    fn check_join(&self, request: &JoinRequest) -> Result<(), ResponseError> {
        if request.protocol_type.is_empty() || request.protocols.is_empty() {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        let names = [&request.protocol_type, &request.client_id].into_iter();
        let names =
            names.chain(&request.identity.instance).chain(request.protocols.iter().map(|(name, _)| name));
        if request.protocols.len() > PROTOCOLS_MAX
            || names.into_iter().any(|name| name.len() > NAME_BYTES_MAX)
        {
            return Err(ResponseError::InvalidRequest);
        }
        let others: Vec<&Member> =
            self.members.values().filter(|member| member.id != request.identity.member).collect();
        if others.is_empty() {
            return Ok(());
        }
        let same_type = self.protocol_type.as_deref() == Some(request.protocol_type.as_str());
        let common = request.protocols.iter().any(|(name, _)| {
            others.iter().all(|other| other.protocols.iter().any(|known| known.name == *name))
        });
        if same_type && common { Ok(()) } else { Err(ResponseError::InconsistentGroupProtocol) }
    }

    /// Somebody new, without a name.
    fn enter(&mut self, request: JoinRequest, waiting: oneshot::Sender<JoinAnswer>, now: Instant) {
        if self.members.len() + self.pending.len() >= self.limits.members_max {
            refuse(waiting, ResponseError::GroupMaxSizeReached, "");
            return;
        }
        let prefix = request.identity.instance.as_deref().unwrap_or(&request.client_id);
        let prefix: String = prefix.chars().take(CLIENT_ID_CHARACTERS).collect();
        let id = format!("{prefix}-{}", Uuid::new_v4());
        // A static member has a name of its own, so a lost answer cannot leave a ghost behind.
        if request.name_first && request.identity.instance.is_none() {
            self.pending.insert(id.clone(), now + request.session_timeout);
            refuse(waiting, ResponseError::MemberIdRequired, &id);
        } else {
            self.add(id, request, waiting, now);
        }
    }

    fn add(&mut self, id: String, request: JoinRequest, waiting: oneshot::Sender<JoinAnswer>, now: Instant) {
        let Some(protocols) = self.keep(&request.protocols) else {
            refuse(waiting, ResponseError::GroupMaxSizeReached, &id);
            return;
        };
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type);
        }
        if let Some(instance) = &request.identity.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        let member = Member {
            id: id.clone(),
            instance_id: request.identity.instance,
            client_id: request.client_id,
            client_host: request.client_host,
            session_timeout: request.session_timeout,
            rebalance_timeout: request.rebalance_timeout,
            protocols,
            assignment: None,
            expires: now + request.session_timeout,
            joining: Some(waiting),
            syncing: None,
        };
        if self.leader.is_none() {
            self.leader = Some(id.clone());
        }
        self.members.insert(id, member);
        self.rebalance(now);
    }

    /// A member that is known, under its name.
    fn rejoin(&mut self, request: JoinRequest, waiting: oneshot::Sender<JoinAnswer>, now: Instant) {
        let id = request.identity.member.clone();
        let unchanged = self.members.get(&id).is_some_and(|member| member.has_protocols(&request.protocols));
        let leads = self.leader.as_deref() == Some(id.as_str());
        let lost_the_answer = match self.state {
            // The leader rejoins because it saw a change (a new partition, say): that is a rebalance.
            State::Stable => unchanged && !leads,
            State::Completing => unchanged,
            State::Empty | State::Preparing => false,
        };
        if lost_the_answer {
            if let Some(member) = self.members.get_mut(&id) {
                member.seen(now);
            }
            let _ = waiting.send(Ok(self.joined(&id, leads)));
            return;
        }
        if self.update(&id, request, waiting, now) {
            self.rebalance(now);
        }
    }

    /// A static member comes back without the name it was given: it takes its old place, and whoever
    /// still uses the old name is fenced.
    fn replace_static(
        &mut self,
        replaced: &str,
        request: JoinRequest,
        waiting: oneshot::Sender<JoinAnswer>,
        now: Instant,
    ) {
        let Some(instance) = request.identity.instance.clone() else { return };
        let id = format!("{instance}-{}", Uuid::new_v4());
        let old_leader = self.leader.clone().unwrap_or_default();
        let Some((place, _, mut member)) = self.members.shift_remove_full(replaced) else {
            refuse(waiting, ResponseError::UnknownMemberId, "");
            return;
        };
        if let Some(old) = member.joining.take() {
            refuse(old, ResponseError::FencedInstanceId, replaced);
        }
        if let Some(old) = member.syncing.take() {
            let _ = old.send(Err(ResponseError::FencedInstanceId));
        }
        member.id.clone_from(&id);
        self.members.shift_insert(place, id.clone(), member);
        self.instances.insert(instance, id.clone());
        if old_leader == replaced {
            self.leader = Some(id.clone());
        }
        let may_skip = request.may_skip_assignment;
        if !self.update(&id, request, waiting, now) {
            return;
        }
        // The old assignment still holds, as long as everybody goes on following the same protocol.
        if self.state != State::Stable || self.select_protocol() != self.protocol {
            self.rebalance(now);
            return;
        }
        let leads = self.leader.as_deref() == Some(id.as_str());
        let mut answer = self.joined(&id, leads && may_skip);
        if may_skip {
            answer.skip_assignment = leads;
        } else {
            // An older client would assign anew if it were told that it leads, and nobody would listen.
            answer.leader = old_leader;
        }
        if let Some(waiting) = self.members.get_mut(&id).and_then(|member| member.joining.take()) {
            let _ = waiting.send(Ok(answer));
        }
    }

    /// Takes over what a known member says of itself now, and lets it wait. False where that is more
    /// than may be remembered; then it was told so.
    fn update(
        &mut self,
        id: &str,
        request: JoinRequest,
        waiting: oneshot::Sender<JoinAnswer>,
        now: Instant,
    ) -> bool {
        let kept = self.keep(&request.protocols);
        let (Some(member), Some(protocols)) = (self.members.get_mut(id), kept) else {
            refuse(waiting, ResponseError::GroupMaxSizeReached, id);
            return false;
        };
        member.protocols = protocols;
        member.client_id = request.client_id;
        member.client_host = request.client_host;
        member.session_timeout = request.session_timeout;
        member.rebalance_timeout = request.rebalance_timeout;
        member.seen(now);
        // An older request of the same member is pointless now.
        if let Some(old) = member.joining.replace(waiting) {
            refuse(old, ResponseError::UnknownMemberId, id);
        }
        if self.members.len() == 1 {
            self.protocol_type = Some(request.protocol_type);
        }
        true
    }

    fn keep(&self, protocols: &[(String, Bytes)]) -> Option<Vec<Protocol>> {
        let keep = |(name, metadata): &(String, Bytes)| {
            Some(Protocol { name: name.clone(), metadata: self.bytes.keep(metadata)? })
        };
        protocols.iter().map(keep).collect()
    }

    /// What a member is told about the generation.
    pub(super) fn joined(&self, id: &str, with_members: bool) -> Joined {
        let protocol = self.protocol.clone().unwrap_or_default();
        let members = self.members.values().filter(|_| with_members).map(|member| JoinedMember {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(Some(&protocol)),
        });
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            leader: self.leader.clone().unwrap_or_default(),
            member: id.to_owned(),
            members: members.collect(),
            skip_assignment: false,
            protocol,
        }
    }
}

/// Tells that a join failed. Nobody may be listening any more.
fn refuse(waiting: oneshot::Sender<JoinAnswer>, error: ResponseError, member: &str) {
    let _ = waiting.send(Err((error, member.to_owned())));
}
