//! A test's other process: the test program run again, for one test, with a directory to work in.
//!
//! A test that wants one begins by asking [`directory_of_child`]; where there is one it is the child,
//! and does the child's part.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Carries the directory to the child.
const DIRECTORY_VARIABLE: &str = "TIDEMILL_STATE_TEST_DIRECTORY";

/// The directory, where this process is a child.
pub(super) fn directory_of_child() -> Option<PathBuf> {
    env::var_os(DIRECTORY_VARIABLE).map(PathBuf::from)
}

/// Tells the parent a word and a number, on a line that has no part of the test program's own output,
/// which may stand before it without an end.
pub(super) fn tell(word: &str, number: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{word} {number}").and_then(|()| out.flush()).unwrap();
}

/// A running child.
pub(super) struct TestChild {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Held open: a child may wait for its end.
    _stdin: ChildStdin,
}

impl TestChild {
    /// Runs a test, named by its path, as a child. `through` is a command that is given the program
    /// and its arguments to run; empty for none.
    pub(super) fn start(test: &str, directory: &Path, through: &[&str]) -> TestChild {
        let program = env::current_exe().unwrap();
        let arguments = ["--exact", test, "--nocapture", "--test-threads=1"].map(OsString::from);
        let mut words = through.iter().map(OsString::from).chain([program.into_os_string()]).chain(arguments);
        let mut process = Command::new(words.next().unwrap())
            .args(words)
            .env(DIRECTORY_VARIABLE, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        TestChild { process, lines, _stdin: stdin }
    }

    /// The number told with a word, next; `None` when the child has ended.
    pub(super) fn hear(&mut self, word: &str) -> Option<u64> {
        self.lines.find_map(|line| line.ok()?.strip_prefix(word)?.trim().parse().ok())
    }

    /// Kills the child, by the signal that cannot be caught, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until the child ends by itself; whether all went well there.
    pub(super) fn succeeds(mut self) -> bool {
        self.process.wait().unwrap().success()
    }
}

impl Drop for TestChild {
    fn drop(&mut self) {
        // A failing test must not leave its child behind; one that has ended is no error.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
