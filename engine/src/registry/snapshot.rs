//! [`Snapshot`]: all the registry knows at one moment, in memory. [`Change`] makes the next one, together
//! with the write that makes it durable.
//!
//! The maps are persistent ones: a change copies the few nodes it touches, and readers keep theirs.

use std::borrow::Borrow;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use tidemill_storage::state::{StateStore, WriteBatch};

use crate::error::{Error, ErrorKind};
use crate::registry::definition::{RegisteredSchema, ResolvedSchema, SchemaDefinition, SchemaId};
use crate::registry::error::{RegistryError, RegistryResult};
use crate::registry::record;
use crate::registry::references::{self, Targets};
use crate::registry::settings::Settings;
use crate::registry::subject::{SUBJECTS_MAX, Subject, SubjectVersion};
use crate::state_keys;

/// Most bytes of all schemas together, because they are kept in memory. A large registry (ten thousand
/// schemas of ten kilobytes) has a hundred million.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// Under which name the settings of the whole registry are kept; no subject has it.
pub(super) const WHOLE_REGISTRY: &str = "";

/// A schema, ordered by its definition.
#[derive(Clone, PartialEq, Eq, Debug)]
struct ByDefinition(Arc<ResolvedSchema>);

impl Ord for ByDefinition {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.definition.cmp(&other.0.definition)
    }
}

impl PartialOrd for ByDefinition {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Borrow<SchemaDefinition> for ByDefinition {
    fn borrow(&self) -> &SchemaDefinition {
        &self.0.definition
    }
}

/// All the registry knows.
///
/// Invariant: every version's schema is in `schemas`; a schema without a version is not.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    schemas: RedBlackTreeMapSync<SchemaId, Arc<ResolvedSchema>>,
    /// The lowest number of each definition. More than one number has a definition only where schemas
    /// were brought here with numbers from elsewhere.
    ids: RedBlackTreeMapSync<ByDefinition, SchemaId>,
    subjects: RedBlackTreeMapSync<String, Arc<Subject>>,
    settings: RedBlackTreeMapSync<String, Settings>,
    next_id: i32,
    /// Bytes of the texts of all schemas, each with what it refers to.
    text_bytes: usize,
}

impl Snapshot {
    /// Reads what is stored.
    pub(super) fn read(store: &dyn StateStore) -> RegistryResult<Snapshot> {
        let mut snapshot = Snapshot {
            schemas: RedBlackTreeMapSync::new_sync(),
            ids: RedBlackTreeMapSync::new_sync(),
            subjects: RedBlackTreeMapSync::new_sync(),
            settings: RedBlackTreeMapSync::new_sync(),
            next_id: 1,
            text_bytes: 0,
        };
        let stored = store.snapshot();
        for entry in stored.scan(state_keys::schemas()) {
            let (key, value) = entry?;
            let id = SchemaId(state_keys::parse_schema(&key).ok_or_else(damaged)?);
            let definition = record::read_schema(&value)?;
            snapshot.insert_schema(id, ResolvedSchema { definition, imports: Vec::new() });
        }
        for entry in stored.scan(state_keys::subject_versions()) {
            let (key, value) = entry?;
            let (subject, version) = state_keys::parse_subject_version(&key).ok_or_else(damaged)?;
            snapshot.insert_version(&subject, version, record::read_version(&value)?);
        }
        for entry in stored.scan(state_keys::all_registry_settings()) {
            let (key, value) = entry?;
            let subject = state_keys::parse_registry_settings(&key).ok_or_else(damaged)?;
            snapshot.settings.insert_mut(subject, record::read_settings(&value)?);
        }
        if let Some(value) = stored.get(&state_keys::schema_sequence())? {
            snapshot.next_id = record::read_sequence(&value)?;
        }
        snapshot.resolve_references()?;
        Ok(snapshot)
    }

    /// Once all schemas are there, those that refer to others find them.
    fn resolve_references(&mut self) -> RegistryResult<()> {
        let referring: Vec<(SchemaId, Arc<ResolvedSchema>)> = self
            .schemas
            .iter()
            .filter(|(_, schema)| !schema.definition.references.is_empty())
            .map(|(id, schema)| (*id, schema.clone()))
            .collect();
        for (id, schema) in referring {
            let definition = schema.definition.clone();
            let imports = references::resolve(&definition.references, self, Targets::Stored)?;
            self.insert_schema(id, ResolvedSchema { definition, imports });
        }
        Ok(())
    }

