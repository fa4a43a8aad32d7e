//! The command line: what can be given where, and how the program refuses and ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tidemill_tests::{Server, program, wait_for_ports};

const FREE_PORTS: [&str; 6] =
    ["--postgres", "127.0.0.1:0", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0"];

fn tidemill() -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDEMILL_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command that is to be refused: exit code 1 and one line, which is returned.
fn refusal(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("the program runs");
    let told = String::from_utf8(stderr).expect("messages are text");
    assert_eq!(status.code(), Some(1), "{told}");
    assert_eq!(told.lines().count(), 1, "one line: {told}");
    told
}

/// Every file below a folder with its content and the time it was last written.
fn contents(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder can be listed").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let changed =
                entry.metadata().and_then(|metadata| metadata.modified()).expect("a file has a time");
            found.insert(path.clone(), (fs::read(&path).expect("a file can be read"), changed));
        }
    }
    found
}

/// Waits until a server says where it listens.
fn ports(process: &mut Child, file: &Path) -> Value {
    wait_for_ports(process, file).unwrap_or_else(|ended| panic!("the server does not start: {ended}"))
}

/// Asks a process to end; gives its exit code and messages.
fn end(process: Child, signal: Signal) -> (Option<i32>, String) {
    kill_process(Pid::from_child(&process), signal).expect("a running child can be asked to end");
    let output = process.wait_with_output().expect("a process ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_port_in_use_is_told_with_its_flag_and_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for flag in ["--postgres", "--kafka", "--http"] {
        let mut command = tidemill();
        command.arg("serve").arg("--data-dir").arg(&data);
        for door in FREE_PORTS.chunks(2) {
            let wanted = if door[0] == flag { address.as_str() } else { door[1] };
            command.args([door[0], wanted]);
        }
        let told = refusal(&mut command);
        assert!(told.contains(&address) && told.contains(flag), "{told}");
        assert!(!data.exists(), "the data directory was made before the port was free");
    }
}

#[test]
fn a_data_directory_in_use_is_told_with_the_flag_and_not_touched() {
    let server = Server::start();
    let data = server.data_dir();
    let before = fs::read(data.join("FORMAT_VERSION")).unwrap();
    let told = refusal(tidemill().arg("serve").arg("--data-dir").arg(&data).args(FREE_PORTS));
    assert!(told.contains("in use") && told.contains("--data-dir"), "{told}");
    let told = refusal(tidemill().args(["sql", "-c", "SELECT 1", "--data-dir"]).arg(&data));
    assert!(told.contains("in use") && told.contains("--connect"), "{told}");
    assert_eq!(fs::read(data.join("FORMAT_VERSION")).unwrap(), before);
    server.stop();
}

#[test]
fn a_data_directory_of_an_unknown_format_is_told_with_the_flag_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("FORMAT_VERSION"), "4711\n").unwrap();
    fs::write(directory.path().join("something"), "of a later version").unwrap();
    let before = contents(directory.path());
    let told = refusal(tidemill().arg("serve").arg("--data-dir").arg(directory.path()).args(FREE_PORTS));
    assert!(told.contains("4711") && told.contains("--data-dir"), "{told}");
    assert_eq!(contents(directory.path()), before);
}

#[test]
fn a_directory_of_something_else_is_told_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.txt"), "years of work").unwrap();
    let before = contents(directory.path());
    let told = refusal(tidemill().arg("serve").arg("--data-dir").arg(directory.path()).args(FREE_PORTS));
    assert!(told.contains("thesis.txt") && told.contains("--data-dir"), "{told}");
    assert_eq!(contents(directory.path()), before);
}

#[test]
fn a_server_without_a_data_directory_says_which_flag_it_needs() {
    let told = refusal(tidemill().arg("serve"));
    assert!(told.contains("--data-dir"), "{told}");
}

#[test]
fn an_address_that_others_could_reach_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let told = refusal(tidemill().arg("serve").arg("--data-dir").arg(&data).args(["--kafka", "0.0.0.0:0"]));
    assert!(told.contains("--kafka 0.0.0.0:0") && told.contains("loopback"), "{told}");
    assert!(!data.exists());
}

