//! The door itself: what its connections share, and a client for each.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tidemill_engine::topics::Topics;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::connection::{Client, serve};
use super::options::KafkaOptions;
use super::server::Server;
use crate::listener::{Accepted, Bounds, Listener};

/// A bound listener that speaks the Kafka protocol.
pub(crate) struct KafkaDoor {
    listener: Listener,
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
        let limits = &options.connections;
        let bounds = Bounds { places_max: limits.connections_max, drain_deadline: limits.drain_timeout };
        Ok(KafkaDoor { listener: Listener::bind("kafka", address, bounds).await?, topics, options })
    }

    /// The address that was bound, with the port that was free.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves clients until `shutdown`, then lets answers that are on their way out.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let server = Arc::new(Server::new(self.topics, self.options, shutdown.clone()));
        let timers = tokio::spawn({
            let server = server.clone();
            async move { server.groups.run(&server.closing).await }
        });
        let serve = |Accepted { stream, peer, place }| {
            let server = server.clone();
            async move {
                match client(&server, &stream, peer) {
                    Ok(client) => serve(stream, client).await,
                    Err(error) => debug!(%peer, %error, "kafka connection ended before it began"),
                }
                drop(place);
            }
        };
        self.listener.run(&shutdown, serve).await;
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