    fn insert_schema(&mut self, id: SchemaId, schema: ResolvedSchema) -> Arc<ResolvedSchema> {
        let schema = Arc::new(schema);
        self.text_bytes -= self.schemas.get(&id).map_or(0, |before| text_bytes(before));
        self.text_bytes += text_bytes(&schema);
        self.schemas.insert_mut(id, schema.clone());
        let lowest = self.ids.get(&schema.definition).map_or(id, |known| id.min(*known));
        self.ids.insert_mut(ByDefinition(schema.clone()), lowest);
        schema
    }

    fn insert_version(&mut self, subject: &str, number: i32, version: SubjectVersion) {
        let mut changed = self.subjects.get(subject).map(|known| Subject::clone(known)).unwrap_or_default();
        changed.versions.insert(number, version);
        self.subjects.insert_mut(subject.to_owned(), Arc::new(changed));
    }

    /// A schema by its number.
    pub(super) fn schema(&self, id: SchemaId) -> Option<&Arc<ResolvedSchema>> {
        self.schemas.get(&id)
    }

    /// All schemas by number.
    pub(super) fn schemas(&self) -> impl Iterator<Item = (SchemaId, &Arc<ResolvedSchema>)> {
        self.schemas.iter().map(|(id, schema)| (*id, schema))
    }

    /// The number of a definition.
    pub(super) fn id_of(&self, definition: &SchemaDefinition) -> Option<SchemaId> {
        self.ids.get(definition).copied()
    }

    /// A subject, whether or not all its versions are deleted.
    pub(super) fn subject(&self, name: &str) -> Option<&Subject> {
        self.subjects.get(name).map(Arc::as_ref)
    }

    /// All subjects, by name.
    pub(super) fn subjects(&self) -> impl Iterator<Item = (&str, &Subject)> {
        self.subjects.iter().map(|(name, subject)| (name.as_str(), subject.as_ref()))
    }

    /// How many subjects there are.
    pub(super) fn subject_count(&self) -> usize {
        self.subjects.size()
    }

    /// What a version of a subject says.
    pub(super) fn definition_of(
        &self,
        subject: &str,
        version: i32,
        is_deleted_too: bool,
    ) -> Option<&SchemaDefinition> {
        let version = self.subject(subject)?.versions.get(&version)?;
        let visible = is_deleted_too || !version.is_deleted;
        self.schema(version.id).filter(|_| visible).map(|schema| &schema.definition)
    }

    /// A version with its schema.
    pub(super) fn registered(&self, subject: &str, version: i32, id: SchemaId) -> Option<RegisteredSchema> {
        let schema = self.schema(id)?.clone();
        Some(RegisteredSchema { subject: subject.to_owned(), version, id, schema })
    }

    /// The live versions of a subject, oldest first.
    pub(super) fn live_versions(
        &self,
        subject: &str,
    ) -> impl DoubleEndedIterator<Item = RegisteredSchema> + use<'_> {
        let name = subject.to_owned();
        let versions = self.subject(subject).into_iter().flat_map(Subject::live);
        versions.filter_map(move |(version, id)| self.registered(&name, version, id))
    }

    /// What is set for a subject itself, or for the whole registry.
    pub(super) fn own_settings(&self, subject: &str) -> Settings {
        self.settings.get(subject).copied().unwrap_or_default()
    }

    /// What holds for a subject.
    pub(super) fn settings(&self, subject: &str) -> Settings {
        self.own_settings(subject).over(self.own_settings(WHOLE_REGISTRY))
    }

    /// Numbers of the schemas that refer to a version.
    pub(super) fn referrers(&self, subject: &str, version: i32) -> Vec<SchemaId> {
        let refers = |schema: &ResolvedSchema| {
            let references = schema.definition.references.iter();
            references.into_iter().any(|to| to.subject == subject && to.version == version)
        };
        self.schemas().filter(|(_, schema)| refers(schema)).map(|(id, _)| id).collect()
    }

    /// Whether a version that is not deleted has this schema.
    pub(super) fn is_live(&self, id: SchemaId) -> bool {
        self.subjects.values().any(|subject| subject.live().any(|(_, live)| live == id))
    }

    /// Whether a version has this schema.
    fn is_used(&self, id: SchemaId) -> bool {
        self.subjects.values().any(|subject| subject.versions.values().any(|version| version.id == id))
    }
}

