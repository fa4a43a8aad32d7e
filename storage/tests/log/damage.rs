//! Damage of what was durable is reported with its place, never cut off, and contained.

use std::path::Path;

use tidemill_storage::io::{Disk, OpenMode};
use tidemill_storage::log::{CutReason, Isolation, Log, TopicSettings};
use tidemill_storage::{ErrorKind, Offset, TopicPartition};

use crate::world::{DIRECTORY, World, partition, segment_path};

const RECORDS_PER_BATCH: usize = 5;
const BATCHES: usize = 60;

/// A partition of 60 batches in several closed segments, with a checkpoint, and its segments' bases.
fn world() -> (World, TopicPartition, Vec<usize>) {
    let mut world = World::opened();
    let settings = TopicSettings { segment_bytes: 2000, ..TopicSettings::default() };
    world.create_topic("a", settings).unwrap();
    let target = partition("a", 0);
    for _ in 0..BATCHES {
        world.append(&target, RECORDS_PER_BATCH).unwrap();
    }
    world.sync().unwrap();
    world.log().checkpoint().unwrap();
    let bases = world
        .disk
        .list(segment_path(&target, 0).parent().unwrap())
        .unwrap()
        .into_iter()
        .filter_map(|entry| entry.name.strip_suffix(".log").map(|base| base.parse().unwrap()))
        .collect();
    (world, target, bases)
}

fn length(world: &World, path: &Path) -> usize {
    world.disk.status(path).unwrap().length as usize
}

/// Offsets that can be read, each asked for by itself, and the errors of the others.
fn readable(world: &World, target: &TopicPartition) -> (Vec<usize>, Vec<(usize, String)>) {
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for offset in 0..BATCHES * RECORDS_PER_BATCH {
        let from = Offset(offset as i64);
        match world.log().read(target, from, 1, Isolation::ReadUncommitted) {
            Ok(slice) => {
                let mut reader = slice.reader(from);
                let batch = reader.next_batch().unwrap().unwrap();
                let record = batch.records().next().unwrap().unwrap();
                assert_eq!(record.offset, from);
                good.push(offset);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                bad.push((offset, error.to_string()));
            }
        }
    }
    (good, bad)
}

#[test]
fn a_flipped_bit_is_reported_and_takes_no_more_than_its_batch() {
    let (mut world, target, bases) = world();
    for base in [bases[0], bases[2], *bases.last().unwrap()] {
        let path = segment_path(&target, base);
        let bytes = length(&world, &path);
        for position in (0..bytes).step_by(7) {
            world.disk.flip(&path, position, 0x10).unwrap();
            let report = world.open().unwrap();
            assert_eq!((report.cuts.len(), report.damages.len()), (0, 0), "byte {position}");
            assert_eq!(length(&world, &path), bytes, "byte {position}: nothing is cut off");
            let (good, bad) = readable(&world, &target);
            assert_eq!(good.len() + bad.len(), BATCHES * RECORDS_PER_BATCH);
            assert_eq!(bad.len(), RECORDS_PER_BATCH, "byte {position} of {}: {bad:?}", path.display());
            for (_, message) in &bad {
                assert!(
                    message.contains(&path.display().to_string()) && message.contains("offset"),
                    "{message}"
                );
            }
            world.disk.flip(&path, position, 0x10).unwrap();
        }
    }
    world.open().unwrap();
    world.verify("all bits are back");
}

#[test]
fn a_damaged_index_or_none_is_made_anew() {
    let (mut world, target, bases) = world();
    for base in &bases {
        let path = segment_path(&target, *base).with_extension("index");
        let there = world.disk.status(&path).is_ok();
        if !there {
            continue;
        }
        for position in 0..length(&world, &path) {
            world.disk.flip(&path, position, 0xff).unwrap();
            world.open().unwrap();
            world.verify(&format!("{} damaged at {position}", path.display()));
            world.disk.flip(&path, position, 0xff).unwrap();
        }
        world.disk.remove_file(&path).unwrap();
    }
    world.open().unwrap();
    world.verify("all indexes are gone");
    let found = world.log().offset_for_timestamp(&target, 4).unwrap();
    assert_eq!(found, Some((Offset(4), 4)));
}

