//! The README's commands are what they say, and its tour gives what it shows.
//!
//! A `sh` block that opens psql or the REPL is where the `sql` blocks below it are typed; other `sh` blocks are
//! run. A `text` block is the end of what the block above it prints.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use tidemill_tests::{PATIENCE, Server, program, repository};

/// How the README starts the program.
const FROM_SOURCE: &str = "cargo run --release --bin tidemill --";

struct Block {
    language: String,
    text: String,
}

#[test]
fn each_of_the_two_commands_is_one_line_that_also_installs_what_is_missing() {
    let blocks = blocks("## Run it");
    let [serve, test] = blocks.as_slice() else { panic!("two commands, not {}", blocks.len()) };
    for (command, ending) in [
        (serve, format!("&& {FROM_SOURCE} serve --data-dir ./tidemill-data")),
        (test, "&& cargo test --release --workspace".to_owned()),
    ] {
        assert_eq!(command.text.lines().count(), 1, "{}", command.text);
        assert!(command.text.trim_end().ends_with(&ending), "{}", command.text);
        for package in ["build-essential", "clang", "libclang-dev", "postgresql-client", "kcat"] {
            assert!(command.text.contains(package), "{package} is not installed: {}", command.text);
        }
    }
}

#[test]
fn the_tour_gives_what_it_shows() {
    let server = Server::start();
    let blocks = blocks("## Five minutes");
    let mut typed_into = None;
    let mut compared = 0;
    for (index, block) in blocks.iter().enumerate() {
        let shown = blocks.get(index + 1).filter(|next| next.language == "text");
        match block.language.as_str() {
            "sh" if opens_a_terminal(&block.text) => typed_into = Some(&block.text),
            "sh" => run(&server, &block.text, "", shown, Again::UntilShown),
            "sql" => {
                let tool = typed_into.expect("it is said where to type this");
                run(&server, tool, &block.text, shown, Again::Never);
            }
            "text" => compared += 1,
            other => panic!("a block of {other}"),
        }
    }
    assert!(compared >= 4, "the tour shows what comes back");
    server.stop();
}

#[test]
fn the_test_of_a_query_gives_what_it_shows() {
    let blocks = blocks("## Testing queries");
    let [command, shown, _difference] = blocks.as_slice() else {
        panic!("three blocks, not {}", blocks.len())
    };
    let path = command.text.trim().strip_prefix(&format!("{FROM_SOURCE} test ")).expect("a test is run");
    let run = Command::new(program()).args(["test", path]).current_dir(repository()).output();
    let printed = String::from_utf8(run.expect("the program runs").stdout).expect("output is text");
    assert!(ends_with(&printed, &shown.text), "{printed}");
}

/// Whether a block that shows less than it is to may be run again.
#[derive(PartialEq, Eq)]
enum Again {
    /// It changes something.
    Never,
    /// It only looks, from outside, at what arrives a moment later.
    UntilShown,
}

fn run(server: &Server, command: &str, input: &str, shown: Option<&Block>, again: Again) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let printed = output(&on_the_servers_ports(server, command), input);
        let Some(shown) = shown else { return };
        if ends_with(&printed, &shown.text) {
            return;
        }
        let patient = again == Again::UntilShown && Instant::now() < deadline;
        assert!(patient, "{command}{input}\nis to show\n{}\nand shows\n{printed}", shown.text);
    }
}

/// What a command prints while its input is typed.
fn output(command: &str, input: &str) -> String {
    let mut process = Command::new("bash")
        .args(["-c", command])
        .env("PSQLRC", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell runs");
    let mut stdin = process.stdin.take().expect("its input is ours");
    stdin.write_all(input.as_bytes()).expect("the input is taken");
    drop(stdin);
    let output = process.wait_with_output().expect("the command ends");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !complaints.contains("ERROR"), "{command}\n{input}\n{complaints}");
    String::from_utf8(output.stdout).expect("output is text")
}

/// The command as it is to be typed for this server: the tour is written for the default ports and the program
/// from source.
fn on_the_servers_ports(server: &Server, command: &str) -> String {
    let repl = format!("{FROM_SOURCE} sql");
    let connected =
        format!("'{}' sql --connect postgres://127.0.0.1:{}", program().display(), server.port("postgres"));
    command
        .replace(&repl, &connected)
        .replace("-p 5433", &format!("-p {}", server.port("postgres")))
        .replace("127.0.0.1:9092", &format!("127.0.0.1:{}", server.port("kafka")))
}

fn opens_a_terminal(command: &str) -> bool {
    let command = command.trim();
    (command.starts_with("psql") && !command.contains(" -c ")) || command == format!("{FROM_SOURCE} sql")
}

/// Whether the last lines are these; spaces at the ends of lines and empty lines at the end do not count.
fn ends_with(printed: &str, shown: &str) -> bool {
    let lines =
        |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    lines(printed).ends_with(&lines(shown))
}

/// The fenced blocks of a section.
fn blocks(heading: &str) -> Vec<Block> {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("the README is there");
    let section = readme.split_once(&format!("\n{heading}\n")).expect("the section is there").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in section.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some(Block { language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of {heading} is not closed");
    blocks
}
