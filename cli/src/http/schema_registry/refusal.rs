//! [`Refusal`]: an error as the registry's clients read it.

// A kind of error that is new does not pass before it is decided what it is called here.
#![warn(clippy::wildcard_enum_match_arm)]

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tidemill_engine::registry::RegistryError;

use super::bodies::Json;

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: u16,
    message: String,
}

#[derive(Serialize)]
struct RefusalBody {
    error_code: u16,
    message: String,
}

impl Refusal {
    /// A request that is no request: its status is its code.
    pub(super) fn of_request(status: StatusCode, message: impl Into<String>) -> Refusal {
        Refusal { status, code: status.as_u16(), message: message.into() }
    }

    /// A request that nothing here is for.
    pub(super) fn of_status(status: StatusCode) -> Refusal {
        Refusal::of_request(status, format!("HTTP {status}"))
    }

    /// A request to another context than the default one.
    pub(super) fn of_context() -> Refusal {
        let message =
            "contexts are not supported: there is only the default one, whose paths begin with nothing";
        Refusal::of_request(StatusCode::NOT_FOUND, message)
    }

    /// A bug of this server.
    pub(super) fn internal(error: &dyn std::error::Error) -> Refusal {
        tracing::error!(%error, "a request to the schema registry failed");
        Refusal {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: 50001,
            message: "the server failed at this request".to_owned(),
        }
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Refusal {
        use StatusCode as Status;
        let (status, code) = match &error {
            RegistryError::SubjectNotFound(_) => (Status::NOT_FOUND, 40401),
            RegistryError::VersionNotFound(_) => (Status::NOT_FOUND, 40402),
            RegistryError::SchemaNotFound(_) | RegistryError::DefinitionNotFound => {
                (Status::NOT_FOUND, 40403)
            }
            RegistryError::SubjectSoftDeleted(_) => (Status::NOT_FOUND, 40404),
            RegistryError::SubjectNotSoftDeleted(_) => (Status::NOT_FOUND, 40405),
            RegistryError::VersionSoftDeleted { .. } => (Status::NOT_FOUND, 40406),
            RegistryError::VersionNotSoftDeleted { .. } => (Status::NOT_FOUND, 40407),
            RegistryError::CompatibilityNotConfigured(_) => (Status::NOT_FOUND, 40408),
            RegistryError::ModeNotConfigured(_) => (Status::NOT_FOUND, 40409),
            RegistryError::Incompatible { .. } => (Status::CONFLICT, 409),
            RegistryError::InvalidSchema(_) => (Status::UNPROCESSABLE_ENTITY, 42201),
            RegistryError::InvalidVersion(_) => (Status::UNPROCESSABLE_ENTITY, 42202),
            RegistryError::InvalidCompatibility(_) => (Status::UNPROCESSABLE_ENTITY, 42203),
            RegistryError::InvalidMode(_) => (Status::UNPROCESSABLE_ENTITY, 42204),
            RegistryError::NotPermitted(_) | RegistryError::LimitExceeded(_) => {
                (Status::UNPROCESSABLE_ENTITY, 42205)
            }
            RegistryError::ReferenceExists { .. } => (Status::UNPROCESSABLE_ENTITY, 42206),
            RegistryError::IdDoesNotMatch(_) => (Status::UNPROCESSABLE_ENTITY, 42207),
            RegistryError::InvalidSubject { .. } => (Status::UNPROCESSABLE_ENTITY, 42208),
            RegistryError::SchemaTooLarge { .. } => (Status::UNPROCESSABLE_ENTITY, 42209),
            RegistryError::Store(error) => {
                tracing::error!(%error, "the schema registry could not read or write its state");
                (Status::INTERNAL_SERVER_ERROR, 50001)
            }
        };
        Refusal { status, code, message: error.to_string() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(RefusalBody { error_code: self.code, message: self.message })).into_response()
    }
}

#[cfg(test)]
mod tests {
    use tidemill_engine::registry::CompatibilityReport;

    use super::*;

    #[test]
    fn the_code_begins_with_the_status() {
        let name = || "s".to_owned();
        for error in [
            RegistryError::SubjectNotFound(name()),
            RegistryError::VersionNotSoftDeleted { subject: name(), version: 1 },
            RegistryError::ModeNotConfigured(name()),
            RegistryError::Incompatible { subject: name(), report: CompatibilityReport::default() },
            RegistryError::InvalidSchema(name()),
            RegistryError::SchemaTooLarge { bytes: 2, bytes_max: 1 },
            RegistryError::Store(tidemill_engine::Error::internal("x")),
        ] {
            let refusal = Refusal::from(error);
            let status = refusal.status.as_u16();
            assert!(refusal.code == status || refusal.code / 100 == status, "{refusal:?}");
        }
    }
}
