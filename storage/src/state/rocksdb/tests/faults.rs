//! A directory in use, a disk that fails, a disk that is full: made by the system, not pretended.

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
