//! Groups in the words of their members: who joins, what they are told, who goes.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::kafka::groups::join::{JoinRequest, Joined};
use crate::kafka::groups::sync::{SyncRequest, Synced};

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

/// A group, a clock that only the test moves, and the talk with its members.
struct Table {
    group: Group,
    now: Instant,
}

type JoinReceiver = oneshot::Receiver<JoinAnswer>;
type SyncReceiver = oneshot::Receiver<SyncAnswer>;

impl Table {
    fn new() -> Table {
        Table::with(GroupLimits::default())
    }

    fn with(limits: GroupLimits) -> Table {
        let bytes = MembershipBytes::new(limits.membership_bytes_max);
        Table { group: Group::new(limits, bytes), now: Instant::now() }
    }

    fn request(member: &str) -> JoinRequest {
        JoinRequest {
            identity: Identity { member: member.to_owned(), instance: None },
            protocol_type: "consumer".to_owned(),
            protocols: vec![("range".to_owned(), Bytes::from_static(b"metadata"))],
            session_timeout: SESSION,
            rebalance_timeout: REBALANCE,
            client_id: "client".to_owned(),
            client_host: "127.0.0.1".to_owned(),
            name_first: false,
            may_skip_assignment: true,
        }
    }

    fn ask(&mut self, request: JoinRequest) -> JoinReceiver {
        let (sender, answer) = oneshot::channel();
        self.group.join(request, sender, self.now);
        answer
    }

    fn join(&mut self, member: &str) -> JoinReceiver {
        self.ask(Table::request(member))
    }

    fn join_static(&mut self, member: &str, instance: &str) -> JoinReceiver {
        let mut request = Table::request(member);
        request.identity.instance = Some(instance.to_owned());
        self.ask(request)
    }

