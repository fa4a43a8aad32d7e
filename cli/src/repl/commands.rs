//! Statements and backslash commands that concern the REPL alone.

use std::path::PathBuf;

use tidemill_engine::Error;
use tidemill_sql::SqlError;
use tidemill_sql::parser::ast::Statement;
use tidemill_sql::parser::parse_one;

use super::backend::Failure;
use super::drawing::Expanded;

/// What `\?` and `HELP` tell.
pub(crate) const HELP: &str = "\
Statements end with a semicolon and may take several lines. Ctrl-C ends a running query, Ctrl-D the REPL.

  \\?                     this help
  \\q                     leave (also: exit, quit)
  \\d                     list streams and tables (\\ds streams, \\dt tables, \\df functions, \\dT types)
  \\d NAME                describe one of them (\\d+ NAME with details, \\df NAME a function)
  \\i FILE                run the statements of a file
  \\o FILE                write answers to a file too; \\o alone ends that
  \\x [on|off|auto]       rows as records, a line a column; auto: where rows are wider than the terminal

  RUN SCRIPT 'file';     run the statements of a file
  SPOOL 'file';          write statements and answers to a file too
  SPOOL OFF;             end that
  DEFINE name = 'text';  from then on ${name} in a statement stands for the text
  UNDEFINE name;         forget it
  SHOW VARIABLES;        list them

  SHOW STREAMS | TABLES | TOPICS | QUERIES | FUNCTIONS;
  DESCRIBE name;         columns of a stream or table
  PRINT topic FROM BEGINNING LIMIT 5;
  SELECT … EMIT CHANGES; rows as they come, until Ctrl-C";

/// The backslash commands, for completion.
pub(crate) const BACKSLASH: &[&str] =
    &["\\?", "\\d", "\\d+", "\\dT", "\\df", "\\ds", "\\dt", "\\i", "\\o", "\\q", "\\x"];

/// Those that are followed by the name of a stream or table.
pub(crate) const OF_SOURCES: &[&str] = &["\\d", "\\d+", "\\ds", "\\dt"];

/// What may follow `\x`.
pub(crate) const EXPANDED_MODES: &[&str] = &["on", "off", "auto"];

/// Something the REPL does itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Leave.
    Quit,
    /// Tell what can be typed.
    Help,
    /// Run the statements of a file.
    RunScript(PathBuf),
    /// Write to a file too, or to none any more.
    Spool(Option<PathBuf>),
    /// Give a variable its text.
    Define {
        /// The variable.
        name: String,
        /// Its text.
        value: String,
    },
    /// Forget a variable.
    Undefine(String),
    /// List the variables.
    ShowVariables,
    /// Draw rows as records from now on; without a mode the other way than now.
    Expanded(Option<Expanded>),
    /// Run these statements, which a backslash command abbreviates.
    Statements(Vec<String>),
}

