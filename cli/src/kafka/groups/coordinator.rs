//! All groups: finds and forgets them, and runs their timers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use kafka_protocol::ResponseError;
use parking_lot::Mutex;
use tidemill_engine::group_offsets::GroupOffsets;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::group::{Group, Identity, Overview};
use super::join::{JoinAnswer, JoinRequest};
use super::membership_bytes::MembershipBytes;
use super::sync::{SyncAnswer, SyncRequest};
use crate::kafka::options::GroupLimits;

/// Longest group name that is accepted.
const GROUP_ID_BYTES_MAX: usize = 1024;

/// The coordinator of all groups.
///
/// Invariant: where both locks are held, the map's was taken first.
pub(crate) struct Groups {
    limits: GroupLimits,
    bytes: MembershipBytes,
    offsets: GroupOffsets,
    groups: Mutex<HashMap<String, Arc<Mutex<Group>>>>,
    /// When the timers look next; `None` while they are looking.
    scheduled: Mutex<Option<Instant>>,
    earlier: Notify,
}

impl Groups {
    /// No groups yet. The offsets of those that come do not expire while they are there.
    pub(crate) fn new(limits: GroupLimits, offsets: GroupOffsets) -> Groups {
        Groups {
            bytes: MembershipBytes::new(limits.membership_bytes_max),
            limits,
            offsets,
            groups: Mutex::default(),
            scheduled: Mutex::default(),
            earlier: Notify::new(),
        }
    }

    /// The limits in force.
    pub(crate) fn limits(&self) -> &GroupLimits {
        &self.limits
    }

    /// A member wants to join; the answer comes when the group has a new generation.
    pub(crate) fn join(&self, group: &str, request: JoinRequest) -> oneshot::Receiver<JoinAnswer> {
        let (sender, answer) = oneshot::channel();
        let member = request.identity.member.clone();
        let mut sender = Some(sender);
        let joined = self.with(group, true, |group, now| {
            if let Some(sender) = sender.take() {
                group.join(request, sender, now);
            }
        });
        if let (Err(error), Some(sender)) = (joined, sender) {
            let _ = sender.send(Err((error, member)));
        }
        answer
    }

    /// A member wants its assignment; the answer comes with the leader's.
    pub(crate) fn sync(&self, group: &str, request: SyncRequest) -> oneshot::Receiver<SyncAnswer> {
        let (sender, answer) = oneshot::channel();
        let mut sender = Some(sender);
        let synced = self.with(group, false, |group, now| {
            if let Some(sender) = sender.take() {
                group.sync(request, sender, now);
            }
        });
        if let (Err(error), Some(sender)) = (synced, sender) {
            let _ = sender.send(Err(error));
        }
        answer
    }

    /// A member's sign of life.
    pub(crate) fn heartbeat(
        &self,
        group: &str,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), ResponseError> {
        self.with(group, false, |group, now| group.heartbeat(identity, generation, now))?
    }

    /// A member goes.
    pub(crate) fn leave(&self, group: &str, identity: &Identity) -> Result<(), ResponseError> {
        self.with(group, false, |group, now| group.leave(identity, now))?
    }

    /// Whether offsets may be committed in the name of a member, or of no one.
    pub(crate) fn check_commit(
        &self,
        group: &str,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), ResponseError> {
        check_group_id(group)?;
        match self.with(group, false, |group, now| group.check_commit(identity, generation, now)) {
            Ok(outcome) => outcome,
            // A group without members: only a commit that belongs to no generation is in order.
            Err(_) if generation < 0 => Ok(()),
            Err(_) => Err(ResponseError::IllegalGeneration),
        }
    }

    /// A group that has members.
    pub(crate) fn overview(&self, group: &str) -> Option<Overview> {
        self.with(group, false, |group, _| group.overview()).ok()
    }

    /// Whether a member of the group reads a topic.
    pub(crate) fn is_subscribed(&self, group: &str, topic: &str) -> bool {
        self.with(group, false, |group, _| group.is_subscribed(topic)).unwrap_or(false)
    }

    /// Names of all groups that have members.
    pub(crate) fn names(&self) -> Vec<String> {
        self.groups.lock().keys().cloned().collect()
    }

