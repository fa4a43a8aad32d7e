//! `/mode`: what may be changed, in the whole registry and in subjects.

use std::str::FromStr;

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use tidemill_engine::Engine;
use tidemill_engine::registry::{Mode, RegistryError};

use super::bodies::{self, Body, Json};
use super::parameters::{self, Parameters};
use super::{Answer, blocking};

/// What is to be set.
#[derive(Deserialize)]
struct ModeRequest {
    mode: Option<String>,
}

/// What is set.
#[derive(Serialize)]
pub(super) struct ModeBody {
    mode: &'static str,
}

impl From<Mode> for ModeBody {
    fn from(mode: Mode) -> ModeBody {
        ModeBody { mode: mode.name() }
    }
}

pub(super) async fn of_all(State(engine): State<Engine>) -> Answer<ModeBody> {
    Ok(Json(engine.schemas().settings(None).mode.unwrap_or(Mode::ReadWrite).into()))
}

pub(super) async fn of_subject(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
) -> Answer<ModeBody> {
    let registry = engine.schemas();
    let set = if parameters::flag(&parameters, "defaultToGlobal") {
        registry.settings(Some(&subject)).mode
    } else {
        registry.own_settings(Some(&subject)).mode
    };
    Ok(Json(set.ok_or(RegistryError::ModeNotConfigured(subject))?.into()))
}

pub(super) async fn set_for_all(
    State(engine): State<Engine>,
    parameters: Parameters,
    body: Body,
) -> Answer<ModeBody> {
    change(engine, None, parameters, body).await
}

pub(super) async fn set(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
    body: Body,
) -> Answer<ModeBody> {
    change(engine, Some(subject), parameters, body).await
}

async fn change(
    engine: Engine,
    subject: Option<String>,
    parameters: Parameters,
    body: Body,
) -> Answer<ModeBody> {
    let request: ModeRequest = bodies::read(body)?;
    let mode = Mode::from_str(request.mode.as_deref().unwrap_or_default())?;
    blocking(move || {
        let is_forced = parameters::flag(&parameters, "force");
        engine.schemas().set_mode(subject.as_deref(), mode, is_forced)?;
        Ok(Json(mode.into()))
    })
    .await
}

pub(super) async fn reset(State(engine): State<Engine>, Path(subject): Path<String>) -> Answer<ModeBody> {
    blocking(move || {
        let before = engine.schemas().change_settings(Some(&subject), |settings| Ok(settings.mode.take()))?;
        Ok(Json(before.ok_or(RegistryError::SubjectNotFound(subject))?.into()))
    })
    .await
}
