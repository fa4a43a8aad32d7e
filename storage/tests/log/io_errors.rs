//! The device fails or fills up at every call to the disk.

use tidemill_storage::io::{Call, Fault, Tail};
use tidemill_storage::log::{Isolation, Log, TopicSettings, TransactionEnd};
use tidemill_storage::{ErrorKind, Offset, ProducerId};

use crate::scenario::{self, STEPS};
use crate::world::{World, is_refusal, partition};

#[test]
fn a_failed_call_ends_the_log_and_a_restart_finds_everything_acknowledged() {
    for nth in 1.. {
        let context = format!("EIO at call {nth}");
        let mut world = World::new();
        world.disk.inject(None, nth, Fault::Eio);
        let failed = scenario::run(&mut world);
        if let Err(error) = &failed {
            assert!(!is_refusal(error), "{context}: {error}");
        }
        world.close();
        world.disk.kill_process();
        world.come_back_twice(&context);
        if failed.is_ok() {
            break;
        }
    }
}

/// Runs the script; a refused step is taken again once there is space. `None` where the log ended.
fn run_with_retries(world: &mut World, context: &str) -> Option<usize> {
    let mut refusals = 0;
    while world.open().is_err() {
        refusals += 1;
        world.disk.clear_faults();
    }
    for step in STEPS {
        loop {
            match step(world) {
                Ok(()) => break,
                Err(_) if world.log().failure().is_some() => return None,
                Err(error) => {
                    assert!(is_refusal(&error), "{context}: {error}");
                    refusals += 1;
                    world.disk.clear_faults();
                }
            }
        }
    }
    Some(refusals)
}

#[test]
fn a_full_disk_refuses_calls_and_takes_them_again_once_there_is_space() {
    let (mut refused, mut ended) = (0, 0);
    for fault in [Fault::DiskFull, Fault::ShortWrite, Fault::OutOfFiles] {
        for nth in 1.. {
            let context = format!("{fault:?} at call {nth}");
            let mut world = World::new();
            world.disk.inject_lasting(None, nth, fault);
            let before = world.disk.calls();
            match run_with_retries(&mut world, &context) {
                Some(refusals) => refused += refusals,
                None => ended += 1,
            }
            let completed = world.disk.calls() - before < nth;
            world.disk.clear_faults();
            world.close();
            world.disk.kill_process();
            world.open().unwrap();
            world.verify(&context);
            world.disk.power_cut(Tail::Torn(nth));
            world.open().unwrap();
            world.verify(&format!("{context}, then the power was cut"));
            world.go_on(&context);
            if completed {
                break;
            }
        }
    }
    assert!(refused > 100, "only {refused} calls were refused");
    assert!(ended > 20, "a sync that finds no space is the end; that happened {ended} times");
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_everything_is_refused() {
    let mut world = World::opened();
    world.create_topic("a", Default::default()).unwrap();
    let target = partition("a", 0);
    world.append(&target, 2).unwrap();
    world.sync().unwrap();
    world.disk.inject(Some(Call::Sync), 1, Fault::Eio);
    let watch = world.log().watch(&target).unwrap();
    world.append(&target, 2).unwrap();
    let failure = world.sync().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Poisoned);
    assert!(failure.to_string().contains("00000000000000000000.log"), "{failure}");
    assert!(matches!(*watch.borrow(), tidemill_storage::log::Watermark::Failed(_)));
    let log = world.log();
    let refusals = [
        log.read(&target, Offset(0), 100, Isolation::ReadUncommitted).err(),
        log.offsets(&target).err(),
        log.checkpoint().err(),
        log.enforce_retention().err(),
        log.allocate_producer_id().err(),
        log.delete_topic(&target.topic).err(),
        log.end_transaction(
            &target,
            ProducerId(1),
            tidemill_storage::ProducerEpoch(0),
            TransactionEnd::Commit,
        )
        .err(),
        log.stage(crate::world::QUERY, Vec::new()).err().or(log.failure()),
        world.append(&target, 1).err(),
    ];
    for (index, refusal) in refusals.into_iter().enumerate() {
        assert_eq!(refusal.map(|error| error.kind()), Some(ErrorKind::Poisoned), "call {index}");
    }
}

#[test]
fn a_failed_read_fails_that_read_alone() {
    let mut world = World::opened();
    world.create_topic("a", Default::default()).unwrap();
    let target = partition("a", 0);
    world.append(&target, 2).unwrap();
    world.sync().unwrap();
    world.disk.inject(Some(Call::Read), 1, Fault::Eio);
    let failed = world.log().read(&target, Offset(0), 100, Isolation::ReadUncommitted);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
    assert!(world.log().failure().is_none());
    world.verify("after a failed read");
}

#[test]
fn retention_frees_a_full_disk_and_appends_go_on_without_a_restart() {
    for nth in 1.. {
        let mut world = World::opened();
        let settings =
            TopicSettings { segment_bytes: 300, retention_bytes: Some(600), ..TopicSettings::default() };
        world.create_topic("a", settings).unwrap();
        let target = partition("a", 0);
        for _ in 0..20 {
            world.append(&target, 3).unwrap();
        }
        world.sync().unwrap();
        world.log().checkpoint().unwrap();
        world.append(&target, 3).unwrap();
        world.sync().unwrap();
        world.disk.inject_lasting(Some(Call::Write), 1, Fault::DiskFull);
        assert_eq!(world.append(&target, 3).unwrap_err().kind(), ErrorKind::DiskFull);
        let read = world.log().read(&target, Offset(0), 1000, Isolation::ReadUncommitted).unwrap();
        assert!(!read.batches.is_empty(), "reading goes on");
        world.disk.inject(None, nth, Fault::PowerOff);
        let context = format!("retention on a full disk, power cut at call {nth}");
        let cut = world.enforce_retention().is_err();
        if cut {
            world.close();
            world.disk.power_cut(Tail::Torn(nth));
            world.open().unwrap();
        } else {
            assert!(world.log().size_bytes(&target).unwrap() < 1500, "there is room again");
            world.disk.clear_faults();
            assert!(world.log().failure().is_none());
        }
        world.verify(&context);
        world.go_on(&context);
        if !cut {
            break;
        }
    }
}
