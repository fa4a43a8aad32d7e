//! The schema registry's REST dialogue, at Confluent's paths and with its bodies and codes.
//!
//! Handlers read what was asked, call one operation of the engine's registry, and write its answer; every
//! rule is the engine's. [`refusal`] has the one mapping of errors, [`bodies`] the JSON of requests and
//! answers.

mod bodies;
mod compatibility;
mod config;
mod media_type;
mod metadata;
mod mode;
mod parameters;
mod refusal;
mod schemas;
mod subjects;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use tidemill_engine::Engine;
use tidemill_engine::registry::SCHEMA_BYTES_MAX;

use self::refusal::Refusal;

/// Largest body of a request. A schema is a JSON text in it, where a quote takes two bytes and a control
/// character six; beside it stand names and references.
const BODY_BYTES_MAX: usize = 4 * SCHEMA_BYTES_MAX;

/// An answer or what is wrong.
type Answer<T> = Result<bodies::Json<T>, Refusal>;

/// The paths. What is at none of them is told in this dialogue too: its clients read the body of every answer.
pub(super) fn routes() -> Router<Engine> {
    Router::new()
        .route("/", get(async || bodies::Json(serde_json::Map::new())))
        .route("/subjects", get(subjects::list))
        .route("/subjects/{subject}", post(subjects::look_up).delete(subjects::delete))
        .route("/subjects/{subject}/versions", get(subjects::versions).post(subjects::register))
        .route(
            "/subjects/{subject}/versions/{version}",
            get(subjects::version).delete(subjects::delete_version),
        )
        .route("/subjects/{subject}/versions/{version}/schema", get(subjects::text))
        .route("/subjects/{subject}/versions/{version}/referencedby", get(subjects::referenced_by))
        .route("/schemas", get(schemas::list))
        .route("/schemas/types", get(schemas::kinds))
        .route("/schemas/ids/{id}", get(schemas::by_id))
        .route("/schemas/ids/{id}/schema", get(schemas::text))
        .route("/schemas/ids/{id}/subjects", get(schemas::subjects))
        .route("/schemas/ids/{id}/versions", get(schemas::versions))
        .route("/v1/metadata/id", get(metadata::id))
        .route("/v1/metadata/version", get(metadata::version))
        .route("/contexts", get(schemas::contexts))
        .route("/contexts/{*path}", any(async || Refusal::of_context()))
        .route("/config", get(config::of_all).put(config::set_for_all).delete(config::reset_for_all))
        .route("/config/{subject}", get(config::of_subject).put(config::set).delete(config::reset))
        .route("/mode", get(mode::of_all).put(mode::set_for_all))
        .route("/mode/{subject}", get(mode::of_subject).put(mode::set).delete(mode::reset))
        .route("/compatibility/subjects/{subject}/versions", post(compatibility::with_all))
        .route("/compatibility/subjects/{subject}/versions/{version}", post(compatibility::with_version))
        .method_not_allowed_fallback(async || Refusal::of_status(StatusCode::METHOD_NOT_ALLOWED))
        .fallback(async || Refusal::of_status(StatusCode::NOT_FOUND))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn(media_type::negotiate))
}

/// Runs what may wait for the disk, or read long schemas, beside the threads that serve connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Refusal::internal(&error)),
    }
}
