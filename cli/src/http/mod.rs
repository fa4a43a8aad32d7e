//! The HTTP door: health, metrics and the schema registry.
//!
//! [`door`] accepts connections; [`callers`] says who may ask for anything.

mod callers;
mod door;
mod schema_registry;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tidemill_engine::Engine;

pub(crate) use door::HttpDoor;

/// Media type of Prometheus' text format, version 0.0.4.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long a request may take with its body. The longest is a schema held against thousands of versions.
const REQUEST_DEADLINE: Duration = Duration::from_secs(60);

fn routes(engine: Engine) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(schema_registry::routes())
        .layer(from_fn(callers::check))
        .layer(from_fn(within_deadline))
        .with_state(engine)
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

/// Ends requests whose body does not come.
async fn within_deadline(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_DEADLINE, next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}
