//! What is left of groups that nobody uses, by a clock that only the test moves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidemill_storage::io::{Clock, ManualClock};
use tidemill_storage::log::MemoryLog;
use tidemill_storage::state::StateStore;
use tidemill_storage::state::memory::MemoryStateStore;
use tidemill_storage::{Offset, PartitionId, TopicName, TopicPartition};

use super::expiry::RETENTION;
use super::occupancy::DEPARTED_MAX;
use super::{GroupOffset, GroupOffsets};
use crate::engine::{Engine, EngineOptions, Storage};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

struct World {
    store: Arc<MemoryStateStore>,
    clock: ManualClock,
    offsets: GroupOffsets,
}

impl World {
    fn new() -> World {
        let store = Arc::new(MemoryStateStore::new());
        let offsets = GroupOffsets::new(store.clone());
        World { store, clock: ManualClock::new(1_700_000_000_000), offsets }
    }

    /// The same directory, opened by the next server: nobody has joined yet.
    fn restarted(self) -> World {
        World { offsets: GroupOffsets::new(self.store.clone()), ..self }
    }

    fn commit(&self, group: &str, partition: u32) {
        let target = TopicPartition::new(TopicName::new("t").unwrap(), PartitionId(partition));
        let committed_ms = self.clock.wall_ms();
        let offset =
            GroupOffset { offset: Offset(7), leader_epoch: -1, metadata: String::new(), committed_ms };
        self.offsets.commit(group, &[(target, offset)]).unwrap();
    }

    fn after(&self, time: Duration) -> usize {
        self.clock.advance(time);
        self.offsets.expire(self.clock.wall_ms()).unwrap()
    }

    fn partitions(&self, group: &str) -> Vec<u32> {
        self.offsets.fetch(group).unwrap().into_keys().map(|target| target.partition.0).collect()
    }
}

#[test]
fn what_nobody_is_a_member_of_goes_by_its_commits() {
    let world = World::new();
    world.commit("standalone", 0);
    assert_eq!(world.after(DAY * 3), 0);
    world.commit("standalone", 1);
    assert_eq!(world.after(DAY * 4 - Duration::from_millis(1)), 0);
    assert_eq!(world.after(Duration::from_millis(1)), 1);
    assert_eq!(world.partitions("standalone"), [1]);
    assert_eq!(world.after(DAY * 3), 1);
    assert!(world.offsets.groups().unwrap().is_empty());
}

#[test]
fn a_group_with_members_keeps_its_offsets_and_its_time_begins_when_they_are_gone() {
    let world = World::new();
    world.commit("used", 0);
    let members = world.offsets.occupy("used");
    assert_eq!(world.after(RETENTION * 5), 0);
    drop(members);
    assert_eq!(world.after(DAY), 0, "this look finds that they are gone");
    assert_eq!(world.after(RETENTION - Duration::from_millis(1)), 0);
    assert_eq!(world.after(Duration::from_millis(1)), 1);
    assert!(world.partitions("used").is_empty());
}

#[test]
fn a_group_that_had_members_only_between_two_looks_was_in_use() {
    let world = World::new();
    world.commit("first", 0);
    world.commit("again", 0);
    drop(world.offsets.occupy("again"));
    assert_eq!(world.after(Duration::ZERO), 0, "when it was left is stored");
    world.clock.advance(RETENTION);
    drop(world.offsets.occupy("first"));
    drop(world.offsets.occupy("again"));
    assert_eq!(world.after(Duration::ZERO), 0);
    assert_eq!(world.after(RETENTION - Duration::from_millis(1)), 0);
    assert_eq!(world.after(Duration::from_millis(1)), 2);
}

#[test]
fn a_group_is_not_forgotten_among_many_that_came_and_went() {
    let world = World::new();
    world.commit("used", 0);
    world.clock.advance(RETENTION);
    for group in 0..DEPARTED_MAX {
        drop(world.offsets.occupy(&format!("console-{group}")));
    }
    drop(world.offsets.occupy("used"));
    assert_eq!(world.after(Duration::ZERO), 0);
    assert_eq!(world.after(RETENTION), 1);
}

#[tokio::test]
async fn a_server_that_ends_tells_the_next_one_who_was_there_since_its_last_look() {
    let storage = Storage { log: Arc::new(MemoryLog::default()), store: Arc::new(MemoryStateStore::new()) };
    let options = EngineOptions { workers: 2, ..EngineOptions::default() };
    let engine = Engine::open_over(storage.clone(), options.clone()).unwrap();
    let clock = ManualClock::new(1_700_000_000_000);
    let world = World { store: Arc::default(), clock, offsets: engine.topics().groups().clone() };
    for group in ["visits", "stays", "goes"] {
        world.commit(group, 0);
    }
    drop(world.offsets.occupy("visits"));
    let _member = world.offsets.occupy("stays");
    engine.shutdown().await.expect("shuts down");

    let engine = Engine::open_over(storage, options).unwrap();
    let next = World { offsets: engine.topics().groups().clone(), ..world };
    assert_eq!(next.after(RETENTION), 1);
    assert_eq!(next.offsets.groups().unwrap(), ["stays", "visits"]);
    assert_eq!(next.after(RETENTION), 2);
}

#[test]
fn a_restart_neither_begins_the_time_anew_nor_takes_members_for_long_gone() {
    let mut world = World::new();
    world.commit("left", 0);
    world.commit("used", 0);
    let members = world.offsets.occupy("used");
    drop(world.offsets.occupy("left"));
    assert_eq!(world.after(DAY), 0);
    drop(members);
    world.clock.advance(RETENTION * 2);
    world = world.restarted();
    // The members of 'used' were there when the server was killed; those of 'left' were gone at the first look.
    assert_eq!(world.after(Duration::ZERO), 1);
    let groups: BTreeSet<String> = world.offsets.groups().unwrap().into_iter().collect();
    assert_eq!(groups, BTreeSet::from(["used".to_owned()]));
    world = world.restarted();
    assert_eq!(world.after(RETENTION), 1, "the second restart did not begin its time anew");
}

#[test]
fn a_commit_or_a_member_in_time_keeps_what_was_about_to_go() {
    let world = World::new();
    for group in ["commits", "joins", "goes"] {
        world.commit(group, 0);
    }
    world.clock.advance(RETENTION);
    world.commit("commits", 0);
    let _member = world.offsets.occupy("joins");
    assert_eq!(world.after(Duration::ZERO), 1);
    assert_eq!(world.offsets.groups().unwrap(), ["commits", "joins"]);
}

#[test]
fn nothing_stays_of_a_group_without_offsets() {
    let world = World::new();
    let _members = world.offsets.occupy("used");
    world.commit("used", 0);
    world.after(DAY);
    world.offsets.delete("used", None).unwrap();
    world.after(DAY);
    let everything = world.store.snapshot().scan(super::state_keys::group_activities()).count();
    assert_eq!(everything, 0);
}

#[test]
fn more_than_one_write_holds_is_forgotten_in_several() {
    let world = World::new();
    for group in 0..500 {
        for partition in 0..5 {
            world.commit(&format!("console-{group:03}"), partition);
        }
    }
    world.commit("kept", 0);
    let _members = world.offsets.occupy("kept");
    assert_eq!(world.after(RETENTION), 2_500);
    assert_eq!(world.offsets.groups().unwrap(), ["kept"]);
}
