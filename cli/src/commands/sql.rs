//! `tidemill sql`: type SQL, against a server or in a data directory opened right here.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::StreamExt;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tidemill_engine::engine::EngineOptions;
use tidemill_engine::{Dialect, Engine, Error, Response, Rows, Session, SessionOptions};
use tokio::runtime::Runtime;

use crate::args::Sql;
use crate::commands::{CommandError, serve};
use crate::telemetry;

/// Characters of a cell that are shown; a longer one is cut.
const CELL_CHARACTERS_MAX: usize = 80;

/// Runs the statements given, or reads them from the terminal.
pub(crate) fn run(arguments: Sql) -> Result<(), CommandError> {
    telemetry::start(None);
    if let Some(address) = &arguments.connect {
        return Err(CommandError(format!(
            "--connect {address} cannot be used yet: use psql for a running server, or leave it out to open \
             --data-dir right here"
        )));
    }
    let runtime = serve::runtime()?;
    let engine =
        Engine::open(EngineOptions { data_dir: arguments.data_dir.clone(), ..EngineOptions::default() })
            .map_err(|error| CommandError(error.to_string()))?;
    let options = SessionOptions {
        user: "tidemill".to_owned(),
        database: "tidemill".to_owned(),
        dialect: Dialect::Ksql,
    };
    let mut session = engine.session(options);
    let result = if arguments.commands.is_empty() && arguments.file.is_none() {
        converse(&runtime, &mut session)
    } else {
        let file = arguments.file.as_deref().map(read).transpose()?;
        let scripts: Vec<String> = arguments.commands.into_iter().chain(file).collect();
        scripts.iter().try_for_each(|script| {
            runtime.block_on(execute(&mut session, script)).map_err(|error| CommandError(describe(&error)))
        })
    };
    let closed = runtime.block_on(engine.shutdown());
    result.and(closed.map_err(|error| CommandError(error.to_string())))
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path)
        .map_err(|error| CommandError(format!("could not read -f {}: {error}", path.display())))
}

/// Reads statements until the end of input. A statement ends with a semicolon and may take many lines.
fn converse(runtime: &Runtime, session: &mut Session) -> Result<(), CommandError> {
    let failed = |error: ReadlineError| CommandError(format!("the terminal failed: {error}"));
    let mut editor = DefaultEditor::new().map_err(failed)?;
    let mut statement = String::new();
    loop {
        let prompt = if statement.is_empty() { "tidemill> " } else { "     ...> " };
        match editor.readline(prompt) {
            Ok(line) => {
                statement.push_str(&line);
                statement.push('\n');
            }
            Err(ReadlineError::Interrupted) => {
                statement.clear();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        }
        let text = statement.trim();
        if matches!(text, "exit" | "quit" | "\\q" | "exit;" | "quit;") {
            return Ok(());
        }
        if text.ends_with(';') {
            // A line that cannot be remembered is still run.
            let _ = editor.add_history_entry(text);
            let outcome = runtime.block_on(async {
                tokio::select! {
                    outcome = execute(session, text) => outcome,
                    _ = tokio::signal::ctrl_c() => {
                        println!("^C");
                        Ok(())
                    }
                }
            });
            if let Err(error) = outcome {
                eprintln!("{}", describe(&error));
            }
            statement.clear();
        }
    }
}

/// Runs a script and prints its answers.
async fn execute(session: &mut Session, script: &str) -> Result<(), Error> {
    for statement in session.split(script)? {
        match session.execute(&statement, &[]).await? {
            Response::Done { tag, message } => println!("{}", message.unwrap_or(tag)),
            Response::Rows(rows) => print_rows(rows).await?,
        }
    }
    Ok(())
}

/// Prints rows: a finite answer as one aligned table, an endless one row by row as they come.
async fn print_rows(rows: Rows) -> Result<(), Error> {
    let names: Vec<String> = rows.schema.fields().iter().map(|field| field.name().clone()).collect();
    let endless = rows.endless;
    let mut stream = rows.stream;
    if endless {
        println!("{}", names.join(" | "));
        while let Some(batch) = stream.next().await {
            for row in cells(&batch?)? {
                println!("{}", row.join(" | "));
            }
            // A closed pipe is noticed at the next print.
            let _ = std::io::stdout().flush();
        }
        return Ok(());
    }
    let mut table = vec![names];
    while let Some(batch) = stream.next().await {
        table.extend(cells(&batch?)?);
    }
    println!("{}", aligned(&table));
    Ok(())
}

/// The rows of a batch as texts.
fn cells(batch: &RecordBatch) -> Result<Vec<Vec<String>>, Error> {
    let options = FormatOptions::default().with_null("null");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<_, _>>()?;
    let cell = |column: &ArrayFormatter<'_>, row: usize| -> String {
        let text = column.value(row).to_string();
        match text.char_indices().nth(CELL_CHARACTERS_MAX) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    };
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect())
}

/// A table with a heading, its columns side by side.
fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.first().map_or(0, Vec::len);
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in table.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!(" {cell:<width$} ", width = *width))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", cells.join("|").trim_end());
        if index == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            let _ = writeln!(text, "{}", rules.join("+"));
        }
    }
    let rows = table.len().saturating_sub(1);
    let _ = write!(text, "({rows} row{})", if rows == 1 { "" } else { "s" });
    text
}

/// An error as people read it.
fn describe(error: &Error) -> String {
    let mut text = format!("ERROR: {}", error.message);
    if let Some(position) = &error.position {
        let _ = write!(text, " (line {}, column {})", position.line, position.column);
    }
    for (label, more) in [("DETAIL", &error.detail), ("HINT", &error.hint)] {
        if let Some(more) = more {
            let _ = write!(text, "\n{label}: {more}");
        }
    }
    text
}
