//! Runs text: splits it into statements, replaces variables, does the REPL's own and sends the rest to
//! the backend, and lays out what comes back.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use tidemill_sql::Position;
use tidemill_sql::parser::variables::Substituted;
use tidemill_sql::parser::{complexity, split};

use super::backend::{Answer, Backend, Failure, Row, RowStream};
use super::commands::{self, Command};
use super::drawing::{Drawing, Expanded};
use super::names::{Names, changes_names};
use super::output::Output;
use super::table::row_count;
use super::variables::{Definition, Variables};

/// How long rows are collected to find the widths of their columns. An answer that takes longer is
/// shown as it comes.
const LAYOUT_WAIT: Duration = Duration::from_millis(200);

/// Rows collected for that at most; the widths of so many hardly ever change after them.
const LAYOUT_ROWS_MAX: usize = 1_000;

/// Scripts that may run each other: more is a script that runs itself.
const SCRIPT_DEPTH_MAX: usize = 16;

/// The largest script that is read.
const SCRIPT_BYTES_MAX: u64 = 64 << 20;

/// Whether to go on after a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// There may be more.
    Continue,
    /// The text asked to leave.
    Quit,
}

/// Why a text was not run to its end.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A statement failed.
    Failed(Failure),
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// An answer could not be written.
    Output(io::Error),
}

impl Stopped {
    /// The same where the statement begins at this line and column of its text.
    fn within(self, start: (u32, u32)) -> Stopped {
        match self {
            // A place in a script is the script's own.
            Stopped::Failed(failure) if failure.script.is_none() => Stopped::Failed(failure.within(start)),
            other => other,
        }
    }

    /// The same with its place in what was written, where variables were replaced in it.
    fn written(self, substituted: &Substituted<'_>) -> Stopped {
        match self {
            Stopped::Failed(mut failure) => {
                failure.place = failure.place.map(|(line, column)| {
                    let Position { line, column } = substituted.written_position(Position { line, column });
                    (line, column)
                });
                Stopped::Failed(failure)
            }
            other => other,
        }
    }

    /// The same where the text is a script.
    fn in_script(self, path: &Path) -> Stopped {
        match self {
            Stopped::Failed(mut failure) => {
                // Of scripts that run each other the innermost is where to look.
                failure.script.get_or_insert_with(|| path.to_owned());
                Stopped::Failed(failure)
            }
            other => other,
        }
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Failed(failure)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Stopped {
        Stopped::Output(error)
    }
}

/// A backend with the state of the REPL.
pub(crate) struct Shell {
    backend: Box<dyn Backend>,
    variables: Variables,
    output: Output,
    expanded: Expanded,
    /// The columns of the terminal, if there is one.
    terminal_columns: Option<usize>,
    /// What was told last before the rows of a query: it is not told again with the next.
    told: Option<String>,
    /// `None` when they may have changed.
    names: Option<Arc<Names>>,
}

impl Shell {
    /// A shell without variables.
    pub(crate) fn new(backend: Box<dyn Backend>) -> Shell {
        Shell {
            backend,
            variables: Variables::default(),
            output: Output::default(),
            expanded: Expanded::default(),
            terminal_columns: None,
            told: None,
            names: None,
        }
    }

    /// Gives a variable its text.
    pub(crate) fn define(&mut self, definition: &Definition) {
        self.variables.define(&definition.name, definition.value.clone());
    }

    /// Whether rows are drawn as records.
    pub(crate) fn set_expanded(&mut self, expanded: Expanded) {
        self.expanded = expanded;
    }

    /// How wide the terminal is that answers are shown in.
    pub(crate) fn set_terminal_columns(&mut self, columns: Option<u16>) {
        self.terminal_columns = columns.map(usize::from);
    }

    /// Runs every statement of a text, up to the first that fails.
    pub(crate) async fn run(&mut self, text: &str) -> Result<Flow, Stopped> {
        let line = text.trim();
        if line.starts_with('\\') && !line.contains('\n') {
            // Whatever stands in the line of a command is its argument, quotes and semicolons too.
            return self.perform(commands::of_backslash(line)?, 0).await;
        }
        self.run_nested(text, 0).await
    }