#[test]
fn a_missing_segment_is_reported_and_the_others_are_served() {
    let (mut world, target, bases) = world();
    world.disk.remove_file(&segment_path(&target, bases[2])).unwrap();
    let report = world.open().unwrap();
    assert_eq!(report.damages.len(), 1, "{:?}", report.damages);
    assert!(report.damages[0].path.ends_with(format!("{:020}.log", bases[2])));
    let (_, bad) = readable(&world, &target);
    let lost: Vec<usize> = bad.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(lost, (bases[2]..bases[3]).collect::<Vec<_>>());
    world.append(&target, 1).unwrap();
    world.sync().unwrap();
}

#[test]
fn a_missing_segment_at_the_checkpoint_is_reported_and_what_follows_is_served() {
    let (mut world, target, bases) = world();
    let at_checkpoint = *bases.last().unwrap();
    for _ in 0..BATCHES {
        world.append(&target, RECORDS_PER_BATCH).unwrap();
    }
    world.sync().unwrap();
    world.close();
    world.disk.remove_file(&segment_path(&target, at_checkpoint)).unwrap();
    let report = world.open().unwrap();
    assert_eq!((report.damages.len(), report.cuts.len()), (1, 0), "{report:?}");
    let offsets = world.log().offsets(&target).unwrap();
    assert_eq!(offsets.end.0 as usize, 2 * BATCHES * RECORDS_PER_BATCH);
    world.append(&target, 1).unwrap();
    world.sync().unwrap();
}

#[test]
fn a_partition_whose_end_is_gone_takes_no_appends_but_is_read() {
    let (mut world, target, bases) = world();
    let last = *bases.last().unwrap();
    let path = segment_path(&target, last);
    let file = world.disk.open(&path, OpenMode::Write).unwrap();
    file.truncate(100).unwrap();
    file.sync_data().unwrap();
    let report = world.open().unwrap();
    assert_eq!(report.damages.len(), 1, "{:?}", report.damages);
    let refused =
        world.log().append(&target, bytes::Bytes::from(vec![0; 10]), tidemill_storage::log::Origin::Client);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::CorruptBatch, "the batch itself is looked at first");
    let refused = world.append(&target, 1).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    let (good, bad) = readable(&world, &target);
    assert_eq!(good, (0..last).collect::<Vec<_>>());
    assert_eq!(bad.len(), BATCHES * RECORDS_PER_BATCH - last);
}

#[test]
fn a_damaged_checkpoint_costs_a_scan_and_nothing_else() {
    let (mut world, target, bases) = world();
    let path = segment_path(&target, 0).with_file_name("checkpoint");
    for position in (0..length(&world, &path)).step_by(11) {
        world.disk.flip(&path, position, 0x40).unwrap();
        let report = world.open().unwrap();
        assert_eq!(report.damages.len(), 1, "{:?}", report.damages);
        assert!(report.damages[0].path.ends_with("checkpoint"));
        assert!(report.scanned_bytes > 0 && report.cuts.is_empty());
        world.verify(&format!("checkpoint damaged at byte {position}"));
        world.disk.flip(&path, position, 0x40).unwrap();
    }
    // With damage of the log besides, still nothing that stands behind it is cut.
    world.disk.flip(&path, 30, 0x40).unwrap();
    world.disk.flip(&segment_path(&target, bases[1]), 100, 1).unwrap();
    let report = world.open().unwrap();
    assert_eq!((report.damages.len(), report.cuts.len()), (2, 0), "{report:?}");
    let (_, bad) = readable(&world, &target);
    assert_eq!(bad.len(), RECORDS_PER_BATCH);
    world.append(&target, 1).unwrap();
    world.sync().unwrap();
    world.log().checkpoint().unwrap();
    assert_eq!(world.open().unwrap().damages.len(), 0, "the next checkpoint is whole again");
}

#[test]
fn a_damaged_checkpoint_does_not_cost_what_a_query_wrote_that_ended_long_ago() {
    let (mut world, target, _) = world();
    let epoch = world.stage(&[(&target, 4)]).unwrap();
    world.decide(&epoch);
    world.publish(epoch);
    for behind in [true, false] {
        if behind {
            world.append(&target, 3).unwrap();
            world.sync().unwrap();
        }
        world.log().checkpoint().unwrap();
        world.forget_decisions();
        world.disk.flip(&segment_path(&target, 0).with_file_name("checkpoint"), 30, 0x40).unwrap();
        let report = world.open().unwrap();
        assert_eq!((report.damages.len(), report.cuts.len()), (1, 0), "{report:?}");
        world.verify("the decisions are forgotten and the checkpoint is damaged");
    }
}

