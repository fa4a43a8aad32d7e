//! The HTTP door: health, metrics and the schema registry.

mod schema_registry;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tidemill_engine::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Media type of Prometheus' text format, version 0.0.4.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long requests that have begun may take to end when the server stops. A health check or a scrape
/// takes milliseconds; a client that sent half a request may never send the rest.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// A bound HTTP listener.
pub(crate) struct HttpDoor {
    listener: TcpListener,
    router: Router,
    drain_deadline: Duration,
}

impl HttpDoor {
    /// Binds an address.
    pub(crate) async fn bind(address: SocketAddr, engine: Engine) -> io::Result<HttpDoor> {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .merge(schema_registry::routes())
            .with_state(engine);
        let listener = TcpListener::bind(address).await?;
        Ok(HttpDoor { listener, router, drain_deadline: DRAIN_DEADLINE })
    }

    /// The address that was bound.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop; then lets requests end that have begun, for a while.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let served = axum::serve(self.listener, self.router)
            .with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let patience = async {
            shutdown.cancelled().await;
            tokio::time::sleep(self.drain_deadline).await;
        };
        tokio::select! {
            ended = served.into_future() => if let Err(error) = ended {
                tracing::error!(%error, "the HTTP door ended");
            },
            () = patience => tracing::warn!("http: some requests did not end in time"),
        }
    }
}

/// 200 when requests can be taken, 503 when not.
async fn ready(State(engine): State<Engine>) -> impl IntoResponse {
    if engine.ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn metrics(State(engine): State<Engine>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], engine.metrics())
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
        client.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sends");
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.expect("is answered");
        assert_eq!(&answer, b"HTTP/1.1 200");
        client.write_all(b"GET / HTT").await.expect("sends");
        shutdown.cancel();
        running.await.expect("the door ends");
        engine.shutdown().await.expect("the engine ends");
    }
}
