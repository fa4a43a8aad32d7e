//! One member of a group.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::join::JoinAnswer;
use super::membership_bytes::Kept;
use super::sync::SyncAnswer;

/// An assignment protocol a member can follow, with what it wants the leader to know.
pub(crate) struct Protocol {
    /// Its name, like `range`.
    pub(crate) name: String,
    /// The member's subscription in that protocol's terms.
    pub(crate) metadata: Kept,
}

/// A member.
pub(crate) struct Member {
    /// What the coordinator calls it.
    pub(crate) id: String,
    /// What a static member calls itself (KIP-345).
    pub(crate) instance_id: Option<String>,
    /// The client's name for itself.
    pub(crate) client_id: String,
    /// Where it connects from.
    pub(crate) client_host: String,
    /// Silent for longer than this, it is taken for dead.
    pub(crate) session_timeout: Duration,
    /// How long it may take to rejoin.
    pub(crate) rebalance_timeout: Duration,
    /// What it can follow, most wanted first.
    pub(crate) protocols: Vec<Protocol>,
    /// What the leader assigned to it.
    pub(crate) assignment: Option<Kept>,
    /// When it is taken for dead.
    pub(crate) expires: Instant,
    /// Where its JoinGroup waits.
    pub(crate) joining: Option<oneshot::Sender<JoinAnswer>>,
    /// Where its SyncGroup waits.
    pub(crate) syncing: Option<oneshot::Sender<SyncAnswer>>,
}

/// A member as DescribeGroups shows it.
#[derive(Clone, Debug)]
pub(crate) struct MemberDescription {
    /// What the coordinator calls it.
    pub(crate) id: String,
    /// What a static member calls itself.
    pub(crate) instance_id: Option<String>,
    /// The client's name for itself.
    pub(crate) client_id: String,
    /// Where it connects from.
    pub(crate) client_host: String,
    /// Its subscription in the chosen protocol.
    pub(crate) metadata: Bytes,
    /// Its assignment.
    pub(crate) assignment: Bytes,
}

impl Member {
    /// Notes a sign of life.
    pub(crate) fn seen(&mut self, now: Instant) {
        self.expires = now + self.session_timeout;
    }

    /// Whether a request of this member waits here for the others. Then its silence means nothing,
    /// unless the connection it waits on is gone.
    pub(crate) fn is_waiting(&self) -> bool {
        self.has_joined() || self.syncing.as_ref().is_some_and(|waiting| !waiting.is_closed())
    }

    /// Whether its JoinGroup waits for the rebalance to complete.
    pub(crate) fn has_joined(&self) -> bool {
        self.joining.as_ref().is_some_and(|waiting| !waiting.is_closed())
    }

    /// Its subscription in a protocol; empty where it does not know the protocol.
    pub(crate) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let known = self.protocols.iter().find(|known| Some(known.name.as_str()) == protocol);
        known.map(|known| known.metadata.data().clone()).unwrap_or_default()
    }

    /// Its assignment; empty where the leader gave it none.
    pub(crate) fn assignment(&self) -> Bytes {
        self.assignment.as_ref().map(|kept| kept.data().clone()).unwrap_or_default()
    }

    /// Whether it asks for the same as before.
    pub(crate) fn has_protocols(&self, wanted: &[(String, Bytes)]) -> bool {
        self.protocols.len() == wanted.len()
            && self
                .protocols
                .iter()
                .zip(wanted)
                .all(|(known, (name, metadata))| known.name == *name && known.metadata.data() == metadata)
    }

    /// The member as others may see it.
    pub(crate) fn describe(&self, protocol: Option<&str>) -> MemberDescription {
        MemberDescription {
            id: self.id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            metadata: self.metadata(protocol),
            assignment: self.assignment(),
        }
    }
}
