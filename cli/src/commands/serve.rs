//! `tidemill serve`: a data directory behind three doors, until a signal.

use std::io::Write as _;
use std::path::Path;

use crate::args::{Serve, parse_size};
use crate::failure::CommandFailure;
use crate::server::{Addresses, Server};
use crate::telemetry;

/// Memory unless asked otherwise.
pub(crate) const MEMORY_DEFAULT: u64 = 1 << 30;

/// Serves until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: Serve) -> Result<(), CommandFailure> {
    let arguments = arguments.with_config()?;
    telemetry::start(arguments.log.as_deref());
    let data_dir = arguments
        .data_dir
        .clone()
        .ok_or_else(|| CommandFailure("no data directory: say where with --data-dir DIR".to_owned()))?;
    let memory = arguments.memory.as_deref().map_or(Ok(MEMORY_DEFAULT), parse_size)?;
    let defaults = Addresses::default();
    let wanted = Addresses {
        postgres: arguments.postgres.unwrap_or(defaults.postgres),
        kafka: arguments.kafka.unwrap_or(defaults.kafka),
        http: arguments.http.unwrap_or(defaults.http),
    };
    runtime()?.block_on(async {
        let server = Server::open(&data_dir, memory, wanted).await?;
        let addresses = server.addresses();
        if let Some(path) = &arguments.ports_file {
            write_ports(path, addresses)?;
        }
        // Whoever started the server may not listen.
        let _ = writeln!(
            std::io::stdout(),
            "ready: postgres on {}, kafka on {}, http on {}; Ctrl-C stops",
            addresses.postgres,
            addresses.kafka,
            addresses.http
        );
        server.run_until(stop_signal()).await
    })
}

/// The runtime of the doors.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CommandFailure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("tidemill-door")
        .thread_stack_size(tidemill_engine::STACK_BYTES)
        .build()
        .map_err(|error| CommandFailure(format!("could not start threads: {error}")))
}

/// Waits for SIGTERM or Ctrl-C.
pub(crate) async fn stop_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be waited for; Ctrl-C still can");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Writes the ports where others wait for them: whole, or not at all.
fn write_ports(path: &Path, addresses: Addresses) -> Result<(), CommandFailure> {
    let text = serde_json::json!({
        "postgres": addresses.postgres.port(),
        "kafka": addresses.kafka.port(),
        "http": addresses.http.port(),
    });
    let temporary = path.with_extension("tmp");
    let written =
        std::fs::write(&temporary, format!("{text}\n")).and_then(|()| std::fs::rename(&temporary, path));
    written
        .map_err(|error| CommandFailure(format!("could not write --ports-file {}: {error}", path.display())))
}
