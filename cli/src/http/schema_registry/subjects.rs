//! `/subjects`: what is registered under which name.

use std::str::FromStr;

use axum::extract::{Path, State};
use serde::Serialize;
use tidemill_engine::Engine;
use tidemill_engine::registry::{Deleted, SchemaId, VersionSelector};

use super::bodies::{self, Body, Json, SchemaBody, SchemaRequest, Text};
use super::parameters::{self, Parameters};
use super::{Answer, Refusal, blocking};

/// The number of a schema that was registered.
#[derive(Serialize)]
pub(super) struct RegisteredBody {
    id: i32,
    version: i32,
}

pub(super) async fn list(State(engine): State<Engine>, parameters: Parameters) -> Answer<Vec<String>> {
    let prefix = parameters::subject_prefix(&parameters);
    let subjects = engine.schemas().subjects(prefix, parameters::deleted(&parameters));
    Ok(Json(parameters::page(&parameters, subjects)))
}

pub(super) async fn look_up(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
    body: Body,
) -> Answer<SchemaBody> {
    let request: SchemaRequest = bodies::read(body)?;
    let definition = request.definition()?;
    blocking(move || {
        let normalize = parameters::flag(&parameters, "normalize");
        let deleted = parameters::deleted(&parameters);
        let found = engine.schemas().look_up(&subject, definition, normalize, deleted)?;
        Ok(Json(SchemaBody::of_version(&found, parameters::text(&parameters, "format"))?))
    })
    .await
}

pub(super) async fn delete(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
) -> Answer<Vec<i32>> {
    let deletion = parameters::deletion(&parameters);
    blocking(move || Ok(Json(engine.schemas().delete_subject(&subject, deletion)?))).await
}

pub(super) async fn versions(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
) -> Answer<Vec<i32>> {
    let versions = engine.schemas().versions(&subject, parameters::deleted(&parameters))?;
    Ok(Json(parameters::page(&parameters, versions)))
}

pub(super) async fn register(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
    body: Body,
) -> Answer<RegisteredBody> {
    let request: SchemaRequest = bodies::read(body)?;
    // Clients that do not import write -1 and 0 for what they do not know.
    let id = request.id.filter(|id| *id > 0).map(SchemaId);
    let version = request.version.filter(|version| *version > 0);
    let definition = request.definition()?;
    blocking(move || {
        let registered = match id {
            Some(id) => engine.schemas().import(&subject, definition, id, version)?,
            None => {
                let normalize = parameters::flag(&parameters, "normalize");
                engine.schemas().register(&subject, definition, normalize)?
            }
        };
        Ok(Json(RegisteredBody { id: registered.id.0, version: registered.version }))
    })
    .await
}

pub(super) async fn version(
    State(engine): State<Engine>,
    Path((subject, version)): Path<(String, String)>,
    parameters: Parameters,
) -> Answer<SchemaBody> {
    let selector = VersionSelector::from_str(&version)?;
    blocking(move || {
        let found = engine.schemas().find(&subject, selector, parameters::deleted(&parameters))?;
        Ok(Json(SchemaBody::of_version(&found, parameters::text(&parameters, "format"))?))
    })
    .await
}

pub(super) async fn text(
    State(engine): State<Engine>,
    Path((subject, version)): Path<(String, String)>,
    parameters: Parameters,
) -> Result<Text, Refusal> {
    let selector = VersionSelector::from_str(&version)?;
    blocking(move || {
        let found = engine.schemas().find(&subject, selector, parameters::deleted(&parameters))?;
        Ok(Text(bodies::text_in(&found.schema, parameters::text(&parameters, "format"))?))
    })
    .await
}

pub(super) async fn delete_version(
    State(engine): State<Engine>,
    Path((subject, version)): Path<(String, String)>,
    parameters: Parameters,
) -> Answer<i32> {
    let selector = VersionSelector::from_str(&version)?;
    let deletion = parameters::deletion(&parameters);
    blocking(move || Ok(Json(engine.schemas().delete_version(&subject, selector, deletion)?))).await
}

pub(super) async fn referenced_by(
    State(engine): State<Engine>,
    Path((subject, version)): Path<(String, String)>,
    parameters: Parameters,
) -> Answer<Vec<i32>> {
    let selector = VersionSelector::from_str(&version)?;
    let mut ids = engine.schemas().referenced_by(&subject, selector)?;
    if parameters::deleted(&parameters) == Deleted::Excluded {
        let is_live = |id: &SchemaId| {
            engine.schemas().versions_of(*id, Deleted::Excluded).is_ok_and(|versions| !versions.is_empty())
        };
        ids.retain(is_live);
    }
    let ids = ids.into_iter().map(|id| id.0).collect();
    Ok(Json(parameters::page(&parameters, ids)))
}