/// The next snapshot in the making, with what has to be written for it.
pub(super) struct Change {
    pub(super) snapshot: Snapshot,
    pub(super) batch: WriteBatch,
}

impl Change {
    pub(super) fn new(snapshot: Snapshot) -> Change {
        Change { snapshot, batch: WriteBatch::default() }
    }

    /// A number no schema ever had.
    pub(super) fn take_id(&mut self) -> RegistryResult<SchemaId> {
        let id = SchemaId(self.snapshot.next_id);
        self.reserve_ids(id)?;
        Ok(id)
    }

    /// Keeps all numbers up to one from being taken.
    fn reserve_ids(&mut self, last: SchemaId) -> RegistryResult<()> {
        if last.0 >= self.snapshot.next_id {
            self.snapshot.next_id = last
                .0
                .checked_add(1)
                .ok_or_else(|| RegistryError::LimitExceeded("no numbers are left for schemas".to_owned()))?;
            self.batch.put(state_keys::schema_sequence(), record::write_sequence(self.snapshot.next_id)?);
        }
        Ok(())
    }

    pub(super) fn put_schema(
        &mut self,
        id: SchemaId,
        schema: ResolvedSchema,
    ) -> RegistryResult<Arc<ResolvedSchema>> {
        if self.snapshot.text_bytes + text_bytes(&schema) > TEXT_BYTES_MAX {
            return Err(RegistryError::LimitExceeded(format!(
                "all schemas with what they refer to may have {TEXT_BYTES_MAX} bytes: delete some for good"
            )));
        }
        self.reserve_ids(id)?;
        self.batch.put(state_keys::schema(id.0), record::write_schema(&schema.definition)?);
        Ok(self.snapshot.insert_schema(id, schema))
    }

    pub(super) fn put_version(
        &mut self,
        subject: &str,
        number: i32,
        version: SubjectVersion,
    ) -> RegistryResult<()> {
        self.batch.put(state_keys::subject_version(subject, number), record::write_version(version)?);
        self.snapshot.insert_version(subject, number, version);
        Ok(())
    }

    /// Forgets a version, and its schema when no other version has it.
    pub(super) fn remove_version(&mut self, subject: &str, number: i32) {
        let Some(known) = self.snapshot.subject(subject) else { return };
        let mut changed = known.clone();
        let Some(version) = changed.versions.remove(&number) else { return };
        self.batch.delete(state_keys::subject_version(subject, number));
        if changed.versions.is_empty() {
            self.snapshot.subjects.remove_mut(subject);
        } else {
            self.snapshot.subjects.insert_mut(subject.to_owned(), Arc::new(changed));
        }
        if !self.snapshot.is_used(version.id) {
            self.remove_schema(version.id);
        }
    }

    fn remove_schema(&mut self, id: SchemaId) {
        let Some(schema) = self.snapshot.schemas.get(&id).cloned() else { return };
        self.snapshot.text_bytes -= text_bytes(&schema);
        self.batch.delete(state_keys::schema(id.0));
        self.snapshot.schemas.remove_mut(&id);
        self.snapshot.ids.remove_mut(&schema.definition);
        let other = self.snapshot.schemas().find(|(_, other)| other.definition == schema.definition);
        if let Some((other, schema)) = other.map(|(id, schema)| (id, schema.clone())) {
            self.snapshot.ids.insert_mut(ByDefinition(schema), other);
        }
    }

    pub(super) fn put_settings(&mut self, subject: &str, settings: Settings) -> RegistryResult<()> {
        let key = state_keys::registry_settings(subject);
        if settings.is_empty() {
            self.batch.delete(key);
            self.snapshot.settings.remove_mut(subject);
        } else {
            let known = &self.snapshot.settings;
            if known.size() >= SUBJECTS_MAX && !known.contains_key(subject) {
                return Err(RegistryError::LimitExceeded(format!(
                    "something is set for {SUBJECTS_MAX} subjects already: delete what is set for some"
                )));
            }
            self.batch.put(key, record::write_settings(settings)?);
            self.snapshot.settings.insert_mut(subject.to_owned(), settings);
        }
        Ok(())
    }
}

fn text_bytes(schema: &ResolvedSchema) -> usize {
    schema.definition.text.len() + schema.imports.iter().map(|(_, text)| text.len()).sum::<usize>()
}

fn damaged() -> RegistryError {
    Error::new(ErrorKind::Corrupt, "a key of the schema registry is damaged").into()
}
