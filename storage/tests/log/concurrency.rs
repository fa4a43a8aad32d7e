//! Many threads at once: appenders, epochs, readers, and the power going off under them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use parking_lot::Mutex;
use tidemill_storage::io::{Fault, FaultyDisk, ManualClock, SeededRandom, Tail};
use tidemill_storage::log::{
    Decisions, EmbeddedLog, Isolation, Log, Options, Origin, StagedOutput, TopicSettings, partitions_of,
};
use tidemill_storage::record::{BatchBuilder, Codec};
use tidemill_storage::{Offset, ProducerId, Result, TopicPartition};

use crate::world::name;

const ABORTED: &str = "aborted";

fn batch(values: &[String]) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    for value in values {
        builder.append(0, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.build().unwrap()
}

/// What was promised: values by their offset.
type Promised = Mutex<BTreeMap<(TopicPartition, Offset), String>>;
type Decided = Mutex<BTreeMap<(ProducerId, TopicPartition), Offset>>;

/// Appends batch after batch and keeps what is acknowledged.
fn client(
    log: &dyn Log,
    target: &TopicPartition,
    number: usize,
    rounds: usize,
    promised: &Promised,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for round in 0..rounds {
        let values: Vec<String> =
            (0..1 + round % 3).map(|i| format!("client {number} {round} {i}")).collect();
        let appended = log.append(target, batch(&values), Origin::Client)?;
        let base = appended.base_offset;
        runtime.block_on(appended.durable())?;
        let mut promised = promised.lock();
        for (index, value) in values.into_iter().enumerate() {
            let before = promised.insert((target.clone(), base.plus(index as i64)), value);
            assert_eq!(before, None, "an offset is given once");
        }
    }
    Ok(())
}

/// Stages epochs over several partitions; every third is aborted.
fn query(
    log: &dyn Log,
    targets: &[TopicPartition],
    producer: ProducerId,
    rounds: usize,
    promised: &Promised,
    decided: &Decided,
) -> Result<()> {
    for round in 0..rounds {
        let aborts = round % 3 == 2;
        let what = if aborts { ABORTED } else { "epoch" };
        let values = |target: &TopicPartition| -> Vec<String> {
            (0..4).map(|i| format!("{what} {} {round} {target} {i}", producer.0)).collect()
        };
        let outputs = targets
            .iter()
            .map(|target| StagedOutput { target: target.clone(), batches: vec![batch(&values(target))] })
            .collect();
        let staged = log.stage(producer, outputs)?;
        if aborts {
            staged.abort();
            continue;
        }
        let mut promised = promised.lock();
        for (target, end) in staged.ends() {
            decided.lock().insert((producer, target.clone()), *end);
            for (index, value) in values(target).into_iter().enumerate() {
                promised.insert((target.clone(), Offset(end.0 - 4 + index as i64)), value);
            }
        }
        drop(promised);
        staged.publish();
    }
    Ok(())
}

/// Follows a partition until it is told to stop; what it sees is dense, final, and never aborted.
fn follow(log: &dyn Log, target: &TopicPartition, stop: &AtomicBool) -> BTreeMap<Offset, String> {
    let mut seen = BTreeMap::new();
    let mut at = Offset::ZERO;
    let mut watermark = Offset::ZERO;
    loop {
        let last_round = stop.load(Ordering::Acquire);
        let Ok(slice) = log.read(target, at, 4096, Isolation::ReadUncommitted) else { return seen };
        assert!(slice.offsets.high_watermark >= watermark, "the high watermark never goes back");
        watermark = slice.offsets.high_watermark;
        let mut reader = slice.reader(at);
        while let Some(batch) = reader.next_batch().unwrap() {
            for record in batch.records() {
                let record = record.unwrap();
                assert_eq!(record.offset, at, "no hole, no record twice");
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                assert!(!value.starts_with(ABORTED), "{value} at {at}");
                seen.insert(at, value);
                at = at.next();
            }
        }
        assert!(at <= watermark, "nothing beyond the high watermark is seen");
        if slice.batches.is_empty() {
            if last_round {
                return seen;
            }
            thread::yield_now();
        }
    }
}

fn topics(log: &dyn Log) -> Result<Vec<TopicPartition>> {
    let settings = TopicSettings { partitions: 3, segment_bytes: 4000, ..TopicSettings::default() };
    Ok(partitions_of(&log.create_topic(&name("a"), settings)?))
}

/// Runs everything at once; answers what the followers saw.
fn run(
    log: &EmbeddedLog,
    targets: &[TopicPartition],
    rounds: usize,
    promised: &Promised,
    decided: &Decided,
) -> Vec<BTreeMap<Offset, String>> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let followers: Vec<_> =
            targets.iter().map(|target| scope.spawn(move || follow(log, target, stop))).collect();
        let mut writers = Vec::new();
        for number in 0..2 {
            for target in targets {
                writers.push(scope.spawn(move || drop(client(log, target, number, rounds, promised))));
            }
            let producer = ProducerId(ProducerId::ENGINE_FIRST.0 + number as i64);
            // The two queries share a partition.
            let outputs = &targets[number..number + 2];
            writers.push(
                scope.spawn(move || drop(query(log, outputs, producer, rounds / 2, promised, decided))),
            );
        }
        writers.push(scope.spawn(move || {
            while !stop.load(Ordering::Acquire) && log.checkpoint().is_ok() {
                thread::yield_now();
            }
        }));
        let checkpoints = writers.pop();
        for writer in writers {
            writer.join().unwrap();
        }
        stop.store(true, Ordering::Release);
        if let Some(checkpoints) = checkpoints {
            checkpoints.join().unwrap();
        }
        followers.into_iter().map(|follower| follower.join().unwrap()).collect()
    })
}