#[test]
fn options_come_from_the_environment_and_a_file_and_the_command_line_wins() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let config = format!(
        "data-dir = {:?}\npostgres = \"127.0.0.1:0\"\nkafka = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nmemory = \"64MiB\"\n\
         ports-file = {:?}\n",
        path("of-the-file"),
        path("ports-of-the-file")
    );
    fs::write(path("tidemill.toml"), config).unwrap();
    let mut process = tidemill()
        .args(["serve", "--data-dir"])
        .arg(path("of-the-command-line"))
        .env("TIDEMILL_CONFIG", path("tidemill.toml"))
        .env("TIDEMILL_DATA_DIR", path("of-the-environment"))
        .env("TIDEMILL_PORTS_FILE", path("ports-of-the-environment"))
        .spawn()
        .unwrap();
    let ports = ports(&mut process, &path("ports-of-the-environment"));
    for door in ["postgres", "kafka", "http"] {
        assert!(ports[door].as_u64().is_some_and(|port| port > 0), "{ports}");
    }
    let (code, told) = end(process, Signal::TERM);
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert!(path("of-the-command-line").exists());
    assert!(!path("of-the-environment").exists() && !path("of-the-file").exists());
    assert!(!path("ports-of-the-file").exists());
}

#[test]
fn a_configuration_file_that_is_wrong_is_told_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tidemill.toml");
    for (text, line, word) in [
        ("memory = \"1GiB\"\nport = 1\n", "line 2", "port"),
        ("memory = \n", "line 1", ""),
        ("kafka = 9092", "line 1", ""),
    ] {
        fs::write(&file, text).unwrap();
        let told = refusal(tidemill().arg("serve").arg("--config").arg(&file));
        assert!(told.contains("tidemill.toml") && told.contains(line) && told.contains(word), "{told}");
    }
    let told = refusal(tidemill().args(["serve", "--config", "/nowhere/tidemill.toml"]));
    assert!(told.contains("/nowhere/tidemill.toml"), "{told}");
}

#[test]
fn help_shows_every_option_with_its_default_and_its_variable() {
    let help = tidemill().args(["serve", "--help"]).output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    for told in [
        "--data-dir",
        "127.0.0.1:5433",
        "127.0.0.1:9092",
        "127.0.0.1:8088",
        "1GiB",
        "--config",
        "--ports-file",
        "TIDEMILL_DATA_DIR",
        "TIDEMILL_POSTGRES",
        "TIDEMILL_KAFKA",
        "TIDEMILL_HTTP",
        "TIDEMILL_MEMORY",
        "TIDEMILL_CONFIG",
        "TIDEMILL_PORTS_FILE",
        "TIDEMILL_LOG",
    ] {
        assert!(text.contains(told), "{told} is missing: {text}");
    }
    let help = tidemill().arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    for command in ["serve", "sql", "demo"] {
        assert!(text.contains(&format!("\n  {command} ")), "{command} is missing: {text}");
    }
}

#[test]
fn both_signals_end_a_server_in_order_and_what_it_holds_stays() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for (signal, statement) in [
        (
            Signal::TERM,
            "CREATE STREAM s (a INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON', PARTITIONS = 1);",
        ),
        (Signal::INT, "INSERT INTO s (a) VALUES (7);"),
    ] {
        let file = directory.path().join("ports");
        let _ = fs::remove_file(&file);
        let mut process = tidemill()
            .args(["serve", "--data-dir"])
            .arg(&data)
            .args(FREE_PORTS)
            .arg("--ports-file")
            .arg(&file)
            .spawn()
            .unwrap();
        let port = ports(&mut process, &file)["postgres"].as_u64().unwrap();
        let ran = tidemill()
            .args(["sql", "--connect", &format!("postgres://127.0.0.1:{port}"), "-c", statement])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(end(process, signal), (Some(0), String::new()));
    }
    let ran = tidemill().args(["sql", "-c", "SELECT a FROM s", "--data-dir"]).arg(&data).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), " a\n---\n 7\n(1 row)\n");
}

