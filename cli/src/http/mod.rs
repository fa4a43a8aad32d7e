//! The HTTP door: health and metrics.

use std::io;
use std::net::SocketAddr;

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

/// A bound HTTP listener.
pub(crate) struct HttpDoor {
    listener: TcpListener,
    router: Router,
}

impl HttpDoor {
    /// Binds an address.
    pub(crate) async fn bind(address: SocketAddr, engine: Engine) -> io::Result<HttpDoor> {
        let router = Router::new()
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(engine);
        Ok(HttpDoor { listener: TcpListener::bind(address).await?, router })
    }

    /// The address that was bound.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let served =
            axum::serve(self.listener, self.router).with_graceful_shutdown(shutdown.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the HTTP door ended");
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
