//! Rates of the log: building and reading batches, append with sync, staging, fetch, recovery.
//!
//! `cargo bench -p tidemill-storage` runs everything on a temporary directory (`TMPDIR` says where) and
//! prints one line per figure. `-- NAME` runs the parts whose name contains NAME. Recovery writes 1 GB.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidemill_storage::log::{
    Appended, Decisions, EmbeddedLog, Isolation, Log, Options, Origin, StagedOutput, TopicSettings,
    partitions_of,
};
use tidemill_storage::record::validate::{BatchRules, client_batch};
use tidemill_storage::record::{BatchBuilder, Codec, RecordReader};
use tidemill_storage::{Offset, ProducerId, TopicName, TopicPartition};

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let parts: [(&str, fn()); 6] = [
        ("batches", batches),
        ("append", append),
        ("latency", latency),
        ("stage", stage),
        ("fetch", fetch),
        ("recovery", recovery),
    ];
    for (name, part) in parts {
        if name.contains(&wanted) {
            part();
        }
    }
}

const JSON: &[u8] = br#"{"id":1234567,"user":"user_004211","page":"/products/92/details","amount":129.95,"currency":"EUR","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36","address":"10.3.77.201"}"#;

fn batches() {
    const RECORDS: usize = 2_000_000;
    for (what, value) in [("20-byte values", &JSON[..20]), ("240-byte JSON", JSON)] {
        let mut builder = BatchBuilder::new(Codec::None);
        let begin = Instant::now();
        for index in 0..RECORDS {
            builder.append(index as i64, Some(b"user_004211"), Some(value), &[]).unwrap();
            if builder.size_bytes() > 900_000 {
                black_box(builder.build().unwrap());
            }
        }
        rate(&format!("build, {what}"), RECORDS, begin.elapsed());
    }
    for codec in Codec::ALL {
        let batch = batch_of(codec, 3000);
        let rounds = 100;
        let begin = Instant::now();
        let mut bytes = 0;
        for _ in 0..rounds {
            let mut reader = RecordReader::new(batch.clone(), Offset::ZERO, &[]);
            while let Some(batch) = reader.next_batch().unwrap() {
                for record in batch.records() {
                    bytes += record.unwrap().value.map_or(0, <[u8]>::len);
                }
            }
        }
        black_box(bytes);
        rate(&format!("read, 240-byte JSON, {}", codec.name()), rounds * 3000, begin.elapsed());
        let rules = BatchRules { bytes_max: 1 << 24, keys_required: false };
        let begin = Instant::now();
        for _ in 0..rounds {
            black_box(client_batch(&batch, rules).unwrap());
        }
        rate(&format!("check, 240-byte JSON, {}", codec.name()), rounds * 3000, begin.elapsed());
    }
}

fn append() {
    let runtime = runtime();
    for (what, records, count) in
        [("of 1 MB", 3600, 400), ("of 16 KB", 60, 8000), ("of one record", 1, 30_000)]
    {
        for partitions in [1, 4] {
            let (_place, log, targets) = log_with(partitions);
            let batch = batch_of(Codec::None, records);
            let begin = Instant::now();
            let mut last: Vec<Option<Appended>> = targets.iter().map(|_| None).collect();
            for index in 0..count {
                let lane = index % targets.len();
                last[lane] = Some(log.append(&targets[lane], batch.clone(), Origin::Client).unwrap());
            }
            for appended in last.into_iter().flatten() {
                runtime.block_on(appended.durable()).unwrap();
            }
            let elapsed = begin.elapsed();
            throughput(
                &format!("append + sync, batches {what}, {partitions} partitions"),
                count * batch.len(),
                elapsed,
            );
            rate(
                &format!("append + sync, batches {what}, {partitions} partitions"),
                count * records,
                elapsed,
            );
        }
    }
}

fn latency() {
    let runtime = runtime();
    let (_place, log, targets) = log_with(1);
    let batch = batch_of(Codec::None, 1);
    let mut times: Vec<Duration> = (0..500)
        .map(|_| {
            let begin = Instant::now();
            let appended = log.append(&targets[0], batch.clone(), Origin::Client).unwrap();
            runtime.block_on(appended.durable()).unwrap();
            begin.elapsed()
        })
        .collect();
    percentiles("append of one record until durable", &mut times);
}

