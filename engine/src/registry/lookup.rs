//! Finding what is registered, and holding a schema against it. Nothing here changes anything.

use std::sync::Arc;

use crate::registry::candidate::{Candidate, held_against};
use crate::registry::compatibility::CompatibilityReport;
use crate::registry::definition::{RegisteredSchema, ResolvedSchema, SchemaDefinition, SchemaId};
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::schema_registry::SchemaRegistry;
use crate::registry::selection::{Deleted, VersionSelector};
use crate::registry::snapshot::Snapshot;
use crate::registry::subject::{Subject, SubjectVersion};

impl SchemaRegistry {
    /// The newest version of a subject.
    #[must_use]
    pub fn latest(&self, subject: &str) -> Option<RegisteredSchema> {
        self.snapshot().live_versions(subject).next_back()
    }

    /// A version of a subject that is not deleted.
    #[must_use]
    pub fn version(&self, subject: &str, version: i32) -> Option<RegisteredSchema> {
        self.find(subject, VersionSelector::Number(version), Deleted::Excluded).ok()
    }

    /// The schema of a number, also where all versions that have it are deleted softly: what was written
    /// with it is still to be read.
    #[must_use]
    pub fn by_id(&self, id: SchemaId) -> Option<Arc<ResolvedSchema>> {
        self.snapshot().schema(id).cloned()
    }

    /// The number under which a subject has a schema.
    #[must_use]
    pub fn id_of(&self, subject: &str, definition: &SchemaDefinition) -> Option<SchemaId> {
        self.look_up(subject, definition.clone(), false, Deleted::Excluded).ok().map(|found| found.id)
    }

    /// The version under which a subject has a schema; the newest, where it has it more than once.
    ///
    /// # Errors
    /// `SubjectNotFound`, `DefinitionNotFound`, `InvalidSchema`.
    pub fn look_up(
        &self,
        subject: &str,
        definition: SchemaDefinition,
        normalize: bool,
        deleted: Deleted,
    ) -> RegistryResult<RegisteredSchema> {
        let snapshot = self.snapshot();
        let known = visible_subject(&snapshot, subject, deleted)?;
        let candidate = Candidate::read(definition, normalize, snapshot.settings(subject), &snapshot)?;
        let has_it = |version: &SubjectVersion| {
            let schema = snapshot.schema(version.id);
            schema.is_some_and(|schema| schema.definition == candidate.schema.definition)
        };
        let mut versions =
            known.versions.iter().rev().filter(|(_, version)| deleted.admits(version.is_deleted));
        let (number, version) =
            versions.find(|(_, version)| has_it(version)).ok_or(RegistryError::DefinitionNotFound)?;
        found(&snapshot, subject, *number, version.id)
    }

    /// A version of a subject.
    ///
    /// # Errors
    /// `SubjectNotFound`, `VersionNotFound`.
    pub fn find(
        &self,
        subject: &str,
        selector: VersionSelector,
        deleted: Deleted,
    ) -> RegistryResult<RegisteredSchema> {
        let snapshot = self.snapshot();
        let known = visible_subject(&snapshot, subject, deleted)?;
        let mut versions =
            known.versions.iter().rev().filter(|(_, version)| deleted.admits(version.is_deleted));
        let chosen = match selector {
            VersionSelector::Latest => versions.next(),
            VersionSelector::Number(wanted) => versions.find(|(number, _)| **number == wanted),
        };
        let (number, version) = chosen.ok_or_else(|| {
            RegistryError::VersionNotFound(match selector {
                VersionSelector::Latest => "latest".to_owned(),
                VersionSelector::Number(wanted) => wanted.to_string(),
            })
        })?;
        found(&snapshot, subject, *number, version.id)
    }

    /// Names of the subjects that begin with a prefix, sorted.
    #[must_use]
    pub fn subjects(&self, prefix: &str, deleted: Deleted) -> Vec<String> {
        let snapshot = self.snapshot();
        let chosen = snapshot
            .subjects()
            .filter(|(name, subject)| name.starts_with(prefix) && deleted.admits(subject.is_deleted()));
        chosen.map(|(name, _)| name.to_owned()).collect()
    }

