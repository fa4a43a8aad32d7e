//! How fast keyed state on disk is: a million keys of 40 bytes with values of 60, written, read,
//! scanned, and opened again after a kill.
//!
//! ```text
//! cargo bench -p tidemill-storage --bench state
//! ```

#![expect(clippy::unwrap_used, reason = "a benchmark that fails has nothing to tell")]

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tidemill_storage::state::rocksdb::{RocksDbOptions, RocksDbStateStore};
use tidemill_storage::state::{Durability, KeyBuilder, KeyKind, StateStore, WriteBatch};

const KEYS: u64 = 1_000_000;
const KEY_BYTES: usize = 40;
const VALUE_BYTES: usize = 60;
const BATCH_KEYS: u64 = 10_000;

/// A prime beside the number of keys: steps of it visit every key once, in no order.
const STRIDE: u64 = 611_953;

/// Names the directory to the process that is to be killed.
const VICTIM_VARIABLE: &str = "TIDEMILL_STATE_BENCH_DIRECTORY";

fn main() {
    if let Some(directory) = env::var_os(VICTIM_VARIABLE) {
        write_until_killed(&PathBuf::from(directory));
    }
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("written");
    let store = open(&directory);
    let writes = KEYS / BATCH_KEYS;
    report("write 10,000 new keys, buffered", writes, BATCH_KEYS, || {
        write_all(&store, Durability::Buffered);
    });
    report("write 10,000 known keys, synced", writes, BATCH_KEYS, || write_all(&store, Durability::Synced));
    small_commits(&store, 1);
    small_commits(&store, 4);

    let gets = 200_000;
    report("get a key", gets, 1, || {
        for number in 0..gets {
            assert!(store.get(&key(number * STRIDE % KEYS)).unwrap().is_some());
        }
    });
    report("get a missing key", gets, 1, || {
        for number in 0..gets {
            assert!(store.get(&key(KEYS + number)).unwrap().is_none());
        }
    });
    let batches: Vec<Vec<Bytes>> = (0..200)
        .map(|batch| (0..1_000).map(|at| key((batch * 1_000 + at) * STRIDE % KEYS)).collect())
        .collect();
    report("get 1,000 keys at once", 200, 1_000, || {
        for keys in &batches {
            assert!(store.multi_get(keys).unwrap().iter().all(Option::is_some));
        }
    });
    report("scan all keys", 1, KEYS, || {
        let all = KeyBuilder::new(KeyKind::QueryState).prefix_range();
        assert_eq!(store.snapshot().scan(all).map(Result::unwrap).count() as u64, KEYS);
    });
    println!("{:<40} {:>10.1} MB", "memory held", store.memory_bytes() as f64 / 1e6);
    drop(store);
    report("open after a clean end", 1, 1, || drop(open(&directory)));
    for round in 1..=3 {
        let killed = parent.path().join(format!("killed {round}"));
        kill_a_writer(&killed);
        report("open after a kill", 1, 1, || drop(open(&killed)));
        report("open once more", 1, 1, || drop(open(&killed)));
    }
}

fn open(directory: &Path) -> RocksDbStateStore {
    RocksDbStateStore::open(directory, RocksDbOptions::default()).unwrap()
}

fn write_all(store: &RocksDbStateStore, durability: Durability) {
    for first in (0..KEYS).step_by(BATCH_KEYS as usize) {
        let mut batch = WriteBatch::default();
        for number in first..first + BATCH_KEYS {
            let number = number * STRIDE % KEYS;
            batch.put(key(number), vec![number as u8; VALUE_BYTES]);
        }
        store.write(&batch, durability).unwrap();
    }
}

/// The commit of a slow query: ten keys, synced; by several writers at once.
fn small_commits(store: &RocksDbStateStore, writers: u64) {
    const COMMITS: u64 = 300;
    let mut taken: Vec<Duration> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..writers)
            .map(|writer| {
                scope.spawn(move || {
                    let commit = |number: u64| {
                        let mut batch = WriteBatch::default();
                        for at in 0..10 {
                            let number = (writer * COMMITS + number) * 10 + at;
                            batch.put(key(number * STRIDE % KEYS), vec![number as u8; VALUE_BYTES]);
                        }
                        let begun = Instant::now();
                        store.write(&batch, Durability::Synced).unwrap();
                        begun.elapsed()
                    };
                    (0..COMMITS).map(commit).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    taken.sort();
    let at = |share: f64| taken[(taken.len() as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{:<40} p50 {:.2} ms, p99 {:.2} ms",
        format!("write 10 keys, synced, {writers} at once"),
        at(0.5),
        at(0.99)
    );
}

fn write_until_killed(directory: &Path) -> ! {
    let store = open(directory);
    write_all(&store, Durability::Synced);
    println!("written");
    loop {
        write_all(&store, Durability::Synced);
    }
}

/// Leaves a directory as a kill in the middle of writing does.
fn kill_a_writer(directory: &Path) {
    let mut victim = Command::new(env::current_exe().unwrap())
        .env(VICTIM_VARIABLE, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(victim.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "written\n");
    victim.kill().unwrap();
    victim.wait().unwrap();
}

fn key(number: u64) -> Bytes {
    let mut key = KeyBuilder::new(KeyKind::QueryState);
    key.u32(1).u64(number).rest(&[b'k'; KEY_BYTES - 13]);
    key.finish()
}

fn report(what: &str, calls: u64, keys: u64, work: impl FnOnce()) {
    let begun = Instant::now();
    work();
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{what:<40} {:>10.3} ms each, {:>12.0} keys/s",
        seconds * 1e3 / calls as f64,
        (calls * keys) as f64 / seconds
    );
}
