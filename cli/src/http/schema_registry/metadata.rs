//! `/v1/metadata`: which registry this is.

use axum::extract::State;
use serde_json::{Value, json};
use tidemill_engine::Engine;

use super::Answer;
use super::bodies::Json;

/// What Confluent's registries call themselves among those of one Kafka cluster.
const REGISTRY_NAME: &str = "schema-registry";

pub(super) async fn id(State(engine): State<Engine>) -> Answer<Value> {
    let clusters = json!({"kafka-cluster": engine.cluster_id(), "schema-registry-cluster": REGISTRY_NAME});
    Ok(Json(json!({"id": engine.cluster_id(), "scope": {"path": [], "clusters": clusters}})))
}

pub(super) async fn version() -> Answer<Value> {
    Ok(Json(json!({"version": env!("CARGO_PKG_VERSION"), "commitId": ""})))
}
