//! The power is cut at every call to the disk, and nothing that was promised is lost.

use tidemill_storage::io::{Call, Fault, Tail};
use tidemill_storage::log::CutReason;

use crate::scenario;
use crate::world::{World, partition};

/// Runs the script with the power going off at call `nth`. `false` where the script ends before.
fn run_until(world: &mut World, nth: u64) -> bool {
    world.disk.inject(None, nth, Fault::PowerOff);
    let cut = scenario::run(world).is_err();
    world.close();
    cut
}

fn tails(nth: u64) -> [Tail; 4] {
    [Tail::Lost, Tail::Torn(nth), Tail::Torn(nth + 10_000), Tail::Torn(nth + 20_000)]
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged_and_shows_nothing_undecided() {
    let mut calls = 0;
    for nth in 1.. {
        let mut cut = true;
        for tail in tails(nth) {
            let context = format!("power cut at call {nth}, {tail:?}");
            let mut world = World::new();
            cut = run_until(&mut world, nth);
            world.disk.power_cut(tail);
            world.open().unwrap_or_else(|error| panic!("{context}: {error}"));
            world.verify(&context);
            world.go_on(&context);
            world.disk.power_cut(Tail::Lost);
            world.open().unwrap();
            world.verify(&format!("{context}, and a second cut"));
        }
        if !cut {
            break;
        }
        calls = nth;
    }
    assert!(calls > 150, "the script makes {calls} calls to the disk");
}

#[test]
fn a_power_cut_during_the_recovery_from_a_power_cut_loses_nothing() {
    for nth in (1..).step_by(3) {
        for again in 1.. {
            let context = format!("power cut at call {nth} and at call {again} of the recovery");
            let mut world = World::new();
            let cut = run_until(&mut world, nth);
            world.disk.power_cut(Tail::Torn(nth));
            world.disk.inject(None, again, Fault::PowerOff);
            let recovered = world.open().is_ok();
            world.disk.power_cut(Tail::Torn(again));
            world.open().unwrap_or_else(|error| panic!("{context}: {error}"));
            world.verify(&context);
            if !cut {
                return;
            }
            if recovered {
                break;
            }
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_and_what_it_left_is_durable_after_the_next_start() {
    for nth in 1.. {
        let context = format!("killed at call {nth}");
        let mut world = World::new();
        let killed = run_until(&mut world, nth);
        world.disk.kill_process();
        world.come_back_twice(&context);
        if !killed {
            break;
        }
    }
}

#[test]
fn an_epoch_counts_from_its_decision_on_and_not_before() {
    for seed in 0..40 {
        for decide in [false, true] {
            let context = format!("seed {seed}, decided {decide}");
            let mut world = World::opened();
            world.create_topic("a", Default::default()).unwrap();
            world.create_topic("b", Default::default()).unwrap();
            world.append(&partition("a", 0), 3).unwrap();
            world.sync().unwrap();
            let epoch = world.stage(&[(&partition("a", 0), 5), (&partition("b", 0), 5)]).unwrap();
            if decide {
                world.decide(&epoch);
            }
            World::forget(epoch);
            world.close();
            world.disk.power_cut(Tail::Torn(seed));
            let report = world.open().unwrap();
            world.verify(&context);
            let undecided = report.cuts.iter().filter(|cut| cut.reason == CutReason::Undecided).count();
            assert_eq!(undecided, if decide { 0 } else { 2 }, "{context}: {:?}", report.cuts);
            world.go_on(&context);
        }
    }
}

#[test]
fn a_start_after_a_checkpoint_scans_nothing() {
    let mut world = World::opened();
    world.create_topic("a", Default::default()).unwrap();
    for _ in 0..50 {
        world.append(&partition("a", 0), 10).unwrap();
    }
    world.sync().unwrap();
    tidemill_storage::log::Log::checkpoint(world.log()).unwrap();
    let written = |world: &World| world.disk.calls() - world.disk.calls_of(Call::SyncDir);
    let before = written(&world);
    let report = world.open().unwrap();
    assert_eq!((report.scanned_bytes, report.cuts.len(), report.damages.len()), (0, 0, 0));
    assert_eq!((report.topics, report.partitions), (1, 1));
    assert_eq!(written(&world), before, "nothing is written either");
    world.verify("after a checkpoint");
}

#[test]
fn appends_that_wait_together_share_one_sync() {
    let mut world = World::opened();
    world.create_topic("a", Default::default()).unwrap();
    world.append(&partition("a", 0), 1).unwrap();
    world.sync().unwrap();
    let before = (world.disk.calls_of(Call::Sync), world.disk.calls_of(Call::SyncDir));
    for _ in 0..100 {
        world.append(&partition("a", 0), 1).unwrap();
    }
    world.sync().unwrap();
    let after = (world.disk.calls_of(Call::Sync), world.disk.calls_of(Call::SyncDir));
    assert_eq!((after.0 - before.0, after.1 - before.1), (1, 0));
}
