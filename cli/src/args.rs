//! What can be typed: commands, their options, environment variables and the configuration file.
//!
//! An option is taken from the command line, else from its `TIDEMILL_*` variable, else from the
//! configuration file, else its default holds.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde::Deserialize;

use crate::failure::CommandFailure;
use crate::repl::Definition;

/// A streaming SQL server: a Kafka-compatible log, continuous SQL over it, results for Postgres clients.
#[derive(Parser, Debug)]
#[command(name = "tidemill", version, about, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Open a data directory and serve it over Postgres, Kafka and HTTP.
    Serve(Serve),
    /// Type SQL: against a server, or in a data directory of its own.
    Sql(Sql),
    /// Watch this machine: a server, fed with the machine's own metrics, and continuous SQL over them.
    Demo(Demo),
    /// Test queries: run cases that say what goes in and what has to come out.
    Test(Test),
}

impl Arguments {
    /// What was typed. Ends the program where it is wrong, or asks for help.
    pub(crate) fn read() -> Arguments {
        let matches = Arguments::command().get_matches();
        Arguments::of(&matches).unwrap_or_else(|error| error.exit())
    }

    fn of(matches: &ArgMatches) -> Result<Arguments, clap::Error> {
        let mut arguments = Arguments::from_arg_matches(matches)?;
        if let (Command::Sql(sql), Some((_, matches))) = (&mut arguments.command, matches.subcommand()) {
            sql.choose_place(matches)?;
        }
        Ok(arguments)
    }
}

impl Sql {
    /// Leaves one place to run statements in. A variable that is set for all programs says less than an
    /// option that is given to this one.
    fn choose_place(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let typed = |option: &str| matches.value_source(option) == Some(ValueSource::CommandLine);
        match (typed("connect"), typed("data_dir")) {
            (true, true) => {
                let message =
                    "--connect names a server and --data-dir a directory to open without one: give one";
                return Err(Arguments::command().error(ErrorKind::ArgumentConflict, message));
            }
            (false, true) => self.connect = None,
            // Of two variables that of the server counts: the other may be meant for the server itself.
            (true, false) | (false, false) if self.connect.is_some() => self.data_dir = None,
            _ => {}
        }
        Ok(())
    }
}

/// Options of `serve`.
#[derive(Args, Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Serve {
    /// Where data is kept; made if it is not there.
    #[arg(long, env = "TIDEMILL_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Address for Postgres clients; port 0 takes a free one. [default: 127.0.0.1:5433]
    #[arg(long, env = "TIDEMILL_POSTGRES", value_name = "HOST:PORT")]
    pub(crate) postgres: Option<SocketAddr>,
    /// Address for Kafka clients; port 0 takes a free one. [default: 127.0.0.1:9092]
    #[arg(long, env = "TIDEMILL_KAFKA", value_name = "HOST:PORT")]
    pub(crate) kafka: Option<SocketAddr>,
    /// Address for HTTP; port 0 takes a free one. [default: 127.0.0.1:8088]
    #[arg(long, env = "TIDEMILL_HTTP", value_name = "HOST:PORT")]
    pub(crate) http: Option<SocketAddr>,
    /// Memory for state, caches and queries together: 512MiB, 4GiB. [default: 1GiB]
    #[arg(long, env = "TIDEMILL_MEMORY", value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// A TOML file with these options by their names.
    #[arg(long, env = "TIDEMILL_CONFIG", value_name = "FILE.toml")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
    /// Write the ports to this file, as JSON, once all three accept connections.
    #[arg(long, env = "TIDEMILL_PORTS_FILE", value_name = "FILE")]
    pub(crate) ports_file: Option<PathBuf>,
    /// What is logged to standard error, as a filter: info, tidemill_engine=debug. [default: warn]
    #[arg(long, env = "TIDEMILL_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// Options of `sql`.
#[derive(Args, Debug, Clone)]
pub(crate) struct Sql {
    /// The server. Without it that at 127.0.0.1:5433; without one there everything stays in memory.
    #[arg(long, env = "TIDEMILL_CONNECT", value_name = "HOST:PORT")]
    pub(crate) connect: Option<String>,
    /// Run this statement, or backslash command, and end; may be given several times.
    #[arg(
        short = 'c',
        long = "command",
        visible_short_alias = 'e',
        visible_alias = "execute",
        value_name = "STATEMENT"
    )]
    pub(crate) commands: Vec<String>,
    /// Run the statements of this file and end; those of -c come first.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Let ${NAME} in statements stand for this text, as DEFINE does; may be given several times.
    #[arg(
        short = 'd',
        long = "define",
        visible_short_alias = 'v',
        visible_alias = "variable",
        value_name = "NAME=VALUE"
    )]
    pub(crate) definitions: Vec<Definition>,
    /// Show rows as records, a line for each column, as \x on does.
    #[arg(short = 'x', long)]
    pub(crate) expanded: bool,
    /// A data directory to open right here, whether or not a server runs. Not together with --connect; an
    /// option that is given wins over the variable of the other one, and TIDEMILL_CONNECT over
    /// TIDEMILL_DATA_DIR.
    #[arg(long, env = "TIDEMILL_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Options of `demo`.
