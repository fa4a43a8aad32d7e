//! [`SchemaRegistry`]: the registry's operations.
//!
//! What is known is one immutable snapshot in memory; readers take it without waiting. Changes come one
//! after the other, and each is one synced write, so after a crash it is there wholly or not at all.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tidemill_storage::state::{Durability, StateStore};

use crate::registry::candidate::{Candidate, held_against};
use crate::registry::compatibility::{CompatibilityLevel, CompatibilityReport};
use crate::registry::definition::{RegisteredSchema, ResolvedSchema, SchemaDefinition, SchemaId};
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::selection::{Deleted, Deletion, VersionSelector};
use crate::registry::settings::{Mode, Settings};
use crate::registry::snapshot::{Change, Snapshot, WHOLE_REGISTRY};
use crate::registry::subject::{self, Subject, SubjectVersion};

/// Most subjects, so that what is held in memory has a bound. A topic has two.
const SUBJECTS_MAX: usize = 200_000;

/// Most versions of one subject, deleted ones included: a transitive level reads them all at each change.
const VERSIONS_MAX: usize = 5_000;

/// The schema registry. Cheap to clone.
#[derive(Clone)]
pub struct SchemaRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn StateStore>,
    snapshot: RwLock<Arc<Snapshot>>,
    changing: Mutex<()>,
}

impl SchemaRegistry {
    /// Reads what is stored (blocking).
    ///
    /// # Errors
    /// `Store` with a kind of `Corrupt` or `Io`.
    pub fn open(store: Arc<dyn StateStore>) -> RegistryResult<SchemaRegistry> {
        let snapshot = RwLock::new(Arc::new(Snapshot::read(store.as_ref())?));
        Ok(SchemaRegistry { inner: Arc::new(Inner { store, snapshot, changing: Mutex::new(()) }) })
    }

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

    /// As [`SchemaRegistry::register_as`], where the subject is open for that.
    ///
    /// # Errors
    /// `NotPermitted` unless the subject's mode is `IMPORT`, and those of [`SchemaRegistry::register_as`].
    pub fn import(
        &self,
        subject: &str,
        definition: SchemaDefinition,
        id: SchemaId,
        version: Option<i32>,
    ) -> RegistryResult<RegisteredSchema> {
        if self.settings(Some(subject)).mode != Some(Mode::Import) {
            return Err(RegistryError::NotPermitted(format!(
                "Subject {subject} is not in import mode: a schema cannot come with its id"
            )));
        }
        self.register_as(subject, definition, id, version)
    }

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

    /// Deletes a subject with all its versions (blocking); gives their numbers. What is set for it goes
    /// with it.
    ///
    /// # Errors
    /// `SubjectNotFound`, `SubjectSoftDeleted`, `SubjectNotSoftDeleted`, `ReferenceExists`, `NotPermitted`,
    /// and those of the disk.
    pub fn delete_subject(&self, subject: &str, deletion: Deletion) -> RegistryResult<Vec<i32>> {
        self.change(|change| {
            let known = visible_subject(&change.snapshot, subject, Deleted::Included)?.clone();
            check_writable(subject, &change.snapshot)?;
            let numbers: Vec<i32> = match deletion {
                Deletion::Soft if known.is_deleted() => {
                    return Err(RegistryError::SubjectSoftDeleted(subject.to_owned()));
                }
                Deletion::Permanent if !known.is_deleted() => {
                    return Err(RegistryError::SubjectNotSoftDeleted(subject.to_owned()));
                }
                Deletion::Soft => known.live().map(|(number, _)| number).collect(),
                Deletion::Permanent => known.versions.keys().copied().collect(),
            };
            for number in &numbers {
                check_not_referenced(&change.snapshot, subject, *number, deletion)?;
            }
            for number in &numbers {
                remove(change, subject, *number, deletion)?;
            }
            change.put_settings(subject, Settings::default())?;
            Ok(numbers)
        })
    }

    /// Deletes one version of a subject (blocking); gives its number.
    ///
    /// # Errors
    /// `SubjectNotFound`, `VersionNotFound`, `VersionSoftDeleted`, `VersionNotSoftDeleted`,
    /// `ReferenceExists`, `NotPermitted`, and those of the disk.
    pub fn delete_version(
        &self,
        subject: &str,
        selector: VersionSelector,
        deletion: Deletion,
    ) -> RegistryResult<i32> {
        self.change(|change| {
            let known = visible_subject(&change.snapshot, subject, Deleted::Included)?;
            let number = match selector {
                VersionSelector::Number(number) => number,
                VersionSelector::Latest => {
                    let latest = match deletion {
                        Deletion::Soft => known.live().next_back().map(|(number, _)| number),
                        Deletion::Permanent => known.versions.keys().next_back().copied(),
                    };
                    latest.ok_or_else(|| RegistryError::SubjectNotFound(subject.to_owned()))?
                }
            };
            let version = known.versions.get(&number).copied();
            let version = version.ok_or_else(|| RegistryError::VersionNotFound(number.to_string()))?;
            check_writable(subject, &change.snapshot)?;
            match deletion {
                Deletion::Soft if version.is_deleted => {
                    return Err(RegistryError::VersionSoftDeleted {
                        subject: subject.to_owned(),
                        version: number,
                    });
                }
                Deletion::Permanent if !version.is_deleted => {
                    return Err(RegistryError::VersionNotSoftDeleted {
                        subject: subject.to_owned(),
                        version: number,
                    });
                }
                Deletion::Soft | Deletion::Permanent => {}
            }
            check_not_referenced(&change.snapshot, subject, number, deletion)?;
            remove(change, subject, number, deletion)?;
            Ok(number)
        })
    }