#[test]
fn a_server_tells_where_it_listens_and_minds_not_if_nobody_hears_it() {
    let directory = tempfile::tempdir().unwrap();
    for heard in [true, false] {
        let file = directory.path().join(format!("ports-{heard}"));
        let mut command = tidemill();
        command.args(["serve", "--data-dir"]).arg(directory.path().join("data")).args(FREE_PORTS);
        let mut process = command.arg("--ports-file").arg(&file).spawn().unwrap();
        let stdout = process.stdout.take().filter(|_| heard);
        let ports = ports(&mut process, &file);
        if let Some(stdout) = stdout {
            let mut told = String::new();
            BufReader::new(stdout).read_line(&mut told).unwrap();
            for door in ["postgres", "kafka", "http"] {
                assert!(told.contains(&format!("{door} on 127.0.0.1:{}", ports[door])), "{told}");
            }
        }
        assert_eq!(end(process, Signal::TERM), (Some(0), String::new()));
    }
}

#[test]
fn a_server_is_named_by_host_and_port_and_anything_else_is_told_with_its_reason() {
    let server = Server::start();
    let address = format!("127.0.0.1:{}", server.port("postgres"));
    let ran = tidemill().args(["sql", "--connect", &address, "-e", "SELECT 1 AS one"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), " one\n-----\n   1\n(1 row)\n");
    let address = format!("http://127.0.0.1:{}", server.port("http"));
    let ran = tidemill().args(["sql", "--connect", &address, "-c", "SELECT 1"]).output().unwrap();
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(told.contains(&address) && told.contains("postgres://HOST:PORT"), "{told}");
    server.stop();
}

#[test]
fn statements_run_where_the_command_line_says_whatever_the_environment_says() {
    let server = Server::start();
    let connect = format!("127.0.0.1:{}", server.port("postgres"));
    let statement = "CREATE STREAM s (a INT) WITH (KAFKA_TOPIC = 's', VALUE_FORMAT = 'JSON', PARTITIONS = 1)";
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let ran = tidemill()
        .env("TIDEMILL_CONNECT", &connect)
        .args(["sql", "-c", statement, "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(data.exists(), "the directory was named");
    // The server has no such stream yet, and is reached whatever directory the environment names.
    for words in [&["--connect", &connect][..], &[]] {
        let ran = tidemill()
            .env("TIDEMILL_CONNECT", &connect)
            .env("TIDEMILL_DATA_DIR", &data)
            .arg("sql")
            .args(words)
            .args(["-c", "SHOW STREAMS"])
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && !told.contains("\n s "), "{told}");
    }
    let ran = tidemill().args(["sql", "--connect", &connect, "--data-dir"]).arg(&data).output().unwrap();
    assert_eq!(ran.status.code(), Some(2), "{ran:?}");
    server.stop();
}

#[test]
fn statements_of_the_command_line_may_have_variables_and_backslashes() {
    let directory = tempfile::tempdir().unwrap();
    let ran = tidemill()
        .args(["sql", "--data-dir"])
        .arg(directory.path().join("data"))
        .args(["--define", "n=7", "-v", "word=it's", "-x", "-c", "SELECT ${n} AS n, '${word}' AS w"])
        .args(["-c", "\\x off", "-c", "\\dt", "-c", "SELECT ${N} AS n"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(told.starts_with("-[ RECORD 1 ]\nn | 7\nw | it's\n(1 row)\n"), "{told}");
    assert!(told.ends_with("\n n\n---\n 7\n(1 row)\n"), "{told}");
}

#[test]
fn a_server_may_open_as_many_files_as_it_is_allowed() {
    let server = Server::start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit on files");
    let numbers: Vec<&str> = files.split_ascii_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "the limit in force is the highest: {files}");
    server.stop();
}
