//! The engine with its doors: opened together, drained together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tidemill_engine::Engine;
use tidemill_engine::engine::EngineOptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::failure::CommandFailure;
use crate::http::HttpDoor;
use crate::kafka::{KafkaDoor, KafkaOptions};
use crate::open_files;
use crate::postgres::{PostgresDoor, PostgresOptions};

/// How often the log's health is looked at.
const HEALTH_INTERVAL: Duration = Duration::from_millis(200);

/// How long the doors may take to close, each of which has a shorter deadline of its own.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// Where the doors listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// Postgres.
    pub(crate) postgres: SocketAddr,
    /// Kafka.
    pub(crate) kafka: SocketAddr,
    /// HTTP.
    pub(crate) http: SocketAddr,
}

impl Default for Addresses {
    fn default() -> Self {
        let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Addresses { postgres: loopback(5433), kafka: loopback(9092), http: loopback(8088) }
    }
}

impl Addresses {
    /// While no users are defined nobody outside this machine may come in.
    fn check_loopback(self) -> Result<(), CommandFailure> {
        for (flag, address) in [("--postgres", self.postgres), ("--kafka", self.kafka), ("--http", self.http)]
        {
            if !address.ip().is_loopback() {
                return Err(CommandFailure(format!(
                    "{flag} {address} is not a loopback address: while no users are defined the server listens on \
                     this machine only; use 127.0.0.1"
                )));
            }
        }
        Ok(())
    }
}

/// A server whose doors are open.
pub(crate) struct Server {
    engine: Engine,
    addresses: Addresses,
    doors: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Server {
    /// Opens the doors, then the data directory, then lets clients in: a port or directory that is in
    /// use leaves everything untouched.
    pub(crate) async fn open(
        data_dir: &Path,
        memory_bytes: u64,
        wanted: Addresses,
    ) -> Result<Server, CommandFailure> {
        wanted.check_loopback()?;
        for (flag, address) in
            [("--postgres", wanted.postgres), ("--kafka", wanted.kafka), ("--http", wanted.http)]
        {
            // Bound and let go again, so that a port in use is told before data is touched.
            std::net::TcpListener::bind(address).map_err(|error| bind_error(flag, address, &error))?;
        }
        let mut options =
            EngineOptions { data_dir: Some(data_dir.to_owned()), memory_bytes, ..EngineOptions::default() };
        let partitions = options.topics.partitions_total_max;
        options.topics.partitions_total_max = open_files::partitions_total_max(partitions);
        let directory: PathBuf = data_dir.to_owned();
        let opened = tokio::task::spawn_blocking(move || Engine::open(options)).await;
        let engine = match opened {
            Ok(Ok(engine)) => engine,
            Ok(Err(error)) => {
                let hint = if error.kind == tidemill_engine::ErrorKind::Unavailable {
                    "; choose another with --data-dir"
                } else {
                    ""
                };
                return Err(CommandFailure(format!("{error}{hint}")));
            }
            Err(error) => {
                return Err(CommandFailure(format!("could not open {}: {error}", directory.display())));
            }
        };
        Server::start(engine, wanted).await
    }

    async fn start(engine: Engine, wanted: Addresses) -> Result<Server, CommandFailure> {
        let postgres = PostgresDoor::bind(wanted.postgres, engine.clone(), PostgresOptions::default())
            .await
            .map_err(|error| bind_error("--postgres", wanted.postgres, &error))?;
        let kafka =
            KafkaDoor::bind(wanted.kafka, engine.topics().clone(), KafkaOptions::new(engine.cluster_id()))
                .await
                .map_err(|error| bind_error("--kafka", wanted.kafka, &error))?;
        let http = HttpDoor::bind(wanted.http, engine.clone())
            .await
            .map_err(|error| bind_error("--http", wanted.http, &error))?;
        let addresses = Addresses {
            postgres: postgres
                .local_addr()
                .map_err(|error| bind_error("--postgres", wanted.postgres, &error))?,
            kafka: kafka.local_addr().map_err(|error| bind_error("--kafka", wanted.kafka, &error))?,
            http: http.local_addr().map_err(|error| bind_error("--http", wanted.http, &error))?,
        };
        let shutdown = CancellationToken::new();
        let mut doors = JoinSet::new();
        doors.spawn(postgres.run(shutdown.clone()));
        doors.spawn(kafka.run(shutdown.clone()));
        doors.spawn(http.run(shutdown.clone()));
        Ok(Server { engine, addresses, doors, shutdown })
    }

    /// Where the doors listen.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until told to stop, or until the log fails.
    pub(crate) async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<(), CommandFailure> {
        let failed = log_failure(self.engine.clone());
        let failure = tokio::select! {
            () = stop => None,
            error = failed => Some(error),
        };
        if let Some(error) = failure {
            // After a failed write or sync nothing in memory can be trusted to reach the disk. Ending at
            // once keeps every promise made so far; a restart reads what is really there.
            return Err(CommandFailure(format!("the log failed and the server stops: {error}")));
        }
        self.shutdown.cancel();
        drain(&mut self.doors, DRAIN_DEADLINE).await;
        self.engine.shutdown().await.map_err(|error| CommandFailure(format!("while stopping: {error}")))
    }
}

/// Waits for the doors to end. One that does not is left behind: queries have to be committed whatever
/// clients do.
async fn drain(doors: &mut JoinSet<()>, deadline: Duration) {
    let drained = tokio::time::timeout(deadline, async {
        while let Some(ended) = doors.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a door ended badly");
            }
        }
    });
    if drained.await.is_err() {
        tracing::error!("{} doors did not close in time", doors.len());
        doors.abort_all();
    }
}

async fn log_failure(engine: Engine) -> tidemill_engine::Error {
    loop {
        if let Some(error) = engine.failure() {
            return error;
        }
        tokio::time::sleep(HEALTH_INTERVAL).await;
    }
}

fn bind_error(flag: &str, address: SocketAddr, error: &std::io::Error) -> CommandFailure {
    CommandFailure(format!("could not listen on {address}: {error}; choose another address with {flag}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_door_that_does_not_close_is_left_behind() {
        let mut doors = JoinSet::new();
        doors.spawn(async {});
        doors.spawn(std::future::pending());
        drain(&mut doors, Duration::ZERO).await;
        while let Some(ended) = doors.join_next().await {
            assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()));
        }
    }
}
