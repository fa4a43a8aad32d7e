//! The door itself: accepts connections, counts them, and sees them out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tidemill_engine::topics::Topics;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::connection::{Client, serve};
use super::options::KafkaOptions;
use super::server::Server;

/// Pause after a failed accept. Out of descriptors, `accept` fails at once and would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound listener that speaks the Kafka protocol.
pub(crate) struct KafkaDoor {
    listener: TcpListener,
    topics: Topics,
    options: KafkaOptions,
}

impl KafkaDoor {
    /// Binds the address; nothing is accepted before [`KafkaDoor::run`].
    pub(crate) async fn bind(
        address: SocketAddr,
        topics: Topics,
        options: KafkaOptions,
    ) -> io::Result<KafkaDoor> {
        Ok(KafkaDoor { listener: TcpListener::bind(address).await?, topics, options })
    }

    /// The address that was bound, with the port that was free.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves clients until `shutdown`, then lets answers that are on their way out.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let drain = self.options.connections.drain_timeout;
        let room = Arc::new(Semaphore::new(self.options.connections.connections_max));
        let server = Arc::new(Server::new(self.topics, self.options, shutdown.clone()));
        let tasks = TaskTracker::new();
        let timers = tokio::spawn({
            let server = server.clone();
            async move { server.groups.run(&server.closing).await }
        });
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            let (stream, peer) = match accepted {
                Ok(connection) => connection,
                Err(error) => {
                    warn!(%error, "could not accept a kafka connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = room.clone().try_acquire_owned() else {
                warn!(%peer, "kafka connection refused: the limit of connections is reached");
                continue;
            };
            match client(&server, &stream, peer) {
                Ok(client) => {
                    tasks.spawn(async move {
                        debug!(%peer, "kafka connection opened");
                        serve(stream, client).await;
                        drop(place);
                    });
                }
                Err(error) => debug!(%peer, %error, "kafka connection ended before it began"),
            }
        }
        tasks.close();
        if timeout(drain, tasks.wait()).await.is_err() {
            warn!("kafka connections were still open when the server stopped");
        }
        timers.abort();
    }
}

fn client(server: &Arc<Server>, stream: &TcpStream, peer: SocketAddr) -> io::Result<Client> {
    // Answers are written whole; waiting for more to send would only delay them.
    stream.set_nodelay(true)?;
    let mut advertised = stream.local_addr()?;
    // An IPv4 client of a dual-stack listener connects again by IPv4.
    advertised.set_ip(advertised.ip().to_canonical());
    Ok(Client { server: server.clone(), advertised, peer })
}
