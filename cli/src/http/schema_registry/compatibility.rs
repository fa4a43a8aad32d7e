//! `/compatibility`: whether a schema could be registered, without registering it.

use std::str::FromStr;

use axum::extract::{Path, State};
use serde::Serialize;
use tidemill_engine::Engine;
use tidemill_engine::registry::VersionSelector;

use super::bodies::{self, Body, Json, SchemaRequest};
use super::parameters::{self, Parameters};
use super::{Answer, blocking};

/// Whether it could, and what is in the way where that is asked for.
#[derive(Serialize)]
pub(super) struct CompatibilityBody {
    is_compatible: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<String>>,
}

pub(super) async fn with_all(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
    body: Body,
) -> Answer<CompatibilityBody> {
    check(engine, subject, None, parameters, body).await
}

pub(super) async fn with_version(
    State(engine): State<Engine>,
    Path((subject, version)): Path<(String, String)>,
    parameters: Parameters,
    body: Body,
) -> Answer<CompatibilityBody> {
    let selector = VersionSelector::from_str(&version)?;
    check(engine, subject, Some(selector), parameters, body).await
}

async fn check(
    engine: Engine,
    subject: String,
    against: Option<VersionSelector>,
    parameters: Parameters,
    body: Body,
) -> Answer<CompatibilityBody> {
    let request: SchemaRequest = bodies::read(body)?;
    let definition = request.definition()?;
    blocking(move || {
        let normalize = parameters::flag(&parameters, "normalize");
        let report = engine.schemas().check_compatibility(&subject, against, definition, normalize)?;
        let messages = parameters::flag(&parameters, "verbose").then(|| report.messages());
        Ok(Json(CompatibilityBody { is_compatible: report.is_compatible(), messages }))
    })
    .await
}
