//! A server of one's own: the real program on free ports, in a directory that goes afterwards.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{PATIENCE, program};

/// How often something outside is looked at that cannot be waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Waits until a server says where it listens; gives its ports by door.
///
/// # Errors
/// How it ended instead, or that it took too long.
///
/// # Panics
/// If the system cannot say whether the process runs.
#[expect(clippy::disallowed_methods, reason = "another process writes the file, and there is a deadline")]
pub fn wait_for_ports(process: &mut Child, file: &Path) -> Result<Value, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Also what is written so far is no JSON yet.
        if let Some(ports) = fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
            return Ok(ports);
        }
        if let Some(status) = process.try_wait().expect("a process can be asked") {
            return Err(status.to_string());
        }
        if Instant::now() >= deadline {
            return Err("it took too long".to_owned());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A running server. Dropping it kills it.
pub struct Server {
    process: Child,
    ports: Value,
    directory: tempfile::TempDir,
}

impl Server {
    /// Starts one on an empty directory and waits until all its doors accept.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start() -> Server {
        let directory = tempfile::tempdir().expect("a directory for the server");
        let ports_file = directory.path().join("ports.json");
        let stderr = File::create(directory.path().join("stderr")).expect("a file for its messages");
        let process = Command::new(program())
            .arg("serve")
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .args(["--postgres", "127.0.0.1:0", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .arg("--ports-file")
            .arg(&ports_file)
            .stdin(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("the program runs");
        let mut server = Server { process, ports: Value::Null, directory };
        match wait_for_ports(&mut server.process, &ports_file) {
            Ok(ports) => server.ports = ports,
            Err(ended) => panic!("no start: {ended}: {}", server.messages()),
        }
        server
    }

    /// The port of a door: `postgres`, `kafka` or `http`.
    ///
    /// # Panics
    /// If there is no such door.
    #[must_use]
    pub fn port(&self, door: &str) -> u16 {
        let port = self.ports[door].as_u64().and_then(|port| u16::try_from(port).ok());
        port.unwrap_or_else(|| panic!("no port of {door} in {}", self.ports))
    }

    /// Where its data is.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What a Postgres client needs to connect.
    #[must_use]
    pub fn postgres(&self) -> String {
        format!("host=127.0.0.1 port={} user=tester dbname=tidemill", self.port("postgres"))
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Panics
    /// If it does not end in order, or has reported an error while it ran.
    #[expect(clippy::disallowed_methods, reason = "std waits for a child for ever or not at all")]
    pub fn stop(mut self) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, Signal::TERM).expect("a child that runs can be asked to end");
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.try_wait().expect("a process can be asked") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.messages());
            std::thread::sleep(LOOK_AGAIN);
        };
        let messages = self.messages();
        assert!(status.success(), "{status}: {messages}");
        assert!(!messages.contains("ERROR") && !messages.contains("panicked"), "{messages}");
    }

    fn messages(&self) -> String {
        fs::read_to_string(self.stderr()).unwrap_or_default()
    }

    fn stderr(&self) -> PathBuf {
        self.directory.path().join("stderr")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended: then there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