fn stage() {
    for partitions in [1, 4, 16] {
        let (_place, log, targets) = log_with(partitions);
        let batches = vec![batch_of(Codec::None, 3600); 2];
        let mut times: Vec<Duration> = (0..20)
            .map(|_| {
                let outputs = targets
                    .iter()
                    .map(|target| StagedOutput { target: target.clone(), batches: batches.clone() })
                    .collect();
                let begin = Instant::now();
                let staged = log.stage(ProducerId::ENGINE_FIRST, outputs).unwrap();
                let elapsed = begin.elapsed();
                staged.publish();
                elapsed
            })
            .collect();
        percentiles(&format!("stage, {partitions} partitions of 2 MB"), &mut times);
    }
}

fn fetch() {
    let (_place, log, targets) = log_with(1);
    fill(&*log, &targets, 256);
    let mut offset = Offset::ZERO;
    let mut bytes = 0;
    let begin = Instant::now();
    loop {
        let slice = log.read(&targets[0], offset, 1 << 20, Isolation::ReadUncommitted).unwrap();
        if slice.batches.is_empty() {
            break;
        }
        bytes += slice.batches.len();
        let mut reader = slice.reader(offset);
        while reader.next_batch().unwrap().is_some() {}
        offset = reader.next_offset();
    }
    throughput("fetch in sequence, 1 MB each", bytes, begin.elapsed());
    let begin = Instant::now();
    let rounds = 2000;
    for index in 0..rounds {
        let at = Offset((index * 7919) as i64 % offset.0);
        black_box(log.read(&targets[0], at, 1, Isolation::ReadUncommitted).unwrap());
    }
    rate("fetch at random offsets", rounds, begin.elapsed());
}

fn recovery() {
    for checkpointed in [true, false] {
        let (place, log, targets) = log_with(4);
        fill(&*log, &targets, 1000);
        if checkpointed {
            log.checkpoint().unwrap();
        }
        drop(log);
        let begin = Instant::now();
        let (log, report) = open(place.path());
        let what = if checkpointed { "checkpointed" } else { "not checkpointed at the end" };
        println!(
            "{:<60} {:>9.1} ms, {} MB scanned",
            format!("open, 1 GB in 4 partitions, {what}"),
            begin.elapsed().as_secs_f64() * 1e3,
            report >> 20
        );
        drop(log);
    }
}

fn fill(log: &dyn Log, targets: &[TopicPartition], megabytes: usize) {
    let runtime = runtime();
    let batch = batch_of(Codec::None, 3600);
    for index in 0..megabytes {
        let target = &targets[index % targets.len()];
        let appended = log.append(target, batch.clone(), Origin::Server).unwrap();
        if index + targets.len() >= megabytes || index % 32 == 0 {
            runtime.block_on(appended.durable()).unwrap();
        }
    }
}

fn batch_of(codec: Codec, records: usize) -> Bytes {
    let mut builder = BatchBuilder::new(codec);
    for index in 0..records {
        builder.append(index as i64, Some(b"user_004211"), Some(JSON), &[]).unwrap();
    }
    builder.build().unwrap()
}

fn open(directory: &Path) -> (Arc<EmbeddedLog>, u64) {
    let nothing: Decisions = Arc::new(|_, _| None);
    let (log, report) = EmbeddedLog::open(Options::new(directory), &nothing).unwrap();
    (Arc::new(log), report.scanned_bytes)
}

fn log_with(partitions: u32) -> (tempfile::TempDir, Arc<EmbeddedLog>, Vec<TopicPartition>) {
    let place = tempfile::tempdir().unwrap();
    let (log, _) = open(place.path());
    let settings = TopicSettings { partitions, max_message_bytes: 1 << 24, ..TopicSettings::default() };
    let topic = log.create_topic(&TopicName::new("bench").unwrap(), settings).unwrap();
    let targets = partitions_of(&topic);
    (place, log, targets)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn rate(what: &str, count: usize, elapsed: Duration) {
    println!("{what:<60} {:>9.3} M/s", count as f64 / elapsed.as_secs_f64() / 1e6);
}

fn throughput(what: &str, bytes: usize, elapsed: Duration) {
    println!("{what:<60} {:>9.1} MB/s", bytes as f64 / elapsed.as_secs_f64() / 1e6);
}

fn percentiles(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!("{what:<60} p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
}
