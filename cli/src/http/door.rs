//! The door itself: HTTP/1.1 on every connection that is accepted.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tidemill_engine::Engine;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::listener::{Accepted, Bounds, Listener};

/// Clients of the registry keep one connection or two each, and each takes a descriptor. A health check or
/// a scrape takes milliseconds to end; a client that sent half a request may never send the rest.
const BOUNDS: Bounds = Bounds { places_max: 512, drain_deadline: Duration::from_secs(5) };

/// How long a connection may go without the head of a request, between requests too. Clients that keep
/// connections open connect again.
const HEAD_DEADLINE: Duration = Duration::from_secs(30);

/// A bound HTTP listener.
pub(crate) struct HttpDoor {
    listener: Listener,
    router: Router,
    head_deadline: Duration,
}

impl HttpDoor {
    /// Binds an address.
    pub(crate) async fn bind(address: SocketAddr, engine: Engine) -> io::Result<HttpDoor> {
        HttpDoor::bind_within(BOUNDS, HEAD_DEADLINE, address, engine).await
    }

    async fn bind_within(
        bounds: Bounds,
        head_deadline: Duration,
        address: SocketAddr,
        engine: Engine,
    ) -> io::Result<HttpDoor> {
        let listener = Listener::bind("http", address, bounds).await?;
        Ok(HttpDoor { listener, router: super::routes(engine), head_deadline })
    }

    /// The address that was bound.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop; then lets requests end that have begun, for a while.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let HttpDoor { listener, router, head_deadline } = self;
        let serve = |Accepted { stream, place, .. }| {
            let (router, shutdown) = (router.clone(), shutdown.clone());
            async move {
                serve(stream, router, head_deadline, shutdown).await;
                drop(place);
            }
        };
        listener.run(&shutdown, serve).await;
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
    use tokio::task::JoinHandle;

    use super::*;

    /// A door that is running, over an engine in memory.
    struct Running {
        address: SocketAddr,
        engine: Engine,
        shutdown: CancellationToken,
        running: JoinHandle<()>,
    }

    impl Running {
        async fn start(bounds: Bounds, head_deadline: Duration) -> Running {
            let engine = tokio::task::spawn_blocking(|| Engine::open(EngineOptions::default()));
            let engine = engine.await.expect("opens without a panic").expect("opens in memory");
            let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let door = HttpDoor::bind_within(bounds, head_deadline, any_port, engine.clone());
            let door = door.await.expect("binds");
            let address = door.local_addr().expect("has an address");
            let shutdown = CancellationToken::new();
            let running = tokio::spawn(door.run(shutdown.clone()));
            Running { address, engine, shutdown, running }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("connects")
        }

        async fn stop(self) {
            self.shutdown.cancel();
            self.running.await.expect("the door ends");
            self.engine.shutdown().await.expect("the engine ends");
        }
    }

    #[tokio::test]
    async fn half_a_request_does_not_keep_the_server_from_stopping() {
        let bounds = Bounds { drain_deadline: Duration::ZERO, ..BOUNDS };
        let door = Running::start(bounds, HEAD_DEADLINE).await;
        let mut client = door.connect().await;
        // A whole request first: when it is answered, the door serves the connection.
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sends");
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.expect("is answered");
        assert_eq!(&answer, b"HTTP/1.1 200");
        client.write_all(b"GET / HTT").await.expect("sends");
        door.stop().await;
    }

    #[tokio::test]
    async fn a_connection_that_sends_no_request_is_closed_and_makes_room() {
        let door = Running::start(Bounds { places_max: 1, ..BOUNDS }, Duration::from_millis(200)).await;
        let mut silent = door.connect().await;
        let mut answer = Vec::new();
        let _ = silent.read_to_end(&mut answer).await;
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        while !answer.starts_with(b"HTTP/1.1 200") {
            let mut next = door.connect().await;
            let _ = next.write_all(request).await;
            answer.clear();
            let _ = next.read_to_end(&mut answer).await;
        }
        door.stop().await;
    }
}
