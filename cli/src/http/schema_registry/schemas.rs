//! `/schemas`: schemas by their numbers, and all of them.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use tidemill_engine::Engine;
use tidemill_engine::registry::{Deleted, RegistryError, SchemaId, SchemaKind};

use super::bodies::{self, Json, SchemaBody, Text};
use super::parameters::{self, Parameters};
use super::{Answer, Refusal, blocking};

/// Most schemas in one answer; `offset` asks for those that follow. Confluent's registry has the same bound.
const SCHEMAS_MAX: usize = 1_000;

/// A version of a subject, by name.
#[derive(Serialize)]
pub(super) struct SubjectVersionBody {
    subject: String,
    version: i32,
}

pub(super) async fn list(State(engine): State<Engine>, parameters: Parameters) -> Answer<Vec<SchemaBody>> {
    blocking(move || {
        let prefix = parameters::subject_prefix(&parameters);
        let is_latest_only = parameters::flag(&parameters, "latestOnly");
        let all = engine.schemas().all_versions(prefix, parameters::deleted(&parameters), is_latest_only);
        let mut page = parameters::page(&parameters, all);
        page.truncate(SCHEMAS_MAX);
        let format = parameters::text(&parameters, "format");
        let bodies: Result<Vec<SchemaBody>, Refusal> =
            page.iter().map(|version| SchemaBody::of_version(version, format)).collect();
        Ok(Json(bodies?))
    })
    .await
}

pub(super) async fn kinds() -> Answer<[&'static str; 3]> {
    Ok(Json(SchemaKind::ALL.map(SchemaKind::name)))
}

/// Only one context is there, which Confluent's registry calls so.
pub(super) async fn contexts() -> Answer<[&'static str; 1]> {
    Ok(Json(["."]))
}

pub(super) async fn by_id(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Answer<SchemaBody> {
    let id = read_id(&id)?;
    blocking(move || {
        let schema = engine.schemas().by_id(id).ok_or(RegistryError::SchemaNotFound(id))?;
        let mut body = SchemaBody::of_schema(&schema, parameters::text(&parameters, "format"))?;
        let subject = parameters::text(&parameters, "subject");
        if !subject.is_empty() {
            let versions = engine.schemas().versions_of(id, Deleted::Included)?;
            let found = versions.into_iter().rfind(|(name, _)| name == subject);
            (body.subject, body.version) = found.unzip();
            body.id = body.version.map(|_| id.0);
        }
        if parameters::flag(&parameters, "fetchMaxId") {
            body.max_id = engine.schemas().id_max().map(|id| id.0);
        }
        Ok(Json(body))
    })
    .await
}

pub(super) async fn text(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Text, Refusal> {
    let id = read_id(&id)?;
    blocking(move || {
        let schema = engine.schemas().by_id(id).ok_or(RegistryError::SchemaNotFound(id))?;
        Ok(Text(bodies::text_in(&schema, parameters::text(&parameters, "format"))?))
    })
    .await
}

pub(super) async fn subjects(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Answer<Vec<String>> {
    let versions = having(&engine, &id, &parameters)?;
    let subjects: BTreeSet<String> = versions.into_iter().map(|(subject, _)| subject).collect();
    Ok(Json(parameters::page(&parameters, subjects.into_iter().collect())))
}

pub(super) async fn versions(
    State(engine): State<Engine>,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Answer<Vec<SubjectVersionBody>> {
    let versions = having(&engine, &id, &parameters)?.into_iter();
    let versions = versions.map(|(subject, version)| SubjectVersionBody { subject, version }).collect();
    Ok(Json(parameters::page(&parameters, versions)))
}

/// The versions that have a schema, of one subject where that is asked for.
fn having(engine: &Engine, id: &str, parameters: &Parameters) -> Result<Vec<(String, i32)>, Refusal> {
    let mut versions = engine.schemas().versions_of(read_id(id)?, parameters::deleted(parameters))?;
    let wanted = parameters::text(parameters, "subject");
    if !wanted.is_empty() {
        versions.retain(|(subject, _)| subject == wanted);
    }
    Ok(versions)
}

fn read_id(text: &str) -> Result<SchemaId, Refusal> {
    let id = text.parse().map(SchemaId);
    id.map_err(|_| Refusal::of_request(StatusCode::NOT_FOUND, format!("'{text}' is not the id of a schema")))
}
