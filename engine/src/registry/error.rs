//! [`RegistryError`]: why the registry does not do what it was asked for.

// A kind of error that is new does not pass before it is decided what it is called here.
#![warn(clippy::wildcard_enum_match_arm)]

use crate::error::{Error, ErrorKind};
use crate::registry::compatibility::CompatibilityReport;
use crate::registry::definition::SchemaId;

/// Result of the registry's operations.
pub type RegistryResult<T> = Result<T, RegistryError>;

/// What is wrong with a request to the registry. The variants are those that clients of Confluent's
/// registry tell apart; the HTTP door gives each its code.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum RegistryError {
    /// No version of the subject was ever registered, or all of them are gone.
    #[error("Subject '{0}' not found.")]
    SubjectNotFound(String),
    /// The subject has no such version.
    #[error("Version {0} not found.")]
    VersionNotFound(String),
    /// No schema has this number.
    #[error("Schema {0} not found")]
    SchemaNotFound(SchemaId),
    /// The subject does not have this schema.
    #[error("Schema not found")]
    DefinitionNotFound,
    /// All versions of the subject are deleted already.
    #[error("Subject '{0}' was soft deleted. Set permanent=true to delete permanently")]
    SubjectSoftDeleted(String),
    /// A subject is deleted for good only after it was deleted.
    #[error("Subject '{0}' was not deleted first before being permanently deleted")]
    SubjectNotSoftDeleted(String),
    /// The version is deleted already.
    #[error(
        "Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently"
    )]
    VersionSoftDeleted {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// A version is deleted for good only after it was deleted.
    #[error("Subject '{subject}' Version {version} was not deleted first before being permanently deleted")]
    VersionNotSoftDeleted {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// The subject has no level of its own.
    #[error("Subject '{0}' does not have subject-level compatibility configured")]
    CompatibilityNotConfigured(String),
    /// The subject has no mode of its own.
    #[error("Subject '{0}' does not have subject-level mode configured")]
    ModeNotConfigured(String),
    /// The new schema breaks the subject's rule.
    #[error(
        "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{}]",
        .report.messages().join(", ")
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// What is in the way.
        report: CompatibilityReport,
    },
    /// The text is not a schema of its kind.
    #[error("Invalid schema: {0}")]
    InvalidSchema(String),
    /// What was given is no version.
    #[error(
        "The specified version '{0}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \
         \"latest\""
    )]
    InvalidVersion(String),
    /// What was given is no compatibility level.
    #[error(
        "Invalid compatibility level '{0}'. Valid values are none, backward, forward, full, backward_transitive, \
         forward_transitive, and full_transitive"
    )]
    InvalidCompatibility(String),
    /// What was given is no mode.
    #[error("Invalid mode '{0}'. Valid values are READWRITE, READONLY, READONLY_OVERRIDE, and IMPORT")]
    InvalidMode(String),
    /// The mode of the registry or of the subject forbids it.
    #[error("{0}")]
    NotPermitted(String),
    /// Another schema refers to this one.
    #[error(
        "One or more references exist to the schema {{subject={subject}, version={version}}}: {referrers}"
    )]
    ReferenceExists {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
        /// Numbers of the schemas that refer to it.
        referrers: String,
    },
    /// The number or version asked for belongs to another schema.
    #[error("{0}")]
    IdDoesNotMatch(String),
    /// The name cannot be a subject.
    #[error("The specified subject '{subject}' is not a valid subject: {reason}")]
    InvalidSubject {
        /// The name.
        subject: String,
        /// Why not.
        reason: String,
    },
    /// Over the bound on the size of a schema's text.
    #[error("The schema is too large: {bytes} bytes, and at most {bytes_max} are taken")]
    SchemaTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// Over another bound of the registry.
    #[error("{0}")]
    LimitExceeded(String),
    /// The registry could not read or write its state.
    #[error("{0}")]
    Store(#[from] Error),
}

impl From<tidemill_storage::StorageError> for RegistryError {
    fn from(error: tidemill_storage::StorageError) -> RegistryError {
        RegistryError::Store(error.into())
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Error {
        let kind = match &error {
            RegistryError::Store(inner) => return inner.clone(),
            RegistryError::SubjectNotFound(_)
            | RegistryError::VersionNotFound(_)
            | RegistryError::SchemaNotFound(_)
            | RegistryError::DefinitionNotFound
            | RegistryError::CompatibilityNotConfigured(_)
            | RegistryError::ModeNotConfigured(_) => ErrorKind::NotFound,
            RegistryError::SubjectSoftDeleted(_)
            | RegistryError::SubjectNotSoftDeleted(_)
            | RegistryError::VersionSoftDeleted { .. }
            | RegistryError::VersionNotSoftDeleted { .. }
            | RegistryError::Incompatible { .. }
            | RegistryError::InvalidSchema(_)
            | RegistryError::InvalidVersion(_)
            | RegistryError::InvalidCompatibility(_)
            | RegistryError::InvalidMode(_)
            | RegistryError::NotPermitted(_)
            | RegistryError::InvalidSubject { .. } => ErrorKind::Invalid,
            RegistryError::ReferenceExists { .. } => ErrorKind::InUse,
            RegistryError::IdDoesNotMatch(_) => ErrorKind::AlreadyExists,
            RegistryError::SchemaTooLarge { .. } | RegistryError::LimitExceeded(_) => {
                ErrorKind::LimitExceeded
            }
        };
        Error::new(kind, error.to_string())
    }
}