    /// Runs the statements of a file.
    pub(crate) async fn run_file(&mut self, path: &Path) -> Result<Flow, Stopped> {
        self.run_script(path, 0).await
    }

    /// The names that exist, for completion.
    pub(crate) async fn names(&mut self) -> Arc<Names> {
        match &self.names {
            Some(names) => names.clone(),
            None => {
                let names = Arc::new(Names::load(self.backend.as_mut()).await);
                self.names = Some(names.clone());
                names
            }
        }
    }

    /// Ends the file of SPOOL and says goodbye.
    pub(crate) async fn close(mut self) -> Result<(), Stopped> {
        self.output.end_spool()?;
        Ok(self.backend.close().await?)
    }

    /// Boxed, because scripts run scripts.
    fn run_nested<'a>(&'a mut self, text: &'a str, depth: usize) -> BoxFuture<'a, Result<Flow, Stopped>> {
        Box::pin(async move {
            complexity::check_text(text).map_err(Failure::from)?;
            let pieces = split(text);
            for piece in pieces.statements.iter().chain(&pieces.remainder) {
                let start = (place(piece.start.line), place(piece.start.column));
                if self.run_piece(piece.text, start, depth).await? == Flow::Quit {
                    return Ok(Flow::Quit);
                }
            }
            Ok(Flow::Continue)
        })
    }

    /// Runs what stands between two semicolons: a statement, before which there may be backslash commands,
    /// each of which ends with its line.
    async fn run_piece(&mut self, text: &str, start: (u32, u32), depth: usize) -> Result<Flow, Stopped> {
        let mut rest = text;
        while rest.starts_with('\\') {
            let (line, behind) = rest.split_once('\n').unwrap_or((rest, ""));
            if self.perform(commands::of_backslash(line)?, depth).await? == Flow::Quit {
                return Ok(Flow::Quit);
            }
            rest = behind.trim_start();
        }
        if rest.is_empty() {
            return Ok(Flow::Continue);
        }
        let before = &text[..text.len() - rest.len()];
        let start = match before.rfind('\n') {
            None => start,
            Some(newline) => (start.0 + place(before.matches('\n').count()), place(before.len() - newline)),
        };
        self.run_one(rest, depth).await.map_err(|stopped| stopped.within(start))
    }

    async fn run_one(&mut self, text: &str, depth: usize) -> Result<Flow, Stopped> {
        self.output.echo(text)?;
        let substituted = self.variables.substitute(text).map_err(Failure::from)?;
        let statement = substituted.text();
        let done = match commands::of_statement(statement)? {
            Some(command) => return self.perform(command, depth).await,
            None => self.answer(statement).await,
        };
        done.map_err(|stopped| stopped.written(&substituted))?;
        self.variables.heed(statement);
        Ok(Flow::Continue)
    }

    async fn run_script(&mut self, path: &Path, depth: usize) -> Result<Flow, Stopped> {
        if depth >= SCRIPT_DEPTH_MAX {
            let message = format!("{} is the {SCRIPT_DEPTH_MAX}th script within a script", path.display());
            return Err(Failure::new(message).with_hint("does it run itself?").into());
        }
        let text = read_script(path)?;
        self.run_nested(&text, depth + 1).await.map_err(|stopped| stopped.in_script(path))
    }

