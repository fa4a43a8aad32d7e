//! `/config`: compatibility levels, of the whole registry and of subjects.

use std::str::FromStr;

use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tidemill_engine::Engine;
use tidemill_engine::registry::{CompatibilityLevel, RegistryError, Settings};

use super::bodies::{self, Body, Json};
use super::parameters::{self, Parameters};
use super::{Answer, Refusal, blocking};

/// What is to be set; it comes back as it was understood.
#[derive(Serialize, Deserialize)]
pub(super) struct ConfigRequest {
    #[serde(alias = "compatibilityLevel", skip_serializing_if = "Option::is_none")]
    compatibility: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalize: Option<bool>,
    /// Settings of Confluent's registry that are not here, and what this registry does not know.
    #[serde(flatten, skip_serializing)]
    others: serde_json::Map<String, Value>,
}

/// What is set.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    compatibility_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalize: Option<bool>,
}

/// Settings that change what is registered or read: not to be taken without a word.
const UNSUPPORTED: [&str; 7] = [
    "alias",
    "compatibilityGroup",
    "compatibilityPolicy",
    "defaultMetadata",
    "overrideMetadata",
    "defaultRuleSet",
    "overrideRuleSet",
];

impl From<Settings> for ConfigBody {
    fn from(settings: Settings) -> ConfigBody {
        ConfigBody {
            compatibility_level: settings.compatibility.map(CompatibilityLevel::name),
            normalize: settings.normalize.filter(|normalize| *normalize),
        }
    }
}

pub(super) async fn of_all(State(engine): State<Engine>) -> Answer<ConfigBody> {
    Ok(Json(engine.schemas().settings(None).into()))
}

pub(super) async fn of_subject(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    parameters: Parameters,
) -> Answer<ConfigBody> {
    let own = engine.schemas().own_settings(Some(&subject));
    if parameters::flag(&parameters, "defaultToGlobal") {
        return Ok(Json(engine.schemas().settings(Some(&subject)).into()));
    }
    if own.compatibility.is_none() && own.normalize.is_none() {
        return Err(RegistryError::CompatibilityNotConfigured(subject).into());
    }
    Ok(Json(own.into()))
}

pub(super) async fn set_for_all(State(engine): State<Engine>, body: Body) -> Answer<ConfigRequest> {
    change(engine, None, body).await
}

pub(super) async fn set(
    State(engine): State<Engine>,
    Path(subject): Path<String>,
    body: Body,
) -> Answer<ConfigRequest> {
    change(engine, Some(subject), body).await
}

async fn change(engine: Engine, subject: Option<String>, body: Body) -> Answer<ConfigRequest> {
    let mut request: ConfigRequest = bodies::read(body)?;
    for name in UNSUPPORTED {
        bodies::refuse_unsupported(name, request.others.get(name))?;
    }
    let level = request.compatibility.as_deref().map(CompatibilityLevel::from_str).transpose()?;
    request.compatibility = level.map(|level| level.name().to_owned());
    blocking(move || {
        engine.schemas().change_settings(subject.as_deref(), |settings| {
            settings.compatibility = level.or(settings.compatibility);
            settings.normalize = request.normalize.or(settings.normalize);
            Ok(())
        })?;
        Ok(Json(request))
    })
    .await
}

pub(super) async fn reset_for_all(State(engine): State<Engine>) -> Answer<ConfigBody> {
    blocking(move || {
        let before = engine.schemas().settings(None);
        forget(&engine, None)?;
        Ok(Json(before.into()))
    })
    .await
}

pub(super) async fn reset(State(engine): State<Engine>, Path(subject): Path<String>) -> Answer<ConfigBody> {
    blocking(move || match forget(&engine, Some(&subject))? {
        Some(before) => Ok(Json(before.into())),
        None => Err(RegistryError::SubjectNotFound(subject).into()),
    })
    .await
}

/// Forgets what is set; gives it, if anything was.
fn forget(engine: &Engine, subject: Option<&str>) -> Result<Option<Settings>, Refusal> {
    let before = engine.schemas().change_settings(subject, |settings| {
        let before = *settings;
        settings.compatibility = None;
        settings.normalize = None;
        Ok(before)
    })?;
    Ok(Some(before).filter(|before| before.compatibility.is_some() || before.normalize.is_some()))
}