#[test]
fn a_damaged_checkpoint_lets_an_epoch_that_was_never_decided_go() {
    let (mut world, target, _) = world();
    let decided = world.stage(&[(&target, 4)]).unwrap();
    world.decide(&decided);
    world.publish(decided);
    let undecided = world.stage(&[(&target, 6)]).unwrap();
    World::forget(undecided);
    world.close();
    world.disk.flip(&segment_path(&target, 0).with_file_name("checkpoint"), 30, 0x40).unwrap();
    let report = world.open().unwrap();
    assert_eq!((report.damages.len(), report.cuts.len()), (1, 1), "{report:?}");
    assert_eq!(report.cuts[0].reason, CutReason::Undecided);
    world.verify("the last epoch was not decided");
}

#[test]
fn what_stands_behind_damage_of_the_tail_is_set_aside() {
    let mut world = World::opened();
    world.create_topic("a", TopicSettings { segment_bytes: 2000, ..TopicSettings::default() }).unwrap();
    let target = partition("a", 0);
    for _ in 0..BATCHES {
        world.append(&target, RECORDS_PER_BATCH).unwrap();
    }
    world.sync().unwrap();
    world.close();
    let first = segment_path(&target, 0);
    let bytes = length(&world, &first);
    world.disk.flip(&first, 100, 1).unwrap();
    let report = world.open().unwrap();
    let cuts: Vec<_> = report.cuts.iter().filter(|cut| cut.set_aside.is_some()).collect();
    assert!(cuts.len() > 2 && cuts.len() == report.cuts.len(), "the segment and all behind it: {report:?}");
    let kept: usize = cuts.iter().map(|cut| length(&world, cut.set_aside.as_deref().unwrap())).sum();
    assert_eq!(kept as u64, report.cuts.iter().map(|cut| cut.bytes).sum::<u64>());
    let aside = world.disk.list(first.parent().unwrap()).unwrap();
    assert!(aside.iter().any(|entry| entry.name == format!("{:020}.log.cut-at-0", 0)), "{aside:?}");
    assert_eq!(length(&world, &first.with_extension("log.cut-at-0")), bytes);
    let text = cuts.last().unwrap().to_string();
    assert!(text.contains("may have been acknowledged") && text.contains(".cut-at-"), "{text}");
    assert_eq!(world.open().unwrap().cuts.len(), 0, "it is looked at once");
}

#[test]
fn a_trimmed_log_without_its_checkpoint_keeps_everything_it_has() {
    let (mut world, target, bases) = world();
    world.trim(&target, bases[2] + 1).unwrap();
    world.disk.remove_file(&segment_path(&target, 0).with_file_name("checkpoint")).unwrap();
    let report = world.open().unwrap();
    assert_eq!((report.damages.len(), report.cuts.len()), (1, 0), "{report:?}");
    assert!(report.damages[0].to_string().contains("checkpoint"), "{}", report.damages[0]);
    let offsets = world.log().offsets(&target).unwrap();
    assert_eq!(offsets.log_start.0 as usize, bases[2], "to the segment, as where within is forgotten");
    assert_eq!(offsets.end.0 as usize, BATCHES * RECORDS_PER_BATCH);
}

#[test]
fn a_damaged_topic_does_not_keep_the_others_from_being_served() {
    let (mut world, target, _) = world();
    world.create_topic("b", TopicSettings::default()).unwrap();
    world.disk.flip(Path::new(&format!("{DIRECTORY}/topics/b/topic")), 40, 1).unwrap();
    let report = world.open().unwrap();
    assert_eq!((report.topics, report.damages.len()), (1, 1));
    let in_the_way = world.log().create_topic(&crate::world::name("b"), TopicSettings::default());
    assert_eq!(in_the_way.unwrap_err().kind(), ErrorKind::Corrupt);
    let (_, bad) = readable(&world, &target);
    assert!(bad.is_empty());
}
