//! The listener: accepts connections, counts them, and lets what has begun end when the server stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tidemill_engine::Engine;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests that have begun may take to end when the server stops. A health check or a scrape
/// takes milliseconds; a client that sent half a request may never send the rest.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Most connections at a time. Clients of the registry keep one or two each, and each takes a descriptor.
const CONNECTIONS_MAX: usize = 512;

/// How long a connection may go without the head of a request, between requests too. Clients that keep
/// connections open connect again.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// Pause after a failed accept. Out of descriptors, `accept` fails at once and would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound HTTP listener.
pub(crate) struct HttpDoor {
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    head_deadline: Duration,
    drain_deadline: Duration,
}

impl HttpDoor {
    /// Binds an address.
    pub(crate) async fn bind(address: SocketAddr, engine: Engine) -> io::Result<HttpDoor> {
        Ok(HttpDoor {
            listener: TcpListener::bind(address).await?,
            router: super::routes(engine),
            connections_max: CONNECTIONS_MAX,
            head_deadline: HEAD_DEADLINE,
            drain_deadline: DRAIN_DEADLINE,
        })
    }

    /// The address that was bound.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop; then lets requests end that have begun, for a while.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let room = Arc::new(Semaphore::new(self.connections_max));
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            let (stream, peer) = match accepted {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::warn!(%error, "could not accept an http connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(place) = room.clone().try_acquire_owned() else {
                tracing::warn!(%peer, "http connection refused: the limit of connections is reached");
                continue;
            };
            let (router, shutdown) = (self.router.clone(), shutdown.clone());
            connections.spawn(async move {
                serve(stream, router, self.head_deadline, shutdown).await;
                drop(place);
            });
        }
        drop(self.listener);
        connections.close();
        if tokio::time::timeout(self.drain_deadline, connections.wait()).await.is_err() {
            tracing::warn!("http: some requests did not end in time");
        }
    }
}

/// Serves one connection; when the server stops, the request that has begun is its last.
async fn serve(stream: TcpStream, router: Router, head_deadline: Duration, shutdown: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_deadline)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an http connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tidemill_engine::engine::EngineOptions;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn half_a_request_does_not_keep_the_server_from_stopping() {
        let engine = tokio::task::spawn_blocking(|| Engine::open(EngineOptions::default()));
        let engine = engine.await.expect("opens without a panic").expect("opens in memory");
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut door = HttpDoor::bind(any_port, engine.clone()).await.expect("binds");
        door.drain_deadline = Duration::ZERO;
        let address = door.local_addr().expect("has an address");
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(door.run(shutdown.clone()));
        let mut client = TcpStream::connect(address).await.expect("connects");
        // A whole request first: when it is answered, the door serves the connection.
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sends");
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.expect("is answered");
        assert_eq!(&answer, b"HTTP/1.1 200");
        client.write_all(b"GET / HTT").await.expect("sends");
        shutdown.cancel();
        running.await.expect("the door ends");
        engine.shutdown().await.expect("the engine ends");
    }

    #[tokio::test]
    async fn a_connection_that_sends_no_request_is_closed_and_makes_room() {
        let engine = tokio::task::spawn_blocking(|| Engine::open(EngineOptions::default()));
        let engine = engine.await.expect("opens without a panic").expect("opens in memory");
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut door = HttpDoor::bind(any_port, engine.clone()).await.expect("binds");
        door.head_deadline = Duration::from_millis(200);
        door.connections_max = 1;
        let address = door.local_addr().expect("has an address");
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(door.run(shutdown.clone()));
        let mut silent = TcpStream::connect(address).await.expect("connects");
        let mut refused = TcpStream::connect(address).await.expect("connects");
        let mut answer = Vec::new();
        // The limit closes the second connection at once, the deadline the first.
        let _ = refused.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "{answer:?}");
        let _ = silent.read_to_end(&mut answer).await;
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let mut answer = Vec::new();
        while !answer.starts_with(b"HTTP/1.1 200") {
            let mut next = TcpStream::connect(address).await.expect("connects");
            let _ = next.write_all(request).await;
            answer.clear();
            let _ = next.read_to_end(&mut answer).await;
        }
        shutdown.cancel();
        running.await.expect("the door ends");
        engine.shutdown().await.expect("the engine ends");
    }
}
