//! A directory in use, a disk that fails, a disk that is full: made by the system, not pretended.

use std::process::Command;
use std::time::{Duration, Instant};

use super::child::{TestChild, directory_of_child, tell};
use super::*;

#[test]
fn a_directory_in_use_is_refused_and_left_alone() {
    if let Some(directory) = directory_of_child() {
        let _store = open(&directory);
        tell("open", 1);
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "state::rocksdb::tests::faults::a_directory_in_use_is_refused_and_left_alone";
    let mut child = TestChild::start(test, directory.path(), &[]);
    child.hear("open").expect("the child holds the directory");
    let before = files(directory.path());
    let error = RocksDbStateStore::open(directory.path(), OPTIONS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert_eq!(
        error.to_string(),
        format!(
            "the state in {} is in use by another process: stop that one, or use another directory",
            directory.path().display()
        )
    );
    assert_eq!(files(directory.path()), before);
    child.kill();
    open(directory.path());
}

/// The system refuses to let files grow past a limit: a stand-in for a device that fails.
#[test]
fn a_failed_write_poisons_the_store_and_loses_nothing_acknowledged() {
    if let Some(directory) = directory_of_child() {
        let store = open(&directory);
        let mut number = 0_u64;
        let failure = loop {
            match put(&store, "number", numbered(number)) {
                Ok(()) => number += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(failure.kind(), ErrorKind::Io, "{failure}");
        let refused = put(&store, "number", numbered(number)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Poisoned, "{refused}");
        // Nothing of the failed batch is visible; reads go on.
        assert_eq!(store.get(b"number").unwrap(), Some(numbered(number - 1)));
        tell("failed", number);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test =
        "state::rocksdb::tests::faults::a_failed_write_poisons_the_store_and_loses_nothing_acknowledged";
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh"];
    let mut child = TestChild::start(test, directory.path(), &limited);
    let failed = child.hear("failed").expect("the child's writes fail in the end");
    assert!(child.succeeds());
    let found = open(directory.path()).get(b"number").unwrap().unwrap();
    assert!(found == numbered(failed - 1) || found == numbered(failed), "an acknowledged write is lost");
}

/// A small disk in memory, which only a process with a name space of its own may mount. Where the
/// system allows none there is no full disk to test with.
#[test]
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "of RocksDB's clock, and of what was not tested"
)]
fn a_full_disk_refuses_writes_until_there_is_space() {
    if let Some(directory) = directory_of_child() {
        let filler = directory.join("filler");
        fs::write(&filler, vec![1; 6 << 20]).unwrap();
        let state = directory.join("state");
        let store = open(&state);
        let mut number = 0_u64;
        let write = |number: u64| {
            let mut batch = WriteBatch::default();
            batch.put(number.to_be_bytes().to_vec(), numbered(number));
            store.write(&batch, Durability::Synced)
        };
        let failure = loop {
            match write(number) {
                Ok(()) => number += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(failure.kind(), ErrorKind::DiskFull, "{failure}");
        assert_eq!(store.get(&number.to_be_bytes()).unwrap(), None);

        fs::remove_file(&filler).unwrap();
        let freed = Instant::now();
        while let Err(error) = write(number) {
            assert_eq!(error.kind(), ErrorKind::DiskFull, "{error}");
            assert!(freed.elapsed() < Duration::from_secs(60), "still after a minute: {error}");
            // RocksDB looks for space by a clock of its own; nothing tells when it has.
            thread::sleep(Duration::from_millis(50));
        }
        drop(store);
        let store = open(&state);
        for number in 0..=number {
            assert_eq!(store.get(&number.to_be_bytes()).unwrap(), Some(numbered(number)));
        }
        tell("resumed", number);
        return;
    }
    const MOUNT: &str = "mount -t tmpfs -o size=20m none \"$0\"";
    let in_own_name_space = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"];
    let directory = tempfile::tempdir().unwrap();
    let allowed = Command::new(in_own_name_space[0])
        .args(&in_own_name_space[1..])
        .arg(MOUNT)
        .arg(directory.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !allowed {
        eprintln!("not tested: the system allows no mount in a name space of its own");
        return;
    }
    let run = format!("{MOUNT} && exec \"$@\"");
    let mut through = in_own_name_space.to_vec();
    let path = directory.path().to_string_lossy();
    through.extend([run.as_str(), &path]);
    let test = "state::rocksdb::tests::faults::a_full_disk_refuses_writes_until_there_is_space";
    let mut child = TestChild::start(test, directory.path(), &through);
    assert!(child.hear("resumed").is_some());
    assert!(child.succeeds());
}

fn numbered(number: u64) -> Bytes {
    Bytes::from(number.to_be_bytes().repeat(1_000))
}

fn files(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.path(), entry.metadata().unwrap().len()))
        .collect();
    files.sort();
    files
}