    async fn perform(&mut self, command: Command, depth: usize) -> Result<Flow, Stopped> {
        match command {
            Command::Quit => return Ok(Flow::Quit),
            Command::Help => self.output.line(commands::HELP)?,
            Command::RunScript(path) => return self.run_script(&path, depth).await,
            Command::Spool(Some(path)) => {
                self.output.start_spool(&path).map_err(|error| {
                    Failure::new(format!("could not write to {}: {error}", path.display()))
                })?;
            }
            Command::Spool(None) => match self.output.end_spool()? {
                Some(path) => self.output.line(&format!("{} is complete", path.display()))?,
                None => self.output.line("nothing was being spooled")?,
            },
            Command::Define { name, value } => self.variables.define(&name, value),
            Command::Expanded(mode) => {
                self.expanded = mode.unwrap_or_else(|| self.expanded.toggled());
                self.output.line(self.expanded.told())?;
            }
            Command::Undefine(name) => {
                if !self.variables.undefine(&name) {
                    return Err(Failure::new(format!("there is no variable '{name}'"))
                        .with_hint("SHOW VARIABLES lists them")
                        .into());
                }
            }
            Command::ShowVariables => {
                let rows: Vec<Row> = self
                    .variables
                    .iter()
                    .map(|(name, value)| vec![Some(name.to_owned()), Some(value.to_owned())])
                    .collect();
                let stream = futures::stream::iter([Ok(rows)]).boxed();
                self.show(vec!["name".to_owned(), "value".to_owned()], stream).await?;
            }
            Command::Statements(statements) => {
                for statement in statements {
                    self.output.echo(&statement)?;
                    self.answer(&statement).await?;
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// Sends one statement and shows its answer, until it ends or somebody presses Ctrl-C.
    async fn answer(&mut self, statement: &str) -> Result<(), Stopped> {
        if changes_names(statement) {
            self.names = None;
        }
        let outcome = tokio::select! {
            outcome = self.execute(statement) => Some(outcome),
            _ = tokio::signal::ctrl_c() => None,
        };
        if let Some(outcome) = outcome {
            return outcome;
        }
        self.backend.cancel().await?;
        // What the server says about the cancelled statement is of no interest any more.
        self.backend.notices();
        Err(Stopped::Interrupted)
    }

    async fn execute(&mut self, statement: &str) -> Result<(), Stopped> {
        match self.backend.execute(statement).await? {
            Answer::Done(message) => self.output.line(&message)?,
            Answer::Rows { columns, rows } => {
                // The first row may be long in coming.
                for notice in self.backend.notices() {
                    if self.told.as_ref() != Some(&notice) {
                        self.output.notice(&notice)?;
                        self.told = Some(notice);
                    }
                }
                self.show(columns, rows).await?;
            }
        }
        for notice in self.backend.notices() {
            self.output.notice(&notice)?;
        }
        Ok(())
    }

    /// Lays out rows: those that come soon together, the others as they come.
    async fn show(&mut self, columns: Vec<String>, mut rows: RowStream) -> Result<(), Stopped> {
        let mut drawing = Drawing::new(columns, self.expanded, self.terminal_columns);
        let mut first: Vec<Row> = Vec::new();
        let mut ended = false;
        let layout = tokio::time::sleep(LAYOUT_WAIT);
        tokio::pin!(layout);
        while !ended && first.len() < LAYOUT_ROWS_MAX {
            tokio::select! {
                batch = rows.next() => match batch {
                    Some(batch) => first.extend(batch?),
                    None => ended = true,
                },
                () = &mut layout => break,
            }
        }
        drawing.fit(&first);
        if let Some(heading) = drawing.heading() {
            self.output.line(&heading)?;
        }
        let mut count = self.show_rows(&mut drawing, &first)?;
        drop(first);
        while !ended {
            match rows.next().await {
                Some(batch) => {
                    let batch = batch?;
                    drawing.fit(&batch);
                    count += self.show_rows(&mut drawing, &batch)?;
                }
                None => ended = true,
            }
        }
        self.output.line(&row_count(count))?;
        Ok(())
    }

    fn show_rows(&mut self, drawing: &mut Drawing, rows: &[Row]) -> io::Result<u64> {
        if !rows.is_empty() {
            self.output.line(&drawing.rows(rows))?;
        }
        Ok(rows.len() as u64)
    }
}

/// A line or column as it is told.
fn place(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

fn read_script(path: &Path) -> Result<String, Failure> {
    let failed = |reason: String| Failure::new(format!("could not read {}: {reason}", path.display()));
    let bytes = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if bytes > SCRIPT_BYTES_MAX {
        return Err(failed(format!("{bytes} bytes are over the limit of {SCRIPT_BYTES_MAX}")));
    }
    std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
