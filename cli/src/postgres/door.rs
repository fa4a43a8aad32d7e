//! The door itself: what its connections share, and how each begins.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pgwire::messages::startup::{Authentication, BackendKeyData};
use rustix::net::sockopt;
use tidemill_engine::{Dialect, Engine, SessionOptions};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::cancel::CancelRegistry;
use super::connection::Connection;
use super::failure::{Ending, Failure, Severity, notice};
use super::options::PostgresOptions;
use super::sqlstate::SqlState;
use super::startup::{Opening, SessionRequest, open};
use super::wire::{MessageLimits, Wire};
use crate::budget::Budget;
use crate::listener::{Accepted, Bounds, Listener};

/// How long a peer may leave sent bytes unacknowledged, and how often a silent one is probed: a machine
/// that lost its power does not say goodbye.
const PEER_SILENCE_MAX: Duration = Duration::from_secs(60);

/// The Postgres wire protocol on one address.
pub(crate) struct PostgresDoor {
    listener: Listener,
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    options: PostgresOptions,
    cancel: Arc<CancelRegistry>,
    sessions: Arc<Semaphore>,
    messages: MessageLimits,
    /// What prepared statements and portals take together.
    kept: Budget,
}

impl PostgresDoor {
    /// Listens on an address; nobody is served before [`PostgresDoor::run`].
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub(crate) async fn bind(
        address: SocketAddr,
        engine: Engine,
        options: PostgresOptions,
    ) -> io::Result<PostgresDoor> {
        // A connection has its place until it has said who it is; sessions are counted by themselves.
        let bounds = Bounds { places_max: options.startups_max, drain_deadline: options.drain_deadline };
        let listener = Listener::bind("postgres", address, bounds).await?;
        let shared = Shared {
            engine,
            cancel: Arc::new(CancelRegistry::default()),
            sessions: Arc::new(Semaphore::new(options.connections_max)),
            messages: MessageLimits::new(&options),
            kept: Budget::new(options.kept_bytes_total_max),
            options,
        };
        Ok(PostgresDoor { listener, shared: Arc::new(shared) })
    }

    /// The address, with the port that was free where port 0 was asked for.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the shutdown; then ends what runs and returns when every connection has closed, or
    /// the drain's deadline has passed.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let PostgresDoor { listener, shared } = self;
        let serve = |Accepted { stream, place, .. }| serve(stream, shared.clone(), place, shutdown.clone());
        listener.run(&shutdown, serve).await;
    }
}

async fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
    startup: OwnedSemaphorePermit,
    shutdown: CancellationToken,
) {
    configure(&stream);
    let mut wire = Wire::new(stream, shared.messages.clone());
    let deadline = shared.options.startup_deadline;
    let opening = tokio::select! {
        () = shutdown.cancelled() => return,
        opening = tokio::time::timeout(deadline, open(&mut wire)) => opening,
    };
    drop(startup);
    match opening {
        Ok(Ok(Some(Opening::Cancel { id, secret }))) => shared.cancel.cancel(id, &secret),
        Ok(Ok(Some(Opening::Session(request)))) => match shared.sessions.clone().try_acquire_owned() {
            Ok(_session) => start_session(wire, &shared, request, shutdown).await,
            Err(_) => refuse(wire, too_many_connections(shared.options.connections_max)).await,
        },
        Ok(Ok(None) | Err(Ending::Gone)) => {}
        Ok(Err(Ending::Failed(failure))) => refuse(wire, failure).await,
        Err(_elapsed) => tracing::debug!("postgres: a connection did not say in time what it wants"),
    }
}

async fn start_session(
    mut wire: Wire,
    shared: &Shared,
    request: SessionRequest,
    shutdown: CancellationToken,
) {
    let SessionRequest { user, database, settings, long_secret } = request;
    let registration = shared.cancel.register(long_secret);
    let backend_id = registration.id();
    let options = SessionOptions { user, database, backend_id, dialect: Dialect::Postgres };
    let mut session = shared.engine.session(options);
    wire.put(&Authentication::Ok);
    wire.put(&BackendKeyData::new(registration.id(), registration.secret()));
    for (name, value) in settings {
        match session.set(&name, &value) {
            Ok(None) => {}
            Ok(Some(message)) => {
                wire.put(&notice(Severity::Notice, SqlState::SUCCESSFUL_COMPLETION, &message));
            }
            // A driver's favourite setting that means nothing here must not keep it from connecting.
            Err(error) => {
                let message = format!("setting \"{name}\" of the connection is ignored: {error}");
                wire.put(&notice(Severity::Warning, SqlState::WARNING, &message));
            }
        }
    }
    Connection::new(wire, session, registration, shutdown, &shared.kept).serve().await;
}

async fn refuse(mut wire: Wire, failure: Failure) {
    wire.put(&failure.response());
    wire.close().await;
}

fn too_many_connections(connections_max: usize) -> Failure {
    Failure::fatal(
        SqlState::TOO_MANY_CONNECTIONS,
        format!("sorry, too many clients already: this server takes {connections_max}"),
    )
}

/// Sends small messages at once, and notices peers that have silently gone.
fn configure(stream: &TcpStream) {
    let silence_ms = u32::try_from(PEER_SILENCE_MAX.as_millis()).unwrap_or(u32::MAX);
    let configured = stream
        .set_nodelay(true)
        .and_then(|()| Ok(sockopt::set_socket_keepalive(stream, true)?))
        .and_then(|()| Ok(sockopt::set_tcp_keepidle(stream, PEER_SILENCE_MAX / 2)?))
        .and_then(|()| Ok(sockopt::set_tcp_user_timeout(stream, silence_ms)?));
    if let Err(error) = configured {
        // The connection works all the same.
        tracing::debug!(%error, "postgres: a socket option was refused");
    }
}
