//! What a terminal adds to the shell: history, completion, colours, statements over several lines.

use std::borrow::Cow;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Hinter};
use tidemill_sql::parser::split;
use tokio::runtime::Runtime;

use super::completer::complete;
use super::highlighter::coloured;
use super::names::Names;
use super::output::unwritten;
use super::shell::{Flow, Shell, Stopped};
use crate::failure::CommandFailure;

/// Statements that are remembered.
const HISTORY_MAX: usize = 10_000;

/// The longest statement that is read from a pipe.
const STATEMENT_BYTES_MAX: usize = 16 << 20;

const PROMPT: &str = "tidemill> ";

/// Reads statements and runs them until the end of input.
pub(crate) fn converse(runtime: &Runtime, shell: &mut Shell) -> Result<(), CommandFailure> {
    if std::io::stdin().is_terminal() {
        converse_in_terminal(runtime, shell)
    } else {
        read_pipe(runtime, shell)
    }
}

fn converse_in_terminal(runtime: &Runtime, shell: &mut Shell) -> Result<(), CommandFailure> {
    let failed = |error: ReadlineError| CommandFailure(format!("the terminal failed: {error}"));
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)
        .map_err(failed)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor: Editor<Typing, DefaultHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Typing::default()));
    let history = history_file();
    if let Some(path) = &history {
        // There is none before the first statement.
        let _ = editor.load_history(path);
    }
    loop {
        if let Some(helper) = editor.helper_mut() {
            helper.names = runtime.block_on(shell.names());
        }
        let text = match editor.readline(PROMPT) {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if text.trim().is_empty() {
            continue;
        }
        // A statement that cannot be remembered is run all the same.
        let _ = editor.add_history_entry(text.trim_end());
        if let Some(path) = &history {
            let _ = editor.append_history(path);
        }
        // It may be another one than for the statement before.
        shell.set_terminal_columns(editor.dimensions().map(|(columns, _)| columns));
        if tell(runtime.block_on(shell.run(&text)))? == Flow::Quit {
            return Ok(());
        }
    }
}

/// Reads statements from a pipe or file: without a prompt, going on after a statement that failed, and
/// failing in the end if one did.
fn read_pipe(runtime: &Runtime, shell: &mut Shell) -> Result<(), CommandFailure> {
    let mut text = String::new();
    let mut failures = 0u64;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| CommandFailure(format!("could not read standard input: {error}")))?;
        let command = text.trim().is_empty() && line.trim_start().starts_with('\\');
        text.push_str(&line);
        text.push('\n');
        if text.len() > STATEMENT_BYTES_MAX {
            return Err(CommandFailure(format!(
                "a statement of more than {STATEMENT_BYTES_MAX} bytes was not read"
            )));
        }
        if !command && !is_complete(&text) {
            continue;
        }
        let outcome = runtime.block_on(shell.run(&text));
        failures += u64::from(outcome.is_err());
        text.clear();
        if tell(outcome)? == Flow::Quit {
            break;
        }
    }
    let outcome = runtime.block_on(shell.run(&text));
    failures += u64::from(outcome.is_err());
    tell(outcome)?;
    if failures > 0 { Err(CommandFailure(format!("{failures} of the statements failed"))) } else { Ok(()) }
}

/// Tells why a text was not run to its end. Output that cannot be written ends the REPL.
fn tell(outcome: Result<Flow, Stopped>) -> Result<Flow, CommandFailure> {
    match outcome {
        Ok(flow) => Ok(flow),
        Err(Stopped::Failed(failure)) => {
            eprintln!("{failure}");
            Ok(Flow::Continue)
        }
        Err(Stopped::Interrupted) => {
            eprintln!("^C: the query was ended");
            Ok(Flow::Continue)
        }
        Err(Stopped::Output(error)) => Err(unwritten(&error)),
    }
}

/// Whether the enter key runs the text; otherwise it begins a new line of it.
fn is_complete(text: &str) -> bool {
    let trimmed = text.trim();
    if trimmed.starts_with('\\')
        || ["exit", "quit", "help"].iter().any(|word| trimmed.eq_ignore_ascii_case(word))
    {
        return true;
    }
    split(text).remainder.is_none()
}

/// `$XDG_STATE_HOME/tidemill/history`, or the same under `~/.local/state`; `None` without a home.
fn history_file() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state =
        absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    let directory = state.join("tidemill");
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join("history"))
}

/// What rustyline asks while somebody types.
#[derive(Default, Helper, Hinter)]
struct Typing {
    names: Arc<Names>,
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(line, pos, &self.names))
    }
}

impl Highlighter for Typing {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(coloured(line))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(format!("\u{1b}[1m{prompt}\u{1b}[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        // A letter can turn a name into a keyword or close a string far before it.
        kind != CmdKind::MoveCursor
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_complete_at_its_semicolon() {
        for text in ["SELECT 1;", "\\d", "  exit ", "", "SELECT ';';", "-- only a comment"] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["SELECT 1", "SELECT 'a;", "SELECT 1; SELECT", "/* ; */ SELECT"] {
            assert!(!is_complete(text), "{text}");
        }
    }
}