    /// What is set for a subject itself, or for the whole registry.
    #[must_use]
    pub fn own_settings(&self, subject: Option<&str>) -> Settings {
        self.snapshot().own_settings(subject.unwrap_or(WHOLE_REGISTRY))
    }

    /// What holds for a subject, or for the whole registry.
    #[must_use]
    pub fn settings(&self, subject: Option<&str>) -> Settings {
        let set = self.snapshot().settings(subject.unwrap_or(WHOLE_REGISTRY));
        set.over(Settings {
            compatibility: Some(CompatibilityLevel::default()),
            mode: Some(Mode::ReadWrite),
            normalize: Some(false),
        })
    }

    /// Changes what is set for a subject, or for the whole registry (blocking).
    ///
    /// # Errors
    /// Those of `set`, `InvalidSubject`, bounds, and those of the disk.
    pub fn change_settings<T>(
        &self,
        subject: Option<&str>,
        set: impl FnOnce(&mut Settings) -> RegistryResult<T>,
    ) -> RegistryResult<T> {
        subject.map_or(Ok(()), subject::check_name)?;
        let subject = subject.unwrap_or(WHOLE_REGISTRY);
        self.change(|change| {
            let mut settings = change.snapshot.own_settings(subject);
            let before = settings;
            let given = set(&mut settings)?;
            if settings != before {
                change.put_settings(subject, settings)?;
            }
            Ok(given)
        })
    }

    /// Changes the mode of a subject, or of the whole registry (blocking).
    ///
    /// # Errors
    /// `NotPermitted` where schemas are to be imported beside others and `is_forced` does not say that this
    /// is meant, and those of [`SchemaRegistry::change_settings`].
    pub fn set_mode(&self, subject: Option<&str>, mode: Mode, is_forced: bool) -> RegistryResult<()> {
        let has_others = match subject {
            Some(subject) => self.latest(subject).is_some(),
            None => !self.subjects("", Deleted::Excluded).is_empty(),
        };
        if mode == Mode::Import && has_others && !is_forced {
            return Err(RegistryError::NotPermitted(
                "Cannot import since found existing subjects; force=true imports beside them".to_owned(),
            ));
        }
        self.change_settings(subject, |settings| {
            settings.mode = Some(mode);
            Ok(())
        })
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.snapshot.read().clone()
    }

    /// Makes a change durable, then visible. Nothing happens if it fails.
    fn change<T>(&self, make: impl FnOnce(&mut Change) -> RegistryResult<T>) -> RegistryResult<T> {
        let _one_at_a_time = self.inner.changing.lock();
        let mut change = Change::new(Snapshot::clone(&self.snapshot()));
        let result = make(&mut change)?;
        if !change.batch.is_empty() {
            self.inner.store.write(&change.batch, Durability::Synced)?;
            *self.inner.snapshot.write() = Arc::new(change.snapshot);
        }
        Ok(result)
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

fn remove(change: &mut Change, subject: &str, number: i32, deletion: Deletion) -> RegistryResult<()> {
    let Some(known) = change.snapshot.subject(subject) else { return Ok(()) };
    let Some(version) = known.versions.get(&number).copied() else { return Ok(()) };
    match deletion {
        Deletion::Soft => change.put_version(subject, number, SubjectVersion { is_deleted: true, ..version }),
        Deletion::Permanent => {
            change.remove_version(subject, number);
            Ok(())
        }
    }
}

fn check_writable(subject: &str, snapshot: &Snapshot) -> RegistryResult<()> {
    let is_overridden = snapshot.own_settings(WHOLE_REGISTRY).mode == Some(Mode::ReadOnlyOverride);
    match snapshot.settings(subject).mode {
        _ if is_overridden => {
            Err(RegistryError::NotPermitted("The registry is in read-only mode".to_owned()))
        }
        Some(Mode::ReadOnly | Mode::ReadOnlyOverride) => {
            Err(RegistryError::NotPermitted(format!("Subject {subject} is in read-only mode")))
        }
        Some(Mode::ReadWrite | Mode::Import) | None => Ok(()),
    }
}

/// A schema that others build on stays. Those that are deleted softly can still be read, with what they build
/// on: that may be deleted softly too, but not forgotten.
fn check_not_referenced(
    snapshot: &Snapshot,
    subject: &str,
    version: i32,
    deletion: Deletion,
) -> RegistryResult<()> {
    let mut referrers = snapshot.referrers(subject, version);
    if deletion == Deletion::Soft {
        referrers.retain(|id| snapshot.is_live(*id));
    }
    if referrers.is_empty() {
        return Ok(());
    }
    let referrers = referrers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(RegistryError::ReferenceExists { subject: subject.to_owned(), version, referrers })
}

fn visible_subject<'s>(
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

#[cfg(test)]
impl SchemaRegistry {
    /// An empty registry that keeps its schemas in memory.
    pub(crate) fn in_memory() -> SchemaRegistry {
        let store = Arc::new(tidemill_storage::state::memory::MemoryStateStore::new());
        SchemaRegistry::open(store).expect("an empty store is read")
    }
}