fn open(disk: &FaultyDisk, decided: &Arc<Decided>) -> Result<EmbeddedLog> {
    let options = Options {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::new(0)),
        random: Arc::new(SeededRandom::new(7)),
        sync_threads: 2,
        ..Options::new("/log")
    };
    let decided = Arc::clone(decided);
    let decisions: Decisions =
        Arc::new(move |producer, target| decided.lock().get(&(producer, target.clone())).copied());
    EmbeddedLog::open(options, &decisions).map(|(log, _)| log)
}

#[test]
fn many_threads_see_one_dense_log_and_only_what_was_decided() {
    let disk = FaultyDisk::new(Arc::new(ManualClock::new(0)));
    let (promised, decided) = (Promised::default(), Arc::new(Decided::default()));
    let log = open(&disk, &decided).unwrap();
    let targets = topics(&log).unwrap();
    let seen = run(&log, &targets, 60, &promised, &decided);
    // Two clients on three partitions with 120 records each, two queries with 20 epochs of 8 records.
    assert_eq!(promised.lock().len(), 2 * 3 * 120 + 2 * 20 * 8, "nobody stopped early");
    let seen: BTreeMap<(TopicPartition, Offset), String> = targets
        .iter()
        .zip(seen)
        .flat_map(|(target, seen)| seen.into_iter().map(|(at, value)| ((target.clone(), at), value)))
        .collect();
    assert_eq!(seen, promised.into_inner(), "all that was promised is seen, and nothing else");
}

#[test]
fn a_power_cut_under_many_threads_loses_nothing_promised() {
    for seed in 0..60 {
        let disk = FaultyDisk::new(Arc::new(ManualClock::new(0)));
        let (promised, decided) = (Promised::default(), Arc::new(Decided::default()));
        let log = open(&disk, &decided).unwrap();
        let targets = topics(&log).unwrap();
        disk.inject(None, 1 + seed * 11, Fault::PowerOff);
        let seen = run(&log, &targets, 20, &promised, &decided);
        drop(log);
        disk.power_cut(Tail::Torn(seed));
        let log = open(&disk, &decided).unwrap();
        let stop = AtomicBool::new(true);
        let promised = promised.into_inner();
        for (target, seen_before) in targets.iter().zip(seen) {
            let there = follow(&log, target, &stop);
            let mine =
                promised.iter().filter(|((of, _), _)| of == target).map(|((_, at), value)| (at, value));
            for (at, value) in mine.chain(&seen_before) {
                assert_eq!(there.get(at), Some(value), "seed {seed}, {target} at {at}");
            }
        }
    }
}
