//! `tidemill sql`: type SQL, against a server or in a data directory opened right here.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use tidemill_engine::engine::EngineOptions;
use tidemill_engine::{Engine, ErrorKind};
use tokio::net::TcpStream;

use crate::args::Sql;
use crate::commands::serve;
use crate::failure::CommandFailure;
use crate::repl::backend::{Backend, Failure};
use crate::repl::output::unwritten;
use crate::repl::shell::{Flow, Stopped};
use crate::repl::{Embedded, Expanded, Remote, Shell, converse, terminal_size};
use crate::server::Addresses;
use crate::telemetry;

/// How long to look for a server nobody has named: it would be on this machine.
const DISCOVERY_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs the statements given, or reads them from the terminal.
pub(crate) fn run(arguments: Sql) -> Result<(), CommandFailure> {
    telemetry::start(None);
    let runtime = serve::runtime()?;
    let (backend, greeting) = runtime.block_on(open(&arguments))?;
    let mut shell = Shell::new(backend);
    arguments.definitions.iter().for_each(|definition| shell.define(definition));
    if arguments.expanded {
        shell.set_expanded(Expanded::On);
    }
    shell.set_terminal_columns(terminal_size().map(|(columns, _)| columns));
    let result = if arguments.commands.is_empty() && arguments.file.is_none() {
        eprintln!("{greeting}");
        if io::stdin().is_terminal() {
            eprintln!("\\? tells what can be typed, Ctrl-D leaves.");
        }
        converse(&runtime, &mut shell)
    } else {
        runtime.block_on(run_given(&mut shell, &arguments)).map_err(describe)
    };
    let closed = runtime.block_on(shell.close()).map_err(describe);
    result.and(closed)
}

/// Runs the statements of `-c`, then the file of `-f`.
async fn run_given(shell: &mut Shell, arguments: &Sql) -> Result<(), Stopped> {
    for text in &arguments.commands {
        if shell.run(text).await? == Flow::Quit {
            return Ok(());
        }
    }
    if let Some(file) = &arguments.file {
        shell.run_file(file).await?;
    }
    Ok(())
}

/// Who answers, and a line for people about it.
async fn open(arguments: &Sql) -> Result<(Box<dyn Backend>, String), CommandFailure> {
    if let Some(address) = &arguments.connect {
        return connect(address).await;
    }
    if let Some(directory) = &arguments.data_dir {
        let backend: Box<dyn Backend> = Box::new(Embedded::new(open_engine(Some(directory)).await?));
        return Ok((backend, format!("Opened {} in this process.", directory.display())));
    }
    let address = Addresses::default().postgres;
    if matches!(tokio::time::timeout(DISCOVERY_TIMEOUT, TcpStream::connect(address)).await, Ok(Ok(_))) {
        return connect(&format!("postgres://{address}")).await;
    }
    let backend: Box<dyn Backend> = Box::new(Embedded::new(open_engine(None).await?));
    let greeting = format!(
        "No server at {address}: everything stays in memory and is forgotten in the end. --connect names a \
         server, --data-dir a directory to open."
    );
    Ok((backend, greeting))
}

async fn connect(address: &str) -> Result<(Box<dyn Backend>, String), CommandFailure> {
    let remote = Remote::connect(address).await.map_err(|failure| CommandFailure(message_of(&failure)))?;
    let backend: Box<dyn Backend> = Box::new(remote);
    Ok((backend, format!("Connected to {address}.")))
}

async fn open_engine(data_dir: Option<&Path>) -> Result<Engine, CommandFailure> {
    let options = EngineOptions { data_dir: data_dir.map(Path::to_owned), ..EngineOptions::default() };
    let opened = tokio::task::spawn_blocking(move || Engine::open(options))
        .await
        .map_err(|error| CommandFailure(format!("could not open the data directory: {error}")))?;
    opened.map_err(|error| {
        let hint = match (error.kind, data_dir) {
            (ErrorKind::Unavailable, Some(_)) => {
                "; choose another with --data-dir, or reach the server that has it open with --connect HOST:PORT"
            }
            _ => "",
        };
        CommandFailure(format!("{error}{hint}"))
    })
}

fn describe(stopped: Stopped) -> CommandFailure {
    match stopped {
        Stopped::Failed(failure) => CommandFailure(message_of(&failure)),
        Stopped::Interrupted => CommandFailure("interrupted".to_owned()),
        Stopped::Output(error) => unwritten(&error),
    }
}

/// A failure as one text behind the program's name.
fn message_of(failure: &Failure) -> String {
    let text = failure.to_string();
    text.strip_prefix("ERROR: ").unwrap_or(&text).to_owned()
}