#[derive(Args, Debug, Clone)]
pub(crate) struct Demo {
    /// Where data is kept; without it in a directory that is removed in the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// End after this time: 30s, 5m, 1h. Without it the demo runs until Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
}

/// Options of `test`.
#[derive(Args, Debug, Clone)]
pub(crate) struct Test {
    /// Files of cases, directories with statements.sql, input.json and output.json, or directories that
    /// hold such files or directories.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Run only cases with this text in their id.
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// Run only cases of these tiers.
    #[arg(long, value_name = "T1,T2", value_delimiter = ',')]
    pub(crate) tier: Vec<String>,
    /// Write what became of each case to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
    /// Write what became of each case to this file, as JUnit's XML.
    #[arg(long, value_name = "FILE.xml")]
    pub(crate) junit: Option<PathBuf>,
    /// A list of cases that are known to fail: id, tab, reason. Then a case that fails and is not listed
    /// is a failure, and so is one that is listed and passes.
    #[arg(long, value_name = "FILE")]
    pub(crate) known: Option<PathBuf>,
    /// Let everything count in files of cases, as it does in directories: what has to exist, the kind and
    /// the words of errors, records of topics that no output names, and whole numbers as they are written.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Where other records came out than were expected, expect these from now on: the outputs are written
    /// into the files. Errors that were expected, and statements, stay as they are.
    #[arg(long)]
    pub(crate) update: bool,
}

impl Serve {
    /// Fills what was not given from the configuration file.
    pub(crate) fn with_config(self) -> Result<Serve, CommandFailure> {
        let Some(path) = self.config.clone() else { return Ok(self) };
        let file = read_config(&path)?;
        Ok(Serve {
            data_dir: self.data_dir.or(file.data_dir),
            postgres: self.postgres.or(file.postgres),
            kafka: self.kafka.or(file.kafka),
            http: self.http.or(file.http),
            memory: self.memory.or(file.memory),
            config: self.config,
            ports_file: self.ports_file.or(file.ports_file),
            log: self.log.or(file.log),
        })
    }
}

fn read_config(path: &Path) -> Result<Serve, CommandFailure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandFailure(format!("could not read --config {}: {error}", path.display())))?;
    toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map(|span| text.as_bytes()[..span.start.min(text.len())].split(|byte| *byte == b'\n').count());
        let place = line.map_or_else(String::new, |line| format!(", line {line}"));
        // Some messages go on with a list on lines of their own.
        let reason = error.message().replace('\n', " ");
        CommandFailure(format!("--config {}{place}: {reason}", path.display()))
    })
}

/// Bytes of `512MiB`, `4GiB`, `1000000`.
pub(crate) fn parse_size(text: &str) -> Result<u64, CommandFailure> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor: Option<u64> = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kb" | "kib" => Some(1 << 10),
        "m" | "mb" | "mib" => Some(1 << 20),
        "g" | "gb" | "gib" => Some(1 << 30),
        _ => None,
    };
    let number: Option<u64> = text[..digits].parse().ok();
    number
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .ok_or_else(|| CommandFailure(format!("--memory '{text}' is no size; write 512MiB or 4GiB")))
}

/// Time of `500ms`, `30s`, `5m`, `1h`; a number alone means seconds.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit_ms: Option<u64> = match text[digits..].trim() {
        "ms" => Some(1),
        "" | "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number: Option<u64> = text[..digits].parse().ok();
    number
        .zip(unit_ms)
        .and_then(|(number, unit_ms)| number.checked_mul(unit_ms))
        .map(Duration::from_millis)
        .ok_or_else(|| "write a number with its unit: 30s, 5m, 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::serve::MEMORY_DEFAULT;
    use crate::server::Addresses;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, ms) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1 h", 3_600_000), ("7", 7_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "1d", "99999999999999999999s", "18446744073709551615h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [("1", 1), ("2KiB", 2048), ("3 MB", 3 << 20), ("4gib", 4 << 30)] {
            assert_eq!(parse_size(text).ok(), Some(bytes), "{text}");
        }
        for text in ["", "x", "1TB", "-1", "99999999999GiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_place_is_left_to_run_statements_in() {
        let read = |words: &[&str]| {
            let words = ["tidemill", "sql"].iter().chain(words);
            Arguments::command().try_get_matches_from(words).and_then(|matches| Arguments::of(&matches))
        };
        let error = read(&["--connect", "a:1", "--data-dir", "d"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
        let Command::Sql(sql) = read(&["-d", "a=1", "-v", "b=2", "-e", "SELECT 1"]).unwrap().command else {
            panic!("sql was asked for");
        };
        assert_eq!((sql.definitions.len(), sql.commands.len()), (2, 1));
        assert!(read(&["-d", "a"]).is_err());
    }

    #[test]
    fn help_tells_the_defaults_that_hold() {
        let mut command = Arguments::command();
        let help = command.find_subcommand_mut("serve").unwrap().render_long_help().to_string();
        let addresses = Addresses::default();
        for address in [addresses.postgres, addresses.kafka, addresses.http] {
            assert!(help.contains(&format!("[default: {address}]")), "{help}");
        }
        assert!(help.contains("[default: 1GiB]"), "{help}");
        assert_eq!(parse_size("1GiB").ok(), Some(MEMORY_DEFAULT));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