/// What a statement asks of the REPL; `None` if it is the engine's business.
pub(crate) fn of_statement(statement: &str) -> Result<Option<Command>, Failure> {
    let mut words = statement.split_whitespace().map(str::to_ascii_uppercase);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match (first.as_str(), second.as_str()) {
        ("EXIT" | "QUIT", "") => Ok(Some(Command::Quit)),
        ("HELP", "") => Ok(Some(Command::Help)),
        ("SHOW" | "LIST", "VARIABLES") => Ok(Some(Command::ShowVariables)),
        ("SPOOL", _) => spool(statement).map(Some),
        ("RUN", "SCRIPT") | ("DEFINE" | "UNDEFINE", _) => match parse_one(statement)?.statement {
            Statement::RunScript { path } => Ok(Some(Command::RunScript(PathBuf::from(path)))),
            Statement::Define { name, value } => Ok(Some(Command::Define { name: name.value, value })),
            Statement::Undefine { name } => Ok(Some(Command::Undefine(name.value))),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

/// What a line that begins with a backslash asks for.
pub(crate) fn of_backslash(line: &str) -> Result<Command, Failure> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (command, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = argument.trim();
    match (command, argument) {
        ("\\?" | "\\h", _) => Ok(Command::Help),
        ("\\q", _) => Ok(Command::Quit),
        ("\\d" | "\\d+", "") => Ok(statements(&["SHOW STREAMS", "SHOW TABLES"])),
        ("\\ds", "") => Ok(statements(&["SHOW STREAMS"])),
        ("\\dt", "") => Ok(statements(&["SHOW TABLES"])),
        ("\\df", "") => Ok(statements(&["SHOW FUNCTIONS"])),
        ("\\dT", _) => Ok(statements(&["SHOW TYPES"])),
        ("\\d" | "\\ds" | "\\dt", name) => Ok(statements(&[&format!("DESCRIBE {name}")])),
        ("\\d+", name) => Ok(statements(&[&format!("DESCRIBE {name} EXTENDED")])),
        ("\\df", name) => Ok(statements(&[&format!("DESCRIBE FUNCTION {name}")])),
        ("\\x", "") => Ok(Command::Expanded(None)),
        ("\\x", mode) => match mode.parse() {
            Ok(mode) => Ok(Command::Expanded(Some(mode))),
            Err(()) => {
                Err(Failure::new(format!("\\x cannot be '{mode}'")).with_hint("\\x on, \\x off or \\x auto"))
            }
        },
        ("\\i", "") => Err(Failure::new("\\i needs the name of a file")),
        ("\\i", file) => Ok(Command::RunScript(PathBuf::from(unquoted(file)))),
        ("\\o", "") => Ok(Command::Spool(None)),
        ("\\o", file) => Ok(Command::Spool(Some(PathBuf::from(unquoted(file))))),
        _ => Err(Failure::new(format!("there is no command '{command}'")).with_hint("\\? lists them")),
    }
}

fn statements(texts: &[&str]) -> Command {
    Command::Statements(texts.iter().map(|&text| text.to_owned()).collect())
}

fn spool(statement: &str) -> Result<Command, Failure> {
    let argument = statement.trim()["SPOOL".len()..].trim();
    if argument.eq_ignore_ascii_case("off") {
        return Ok(Command::Spool(None));
    }
    match argument.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(path) if !path.is_empty() => Ok(Command::Spool(Some(PathBuf::from(path.replace("''", "'"))))),
        _ => Err(Failure::new("SPOOL needs a file in quotes, or OFF").with_hint("SPOOL 'answers.txt';")),
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(text)
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Failure {
        Failure::from(Error::from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_statements_are_left_to_it() {
        for statement in ["SELECT 1", "SHOW STREAMS", "DESCRIBE quit", "", "HELPER"] {
            assert_eq!(of_statement(statement).unwrap(), None, "{statement}");
        }
    }

    #[test]
    fn the_repls_statements_are_its_own() {
        let path = |path: &str| PathBuf::from(path);
        for (statement, command) in [
            ("exit", Command::Quit),
            ("list  Variables", Command::ShowVariables),
            ("run script 'a b.sql'", Command::RunScript(path("a b.sql"))),
            ("SPOOL 'it''s.txt'", Command::Spool(Some(path("it's.txt")))),
            ("spool off", Command::Spool(None)),
            ("UNDEFINE x", Command::Undefine("X".to_owned())),
        ] {
            assert_eq!(of_statement(statement).unwrap(), Some(command), "{statement}");
        }
        let defined = Command::Define { name: "X".to_owned(), value: "a;b".to_owned() };
        assert_eq!(of_statement("DEFINE x = 'a;b'").unwrap(), Some(defined));
    }

    #[test]
    fn wrong_commands_say_what_is_right() {
        assert!(of_statement("SPOOL answers").unwrap_err().hint.is_some());
        assert!(of_statement("DEFINE x").is_err());
        assert!(of_backslash("\\z").unwrap_err().message.contains("\\z"));
        assert!(of_backslash("\\i").is_err());
        assert!(of_backslash("\\x maybe").unwrap_err().hint.is_some());
    }

    #[test]
    fn backslash_commands_may_end_with_a_semicolon() {
        assert_eq!(of_backslash("\\q;").unwrap(), Command::Quit);
        assert_eq!(of_backslash("\\d orders;").unwrap(), statements(&["DESCRIBE orders"]));
        assert_eq!(of_backslash("\\x on;").unwrap(), Command::Expanded(Some(Expanded::On)));
    }

    #[test]
    fn every_backslash_command_is_in_the_help_and_known() {
        for command in BACKSLASH {
            assert!(HELP.contains(command), "{command}");
            let known = of_backslash(command).or_else(|_| of_backslash(&format!("{command} name")));
            assert!(known.is_ok(), "{command}");
        }
    }

    #[test]
    fn lists_and_descriptions_abbreviate_statements() {
        for (line, statement) in [
            ("\\dt", "SHOW TABLES"),
            ("\\ds", "SHOW STREAMS"),
            ("\\dt totals", "DESCRIBE totals"),
            ("\\d+ `Orders`", "DESCRIBE `Orders` EXTENDED"),
            ("\\df sum", "DESCRIBE FUNCTION sum"),
        ] {
            assert_eq!(of_backslash(line).unwrap(), statements(&[statement]), "{line}");
        }
    }
}