    /// Runs the timers until the server stops; then everyone who waits is told.
    pub(crate) async fn run(&self, closing: &CancellationToken) {
        loop {
            let next = self.tick(Instant::now());
            let sleep = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                () = self.earlier.notified() => {}
                () = closing.cancelled() => break,
            }
        }
        for group in self.all() {
            group.lock().close();
        }
    }

    /// Lets every group look at the time; gives the time of the next look.
    fn tick(&self, now: Instant) -> Option<Instant> {
        *self.scheduled.lock() = None;
        let mut next: Option<Instant> = None;
        let mut abandoned = false;
        for group in self.all() {
            let mut group = group.lock();
            group.tick(now);
            abandoned |= group.is_abandoned();
            next = next.into_iter().chain(group.next_deadline()).min();
        }
        if abandoned {
            self.forget_abandoned();
        }
        *self.scheduled.lock() = next;
        next
    }

    fn all(&self) -> Vec<Arc<Mutex<Group>>> {
        self.groups.lock().values().cloned().collect()
    }

    fn forget_abandoned(&self) {
        self.groups.lock().retain(|_, group| {
            let mut group = group.lock();
            group.gone = group.is_abandoned();
            !group.gone
        });
    }

    /// Works on one group; makes it if it is not there and `create` says so.
    fn with<T>(
        &self,
        id: &str,
        create: bool,
        work: impl FnOnce(&mut Group, Instant) -> T,
    ) -> Result<T, ResponseError> {
        check_group_id(id)?;
        let group = self.find(id, create)?;
        let mut locked = group.lock();
        if locked.gone {
            // It was given up between the two locks; nothing of it is left to work on.
            drop(locked);
            return self.with(id, create, work);
        }
        let result = work(&mut locked, Instant::now());
        let abandoned = locked.is_abandoned();
        let deadline = locked.next_deadline();
        drop(locked);
        if abandoned {
            self.forget(id);
        }
        if let Some(deadline) = deadline
            && self.scheduled.lock().is_none_or(|scheduled| deadline < scheduled)
        {
            self.earlier.notify_one();
        }
        Ok(result)
    }

    fn find(&self, id: &str, create: bool) -> Result<Arc<Mutex<Group>>, ResponseError> {
        let mut groups = self.groups.lock();
        if let Some(group) = groups.get(id) {
            return Ok(group.clone());
        }
        if !create {
            return Err(ResponseError::UnknownMemberId);
        }
        if groups.len() >= self.limits.groups_max {
            return Err(ResponseError::CoordinatorNotAvailable);
        }
        let mut group = Group::new(self.limits.clone(), self.bytes.clone());
        group.occupied = Some(self.offsets.occupy(id));
        let group = Arc::new(Mutex::new(group));
        groups.insert(id.to_owned(), group.clone());
        Ok(group)
    }

    fn forget(&self, id: &str) {
        let mut groups = self.groups.lock();
        let Some(group) = groups.get(id).cloned() else { return };
        let mut group = group.lock();
        if group.is_abandoned() {
            group.gone = true;
            groups.remove(id);
        }
    }
}

/// A group has a name.
fn check_group_id(id: &str) -> Result<(), ResponseError> {
    if id.is_empty() || id.len() > GROUP_ID_BYTES_MAX { Err(ResponseError::InvalidGroupId) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use tidemill_engine::group_offsets::GroupOffset;
    use tidemill_engine::group_offsets::expiry::RETENTION;
    use tidemill_engine::topics::{TopicLimits, Topics};
    use tidemill_engine::{Offset, PartitionId, TopicName, TopicPartition};

    use super::*;

    #[test]
    fn offsets_of_a_group_do_not_expire_while_it_has_members() {
        let topics = Topics::in_memory(TopicLimits::default());
        let offsets = topics.groups();
        let groups = Groups::new(GroupLimits::default(), offsets.clone());
        let committed = GroupOffset {
            offset: Offset(1),
            leader_epoch: -1,
            metadata: String::new(),
            committed_ms: 1_700_000_000_000,
        };
        let target = TopicPartition::new(TopicName::new("t").expect("a name"), PartitionId(0));
        offsets.commit("g", &[(target, committed.clone())]).expect("is committed");
        let member = Identity { member: String::new(), instance: Some("i".to_owned()) };
        let joined = groups.join(
            "g",
            JoinRequest {
                identity: member.clone(),
                protocol_type: "consumer".to_owned(),
                protocols: vec![("range".to_owned(), Bytes::from_static(b"metadata"))],
                session_timeout: Duration::from_secs(10),
                rebalance_timeout: Duration::from_secs(60),
                client_id: "client".to_owned(),
                client_host: "127.0.0.1".to_owned(),
                name_first: false,
                may_skip_assignment: true,
            },
        );
        let retention_ms = i64::try_from(RETENTION.as_millis()).expect("a few days");
        let later_ms = committed.committed_ms + 2 * retention_ms;
        assert_eq!(offsets.expire(later_ms).expect("looks"), 0);
        groups.leave("g", &member).expect("leaves");
        drop(joined);
        assert_eq!(offsets.expire(later_ms).expect("looks"), 0, "its time begins now");
        assert_eq!(offsets.expire(later_ms + retention_ms).expect("looks"), 1);
    }
}
