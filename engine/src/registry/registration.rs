//! Registering schemas: as the newest version of a subject, or with the number and version they have elsewhere.

use crate::registry::administration::check_writable;
use crate::registry::candidate::{Candidate, held_against};
use crate::registry::definition::{RegisteredSchema, ResolvedSchema, SchemaDefinition, SchemaId};
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::schema_registry::SchemaRegistry;
use crate::registry::selection::Deleted;
use crate::registry::settings::{Mode, Settings};
use crate::registry::snapshot::Change;
use crate::registry::subject::{self, SUBJECTS_MAX, Subject, SubjectVersion};

/// Most versions of one subject, deleted ones included: a transitive level reads them all at each change.
const VERSIONS_MAX: usize = 5_000;

impl SchemaRegistry {
    /// Registers a schema as the newest version of a subject (blocking): checked against the subject's
    /// compatibility level, and durable when it returns. A schema the subject has already stays the
    /// version it is, and a schema that any subject has keeps its number.
    ///
    /// # Errors
    /// `InvalidSchema`, `Incompatible`, `NotPermitted`, bounds, and those of the disk.
    pub fn register(
        &self,
        subject: &str,
        definition: SchemaDefinition,
        normalize: bool,
    ) -> RegistryResult<RegisteredSchema> {
        subject::check_name(subject)?;
        self.change(|change| {
            let settings = change.snapshot.settings(subject);
            let candidate = Candidate::read(definition, normalize, settings, &change.snapshot)?;
            let known = change
                .snapshot
                .live_versions(subject)
                .rev()
                .find(|version| version.schema.definition == candidate.schema.definition);
            if let Some(known) = known {
                return Ok(known);
            }
            check_writable(subject, &change.snapshot)?;
            if settings.mode == Some(Mode::Import) {
                return Err(RegistryError::NotPermitted(format!(
                    "Subject {subject} is in import mode: a schema has to come with its id"
                )));
            }
            let versions = change.snapshot.live_versions(subject).rev();
            let level = settings.compatibility.unwrap_or_default();
            let report = held_against(level, &candidate.parsed, versions)?;
            if !report.is_compatible() {
                return Err(RegistryError::Incompatible { subject: subject.to_owned(), report });
            }
            let id = match change.snapshot.id_of(&candidate.schema.definition) {
                Some(known) => known,
                None => change.take_id()?,
            };
            add_version(change, subject, id, None, candidate.schema)
        })
    }

    /// Registers a schema with the number it has elsewhere (blocking), and as the given version, or as
    /// the newest one. It is not held against the subject's other versions.
    ///
    /// # Errors
    /// `IdDoesNotMatch` where the number or version belongs to another schema, `InvalidSchema`, bounds, and
    /// those of the disk.
    pub fn register_as(
        &self,
        subject: &str,
        definition: SchemaDefinition,
        id: SchemaId,
        version: Option<i32>,
    ) -> RegistryResult<RegisteredSchema> {
        subject::check_name(subject)?;
        if id.0 < 1 {
            return Err(RegistryError::IdDoesNotMatch(format!(
                "{id} cannot be the id of a schema: ids are positive"
            )));
        }
        if let Some(version) = version.filter(|version| *version < 1) {
            return Err(RegistryError::InvalidVersion(version.to_string()));
        }
        self.change(|change| {
            let candidate = Candidate::read(definition, false, Settings::default(), &change.snapshot)?;
            let owner = change.snapshot.schema(id);
            if owner.is_some_and(|owner| owner.definition != candidate.schema.definition) {
                return Err(RegistryError::IdDoesNotMatch(format!(
                    "Overwrite new schema with id {id} is not permitted: another schema has it"
                )));
            }
            let of_subject = change.snapshot.subject(subject).map(|known| &known.versions);
            let at_version = version.and_then(|number| Some((number, of_subject?.get(&number)?)));
            if let Some((number, holder)) = at_version
                && holder.id != id
            {
                return Err(RegistryError::IdDoesNotMatch(format!(
                    "version {number} of subject '{subject}' is the schema with id {}",
                    holder.id
                )));
            }
            let known = change
                .snapshot
                .live_versions(subject)
                .find(|known| known.id == id && version.is_none_or(|number| number == known.version));
            match known {
                Some(known) => Ok(known),
                None => add_version(change, subject, id, version, candidate.schema),
            }
        })
    }

    /// As [`SchemaRegistry::register_as`], where the subject is open for that or has the schema already.
    ///
    /// # Errors
    /// `NotPermitted` unless the subject's mode is `IMPORT` or it has the schema under that number, and those
    /// of [`SchemaRegistry::register_as`].
    pub fn import(
        &self,
        subject: &str,
        definition: SchemaDefinition,
        id: SchemaId,
        version: Option<i32>,
    ) -> RegistryResult<RegisteredSchema> {
        if self.settings(Some(subject)).mode != Some(Mode::Import) {
            // What the subject has under this number already changes nothing.
            let known = self.look_up(subject, definition, false, Deleted::Excluded).ok();
            let known = known
                .filter(|known| known.id == id && version.is_none_or(|version| version == known.version));
            return known.ok_or_else(|| {
                RegistryError::NotPermitted(format!(
                    "Subject {subject} is not in import mode: a schema cannot come with its id"
                ))
            });
        }
        self.register_as(subject, definition, id, version)
    }
}

fn add_version(
    change: &mut Change,
    subject: &str,
    id: SchemaId,
    version: Option<i32>,
    schema: ResolvedSchema,
) -> RegistryResult<RegisteredSchema> {
    let known = change.snapshot.subject(subject);
    if known.is_none() && change.snapshot.subject_count() >= SUBJECTS_MAX {
        return Err(RegistryError::LimitExceeded(format!(
            "there are {SUBJECTS_MAX} subjects already: delete some for good"
        )));
    }
    if known.is_some_and(|known| known.versions.len() >= VERSIONS_MAX) {
        return Err(RegistryError::LimitExceeded(format!(
            "subject '{subject}' has {VERSIONS_MAX} versions already: delete some for good"
        )));
    }
    let number = version.unwrap_or_else(|| known.map_or(1, Subject::next_version));
    let schema = match change.snapshot.schema(id) {
        Some(known) => known.clone(),
        None => change.put_schema(id, schema)?,
    };
    change.put_version(subject, number, SubjectVersion { id, is_deleted: false })?;
    Ok(RegisteredSchema { subject: subject.to_owned(), version: number, id, schema })
}