    /// Numbers of a subject's versions, sorted.
    ///
    /// # Errors
    /// `SubjectNotFound`.
    pub fn versions(&self, subject: &str, deleted: Deleted) -> RegistryResult<Vec<i32>> {
        let snapshot = self.snapshot();
        let known = visible_subject(&snapshot, subject, deleted)?;
        let chosen = known.versions.iter().filter(|(_, version)| deleted.admits(version.is_deleted));
        Ok(chosen.map(|(number, _)| *number).collect())
    }

    /// All versions of the subjects that begin with a prefix, with their schemas, sorted.
    #[must_use]
    pub fn all_versions(
        &self,
        prefix: &str,
        deleted: Deleted,
        is_latest_only: bool,
    ) -> Vec<RegisteredSchema> {
        let snapshot = self.snapshot();
        let mut all = Vec::new();
        for (name, subject) in snapshot.subjects().filter(|(name, _)| name.starts_with(prefix)) {
            let chosen = subject.versions.iter().filter(|(_, version)| deleted.admits(version.is_deleted));
            let skipped = if is_latest_only { chosen.clone().count().saturating_sub(1) } else { 0 };
            let chosen = chosen.skip(skipped);
            all.extend(chosen.filter_map(|(number, version)| snapshot.registered(name, *number, version.id)));
        }
        all
    }

    /// Subjects and versions that have a schema.
    ///
    /// # Errors
    /// `SchemaNotFound`.
    pub fn versions_of(&self, id: SchemaId, deleted: Deleted) -> RegistryResult<Vec<(String, i32)>> {
        let snapshot = self.snapshot();
        snapshot.schema(id).ok_or(RegistryError::SchemaNotFound(id))?;
        let mut having = Vec::new();
        for (name, subject) in snapshot.subjects() {
            let chosen = subject.versions.iter();
            let chosen = chosen.filter(|(_, version)| version.id == id && deleted.admits(version.is_deleted));
            having.extend(chosen.map(|(number, _)| (name.to_owned(), *number)));
        }
        Ok(having)
    }

    /// Numbers of the schemas that refer to a version.
    ///
    /// # Errors
    /// `SubjectNotFound`, `VersionNotFound`.
    pub fn referenced_by(&self, subject: &str, selector: VersionSelector) -> RegistryResult<Vec<SchemaId>> {
        let version = self.find(subject, selector, Deleted::Included)?.version;
        Ok(self.snapshot().referrers(subject, version))
    }

    /// The highest number a schema has.
    #[must_use]
    pub fn id_max(&self) -> Option<SchemaId> {
        self.snapshot().schemas().map(|(id, _)| id).last()
    }

    /// What would keep a schema from becoming the next version of a subject: held against one version, or
    /// against those the subject's level names.
    ///
    /// # Errors
    /// `InvalidSchema`; `SubjectNotFound` and `VersionNotFound` where a version is asked for by its number.
    pub fn check_compatibility(
        &self,
        subject: &str,
        against: Option<VersionSelector>,
        definition: SchemaDefinition,
        normalize: bool,
    ) -> RegistryResult<CompatibilityReport> {
        let snapshot = self.snapshot();
        let settings = snapshot.settings(subject);
        let candidate = Candidate::read(definition, normalize, settings, &snapshot)?;
        let level = settings.compatibility.unwrap_or_default();
        match against {
            None => held_against(level, &candidate.parsed, snapshot.live_versions(subject).rev()),
            Some(VersionSelector::Latest) => {
                held_against(level, &candidate.parsed, snapshot.live_versions(subject).next_back())
            }
            Some(selector) => {
                let version = self.find(subject, selector, Deleted::Excluded)?;
                held_against(level, &candidate.parsed, [version])
            }
        }
    }
}

/// A subject of which there are versions to be seen.
pub(super) fn visible_subject<'s>(
    snapshot: &'s Snapshot,
    subject: &str,
    deleted: Deleted,
) -> RegistryResult<&'s Subject> {
    let known = snapshot.subject(subject);
    let has_any =
        |known: &&Subject| known.versions.values().any(|version| deleted.admits(version.is_deleted));
    known.filter(has_any).ok_or_else(|| RegistryError::SubjectNotFound(subject.to_owned()))
}

fn found(snapshot: &Snapshot, subject: &str, version: i32, id: SchemaId) -> RegistryResult<RegisteredSchema> {
    snapshot.registered(subject, version, id).ok_or(RegistryError::SchemaNotFound(id))
}