    fn sync(&mut self, joined: &Joined, assignments: &[(&str, &'static [u8])]) -> SyncReceiver {
        let (sender, answer) = oneshot::channel();
        let assignments = assignments.iter().map(|(id, share)| ((*id).to_owned(), Bytes::from_static(share)));
        let request = SyncRequest {
            identity: Identity { member: joined.member.clone(), instance: None },
            generation: joined.generation,
            protocol_type: Some("consumer".to_owned()),
            protocol: Some(joined.protocol.clone()),
            assignments: assignments.collect(),
        };
        self.group.sync(request, sender, self.now);
        answer
    }

    fn heartbeat(&mut self, joined: &Joined) -> Result<(), ResponseError> {
        self.group.heartbeat(&named(joined), joined.generation, self.now)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.group.tick(self.now);
    }

    /// A group in which two members have an assignment.
    fn of_two() -> (Table, Joined, Joined) {
        let mut table = Table::new();
        let first = told(&mut table.join(""));
        let mut second = table.join("");
        let mut leader = table.join(&first.member);
        let (leader, follower) = (told(&mut leader), told(&mut second));
        let mut share = table.sync(&follower, &[]);
        assert!(waits(&mut share));
        table.sync(&leader, &[(&leader.member, b"one"), (&follower.member, b"two")]);
        assert_eq!(told(&mut share).assignment, &b"two"[..]);
        assert_eq!(table.group.state, State::Stable);
        (table, leader, follower)
    }
}

fn named(joined: &Joined) -> Identity {
    Identity { member: joined.member.clone(), instance: None }
}

trait Told {
    type Said;
    fn told(self) -> Self::Said;
}

impl Told for JoinAnswer {
    type Said = Joined;
    fn told(self) -> Joined {
        self.unwrap()
    }
}

impl Told for SyncAnswer {
    type Said = Synced;
    fn told(self) -> Synced {
        self.unwrap()
    }
}

fn told<A: Told>(answer: &mut oneshot::Receiver<A>) -> A::Said {
    answer.try_recv().expect("the answer is there").told()
}

fn waits<A>(answer: &mut oneshot::Receiver<A>) -> bool {
    matches!(answer.try_recv(), Err(TryRecvError::Empty))
}

fn refused(answer: &mut JoinReceiver) -> ResponseError {
    answer.try_recv().expect("the answer is there").unwrap_err().0
}

#[test]
fn the_first_member_leads_a_generation_of_its_own() {
    let mut table = Table::new();
    let joined = told(&mut table.join(""));
    assert_eq!((joined.generation, &joined.leader), (1, &joined.member));
    assert_eq!(joined.protocol, "range");
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, &b"metadata"[..]);
    let share = told(&mut table.sync(&joined, &[(&joined.member, b"everything")]));
    assert_eq!(share.assignment, &b"everything"[..]);
    assert_eq!(table.heartbeat(&joined), Ok(()));
}

#[test]
fn a_second_member_makes_everybody_join_anew() {
    let (mut table, leader, follower) = Table::of_two();
    assert_eq!(leader.generation, 2);
    assert_eq!(leader.members.len(), 2);
    assert_eq!(follower.members.len(), 0);
    assert_eq!(follower.leader, leader.member);
    assert_eq!(table.heartbeat(&follower), Ok(()));
    let mut third = table.join("");
    assert!(waits(&mut third), "the others have not joined yet");
    assert_eq!(table.heartbeat(&leader), Err(ResponseError::RebalanceInProgress));
    let mut rejoined = [table.join(&leader.member), table.join(&follower.member)];
    assert_eq!(told(&mut third).generation, 3);
    assert_eq!(told(&mut rejoined[0]).members.len(), 3);
    assert_eq!(told(&mut rejoined[1]).generation, 3);
}

#[test]
fn a_member_without_a_name_is_named_first() {
    let mut table = Table::new();
    let mut request = Table::request("");
    request.name_first = true;
    let (error, name) = table.ask(request).try_recv().unwrap().unwrap_err();
    assert_eq!(error, ResponseError::MemberIdRequired);
    assert!(name.starts_with("client-"));
    assert_eq!(table.group.state, State::Empty);
    assert_eq!(told(&mut table.join(&name)).member, name);
}

#[test]
fn a_name_that_is_not_used_is_forgotten() {
    let mut table = Table::new();
    let mut request = Table::request("");
    request.name_first = true;
    let (_, name) = table.ask(request).try_recv().unwrap().unwrap_err();
    assert!(!table.group.is_abandoned());
    table.pass(SESSION);
    assert!(table.group.is_abandoned());
    assert_eq!(refused(&mut table.join(&name)), ResponseError::UnknownMemberId);
}

#[test]
fn a_silent_member_is_taken_for_dead() {
    let (mut table, leader, follower) = Table::of_two();
    table.pass(SESSION / 2);
    assert_eq!(table.heartbeat(&leader), Ok(()));
    table.pass(SESSION / 2);
    assert_eq!(table.heartbeat(&follower), Err(ResponseError::UnknownMemberId));
    assert_eq!(table.heartbeat(&leader), Err(ResponseError::RebalanceInProgress));
    let alone = told(&mut table.join(&leader.member));
    assert_eq!((alone.generation, alone.members.len()), (3, 1));
}

#[test]
fn a_member_that_waits_is_not_silent() {
    let (mut table, leader, _) = Table::of_two();
    let mut third = table.join("");
    table.pass(SESSION * 3);
    assert_eq!(told(&mut third).members.len(), 1, "only the one that waited is left");
    assert_eq!(table.heartbeat(&leader), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_member_whose_connection_is_gone_does_not_count_as_waiting() {
    let (mut table, leader, follower) = Table::of_two();
    drop(table.join(""));
    table.pass(SESSION / 2);
    let mut rejoined = [table.join(&leader.member), table.join(&follower.member)];
    assert!(waits(&mut rejoined[0]), "the third member might come back");
    table.pass(SESSION / 2);
    assert_eq!(told(&mut rejoined[0]).members.len(), 2);
}

#[test]
fn whoever_does_not_rejoin_in_time_is_out() {
    let (mut table, leader, follower) = Table::of_two();
    let mut rejoined = table.join(&leader.member);
    for _ in 0..7 {
        let _ = table.heartbeat(&follower);
        table.pass(SESSION - Duration::from_secs(1));
    }
    assert_eq!(told(&mut rejoined).members.len(), 1);
    assert_eq!(table.heartbeat(&follower), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_leader_that_never_assigns_is_out() {
    let (mut table, leader, follower) = Table::of_two();
    let mut rejoined = [table.join(&leader.member), table.join(&follower.member)];
    let (leader, follower) = (told(&mut rejoined[0]), told(&mut rejoined[1]));
    let mut share = table.sync(&follower, &[]);
    for _ in 0..7 {
        let _ = table.heartbeat(&leader);
        table.pass(SESSION - Duration::from_secs(1));
    }
    assert_eq!(share.try_recv().unwrap(), Err(ResponseError::RebalanceInProgress));
    assert_eq!(table.heartbeat(&leader), Err(ResponseError::UnknownMemberId));
    let alone = told(&mut table.join(&follower.member));
    assert_eq!(alone.leader, follower.member);
}

#[test]
fn a_member_that_leaves_is_not_waited_for() {
    let (mut table, leader, follower) = Table::of_two();
    assert_eq!(table.group.leave(&named(&leader), table.now), Ok(()));
    let alone = told(&mut table.join(&follower.member));
    assert_eq!((alone.members.len(), alone.leader), (1, follower.member.clone()));
    assert_eq!(table.group.leave(&named(&follower), table.now), Ok(()));
    assert!(table.group.is_abandoned());
    assert_eq!(table.group.leave(&named(&follower), table.now), Err(ResponseError::UnknownMemberId));
}

#[test]
fn members_of_an_older_generation_are_fenced() {
    let (mut table, leader, follower) = Table::of_two();
    let mut rejoined = [table.join(&leader.member), table.join(&follower.member)];
    let current = told(&mut rejoined[0]);
    assert_eq!(table.heartbeat(&leader), Err(ResponseError::IllegalGeneration));
    assert_eq!(table.sync(&leader, &[]).try_recv().unwrap(), Err(ResponseError::IllegalGeneration));
    let commit = table.group.check_commit(&named(&leader), leader.generation, table.now);
    assert_eq!(commit, Err(ResponseError::IllegalGeneration));
    let commit = table.group.check_commit(&named(&current), current.generation, table.now);
    assert_eq!(commit, Err(ResponseError::RebalanceInProgress), "nothing is assigned yet");
}

#[test]
fn nobody_else_commits_while_there_are_members() {
    let nobody = Identity { member: String::new(), instance: None };
    let (mut table, leader, _) = Table::of_two();
    assert_eq!(table.group.check_commit(&nobody, -1, table.now), Err(ResponseError::UnknownMemberId));
    assert_eq!(table.group.check_commit(&named(&leader), leader.generation, table.now), Ok(()));
    assert_eq!(Table::new().group.check_commit(&nobody, -1, table.now), Ok(()));
}

#[test]
fn a_lost_answer_is_given_again() {
    let (mut table, leader, follower) = Table::of_two();
    let again = told(&mut table.join(&follower.member));
    assert_eq!((again.generation, again.leader), (2, leader.member.clone()));
    assert_eq!(table.group.state, State::Stable, "nothing changed, so nobody is disturbed");
    let share = told(&mut table.sync(&follower, &[]));
    assert_eq!(share.assignment, &b"two"[..]);
}

#[test]
fn a_leader_that_rejoins_wants_a_rebalance() {
    let (mut table, leader, follower) = Table::of_two();
    let mut again = table.join(&leader.member);
    assert!(waits(&mut again));
    assert_eq!(table.heartbeat(&follower), Err(ResponseError::RebalanceInProgress));
}

#[test]
fn a_changed_subscription_is_a_rebalance() {
    let (mut table, _, follower) = Table::of_two();
    let mut request = Table::request(&follower.member);
    request.protocols[0].1 = Bytes::from_static(b"other topics");
    assert!(waits(&mut table.ask(request)));
    assert_eq!(table.group.state, State::Preparing);
}

#[test]
fn a_member_that_shares_no_protocol_is_refused() {
    let (mut table, _, _) = Table::of_two();
    let mut request = Table::request("");
    request.protocols[0].0 = "sticky".to_owned();
    assert_eq!(refused(&mut table.ask(request)), ResponseError::InconsistentGroupProtocol);
    let mut request = Table::request("");
    request.protocol_type = "connect".to_owned();
    assert_eq!(refused(&mut table.ask(request)), ResponseError::InconsistentGroupProtocol);
}

#[test]
fn the_protocol_most_members_want_is_chosen_among_those_all_know() {
    let mut table = Table::new();
    let request = |member: &str, names: &[&str]| {
        let mut request = Table::request(member);
        request.protocols = names.iter().map(|name| ((*name).to_owned(), Bytes::new())).collect();
        request
    };
    let first = told(&mut table.ask(request("", &["range", "sticky"])));
    assert_eq!(first.protocol, "range");
    let mut others =
        [table.ask(request("", &["sticky", "range"])), table.ask(request("", &["sticky", "x", "range"]))];
    let again = told(&mut table.ask(request(&first.member, &["range", "sticky"])));
    assert_eq!(again.protocol, "sticky");
    assert_eq!(told(&mut others[0]).protocol, "sticky");
}

#[test]
fn a_static_member_takes_its_place_again_and_nobody_is_disturbed() {
    let mut table = Table::new();
    let first = told(&mut table.join_static("", "one"));
    table.sync(&first, &[(&first.member, b"everything")]);
    let again = told(&mut table.join_static("", "one"));
    assert_ne!(again.member, first.member);
    assert_eq!((again.generation, again.skip_assignment), (1, true));
    assert_eq!(again.leader, again.member);
    let share = told(&mut table.sync(&again, &[]));
    assert_eq!(share.assignment, &b"everything"[..]);
    let old = Identity { member: first.member.clone(), instance: Some("one".to_owned()) };
    let fenced = table.group.heartbeat(&old, 1, table.now);
    assert_eq!(fenced, Err(ResponseError::FencedInstanceId));
    assert_eq!(refused(&mut table.join_static(&first.member, "one")), ResponseError::FencedInstanceId);
}

#[test]
fn a_static_member_that_rejoins_late_keeps_its_place_until_its_session_ends() {
    let mut table = Table::new();
    let patient = |table: &mut Table, member: &str, instance: &str| {
        let mut request = Table::request(member);
        request.identity.instance = Some(instance.to_owned());
        request.session_timeout = REBALANCE * 3;
        table.ask(request)
    };
    let first = told(&mut patient(&mut table, "", "one"));
    let mut second = patient(&mut table, "", "two");
    table.pass(REBALANCE);
    let second = told(&mut second);
    assert_eq!((second.leader.clone(), second.members.len()), (second.member.clone(), 2));
    assert_ne!(second.leader, first.member);
    table.pass(REBALANCE * 2);
    assert!(!table.group.instances.contains_key("one"));
}

#[test]
fn an_operator_removes_a_static_member_by_its_own_name() {
    let mut table = Table::new();
    told(&mut table.join_static("", "one"));
    let by_instance = Identity { member: String::new(), instance: Some("one".to_owned()) };
    assert_eq!(table.group.leave(&by_instance, table.now), Ok(()));
    assert!(table.group.is_abandoned());
}

#[test]
fn a_group_is_not_larger_than_it_may_be() {
    let mut table = Table::with(GroupLimits { members_max: 1, ..GroupLimits::default() });
    told(&mut table.join(""));
    assert_eq!(refused(&mut table.join("")), ResponseError::GroupMaxSizeReached);
}

#[test]
fn what_members_say_is_counted_and_given_back() {
    let mut table = Table::with(GroupLimits { membership_bytes_max: 12, ..GroupLimits::default() });
    let first = told(&mut table.join(""));
    assert_eq!(table.group.bytes.used(), 8);
    assert_eq!(refused(&mut table.join("")), ResponseError::GroupMaxSizeReached);
    table.group.leave(&named(&first), table.now).unwrap();
    assert_eq!(table.group.bytes.used(), 0);
}

#[test]
fn the_first_rebalance_waits_for_more_members_if_told_to() {
    let delay = Duration::from_secs(3);
    let mut table = Table::with(GroupLimits { initial_rebalance_delay: delay, ..GroupLimits::default() });
    let mut first = table.join("");
    let mut second = table.join("");
    assert!(waits(&mut first) && waits(&mut second));
    assert_eq!(table.group.next_deadline(), Some(table.now + delay));
    table.pass(delay);
    assert_eq!(told(&mut first).members.len(), 2);
    assert_eq!(told(&mut second).generation, 1);
}

#[test]
fn the_timer_always_moves_on() {
    let (mut table, leader, follower) = Table::of_two();
    let _third = table.join("");
    let _leader = table.join(&leader.member);
    for _ in 0..50 {
        let Some(next) = table.group.next_deadline() else { break };
        assert!(next > table.now, "a timer in the past would spin");
        let _ = table.heartbeat(&follower);
        table.now = next;
        table.group.tick(next);
    }
}

#[test]
fn a_server_that_stops_tells_those_who_wait() {
    let (mut table, _, _) = Table::of_two();
    let mut third = table.join("");
    table.group.close();
    assert_eq!(refused(&mut third), ResponseError::CoordinatorNotAvailable);
}
